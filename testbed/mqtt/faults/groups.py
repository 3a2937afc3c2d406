"""Faults in shared subscriptions: QoS, deliveries begun and refused (5.0)."""

from __future__ import annotations

from typing import Any

from testbed.mqtt.faults.changes import alter
from testbed.mqtt.faults.tap import Out, PacketTap, Plan
from testbed.mqtt.packets import (
    Packet,
    Puback,
    Publish,
    Pubrec,
    Suback,
    Subscribe,
)


class _Group(PacketTap):
    """Knows the other members of shared subscriptions in this cell."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.shared: set[Any] = set()
        self.sent: dict[int, Publish] = {}

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Subscribe):
            found = {one.filter for one in packet.subscriptions if str(one.filter).startswith("$share/")}
            if found:
                self.shared |= found
                self.planted.memory.setdefault("group", {})[id(self)] = self
        return [packet]

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and packet.qos and packet.packet_id is not None and self.shared:
            self.sent[packet.packet_id] = packet
        return [packet]

    def pass_on(self, packet: Publish) -> None:
        """Give a message of this member to another one."""
        for tap in self.planted.memory.get("group", {}).values():
            if tap is not self and tap.shared & self.shared:
                self.damage()
                tap.say(alter(packet, qos=0, packet_id=None, dup=False))
                return


class _RefusedPassedOn(_Group):
    """Gives a message that one member refused to another member."""

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Puback | Pubrec) and packet.code >= 0x80 and packet.packet_id in self.sent:
            self.pass_on(self.sent[packet.packet_id])
        return super().ask(packet)


class _UnfinishedPassedOn(_Group):
    """Gives a message of QoS 2 that one member has begun to take to another one when the first is gone."""

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Pubrec):
            self.sent.pop(packet.packet_id, None)
        return super().ask(packet)

    def tester_closed(self, abruptly: bool) -> None:
        for packet in self.sent.values():
            if packet.qos == 2:
                self.pass_on(packet)
        self.sent.clear()
        super().tester_closed(abruptly)


class _GroupUpgraded(_Group):
    """Delivers to members at QoS 2, whatever it granted them."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.asked: dict[int, tuple[int, ...]] = {}

    def ask(self, packet: Packet) -> Out:
        super().ask(packet)
        if not isinstance(packet, Subscribe) or not self.shared or all(one.qos == 2 for one in packet.subscriptions):
            return [packet]
        self.damage()
        self.asked[packet.packet_id] = tuple(one.qos for one in packet.subscriptions)
        return [alter(packet, subscriptions=tuple(alter(one, qos=2) for one in packet.subscriptions))]

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Suback) and packet.packet_id in self.asked:
            return [alter(packet, codes=self.asked.pop(packet.packet_id))]
        return [packet]


class _GroupDowngraded(_Group):
    """Delivers to members at QoS 0, whatever it granted them."""

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and packet.qos and self.shared:
            self.damage()
            self.absorb(packet)
            return [alter(packet, qos=0, packet_id=None, dup=False)]
        return [packet]


class _GroupForgets(_Group):
    """Does not finish a delivery of QoS 2 to a member that comes back."""

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Subscribe) and any(
            str(one.filter).startswith("$share/") for one in packet.subscriptions
        ):
            self.planted.memory["member", self.client] = True
        return super().ask(packet)

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and packet.dup and ("member", self.client) in self.planted.memory:
            self.damage()
            self.absorb(packet)
            return []
        return super().answer(packet)


PLANS = (
    Plan("group-upgraded", "delivers to a group above the QoS that it granted", _GroupUpgraded, "", "4.8.2-3"),
    Plan("group-downgraded", "delivers to a group at QoS 0", _GroupDowngraded, "", "4.8.2-3"),
    Plan("group-forgets", "does not finish QoS 2 with a member that comes back", _GroupForgets, "", "4.8.2-4"),
    Plan("group-passes-on", "gives to another member what one began to take", _UnfinishedPassedOn, "", "4.8.2-5"),
    Plan("group-passes-refused-on", "gives to another member what one refused", _RefusedPassedOn, "", "4.8.2-6"),
)
