"""Changes to single packets that faults are put together from, and what tells packets apart."""

from __future__ import annotations

from typing import Any, TypeGuard

from msgspec.structs import replace

from testbed.mqtt.faults.tap import Change, Out, PacketTap
from testbed.mqtt.packets import Packet
from testbed.mqtt.properties import PropertyValue, get


def alter(packet: Any, **fields: Any) -> Any:
    """The packet with other `fields`; what restates them as a whole byte is dropped."""
    for stated in ("form", "acknowledge_flags", "connect_flags"):
        if stated in packet.__struct_fields__:
            fields.setdefault(stated, None)
    return replace(packet, **fields)


def swallow(packet: Packet, tap: PacketTap) -> Out:
    """Nothing goes on."""
    return []


def twice(packet: Packet, tap: PacketTap) -> Out:
    """It comes twice."""
    return [packet, packet]


def having(**fields: Any) -> Change:
    """The packet with other fields; untouched when it has these already."""

    def change(packet: Any, tap: PacketTap) -> Packet:
        other = alter(packet, **fields)
        return packet if other == packet else other

    return change


def other_id(packet: Any, tap: PacketTap) -> Packet:
    """The packet with the packet identifier that comes next."""
    return alter(packet, packet_id=packet.packet_id % 0xFFFF + 1)


# -- properties


def without(packet: Any, *names: int) -> Any:
    """The packet less these properties; the packet itself when it has none of them."""
    kept = tuple(entry for entry in packet.properties if entry[0] not in names)
    return packet if kept == packet.properties else alter(packet, properties=kept)


def setting(packet: Any, name: int, value: PropertyValue) -> Any:
    """The packet with property `name` at `value`, once."""
    kept = tuple(entry for entry in packet.properties if entry[0] != name)
    return alter(packet, properties=(*kept, (int(name), value)))


def dropping(*names: int) -> Change:
    """The packet less these properties."""
    return lambda packet, tap: without(packet, *names)


def carrying(name: int, value: PropertyValue) -> Change:
    """The packet with property `name` at `value`."""
    return lambda packet, tap: setting(packet, name, value)


def has(name: int) -> Any:
    """Whether a packet carries property `name`, for `where`."""
    return lambda packet, tap: get(packet.properties, name) is not None


def asked(tap: PacketTap, name: int, default: Any = None) -> Any:
    """A property of the tester's CONNECT."""
    return get(tap.connect.properties, name, default) if tap.connect else default


# -- topics


def is_wild(text: Any) -> TypeGuard[str]:
    """Whether a topic or filter holds a wildcard."""
    return isinstance(text, str) and ("+" in text or "#" in text)
