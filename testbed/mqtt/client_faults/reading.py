"""Faults in what a client puts up with: wrong packets are put right on their way to it, so that it goes on."""

from __future__ import annotations

from typing import Any

from testbed.mqtt.faults.changes import alter
from testbed.mqtt.faults.tap import Change, Out, PacketTap, Plan, hears
from testbed.mqtt.packets import (
    Connect,
    Disconnect,
    Malformed,
    Packet,
    Pingreq,
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

_FLAGGED = (Suback, Unsuback, Puback, Pubrec, Pubrel, Pubcomp)


def _flags_right(packet: Any, tap: PacketTap) -> Packet:
    return packet if packet.flags is None else alter(packet, flags=None)


def _dropped(packet: Any, tap: PacketTap) -> Out:
    return []


def _topic_right(wrong: Any) -> Change:
    def changed(packet: Any, tap: PacketTap) -> Packet | Out:
        return [] if wrong(packet.topic) else packet

    return changed


class _Cut(PacketTap):
    """Passes over what it cannot read."""

    def from_tester(self, data: bytes) -> None:
        # A length that never ends would make the stream unreadable for the client too.
        if data[:1] == b"\x30" and data[1:5] == b"\xff\xff\xff\xff":
            self.damage()
            return
        super().from_tester(data)

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Malformed):
            self.damage()
            return []
        return [packet]


def _reserved(packet: Any, tap: PacketTap) -> Packet:
    codes = tuple(code if code in (0, 1, 2, 0x80) else 0 for code in packet.codes)
    return packet if codes == packet.codes else alter(packet, codes=codes)


PLANS = (
    Plan("any-flags", "takes packets with any flags", hears(_FLAGGED, _flags_right), "2.2.2-2", ""),
    *(
        Plan(
            f"{kind.kind.lower()}-with-any-flags",
            f"takes {kind.kind} with any flags",
            hears(kind, _flags_right),
            "2.2.2-2",
            "",
        )
        for kind in _FLAGGED
    ),
    Plan(
        "passes-over-qos-3",
        "passes over a message with QoS 3",
        hears(Publish, lambda packet, tap: [] if packet.qos == 3 else packet),
        "3.3.1-4",
        "",
    ),
    Plan("passes-over-what-it-cannot-read", "passes over what it cannot read", _Cut, "4.8.0-1", ""),
    Plan(
        "passes-over-clients-packets",
        "passes over packets that only clients send",
        hears((Connect, Subscribe, Unsubscribe, Pingreq, Disconnect), _dropped),
        "4.8.0-1",
        "",
    ),
    Plan(
        "passes-over-id-zero",
        "passes over a message with identifier 0",
        hears(Publish, lambda packet, tap: [] if packet.packet_id == 0 else packet),
        "4.8.0-1",
        "",
    ),
    Plan(
        "passes-over-wildcard-topics",
        "passes over a message to a wildcard",
        hears(Publish, _topic_right(lambda topic: "+" in str(topic) or "#" in str(topic))),
        "4.8.0-1",
        "",
    ),
    Plan("takes-reserved-return-codes", "takes any return code", hears(Suback, _reserved), "4.8.0-1", ""),
    Plan(
        "passes-over-ill-formed-topics",
        "passes over a topic of ill-formed UTF-8",
        hears(Publish, _topic_right(lambda topic: isinstance(topic, bytes))),
        "1.5.3-1",
        "",
    ),
    Plan(
        "passes-over-u-0000",
        "passes over a topic with U+0000",
        hears(Publish, _topic_right(lambda topic: "\0" in str(topic))),
        "1.5.3-2",
        "",
    ),
    Plan(
        "strips-u-feff-it-reads",
        "strips U+FEFF of what it reads",
        hears(
            Publish,
            lambda packet, tap: (
                alter(packet, topic=packet.topic.lstrip("\ufeff"))
                if isinstance(packet.topic, str) and packet.topic.startswith("\ufeff")
                else packet
            ),
        ),
        "1.5.3-3",
        "1.5.4-3",
    ),
)
