"""Rules on any packet: fixed header, strings, the sizes and properties the client allows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from testbed.mqtt.codec import describe
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
from testbed.mqtt.properties import TABLE, Properties, Property, Wire, get
from testbed.mqtt.rules.known import Known, Needs, whole
from testbed.mqtt.rules.rule import Rule

#: What a server sends besides PUBLISH.
_ACKNOWLEDGEMENTS = (Puback, Pubrec, Pubrel, Pubcomp, Suback, Unsuback)
_OTHERS = (*_ACKNOWLEDGEMENTS, Connack, Pingresp, Disconnect, Auth)
_ALL = (*_OTHERS, Publish)
_WITH_PROPERTIES = (*_ACKNOWLEDGEMENTS, Connack, Publish, Disconnect, Auth)


#: How `testbed.mqtt.wire` begins to say that a variable byte integer is longer than needed.
SPENT = "a variable byte integer spends"


def wrong_flags(known: Known, packet: Any) -> bool:
    return packet.flags is not None


def spends_length(known: Known, packet: Malformed) -> bool:
    """The last byte of a remaining length of several bytes adds nothing, or of another variable byte integer."""
    frame = known.frame
    if packet.problem.startswith(SPENT):
        return True
    for count in range(2, 5):
        if count >= len(frame) or frame[count - 1] < 0x80:
            return False
        if frame[count] < 0x80:
            return frame[count] == 0
    return False


def no_property_length(known: Known, packet: Malformed) -> bool:
    """An accepting CONNACK, or an UNSUBACK, in the form of 3.1.1."""
    frame = known.frame
    return len(frame) == 4 and frame[1] == 2 and (frame[0] == 0xB0 or (frame[0] == 0x20 and frame[3] == 0))


def _fields(packet: Any) -> list[Any]:
    """The strings of a packet outside its properties; bytes where one is ill-formed."""
    kind = packet.__class__
    if kind is Publish:
        return [packet.topic]
    if kind is Subscribe:
        return [one.filter for one in packet.subscriptions]
    if kind is Unsubscribe:
        return list(packet.filters)
    if kind is Connect:
        return [packet.client_id, packet.username, packet.will and packet.will.topic]
    return []


def _properties(packet: Any) -> Properties:
    """The properties of a packet, and of the will in it."""
    if packet.__class__ is Connect and packet.will is not None:
        return packet.properties + packet.will.properties
    return () if packet.__class__ in (Pingreq, Pingresp) else packet.properties


def _strings(packet: Any) -> list[Any]:
    """Every string of a packet but those of pairs."""
    found = _fields(packet)
    for name, value in _properties(packet):
        if TABLE[Property(name)].wire is Wire.STRING:
            found.append(value)
    return found


def _pairs(packet: Any) -> list[Any]:
    pairs: list[Any] = [value for name, value in _properties(packet) if name == Property.USER_PROPERTY]
    return [text for pair in pairs for text in pair]


def ill_string(known: Known, packet: Any) -> bool:
    return any(text.__class__ is bytes for text in _strings(packet))


def null_string(known: Known, packet: Any) -> bool:
    return any(text.__class__ is str and "\0" in text for text in _strings(packet))


def ill_pair(known: Known, packet: Any) -> bool:
    return any(text.__class__ is bytes or "\0" in text for text in _pairs(packet))


def too_large(known: Known, packet: Any) -> str | None:
    largest = known.other.largest
    if not largest or len(known.frame) <= largest or not whole(known.frame) or not known.informed:
        return None
    return f"{len(known.frame)} bytes where the {known.other.name} takes {largest}"


def grown(name: Property) -> Callable[[Known, Any], str | None]:
    """The packet is larger than the client takes, and holds a property that nothing forced on it."""

    def broken(known: Known, packet: Any) -> str | None:
        return too_large(known, packet) if get(packet.properties, name) is not None else None

    return broken


def unwanted_reason(known: Known, packet: Any) -> bool:
    """Reason String or User Property although the CONNECT said Request Problem Information 0."""
    return (
        bool(packet.properties)
        and any(name in (Property.REASON_STRING, Property.USER_PROPERTY) for name, _ in packet.properties)
        and known.asked(Property.REQUEST_PROBLEM_INFORMATION) == 0
    )


def processed_after_refusal(known: Known, packet: Any) -> str | None:
    return f"{describe(packet)} after a CONNACK that refused" if known.accepted is False else None


#: Packet -> the statements on Reason String and User Property in packets that grow too large by them.
_GROWTH = {
    Connack: ("3.2.2-19", "3.2.2-20"),
    Puback: ("3.4.2-2", "3.4.2-3"),
    Pubrec: ("3.5.2-2", "3.5.2-3"),
    Pubrel: ("3.6.2-2", "3.6.2-3"),
    Pubcomp: ("3.7.2-2", "3.7.2-3"),
    Suback: ("3.9.2-1", "3.9.2-2"),
    Unsuback: ("3.11.2-1", "3.11.2-2"),
    Disconnect: ("3.14.2-3", "3.14.2-4"),
    Auth: ("3.15.2-2", "3.15.2-3"),
}
_SHORTEST = "a variable byte integer in as few bytes as it needs"
_FLAGS = "reserved flags of the fixed header with the values listed"

RULES = (
    Rule(_OTHERS, "2.2.2-1", "2.1.3-1", Needs.CONNECT, _FLAGS, wrong_flags),
    Rule((Pubrel,), "3.6.1-1", "3.6.1-1", Needs.CONNECT, "flags 0010 in PUBREL", wrong_flags),
    Rule((Auth,), "", "3.15.1-1", Needs.CONNECT, "flags 0000 in AUTH", wrong_flags),
    Rule((Malformed,), "", "1.5.5-1", Needs.CONNECT, _SHORTEST, spends_length),
    Rule((Malformed,), "", "2.2.2-1", Needs.CONNECT, "a Property Length even without properties", no_property_length),
    Rule((Publish,), "1.5.3-1", "1.5.4-1", Needs.CONNECT, "strings of well-formed UTF-8", ill_string),
    Rule(_OTHERS, "", "1.5.4-1", Needs.CONNECT, "strings of well-formed UTF-8", ill_string),
    Rule((Publish,), "1.5.3-2", "1.5.4-2", Needs.CONNECT, "no U+0000 in a string", null_string),
    Rule(_OTHERS, "", "1.5.4-2", Needs.CONNECT, "no U+0000 in a string", null_string),
    Rule(_WITH_PROPERTIES, "", "1.5.7-1", Needs.CONNECT, "both strings of a pair well-formed", ill_pair),
    Rule(
        (*_ALL, Malformed),
        "",
        "3.1.2-24",
        Needs.CONNECT,
        "no packet over the client's Maximum Packet Size",
        too_large,
    ),
    *(
        Rule((packet,), "", number, Needs.CONNECT, f"no {name.title} that makes the packet too large", grown(name))
        for packet, numbers in _GROWTH.items()
        for number, name in zip(numbers, (Property.REASON_STRING, Property.USER_PROPERTY), strict=True)
    ),
    Rule(
        (*_ACKNOWLEDGEMENTS, Auth),
        "",
        "3.1.2-29",
        Needs.CONNECT,
        "no Reason String or User Property, as Request Problem Information is 0",
        unwanted_reason,
    ),
    Rule(
        (Puback, Pubrec, Pubcomp, Suback, Unsuback, Pingresp),
        "3.1.4-5",
        "3.1.4-6",
        Needs.CONNECT,
        "nothing processed that came after the refused CONNECT",
        processed_after_refusal,
    ),
)
