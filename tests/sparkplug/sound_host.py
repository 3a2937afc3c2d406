"""A sound host application as a program: `python -m tests.sparkplug.sound_host HOST PORT ID 3|5`.

It waits half a second for messages out of order and then asks for a rebirth; when the metric `Trigger` of a node or a
device changes, it writes the same number to `Target`.
"""

from __future__ import annotations

import asyncio
import signal
import sys

from testbed.mqtt.packets import Connect, Packet, Publish, Version, Will
from testbed.sparkplug import codec
from testbed.sparkplug import state as states
from testbed.sparkplug.payload import Metric, Payload, Value
from testbed.sparkplug.state import State
from testbed.sparkplug.topics import Topic, read, state_topic
from tests.sparkplug.sound_client import Link, expiring, for_ever, leaving, now, open_link

REORDER = 0.5


class Host:
    """The host application, over all its connections."""

    def __init__(self, host: str, port: int, name: str, version: Version) -> None:
        self.server, self.version, self.name = (host, port), version, name
        self.topic = state_topic(name)
        self.link: Link | None = None
        self.since = 0
        self.expected: dict[str, int] = {}
        self.early: dict[str, set[int]] = {}
        self.timers: dict[str, asyncio.TimerHandle] = {}
        self.born: dict[str, tuple[Metric, ...]] = {}

    def say(self, packet: Packet) -> None:
        assert self.link is not None
        self.link.send(packet)

    def is_online(self, online: bool, timestamp: int) -> None:
        self.say(Publish(self.topic, State(online, timestamp).encoded(), 1, True, packet_id=now() % 60_000 + 1))

    async def session(self) -> None:
        self.since = now()
        will = Will(self.topic, State(False, self.since).encoded(), 1, True)
        connect = Connect(self.name, will=will, properties=expiring(self.version))
        self.link = await open_link(*self.server, connect, [self.topic, "spBv1.0/#"], self.version)
        if self.link is None:
            return
        self.is_online(True, self.since)
        while (packet := await self.link.packet()) is not None:
            if not isinstance(packet, Publish):
                continue
            if packet.topic == self.topic:
                found = states.read(packet.payload)
                if isinstance(found, State) and not found.online:
                    self.is_online(True, self.since)
            topic, payload = read(packet.topic), codec.decode(packet.payload)
            if topic is not None and isinstance(payload, Payload):
                self.node_says(topic, payload)

    async def leave(self) -> None:
        if self.link is not None:
            self.is_online(False, now())
            self.say(leaving(self.version))
            await self.link.close()

    def node_says(self, topic: Topic, payload: Payload) -> None:
        node = topic.node
        if topic.type in ("NBIRTH", "DBIRTH"):
            self.born[str(topic.of("BIRTH", topic.device))] = payload.metrics
        if payload.seq is not None:
            if topic.type == "NBIRTH":
                self.expected[node], self.early[node] = 0, set()
            self.early.setdefault(node, set()).add(payload.seq)
            while (due := self.expected.get(node, 0)) in self.early[node]:
                self.early[node].discard(due)
                self.expected[node] = (due + 1) % 256
            if not self.early[node] and node in self.timers:
                self.timers.pop(node).cancel()
            elif self.early[node] and node not in self.timers:
                loop = asyncio.get_running_loop()
                self.timers[node] = loop.call_later(REORDER, self.ask_rebirth, topic)
        for metric in payload.metrics if topic.type in ("NDATA", "DDATA") else ():
            self.control(topic, metric)

    def ask_rebirth(self, topic: Topic) -> None:
        self.timers.pop(topic.node, None)
        metric = Metric("Node Control/Rebirth", None, now(), value=Value("boolean", True))
        self.command(topic.of("NCMD"), metric)

    def control(self, topic: Topic, metric: Metric) -> None:
        known = self.born.get(str(topic.of("BIRTH", topic.device)), ())
        trigger = next((one for one in known if one.name == "Trigger"), None)
        target = next((one for one in known if one.name == "Target"), None)
        if trigger is None or target is None or (metric.name, metric.alias) not in _names(trigger):
            return
        name = None if target.alias is not None else target.name
        written = Metric(name, target.alias, now(), value=metric.value)
        self.command(topic.of("DCMD" if topic.device else "NCMD", topic.device), written)

    def command(self, topic: Topic, metric: Metric) -> None:
        self.say(Publish(str(topic), codec.encode(Payload(now(), (metric,)))))


def _names(metric: Metric) -> tuple[tuple[object, object], ...]:
    return ((metric.name, None),) if metric.alias is None else ((None, metric.alias),)


async def main(host: str, port: str, name: str, version: str) -> None:
    application = Host(host, int(port), name, Version.V5 if version == "5" else Version.V311)
    sessions = asyncio.ensure_future(for_ever(application.session))
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    sessions.cancel()
    await application.leave()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:5]))
