"""Faults in the CONNECT that a client sends, and in what it makes of the CONNACK."""

from __future__ import annotations

from typing import Any

from testbed.mqtt.codec import encode
from testbed.mqtt.faults.changes import alter, having, without
from testbed.mqtt.faults.tap import Change, Out, PacketTap, Plan, hears, says
from testbed.mqtt.packets import (
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Publish,
    Raw,
    Subscribe,
    Version,
    Will,
)
from testbed.mqtt.properties import Property, get
from testbed.mqtt.wire import text

_CONNECT = Connect
_WILL, _WILL_QOS, _WILL_RETAIN, _PASSWORD, _USERNAME = 0x04, 0x18, 0x20, 0x40, 0x80


def _flags(tap: PacketTap, packet: Connect) -> int:
    """The connect flags as they are on the wire."""
    frame = encode(packet, tap.version)
    at = 1
    while frame[at] & 0x80:
        at += 1
    return frame[at + 8]


def _with_flags(change: Any) -> Change:
    def changed(packet: Any, tap: PacketTap) -> Packet:
        return alter(packet, connect_flags=change(_flags(tap, packet)))

    return changed


def _raw(packet: Connect, tap: PacketTap) -> tuple[bytes, list[bytes]]:
    """The variable header of a CONNECT, and the fields of its payload as bytes."""
    fields = [text(packet.client_id)]
    if packet.will is not None:
        fields += [text(packet.will.topic), text(packet.will.payload)]
    if packet.username is not None:
        fields.append(text(packet.username))
    if packet.password is not None:
        fields.append(text(packet.password))
    frame = encode(packet, tap.version)
    at = 1
    while frame[at] & 0x80:
        at += 1
    body = frame[at + 1 :]
    if tap.version >= Version.V5 and packet.will is not None:
        fields[1] = b"\0" + fields[1]
    return body[: len(body) - sum(map(len, fields))], fields


def _backwards(packet: Any, tap: PacketTap) -> Packet:
    head, fields = _raw(packet, tap)
    if len(fields) < 2 or fields == fields[::-1] or (packet.will and packet.will.properties):
        return packet
    return Raw(0x10, head + b"".join(fields[::-1]))


def _no_client_id(packet: Any, tap: PacketTap) -> Packet:
    head, fields = _raw(packet, tap)
    return packet if packet.will and packet.will.properties else Raw(0x10, head + b"".join(fields[1:]))


def _no_will_fields(packet: Any, tap: PacketTap) -> Packet:
    if packet.will is None:
        return packet
    return alter(packet, will=None, connect_flags=_flags(tap, packet))


def _ill(value: Any) -> bytes:
    return (value if isinstance(value, bytes) else value.encode()) + b"\xc3"


def _ill_will(packet: Any, tap: PacketTap) -> Packet:
    if packet.will is None:
        return packet
    will = Will(_ill(packet.will.topic), packet.will.payload, packet.will.qos, packet.will.retain)
    return alter(packet, will=will)


def _wrong_will(**fields: Any) -> Change:
    def changed(packet: Any, tap: PacketTap) -> Packet:
        return packet if packet.will is None else alter(packet, will=alter(packet.will, **fields))

    return changed


def _when(has: Any, change: Change) -> Change:
    return lambda packet, tap: change(packet, tap) if has(packet) else packet


def _flag_without(bit: int, has: Any) -> Change:
    """The flag is set although the payload has no such field."""
    return _when(lambda packet: not has(packet), _with_flags(lambda flags: flags | bit))


def _field_without(bit: int, has: Any) -> Change:
    """The payload has the field although its flag is 0."""
    return _when(has, _with_flags(lambda flags: flags & ~bit))


def _named(packet: Connect) -> bool:
    return packet.username is not None


def _secret(packet: Connect) -> bool:
    return packet.password is not None


def _willing(packet: Connect) -> bool:
    return packet.will is not None


class _EmptyIdStored(PacketTap):
    """Asks for a stored session without a client id."""

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Connect) and not packet.clean_start:
            self.damage()
            return [alter(packet, client_id="")]
        return [packet]


class _OtherId(PacketTap):
    """Has another client id on every connection."""

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Connect) and isinstance(packet.client_id, str):
            number = self.planted.memory["number"] = self.planted.memory.get("number", 0) + 1
            self.damage()
            return [alter(packet, client_id=f"{packet.client_id}{number}"[-23:])]
        return [packet]


class _Lazy(PacketTap):
    """Says nothing to keep its connection alive."""

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Pingreq):
            self.damage()
            return []
        return [packet]


class _Early(PacketTap):
    """Publishes between CONNECT and CONNACK when it authenticates."""

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Connect) and get(packet.properties, Property.AUTHENTICATION_METHOD) is not None:
            self.damage()
            self.later(lambda: self.say(Publish("early")))
        return [packet]


class _SessionOfOurs(PacketTap):
    """Does not mind a Session Present that it cannot explain."""

    def ask(self, packet: Packet) -> Out:
        clean = self.connect is not None and self.connect.clean_start
        if isinstance(packet, Connack) and packet.session_present and clean:
            self.damage()
            return [alter(packet, session_present=False)]
        return [packet]


def _without_server_keep_alive(packet: Any, tap: PacketTap) -> Packet:
    return without(packet, Property.SERVER_KEEP_ALIVE)


def _first_ping(packet: Any, tap: PacketTap) -> Out:
    return [Pingreq(), packet]


PLANS = (
    Plan("first-pingreq", "begins with PINGREQ", says(_CONNECT, _first_ping), "3.1.0-1", "3.1.0-1"),
    Plan("first-disconnect", "begins with DISCONNECT", says(_CONNECT, lambda p, t: [Disconnect(), p]), "3.1.0-1", ""),
    Plan(
        "first-subscribe",
        "subscribes before it connects",
        says(_CONNECT, lambda p, t: [Subscribe(1, ()), p]),
        "",
        "3.1.0-1",
    ),
    Plan(
        "protocol-mqtt-small",
        "calls the protocol mqtt",
        says(_CONNECT, having(protocol_name="mqtt")),
        "",
        "3.1.2-1",
    ),
    Plan(
        "will-flag-without-will",
        "sets the Will Flag without will topic and message",
        says(_CONNECT, _no_will_fields),
        "3.1.2-9",
        "3.1.2-9",
    ),
    Plan(
        "will-fields-without-flag",
        "sends a will whose flag is 0",
        says(_CONNECT, _field_without(_WILL | _WILL_QOS | _WILL_RETAIN, _willing)),
        "3.1.2-11",
        "",
    ),
    Plan(
        "will-qos-without-will",
        "sets a Will QoS without will",
        says(_CONNECT, _flag_without(0x08, _willing)),
        "3.1.2-13",
        "3.1.2-11",
    ),
    Plan("will-qos-3", "asks for Will QoS 3", says(_CONNECT, _wrong_will(qos=3)), "3.1.2-14", "3.1.2-12"),
    Plan(
        "will-retain-without-will",
        "sets Will Retain without will",
        says(_CONNECT, _flag_without(_WILL_RETAIN, _willing)),
        "3.1.2-15",
        "3.1.2-13",
    ),
    Plan(
        "user-name-without-flag",
        "sends a user name whose flag is 0",
        says(_CONNECT, _when(_named, _with_flags(lambda flags: flags & ~_USERNAME))),
        "3.1.2-18",
        "3.1.2-16",
    ),
    Plan(
        "user-name-flag-alone",
        "sets the User Name Flag without a user name",
        says(_CONNECT, _flag_without(_USERNAME, _named)),
        "3.1.2-19",
        "3.1.2-17",
    ),
    Plan(
        "password-without-flag",
        "sends a password whose flag is 0",
        says(_CONNECT, _field_without(_PASSWORD, _secret)),
        "3.1.2-20",
        "3.1.2-18",
    ),
    Plan(
        "password-flag-alone",
        "sets the Password Flag without a password",
        says(_CONNECT, _flag_without(_PASSWORD, _secret)),
        "3.1.2-21",
        "3.1.2-19",
    ),
    Plan(
        "password-without-user-name",
        "sends a password and no user name",
        says(_CONNECT, _when(_secret, lambda packet, tap: alter(packet, username=None))),
        "3.1.2-22",
        "",
    ),
    Plan("no-pingreq", "sends no PINGREQ", _Lazy, "3.1.2-23", "3.1.2-20"),
    Plan(
        "deaf-to-server-keep-alive",
        "keeps to its own Keep Alive",
        hears(Connack, _without_server_keep_alive),
        "",
        "3.1.2-21",
    ),
    Plan(
        "deaf-to-server-keep-alive-in-connack",
        "overlooks Server Keep Alive",
        hears(Connack, _without_server_keep_alive),
        "",
        "3.2.2-21",
    ),
    Plan("publishes-while-authenticating", "publishes before CONNACK", _Early, "", "3.1.2-30"),
    Plan(
        "payload-backwards",
        "sends the fields of its payload backwards",
        says(_CONNECT, _backwards),
        "3.1.3-1",
        "3.1.3-1",
    ),
    Plan("no-client-id", "leaves the client id out", says(_CONNECT, _no_client_id), "3.1.3-3", "3.1.3-3"),
    Plan("another-id-each-time", "has another client id each time", _OtherId, "3.1.3-2", "3.1.3-2"),
    Plan(
        "client-id-ill-formed",
        "sends a client id of ill-formed UTF-8",
        says(_CONNECT, lambda packet, tap: alter(packet, client_id=_ill(packet.client_id))),
        "3.1.3-4",
        "3.1.3-4",
    ),
    Plan("empty-id-stored", "wants a session kept without a client id", _EmptyIdStored, "3.1.3-7", ""),
    Plan(
        "will-topic-ill-formed",
        "sends a will topic of ill-formed UTF-8",
        says(_CONNECT, _ill_will),
        "3.1.3-10",
        "3.1.3-11",
    ),
    Plan(
        "user-name-ill-formed",
        "sends a user name of ill-formed UTF-8",
        says(_CONNECT, _when(_named, lambda packet, tap: alter(packet, username=_ill(packet.username)))),
        "3.1.3-11",
        "3.1.3-12",
    ),
    Plan("any-session-present", "goes on with a session that it does not have", _SessionOfOurs, "", "3.2.2-4"),
)
