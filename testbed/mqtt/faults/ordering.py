"""Faults in the order of deliveries."""

from __future__ import annotations

from typing import Any

from testbed.mqtt.faults.tap import Out, PacketTap, Plan
from testbed.mqtt.packets import (
    Packet,
    Publish,
)


class _Swapped(PacketTap):
    """Delivers every other message before the one that it came after."""

    qos = (0, 1, 2)
    dup: bool | None = None

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.held: Publish | None = None

    def moved(self, packet: Publish) -> bool:
        """Whether a message is one to change the order of."""
        return packet.qos in self.qos and not packet.retain and self.dup in (None, packet.dup)

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and self.moved(packet):
            if self.held is None:
                self.held = packet
                return []
            first, self.held = self.held, None
            if first.topic == packet.topic and first.qos == packet.qos:
                self.damage()
                return [packet, first]
            return [first, packet]
        if self.held is None:
            return [packet]
        held, self.held = self.held, None
        return [held, packet]

    def ask(self, packet: Packet) -> Out:
        if self.held is not None:
            held, self.held = self.held, None
            self.say(held)
        return [packet]

    def dut_closed(self) -> None:
        if self.held is not None:
            held, self.held = self.held, None
            self.say(held)
        super().dut_closed()


class _SwappedAtQosZero(_Swapped):
    qos = (0,)


class _SwappedAgain(_Swapped):
    """Sends again in another order."""

    qos = (1, 2)
    dup = True


PLANS = (
    Plan("order-swapped", "delivers pairs of messages in the wrong order", _Swapped, "4.6.0-6", "4.6.0-5"),
    Plan(
        "order-swapped-at-qos-0",
        "delivers pairs of messages of QoS 0 in the wrong order",
        _SwappedAtQosZero,
        "4.6.0-5",
        "4.6.0-6",
    ),
    Plan("order-swapped-again", "sends messages again in another order", _SwappedAgain, "4.6.0-6", ""),
)
