"""Sparkplug B payloads between values and bytes, through the protobuf runtime: no socket, no clock, no judgement.

`decode` never raises: what is no payload, or is larger or deeper than any sensible one, is an `Unreadable` value.
"""

from __future__ import annotations

from typing import Any

import msgspec
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

from testbed.mqtt.wire import Text
from testbed.sparkplug import payload as values
from testbed.sparkplug.payload import Payload, Unknown, Unreadable, Value
from testbed.sparkplug.schema import CLASSES, TABLE

#: Messages (metrics, properties, rows, cells of data sets...) in one payload; a longer one is unreadable.
MOST_MESSAGES = 20_000
#: Depth of messages in one payload; the runtime itself stops at 100.
DEEPEST = 40

_VALUES: dict[str, type] = {name: getattr(values, name) for name in TABLE}
#: Fields that hold bytes which are no text.
_BINARY = {("Payload", "body"), ("Metric", "bytes_value")}


class _TooMuch(Exception):
    """More than can be sensible."""


def encode(payload: Payload) -> bytes:
    """A payload as bytes. ValueError when a number does not fit into its field."""
    return _filled("Payload", payload).SerializeToString(deterministic=True)


def decode(data: bytes) -> Payload | Unreadable:
    """Bytes as a payload."""
    message = CLASSES["Payload"]()
    try:
        message.ParseFromString(data)
        return _read("Payload", message, [MOST_MESSAGES], DEEPEST)
    except DecodeError:
        return Unreadable(data, "it is no protobuf message")
    except _TooMuch as much:
        return Unreadable(data, str(much))


# -- values to messages


def _filled(name: str, value: Any) -> Any:
    message = CLASSES[name]()
    for _, field, kind, mark in TABLE[name]:
        if mark == "|":
            if value.value is not None and _field(value.value) == field:
                _set(message, field, kind, value.value.value)
            continue
        given = getattr(value, field)
        if mark == "*":
            getattr(message, field).extend(_scalar(kind, one) for one in given)
        elif given is not None:
            _set(message, field, kind, given)
    if value.unknown:
        message.MergeFromString(b"".join(_unknown(one) for one in value.unknown))
    return message


def _field(value: Value) -> str:
    return f"{value.kind}_value"


def _scalar(kind: str, value: Any) -> Any:
    if kind in TABLE:
        return _filled(kind, value)
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value


def _set(message: Any, field: str, kind: str, value: Any) -> None:
    if kind in TABLE:
        getattr(message, field).CopyFrom(_filled(kind, value))
        # An empty message is there too.
        getattr(message, field).SetInParent()
    else:
        setattr(message, field, _scalar(kind, value))


def _unknown(field: Unknown) -> bytes:
    number, wire, data = field
    key = _varint(number << 3 | wire)
    if isinstance(data, bytes):
        return key + _varint(len(data)) + data
    if wire == 0:
        return key + _varint(data)
    return key + data.to_bytes(8 if wire == 1 else 4, "little")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


# -- messages to values


def _read(name: str, message: Any, left: list[int], depth: int) -> Any:
    left[0] -= 1
    if left[0] < 0:
        raise _TooMuch(f"it holds more than {MOST_MESSAGES} messages")
    if depth < 0:
        raise _TooMuch(f"it is more than {DEEPEST} messages deep")
    found: dict[str, Any] = {}
    for _, field, kind, mark in TABLE[name]:
        if mark == "*":
            items = getattr(message, field)
            found[field] = tuple(_item(name, field, kind, item, left, depth) for item in items)
        elif message.HasField(field):
            item = _item(name, field, kind, getattr(message, field), left, depth)
            if mark == "|":
                found["value"] = Value(field.removesuffix("_value"), item)
            else:
                found[field] = item
    unknown = tuple(_kept(one) for one in UnknownFieldSet(message))
    if unknown:
        found["unknown"] = unknown
    return _VALUES[name](**found)


def _item(name: str, field: str, kind: str, item: Any, left: list[int], depth: int) -> Any:
    if kind in TABLE:
        return _read(kind, item, left, depth - 1)
    if kind == "text" and (name, field) not in _BINARY:
        return _text(item)
    return item


def _text(data: bytes) -> Text:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _kept(field: Any) -> Unknown:
    data = field.data
    if isinstance(data, int | bytes):
        return field.field_number, field.wire_type, data
    # A group, which nobody has written for many years: its number is all that is kept.
    return field.field_number, 2, b""


def changed(payload: Payload, **fields: Any) -> Payload:
    """The payload with other fields."""
    return msgspec.structs.replace(payload, **fields)
