"""Rules on how the server opens a connection and authenticates: CONNACK (section 3.2), AUTH (5.0, 3.15 and 4.12)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from testbed.mqtt.packets import (
    Auth,
    Connack,
    Connect,
    Disconnect,
    Malformed,
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
from testbed.mqtt.properties import Property, get
from testbed.mqtt.reasons import ReturnCode, allowed
from testbed.mqtt.rules.known import Known, Needs
from testbed.mqtt.rules.rule import Rule

_CODES = allowed("CONNACK", "server")
_AUTH_CODES = allowed("AUTH", "server")
_METHOD = Property.AUTHENTICATION_METHOD
_BUT_CONNACK = (
    *(Connect, Publish, Puback, Pubrec, Pubrel, Pubcomp, Subscribe, Suback, Unsubscribe, Unsuback),
    *(Pingreq, Pingresp, Disconnect, Auth, Malformed),
)
_BUT_OPENING = tuple(packet for packet in _BUT_CONNACK if packet not in (Disconnect, Auth))


def _first(broken: Callable[[Known, Connack], bool]) -> Callable[[Known, Connack], bool]:
    """Judge the first CONNACK only: a second one answers nothing that may be asked."""
    return lambda known, packet: known.connacks == 0 and broken(known, packet)


def not_connack_first(known: Known, packet: Any) -> bool:
    return known.answers == 0 and packet.type != Connack.type


def before_success(known: Known, packet: Any) -> bool:
    if packet.__class__ is Malformed and packet.type in (Connack.type, Disconnect.type, Auth.type):
        return False
    return known.connacks == 0 or known.accepted is False


def second_connack(known: Known, packet: Connack) -> bool:
    return known.connacks > 0


@_first
def reserved_bits(known: Known, packet: Connack) -> bool:
    return packet.acknowledge_flags is not None


@_first
def present_after_clean(known: Known, packet: Connack) -> bool:
    clean = known.connect is not None and known.connect.clean_start
    return packet.session_present and packet.code == 0 and clean


@_first
def present_when_refused(known: Known, packet: Connack) -> bool:
    return packet.session_present and packet.code != 0


@_first
def no_return_code(known: Known, packet: Connack) -> bool:
    return packet.code > max(ReturnCode)


@_first
def no_reason_code(known: Known, packet: Connack) -> bool:
    return packet.code not in _CODES


@_first
def no_assigned_identifier(known: Known, packet: Connack) -> bool:
    asked = known.connect is not None and not known.connect.client_id
    return asked and packet.code == 0 and not get(packet.properties, Property.ASSIGNED_CLIENT_IDENTIFIER)


@_first
def unasked_response_information(known: Known, packet: Connack) -> bool:
    asked = known.asked(Property.REQUEST_RESPONSE_INFORMATION)
    return asked in (None, 0) and get(packet.properties, Property.RESPONSE_INFORMATION) is not None


@_first
def method_unasked(known: Known, packet: Connack) -> bool:
    return known.asked(_METHOD) is None and get(packet.properties, _METHOD) is not None


def auth_unasked(known: Known, packet: Auth) -> bool:
    return known.asked(_METHOD) is None


def other_method(known: Known, packet: Connack | Auth) -> bool:
    asked = known.asked(_METHOD)
    if asked is None or (isinstance(packet, Connack) and packet.code != 0):
        return False
    return get(packet.properties, _METHOD) != asked


def not_continue(known: Known, packet: Auth) -> bool:
    return known.connacks == 0 and packet.code != 0x18


def no_auth_code(known: Known, packet: Auth) -> bool:
    return packet.code not in _AUTH_CODES


_CONNACK = (Connack,)
_EMPTY = "Session Present 0"

RULES = (
    Rule(_BUT_CONNACK, "3.2.0-1", "", Needs.NOTHING, "CONNACK as the server's first packet", not_connack_first),
    Rule(_BUT_OPENING, "", "3.2.0-1", Needs.NOTHING, "CONNACK 0x00 before any packet but AUTH", before_success),
    Rule((Disconnect,), "", "3.14.0-1", Needs.NOTHING, "no DISCONNECT before a CONNACK below 0x80", before_success),
    Rule(_CONNACK, "", "3.2.0-2", Needs.CONNECT, "one CONNACK in a connection", second_connack),
    Rule(_CONNACK, "", "3.2.2-1", Needs.CONNECT, "bits 7 to 1 of the acknowledge flags 0", reserved_bits),
    Rule(_CONNACK, "3.2.2-1", "3.2.2-2", Needs.CONNECT, f"{_EMPTY} as the client starts clean", present_after_clean),
    Rule(_CONNACK, "3.2.2-4", "3.2.2-6", Needs.CONNECT, f"{_EMPTY} with a non-zero code", present_when_refused),
    Rule(_CONNACK, "3.2.2-6", "", Needs.CONNECT, "a return code of 0 to 5, or no CONNACK", no_return_code),
    Rule(_CONNACK, "", "3.2.2-8", Needs.CONNECT, "a reason code listed for CONNACK", no_reason_code),
    Rule(
        _CONNACK,
        "",
        "3.2.2-16 3.1.3-7",
        Needs.CONNECT,
        "an Assigned Client Identifier, as the client gave none",
        no_assigned_identifier,
    ),
    Rule(
        _CONNACK,
        "",
        "3.1.2-28",
        Needs.CONNECT,
        "no Response Information, as it was not requested",
        unasked_response_information,
    ),
    Rule(
        _CONNACK, "", "4.12.0-6", Needs.CONNECT, "no Authentication Method, as the CONNECT had none", method_unasked
    ),
    Rule(
        (Auth,), "", "4.12.0-6", Needs.CONNECT, "no AUTH, as the CONNECT had no Authentication Method", auth_unasked
    ),
    Rule((Connack, Auth), "", "4.12.0-5", Needs.CONNECT, "the Authentication Method of the CONNECT", other_method),
    Rule((Auth,), "", "4.12.0-2", Needs.CONNECT, "AUTH with 0x18 before the CONNACK", not_continue),
    Rule((Auth,), "", "3.15.2-1", Needs.CONNECT, "a reason code listed for an AUTH of the server", no_auth_code),
)
