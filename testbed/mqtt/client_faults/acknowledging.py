"""Faults in how a client acknowledges and hands on what it is sent."""

from __future__ import annotations

from typing import Any

from testbed.mqtt.faults.changes import alter, having, other_id, swallow
from testbed.mqtt.faults.tap import Out, PacketTap, Plan, hears, says
from testbed.mqtt.packets import Disconnect, Packet, Puback, Pubcomp, Publish, Pubrec, Pubrel


class _Swapped(PacketTap):
    """Acknowledges two messages in the other order: the first answer waits for the second."""

    kind: type = Puback

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.held: Packet | None = None
        self.waiting = 0

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and packet.qos == (1 if self.kind is Puback else 2):
            self.waiting += 1
        return [packet]

    def answer(self, packet: Packet) -> Out:
        if not isinstance(packet, self.kind):
            return [packet]
        self.waiting -= 1
        if self.held is None and self.waiting > 0:
            self.held = packet
            return []
        if self.held is not None:
            self.damage()
            held, self.held = self.held, None
            return [packet, held]
        return [packet]


class _SwappedPubrec(_Swapped):
    kind = Pubrec


class _OnlyOnce(PacketTap):
    """Takes each packet identifier once and is deaf to it afterwards."""

    qos = 1

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.seen: set[int] = self.planted.memory.setdefault("seen", set())

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and packet.qos == self.qos and packet.packet_id is not None:
            if packet.packet_id in self.seen:
                self.damage()
                self.later(lambda: self.say(*([Puback(number)] if self.qos == 1 else [Pubrec(number)])))
                number = packet.packet_id
                return []
            self.seen.add(packet.packet_id)
        return [packet]


class _Qos2Once(_OnlyOnce):
    qos = 2

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Pubrel) and packet.packet_id in self.planted.memory.get("deaf", ()):
            number = packet.packet_id
            self.later(lambda: self.say(Pubcomp(number)))
            return []
        out = super().ask(packet)
        if not out and isinstance(packet, Publish) and packet.packet_id is not None:
            self.planted.memory.setdefault("deaf", set()).add(packet.packet_id)
        return out


class _HandsOnAgain(PacketTap):
    """Hands a message on once more when it comes again."""

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and packet.qos == 2 and packet.dup:
            self.damage()
            return [alter(packet, qos=0, dup=False, packet_id=None), packet]
        return [packet]


class _DeafToPubrelAgain(PacketTap):
    """Does not answer a PUBREL that comes again."""

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Pubrel):
            seen = self.planted.memory.setdefault("released", set())
            if packet.packet_id in seen:
                self.damage()
                return []
            seen.add(packet.packet_id)
        return [packet]


class _PicksWhatItWants(PacketTap):
    """Leaves messages unacknowledged whose topic it has not subscribed to."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.filters: list[str] = []

    def answer(self, packet: Packet) -> Out:
        if packet.kind == "SUBSCRIBE":
            self.filters += [str(one.filter) for one in packet.subscriptions]  # type: ignore[union-attr]
        return [packet]

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and packet.qos and self.filters:
            wild = any("+" in one or "#" in one for one in self.filters)
            if not wild and packet.topic not in self.filters:
                self.damage()
                return []
        return [packet]


class _FinishesNoExpired(PacketTap):
    """Gives a handshake up once the message has expired."""

    def ask(self, packet: Packet) -> Out:
        from testbed.mqtt.properties import Property, get

        if isinstance(packet, Publish) and get(packet.properties, Property.MESSAGE_EXPIRY_INTERVAL) is not None:
            self.planted.memory["expiring"] = packet.packet_id
        if isinstance(packet, Pubrel) and packet.packet_id == self.planted.memory.get("expiring"):
            self.damage()
            return []
        return [packet]


#: Packet -> the numbers that list its reason codes, and forbid a Reason String and a User Property too large.
_LISTED = (
    (Puback, "3.4.2-1"),
    (Pubrec, "3.5.2-1"),
    (Pubrel, "3.6.2-1"),
    (Pubcomp, "3.7.2-1"),
    (Disconnect, "3.14.2-1"),
)


def _of_qos_0(packet: Any, tap: PacketTap) -> bool:
    return packet.qos == 0


def _acknowledging(packet: Any, tap: PacketTap) -> Packet:
    tap.damage()
    tap.later(lambda: tap.say(Puback(1)))
    return packet


PLANS = (
    Plan("no-puback", "never sends PUBACK", says(Puback, swallow), "4.3.2-2", "4.3.2-4"),
    Plan("no-answer-to-qos-1", "answers no QoS 1", says(Puback, swallow), "3.3.4-1", "3.3.4-1"),
    Plan("no-pubrec", "never sends PUBREC", says(Pubrec, swallow), "4.3.3-2", "4.3.3-8"),
    Plan("no-pubcomp", "never sends PUBCOMP", says(Pubcomp, swallow), "4.3.3-2", "4.3.3-11"),
    Plan("puback-other-id", "acknowledges another identifier", says(Puback, other_id), "2.3.1-6", "2.2.1-5"),
    Plan("puback-next-id", "sends PUBACK with the next identifier", says(Puback, other_id), "4.3.2-2", "4.3.2-4"),
    Plan("pubrec-other-id", "sends PUBREC with the next identifier", says(Pubrec, other_id), "2.3.1-6", "4.3.3-8"),
    Plan(
        "pubcomp-other-id", "sends PUBCOMP with the next identifier", says(Pubcomp, other_id), "4.3.3-2", "4.3.3-11"
    ),
    Plan(
        "pubrec-for-qos-1",
        "answers QoS 1 with PUBREC",
        says(Puback, lambda packet, tap: Pubrec(packet.packet_id)),
        "3.3.4-1",
        "3.3.4-1",
    ),
    Plan(
        "puback-for-qos-2",
        "answers QoS 2 with PUBACK",
        says(Pubrec, lambda packet, tap: Puback(packet.packet_id)),
        "4.3.3-2",
        "4.3.3-8",
    ),
    Plan("puback-for-qos-0", "acknowledges QoS 0", hears(Publish, _acknowledging, _of_qos_0), "3.3.4-1", "3.3.4-1"),
    Plan("puback-out-of-order", "sends PUBACK out of order", _Swapped, "4.6.0-2", "4.6.0-2"),
    Plan("pubrec-out-of-order", "sends PUBREC out of order", _SwappedPubrec, "4.6.0-3", "4.6.0-3"),
    Plan("qos-1-id-once", "takes each identifier once", _OnlyOnce, "4.3.2-2", "4.3.2-5"),
    Plan("qos-2-id-once", "takes each identifier of QoS 2 once", _Qos2Once, "4.3.3-2", "4.3.3-12"),
    Plan("qos-2-twice", "hands on a message that comes again", _HandsOnAgain, "4.3.3-2", "4.3.3-10"),
    Plan("deaf-to-pubrel-again", "answers each PUBREL once", _DeafToPubrelAgain, "4.3.3-2", ""),
    Plan("acknowledges-what-it-wants", "acknowledges what it wants", _PicksWhatItWants, "4.5.0-2", "4.5.0-2"),
    Plan(
        "no-handshake-when-expired", "leaves an expired message in the handshake", _FinishesNoExpired, "", "4.3.3-13"
    ),
    *(
        Plan(
            f"{kind.kind.lower()}-code-unlisted",
            f"sends {kind.kind} with code 0x01",
            says(kind, having(code=1)),
            "",
            number,
        )
        for kind, number in _LISTED
    ),
)
