"""Faults in what a broker forwards with a message: properties lost, altered, turned round; expiry (5.0)."""

from __future__ import annotations

import time
from typing import Any

from testbed.mqtt.faults.changes import alter, dropping, setting, without
from testbed.mqtt.faults.tap import Out, PacketTap, Plan, answers, asks
from testbed.mqtt.packets import Packet, Publish
from testbed.mqtt.properties import Property, get


def _changed(name: Property, change: Any) -> Any:
    """A delivery with one property's values changed."""

    def on(packet: Any, tap: PacketTap) -> Packet:
        block = tuple((found, change(value) if found == name else value) for found, value in packet.properties)
        return packet if block == packet.properties else alter(packet, properties=block)

    return on


def _user(packet: Any) -> list[tuple[int, Any]]:
    return [entry for entry in packet.properties if entry[0] == Property.USER_PROPERTY]


def _others(packet: Any) -> list[tuple[int, Any]]:
    return [entry for entry in packet.properties if entry[0] != Property.USER_PROPERTY]


def _with_user(packet: Any, user: list[tuple[int, Any]]) -> Packet:
    return packet if user == _user(packet) else alter(packet, properties=(*_others(packet), *user))


def _one_user(packet: Any, tap: PacketTap) -> Packet:
    return _with_user(packet, _user(packet)[:1])


def _unique_user(packet: Any, tap: PacketTap) -> Packet:
    return _with_user(packet, list({entry[1][0]: entry for entry in _user(packet)}.values()))


def _backwards(packet: Any, tap: PacketTap) -> Packet:
    return _with_user(packet, _user(packet)[::-1])


def _sorted(packet: Any, tap: PacketTap) -> Packet:
    return _with_user(packet, sorted(_user(packet), key=str))


def _louder(value: Any) -> Any:
    return value.upper() if value != value.upper() else value + value[:1]


# -- expiry


class _Ageless(PacketTap):
    """Forwards the Message Expiry Interval as it came in, however long the message waited."""

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Publish):
            seconds = get(packet.properties, Property.MESSAGE_EXPIRY_INTERVAL)
            if seconds is not None:
                self.planted.memory["expiry", packet.topic, packet.payload] = (seconds, time.monotonic())
        return [packet]

    def answer(self, packet: Packet) -> Out:
        if not isinstance(packet, Publish):
            return [packet]
        left = get(packet.properties, Property.MESSAGE_EXPIRY_INTERVAL)
        seconds, _ = self.planted.memory.get(("expiry", packet.topic, packet.payload), (left, 0.0))
        if left is None or left == seconds:
            return [packet]
        self.damage()
        return [setting(packet, Property.MESSAGE_EXPIRY_INTERVAL, seconds)]


# -- Subscription Identifiers


class _OnlyFirstIdentifier(PacketTap):
    """Of several filters that match, tells the identifier of one."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.told: dict[Any, Any] = {}

    def answer(self, packet: Packet) -> Out:
        if not isinstance(packet, Publish):
            return [packet]
        found = [entry for entry in packet.properties if entry[0] == Property.SUBSCRIPTION_IDENTIFIER]
        if len(found) < 2:
            return [packet]
        self.damage()
        return [
            alter(
                without(packet, Property.SUBSCRIPTION_IDENTIFIER),
                properties=(*without(packet, Property.SUBSCRIPTION_IDENTIFIER).properties, found[0]),
            )
        ]


class _SameIdentifier(PacketTap):
    """Of several copies, gives each the identifier of the first."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.told: dict[Any, Any] = {}

    def answer(self, packet: Packet) -> Out:
        if not isinstance(packet, Publish):
            return [packet]
        found = [entry[1] for entry in packet.properties if entry[0] == Property.SUBSCRIPTION_IDENTIFIER]
        if len(found) != 1:
            return [packet]
        first = self.told.setdefault((packet.topic, packet.payload), found[0])
        if first == found[0]:
            return [packet]
        self.damage()
        return [setting(packet, Property.SUBSCRIPTION_IDENTIFIER, first)]


def _unidentified(packet: Any, tap: PacketTap) -> Packet:
    return without(packet, Property.SUBSCRIPTION_IDENTIFIER)


PLANS = (
    *(
        Plan(f"{what}-dropped", f"does not forward the {name.title}", answers(Publish, dropping(name)), "", number)
        for what, name, number in (
            ("payload-format", Property.PAYLOAD_FORMAT_INDICATOR, "3.3.2-4"),
            ("response-topic", Property.RESPONSE_TOPIC, "3.3.2-15"),
            ("correlation-data", Property.CORRELATION_DATA, "3.3.2-16"),
            ("user-properties", Property.USER_PROPERTY, "3.3.2-17"),
            ("content-type", Property.CONTENT_TYPE, "3.3.2-20"),
            ("expiry", Property.MESSAGE_EXPIRY_INTERVAL, "3.3.2-6"),
            ("subscription-identifiers", Property.SUBSCRIPTION_IDENTIFIER, "3.3.4-3"),
        )
    ),
    Plan(
        "payload-format-altered",
        "forwards another Payload Format Indicator",
        answers(
            Publish, _changed(Property.PAYLOAD_FORMAT_INDICATOR, lambda value: 1 - value if value < 2 else value)
        ),
        "",
        "3.3.2-4",
    ),
    Plan(
        "response-topic-altered",
        "forwards another Response Topic",
        answers(Publish, _changed(Property.RESPONSE_TOPIC, _louder)),
        "",
        "3.3.2-15",
    ),
    Plan(
        "correlation-data-altered",
        "forwards Correlation Data without its last byte",
        answers(Publish, _changed(Property.CORRELATION_DATA, lambda value: value[:-1])),
        "",
        "3.3.2-16",
    ),
    Plan(
        "correlation-data-cut-at-0",
        "forwards Correlation Data up to its first 0 byte",
        answers(Publish, _changed(Property.CORRELATION_DATA, lambda value: value.partition(b"\0")[0])),
        "",
        "3.3.2-16",
    ),
    Plan(
        "content-type-altered",
        "forwards the Content Type in capitals",
        answers(Publish, _changed(Property.CONTENT_TYPE, _louder)),
        "",
        "3.3.2-20",
    ),
    Plan("one-user-property", "forwards the first User Property only", answers(Publish, _one_user), "", "3.3.2-17"),
    Plan(
        "user-properties-as-a-table",
        "forwards one User Property for each name",
        answers(Publish, _unique_user),
        "",
        "3.3.2-17",
    ),
    Plan(
        "user-properties-backwards",
        "forwards User Properties backwards",
        answers(Publish, _backwards),
        "",
        "3.3.2-18",
    ),
    Plan(
        "user-properties-sorted",
        "forwards User Properties in order of their names",
        answers(Publish, _sorted),
        "",
        "3.3.2-18",
    ),
    Plan("expiry-not-counted-down", "forwards the Message Expiry Interval as it came in", _Ageless, "", "3.3.2-6"),
    Plan(
        "expired-delivered",
        "delivers messages that have expired",
        asks(Publish, dropping(Property.MESSAGE_EXPIRY_INTERVAL)),
        "",
        "3.3.2-5",
    ),
    Plan(
        "subscription-identifier-other",
        "sends another Subscription Identifier",
        answers(Publish, _changed(Property.SUBSCRIPTION_IDENTIFIER, lambda value: value % 268_435_455 + 1)),
        "",
        "3.3.4-3",
    ),
    Plan(
        "one-identifier-of-many",
        "sends one Subscription Identifier where several match",
        _OnlyFirstIdentifier,
        "",
        "3.3.4-4",
    ),
    Plan(
        "same-identifier-for-all",
        "sends the same Subscription Identifier in every copy",
        _SameIdentifier,
        "",
        "3.3.4-5",
    ),
    Plan(
        "no-identifier-for-copies",
        "sends copies without Subscription Identifier",
        answers(Publish, _unidentified),
        "",
        "3.3.4-5",
    ),
)
