"""Faults in the AUTH packets of a client (5.0 sections 3.15 and 4.12)."""

from __future__ import annotations

from testbed.mqtt.faults.changes import having, setting
from testbed.mqtt.faults.tap import Out, PacketTap, Plan, says
from testbed.mqtt.packets import Auth, Connack, Packet
from testbed.mqtt.properties import Property, get, props


class _Unasked(PacketTap):
    """Sends AUTH although its CONNECT named no method."""

    def ask(self, packet: Packet) -> Out:
        named = self.connect is not None and get(self.connect.properties, Property.AUTHENTICATION_METHOD) is not None
        if isinstance(packet, Connack) and not named:
            self.damage()
            method = props({Property.AUTHENTICATION_METHOD: "SCRAM-SHA-256"})
            self.later(lambda: self.say(Auth(0x19, method)))
        return [packet]


class _KeepsOn(PacketTap):
    """Stays when the server refuses to authenticate it again."""

    def dut_closed(self) -> None:
        if self.planted.memory.get("again"):
            self.damage()
            return
        super().dut_closed()

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Auth) and packet.code == 0x19:
            self.planted.memory["again"] = True
        return [packet]


def _other_method(packet: Auth, tap: PacketTap) -> Packet:
    return setting(packet, Property.AUTHENTICATION_METHOD, "another")


PLANS = (
    Plan("auth-with-success", "answers AUTH with AUTH 0x00", says(Auth, having(code=0x00)), "", "4.12.0-3"),
    Plan("auth-with-code-unlisted", "sends AUTH with 0x01", says(Auth, having(code=0x01)), "", "3.15.2-1"),
    Plan("auth-with-flags", "sends AUTH with the flags 0010", says(Auth, having(flags=2)), "", "3.15.1-1"),
    Plan("auth-by-another-method", "names another method in AUTH", says(Auth, _other_method), "", "4.12.0-5"),
    Plan(
        "authenticates-again-otherwise",
        "authenticates again by another method",
        says(Auth, _other_method, lambda packet, tap: packet.code == 0x19),
        "",
        "4.12.1-1",
    ),
    Plan("auth-unasked", "sends AUTH without a method in CONNECT", _Unasked, "", "4.12.0-7"),
    Plan("stays-when-refused", "goes on after failing to authenticate again", _KeepsOn, "", "4.12.1-2"),
)
