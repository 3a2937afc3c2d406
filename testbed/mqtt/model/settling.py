"""Holding everything that comes against the model: what is owed, what must not come, and when all is settled.

The player waits until nothing is owed any more, then makes a round trip of PINGREQ on every connection; so nothing is
waited for that the model does not demand, and what comes later than it should is still seen when it comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from testbed.findings import Inconclusive
from testbed.mqtt.broker import Broker
from testbed.mqtt.codec import describe
from testbed.mqtt.model import deliveries, owing, rules, topics
from testbed.mqtt.model.blame import Foul, foul
from testbed.mqtt.model.line import Line
from testbed.mqtt.model.world import Features, World
from testbed.mqtt.packets import Disconnect as DisconnectPacket
from testbed.mqtt.packets import Pingreq, Pingresp, Pubrel, Suback, Subscription
from testbed.mqtt.packets import Publish as PublishPacket
from testbed.mqtt.packets import Subscribe as SubscribePacket
from testbed.trial import Trial

#: Reasons for which a 5.0 broker may close a connection whatever its client does (section 3.14.2.1).
_OF_ITS_OWN = {0x80, 0x83, 0x87, 0x89, 0x8B, 0x93, 0x96, 0x97, 0x98, 0x9C, 0x9D, 0xA0}


class Settling:
    """The connections of one conversation and the world that the model makes of them. Fouls whose signature is in
    `tolerated` are passed over, the first other one is raised."""

    def __init__(
        self, trial: Trial, features: Features, *, patience: float = 0.0, tolerated: Iterable[tuple[str, str]] = ()
    ) -> None:
        self.trial = trial
        self.broker = Broker(trial)
        self.world = World(features)
        #: Signatures of the fouls that were passed over.
        self.overlooked: set[tuple[str, str]] = set()
        self._patience = patience or trial.patience
        self._tolerated = set(tolerated)
        self._lines: dict[str, Line] = {}
        self._watcher: Line | None = None
        self._watched: set[str] = set()
        self._expected_wills: list[bytes] = []
        self._breaches = len(trial.breaches)

    def _foul(self, one: Foul) -> None:
        if one.signature not in self._tolerated:
            raise one
        self.overlooked.add(one.signature)

    def _broken(self, kind: str, expected: str, came: str) -> Foul:
        return foul(self.world.features.edition, kind, expected, came)

    def _unanswered(self, line: Line, kind: str, expected: str) -> Foul:
        self._closed_of_its_own(line)
        if line.ended_at is not None:
            number = foul(self.world.features.edition, kind, "", "").requirement
            expected = f"{expected} to a proper packet, on a connection on which every packet was proper"
            return Foul(number, "a connection is closed for nothing", expected, line.what_came())
        return self._broken(kind, f"{expected} to a proper packet", line.what_came())

    def _closed_of_its_own(self, line: Line, code: int = 0) -> None:
        """Inconclusive when the broker said that it leaves for a reason that is not the client's doing."""
        said = line.take(DisconnectPacket)
        code = said.code if said else code
        if self.world.v5 and code in _OF_ITS_OWN:
            raise Inconclusive(f"the broker left by itself: 0x{code:02X}", cause="closed by the broker")
        if said is not None:
            line.inbox.append(said)

    # -- the watcher of wills

    async def _watch(self, topic: str) -> None:
        """See to it that wills on `topic` are seen, whoever subscribes."""
        if self._watcher is None:
            watcher = Line(self.trial, self.broker.version)
            await watcher.open()
            await watcher.connect(self.broker.connect(self.broker.client_id("watcher")))
            self._watcher = watcher
        if topic in self._watched:
            return
        self._watched.add(topic)
        watcher = self._watcher
        packet = SubscribePacket(watcher.next_id(), (Subscription(topics.below(self.trial.scope, topic), 0),))
        await watcher.send(packet)
        if await watcher.maybe(Suback, lambda p: p.packet_id == packet.packet_id, within=self._patience) is None:
            raise self._unanswered(watcher, "SUBSCRIBE is not answered", f"SUBACK {packet.packet_id}")

    # -- settling

    async def _settle(self) -> None:
        """Wait until nothing is owed; Foul when it is not by the end of the patience."""
        for _ in range(3):
            await self._paid()
            await self._ping([client.who for client in self.world.connected()])
            self._drain()
            if not owing.debts(self.world):
                break
        for message in self.world.messages:
            message.tidy()
        for breach in self.trial.breaches[self._breaches :]:
            self._breaches += 1
            if breach.requirement in {requirement for requirement, _ in self.overlooked}:
                continue  # the same, seen twice
            self._foul(Foul(breach.requirement, f"rule {breach.expected}", breach.expected, breach.came))

    async def _paid(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience
        while True:
            self._drain()
            debts, wills = owing.debts(self.world), self._missing_wills()
            if not debts and not wills:
                return
            left = deadline - loop.time()
            if left <= 0 or any(self._lines[one.who].ended_at is not None for one in self.world.connected()):
                break
            await self._change(left)
        for payload in wills:
            self._expected_wills.remove(payload)
            name = payload.decode()
            rules.fails(self.world, payload)
            self._foul(self._broken("a will is not published", f"the {name!r} at a subscriber", "nothing"))
        # What was owed of a will that was not published has been told with it.
        for debt in owing.debts(self.world) if wills else debts:
            line = self._lines[debt.who]
            if line.ended_at is not None:
                raise self._unanswered(line, "PINGREQ is not answered", "PINGRESP")
            self._foul(debt.foul(self.world, f"nothing of it within {self._patience:g} s; {line.what_came()}"))
            owing.waive(self.world, debt)

    def _missing_wills(self) -> list[bytes]:
        if self._watcher is None:
            return []
        for event in self._watcher.events:
            payload = event.packet.payload if isinstance(event.packet, PublishPacket) else b""
            if payload in self._expected_wills:
                self._expected_wills.remove(payload)
            elif payload in self.world.barred:
                kind = self.world.barred[payload]
                self._foul(self._broken(kind, "no such will", describe(event.packet)))
        self._watcher.events.clear()
        return list(self._expected_wills)

    async def _change(self, seconds: float) -> None:
        """Wait until something comes on any connection."""
        lines = [line for line in (*self._lines.values(), self._watcher) if line is not None]
        tasks = [asyncio.ensure_future(line.changed()) for line in lines]
        try:
            await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _ping(self, names: Sequence[str]) -> None:
        async def one(line: Line) -> None:
            line.say(Pingreq())
            if await line.maybe(Pingresp, within=max(self._patience, 1.0)) is None:
                raise self._unanswered(line, "PINGREQ is not answered", "PINGRESP")

        results = await asyncio.gather(*(one(self._lines[name]) for name in names), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    def _drain(self, *only: str) -> None:
        """Take in everything that came (to some of the clients alone)."""
        for who in only or tuple(self._lines):
            line = self._lines[who]
            client = self.world.clients[who]
            events, line.events = line.events, []
            for event in events:
                if isinstance(event.packet, Pubrel):
                    owing.pubrel(self.world, who, client.epoch, event.packet.packet_id, answered=event.answered)
                    continue
                topic = event.topic.removeprefix(self.trial.scope).removeprefix("/")
                if not _mine(event.topic, self.trial.scope):
                    continue
                delivery = deliveries.Delivery(who, client.epoch, event.packet, topic, event.at, event.answered)
                for one in deliveries.arrives(self.world, delivery):
                    self._foul(one)


def _mine(topic: str, scope: str) -> bool:
    return topic == scope or topic.startswith(f"{scope}/")
