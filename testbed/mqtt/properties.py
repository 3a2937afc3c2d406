"""The properties of MQTT 5.0 (section 2.2.2): their names, their table, and their blocks on the wire.

A block is a tuple of (identifier, value) that keeps order and duplicates. `props` makes one from a dict:
`props({Property.TOPIC_ALIAS: 3, Property.USER_PROPERTY: [("a", "1"), ("a", "2")]})`; a list repeats.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from testbed.mqtt.wire import (
    TOO_SHORT,
    Ill,
    Text,
    number,
    read_binary,
    read_byte,
    read_four,
    read_pair,
    read_text,
    read_two,
    read_varint,
    text,
    varint,
)

#: int for the integers, Text for strings, bytes for binary data, a pair of Text for string pairs.
PropertyValue = int | Text | tuple[Text, Text]
Properties = tuple[tuple[int, PropertyValue], ...]


class Property(enum.IntEnum):
    """Property identifiers (5.0 table 2-4)."""

    PAYLOAD_FORMAT_INDICATOR = 0x01
    MESSAGE_EXPIRY_INTERVAL = 0x02
    CONTENT_TYPE = 0x03
    RESPONSE_TOPIC = 0x08
    CORRELATION_DATA = 0x09
    SUBSCRIPTION_IDENTIFIER = 0x0B
    SESSION_EXPIRY_INTERVAL = 0x11
    ASSIGNED_CLIENT_IDENTIFIER = 0x12
    SERVER_KEEP_ALIVE = 0x13
    AUTHENTICATION_METHOD = 0x15
    AUTHENTICATION_DATA = 0x16
    REQUEST_PROBLEM_INFORMATION = 0x17
    WILL_DELAY_INTERVAL = 0x18
    REQUEST_RESPONSE_INFORMATION = 0x19
    RESPONSE_INFORMATION = 0x1A
    SERVER_REFERENCE = 0x1C
    REASON_STRING = 0x1F
    RECEIVE_MAXIMUM = 0x21
    TOPIC_ALIAS_MAXIMUM = 0x22
    TOPIC_ALIAS = 0x23
    MAXIMUM_QOS = 0x24
    RETAIN_AVAILABLE = 0x25
    USER_PROPERTY = 0x26
    MAXIMUM_PACKET_SIZE = 0x27
    WILDCARD_SUBSCRIPTION_AVAILABLE = 0x28
    SUBSCRIPTION_IDENTIFIER_AVAILABLE = 0x29
    SHARED_SUBSCRIPTION_AVAILABLE = 0x2A

    @property
    def title(self) -> str:
        """The standard's spelling: `Topic Alias`."""
        return self.name.replace("_", " ").title().replace("Qos", "QoS")


class Wire(enum.StrEnum):
    """How a property's value looks on the wire (5.0 section 1.5)."""

    BYTE = "byte"
    TWO = "two byte integer"
    FOUR = "four byte integer"
    VARINT = "variable byte integer"
    STRING = "UTF-8 string"
    BINARY = "binary data"
    PAIR = "UTF-8 string pair"


class Rule(NamedTuple):
    """A row of 5.0 table 2-4. `packets` and `repeats` hold packet kinds, and `WILL` for will properties."""

    wire: Wire
    packets: frozenset[str]
    repeats: frozenset[str] = frozenset()


def _in(kinds: str) -> frozenset[str]:
    return frozenset(kinds.split())


_MESSAGE = _in("PUBLISH WILL")
_ACKS = _in("CONNACK PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK DISCONNECT AUTH")
_EVERY = _ACKS | _MESSAGE | _in("CONNECT SUBSCRIBE UNSUBSCRIBE")
_OPENING = _in("CONNECT CONNACK")
_CONNACK = _in("CONNACK")
_CONNECT = _in("CONNECT")

TABLE: dict[Property, Rule] = {
    Property.PAYLOAD_FORMAT_INDICATOR: Rule(Wire.BYTE, _MESSAGE),
    Property.MESSAGE_EXPIRY_INTERVAL: Rule(Wire.FOUR, _MESSAGE),
    Property.CONTENT_TYPE: Rule(Wire.STRING, _MESSAGE),
    Property.RESPONSE_TOPIC: Rule(Wire.STRING, _MESSAGE),
    Property.CORRELATION_DATA: Rule(Wire.BINARY, _MESSAGE),
    Property.SUBSCRIPTION_IDENTIFIER: Rule(Wire.VARINT, _in("PUBLISH SUBSCRIBE"), _in("PUBLISH")),
    Property.SESSION_EXPIRY_INTERVAL: Rule(Wire.FOUR, _in("CONNECT CONNACK DISCONNECT")),
    Property.ASSIGNED_CLIENT_IDENTIFIER: Rule(Wire.STRING, _CONNACK),
    Property.SERVER_KEEP_ALIVE: Rule(Wire.TWO, _CONNACK),
    Property.AUTHENTICATION_METHOD: Rule(Wire.STRING, _in("CONNECT CONNACK AUTH")),
    Property.AUTHENTICATION_DATA: Rule(Wire.BINARY, _in("CONNECT CONNACK AUTH")),
    Property.REQUEST_PROBLEM_INFORMATION: Rule(Wire.BYTE, _CONNECT),
    Property.WILL_DELAY_INTERVAL: Rule(Wire.FOUR, _in("WILL")),
    Property.REQUEST_RESPONSE_INFORMATION: Rule(Wire.BYTE, _CONNECT),
    Property.RESPONSE_INFORMATION: Rule(Wire.STRING, _CONNACK),
    Property.SERVER_REFERENCE: Rule(Wire.STRING, _in("CONNACK DISCONNECT")),
    Property.REASON_STRING: Rule(Wire.STRING, _ACKS),
    Property.RECEIVE_MAXIMUM: Rule(Wire.TWO, _OPENING),
    Property.TOPIC_ALIAS_MAXIMUM: Rule(Wire.TWO, _OPENING),
    Property.TOPIC_ALIAS: Rule(Wire.TWO, _in("PUBLISH")),
    Property.MAXIMUM_QOS: Rule(Wire.BYTE, _CONNACK),
    Property.RETAIN_AVAILABLE: Rule(Wire.BYTE, _CONNACK),
    Property.USER_PROPERTY: Rule(Wire.PAIR, _EVERY, _EVERY),
    Property.MAXIMUM_PACKET_SIZE: Rule(Wire.FOUR, _OPENING),
    Property.WILDCARD_SUBSCRIPTION_AVAILABLE: Rule(Wire.BYTE, _CONNACK),
    Property.SUBSCRIPTION_IDENTIFIER_AVAILABLE: Rule(Wire.BYTE, _CONNACK),
    Property.SHARED_SUBSCRIPTION_AVAILABLE: Rule(Wire.BYTE, _CONNACK),
}


def props(source: Mapping[Any, Any] | Iterable[tuple[int, PropertyValue]]) -> Properties:
    """A dict, or pairs, as properties. In a dict a list value says the property once per element."""
    if not isinstance(source, Mapping):
        return tuple(source)
    block: list[tuple[Any, Any]] = []
    for name, value in source.items():
        if isinstance(value, list):
            block.extend((name, one) for one in value)
        else:
            block.append((name, value))
    return tuple(block)


def get(properties: Properties, name: int, default: Any = None) -> Any:
    """The first value of property `name`, or `default`."""
    for found, value in properties:
        if found == name:
            return value
    return default


def get_all(properties: Properties, name: int) -> tuple[Any, ...]:
    """Every value of property `name`, in order."""
    return tuple(value for found, value in properties if found == name)


_WRITERS: dict[Wire, Callable[[Any, str], bytes]] = {
    Wire.BYTE: lambda value, name: number(value, 1, name),
    Wire.TWO: lambda value, name: number(value, 2, name),
    Wire.FOUR: lambda value, name: number(value, 4, name),
    Wire.VARINT: lambda value, name: varint(value),
    Wire.STRING: lambda value, name: text(value),
    Wire.BINARY: lambda value, name: text(value),
    Wire.PAIR: lambda value, name: text(value[0]) + text(value[1]),
}
_READERS: dict[Wire, Callable[[bytes, int], tuple[PropertyValue, int]]] = {
    Wire.BYTE: read_byte,
    Wire.TWO: read_two,
    Wire.FOUR: read_four,
    Wire.VARINT: read_varint,
    Wire.STRING: read_text,
    Wire.BINARY: read_binary,
    Wire.PAIR: read_pair,
}
# Identifier -> what the hot loops need of it, looked up once.
_WRITING = {
    int(key): (bytes((key,)), key.title, _WRITERS[rule.wire], rule.wire in (Wire.STRING, Wire.BINARY))
    for key, rule in TABLE.items()
}
_READING = {int(key): (key, _READERS[rule.wire]) for key, rule in TABLE.items()}


def write_block(properties: Properties | Mapping[Any, Any]) -> bytes:
    """A property block with its length (5.0 section 2.2.2).

    Bytes under an unknown identifier, or where an integer or a pair belongs, go onto the wire as they are:
    that is how a wrong property is said. ValueError when a value has no wire form.
    """
    if not properties:
        return b"\0"
    if isinstance(properties, Mapping):
        properties = props(properties)
    parts: list[bytes] = []
    for name, value in properties:
        entry = _WRITING.get(name)
        if entry is None:
            if not isinstance(value, bytes):
                raise ValueError(f"property 0x{name:02X} is unknown: give its value as bytes")
            parts += varint(name), value
            continue
        key, title, write, takes_bytes = entry
        if isinstance(value, bytes) and not takes_bytes:
            parts += key, value
            continue
        try:
            parts += key, write(value, title)
        except (AttributeError, TypeError, IndexError):
            raise ValueError(f"{title} cannot be {value!r:.60}: it is a {TABLE[Property(name)].wire}") from None
    block = b"".join(parts)
    return varint(len(block)) + block


def read_block(data: bytes, at: int) -> tuple[Properties, int]:
    """The property block at `at`; `Ill` when an identifier is unknown or the length of the block is wrong."""
    size = data[at]
    at += 1
    if size == 0:
        return (), at
    if size >= 0x80:
        size, at = read_varint(data, at - 1)
    end = at + size
    if end > len(data):
        raise Ill(f"the property length says {size} bytes, {len(data) - at} are left")
    block: list[tuple[int, PropertyValue]] = []
    while at < end:
        # All identifiers of the standard fit into one byte of the variable byte integer they are.
        entry = _READING.get(data[at])
        if entry is None:
            raise Ill(f"property 0x{data[at]:02X} is unknown")
        name, read = entry
        try:
            value, at = read(data, at + 1)
        except IndexError:
            raise Ill(f"{TOO_SHORT} ({name.title})") from None
        block.append((name, value))
    if at != end:
        raise Ill("the last property runs over the end of the property block")
    return tuple(block), at
