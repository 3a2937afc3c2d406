"""Rules on any packet of a client: fixed header, strings, the sizes the server takes, and its DISCONNECT."""

from __future__ import annotations

from typing import Any

from testbed.mqtt.codec import decode
from testbed.mqtt.packets import (
    Auth,
    Connect,
    Disconnect,
    Malformed,
    Pingreq,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Subscribe,
    Unsubscribe,
    Version,
)
from testbed.mqtt.properties import Property
from testbed.mqtt.rules.answering import after_disconnect, unlisted
from testbed.mqtt.rules.frames import (
    grown,
    ill_pair,
    ill_string,
    null_string,
    spends_length,
    too_large,
    wrong_flags,
)
from testbed.mqtt.rules.known import Known, Needs
from testbed.mqtt.rules.rule import Rule

_ACKNOWLEDGEMENTS = (Puback, Pubrec, Pubrel, Pubcomp)
_REQUESTS = (Subscribe, Unsubscribe)
_REASONED = (*_ACKNOWLEDGEMENTS, Disconnect, Auth)
#: Whose flags say nothing.
_FIXED_FLAGS = (*_REASONED, *_REQUESTS, Pingreq)
_LATER = (Publish, *_FIXED_FLAGS)
#: Types of packets that have other fields in 3.1.1.
_READ_IN_311 = {packet.type for packet in (Connect, Publish, *_REQUESTS)}


def _ours(known: Known, packet: Any) -> bool:
    """Whether it is a CONNECT of this edition."""
    return packet.protocol_level is None and packet.protocol_name == "MQTT"


def connect_flags(known: Known, packet: Any) -> bool:
    return wrong_flags(known, packet) and _ours(known, packet)


def connect_ill(known: Known, packet: Any) -> bool:
    return ill_string(known, packet) and _ours(known, packet)


def connect_null(known: Known, packet: Any) -> bool:
    return null_string(known, packet) and _ours(known, packet)


def connect_ill_pair(known: Known, packet: Any) -> bool:
    return ill_pair(known, packet) and _ours(known, packet)


def no_property_length(known: Known, packet: Malformed) -> bool:
    """A packet that 3.1.1 has without properties, in the form of 3.1.1; a PUBLISH only when it has no payload."""
    frame = known.frame
    if packet.type not in _READ_IN_311 or (known.grade is Needs.NOTHING) is not (packet.type == Connect.type):
        return False
    if packet.type == Connect.type:
        at = 1
        while at < len(frame) and frame[at] >= 0x80:
            at += 1
        if frame[at + 1 : at + 8] != b"\0\4MQTT" + bytes((known.version,)):
            return False
        frame = frame[: at + 7] + bytes((Version.V311,)) + frame[at + 8 :]
    elder = decode(frame, Version.V311)
    if isinstance(elder, Publish):
        return not elder.payload
    if isinstance(elder, Subscribe):
        return bool(elder.subscriptions) and all(one.filter and one.options is None for one in elder.subscriptions)
    if isinstance(elder, Unsubscribe):
        return bool(elder.filters) and all(elder.filters)
    return isinstance(elder, Connect)


#: Packet -> the statements on Reason String and User Property in packets that grow too large by them.
_GROWTH = {
    Puback: ("3.4.2-2", "3.4.2-3"),
    Pubrec: ("3.5.2-2", "3.5.2-3"),
    Pubrel: ("3.6.2-2", "3.6.2-3"),
    Pubcomp: ("3.7.2-2", "3.7.2-3"),
    Disconnect: ("3.14.2-3", "3.14.2-4"),
    Auth: ("3.15.2-2", "3.15.2-3"),
}
_ALONE = Needs.CONNECT
_FLAGS = "reserved flags of the fixed header with the values listed"
_SHORTEST = "a variable byte integer in as few bytes as it needs"
_UTF8 = "strings of well-formed UTF-8"
_PAIR = "both strings of a pair well-formed"
_NO_NULL = "no U+0000 in a string"

RULES = (
    Rule((Connect,), "2.2.2-1", "2.1.3-1", Needs.NOTHING, _FLAGS, connect_flags),
    Rule(_FIXED_FLAGS, "2.2.2-1", "2.1.3-1", _ALONE, _FLAGS, wrong_flags),
    Rule((Pubrel,), "3.6.1-1", "3.6.1-1", _ALONE, "flags 0010 in PUBREL", wrong_flags),
    Rule((Subscribe,), "3.8.1-1", "3.8.1-1", _ALONE, "flags 0010 in SUBSCRIBE", wrong_flags),
    Rule((Unsubscribe,), "3.10.1-1", "3.10.1-1", _ALONE, "flags 0010 in UNSUBSCRIBE", wrong_flags),
    Rule((Auth,), "", "3.15.1-1", _ALONE, "flags 0000 in AUTH", wrong_flags),
    Rule((Malformed,), "", "1.5.5-1", _ALONE, _SHORTEST, spends_length),
    Rule((Malformed,), "", "2.2.2-1", Needs.NOTHING, "a Property Length even without properties", no_property_length),
    Rule((Connect,), "1.5.3-1", "1.5.4-1", Needs.NOTHING, _UTF8, connect_ill),
    Rule((Publish, *_REQUESTS), "1.5.3-1", "1.5.4-1", _ALONE, _UTF8, ill_string),
    Rule(_REASONED, "", "1.5.4-1", _ALONE, _UTF8, ill_string),
    Rule((Connect,), "1.5.3-2", "1.5.4-2", Needs.NOTHING, _NO_NULL, connect_null),
    Rule((Publish, *_REQUESTS), "1.5.3-2", "1.5.4-2", _ALONE, _NO_NULL, null_string),
    Rule(_REASONED, "", "1.5.4-2", _ALONE, _NO_NULL, null_string),
    Rule((Connect,), "", "1.5.7-1", Needs.NOTHING, _PAIR, connect_ill_pair),
    Rule((Publish, *_REQUESTS, *_REASONED), "", "1.5.7-1", _ALONE, _PAIR, ill_pair),
    Rule((*_LATER, Malformed), "", "3.2.2-15", _ALONE, "no packet over the server's Maximum Packet Size", too_large),
    *(
        Rule((packet,), "", number, _ALONE, f"no {name.title} that makes the packet too large", grown(name))
        for packet, numbers in _GROWTH.items()
        for number, name in zip(numbers, (Property.REASON_STRING, Property.USER_PROPERTY), strict=True)
    ),
    Rule(
        (Disconnect,),
        "",
        "3.14.2-1",
        _ALONE,
        "a reason code listed for a DISCONNECT of the client",
        unlisted("DISCONNECT", "client"),
    ),
    Rule(
        (*_LATER, Connect, Malformed),
        "3.14.4-2",
        "3.14.4-1",
        _ALONE,
        "nothing after the client's DISCONNECT",
        after_disconnect,
    ),
)
