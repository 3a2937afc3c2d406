"""Bytes to packets, loss-free: `encode(decode(frame, version), version) == frame` for every frame.

What can be read is a typed value, allowed or not; what cannot be read, or would not come back as the same
bytes (a length in more bytes than needed, bytes left over), is a `Malformed` that holds the frame.
"""

from __future__ import annotations

from collections.abc import Callable

from testbed.mqtt.packets import (
    Auth,
    Connack,
    Connect,
    Disconnect,
    Form,
    Malformed,
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
    Version,
    Will,
    connect_version,
)
from testbed.mqtt.properties import Properties, read_block
from testbed.mqtt.wire import TOO_SHORT, Ill, Text, read_binary, read_text, read_two, read_varint


def decode(frame: bytes, version: Version) -> Packet:
    """One complete frame as a packet; never raises on any bytes.

    A CONNECT is read by the protocol level inside it, which it carries when that is not `version`'s.
    """
    if frame.__class__ is not bytes:
        frame = bytes(frame)
    try:
        first = frame[0]
        size, at = frame[1], 2
        if size >= 0x80:
            size, at = read_varint(frame, 1)
        if size != len(frame) - at:
            raise Ill(f"the remaining length says {size} bytes, {len(frame) - at} are there")
        read = _READERS.get(first >> 4)
        if read is None or (first >= 0xF0 and version < 5):
            raise Ill(f"packet type {first >> 4} is reserved")
        return read(frame, at, first & 15, version)
    except Ill as error:
        return Malformed(frame[0] >> 4, frame, str(error))
    except IndexError:
        return Malformed(frame[0] >> 4 if frame else 0, frame, TOO_SHORT)


def _done(frame: bytes, at: int) -> None:
    if at != len(frame):
        raise Ill(f"{len(frame) - at} bytes are left over at the end of the packet")


def _connect(frame: bytes, at: int, low: int, version: Version) -> Connect:
    name, at = read_text(frame, at)
    level, bits = frame[at], frame[at + 1]
    v5 = connect_version(level, version) >= 5
    keep_alive, at = read_two(frame, at + 2)
    properties: Properties = ()
    if v5:
        properties, at = read_block(frame, at)
    client_id, at = read_text(frame, at)
    will: Will | None = None
    if bits & 0x04:
        will, at = _will(frame, at, bits, v5)
    username: Text | None = None
    password: bytes | None = None
    if bits & 0x80:
        username, at = read_text(frame, at)
    if bits & 0x40:
        password, at = read_binary(frame, at)
    _done(frame, at)
    return Connect(
        client_id,
        bool(bits & 0x02),
        keep_alive,
        will,
        username,
        password,
        properties,
        name,
        None if level == version else level,
        bool(bits & 0x01),
        # Will QoS and retain without a will have no other place.
        bits if will is None and bits & 0x38 else None,
        low or None,
    )


def _will(frame: bytes, at: int, bits: int, v5: bool) -> tuple[Will, int]:
    properties: Properties = ()
    if v5:
        properties, at = read_block(frame, at)
    topic, at = read_text(frame, at)
    payload, at = read_binary(frame, at)
    return Will(topic, payload, bits >> 3 & 3, bool(bits & 0x20), properties), at


def _connack(frame: bytes, at: int, low: int, version: Version) -> Connack:
    bits, code = frame[at], frame[at + 1]
    properties: Properties = ()
    at += 2
    if version >= 5:
        properties, at = read_block(frame, at)
    _done(frame, at)
    return Connack(bool(bits & 1), code, properties, bits if bits > 1 else None, low or None)


def _publish(frame: bytes, at: int, low: int, version: Version) -> Publish:
    topic, at = read_text(frame, at)
    identifier: int | None = None
    if low & 0x06:
        identifier = frame[at] << 8 | frame[at + 1]
        at += 2
    properties: Properties = ()
    if version >= 5:
        properties, at = read_block(frame, at)
    return Publish(topic, frame[at:], low >> 1 & 3, bool(low & 1), bool(low & 8), identifier, properties)


def _tail(frame: bytes, at: int, version: Version) -> tuple[int, Properties, Form]:
    """Reason code, properties, and the form when it is longer than it need be."""
    if at == len(frame):
        return 0, (), None
    if version < 5:
        _done(frame, at)
    code = frame[at]
    at += 1
    if at == len(frame):
        return code, (), None if code else "code"
    properties, at = read_block(frame, at)
    _done(frame, at)
    return code, properties, None if properties else "full"


def _acknowledgement(
    make: type[Puback | Pubrec | Pubrel | Pubcomp], usual: int
) -> Callable[[bytes, int, int, Version], Packet]:
    def read(frame: bytes, at: int, low: int, version: Version) -> Packet:
        identifier = frame[at] << 8 | frame[at + 1]
        at += 2
        flags = None if low == usual else low
        if at == len(frame):
            return make(identifier, 0, (), None, flags)
        code, properties, form = _tail(frame, at, version)
        return make(identifier, code, properties, form, flags)

    return read


def _subscribe(frame: bytes, at: int, low: int, version: Version) -> Subscribe:
    identifier, at = read_two(frame, at)
    properties: Properties = ()
    if version >= 5:
        properties, at = read_block(frame, at)
    subscriptions: list[Subscription] = []
    while at < len(frame):
        name, at = read_text(frame, at)
        byte = frame[at]
        at += 1
        if version >= 5:
            other = byte if byte & 0xC0 else None
            one = Subscription(name, byte & 3, bool(byte & 4), bool(byte & 8), byte >> 4 & 3, other)
        else:
            one = Subscription(name, byte & 3, options=byte if byte & 0xFC else None)
        subscriptions.append(one)
    return Subscribe(identifier, tuple(subscriptions), properties, None if low == 2 else low)


def _suback(frame: bytes, at: int, low: int, version: Version) -> Suback:
    identifier, at = read_two(frame, at)
    properties: Properties = ()
    if version >= 5:
        properties, at = read_block(frame, at)
    return Suback(identifier, tuple(frame[at:]), properties, low or None)


def _unsubscribe(frame: bytes, at: int, low: int, version: Version) -> Unsubscribe:
    identifier, at = read_two(frame, at)
    properties: Properties = ()
    if version >= 5:
        properties, at = read_block(frame, at)
    filters: list[Text] = []
    while at < len(frame):
        name, at = read_text(frame, at)
        filters.append(name)
    return Unsubscribe(identifier, tuple(filters), properties, None if low == 2 else low)


def _unsuback(frame: bytes, at: int, low: int, version: Version) -> Unsuback:
    identifier, at = read_two(frame, at)
    if version < 5:
        _done(frame, at)
        return Unsuback(identifier, flags=low or None)
    properties, at = read_block(frame, at)
    return Unsuback(identifier, tuple(frame[at:]), properties, low or None)


def _pingreq(frame: bytes, at: int, low: int, version: Version) -> Pingreq:
    _done(frame, at)
    return Pingreq(low or None)


def _pingresp(frame: bytes, at: int, low: int, version: Version) -> Pingresp:
    _done(frame, at)
    return Pingresp(low or None)


def _disconnect(frame: bytes, at: int, low: int, version: Version) -> Disconnect:
    return Disconnect(*_tail(frame, at, version), low or None)


def _auth(frame: bytes, at: int, low: int, version: Version) -> Auth:
    return Auth(*_tail(frame, at, version), low or None)


_READERS: dict[int, Callable[[bytes, int, int, Version], Packet]] = {
    Connect.type: _connect,
    Connack.type: _connack,
    Publish.type: _publish,
    Puback.type: _acknowledgement(Puback, 0),
    Pubrec.type: _acknowledgement(Pubrec, 0),
    Pubrel.type: _acknowledgement(Pubrel, 2),
    Pubcomp.type: _acknowledgement(Pubcomp, 0),
    Subscribe.type: _subscribe,
    Suback.type: _suback,
    Unsubscribe.type: _unsubscribe,
    Unsuback.type: _unsuback,
    Pingreq.type: _pingreq,
    Pingresp.type: _pingresp,
    Disconnect.type: _disconnect,
    Auth.type: _auth,
}
