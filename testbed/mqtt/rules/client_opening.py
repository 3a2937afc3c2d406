"""Rules on how the client opens a connection and authenticates: CONNECT (section 3.1), AUTH (5.0, 3.15 and 4.12).

Only a CONNECT of the edition under test is judged: one of another protocol level keeps to another standard.
"""

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
from testbed.mqtt.rules.answering import unlisted
from testbed.mqtt.rules.delivery import ill
from testbed.mqtt.rules.known import Known, Needs
from testbed.mqtt.rules.payload import Fault, ailing
from testbed.mqtt.rules.rule import Rule

_METHOD = Property.AUTHENTICATION_METHOD
_CONNECT = (Connect,)
_LATER = (
    *(Connack, Publish, Puback, Pubrec, Pubrel, Pubcomp, Subscribe, Suback, Unsubscribe, Unsuback),
    *(Pingreq, Pingresp),
)
_BUT_CONNECT = (*_LATER, Disconnect, Auth, Malformed)


def not_connect_first(known: Known, packet: Any) -> bool:
    """A malformed CONNECT is one that is ill, not another packet."""
    return known.grade is Needs.NOTHING and packet.type != Connect.type


# -- CONNECT


def _first(broken: Callable[[Connect], bool]) -> Callable[[Known, Connect], bool]:
    """Judge the CONNECT that opens the connection, if it is one of this edition."""

    def judged(known: Known, packet: Connect) -> bool:
        ours = packet.protocol_level is None and packet.protocol_name == "MQTT"
        return known.grade is Needs.NOTHING and ours and broken(packet)

    return judged


def other_protocol_name(known: Known, packet: Connect) -> bool:
    ours = known.grade is Needs.NOTHING and packet.protocol_level is None
    return ours and packet.protocol_name != "MQTT"


def will_qos_without_will(packet: Connect) -> bool:
    return packet.connect_flags is not None and packet.will is None and bool(packet.connect_flags & 0x18)


def will_retain_without_will(packet: Connect) -> bool:
    return packet.connect_flags is not None and packet.will is None and bool(packet.connect_flags & 0x20)


def will_traits_without_will(packet: Connect) -> bool:
    return will_qos_without_will(packet) or will_retain_without_will(packet)


def will_qos_three(packet: Connect) -> bool:
    return packet.will is not None and packet.will.qos == 3


def password_without_user_name(packet: Connect) -> bool:
    return packet.password is not None and packet.username is None


def nameless_session(packet: Connect) -> bool:
    return packet.client_id == "" and not packet.clean_start


def ill_client_identifier(packet: Connect) -> bool:
    return ill(packet.client_id)


def ill_user_name(packet: Connect) -> bool:
    return ill(packet.username)


def ill_will_topic(packet: Connect) -> bool:
    return packet.will is not None and ill(packet.will.topic)


def wildcard_will_topic(packet: Connect) -> bool:
    topic = packet.will.topic if packet.will else ""
    return isinstance(topic, str) and ("+" in topic or "#" in topic)


def empty_will_topic(packet: Connect) -> bool:
    return packet.will is not None and not packet.will.topic


def null_will_topic(packet: Connect) -> bool:
    topic = packet.will.topic if packet.will else ""
    return isinstance(topic, str) and "\0" in topic


def _payload(*faults: Fault) -> Callable[[Known, Malformed], str | None]:
    """A CONNECT whose payload holds other fields than its flags announce."""

    def broken(known: Known, packet: Malformed) -> str | None:
        if known.grade is not Needs.NOTHING or packet.type != Connect.type:
            return None
        found = ailing(packet.raw, known.version)
        return f"CONNECT with {found}" if found in faults else None

    return broken


# -- authentication


def before_connack(known: Known, packet: Any) -> bool:
    return known.connacks == 0 and known.asked(_METHOD) is not None


def auth_unasked(known: Known, packet: Auth) -> bool:
    return known.connect is not None and known.asked(_METHOD) is None


def other_method(known: Known, packet: Auth) -> bool:
    asked = known.asked(_METHOD)
    return asked is not None and get(packet.properties, _METHOD) != asked


def other_method_again(known: Known, packet: Auth) -> bool:
    return known.connacks > 0 and other_method(known, packet)


def not_continue(known: Known, packet: Auth) -> bool:
    return known.connacks == 0 and packet.code != 0x18 and known.asked(_METHOD) is not None


# -- the session


def old_state(known: Known, packet: Publish) -> bool:
    """A re-sent PUBLISH of an earlier connection, although the CONNACK said that the server has no session."""
    if known.connack is None or known.accepted is not True or known.connack.session_present:
        return False
    if not packet.dup or known.connect is None or known.connect.clean_start:
        return False
    return packet.qos in (1, 2) and packet.packet_id not in known.client.published


def unowned_session(known: Known, packet: Any) -> bool:
    """The client started clean, is told that there is a session, has read it, and goes on."""
    told = known.connack is not None and known.connack.session_present and known.connack.code == 0
    return told and known.informed and known.connect is not None and known.connect.clean_start


def _connect(v311: str, v5: str, expected: str, broken: Callable[[Connect], bool]) -> Rule:
    return Rule(_CONNECT, v311, v5, Needs.NOTHING, expected, _first(broken))


def _malformed(v311: str, v5: str, expected: str, *faults: Fault) -> Rule:
    return Rule((Malformed,), v311, v5, Needs.NOTHING, expected, _payload(*faults))


RULES = (
    Rule(
        _BUT_CONNECT, "3.1.0-1", "3.1.0-1", Needs.NOTHING, "CONNECT as the client's first packet", not_connect_first
    ),
    Rule(_CONNECT, "", "3.1.2-1", Needs.NOTHING, "the protocol name MQTT", other_protocol_name),
    _connect("3.1.2-11", "", "Will QoS 0 and Will Retain 0 without a will", will_traits_without_will),
    _connect("3.1.2-13", "3.1.2-11", "Will QoS 0 without a will", will_qos_without_will),
    _connect("3.1.2-15", "3.1.2-13", "Will Retain 0 without a will", will_retain_without_will),
    _connect("3.1.2-14", "3.1.2-12", "a Will QoS of 0, 1 or 2", will_qos_three),
    _connect("3.1.2-22", "", "no password without a user name", password_without_user_name),
    _connect("3.1.3-7", "", "Clean Session 1 with an empty client identifier", nameless_session),
    _connect("3.1.3-4", "3.1.3-4", "a client identifier of well-formed UTF-8", ill_client_identifier),
    _connect("3.1.3-10", "3.1.3-11", "a Will Topic of well-formed UTF-8", ill_will_topic),
    _connect("3.1.3-11", "3.1.3-12", "a user name of well-formed UTF-8", ill_user_name),
    _connect("4.7.1-1", "4.7.0-1", "a Will Topic without wildcards", wildcard_will_topic),
    _connect("4.7.3-1", "4.7.3-1", "a Will Topic of one character or more", empty_will_topic),
    _connect("4.7.3-2", "4.7.3-2", "no U+0000 in a Will Topic", null_will_topic),
    _malformed("3.1.3-1", "3.1.3-1", "the fields that the connect flags announce, in order, and no others", *Fault),
    _malformed("3.1.3-3", "3.1.3-3", "a client identifier as the first field of the payload", Fault.NO_CLIENT_ID),
    _malformed("3.1.2-9", "3.1.2-9", "every field of the will, as the Will Flag is 1", Fault.NO_WILL),
    _malformed("3.1.2-19", "3.1.2-17", "a user name, as its flag is 1", Fault.NO_USER_NAME),
    _malformed("3.1.2-21", "3.1.2-19", "a password, as its flag is 1", Fault.NO_PASSWORD),
    _malformed("3.1.2-18", "3.1.2-16", "no user name, as its flag is 0", Fault.USER_NAME),
    _malformed("3.1.2-20", "3.1.2-18", "no password, as its flag is 0", Fault.PASSWORD),
    Rule(
        (*_LATER, Connect),
        "",
        "3.1.2-30",
        Needs.CONNECT,
        "nothing but AUTH or DISCONNECT before the CONNACK, as the CONNECT has an Authentication Method",
        before_connack,
    ),
    Rule(
        (Auth,), "", "4.12.0-7", Needs.CONNECT, "no AUTH, as the CONNECT had no Authentication Method", auth_unasked
    ),
    Rule((Auth,), "", "4.12.0-5", Needs.CONNECT, "the Authentication Method of the CONNECT", other_method),
    Rule((Auth,), "", "4.12.1-1", Needs.CONNECT, "the Authentication Method of the CONNECT", other_method_again),
    Rule((Auth,), "", "4.12.0-3", Needs.CONNECT, "AUTH with 0x18 before the CONNACK", not_continue),
    Rule((Auth,), "", "3.15.2-1", Needs.CONNECT, "a reason code listed for AUTH", unlisted("AUTH", "client")),
    Rule(
        (Publish,),
        "",
        "3.2.2-5",
        Needs.CONNECT,
        "nothing re-sent from before, as the server has no session",
        old_state,
    ),
    Rule(
        (*_LATER, Connect),
        "",
        "3.2.2-4",
        Needs.CONNECT,
        "the connection closed, as the server has a session and the client started clean",
        unowned_session,
    ),
)
