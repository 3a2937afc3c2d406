"""Faults in how a client leaves: DISCONNECT, and what follows it."""

from __future__ import annotations

from typing import Any

from testbed.mqtt.faults.changes import having
from testbed.mqtt.faults.tap import Out, PacketTap, Plan, hears, says
from testbed.mqtt.packets import Disconnect, Packet, Pingreq, Publish


class _Lingers(PacketTap):
    """Leaves the connection open after its DISCONNECT."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.gone = False

    def answer(self, packet: Packet) -> Out:
        self.gone = self.gone or isinstance(packet, Disconnect)
        return [packet]

    def dut_closed(self) -> None:
        if self.gone:
            self.damage()
        else:
            super().dut_closed()


class _LingersAfterAnError(_Lingers):
    def answer(self, packet: Packet) -> Out:
        self.gone = self.gone or (isinstance(packet, Disconnect) and packet.code >= 0x80)
        return [packet]


def _talks_on(packet: Any, tap: PacketTap) -> Out:
    return [packet, Pingreq()]


def _publishes_on(packet: Any, tap: PacketTap) -> Out:
    return [packet, Publish("late")]


PLANS = (
    Plan("lingers", "does not close after DISCONNECT", _Lingers, "3.14.4-1", "3.14.4-2"),
    Plan("lingers-after-an-error", "does not close after DISCONNECT 0x80", _LingersAfterAnError, "", "4.13.2-1"),
    Plan(
        "pings-after-disconnect",
        "sends PINGREQ after DISCONNECT",
        says(Disconnect, _talks_on),
        "3.14.4-2",
        "3.14.4-1",
    ),
    Plan(
        "publishes-after-disconnect",
        "publishes after DISCONNECT",
        says(Disconnect, _publishes_on),
        "3.14.4-2",
        "3.14.4-1",
    ),
    Plan("disconnect-code-7f", "says DISCONNECT with 0x7F", says(Disconnect, having(code=0x7F)), "", "3.14.2-1"),
    Plan(
        "disconnect-with-any-flags",
        "takes a DISCONNECT with wrong flags",
        hears(Disconnect, lambda packet, tap: [] if packet.flags is not None else packet),
        "",
        "3.14.1-1",
    ),
)
