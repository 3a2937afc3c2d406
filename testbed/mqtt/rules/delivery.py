"""Rules on the PUBLISH packets the server sends (sections 2.2.1 or 2.3.1, 3.3, 3.8.4, 4.3, 4.7)."""

from __future__ import annotations

from collections.abc import Callable

from testbed.mqtt.codec import describe
from testbed.mqtt.packets import Publish
from testbed.mqtt.properties import Property, get
from testbed.mqtt.rules.filters import UNREACHED
from testbed.mqtt.rules.known import Known, Needs
from testbed.mqtt.rules.rule import Rule

_PUBLISH = (Publish,)


def dup_without_qos(known: Known, packet: Publish) -> bool:
    return packet.dup and packet.qos == 0


def qos_three(known: Known, packet: Publish) -> bool:
    return packet.qos == 3


def id_zero(known: Known, packet: Publish) -> bool:
    return packet.qos > 0 and packet.packet_id == 0


def ill_topic(known: Known, packet: Publish) -> bool:
    return isinstance(packet.topic, bytes)


def wildcard_topic(known: Known, packet: Publish) -> bool:
    return isinstance(packet.topic, str) and ("+" in packet.topic or "#" in packet.topic)


def empty_topic(known: Known, packet: Publish) -> bool:
    return not packet.topic and not known.topic_of(packet, known.judged)


def _alias(packet: Publish) -> int | None:
    return get(packet.properties, Property.TOPIC_ALIAS) if packet.properties else None


def alias_zero(known: Known, packet: Publish) -> bool:
    return _alias(packet) == 0


def alias_above(known: Known, packet: Publish) -> str | None:
    alias, most = _alias(packet), known.other.alias_maximum
    if alias is None or most == 0 or alias <= most:
        return None
    return f"{describe(packet)} where the {known.other.name} takes aliases up to {most}"


def alias_unasked(known: Known, packet: Publish) -> bool:
    """Before a CONNACK nobody knows what the server will take."""
    return _alias(packet) is not None and known.other.announced and known.other.alias_maximum == 0


def property_text(name: Property, wrong: Callable[[object], bool]) -> Callable[[Known, Publish], bool]:
    return lambda known, packet: bool(packet.properties) and wrong(get(packet.properties, name))


def ill(value: object) -> bool:
    return isinstance(value, bytes)


def wild(value: object) -> bool:
    return isinstance(value, str) and ("+" in value or "#" in value)


# -- what the session has subscribed to


def unsubscribed_topic(known: Known, packet: Publish) -> bool:
    topic = known.topic_of(packet, known.server)
    if not topic or isinstance(topic, bytes) or not known.subscribed:
        return False
    return known.reach(topic) == UNREACHED and known.reach(topic, hidden=True) == UNREACHED


def hidden_topic(known: Known, packet: Publish) -> bool:
    topic = packet.topic
    if not isinstance(topic, str) or not topic.startswith("$"):
        return False
    return known.reach(topic) == UNREACHED and known.reach(topic, hidden=True) != UNREACHED


def above_granted(known: Known, packet: Publish) -> str | None:
    if not 0 < packet.qos < 3:
        return None
    topic = known.topic_of(packet, known.server)
    if not topic or isinstance(topic, bytes):
        return None
    granted = known.reach(topic)
    if granted == UNREACHED or packet.qos <= granted:
        return None
    return f"{describe(packet)} where QoS {granted} was granted at most"


# -- identifiers and handshakes


def _taken(qos: int) -> Callable[[Known, Publish], bool]:
    def broken(known: Known, packet: Publish) -> bool:
        flight = known.server.open.get(packet.packet_id or 0)
        if flight is None or packet.qos != qos:
            return False
        return not packet.dup or known.topic_of(packet, known.server) != flight.topic

    return broken


def _again(released: bool) -> Callable[[Known, Publish], bool]:
    def broken(known: Known, packet: Publish) -> bool:
        flight = known.judged.open.get(packet.packet_id or 0)
        if flight is None or not packet.dup or flight.released is not released:
            return False
        return known.topic_of(packet, known.judged) == flight.topic

    return broken


def dup_at_first(known: Known, packet: Publish) -> bool:
    """A shared subscription may move a message that was already sent to another member."""
    first = packet.packet_id is not None and packet.packet_id not in known.server.published
    return packet.dup and packet.qos > 0 and first and not known.filters.shared


def too_many_open(known: Known, packet: Publish) -> str | None:
    if packet.qos == 0 or packet.packet_id in known.judged.open or not known.informed:
        return None
    count, most = len(known.judged.open), known.other.receive_maximum
    return f"{describe(packet)} while {count} are not acknowledged" if count >= most else None


_WELL_FORMED = "well-formed UTF-8"

RULES = (
    Rule(_PUBLISH, "3.3.1-2", "3.3.1-2", Needs.CONNECT, "DUP 0 with QoS 0", dup_without_qos),
    Rule(_PUBLISH, "3.3.1-4", "3.3.1-4", Needs.CONNECT, "a QoS of 0, 1 or 2", qos_three),
    Rule(_PUBLISH, "2.3.1-1", "2.2.1-4", Needs.CONNECT, "a packet identifier other than 0", id_zero),
    Rule(_PUBLISH, "3.3.2-1", "3.3.2-1", Needs.CONNECT, f"a topic of {_WELL_FORMED}", ill_topic),
    Rule(_PUBLISH, "3.3.2-2 4.7.1-1", "3.3.2-2 4.7.0-1", Needs.CONNECT, "a topic without wildcards", wildcard_topic),
    Rule(
        _PUBLISH,
        "4.7.3-1",
        "4.7.3-1",
        Needs.CONNECT,
        "a topic of one character or more, or in 5.0 an alias set on this connection",
        empty_topic,
    ),
    Rule(_PUBLISH, "", "3.3.2-8", Needs.CONNECT, "no topic alias 0", alias_zero),
    Rule(_PUBLISH, "", "3.1.2-26 3.3.2-11", Needs.CONNECT, "a topic alias within the client's maximum", alias_above),
    Rule(_PUBLISH, "", "3.1.2-27", Needs.CONNECT, "no topic alias, as the client takes none", alias_unasked),
    Rule(
        _PUBLISH,
        "",
        "3.3.2-13",
        Needs.CONNECT,
        f"a Response Topic of {_WELL_FORMED}",
        property_text(Property.RESPONSE_TOPIC, ill),
    ),
    Rule(
        _PUBLISH,
        "",
        "3.3.2-14",
        Needs.CONNECT,
        "a Response Topic without wildcards",
        property_text(Property.RESPONSE_TOPIC, wild),
    ),
    Rule(
        _PUBLISH,
        "",
        "3.3.2-19",
        Needs.CONNECT,
        f"a Content Type of {_WELL_FORMED}",
        property_text(Property.CONTENT_TYPE, ill),
    ),
    Rule(_PUBLISH, "3.3.2-3", "3.3.2-3", Needs.SESSION, "a topic that was subscribed to", unsubscribed_topic),
    Rule(_PUBLISH, "4.7.2-1", "4.7.2-1", Needs.SESSION, "no $-topic for a leading wildcard", hidden_topic),
    Rule(_PUBLISH, "3.8.4-6", "3.8.4-8", Needs.SESSION, "no QoS above what was granted", above_granted),
    Rule(_PUBLISH, "2.3.1-4 4.3.2-1", "2.2.1-4 4.3.2-1", Needs.TALK, "an unused packet identifier", _taken(1)),
    Rule(_PUBLISH, "2.3.1-4 4.3.3-1", "2.2.1-4 4.3.3-1", Needs.TALK, "an unused packet identifier", _taken(2)),
    Rule(_PUBLISH, "", "4.4.0-1", Needs.TALK, "no PUBLISH sent again on the same connection", _again(False)),
    Rule(_PUBLISH, "4.3.3-1", "4.3.3-6", Needs.TALK, "no PUBLISH again after its PUBREL", _again(True)),
    Rule(_PUBLISH, "3.3.1-3", "3.3.1-3", Needs.SESSION, "DUP 0 in a PUBLISH sent first", dup_at_first),
    Rule(
        _PUBLISH,
        "",
        "3.3.4-9 4.9.0-2",
        Needs.TALK,
        "no more unacknowledged PUBLISH packets than the client's Receive Maximum",
        too_many_open,
    ),
)
