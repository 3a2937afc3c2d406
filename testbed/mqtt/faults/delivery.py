"""Faults in deliveries: QoS, DUP, identifiers, duplicates and losses of what the broker publishes."""

from __future__ import annotations

from typing import Any

from testbed.mqtt.faults.changes import alter
from testbed.mqtt.faults.tap import Out, PacketTap, Plan, answers
from testbed.mqtt.matching import matches
from testbed.mqtt.packets import (
    Packet,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    Unsubscribe,
)

# -- QoS


class _Downgraded(PacketTap):
    """Delivers at QoS 0 what is due at another."""

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and packet.qos and not packet.retain:
            self.damage()
            self.absorb(packet)
            return [alter(packet, qos=0, packet_id=None, dup=False)]
        return [packet]


class _Upgraded(PacketTap):
    """Delivers at the QoS of publication, and says in SUBACK that it grants what was asked."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.asked: dict[int, tuple[int, ...]] = {}

    def ask(self, packet: Packet) -> Out:
        if not isinstance(packet, Subscribe) or all(one.qos >= 2 or one.options for one in packet.subscriptions):
            return [packet]
        self.damage()
        self.asked[packet.packet_id] = tuple(one.qos for one in packet.subscriptions)
        return [alter(packet, subscriptions=tuple(alter(one, qos=2) for one in packet.subscriptions))]

    def answer(self, packet: Packet) -> Out:
        if not isinstance(packet, Suback) or packet.packet_id not in self.asked:
            return [packet]
        asked = self.asked.pop(packet.packet_id)
        codes = tuple(min(code, qos) if code < 3 else code for code, qos in zip(packet.codes, asked, strict=False))
        return [alter(packet, codes=codes)]


class _QosZeroRaised(PacketTap):
    """Delivers at QoS 1 what was published at QoS 0."""

    number = 0xF000

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and packet.qos == 0 and not packet.retain:
            self.damage()
            self.number += 1
            return [alter(packet, qos=1, packet_id=self.number)]
        return [packet]

    def ask(self, packet: Packet) -> Out:
        return [] if isinstance(packet, Puback) and packet.packet_id > 0xF000 else [packet]


class _LowestOfMany(PacketTap):
    """Where filters overlap, delivers at the lowest QoS that any of them was given."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.held: dict[Any, int] = {}

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Subscribe):
            self.held.update((one.filter, one.qos) for one in packet.subscriptions)
        elif isinstance(packet, Unsubscribe):
            for one in packet.filters:
                self.held.pop(one, None)
        return [packet]

    def answer(self, packet: Packet) -> Out:
        if not isinstance(packet, Publish) or not packet.qos:
            return [packet]
        given = [qos for one, qos in self.held.items() if matches(one, packet.topic)]
        if len(given) < 2 or min(given) >= packet.qos:
            return [packet]
        self.damage()
        self.absorb(packet)
        return [alter(packet, qos=0, packet_id=None, dup=False)]


# -- DUP


class _DupCopied(PacketTap):
    """Delivers with the DUP flag of the PUBLISH that came in."""

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and packet.dup and packet.qos:
            self.planted.memory["dup", packet.topic, packet.payload] = True
        return [packet]

    def answer(self, packet: Packet) -> Out:
        if (
            isinstance(packet, Publish)
            and packet.qos
            and ("dup", packet.topic, packet.payload) in self.planted.memory
        ):
            self.damage()
            return [alter(packet, dup=True)]
        return [packet]


def _dup(qos: int) -> Any:
    return lambda packet, tap: packet.qos == qos and not packet.dup


# -- identifiers


class _OneNumber(PacketTap):
    """Numbers every delivery of a QoS alike; the acknowledgements go to the oldest."""

    qos = 1
    number = 7

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.flying: list[int] = []
        self.received: list[int] = []

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and packet.qos == self.qos and packet.packet_id is not None:
            if self.flying:
                self.damage()
            self.flying.append(packet.packet_id)
            return [alter(packet, packet_id=self.number)]
        if isinstance(packet, Pubrel) and packet.packet_id in self.received:
            return [alter(packet, packet_id=self.number)]
        return [packet]

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Puback) and self.qos == 1 and self.flying and packet.packet_id == self.number:
            return [alter(packet, packet_id=self.flying.pop(0))]
        if isinstance(packet, Pubrec) and self.qos == 2 and self.flying and packet.packet_id == self.number:
            self.received.append(self.flying.pop(0))
            return [alter(packet, packet_id=self.received[-1])]
        if isinstance(packet, Pubcomp) and self.received and packet.packet_id == self.number:
            return [alter(packet, packet_id=self.received.pop(0))]
        return [packet]


class _OneNumberAtQosTwo(_OneNumber):
    qos = 2


def _numberless(packet: Any, tap: PacketTap) -> Packet:
    return alter(packet, packet_id=0)


# -- duplicates, losses


class _OneSubscriberOnly(PacketTap):
    """Of several clients that a message matches, serves the one that subscribed first."""

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Suback):
            self.planted.memory.setdefault("first", self)
        elif isinstance(packet, Publish) and self.planted.memory.get("first", self) is not self:
            self.damage()
            self.absorb(packet)
            return []
        return [packet]


class _ResentAtOnce(PacketTap):
    """Sends a message again on the connection that it was just sent on."""

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and packet.qos == 1 and not packet.dup:
            self.damage()
            return [packet, alter(packet, dup=True)]
        return [packet]


class _ResentAfterPing(PacketTap):
    """Sends unacknowledged messages again after a while on the same connection."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.open: dict[int, Publish] = {}

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Puback | Pubrec):
            self.open.pop(packet.packet_id, None)
        return [packet]

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and packet.qos and packet.packet_id is not None:
            self.open[packet.packet_id] = packet
        elif isinstance(packet, Pingresp) and self.open:
            self.damage()
            again = [alter(one, dup=True) for one in self.open.values()]
            self.open.clear()
            return [*again, packet]
        return [packet]


def _elsewhere(packet: Any, tap: PacketTap) -> Packet:
    return alter(packet, topic=packet.topic + "/x") if isinstance(packet.topic, str) else packet


def _qos_above_0(packet: Any, tap: PacketTap) -> bool:
    return packet.qos in (1, 2)


PLANS = (
    Plan("qos-lost", "delivers everything at QoS 0", _Downgraded, "3.8.4-6", "3.8.4-8"),
    Plan("qos-above-granted", "delivers above the QoS that it granted", _Upgraded, "3.8.4-6", "3.8.4-8"),
    Plan("qos-0-raised", "delivers at QoS 1 what was published at QoS 0", _QosZeroRaised, "4.3.1-1", "4.3.1-1"),
    Plan("lowest-of-many", "delivers at the lowest QoS of overlapping filters", _LowestOfMany, "3.3.5-1", "3.3.4-2"),
    Plan(
        "dup-at-qos-0",
        "delivers at QoS 0 with DUP 1",
        answers(Publish, lambda packet, tap: alter(packet, dup=True), _dup(0)),
        "3.3.1-2",
        "3.3.1-2",
    ),
    Plan(
        "dup-at-first",
        "delivers at QoS 1 with DUP 1 the first time",
        answers(Publish, lambda packet, tap: alter(packet, dup=True), _dup(1)),
        "4.3.2-1",
        "4.3.2-2",
    ),
    Plan(
        "dup-at-first-qos-2",
        "delivers at QoS 2 with DUP 1 the first time",
        answers(Publish, lambda packet, tap: alter(packet, dup=True), _dup(2)),
        "4.3.3-1",
        "4.3.3-2",
    ),
    Plan("dup-copied", "copies DUP from the PUBLISH that came in", _DupCopied, "3.3.1-3", "3.3.1-3"),
    Plan(
        "dup-missing",
        "sends again with DUP 0",
        answers(Publish, lambda packet, tap: alter(packet, dup=False), lambda packet, tap: packet.dup),
        "3.3.1-1",
        "3.3.1-1",
    ),
    Plan(
        "id-zero",
        "delivers with packet identifier 0",
        answers(Publish, _numberless, _qos_above_0),
        "2.3.1-1",
        "2.2.1-4",
    ),
    Plan("one-id", "numbers all deliveries of QoS 1 alike", _OneNumber, "2.3.1-4", "2.2.1-4"),
    Plan("one-id-qos-1", "numbers all deliveries of QoS 1 alike", _OneNumber, "4.3.2-1", "4.3.2-1"),
    Plan("one-id-qos-2", "numbers all deliveries of QoS 2 alike", _OneNumberAtQosTwo, "4.3.3-1", "4.3.3-1"),
    Plan(
        "one-subscriber-only",
        "serves one of several clients that a message matches",
        _OneSubscriberOnly,
        "4.5.0-1",
        "4.5.0-1",
    ),
    Plan("resent-at-once", "sends messages twice on the same connection", _ResentAtOnce, "", "4.4.0-1"),
    Plan(
        "resent-after-ping",
        "sends unacknowledged messages again on the same connection",
        _ResentAfterPing,
        "",
        "4.4.0-1",
    ),
    Plan(
        "topic-elsewhere",
        "delivers with a level more in the topic",
        answers(Publish, _elsewhere),
        "3.3.2-3",
        "3.3.2-3",
    ),
)
