"""What a passive rule is: a row of a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from testbed.mqtt.packets import Publish
from testbed.sparkplug.payload import Payload
from testbed.sparkplug.topics import TYPES, Topic

EDITION = "sparkplug-3.0"
PREFIX = "tck-id-"


@dataclass(frozen=True, slots=True)
class Said:
    """One PUBLISH on a Sparkplug topic, read."""

    topic: Topic
    payload: Payload
    packet: Publish
    #: When it came, in milliseconds since 1970, by the tester's clock.
    now: float


@dataclass(frozen=True, slots=True)
class Rule:
    """In messages of these types `broken` breaks the assertions `ids` (without `tck-id-`, several separated by
    blanks). It sees what is known before the message, and returns something falsy, True, or a phrase that says what
    came."""

    ids: str
    expected: str
    broken: Callable[[Any, Any], bool | str | None]
    types: tuple[str, ...] = TYPES


def full(ids: str) -> tuple[str, ...]:
    """The full ids of requirements, from their short ones separated by blanks."""
    return tuple(f"{EDITION}:{PREFIX}{id}" for id in ids.split())


def by_type(ids: dict[str, str], expected: str, broken: Callable[[Any, Any], bool | str | None]) -> tuple[Rule, ...]:
    """One rule for each message type, `ids` saying what each of them breaks; `expected` may use {type}."""
    return tuple(Rule(numbers, expected.format(type=type), broken, (type,)) for type, numbers in ids.items())


def watched(rules: Iterable[Rule]) -> frozenset[str]:
    """The full ids of everything that some of `rules` judge."""
    return frozenset(number for rule in rules for number in full(rule.ids))
