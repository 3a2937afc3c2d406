"""Faults in how a client keeps to what the server announces in CONNACK (5.0)."""

from __future__ import annotations

from typing import Any

from testbed.mqtt.faults.changes import alter, dropping, setting, without
from testbed.mqtt.faults.tap import Out, PacketTap, Plan, hears
from testbed.mqtt.packets import Auth, Connack, Disconnect, Packet, Puback, Pubcomp, Publish, Pubrec, Pubrel
from testbed.mqtt.properties import Property, get


class _Announced(PacketTap):
    """Knows what the CONNACK announced."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.connack: Connack | None = None

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Connack):
            self.connack = packet
        return [packet]

    def told(self, name: Property, default: int) -> int:
        """A property of the CONNACK."""
        return get(self.connack.properties, name, default) if self.connack else default


class _AliasAbove(_Announced):
    """Uses a topic alias one above the server's maximum."""

    def answer(self, packet: Packet) -> Out:
        most = self.told(Property.TOPIC_ALIAS_MAXIMUM, 0)
        if isinstance(packet, Publish) and most and packet.topic:
            self.damage()
            return [setting(packet, Property.TOPIC_ALIAS, min(most + 1, 0xFFFF))]
        return [packet]


class _AliasUnasked(_Announced):
    """Uses a topic alias although the server takes none."""

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and self.connack and not self.told(Property.TOPIC_ALIAS_MAXIMUM, 0):
            self.damage()
            return [setting(packet, Property.TOPIC_ALIAS, 1)]
        return [packet]


class _Retains(_Announced):
    """Publishes with RETAIN 1 although the server keeps nothing."""

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and self.told(Property.RETAIN_AVAILABLE, 1) == 0:
            self.damage()
            return [alter(packet, retain=True)]
        return [packet]


class _Above(_Announced):
    """Publishes with one QoS more than the server takes."""

    def answer(self, packet: Packet) -> Out:
        best = self.told(Property.MAXIMUM_QOS, 2)
        if isinstance(packet, Publish) and best < 2:
            self.damage()
            return [alter(packet, qos=best + 1, packet_id=packet.packet_id or 77)]
        return [packet]


class _Large(_Announced):
    """Makes what it sends larger than the server takes, by a property."""

    kind: type = Puback
    name: Property = Property.REASON_STRING

    def answer(self, packet: Packet) -> Out:
        most = self.told(Property.MAXIMUM_PACKET_SIZE, 0)
        if not most or not isinstance(packet, self.kind):
            return [packet]
        self.damage()
        value = "x" * most
        pair = self.name is Property.USER_PROPERTY
        return [setting(packet, self.name, (value, "") if pair else value)]


def _large(packet: type, property: Property) -> type[_Large]:
    return type("_Large", (_Large,), {"kind": packet, "name": property})


class _AliasesCarriedOver(PacketTap):
    """Takes an alias on a new connection for the topic that it stood for on the one before."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.set_here: set[int] = set()

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and (alias := get(packet.properties, Property.TOPIC_ALIAS)) is not None:
            known = self.planted.memory.setdefault("aliases", {})
            if packet.topic:
                known[alias] = packet.topic
            elif alias in known and alias not in self.set_here:
                self.damage()
                return [without(alter(packet, topic=known[alias]), Property.TOPIC_ALIAS)]
            self.set_here.add(alias)
        return [packet]


class _DeafToAliases(PacketTap):
    """Takes no alias but the lowest."""

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and get(packet.properties, Property.TOPIC_ALIAS, 0) > 1:
            self.damage()
            return []
        return [packet]


class _QuotaHoldsAll(_Announced):
    """With no quota left, sends nothing at all."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.open: set[int] = set()

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Puback | Pubcomp):
            self.open.discard(packet.packet_id)
        return super().ask(packet)

    def answer(self, packet: Packet) -> Out:
        most = self.told(Property.RECEIVE_MAXIMUM, 65_535)
        if isinstance(packet, Publish) and packet.qos and packet.packet_id is not None:
            self.open.add(packet.packet_id)
        elif len(self.open) >= most and packet.kind != "CONNECT":
            self.damage()
            return []
        return [packet]


#: Packet -> the numbers on a Reason String and a User Property that make it too large.
_GROWTH = {
    Puback: ("3.4.2-2", "3.4.2-3"),
    Pubrec: ("3.5.2-2", "3.5.2-3"),
    Pubrel: ("3.6.2-2", "3.6.2-3"),
    Pubcomp: ("3.7.2-2", "3.7.2-3"),
    Disconnect: ("3.14.2-3", "3.14.2-4"),
    Auth: ("3.15.2-2", "3.15.2-3"),
}
_NO_LIMIT = hears(Connack, dropping(Property.RECEIVE_MAXIMUM))
_NO_SIZE = hears(Connack, dropping(Property.MAXIMUM_PACKET_SIZE))

PLANS = (
    Plan("alias-above-maximum", "uses an alias above the maximum", _AliasAbove, "", "3.2.2-17"),
    Plan("alias-one-above", "uses the alias after the last", _AliasAbove, "", "3.3.2-9"),
    Plan("alias-unasked", "uses an alias that nobody takes", _AliasUnasked, "", "3.2.2-18"),
    Plan("aliases-carried-over", "takes an alias of another connection", _AliasesCarriedOver, "", "3.3.2-7"),
    Plan("deaf-to-aliases", "takes the lowest alias alone", _DeafToAliases, "", "3.3.2-10"),
    Plan("retains-all-the-same", "publishes with RETAIN 1 all the same", _Retains, "", "3.2.2-14"),
    Plan("qos-above-maximum", "publishes above Maximum QoS", _Above, "", "3.2.2-11"),
    Plan("deaf-to-maximum-packet-size", "overlooks Maximum Packet Size", _NO_SIZE, "", "3.2.2-15"),
    Plan("deaf-to-receive-maximum", "overlooks Receive Maximum", _NO_LIMIT, "", "3.3.4-7"),
    Plan("quota-without-limit", "begins with a quota above Receive Maximum", _NO_LIMIT, "", "4.9.0-1"),
    Plan("publishes-without-quota", "publishes without quota", _NO_LIMIT, "", "4.9.0-2"),
    Plan("quota-holds-all", "sends nothing without quota", _QuotaHoldsAll, "", "4.9.0-3"),
    Plan("quota-delays-all", "delays all packets without quota", _QuotaHoldsAll, "", "3.3.4-8"),
    *(
        Plan(
            f"{packet.kind.lower()}-grows-by-{name.title.lower().replace(' ', '-')}",
            f"adds a {name.title} to {packet.kind} that makes it too large",
            _large(packet, name),
            "",
            number,
        )
        for packet, numbers in _GROWTH.items()
        for number, name in zip(numbers, (Property.REASON_STRING, Property.USER_PROPERTY), strict=True)
    ),
)
