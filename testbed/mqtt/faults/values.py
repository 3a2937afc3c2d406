"""Faults in which properties a broker puts up with: wrong ones are taken out on their way to it (5.0)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from testbed.mqtt.faults.changes import alter, without
from testbed.mqtt.faults.tap import Make, PacketTap, Plan, asks
from testbed.mqtt.packets import Connect, Disconnect, Packet, Publish, Subscribe, Unsubscribe
from testbed.mqtt.properties import TABLE, Property, PropertyValue, get

_ASKING = (Connect, Publish, Subscribe, Unsubscribe, Disconnect)
#: Properties whose value is a truth: 0 or 1.
_TRUTHS = (
    Property.PAYLOAD_FORMAT_INDICATOR,
    Property.REQUEST_PROBLEM_INFORMATION,
    Property.REQUEST_RESPONSE_INFORMATION,
)


def _kept(keep: Callable[[Any, int, PropertyValue], bool], *kinds: type) -> Make:
    """A fault that takes out the properties that are not to be kept."""

    def change(packet: Any, tap: PacketTap) -> Packet:
        block = tuple((name, value) for name, value in packet.properties if keep(packet, name, value))
        return packet if block == packet.properties else alter(packet, properties=block)

    return asks(kinds or _ASKING, change)


def _not_zero(*names: int) -> Callable[[Any, int, PropertyValue], bool]:
    return lambda packet, name, value: name not in names or value != 0


def has_method(packet: Connect) -> bool:
    """Whether a CONNECT names an Authentication Method."""
    return get(packet.properties, Property.AUTHENTICATION_METHOD) is not None


def _once(packet: Any, tap: PacketTap) -> Packet:
    block, seen = [], set()
    for name, value in packet.properties:
        if name not in seen or name == Property.USER_PROPERTY:
            block.append((name, value))
        seen.add(name)
    return packet if len(block) == len(packet.properties) else alter(packet, properties=tuple(block))


def _no_alias_zero(packet: Any, tap: PacketTap) -> Packet:
    if get(packet.properties, Property.TOPIC_ALIAS) != 0:
        return packet
    return alter(without(packet, Property.TOPIC_ALIAS), topic=packet.topic or "_")


class _AliasAboveMaximum(PacketTap):
    """Takes topic aliases above the maximum that it announced."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.most = 0

    def answer(self, packet: Packet) -> list[Packet | bytes]:
        if packet.kind == "CONNACK":
            self.most = get(packet.properties, Property.TOPIC_ALIAS_MAXIMUM, 0)  # type: ignore[union-attr]
        return [packet]

    def ask(self, packet: Packet) -> list[Packet | bytes]:
        if isinstance(packet, Publish) and get(packet.properties, Property.TOPIC_ALIAS, 0) > self.most:
            self.damage()
            return [alter(without(packet, Property.TOPIC_ALIAS), topic=packet.topic or "_")]
        return [packet]


PLANS = (
    Plan(
        "takes-misplaced-properties",
        "takes properties that the packet cannot have",
        _kept(lambda packet, name, value: packet.kind in TABLE[Property(name)].packets),
        "",
        "4.13.1-1",
    ),
    Plan("takes-repeated-properties", "takes a property twice", asks(_ASKING, _once), "", "4.13.1-1"),
    Plan(
        "takes-receive-maximum-0",
        "takes a Receive Maximum of 0",
        _kept(_not_zero(Property.RECEIVE_MAXIMUM), Connect),
        "",
        "4.13.1-1",
    ),
    Plan(
        "takes-maximum-packet-size-0",
        "takes a Maximum Packet Size of 0",
        _kept(_not_zero(Property.MAXIMUM_PACKET_SIZE), Connect),
        "",
        "4.13.1-1",
    ),
    Plan(
        "takes-subscription-identifier-0",
        "takes a Subscription Identifier of 0",
        _kept(_not_zero(Property.SUBSCRIPTION_IDENTIFIER), Subscribe),
        "",
        "4.13.1-1",
    ),
    Plan(
        "takes-truth-2",
        "takes a 2 where only 0 and 1 have a meaning",
        _kept(lambda packet, name, value: name not in _TRUTHS or value in (0, 1)),
        "",
        "4.13.1-1",
    ),
    Plan("takes-alias-0", "takes topic alias 0", asks(Publish, _no_alias_zero), "", "3.3.2-8"),
    Plan("takes-alias-above-maximum", "takes topic aliases above its maximum", _AliasAboveMaximum, "", "4.13.1-1"),
    Plan(
        "takes-authentication-data-alone",
        "takes Authentication Data without a method",
        _kept(lambda packet, name, value: name != Property.AUTHENTICATION_DATA or has_method(packet), Connect),
        "",
        "4.13.1-1",
    ),
)
