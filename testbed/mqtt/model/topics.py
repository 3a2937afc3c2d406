"""Topic names and filters (section 4.7): which there are in the game, and which match."""

from __future__ import annotations

from testbed.mqtt import matching

#: Names and filters below the conversation's own level. They differ by a level, an empty level, or a letter's case.
TOPICS = ("x", "x/y", "x/y/z", "X", "x/", "")
FILTERS = ("x", "x/y", "x/+", "x/#", "#", "+", "+/y", "x/y/#", "+/+/z", "x/+/z", "X", "x/")


def matches(filter: str, topic: str) -> bool:
    """Whether a filter matches a topic, both below the conversation's level, level by level [MQTT-4.7.3-4]."""
    return matching.matches(below("t", filter), below("t", topic))


def below(scope: str, text: str) -> str:
    """The name or filter as it is on the wire."""
    return f"{scope}/{text}" if text else scope


def has_wildcard(filter: str) -> bool:
    return "+" in filter or "#" in filter
