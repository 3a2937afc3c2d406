"""An honest client and an honest server talk, with packets on their way both ways: no rule may say a word.

Whoever records stands at one end, so what it writes down is not the order in which the other end saw it. Each
conversation is judged as both ends would: the client by what the server's end recorded, and the other way round.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from random import Random

import pytest
from turns import BOTH, V5, Said, breached

from testbed.mqtt.packets import (
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
)
from testbed.mqtt.properties import Property as P
from testbed.mqtt.properties import get, props

#: What either end takes in 5.0.
LIMITS = {P.RECEIVE_MAXIMUM: 2, P.TOPIC_ALIAS_MAXIMUM: 2, P.MAXIMUM_PACKET_SIZE: 60}
#: What the server takes besides.
SERVER_LIMITS = {**LIMITS, P.MAXIMUM_QOS: 1, P.RETAIN_AVAILABLE: 0}


class End:
    """One end: what it has sent and not yet had acknowledged, and what it owes."""

    def __init__(self, v5: bool) -> None:
        self.v5 = v5
        self.inbox: deque[Packet] = deque()
        #: Identifiers in use, and how many of them are of PUBLISHes.
        self.used: dict[int, type] = {}
        #: Answers not sent yet, each kind in its order.
        self.owed: list[Packet] = []
        self.known: dict[int, int] = {}
        self.aliases: dict[int, str] = {}
        self.connected = False
        self.serial = 0

    def limit(self, name: P, otherwise: int) -> int:
        return self.known.get(name, otherwise)

    def fresh(self, kind: type) -> int:
        number = next(n for n in range(1, 1000) if n not in self.used)
        self.used[number] = kind
        return number

    def publish(self, wish: int) -> Packet | None:
        """A PUBLISH within what it knows of the other end; None when it must wait."""
        open_ones = sum(kind is Publish for kind in self.used.values())
        qos = min(wish % 3, self.limit(P.MAXIMUM_QOS, 2))
        if qos and open_ones >= self.limit(P.RECEIVE_MAXIMUM, 1000):
            return None
        self.serial += 1
        retain = wish % 5 == 0 and self.limit(P.RETAIN_AVAILABLE, 1) == 1
        topic, properties = "t/" + "ab"[wish % 2], ()
        alias = 1 + wish % 2
        if self.v5 and wish % 4 == 1 and alias <= self.limit(P.TOPIC_ALIAS_MAXIMUM, 0):
            properties = props({P.TOPIC_ALIAS: alias})
            if self.aliases.get(alias) == topic:
                topic = ""
            else:
                self.aliases[alias] = topic
        payload = bytes(min(wish, 20)) + b"%d" % (self.serial if wish % 2 else 0)
        return Publish(topic, payload, qos, retain, False, self.fresh(Publish) if qos else None, properties)

    def take(self, packet: Packet) -> None:
        """Note what came, and what is owed for it."""
        if isinstance(packet, Publish) and packet.qos:
            assert packet.packet_id
            self.owed.append(Puback(packet.packet_id) if packet.qos == 1 else Pubrec(packet.packet_id))
        elif isinstance(packet, Pubrec):
            self.owed.append(Pubrel(packet.packet_id))
        elif isinstance(packet, Pubrel):
            self.owed.append(Pubcomp(packet.packet_id))
        elif isinstance(packet, (Puback, Pubcomp, Suback, Unsuback)):
            del self.used[packet.packet_id]
        elif isinstance(packet, Subscribe):
            self.owed.append(Suback(packet.packet_id, tuple(one.qos for one in packet.subscriptions)))
        elif isinstance(packet, Unsubscribe):
            self.owed.append(Unsuback(packet.packet_id, (0,) * len(packet.filters) if self.v5 else ()))
        elif isinstance(packet, Pingreq):
            self.owed.append(Pingresp())
        elif isinstance(packet, (Connack, Connect)):
            self.connected = True
            self.known = {P(name): int(get(packet.properties, name)) for name, _ in packet.properties}

    def answer(self, wish: int) -> Packet | None:
        """One owed answer: any kind first, and of a kind the oldest."""
        kinds = list({packet.type: packet for packet in reversed(self.owed)}.values())
        if not kinds:
            return None
        chosen = kinds[wish % len(kinds)]
        self.owed.remove(chosen)
        return chosen


class Wire:
    """Both ends, and what would be recorded at each."""

    def __init__(self, edition: str) -> None:
        v5 = edition == V5
        self.client, self.server = End(v5), End(v5)
        self.at_client: list[Said] = []
        self.at_server: list[Said] = []

    def client_says(self, packet: Packet | None) -> None:
        if packet is not None:
            self.at_client.append(Said(False, packet))
            self.server.inbox.append(packet)

    def server_says(self, packet: Packet | None) -> None:
        if packet is not None:
            self.at_server.append(Said(True, packet))
            self.client.inbox.append(packet)

    def client_reads(self) -> None:
        if self.client.inbox:
            packet = self.client.inbox.popleft()
            self.at_client.append(Said(True, packet))
            self.client.take(packet)

    def server_reads(self) -> None:
        if self.server.inbox:
            packet = self.server.inbox.popleft()
            self.at_server.append(Said(False, packet))
            self.server.take(packet)
            if isinstance(packet, Connect):
                self.server_says(Connack(properties=props(SERVER_LIMITS) if self.server.v5 else ()))


def _subscribe(wire: Wire, wish: int) -> None:
    filters = tuple(Subscription(one, 2) for one in ("t/#", "t/+")[: 1 + wish % 2])
    wire.client_says(Subscribe(wire.client.fresh(Subscribe), filters))


def _unsubscribe(wire: Wire, wish: int) -> None:
    wire.client_says(Unsubscribe(wire.client.fresh(Unsubscribe), ("other",)))


def _server_publishes(wire: Wire, wish: int) -> None:
    if wire.server.connected:
        wire.server_says(wire.server.publish(wish))


#: Step -> how often it is taken beside the others.
STEPS: dict[Callable[[Wire, int], None], int] = {
    lambda wire, wish: wire.client_reads(): 8,
    lambda wire, wish: wire.server_reads(): 8,
    lambda wire, wish: wire.client_says(wire.client.answer(wish)): 5,
    lambda wire, wish: wire.server_says(wire.server.answer(wish)): 5,
    lambda wire, wish: wire.client_says(wire.client.publish(wish)): 4,
    _server_publishes: 4,
    _subscribe: 1,
    _unsubscribe: 1,
    lambda wire, wish: wire.client_says(Pingreq()): 1,
}


@pytest.mark.parametrize("edition", BOTH)
@pytest.mark.parametrize("seed", range(60))
def test_no_rule_speaks_of_honest_ends(edition: str, seed: int) -> None:
    chance = Random(seed)
    wire = Wire(edition)
    wire.client_says(Connect("id", properties=props(LIMITS) if edition == V5 else ()))
    for step in chance.choices(tuple(STEPS), tuple(STEPS.values()), k=400):
        step(wire, chance.randrange(60))
    wire.client_says(Disconnect())
    while wire.server.inbox:
        wire.server_reads()
    while wire.client.inbox:
        wire.client_reads()
    assert breached(edition, wire.at_server, judged="client") == set()
    assert breached(edition, wire.at_client, judged="server") == set()
