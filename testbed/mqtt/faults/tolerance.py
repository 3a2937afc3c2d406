"""Faults in what the broker puts up with: the tester's wrong packet is mended or lost on its way to the broker, so
that the broker never sees it and goes on serving the connection."""

from __future__ import annotations

from typing import Any

from testbed.mqtt.codec import minimal_length
from testbed.mqtt.faults.changes import alter, swallow
from testbed.mqtt.faults.tap import Make, Out, PacketTap, Plan, asks
from testbed.mqtt.packets import (
    Auth,
    Connack,
    Connect,
    Disconnect,
    Malformed,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
)

# -- any packet


def _usual_flags(*kinds: type) -> Make:
    def change(packet: Any, tap: PacketTap) -> Packet:
        return packet if packet.flags is None else alter(packet, flags=None)

    return asks(kinds, change)


def _qos_three(packet: Any, tap: PacketTap) -> Packet:
    return alter(packet, qos=2) if packet.qos == 3 else packet


def _deaf(packet: Malformed, tap: PacketTap) -> Packet | Out:
    return packet if packet.type == Connect.type else []


def _stretched(packet: Malformed, tap: PacketTap) -> bool:
    return not minimal_length(packet.raw) or "spends" in packet.problem


def _unnumbered(packet: Any, tap: PacketTap) -> bool:
    return packet.packet_id == 0


class _FirstPacket(PacketTap):
    """Waits for a CONNECT, whatever comes before."""

    def ask(self, packet: Packet) -> Out:
        if self.connect is not None or packet.type == Connect.type:
            return [packet]
        self.damage()
        return []


# -- CONNECT


class _SecondConnect(PacketTap):
    """A second CONNECT is lost, or answered like the first."""

    answered = False

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.begun = False

    def ask(self, packet: Packet) -> Out:
        if packet.type != Connect.type:
            return [packet]
        if not self.begun:
            self.begun = True
            return [packet]
        self.damage()
        if self.answered:
            self.later(lambda: self.say(Connack()))
        return []


class _SecondConnectAnswered(_SecondConnect):
    answered = True


def stranger(packet: Malformed, tap: PacketTap) -> Packet:
    """A CONNECT that the broker takes, in the place of one that could not be read."""
    return Connect(client_id=f"mended{id(tap):x}"[:23]) if packet.type == Connect.type else packet


def _sound_flags(packet: Any, tap: PacketTap) -> Packet:
    if packet.will is not None and packet.will.qos == 3:
        return alter(packet, will=alter(packet.will, qos=1))
    return packet if packet.connect_flags is None else alter(packet)


def _with_user(packet: Any, tap: PacketTap) -> Packet:
    if packet.password is None or packet.username is not None:
        return packet
    return alter(packet, username="mended")


def _named(packet: Any, tap: PacketTap) -> Packet:
    return packet if packet.protocol_name == "MQTT" else alter(packet, protocol_name="MQTT")


def _levelled(packet: Any, tap: PacketTap) -> Packet:
    return packet if packet.protocol_level is None else alter(packet, protocol_level=None)


def _unreserved(packet: Any, tap: PacketTap) -> Packet:
    return alter(packet, reserved=False) if packet.reserved else packet


class _EmptyIdKept(PacketTap):
    """A client without id that wants its session kept is served like any other."""

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Connect) and not packet.client_id and not packet.clean_start:
            self.damage()
            return [alter(packet, clean_start=True)]
        return [packet]


_WRONG_WAY = (Connack, Suback, Unsuback, Pingresp)
_PLAIN = (Puback, Pubrec, Pubcomp, Pingreq, Connect)

PLANS = (
    Plan(
        "deaf-to-malformed", "passes over packets that it cannot read", asks(Malformed, _deaf), "4.8.0-1", "4.13.1-1"
    ),
    Plan(
        "deaf-to-packets-of-servers",
        "passes over packets that only a server may send",
        asks(_WRONG_WAY, swallow),
        "4.8.0-1",
        "4.13.1-1",
    ),
    Plan("waits-for-connect", "passes over whatever comes before CONNECT", _FirstPacket, "4.8.0-1", "4.13.1-1"),
    Plan(
        "takes-id-zero",
        "passes over packets with identifier 0",
        asks((Publish, Subscribe, Unsubscribe), swallow, _unnumbered),
        "4.8.0-1",
        "4.13.1-1",
    ),
    Plan(
        "takes-subscribe-of-nothing",
        "passes over a SUBSCRIBE without filters",
        asks(Subscribe, swallow, lambda packet, tap: not packet.subscriptions),
        "4.8.0-1",
        "4.13.1-1",
    ),
    Plan(
        "takes-unsubscribe-of-nothing",
        "passes over an UNSUBSCRIBE without filters",
        asks(Unsubscribe, swallow, lambda packet, tap: not packet.filters),
        "4.8.0-1",
        "4.13.1-1",
    ),
    Plan(
        "takes-long-lengths",
        "takes lengths with more bytes than needed",
        asks(Malformed, swallow, _stretched),
        "",
        "1.5.5-1",
    ),
    Plan("takes-auth", "passes over an AUTH in a connection without a method", asks(Auth, swallow), "", "4.13.1-1"),
    Plan("takes-pubrel-flags", "takes PUBREL whatever its flags", _usual_flags(Pubrel), "3.6.1-1", "3.6.1-1"),
    Plan(
        "takes-subscribe-flags", "takes SUBSCRIBE whatever its flags", _usual_flags(Subscribe), "3.8.1-1", "3.8.1-1"
    ),
    Plan(
        "takes-unsubscribe-flags",
        "takes UNSUBSCRIBE whatever its flags",
        _usual_flags(Unsubscribe),
        "3.10.1-1",
        "3.10.1-1",
    ),
    Plan("takes-any-flags", "takes other packets whatever their flags", _usual_flags(*_PLAIN), "2.2.2-2", "2.1.3-1"),
    Plan(
        "takes-disconnect-flags",
        "takes DISCONNECT whatever its flags",
        _usual_flags(Disconnect),
        "3.14.1-1",
        "3.14.1-1",
    ),
    Plan(
        "deaf-to-disconnect-flags",
        "passes over a DISCONNECT with wrong flags",
        asks(Disconnect, swallow, lambda packet, tap: packet.flags is not None),
        "3.14.1-1",
        "3.14.1-1",
    ),
    Plan(
        "takes-auth-flags",
        "passes over an AUTH with wrong flags",
        asks(Auth, swallow, lambda packet, tap: packet.flags is not None),
        "",
        "3.15.1-1",
    ),
    Plan("takes-qos-3", "takes a PUBLISH with both QoS bits set", asks(Publish, _qos_three), "3.3.1-4", "3.3.1-4"),
    Plan("second-connect-ignored", "passes over a second CONNECT", _SecondConnect, "3.1.0-2", "3.1.0-2"),
    Plan(
        "second-connect-answered",
        "answers a second CONNECT with CONNACK",
        _SecondConnectAnswered,
        "3.1.0-2",
        "3.1.0-2",
    ),
    Plan(
        "takes-unreadable-connect",
        "accepts a CONNECT that cannot be read",
        asks(Malformed, stranger),
        "3.1.4-1",
        "3.1.4-1",
    ),
    Plan(
        "takes-contradictory-connect",
        "accepts a CONNECT whose will flags cannot be",
        asks(Connect, _sound_flags),
        "3.1.4-1",
        "3.1.4-1",
    ),
    Plan("takes-password-alone", "accepts a password without a user name", asks(Connect, _with_user), "3.1.4-1", ""),
    Plan(
        "takes-any-protocol-name",
        "accepts a CONNECT of another protocol",
        asks(Connect, _named),
        "3.1.2-1",
        "3.1.2-1",
    ),
    Plan(
        "takes-any-protocol-level",
        "accepts a CONNECT of any protocol level",
        asks(Connect, _levelled),
        "3.1.2-2",
        "3.1.2-2",
    ),
    Plan(
        "takes-reserved-connect-flag",
        "accepts a CONNECT whose reserved flag is set",
        asks(Connect, _unreserved),
        "3.1.2-3",
        "3.1.2-3",
    ),
    Plan("takes-empty-id-with-session", "keeps a session for a client without id", _EmptyIdKept, "3.1.3-8", ""),
)
