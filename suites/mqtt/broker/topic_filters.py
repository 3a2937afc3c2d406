"""Topic filters and what they match: MQTT 3.1.1 and 5.0, sections 4.7.1 and 4.7.3.

In the tables `~` stands for the cell's own level.
"""

from __future__ import annotations

from typing import NamedTuple

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.broker import Broker
from testbed.mqtt.packets import Subscription


class Match(NamedTuple):
    """A filter with the names it matches, and names it does not match though they come near."""

    filter: str
    hits: tuple[str, ...]
    misses: tuple[str, ...]


@case(
    v311("3.3.2-3"),
    v5("3.3.2-3"),
    rows={
        "one level": Match("~", ("~",), ("~/", "/~", "~~", "~/a")),
        "two levels": Match("~/a", ("~/a",), ("~", "~/a/", "/~/a", "~/a/b", "~/ab", "~/b")),
        "slash behind": Match("~/a/", ("~/a/",), ("~/a", "~/a//", "~/a/b")),
        "slash in front": Match("/~", ("/~",), ("~", "//~", "/~/")),
        "empty level": Match("~//b", ("~//b",), ("~/b", "~///b", "~/a/b")),
        "only upper case": Match("~/A", ("~/A",), ("~/a",)),
        "blanks": Match("~/a b", ("~/a b",), ("~/a  b", "~/ab", "~/a b ", "~/ a b")),
        "$ in a later level": Match("~/$a", ("~/$a",), ("~/a", "~/$")),
        "8 levels": Match(
            "~" + "/x" * 7, ("~" + "/x" * 7,), ("~" + "/x" * 6, "~" + "/x" * 6 + "/y", "~/y" + "/x" * 6)
        ),
    },
)
async def a_filter_without_wildcards_matches_its_own_name_alone(broker: Broker, row: Match) -> None:
    await _matches(broker, row)


@case(
    v311("4.7.1-3"),
    v311("3.3.2-3"),
    v5("4.7.1-2"),
    v5("3.3.2-3"),
    needs=("wildcards",),
    rows={
        "~/+": Match("~/+", ("~/a", "~/", "~/$a"), ("~", "~/a/b", "~/a/", "~~/a", "/~/a")),
        "+/~": Match("+/~", ("x/~", "/~"), ("~", "x/y/~", "x/~/", "x/~/y")),
        "/+/~": Match("/+/~", ("/x/~", "//~"), ("x/~", "/~", "x/y/~", "/x/y/~")),
        "+/+/~": Match("+/+/~", ("x/y/~", "//~"), ("x/~", "/~", "x/y/z/~")),
        "~/+/b": Match("~/+/b", ("~/x/b", "~//b"), ("~/b", "~/x/y/b", "~/x/b/", "~/x/c")),
        "~/+/+": Match("~/+/+", ("~/a/b", "~//", "~/a/"), ("~/a", "~/", "~/a/b/c")),
        "~/+/b/+/d": Match("~/+/b/+/d", ("~/a/b/c/d",), ("~/a/b/d", "~/a/x/c/d", "~/a/b/c/d/e")),
        "+/~/+": Match("+/~/+", ("x/~/y", "/~/"), ("~/y", "x/~", "x/~/y/z")),
        "~/+/": Match("~/+/", ("~/a/", "~//"), ("~/a", "~/a/b")),
    },
)
async def a_single_level_wildcard_matches_exactly_one_level(broker: Broker, row: Match) -> None:
    await _matches(broker, row)


@case(
    v311("4.7.1-2"),
    v311("3.3.2-3"),
    v5("4.7.1-1"),
    v5("3.3.2-3"),
    needs=("wildcards",),
    rows={
        "~/#": Match("~/#", ("~/a", "~/a/b/c", "~/", "~//", "~"), ("~~", "~~/a", "x/~/a", "/~/a")),
        "~/a/#": Match("~/a/#", ("~/a", "~/a/", "~/a/b", "~/a/b/c/d"), ("~", "~/ab", "~/b/a", "~/A/b")),
        "/~/#": Match("/~/#", ("/~", "/~/a"), ("~/a", "x/~/a", "//~/a")),
        "~/+/#": Match("~/+/#", ("~/a", "~/", "~/a/b/c"), ("~", "~~/a")),
        "~/+/b/#": Match("~/+/b/#", ("~/a/b", "~/a/b/c", "~//b/"), ("~/a", "~/b", "~/a/c/b")),
        "+/~/#": Match("+/~/#", ("x/~", "/~/a", "x/~/y/z"), ("~/x", "x/y/~")),
    },
)
async def a_multi_level_wildcard_matches_its_parent_and_all_below(broker: Broker, row: Match) -> None:
    await _matches(broker, row)


async def _matches(broker: Broker, row: Match) -> None:
    """Publish the misses, then the hits; of one subscription each hit comes once and no miss at all."""

    def own(text: str) -> str:
        return text.replace("~", broker.trial.scope)

    client = await broker.subscriber(own(row.filter))
    publisher = await broker.connected()
    for name in (*row.misses, *row.hits):
        await publisher.published(own(name), b"x")
    for name in row.hits:
        await client.message(own(name), because=f"as {own(row.filter)} matches it")
    await client.receives_no(because=f"that {own(row.filter)} does not match, and none twice")


@case(
    v311("4.7.1-2"),
    v5("4.7.1-1"),
    needs=("wildcards",),
    rows={name: name for name in ("a#", "#a", "#/a", "a/#/b", "a/b#", "a/#b", "##", "#/#", "a/##", "#/", "+#", "#+")},
)
async def a_multi_level_wildcard_out_of_place_is_refused(broker: Broker, name: str) -> None:
    client = await broker.subscriber(broker.topic("#"))
    await client.is_not_granted(Subscription(broker.topic(name)), because=f"as {name} is no filter")


@case(
    v311("4.7.1-3"),
    v5("4.7.1-2"),
    needs=("wildcards",),
    rows={name: name for name in ("a+", "+a", "a+b", "a/b+", "a/+b/c", "++", "a/++/c", "+a/#", "a/+b")},
)
async def a_single_level_wildcard_beside_text_is_refused(broker: Broker, name: str) -> None:
    client = await broker.subscriber(broker.topic("+"))
    await client.is_not_granted(Subscription(broker.topic(name)), because=f"as {name} is no filter")


@case(v311("4.7.3-1"), v5("4.7.3-1"))
async def an_empty_filter_is_refused(broker: Broker) -> None:
    client = await broker.subscriber(broker.topic("a"))
    await client.is_not_granted(Subscription(""), because="as a filter has at least one character")


@case(
    v311("4.7.3-2"),
    v5("4.7.3-2"),
    rows={"alone": "\0", "in front": "\0a", "inside": "a\0b", "behind": "a\0", "as a level": "a/\0/b"},
)
async def a_filter_with_a_null_character_is_refused(broker: Broker, name: str) -> None:
    client = await broker.subscriber(broker.topic("a"))
    await client.is_not_granted(Subscription(broker.topic(name)), because="as it contains U+0000")


@case(v311("4.7.3-1"), v5("4.7.3-1"), rows={"a slash alone": "/", "one character": "x"})
async def one_character_is_enough_for_a_filter(broker: Broker, name: str) -> None:
    """Other cells may publish there as well; none of them publishes our payload."""
    payload = broker.trial.scope.encode()
    client = await broker.subscriber(name)
    publisher = await broker.connected()
    await publisher.published(name, payload)
    while (await client.message(name, because="a name of one character")).payload != payload:
        pass
