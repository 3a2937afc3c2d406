"""Faults in authentication: wrong credentials accepted, AUTH said wrongly, failures without an end."""

from __future__ import annotations

from typing import Any

from testbed.mqtt.faults.changes import alter, asked, having, setting, without
from testbed.mqtt.faults.closing import HeldOpen
from testbed.mqtt.faults.tap import Out, PacketTap, Plan, answers, asks
from testbed.mqtt.packets import Auth, Connack, Connect, Packet, Version
from testbed.mqtt.properties import Property
from testbed.mqtt.reasons import Reason, ReturnCode

_CREDENTIALS = (Reason.BAD_USER_NAME_OR_PASSWORD, Reason.NOT_AUTHORIZED)
_CREDENTIALS_V311 = (ReturnCode.BAD_USER_NAME_OR_PASSWORD, ReturnCode.NOT_AUTHORIZED)


class _Unchecked(HeldOpen):
    """Accepts credentials that it should refuse, and answers PINGREQ from then on."""

    alive = silent = True

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.pretends = False

    def refused(self, packet: Connack) -> bool:
        """Whether a CONNACK is the refusal that this broker does not know."""
        return packet.code in (_CREDENTIALS if self.version >= Version.V5 else _CREDENTIALS_V311)

    def hides(self) -> bool:
        return self.pretends

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Connack) and self.refused(packet):
            self.damage()
            self.pretends = True
            return [Connack()]
        return super().answer(packet)


class _MethodUnchecked(_Unchecked):
    """Accepts an authentication that fails."""

    def refused(self, packet: Connack) -> bool:
        known = packet.code != Reason.BAD_AUTHENTICATION_METHOD
        return packet.code >= 0x80 and known and asked(self, Property.AUTHENTICATION_METHOD) is not None


class _FailedHeldOpen(HeldOpen):
    """Goes on with a client whose authentication failed, and says nothing."""

    silent = True

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.tried = False

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Auth) and packet.code == Reason.RE_AUTHENTICATE:
            self.tried = asked(self, Property.AUTHENTICATION_METHOD) is not None
        return super().ask(packet)

    def hides(self) -> bool:
        return self.tried


class _FailedServedOn(_FailedHeldOpen):
    alive = True


class _SuccessTooEarly(PacketTap):
    """Says in AUTH that the authentication has succeeded, where CONNACK should say it."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.accepted = False

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Connack):
            self.accepted = True
        if isinstance(packet, Auth) and not self.accepted:
            self.damage()
            return [alter(packet, code=Reason.SUCCESS)]
        return [packet]


def _methodless(packet: Any, tap: PacketTap) -> Packet:
    return without(packet, Property.AUTHENTICATION_METHOD)


def _other_method(packet: Any, tap: PacketTap) -> Packet:
    if without(packet, Property.AUTHENTICATION_METHOD) is packet:
        return packet
    return setting(packet, Property.AUTHENTICATION_METHOD, "PLAIN")


def _method_named(packet: Any, tap: PacketTap) -> Packet:
    return setting(packet, Property.AUTHENTICATION_METHOD, "SCRAM-SHA-1")


def _auth_after(packet: Any, tap: PacketTap) -> Out:
    block = ((int(Property.AUTHENTICATION_METHOD), "SCRAM-SHA-1"),)
    return [packet, Auth(Reason.CONTINUE_AUTHENTICATION, block)]


def _no_method(packet: Any, tap: PacketTap) -> bool:
    return packet.code == 0 and asked(tap, Property.AUTHENTICATION_METHOD) is None


def _without_authentication(packet: Any, tap: PacketTap) -> Packet:
    return without(packet, Property.AUTHENTICATION_METHOD, Property.AUTHENTICATION_DATA)


PLANS = (
    Plan("credentials-unchecked", "accepts wrong credentials", _Unchecked, "", "3.1.4-2"),
    Plan(
        "method-unasked",
        "names an Authentication Method that was not asked for",
        answers(Connack, _method_named, _no_method),
        "",
        "4.12.0-6",
    ),
    Plan(
        "auth-unasked",
        "sends AUTH in a connection without a method",
        answers(Connack, _auth_after, _no_method),
        "",
        "4.12.0-6",
    ),
    Plan(
        "any-method-accepted",
        "accepts an Authentication Method that it does not know",
        asks(Connect, _without_authentication),
        "",
        "4.12.0-1",
    ),
    Plan("auth-succeeds-too-early", "says in AUTH what CONNACK should say", _SuccessTooEarly, "", "4.12.0-2"),
    Plan("auth-unlisted-code", "sends AUTH with code 0x01", answers(Auth, having(code=0x01)), "", "3.15.2-1"),
    Plan(
        "method-dropped",
        "repeats no Authentication Method",
        answers((Auth, Connack), _methodless),
        "",
        "4.12.0-5",
    ),
    Plan(
        "method-altered",
        "names another Authentication Method",
        answers((Auth, Connack), _other_method),
        "",
        "4.12.0-5",
    ),
    Plan("failed-method-accepted", "accepts an authentication that fails", _MethodUnchecked, "", "4.12.0-4"),
    Plan("failed-again-held-open", "does not close when a re-authentication fails", _FailedHeldOpen, "", "4.12.1-2"),
    Plan("failed-again-served-on", "serves on when a re-authentication fails", _FailedServedOn, "", "4.12.1-2"),
)
