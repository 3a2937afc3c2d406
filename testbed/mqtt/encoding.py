"""Packets to bytes. What a value says is said, sensible or not; ValueError is for what has no wire form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from testbed.mqtt.packets import (
    KINDS,
    Auth,
    Connack,
    Connect,
    Disconnect,
    Malformed,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Raw,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
    Version,
    connect_version,
)
from testbed.mqtt.properties import Properties, write_block
from testbed.mqtt.wire import number, text, varint

# Types whose low nibble the standard sets to 2; all others but PUBLISH have 0 (section 2.1.3).
_FLAGS = {kind: 2 if kind in (6, 8, 10) else 0 for kind in KINDS}
_Acknowledgement = Puback | Pubrec | Pubrel | Pubcomp


def encode(packet: Packet | bytes, version: Version) -> bytes:
    """The frame of `packet` in `version`; bytes pass through untouched.

    ValueError when there is no such frame: a string over 65,535 bytes, an integer too large for its field,
    properties or reason codes in a version that has no place for them. TypeError when it is no packet.
    """
    if isinstance(packet, bytes):
        return packet
    write = _WRITERS.get(packet.__class__)
    try:
        if write is not None:
            return write(packet, version >= 5)
        if isinstance(packet, Connect):
            return _connect(packet, version)
    except ValueError as error:
        raise ValueError(f"{packet.kind}: {error}") from None
    raise TypeError(f"{packet!r:.80} is no packet: give one of testbed.mqtt.packets, or bytes")


def _frame(packet: Any, body: bytes) -> bytes:
    low = packet.flags
    if low is None:
        low = _FLAGS[packet.type]
    elif not 0 <= low <= 15:
        raise ValueError(f"flags {low} do not fit into 4 bits")
    size = len(body)
    if size < 0x80:
        return bytes((packet.type << 4 | low, size)) + body
    return bytes((packet.type << 4 | low,)) + varint(size) + body


def _properties(properties: Properties, v5: bool) -> bytes:
    if v5:
        return write_block(properties)
    if properties:
        raise ValueError("MQTT 3.1.1 has no place for properties: encode for 5.0, or give a Raw")
    return b""


def _bits(value: int, width: int, name: str) -> int:
    if not 0 <= value < 1 << width:
        raise ValueError(f"{name} {value} does not fit into {width} bits")
    return value


def _connect(packet: Connect, version: Version) -> bytes:
    level: int = version if packet.protocol_level is None else packet.protocol_level
    v5 = connect_version(level, version) >= Version.V5
    will = packet.will
    flags = packet.connect_flags
    if flags is None:
        flags = packet.reserved | packet.clean_start << 1
        flags |= (packet.username is not None) << 7 | (packet.password is not None) << 6
        if will is not None:
            flags |= 0x04 | _bits(will.qos, 2, "will QoS") << 3 | will.retain << 5
    parts = [
        text(packet.protocol_name),
        number(level, 1, "protocol level"),
        number(flags, 1, "connect flags"),
        number(packet.keep_alive, 2, "keep alive"),
        _properties(packet.properties, v5),
        text(packet.client_id),
    ]
    if will is not None:
        parts += _properties(will.properties, v5), text(will.topic), text(will.payload)
    if packet.username is not None:
        parts.append(text(packet.username))
    if packet.password is not None:
        parts.append(text(packet.password))
    return _frame(packet, b"".join(parts))


def _connack(packet: Connack, v5: bool) -> bytes:
    flags = packet.acknowledge_flags
    if flags is None:
        flags = int(packet.session_present)
    head = number(flags, 1, "acknowledge flags") + number(packet.code, 1, "code")
    return _frame(packet, head + _properties(packet.properties, v5))


def _publish(packet: Publish, v5: bool) -> bytes:
    low = packet.flags
    if low is None:
        low = packet.dup << 3 | _bits(packet.qos, 2, "QoS") << 1 | packet.retain
    elif not 0 <= low <= 15:
        raise ValueError(f"flags {low} do not fit into 4 bits")
    topic = text(packet.topic)
    payload = packet.payload
    identifier = b"" if packet.packet_id is None else number(packet.packet_id, 2, "packet identifier")
    block = b"\0" if v5 and not packet.properties else _properties(packet.properties, v5)
    size = len(topic) + len(identifier) + len(block) + len(payload)
    return b"".join((bytes((0x30 | low,)), varint(size), topic, identifier, block, payload))


def _tail(packet: _Acknowledgement | Disconnect | Auth, v5: bool) -> bytes:
    """Reason code and properties in the form the packet asks for, else the shortest that says everything."""
    code, properties, form = packet.code, packet.properties, packet.form
    shortest = "full" if properties else "code" if code else "short"
    if form is None:
        form = shortest
    elif form != shortest and (form == "short" or shortest == "full"):
        raise ValueError(f"the form {form!r} has no place for code {code} and {len(properties)} properties")
    if form == "short":
        return b""
    if not v5:
        raise ValueError("MQTT 3.1.1 has no place for a reason code: encode for 5.0, or give a Raw")
    return number(code, 1, "code") + (write_block(properties) if form == "full" else b"")


def _acknowledgement(packet: _Acknowledgement, v5: bool) -> bytes:
    return _frame(packet, number(packet.packet_id, 2, "packet identifier") + _tail(packet, v5))


def _options(subscription: Subscription) -> bytes:
    byte = subscription.options
    if byte is None:
        byte = _bits(subscription.qos, 2, "QoS") | subscription.no_local << 2
        byte |= subscription.retain_as_published << 3
        byte |= _bits(subscription.retain_handling, 2, "retain handling") << 4
    return number(byte, 1, "subscription options")


def _subscribe(packet: Subscribe, v5: bool) -> bytes:
    parts = [number(packet.packet_id, 2, "packet identifier"), _properties(packet.properties, v5)]
    for subscription in packet.subscriptions:
        parts += text(subscription.filter), _options(subscription)
    return _frame(packet, b"".join(parts))


def _codes(codes: tuple[int, ...]) -> bytes:
    return b"".join([number(code, 1, "code") for code in codes])


def _suback(packet: Suback, v5: bool) -> bytes:
    head = number(packet.packet_id, 2, "packet identifier")
    return _frame(packet, head + _properties(packet.properties, v5) + _codes(packet.codes))


def _unsubscribe(packet: Unsubscribe, v5: bool) -> bytes:
    parts = [number(packet.packet_id, 2, "packet identifier"), _properties(packet.properties, v5)]
    parts += [text(one) for one in packet.filters]
    return _frame(packet, b"".join(parts))


def _unsuback(packet: Unsuback, v5: bool) -> bytes:
    if packet.codes and not v5:
        raise ValueError("MQTT 3.1.1 has no place for reason codes: encode for 5.0, or give a Raw")
    head = number(packet.packet_id, 2, "packet identifier")
    return _frame(packet, head + _properties(packet.properties, v5) + _codes(packet.codes))


def _empty(packet: Pingreq | Pingresp, v5: bool) -> bytes:
    return _frame(packet, b"")


def _disconnect(packet: Disconnect, v5: bool) -> bytes:
    return _frame(packet, _tail(packet, v5))


def _auth(packet: Auth, v5: bool) -> bytes:
    return _frame(packet, _tail(packet, True))


def _raw(packet: Raw, v5: bool) -> bytes:
    length = packet.length
    if length is None:
        length = varint(len(packet.body))
    return number(packet.first, 1, "first byte") + length + packet.body


def _malformed(packet: Malformed, v5: bool) -> bytes:
    return packet.raw


# All but CONNECT, which alone has a protocol level of its own.
_WRITERS: dict[type, Callable[[Any, bool], bytes]] = {
    Connack: _connack,
    Publish: _publish,
    Puback: _acknowledgement,
    Pubrec: _acknowledgement,
    Pubrel: _acknowledgement,
    Pubcomp: _acknowledgement,
    Subscribe: _subscribe,
    Suback: _suback,
    Unsubscribe: _unsubscribe,
    Unsuback: _unsuback,
    Pingreq: _empty,
    Pingresp: _empty,
    Disconnect: _disconnect,
    Auth: _auth,
    Raw: _raw,
    Malformed: _malformed,
}
