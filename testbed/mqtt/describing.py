"""Packets in one line, for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from testbed.mqtt.packets import (
    KINDS,
    Connect,
    Malformed,
    Packet,
    Publish,
    Raw,
    Subscribe,
    Subscription,
    Will,
)
from testbed.mqtt.properties import TABLE, Property, props
from testbed.mqtt.reasons import ReturnCode, name

#: Characters of a description; a longer one ends in an ellipsis.
LONGEST = 300
_SHOWN = 24


def describe(packet: Packet | bytes) -> str:
    """`packet` in one line of at most 300 printable characters.

    >>> describe(Publish("a/b", b"hello", qos=1, packet_id=7))
    "PUBLISH topic='a/b' qos=1 id=7 payload=5 B b'hello'"
    """
    if isinstance(packet, bytes):
        line = f"bytes {_bytes(packet)}"
    else:
        words = _WORDS.get(packet.__class__, _fields)(packet)
        line = " ".join((packet.kind, *words))
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def _text(value: Any) -> str:
    if isinstance(value, str):
        value = value if len(value) <= 80 else f"{value[:79]}…"
        return ascii(value) if not value.isprintable() else repr(value)
    return _bytes(value) if isinstance(value, bytes) else repr(value)


def _bytes(data: bytes) -> str:
    """`5 B b'hello'`, hexadecimal when it is no text."""
    if not data:
        return "0 B"
    head = data[:_SHOWN]
    more = "…" if len(data) > _SHOWN else ""
    plain = all(0x20 <= byte < 0x7F for byte in head)
    return f"{len(data)} B {head!r}{more}" if plain else f"{len(data)} B {head.hex(' ')}{more}"


def _properties(properties: Any) -> list[str]:
    if not properties:
        return []
    words: list[str] = []
    for key, value in props(properties if isinstance(properties, Mapping) else properties[:16]):
        title = Property(key).title if key in TABLE else f"0x{key:02X}"
        if isinstance(value, tuple):
            words.append(f"{title}: {'='.join(_text(part) for part in value)}")
        else:
            words.append(f"{title}: {_text(value)}")
    return [f"{{{', '.join(words)}}}"]


def _flags(packet: Any) -> list[str]:
    return [] if packet.flags is None else [f"flags={packet.flags:#x}"]


def _connect(packet: Connect) -> list[str]:
    words = [f"id={_text(packet.client_id)}", f"keep-alive={packet.keep_alive} s"]
    if packet.protocol_name != "MQTT" or packet.protocol_level is not None:
        words.append(f"protocol={_text(packet.protocol_name)}/{packet.protocol_level}")
    words += ["clean"] * packet.clean_start + ["reserved"] * packet.reserved
    if packet.connect_flags is not None:
        words.append(f"connect-flags=0x{packet.connect_flags:02X}")
    if packet.username is not None:
        words.append(f"user={_text(packet.username)}")
    if packet.password is not None:
        words.append(f"password={len(packet.password)} B")
    if packet.will is not None:
        words.append(f"will=({' '.join(_will(packet.will))})")
    return words + _properties(packet.properties) + _flags(packet)


def _will(will: Will) -> list[str]:
    words = [f"topic={_text(will.topic)}", f"qos={will.qos}", *["retain"] * will.retain]
    return [*words, f"payload={_bytes(will.payload)}", *_properties(will.properties)]


def _publish(packet: Publish) -> list[str]:
    words = [f"topic={_text(packet.topic)}", f"qos={packet.qos}"]
    if packet.packet_id is not None:
        words.append(f"id={packet.packet_id}")
    words += ["retain"] * packet.retain + ["dup"] * packet.dup
    words.append(f"payload={_bytes(packet.payload)}")
    return words + _properties(packet.properties) + _flags(packet)


def _subscription(one: Subscription) -> str:
    words = [_text(one.filter), f"qos={one.qos}"]
    words += ["no-local"] * one.no_local + ["retain-as-published"] * one.retain_as_published
    if one.retain_handling:
        words.append(f"retain-handling={one.retain_handling}")
    if one.options is not None:
        words.append(f"options=0x{one.options:02X}")
    return " ".join(words)


def _subscribe(packet: Subscribe) -> list[str]:
    filters = ", ".join(_subscription(one) for one in packet.subscriptions[:_SHOWN])
    return [f"id={packet.packet_id}", f"[{filters}]", *_properties(packet.properties), *_flags(packet)]


def _code(code: int, kind: str) -> str:
    # A return code of 3.1.1 has no bit 7; 5.0 gives CONNACK none of 1 to 127.
    if kind == "CONNACK" and 0 < code <= 5:
        return f"0x{code:02X} {ReturnCode(code).name.replace('_', ' ').capitalize()}"
    title = name(code, kind)
    return title if title.startswith("0x") else f"0x{code:02X} {title}"


def _fields(packet: Any) -> list[str]:
    """What acknowledgements, UNSUBSCRIBE, pings, DISCONNECT and AUTH have in common."""
    words: list[str] = []
    if hasattr(packet, "packet_id"):
        words.append(f"id={packet.packet_id}")
    if hasattr(packet, "session_present"):
        words += ["session-present"] * packet.session_present
    if getattr(packet, "acknowledge_flags", None) is not None:
        words.append(f"acknowledge-flags=0x{packet.acknowledge_flags:02X}")
    if hasattr(packet, "code"):
        words.append(f"code={_code(packet.code, packet.kind)}")
    if hasattr(packet, "codes"):
        words.append(f"[{', '.join(_code(code, packet.kind) for code in packet.codes[:_SHOWN])}]")
    if hasattr(packet, "filters"):
        words.append(f"[{', '.join(_text(one) for one in packet.filters[:_SHOWN])}]")
    return words + _properties(getattr(packet, "properties", ())) + _flags(packet)


def _raw(packet: Raw) -> list[str]:
    length = "" if packet.length is None else f" length={packet.length[:8].hex(' ')}"
    return [f"first=0x{packet.first:02X}{length}", f"body={_bytes(packet.body)}"]


def _malformed(packet: Malformed) -> list[str]:
    return [f"{KINDS.get(packet.type, f'type {packet.type}')}: {packet.problem};", _bytes(packet.raw)]


_WORDS: dict[type, Any] = {
    Connect: _connect,
    Publish: _publish,
    Subscribe: _subscribe,
    Raw: _raw,
    Malformed: _malformed,
}
