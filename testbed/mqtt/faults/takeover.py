"""Faults when a client id connects again: both served, the newcomer refused, the old connection held open."""

from __future__ import annotations

from testbed.mqtt.faults.changes import alter
from testbed.mqtt.faults.closing import HeldOpen
from testbed.mqtt.faults.opening import refuse
from testbed.mqtt.faults.tap import Out, PacketTap, Plan
from testbed.mqtt.packets import (
    Connect,
    Disconnect,
    Packet,
)


class _BothServed(PacketTap):
    """Serves two connections of the same client id side by side."""

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Connect) and isinstance(packet.client_id, str) and packet.client_id:
            here = ("connected", packet.client_id)
            if isinstance(self.planted.memory.get(here), PacketTap):
                self.damage()
                return [alter(packet, client_id=packet.client_id[:22] + "z")]
            self.planted.memory[here] = self
        elif isinstance(packet, Disconnect):
            self._gone()
        return [packet]

    def _gone(self) -> None:
        if self.planted.memory.get(("connected", self.client)) is self:
            del self.planted.memory["connected", self.client]

    def dut_closed(self) -> None:
        self._gone()
        super().dut_closed()

    def tester_closed(self, abruptly: bool) -> None:
        self._gone()
        super().tester_closed(abruptly)


class _NewcomerRefused(_BothServed):
    """Keeps the old connection of a client id and refuses the new one."""

    def ask(self, packet: Packet) -> Out:
        out = super().ask(packet)
        return out if out == [packet] else refuse(self)


class _TakenOver(HeldOpen):
    """Goes on holding the connection whose client id was taken over, and says nothing on it."""

    silent = True

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Connect) and packet.client_id:
            self.planted.memory["owner", packet.client_id] = self
        return super().ask(packet)

    def hides(self) -> bool:
        return self.client != "" and self.planted.memory.get(("owner", self.client)) is not self


class _TakenOverAlive(_TakenOver):
    alive = True


PLANS = (
    Plan("both-served", "serves two connections of one client id", _BothServed, "3.1.4-2", "3.1.4-3"),
    Plan("newcomer-refused", "refuses a second connection of a client id", _NewcomerRefused, "3.1.4-2", "3.1.4-3"),
    Plan(
        "taken-over-held-open", "does not close the connection that was taken over", _TakenOver, "3.1.4-2", "3.1.4-3"
    ),
    Plan(
        "taken-over-served-on",
        "answers PINGREQ on the connection that was taken over",
        _TakenOverAlive,
        "3.1.4-2",
        "3.1.4-3",
    ),
)
