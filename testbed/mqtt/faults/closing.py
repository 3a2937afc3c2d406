"""Faults in how connections end: held open, closed late, something said behind a DISCONNECT."""

from __future__ import annotations

from typing import Any

from testbed.mqtt.codec import Framer
from testbed.mqtt.faults.changes import alter, dropping, setting
from testbed.mqtt.faults.tap import Out, PacketTap, Plan, answers, asks, changing
from testbed.mqtt.packets import (
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Publish,
    Version,
)
from testbed.mqtt.properties import Property
from testbed.mqtt.reasons import Reason


class HeldOpen(PacketTap):
    """Hides from the tester that the broker has closed, unless the tester was leaving.

    `alive`: goes on answering PINGREQ; otherwise nothing is answered any more.
    """

    alive = False
    #: Whether the DISCONNECT that the broker says before is hidden too.
    silent = False

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.leaving = self.over = False
        #: What the broker said last, and the last DISCONNECT it said.
        self.last: Packet | None = None

    def hides(self) -> bool:
        """Whether this end of the connection is one to hide."""
        return True

    def answer(self, packet: Packet) -> Out:
        self.last = packet
        return [] if self.silent and isinstance(packet, Disconnect) and self.hides() else [packet]

    def ask(self, packet: Packet) -> Out:
        if self.over:
            if self.alive and isinstance(packet, Pingreq):
                self.later(lambda: self.say(Pingresp()))
            return []
        if isinstance(packet, Disconnect) and packet.flags is None:
            self.leaving = True
        return [packet]

    def dut_closed(self) -> None:
        if self.leaving or not self.hides():
            super().dut_closed()
            return
        self.damage()
        self.over = True

    def tester_closed(self, abruptly: bool) -> None:
        self.leaving = True
        super().tester_closed(abruptly)
        if self.over:
            self.end()


class _AfterRefusal(HeldOpen):
    def hides(self) -> bool:
        return isinstance(self.last, Connack) and self.last.code != 0


class _AfterRefusalAlive(_AfterRefusal):
    alive = True


class _AfterDisconnect(HeldOpen):
    def hides(self) -> bool:
        return isinstance(self.last, Disconnect)


class _AfterDisconnectAlive(_AfterDisconnect):
    alive = True


class _AfterMalformed(HeldOpen):
    """Closes nothing, whatever it is told."""

    silent = True

    def hides(self) -> bool:
        return self.connect is not None


class _AfterMalformedAlive(_AfterMalformed):
    alive = True


class _NoConnack(HeldOpen):
    """Neither answers a CONNECT that it cannot accept nor closes."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.accepted = False

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Connack) and packet.code == 0:
            self.accepted = True
        if self.accepted:
            return super().answer(packet)
        self.damage()
        return []

    def hides(self) -> bool:
        return not self.accepted


class _SaidAfterDisconnect(PacketTap):
    """Says something behind its own DISCONNECT."""

    more: Packet = Pingresp()

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Disconnect):
            self.damage()
            return [packet, self.more]
        return [packet]


class _PublishedAfterDisconnect(_SaidAfterDisconnect):
    more = Publish("news", b"one more thing")


class _ConnackOnMalformed(PacketTap):
    """Answers a malformed CONNECT with CONNACK before it closes."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.answered = False

    def answer(self, packet: Packet) -> Out:
        self.answered = True
        return [packet]

    def dut_closed(self) -> None:
        if not self.answered and self.connect is None:
            self.damage()
            self.say(Connack(code=2 if self.version < Version.V5 else 0))
        super().dut_closed()


class _DisconnectFrom311(PacketTap):
    """Says DISCONNECT before it closes, as only 5.0 has it."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.leaving = False

    def ask(self, packet: Packet) -> Out:
        self.leaving = self.leaving or isinstance(packet, Disconnect)
        return [packet]

    def dut_closed(self) -> None:
        if not self.leaving:
            self.damage()
            self.say(Disconnect())
        super().dut_closed()


class _Stream(PacketTap):
    """Takes every read from its socket for one whole packet."""

    def from_tester(self, data: bytes) -> None:
        frames = Framer().feed(data)
        if len(b"".join(frames)) == len(data) and len(frames) < 2:
            super().from_tester(data)
            return
        self.damage()
        if frames:
            super().from_tester(frames[0])
        else:
            self.end()
            self.hang_up(True)


def _never(packet: Any, tap: PacketTap) -> Packet:
    return alter(packet, keep_alive=0) if packet.keep_alive else packet


def _minute(packet: Any, tap: PacketTap) -> Packet:
    return alter(packet, keep_alive=60) if 0 < packet.keep_alive < 60 else packet


PLANS = (
    Plan("refused-held-open", "refuses a CONNECT and does not close", _AfterRefusal, "3.2.2-5", "3.2.2-7"),
    Plan(
        "refused-served-on",
        "refuses a CONNECT and answers PINGREQ afterwards",
        _AfterRefusalAlive,
        "3.2.2-5",
        "4.13.2-1",
    ),
    Plan(
        "bad-connect-unanswered",
        "neither answers nor closes on a CONNECT that it cannot take",
        _NoConnack,
        "3.1.4-1",
        "3.1.4-1",
    ),
    Plan("disconnect-held-open", "sends DISCONNECT and does not close", _AfterDisconnect, "", "3.14.4-2"),
    Plan(
        "disconnect-served-on",
        "sends DISCONNECT and answers PINGREQ afterwards",
        _AfterDisconnectAlive,
        "",
        "4.13.2-1",
    ),
    Plan("error-held-open", "does not close whatever is wrong", _AfterMalformed, "4.8.0-1", "4.13.1-1"),
    Plan("error-served-on", "answers PINGREQ whatever was wrong", _AfterMalformedAlive, "4.8.0-1", "4.13.1-1"),
    Plan(
        "connack-on-cut-connect",
        "answers half a CONNECT with CONNACK",
        _ConnackOnMalformed,
        "3.2.2-6",
        "",
    ),
    Plan("connack-on-malformed", "answers a malformed CONNECT with CONNACK", _ConnackOnMalformed, "3.1.4-1", ""),
    Plan(
        "keep-alive-ignored",
        "closes never, however long the client is silent",
        changing(ask={Connect: _never}, answer={Connack: dropping(Property.SERVER_KEEP_ALIVE)}),
        "3.1.2-24",
        "3.1.2-22",
    ),
    Plan(
        "keep-alive-a-minute",
        "takes a Keep Alive below a minute for a minute",
        asks(Connect, _minute),
        "3.1.2-24",
        "3.1.2-22",
    ),
    Plan("another-keep-alive", "uses another Keep Alive and does not tell", asks(Connect, _minute), "", "3.2.2-22"),
    Plan("pingresp-after-disconnect", "sends PINGRESP behind DISCONNECT", _SaidAfterDisconnect, "", "3.14.4-1"),
    Plan("publish-after-disconnect", "sends a PUBLISH behind DISCONNECT", _PublishedAfterDisconnect, "", "3.14.4-1"),
    Plan(
        "disconnect-with-session-expiry",
        "sends a Session Expiry Interval with DISCONNECT",
        answers(Disconnect, lambda packet, tap: setting(packet, Property.SESSION_EXPIRY_INTERVAL, 10)),
        "",
        "3.14.2-2",
    ),
    Plan(
        "disconnect-with-code-of-clients",
        "sends DISCONNECT with code 0x04, which only a client may",
        answers(Disconnect, lambda packet, tap: alter(packet, code=Reason.DISCONNECT_WITH_WILL_MESSAGE)),
        "",
        "3.14.2-1",
    ),
    Plan("reads-one-packet-at-a-time", "takes every segment for one whole packet", _Stream, "7.1.1-1", "4.2-1"),
)
