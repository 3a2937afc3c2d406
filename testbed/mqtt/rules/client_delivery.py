"""Rules on the PUBLISH packets the client sends and on its acknowledgements (sections 2, 3.3 to 3.7, 4.3 to 4.9)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from testbed.mqtt.codec import describe
from testbed.mqtt.packets import Disconnect, Puback, Pubcomp, Publish, Pubrec, Pubrel
from testbed.mqtt.properties import Property, get
from testbed.mqtt.reasons import Reason
from testbed.mqtt.rules.answering import (
    never_published,
    never_released,
    other_qos,
    release_again,
    release_of_nothing,
    release_too_early,
    unlisted,
)
from testbed.mqtt.rules.delivery import (
    alias_above,
    alias_unasked,
    alias_zero,
    dup_without_qos,
    empty_topic,
    id_zero,
    ill,
    ill_topic,
    property_text,
    qos_three,
    too_many_open,
    wild,
    wildcard_topic,
)
from testbed.mqtt.rules.known import Known, Needs
from testbed.mqtt.rules.rule import Rule
from testbed.mqtt.rules.sides import Flight, content

_PUBLISH = (Publish,)


def null_topic(known: Known, packet: Publish) -> bool:
    return isinstance(packet.topic, str) and "\0" in packet.topic


def subscription_identifier(known: Known, packet: Publish) -> bool:
    return bool(packet.properties) and get(packet.properties, Property.SUBSCRIPTION_IDENTIFIER) is not None


# -- what the server said it takes


def above_maximum_qos(known: Known, packet: Publish) -> str | None:
    told = known.told(Property.MAXIMUM_QOS)
    if not told or not known.informed or not max(told) < packet.qos < 3:
        return None
    return f"{describe(packet)} where the server takes QoS {max(told)} at most"


def retained(known: Known, packet: Publish) -> bool:
    told = known.told(Property.RETAIN_AVAILABLE)
    return packet.retain and known.informed and bool(told) and not any(told)


def alias_refused(known: Known, packet: Disconnect) -> bool:
    """Topic Alias invalid, although every alias the server sent was within the client's maximum."""
    return packet.code == Reason.TOPIC_ALIAS_INVALID and bool(known.server.aliases)


# -- identifiers and re-delivery


def _same(known: Known, packet: Publish, flight: Flight) -> bool:
    return (
        packet.qos == flight.qos
        and content(packet) == flight.content
        and known.topic_of(packet, known.client) == flight.topic
    )


def _taken(qos: int) -> Callable[[Known, Publish], bool]:
    """A new message under an identifier that a PUBLISH or a request has open."""

    def broken(known: Known, packet: Publish) -> bool:
        number = packet.packet_id
        if packet.qos != qos or number is None:
            return False
        flight = known.client.open.get(number)
        if flight is None:
            return not packet.dup and (number in known.subscribes or number in known.unsubscribes)
        same = _same(known, packet, flight)
        return not same if packet.dup else not same or flight.released

    return broken


def repeated_without_dup(known: Known, packet: Publish) -> bool:
    """The same message under the same identifier: sent again rather than anew."""
    flight = known.client.open.get(packet.packet_id or 0)
    return flight is not None and not packet.dup and not flight.released and _same(known, packet, flight)


def _again(released: bool) -> Callable[[Known, Publish], bool]:
    """The same message once more, before or after its PUBREL."""

    def broken(known: Known, packet: Publish) -> bool:
        flight = known.client.open.get(packet.packet_id or 0)
        return flight is not None and packet.dup and flight.released is released and _same(known, packet, flight)

    return broken


def _dup_at_first(qos: int) -> Callable[[Known, Publish], bool]:
    """Never sent on this connection, which began the session; or sent and acknowledged with another payload."""

    def broken(known: Known, packet: Publish) -> bool:
        number, side = packet.packet_id, known.client
        if not packet.dup or packet.qos != qos or number is None or number in side.open:
            return False
        return number not in side.published or side.carried[number] != content(packet)

    return broken


def repeated_under_another_id(known: Known, packet: Publish) -> bool:
    """A re-sent message that is open under another identifier."""
    number, side = packet.packet_id, known.client
    if not packet.dup or packet.qos not in (1, 2) or number in side.published:
        return False
    return any(_same(known, packet, flight) for flight in side.open.values())


def _acknowledged(known: Known, packet: Publish) -> bool:
    number, side = packet.packet_id, known.client
    if not packet.dup or packet.qos not in (1, 2) or number is None or number in side.open:
        return False
    return number in side.published and side.carried[number] == content(packet)


def repeated_after_acknowledgement(known: Known, packet: Publish) -> bool:
    return _acknowledged(known, packet)


def repeated_after_refusal(known: Known, packet: Publish) -> bool:
    return packet.packet_id in known.client.refused and _acknowledged(known, packet)


# -- order


def _behind(owed: dict[int, None], number: int) -> str | None:
    """Whether an answer is owed to `number`, and one to another identifier since longer."""
    if number not in owed:
        return None
    first = next(iter(owed))
    return None if first == number else f"the answer to {number} before the answer to {first}"


def puback_out_of_order(known: Known, packet: Puback) -> str | None:
    return _behind(known.client.owed_pubacks, packet.packet_id)


def pubrec_out_of_order(known: Known, packet: Pubrec) -> str | None:
    return _behind(known.client.owed_pubrecs, packet.packet_id)


def pubrel_out_of_order(known: Known, packet: Pubrel) -> str | None:
    return _behind(known.client.owed_pubrels, packet.packet_id)


def _publish(v311: str, v5: str, needs: Needs, expected: str, broken: Callable[[Known, Publish], Any]) -> Rule:
    return Rule(_PUBLISH, v311, v5, needs, expected, broken)


_ECHO = "the packet identifier of a PUBLISH that the server sent"
_WELL_FORMED = "well-formed UTF-8"
_ALONE = Needs.CONNECT

RULES = (
    _publish("3.3.1-2 4.3.1-1", "3.3.1-2 4.3.1-1", _ALONE, "DUP 0 with QoS 0", dup_without_qos),
    _publish("3.3.1-4", "3.3.1-4", _ALONE, "a QoS of 0, 1 or 2", qos_three),
    _publish("2.3.1-1", "2.2.1-3", _ALONE, "a packet identifier other than 0", id_zero),
    _publish("3.3.2-1", "3.3.2-1", _ALONE, f"a topic of {_WELL_FORMED}", ill_topic),
    _publish("3.3.2-2 4.7.1-1", "3.3.2-2 4.7.0-1", _ALONE, "a topic without wildcards", wildcard_topic),
    _publish(
        "4.7.3-1",
        "4.7.3-1",
        _ALONE,
        "a topic of one character or more, or in 5.0 an alias set on this connection",
        empty_topic,
    ),
    _publish("4.7.3-2", "4.7.3-2", _ALONE, "no U+0000 in a topic", null_topic),
    _publish("", "3.3.4-6", _ALONE, "no Subscription Identifier from a client", subscription_identifier),
    _publish("", "3.3.2-8", _ALONE, "no topic alias 0", alias_zero),
    _publish("", "3.2.2-17 3.3.2-9", _ALONE, "a topic alias within the server's maximum", alias_above),
    _publish("", "3.2.2-18", _ALONE, "no topic alias, as the server takes none", alias_unasked),
    _publish(
        "",
        "3.3.2-13",
        _ALONE,
        f"a Response Topic of {_WELL_FORMED}",
        property_text(Property.RESPONSE_TOPIC, ill),
    ),
    _publish(
        "",
        "3.3.2-14",
        _ALONE,
        "a Response Topic without wildcards",
        property_text(Property.RESPONSE_TOPIC, wild),
    ),
    _publish(
        "",
        "3.3.2-19",
        _ALONE,
        f"a Content Type of {_WELL_FORMED}",
        property_text(Property.CONTENT_TYPE, ill),
    ),
    _publish("", "3.2.2-11", _ALONE, "no QoS above the server's Maximum QoS", above_maximum_qos),
    _publish("", "3.2.2-14", _ALONE, "RETAIN 0, as the server keeps no retained messages", retained),
    _publish(
        "",
        "3.3.4-7 4.9.0-2",
        Needs.TALK,
        "no more unacknowledged PUBLISH packets than the server's Receive Maximum",
        too_many_open,
    ),
    _publish("2.3.1-2 4.3.2-1", "2.2.1-3 4.3.2-1", Needs.TALK, "an unused packet identifier", _taken(1)),
    _publish("2.3.1-2 4.3.3-1", "2.2.1-3 4.3.3-1", Needs.TALK, "an unused packet identifier", _taken(2)),
    _publish("3.3.1-1", "3.3.1-1", Needs.TALK, "DUP 1 in a PUBLISH sent again", repeated_without_dup),
    _publish("4.3.2-1", "4.3.2-2", Needs.SESSION, "DUP 0 in a PUBLISH sent first", _dup_at_first(1)),
    _publish("4.3.3-1", "4.3.3-2", Needs.SESSION, "DUP 0 in a PUBLISH sent first", _dup_at_first(2)),
    _publish(
        "2.3.1-3",
        "",
        Needs.SESSION,
        "the identifier a PUBLISH had before, as it is sent again",
        repeated_under_another_id,
    ),
    _publish("", "4.4.0-1", Needs.TALK, "no PUBLISH sent again on the same connection", _again(False)),
    _publish(
        "", "4.4.0-1", Needs.TALK, "no PUBLISH sent again once it is acknowledged", repeated_after_acknowledgement
    ),
    _publish("", "4.4.0-2", Needs.TALK, "no PUBLISH sent again once it is refused", repeated_after_refusal),
    _publish("4.3.3-1", "4.3.3-6", Needs.TALK, "no PUBLISH again after its PUBREL", _again(True)),
    Rule((Disconnect,), "", "3.3.2-10", Needs.TALK, "every alias within the client's maximum taken", alias_refused),
    *(
        Rule(
            (packet,), "", number, _ALONE, f"a reason code listed for {packet.kind}", unlisted(packet.kind, "client")
        )
        for packet, number in ((Puback, "3.4.2-1"), (Pubrec, "3.5.2-1"), (Pubrel, "3.6.2-1"), (Pubcomp, "3.7.2-1"))
    ),
    Rule((Puback,), "2.3.1-6 4.3.2-2", "2.2.1-5 4.3.2-4", Needs.SESSION, _ECHO, never_published),
    Rule((Pubrec,), "2.3.1-6 4.3.3-2", "2.2.1-5 4.3.3-8", Needs.SESSION, _ECHO, never_published),
    Rule((Puback,), "3.3.4-1", "3.3.4-1", Needs.SESSION, "PUBACK in answer to QoS 1 only", other_qos(1)),
    Rule((Pubrec,), "3.3.4-1", "3.3.4-1", Needs.SESSION, "PUBREC in answer to QoS 2 only", other_qos(2)),
    Rule(
        (Pubrel,),
        "2.3.1-6",
        "2.2.1-5 4.3.3-4",
        Needs.SESSION,
        "the packet identifier of a PUBLISH with QoS 2 that the client sent",
        release_of_nothing,
    ),
    Rule((Pubrel,), "4.3.3-1", "4.3.3-3", Needs.SESSION, "no PUBREL before the server's PUBREC", release_too_early),
    Rule((Pubrel,), "", "4.4.0-1", Needs.SESSION, "no PUBREL sent again on the same connection", release_again),
    Rule(
        (Pubcomp,),
        "4.3.3-2",
        "2.2.1-5 4.3.3-11",
        Needs.SESSION,
        "the packet identifier of a PUBREL that the server sent",
        never_released,
    ),
    Rule((Puback,), "4.6.0-2", "4.6.0-2", Needs.TALK, "PUBACK in the order of PUBLISH", puback_out_of_order),
    Rule((Pubrec,), "4.6.0-3", "4.6.0-3", Needs.TALK, "PUBREC in the order of PUBLISH", pubrec_out_of_order),
    Rule((Pubrel,), "4.6.0-4", "4.6.0-4", Needs.TALK, "PUBREL in the order of PUBREC", pubrel_out_of_order),
)
