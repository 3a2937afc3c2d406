"""Faults in what the broker answers: acknowledgements missing, of another packet, with other codes."""

from __future__ import annotations

from typing import Any

from testbed.mqtt.faults.changes import alter, having, other_id, swallow
from testbed.mqtt.faults.tap import Out, PacketTap, Plan, answers, asks
from testbed.mqtt.packets import (
    Connack,
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
    Unsuback,
    Unsubscribe,
)


def _reversed(packet: Any, tap: PacketTap) -> Packet:
    codes = packet.codes[::-1]
    return packet if codes == packet.codes else alter(packet, codes=codes)


def _one_each(packet: Any, tap: PacketTap) -> Packet | Out:
    if len(packet.codes) < 2:
        return packet
    return [alter(packet, codes=(code,)) for code in packet.codes]


def _fewer(packet: Any, tap: PacketTap) -> Packet:
    return alter(packet, codes=packet.codes[:-1]) if len(packet.codes) > 1 else packet


def _more(packet: Any, tap: PacketTap) -> Packet:
    return alter(packet, codes=packet.codes + packet.codes[-1:])


def _generous(packet: Any, tap: PacketTap) -> Packet:
    codes = tuple(2 if code < 2 else code for code in packet.codes)
    return packet if codes == packet.codes else alter(packet, codes=codes)


def _odd_code(code: int) -> Any:
    def change(packet: Any, tap: PacketTap) -> Packet:
        return alter(packet, codes=(code, *packet.codes[1:]))

    return change


def _acknowledged(packet: Any, tap: PacketTap) -> Packet:
    tap.damage()
    tap.later(lambda: tap.say(Puback(1)))
    return packet


def _below_sys(packet: Any, tap: PacketTap) -> bool:
    return isinstance(packet.topic, str) and packet.topic.startswith("$SYS")


class _Asked(PacketTap):
    """Knows how many filters each UNSUBSCRIBE named, and whether any of them was subscribed to."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.held: set[Any] = set()
        self.counts: dict[int, int] = {}
        self.idle: set[int] = set()

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Subscribe):
            self.held.update(one.filter for one in packet.subscriptions)
        elif isinstance(packet, Unsubscribe):
            self.counts[packet.packet_id] = len(packet.filters)
            (self.idle.discard if self.held & set(packet.filters) else self.idle.add)(packet.packet_id)
            self.held -= set(packet.filters)
        return [packet]


class _SilentWhenIdle(_Asked):
    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Unsuback) and packet.packet_id in self.idle:
            self.damage()
            return []
        return [packet]


class _UnsubackForEach(_Asked):
    def answer(self, packet: Packet) -> Out:
        if not isinstance(packet, Unsuback) or self.counts.get(packet.packet_id, 0) < 2:
            return [packet]
        self.damage()
        if packet.codes:
            return [alter(packet, codes=(code,)) for code in packet.codes]
        return [packet] * self.counts[packet.packet_id]


#: Kind -> the number that lists its reason codes in 5.0, and a code that is not listed.
_LISTED = (
    (Connack, "3.2.2-8", 0x05),
    (Puback, "3.4.2-1", 0x01),
    (Pubrec, "3.5.2-1", 0x01),
    (Pubrel, "3.6.2-1", 0x01),
    (Pubcomp, "3.7.2-1", 0x01),
    (Disconnect, "3.14.2-1", 0x01),
)

PLANS = (
    Plan("no-puback", "never sends PUBACK", answers(Puback, swallow), "3.3.4-1", "3.3.4-1"),
    Plan("no-pubrec", "never sends PUBREC", answers(Pubrec, swallow), "4.3.3-2", "3.3.4-1"),
    Plan("no-pubcomp", "never sends PUBCOMP", answers(Pubcomp, swallow), "4.3.3-2", "4.3.3-11"),
    Plan("puback-other-id", "sends PUBACK with the next identifier", answers(Puback, other_id), "2.3.1-6", "2.2.1-5"),
    Plan(
        "puback-id-zero", "sends PUBACK with identifier 0", answers(Puback, having(packet_id=0)), "4.3.2-2", "4.3.2-4"
    ),
    Plan("pubrec-other-id", "sends PUBREC with the next identifier", answers(Pubrec, other_id), "2.3.1-6", "4.3.3-8"),
    Plan("pubrel-other-id", "sends PUBREL with the next identifier", answers(Pubrel, other_id), "4.3.3-1", "4.3.3-4"),
    Plan(
        "pubcomp-other-id",
        "sends PUBCOMP with the next identifier",
        answers(Pubcomp, other_id),
        "4.3.3-2",
        "4.3.3-11",
    ),
    Plan(
        "pubrec-for-qos-1",
        "answers a PUBLISH of QoS 1 with PUBREC",
        answers(Puback, lambda packet, tap: Pubrec(packet.packet_id)),
        "3.3.4-1",
        "3.3.4-1",
    ),
    Plan(
        "puback-for-qos-2",
        "answers a PUBLISH of QoS 2 with PUBACK",
        answers(Pubrec, lambda packet, tap: Puback(packet.packet_id)),
        "4.3.3-2",
        "4.3.3-8",
    ),
    Plan(
        "puback-for-qos-0",
        "answers a PUBLISH of QoS 0 with PUBACK",
        asks(Publish, _acknowledged, lambda packet, tap: packet.qos == 0),
        "3.3.4-1",
        "3.3.4-1",
    ),
    Plan(
        "no-puback-below-sys",
        "neither acknowledges a message that is not authorised nor closes",
        asks(Publish, swallow, _below_sys),
        "3.3.5-2",
        "",
    ),
    Plan("no-suback", "never sends SUBACK", answers(Suback, swallow), "3.8.4-1", "3.8.4-1"),
    Plan("suback-other-id", "sends SUBACK with the next identifier", answers(Suback, other_id), "3.8.4-2", "3.8.4-2"),
    Plan(
        "suback-id-zero", "sends SUBACK with identifier 0", answers(Suback, having(packet_id=0)), "2.3.1-7", "2.2.1-6"
    ),
    Plan("suback-one-code-less", "sends SUBACK without its last code", answers(Suback, _fewer), "3.8.4-5", "3.8.4-6"),
    Plan("suback-one-code-more", "sends SUBACK with a code too many", answers(Suback, _more), "3.8.4-5", "3.8.4-6"),
    Plan(
        "suback-backwards", "sends the codes of a SUBACK backwards", answers(Suback, _reversed), "3.9.3-1", "3.9.3-1"
    ),
    Plan(
        "suback-for-each-filter", "sends a SUBACK for each filter", answers(Suback, _one_each), "3.8.4-4", "3.8.4-5"
    ),
    Plan(
        "suback-too-generous",
        "says that it grants QoS 2, and does not",
        answers(Suback, _generous),
        "3.8.4-5",
        "3.8.4-7",
    ),
    Plan(
        "suback-unlisted-code", "sends SUBACK with code 0x03", answers(Suback, _odd_code(0x03)), "3.9.3-2", "3.9.3-2"
    ),
    Plan("suback-code-81", "sends SUBACK with code 0x81", answers(Suback, _odd_code(0x81)), "3.9.3-2", "3.9.3-2"),
    Plan("no-unsuback", "never sends UNSUBACK", answers(Unsuback, swallow), "3.10.4-4", "3.10.4-4"),
    Plan(
        "unsuback-other-id",
        "sends UNSUBACK with the next identifier",
        answers(Unsuback, other_id),
        "3.10.4-4",
        "3.10.4-5",
    ),
    Plan(
        "unsuback-id-zero",
        "sends UNSUBACK with identifier 0",
        answers(Unsuback, having(packet_id=0)),
        "2.3.1-7",
        "2.2.1-6",
    ),
    Plan(
        "no-unsuback-for-nothing",
        "answers no UNSUBSCRIBE that deletes nothing",
        _SilentWhenIdle,
        "3.10.4-5",
        "3.10.4-5",
    ),
    Plan("unsuback-for-each-filter", "sends an UNSUBACK for each filter", _UnsubackForEach, "3.10.4-6", "3.10.4-6"),
    Plan(
        "unsuback-backwards", "sends the codes of an UNSUBACK backwards", answers(Unsuback, _reversed), "", "3.11.3-1"
    ),
    Plan(
        "unsuback-unlisted-code", "sends UNSUBACK with code 0x01", answers(Unsuback, _odd_code(0x01)), "", "3.11.3-2"
    ),
    Plan("no-pingresp", "never sends PINGRESP", answers(Pingresp, swallow), "3.12.4-1", "3.12.4-1"),
    Plan("deaf-to-pingreq", "never reads a PINGREQ", asks(Pingreq, swallow), "3.12.4-1", "3.12.4-1"),
    *(
        Plan(
            f"{kind.kind.lower()}-unlisted-code",
            f"sends {kind.kind} with code 0x{code:02X}",
            answers(kind, having(code=code)),
            "",
            number,
        )
        for kind, number, code in _LISTED
    ),
)
