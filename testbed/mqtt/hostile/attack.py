"""One hostile conversation, and the proof that the broker goes on serving everybody else."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from testbed.findings import Inconclusive, Violation
from testbed.mqtt.broker import Broker
from testbed.mqtt.hostile.moves import Hello, Move, Send, kind
from testbed.mqtt.packets import Connack, Publish
from testbed.mqtt.scripted_client import Client
from testbed.trial import Trial

#: Statement that is broken by who dies or falls silent of what should close one connection, by edition.
CLOSES = {"mqtt-3.1.1": "MQTT-4.8.0-1", "mqtt-5.0": "MQTT-4.13.1-1"}
#: Statement that a message accepted is delivered; statement that a proper CONNECT is accepted.
DELIVERS = {"mqtt-3.1.1": "MQTT-4.5.0-1", "mqtt-5.0": "MQTT-4.5.0-1"}
ACCEPTS = {"mqtt-3.1.1": "MQTT-3.1.4-4", "mqtt-5.0": "MQTT-3.1.4-5"}


class Harm(Violation):
    """The broker does not serve others any more."""

    def __init__(self, requirement: str, kind: str, expected: str, came: str) -> None:
        super().__init__(expected, came, requirements=(requirement,))
        self.requirement, self.kind = requirement, kind

    @property
    def signature(self) -> tuple[str, str]:
        return self.requirement, self.kind


class Neighbours:
    """Two clients that were there before, and have done no wrong."""

    def __init__(self, trial: Trial) -> None:
        self._broker = Broker(trial)
        self._trial = trial
        self._number = 0
        self._publisher: Client | None = None
        self._subscriber: Client | None = None

    async def settle_in(self) -> None:
        """Connect; Inconclusive when that is not accepted."""
        self._subscriber = await self._broker.subscriber(self._broker.topic("neighbours"))
        self._publisher = await self._broker.connected()
        await self.talk("before anything was done")

    async def talk(self, when: str) -> None:
        """One publishes, the other receives; Harm when not."""
        assert self._publisher is not None and self._subscriber is not None
        self._number += 1
        payload = b"%d" % self._number
        await self._publisher.send(Publish(self._broker.topic("neighbours"), payload))
        came = await self._subscriber.maybe(Publish, lambda one: one.payload == payload)
        self._subscriber.received.clear()
        self._publisher.received.clear()
        if came is None:
            gone = [one for one in (self._publisher, self._subscriber) if one.ended_at is not None]
            what = "the neighbours' connections closed" if gone else "nothing"
            raise self._harm(DELIVERS, "neighbours are not served", f"a message between neighbours, {when}", what)

    async def newcomer(self) -> None:
        """A new client connects; Harm when it is not accepted."""
        try:
            client = await self._broker.linked()
        except Inconclusive as refusal:
            raise self._harm(CLOSES, "the broker dies", "a broker that goes on serving", refusal.reason) from None
        await client.send(self._broker.connect())
        connack = await client.maybe(Connack)
        if connack is None or connack.code:
            raise self._harm(ACCEPTS, "newcomers are not served", "CONNACK with code 0", client.what_came())
        client.drop()

    def _harm(self, statement: dict[str, str], kind: str, expected: str, came: str) -> Harm:
        edition = self._trial.edition
        return Harm(f"{edition}:{statement[edition]}", kind, expected, came)


async def attack(trial: Trial, moves: Sequence[Move], pause: float) -> None:
    """Make the moves, and give the broker at most `pause` seconds to react. The attacker it may treat as it likes."""
    broker = Broker(trial)
    links: dict[int, Client] = {}
    for move in moves:
        client = links.get(move.link)
        if client is None:
            client = links[move.link] = await broker.linked()
        if isinstance(move, Hello):
            await client.send(broker.connect())
            await client.maybe(Connack, within=min(1.0, trial.patience))
        else:
            await client.send(move.data)
    waits = [client.until(lambda c=client: c.ended_at, within=pause) for client in links.values()]
    await asyncio.gather(*waits)


async def survived(neighbours: Neighbours, moves: Sequence[Move]) -> None:
    """Harm, named by what it was done with, when anybody else is not served any more."""
    try:
        await neighbours.newcomer()
        await neighbours.talk("after the attack")
    except Harm as harm:
        raise named(harm, moves) from None
    except Inconclusive as doubt:
        raise Inconclusive(f"after the attack: {doubt.reason}") from None


def named(harm: Harm, moves: Sequence[Move]) -> Harm:
    """The harm with the kind of the last packet in its name: it tells one way to die from another."""
    sent = [move for move in moves if isinstance(move, Send)]
    by = kind(sent[-1].data) if sent else "nothing"
    return Harm(harm.requirement, f"{harm.kind} after {by}", harm.expected, harm.came)
