"""The tester as the MQTT server of one Sparkplug client: it does what MQTT demands by itself, so that cases speak
Sparkplug only."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from testbed.findings import Inconclusive
from testbed.mqtt.answers import answer
from testbed.mqtt.codec import encode
from testbed.mqtt.conversation import Conversation
from testbed.mqtt.matching import matches
from testbed.mqtt.packets import (
    Connack,
    Connect,
    Disconnect,
    Packet,
    Publish,
    Suback,
    Subscribe,
    Unsubscribe,
    Version,
)
from testbed.mqtt.wire import Text
from testbed.sparkplug import codec
from testbed.sparkplug.describing import line
from testbed.sparkplug.payload import Payload
from testbed.sparkplug.rules.connecting import version_of
from testbed.sparkplug.topics import Topic, read
from testbed.trial import Trial

#: Messages that a session keeps; a client that says more is no longer listened to.
MOST_MESSAGES = 20_000


@dataclass(frozen=True, slots=True)
class Message:
    """A message of the client, with its place in the order of all."""

    topic: Topic
    payload: Payload
    packet: Publish
    #: When it came, in seconds of the event loop's clock.
    at: float
    index: int


@dataclass(slots=True)
class Server:
    """What outlives a connection: the retained messages, by topic."""

    retained: dict[str, bytes] = field(default_factory=dict)
    #: Whether CONNECT is accepted at once; else by `Session.accept`.
    accepts: bool = True


class Session(Conversation):
    """One connection of the client. Everything it sends is taken, answered as MQTT demands, and kept in order."""

    def __init__(self, trial: Trial, server: Server) -> None:
        super().__init__(trial, Version.V311)
        self._server = server
        self.connect: Connect | None = None
        #: The filters it has, and the QoS granted.
        self.filters: dict[Text, int] = {}
        #: Every PUBLISH of the client, and those that are Sparkplug messages of a node.
        self.publishes: list[Publish] = []
        self.messages: list[Message] = []
        #: The SUBSCRIBE packets and PUBLISH packets in the order in which they came.
        self.order: list[Subscribe | Publish] = []
        self.disconnect: Disconnect | None = None
        #: When the tester last said something, in seconds of the event loop's clock.
        self.told_at = 0.0
        self._seen = 0
        self._last_id = 0

    # -- what comes

    def _take(self, now: float, packet: Packet) -> None:
        super()._take(now, packet)
        if isinstance(packet, Connect) and self.connect is None:
            self.connect = packet
            self.version = version_of(packet)
            if self._server.accepts:
                self.accept()
        elif self.connect is None:
            return
        else:
            self._served(now, packet)

    def _served(self, now: float, packet: Packet) -> None:
        said = answer(packet, self.version)
        if isinstance(packet, Publish):
            if len(self.publishes) >= MOST_MESSAGES:
                return
            self._published(now, packet)
        elif isinstance(packet, Unsubscribe):
            for one in packet.filters:
                self.filters.pop(one, None)
        elif isinstance(packet, Disconnect):
            self.disconnect = packet
        if said is not None:
            self._answer(said)
        if isinstance(packet, Subscribe) and isinstance(said, Suback):
            self._subscribed(packet, said)

    def _answer(self, packet: Packet) -> None:
        if self._stream is not None:
            self._stream.send(encode(packet, self.version))

    def _subscribed(self, packet: Subscribe, suback: Suback) -> None:
        self.order.append(packet)
        for one, code in zip(packet.subscriptions, suback.codes, strict=True):
            self.filters[one.filter] = code
        for topic, payload in self._server.retained.items():
            if any(matches(one.filter, topic) for one in packet.subscriptions):
                self._deliver(topic, payload, 1, retain=True)

    def _published(self, now: float, packet: Publish) -> None:
        self.publishes.append(packet)
        self.order.append(packet)
        topic = read(packet.topic)
        payload = codec.decode(packet.payload)
        if topic is not None and isinstance(payload, Payload):
            self.messages.append(Message(topic, payload, packet, now, len(self.messages)))

    # -- what goes

    def accept(self) -> None:
        """Send a CONNACK that accepts."""
        self._answer(Connack())

    def hears(self, topic: str) -> bool:
        """Whether the client has subscribed to `topic`."""
        return any(matches(one, topic) for one in self.filters)

    def granted(self, topic: str) -> int:
        """The highest QoS at which the client has subscribed to `topic`; -1 when it has not."""
        return max((qos for one, qos in self.filters.items() if matches(one, topic)), default=-1)

    def _deliver(self, topic: str, payload: bytes, qos: int, *, retain: bool = False) -> None:
        best = min(qos, self.granted(topic))
        number = None
        if best > 0:
            self._last_id = self._last_id % 65_535 + 1
            number = self._last_id
        self._answer(Publish(topic, payload, max(best, 0), retain, packet_id=number))

    async def tell(self, topic: Topic | str, payload: Payload | bytes, qos: int = 0) -> None:
        """Deliver a message. Inconclusive when the client has not subscribed to its topic."""
        if await self.until(lambda: self.hears(str(topic)) or None) is None:
            raise Inconclusive(
                f"the device has not subscribed to {topic}", cause=f"no subscription to {_kind(topic)}"
            )
        data = payload if isinstance(payload, bytes) else codec.encode(payload)
        self._deliver(str(topic), data, qos)
        self.told_at = asyncio.get_running_loop().time()

    # -- what is waited for

    async def message(
        self, *types: str, device: str | None = None, after: int = -1, within: float | None = None
    ) -> Message | None:
        """The first message of `types` (and of `device`) that came after message number `after`; None in vain."""

        def probe() -> Message | None:
            for one in self.messages[after + 1 :]:
                if one.topic.type in types and device in (None, one.topic.device):
                    return one
            return None

        return await self.until(probe, within)

    @property
    def last(self) -> int:
        """The number of the last message that came; -1 for none."""
        return len(self.messages) - 1

    async def met(self, probe: Callable[[], bool], within: float | None = None) -> bool:
        """Whether `probe` becomes true in time."""
        return await self.until(lambda: True if probe() else None, within) is True

    def what_came(self) -> str:
        """The last things the client said, and what became of the connection, in words."""
        said = [line(packet) for packet in self.order[-3:]]
        if self.ended_at is not None:
            said.append(f"the connection was {self.ended_how} by the device")
        return ", then ".join(said) if said else "nothing, connection open"


def now_ms() -> int:
    """Milliseconds since 1970, UTC."""
    return int(time.time() * 1000)


def _kind(topic: Topic | str) -> str:
    return topic.type if isinstance(topic, Topic) else "STATE"
