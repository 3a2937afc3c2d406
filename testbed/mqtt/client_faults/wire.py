"""Faults in how a client's packets look on the wire."""

from __future__ import annotations

from typing import Any

from testbed.mqtt.faults.changes import alter, having, setting
from testbed.mqtt.faults.frames import bare_publish, long_length
from testbed.mqtt.faults.tap import Out, PacketTap, Plan, says
from testbed.mqtt.packets import Packet, Pingreq, Puback, Pubcomp, Publish, Pubrec, Pubrel, Subscribe, Unsubscribe
from testbed.mqtt.properties import Property

_ANY = (Publish, Puback, Pubrec, Pubcomp, Subscribe, Unsubscribe)


def _cut_short(packet: Any, tap: PacketTap) -> Packet:
    return alter(packet, payload=packet.payload[:-1]) if len(packet.payload) > 1000 else packet


def _extended(packet: Any, tap: PacketTap) -> Out:
    """Will not go on without an extension of its own: a packet of type 15 in 3.1.1."""
    return [packet, b"\xf0\x00"]


PLANS = (
    Plan("pingreq-flags", "sends PINGREQ with flags", says(Pingreq, having(flags=1)), "2.2.2-1", "2.1.3-1"),
    Plan("puback-flags", "sends PUBACK with flags", says(Puback, having(flags=1)), "2.2.2-1", "2.1.3-1"),
    Plan("pubrel-flags", "sends PUBREL with the flags 0000", says(Pubrel, having(flags=0)), "3.6.1-1", "3.6.1-1"),
    Plan("spends-length-bytes", "spends bytes on lengths", says(_ANY, long_length), "", "1.5.5-1"),
    Plan("no-property-length", "leaves Property Length 0 out", says(Publish, bare_publish), "", "2.2.2-1"),
    Plan(
        "string-ill-formed",
        "sends strings of ill-formed UTF-8",
        says(Publish, lambda packet, tap: alter(packet, topic=b"t\xed\xa0\x80")),
        "1.5.3-1",
        "1.5.4-1",
    ),
    Plan(
        "string-with-null",
        "sends strings with U+0000",
        says(Publish, lambda packet, tap: alter(packet, topic=f"{packet.topic}\0")),
        "1.5.3-2",
        "1.5.4-2",
    ),
    Plan(
        "pair-with-null",
        "sends string pairs with U+0000",
        says(Publish, lambda packet, tap: setting(packet, Property.USER_PROPERTY, ("a\0", "b"))),
        "",
        "1.5.7-1",
    ),
    Plan("loses-bytes", "loses the end of what is long", says(Publish, _cut_short), "7.1.2-1", "4.2-1"),
    Plan("extends-the-protocol", "needs an extension of its own", says(Subscribe, _extended), "7.0.0-2", ""),
)
