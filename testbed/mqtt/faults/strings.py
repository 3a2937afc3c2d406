"""Faults in strings and topic names: ill-formed ones sent or put up with, well-formed ones changed on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from testbed.mqtt.faults.changes import alter, is_wild
from testbed.mqtt.faults.tap import Change, Out, PacketTap, Plan, answers, asks, changing
from testbed.mqtt.packets import Connect, Packet, Publish, Subscribe, Unsubscribe
from testbed.mqtt.properties import Property

Mend = Callable[[Any], Any]

# -- put up with: mended on the way to the broker


def legible(value: Any) -> Any:
    """Ill-formed bytes replaced."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _no_null(value: Any) -> Any:
    return value.replace("\0", "_") if isinstance(value, str) else value.replace(b"\0", b"_")


def _unmarked(value: Any) -> Any:
    return value.replace("\ufeff", "") if isinstance(value, str) else value


def _tamed(value: Any) -> Any:
    return value.replace("+", "_").replace("#", "_") if is_wild(value) else value


def _not_empty(value: Any) -> Any:
    return value or "_"


def in_connect(mend: Mend) -> Change:
    """CONNECT with client id, will topic and user name mended."""

    def change(packet: Any, tap: PacketTap) -> Packet:
        will = packet.will and alter(packet.will, topic=mend(packet.will.topic))
        user = None if packet.username is None else mend(packet.username)
        client = mend(packet.client_id)
        same = (client, will, user) == (packet.client_id, packet.will, packet.username)
        return packet if same else alter(packet, client_id=client, will=will, username=user)

    return change


def in_topic(mend: Mend) -> Change:
    """PUBLISH with its topic mended."""

    def change(packet: Any, tap: PacketTap) -> Packet:
        topic = mend(packet.topic)
        return packet if topic == packet.topic else alter(packet, topic=topic)

    return change


def in_filters(mend: Mend) -> Change:
    """SUBSCRIBE or UNSUBSCRIBE with its filters mended."""

    def change(packet: Any, tap: PacketTap) -> Packet:
        if isinstance(packet, Unsubscribe):
            filters = tuple(mend(one) for one in packet.filters)
            return packet if filters == packet.filters else alter(packet, filters=filters)
        wanted = tuple(alter(one, filter=mend(one.filter)) for one in packet.subscriptions)
        return packet if wanted == packet.subscriptions else alter(packet, subscriptions=wanted)

    return change


def _topic_without_alias(packet: Any, tap: PacketTap) -> Packet:
    alias = any(name == Property.TOPIC_ALIAS for name, _ in packet.properties)
    return packet if packet.topic or alias else alter(packet, topic="_")


def _everywhere(mend: Mend) -> dict[type, Change]:
    filters = in_filters(mend)
    return {Connect: in_connect(mend), Publish: in_topic(mend), Subscribe: filters, Unsubscribe: filters}


def _in_property(names: tuple[int, ...], mend: Mend) -> Change:
    def change(packet: Any, tap: PacketTap) -> Packet:
        block = tuple((name, mend(value) if name in names else value) for name, value in packet.properties)
        return packet if block == packet.properties else alter(packet, properties=block)

    return change


def _pair(mend: Mend) -> Mend:
    return lambda value: tuple(mend(one) for one in value) if isinstance(value, tuple) else value


_USER = (Property.USER_PROPERTY,)
_TALKATIVE = (Connect, Publish, Subscribe, Unsubscribe)

# -- said by the broker


def _ill(value: Any) -> Any:
    return value.encode("utf-8", "surrogatepass") + b"\xff" if isinstance(value, str) else value


def _surrogate(value: Any) -> Any:
    return value.encode("utf-8", "surrogatepass") + b"\xed\xa0\x80" if isinstance(value, str) else value


def _null(value: Any) -> Any:
    return value + "\0" if isinstance(value, str) else value


def _wild(value: Any) -> Any:
    return value + "/#" if isinstance(value, str) else value


# -- changed on the way


class _Normalising(PacketTap):
    """Filters and topics reach the broker changed by `norm`; what it delivers gets the name it was published by."""

    norm: Mend

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Publish):
            other = self.norm(packet.topic)
            self.planted.memory.setdefault(("published", other), packet.topic)
            return [in_topic(self.norm)(packet, self)]  # type: ignore[list-item]
        if isinstance(packet, Subscribe | Unsubscribe):
            other = in_filters(self.norm)(packet, self)
            if other is not packet:
                self.damage()
            return [other]  # type: ignore[list-item]
        return [packet]

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Publish):
            topic = self.planted.memory.get(("published", packet.topic), packet.topic)
            return [packet if topic == packet.topic else alter(packet, topic=topic)]
        return [packet]


class _CaseBlind(_Normalising):
    norm = staticmethod(lambda value: value.casefold() if isinstance(value, str) else value)


class _SlashBlind(_Normalising):
    """A slash at the start or the end of a name counts for nothing."""

    norm = staticmethod(lambda value: value.strip("/") or value if isinstance(value, str) else value)


PLANS = (
    Plan(
        "takes-ill-formed-strings",
        "takes strings that are no UTF-8",
        changing(ask=_everywhere(legible)),
        "1.5.3-1",
        "1.5.4-1",
    ),
    Plan(
        "takes-ill-formed-topics",
        "takes a PUBLISH whose topic is no UTF-8",
        asks(Publish, in_topic(legible)),
        "1.5.3-1",
        "1.5.4-1",
    ),
    Plan(
        "takes-ill-formed-filters",
        "takes a SUBSCRIBE whose filter is no UTF-8",
        asks((Subscribe, Unsubscribe), in_filters(legible)),
        "1.5.3-1",
        "1.5.4-1",
    ),
    Plan(
        "takes-ill-formed-connect",
        "takes a CONNECT whose strings are no UTF-8",
        asks(Connect, in_connect(legible)),
        "1.5.3-1",
        "1.5.4-1",
    ),
    Plan("takes-null", "takes U+0000 in any string", changing(ask=_everywhere(_no_null)), "1.5.3-2", "1.5.4-2"),
    Plan(
        "takes-null-in-topics",
        "takes U+0000 in the topic of a PUBLISH",
        asks(Publish, in_topic(_no_null)),
        "4.7.3-2",
        "4.7.3-2",
    ),
    Plan(
        "takes-null-in-filters",
        "takes U+0000 in the filter of a SUBSCRIBE",
        asks((Subscribe, Unsubscribe), in_filters(_no_null)),
        "4.7.3-2",
        "4.7.3-2",
    ),
    Plan(
        "takes-ill-formed-pairs",
        "takes User Properties that are no UTF-8",
        asks(_TALKATIVE, _in_property(_USER, _pair(legible))),
        "",
        "1.5.7-1",
    ),
    Plan(
        "takes-null-in-pairs",
        "takes U+0000 in User Properties",
        asks(_TALKATIVE, _in_property(_USER, _pair(_no_null))),
        "",
        "1.5.7-1",
    ),
    Plan(
        "takes-ill-formed-content-type",
        "takes a Content Type that is no UTF-8",
        asks(Publish, _in_property((Property.CONTENT_TYPE,), legible)),
        "",
        "3.3.2-19",
    ),
    Plan(
        "takes-ill-formed-response-topic",
        "takes a Response Topic that is no UTF-8",
        asks(Publish, _in_property((Property.RESPONSE_TOPIC,), legible)),
        "",
        "3.3.2-13",
    ),
    Plan(
        "takes-wild-topic",
        "takes a PUBLISH to a topic with wildcards",
        asks(Publish, in_topic(_tamed)),
        "3.3.2-2",
        "3.3.2-2",
    ),
    Plan(
        "takes-plus-in-topic",
        "takes a PUBLISH to a topic with +",
        asks(Publish, in_topic(lambda value: value.replace("+", "_") if isinstance(value, str) else value)),
        "4.7.1-1",
        "4.7.0-1",
    ),
    Plan(
        "takes-empty-topic",
        "takes a PUBLISH to an empty topic",
        asks(Publish, _topic_without_alias),
        "4.7.3-1",
        "4.7.3-1",
    ),
    Plan(
        "takes-empty-filter",
        "takes a SUBSCRIBE to an empty filter",
        asks(Subscribe, in_filters(_not_empty)),
        "4.7.3-1",
        "4.7.3-1",
    ),
    Plan(
        "topic-ill-formed",
        "delivers a topic that is no UTF-8",
        answers(Publish, in_topic(_ill)),
        "1.5.3-1",
        "1.5.4-1",
    ),
    Plan(
        "topic-surrogate",
        "delivers a topic with a lone surrogate",
        answers(Publish, in_topic(_surrogate)),
        "3.3.2-1",
        "3.3.2-1",
    ),
    Plan(
        "topic-null", "delivers a topic that ends in U+0000", answers(Publish, in_topic(_null)), "1.5.3-2", "1.5.4-2"
    ),
    Plan("topic-wild", "delivers a topic with a wildcard", answers(Publish, in_topic(_wild)), "3.3.2-2", "3.3.2-2"),
    Plan(
        "topic-is-the-filter",
        "delivers a topic with + in it",
        answers(Publish, in_topic(lambda value: value[:-1] + "+" if isinstance(value, str) else value)),
        "4.7.1-1",
        "4.7.0-1",
    ),
    Plan(
        "topic-mark-stripped",
        "delivers topics without U+FEFF",
        answers(Publish, in_topic(_unmarked)),
        "1.5.3-3",
        "1.5.4-3",
    ),
    Plan(
        "mark-ignored",
        "reads filters and topics as though U+FEFF were not there",
        changing(ask={Publish: in_topic(_unmarked), Subscribe: in_filters(_unmarked)}),
        "1.5.3-3",
        "1.5.4-3",
    ),
    Plan(
        "pair-ill-formed",
        "delivers User Properties that are no UTF-8",
        answers(Publish, _in_property(_USER, _pair(_ill))),
        "",
        "1.5.7-1",
    ),
    Plan(
        "content-type-ill-formed",
        "delivers a Content Type that is no UTF-8",
        answers(Publish, _in_property((Property.CONTENT_TYPE,), _ill)),
        "",
        "3.3.2-19",
    ),
    Plan(
        "response-topic-ill-formed",
        "delivers a Response Topic that is no UTF-8",
        answers(Publish, _in_property((Property.RESPONSE_TOPIC,), _ill)),
        "",
        "3.3.2-13",
    ),
    Plan(
        "response-topic-wild",
        "delivers a Response Topic with a wildcard",
        answers(Publish, _in_property((Property.RESPONSE_TOPIC,), _wild)),
        "",
        "3.3.2-14",
    ),
    Plan("case-blind", "matches topics whatever their case", _CaseBlind, "4.7.3-4", "4.7.3-4"),
    Plan("slash-blind", "matches topics whatever slash they begin or end with", _SlashBlind, "4.7.3-4", "4.7.3-4"),
)
