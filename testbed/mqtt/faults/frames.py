"""Faults in how the broker's packets look on the wire."""

from __future__ import annotations

from typing import Any

from testbed.mqtt.codec import encode
from testbed.mqtt.faults.changes import alter, having
from testbed.mqtt.faults.tap import PacketTap, Plan, Where, answers
from testbed.mqtt.packets import (
    Connack,
    Packet,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Raw,
    Suback,
    Unsuback,
)
from testbed.mqtt.wire import text, varint


def _body(packet: Packet, tap: PacketTap) -> tuple[int, bytes]:
    """First byte and what follows the remaining length."""
    frame = encode(packet, tap.version)
    at = 1
    while frame[at] & 0x80:
        at += 1
    return frame[0], frame[at + 1 :]


def long_length(packet: Packet, tap: PacketTap) -> Packet:
    """The packet with a remaining length in one byte more than it needs."""
    first, body = _body(packet, tap)
    short = varint(len(body))
    if len(short) == 4:
        return packet
    return Raw(first, body, short[:-1] + bytes((short[-1] | 0x80, 0)))


def _long_property_length(packet: Any, tap: PacketTap) -> Packet:
    first, body = _body(packet, tap)
    at = len(text(packet.topic)) + (2 if packet.packet_id is not None else 0)
    if body[at] >= 0x80:
        return packet
    return Raw(first, body[:at] + bytes((body[at] | 0x80, 0)) + body[at + 1 :])


def _bare(packet: Any, tap: PacketTap, at: int) -> Packet:
    """The packet less its Property Length, which is at `at` behind the fixed header."""
    first, body = _body(packet, tap)
    return packet if packet.properties else Raw(first, body[:at] + body[at + 1 :])


def _bare_answer(packet: Any, tap: PacketTap) -> Packet:
    return _bare(packet, tap, 2)


def _bare_connack(packet: Any, tap: PacketTap) -> Packet:
    return _bare(alter(packet, properties=()), tap, 2)


def bare_publish(packet: Any, tap: PacketTap) -> Packet:
    """A PUBLISH without properties less its Property Length."""
    return _bare(packet, tap, len(text(packet.topic)) + (2 if packet.packet_id is not None else 0))


def _id_first(packet: Any, tap: PacketTap) -> Packet:
    first, body = _body(packet, tap)
    topic = text(packet.topic)
    end = len(topic) + 2
    return Raw(first, body[len(topic) : end] + topic + body[end:])


def _qos(*wanted: int) -> Where:
    return lambda packet, tap: packet.qos in wanted


PLANS = (
    Plan("suback-flags", "sends SUBACK with flags 0010", answers(Suback, having(flags=2)), "2.2.2-1", "2.1.3-1"),
    Plan("puback-flags", "sends PUBACK with flags 0010", answers(Puback, having(flags=2)), "2.2.2-1", "2.1.3-1"),
    Plan("pubrec-flags", "sends PUBREC with flags 1000", answers(Pubrec, having(flags=8)), "2.2.2-1", "2.1.3-1"),
    Plan("pubcomp-flags", "sends PUBCOMP with flags 0010", answers(Pubcomp, having(flags=2)), "2.2.2-1", "2.1.3-1"),
    Plan("connack-flags", "sends CONNACK with flags 0001", answers(Connack, having(flags=1)), "2.2.2-1", "2.1.3-1"),
    Plan(
        "unsuback-flags", "sends UNSUBACK with flags 0001", answers(Unsuback, having(flags=1)), "2.2.2-1", "2.1.3-1"
    ),
    Plan(
        "pingresp-flags", "sends PINGRESP with flags 0100", answers(Pingresp, having(flags=4)), "2.2.2-1", "2.1.3-1"
    ),
    Plan("pubrel-flags", "sends PUBREL with flags 0000", answers(Pubrel, having(flags=0)), "3.6.1-1", "3.6.1-1"),
    Plan(
        "qos-3-delivered",
        "delivers with both QoS bits set",
        answers(Publish, lambda packet, tap: alter(packet, flags=6), _qos(1, 2)),
        "3.3.1-4",
        "3.3.1-4",
    ),
    Plan(
        "id-at-qos-0",
        "delivers at QoS 0 with a packet identifier",
        answers(Publish, having(packet_id=1), _qos(0)),
        "2.3.1-5",
        "2.2.1-2",
    ),
    Plan(
        "id-before-topic",
        "delivers with the identifier before the topic",
        answers(Publish, _id_first, _qos(1, 2)),
        "3.3.2-1",
        "3.3.2-1",
    ),
    Plan("pingresp-long-length", "spends two bytes on a length of 0", answers(Pingresp, long_length), "", "1.5.5-1"),
    Plan(
        "suback-long-length",
        "spends a byte too many on the length of SUBACK",
        answers(Suback, long_length),
        "",
        "1.5.5-1",
    ),
    Plan(
        "long-property-length",
        "spends a byte too many on a Property Length",
        answers(Publish, _long_property_length),
        "",
        "1.5.5-1",
    ),
    Plan(
        "connack-no-property-length",
        "has no properties in CONNACK, nor a Property Length",
        answers(Connack, _bare_connack),
        "",
        "2.2.2-1",
    ),
    Plan(
        "suback-no-property-length",
        "leaves the Property Length out of SUBACK",
        answers(Suback, _bare_answer),
        "",
        "2.2.2-1",
    ),
    Plan(
        "unsuback-no-property-length",
        "leaves the Property Length out of UNSUBACK",
        answers(Unsuback, _bare_answer),
        "",
        "2.2.2-1",
    ),
    Plan(
        "publish-no-property-length",
        "leaves the Property Length out of PUBLISH",
        answers(Publish, bare_publish),
        "",
        "2.2.2-1",
    ),
)
