"""Topic names: MQTT 3.1.1 and 5.0, sections 4.7.2, 4.7.3 and the first sentences of 4.7."""

from __future__ import annotations

from typing import NamedTuple

from harness.case import case
from suites.mqtt import v5, v311
from testbed.findings import Inconclusive
from testbed.mqtt.broker import Broker
from testbed.mqtt.packets import Publish, Suback, Subscribe, Subscription

WILD = ("+", "#", "a/+", "a/#", "a/+/b", "a+", "a#b")


@case(
    v311("4.7.1-1"),
    v311("3.3.2-2"),
    v5("4.7.0-1"),
    v5("3.3.2-2"),
    needs=("wildcards",),
    rows={name: name for name in WILD},
)
async def a_message_to_a_name_with_a_wildcard_goes_nowhere(broker: Broker, name: str) -> None:
    await _goes_nowhere(broker, broker.topic(name))


@case(v311("4.8.0-1"), rows={name: name for name in WILD})
async def a_name_with_a_wildcard_closes_the_connection(broker: Broker, name: str) -> None:
    publisher = await broker.connected()
    await publisher.published(broker.topic("good"), b"good")
    await publisher.send(Publish(broker.topic(name), b"bad"))
    await publisher.is_closed_by_broker(because=f"after a PUBLISH to {name}")


@case(
    v311("4.7.3-2"),
    v5("4.7.3-2"),
    needs=("wildcards",),
    rows={"in front": "\0a", "inside": "a\0b", "behind": "a\0", "as a level": "a/\0/b"},
)
async def a_message_to_a_name_with_a_null_character_goes_nowhere(broker: Broker, name: str) -> None:
    await _goes_nowhere(broker, broker.topic(name))


async def _goes_nowhere(broker: Broker, name: str) -> None:
    """A PUBLISH to `name` reaches no subscriber of the cell's whole tree, while its neighbours do. Whether the
    broker then closes, answers or says nothing is another matter."""
    client = await broker.subscriber(broker.topic("#"))
    publisher = await broker.connected()
    await publisher.published(broker.topic("good"), b"good")
    if await client.maybe(Publish) is None:
        client.unprepared("a message to a proper name did not come")
    await publisher.send(Publish(name, b"bad"))
    if await publisher.until(lambda: publisher.ended_at, client.trial.quiet) is None:
        await publisher.settled()
    other = await broker.connected()
    await other.published(broker.topic("good"), b"good again")
    await client.message(payload=b"good again", because="and nothing before it")
    await client.receives_no(because=f"from {name!r}")


@case(v311("4.7.3-1"), v5("4.7.3-1"))
async def an_empty_name_is_not_accepted(broker: Broker) -> None:
    """In 5.0 it would need a Topic Alias, so there it is a Protocol Error too."""
    publisher = await broker.connected()
    await publisher.published(broker.topic("good"), b"good")
    await publisher.send(Publish("", b"bad"))
    await publisher.is_closed_by_broker(because="after a PUBLISH to a name without a character")


class Pair(NamedTuple):
    """Two names that only a comparison character by character tells apart."""

    name: str
    other: str


@case(
    v311("4.7.3-4"),
    v5("4.7.3-4"),
    rows={
        "composed and decomposed": Pair("caf\u00e9", "cafe\u0301"),
        "decomposed and composed": Pair("cafe\u0301", "caf\u00e9"),
        "compatible letters": Pair("\ufb01x", "fix"),
        "full width": Pair("\uff41", "a"),
        "angstrom sign": Pair("\u212b", "\u00c5"),
        "other case": Pair("Accounts", "ACCOUNTS"),
        "sharp s": Pair("stra\u00dfe", "strasse"),
        "zero width": Pair("a\u200bb", "ab"),
        "soft hyphen": Pair("a\u00adb", "ab"),
        "byte order mark": Pair("\ufeffa", "a"),
        "blank in front": Pair(" a", "a"),
        "blank behind": Pair("a ", "a"),
        "no-break space": Pair("a\u00a0b", "a b"),
        "dots as levels": Pair("a/../b", "b"),
        "dot": Pair("a.b", "a/b"),
        "slash behind": Pair("a/", "a"),
        "two slashes": Pair("a//b", "a/b"),
        "backslash": Pair("a\\b", "a/b"),
        "star": Pair("a*", "ab"),
        "question mark": Pair("a?", "ab"),
        "greater than": Pair("a/>", "a/b"),
        "percent": Pair("a%2Fb", "a/b"),
        "percent letter": Pair("%61", "a"),
        "unassigned": Pair("a\u0378", "a\ufffd"),
        "outside the BMP": Pair("\U0001f600", "\U0001f601"),
    },
)
async def names_are_compared_without_normalisation(broker: Broker, row: Pair) -> None:
    """A subscription gets the name it says, whole, and never the other that looks or means alike."""
    wanted = broker.topic(row.name)
    client = await broker.subscriber(wanted)
    publisher = await broker.connected()
    await publisher.published(broker.topic(row.other), b"other")
    await publisher.published(wanted, b"wanted")
    await client.expect(Publish, topic=wanted, payload=b"wanted")
    await client.receives_no(because=f"from {broker.topic(row.other)!r}")


@case(
    v311("4.7.3-4"),
    v311("1.5.3-3"),
    v5("4.7.3-4"),
    v5("1.5.4-3"),
    needs=("wildcards",),
    rows={
        "byte order mark": "\ufeffa",
        "decomposed": "cafe\u0301",
        "control picture": "a\u2400b",
        "outside the BMP": "\U0001f600",
        "1,000 bytes": "x" * 1000,
        "blanks": "  a  ",
    },
)
async def a_name_arrives_as_it_was_sent(broker: Broker, name: str) -> None:
    client = await broker.subscriber(broker.topic("#"))
    publisher = await broker.connected()
    await publisher.published(broker.topic(name), b"x")
    await client.expect(Publish, topic=broker.topic(name), payload=b"x")


@case(
    v311("4.7.2-1"),
    v5("4.7.2-1"),
    needs=("wildcards",),
    rows={"+ in front": "+{}", "# alone": "#", "+ and #": "+/#"},
)
async def a_leading_wildcard_does_not_match_a_dollar_topic(broker: Broker, filter: str) -> None:
    """With a $-topic of our own; where the broker takes none, with one it keeps under $SYS. A plain topic with the
    same later levels comes through the same subscription."""
    dollar, ours = await _dollar_topic(broker)
    below = dollar[dollar.index("/") :]
    plain = broker.trial.scope + below
    client = await broker.subscriber(filter.format(below))
    publisher = await broker.connected()
    if ours:
        await publisher.published(dollar, b"x")
    await publisher.published(plain, b"x")
    if await client.maybe(Publish, lambda p: p.topic == plain) is None:
        client.unprepared(f"the message to {plain} did not come through the wildcard")
    await client.receives_no(Publish, _of_dollar, because="to a $-topic through a filter that begins with a wildcard")


def _of_dollar(message: Publish) -> bool:
    return message.topic[:1] in ("$", b"$")


async def _dollar_topic(broker: Broker) -> tuple[str, bool]:
    """A $-topic that a subscriber to it was seen to receive, and whether we may publish to it."""
    ours = f"${broker.trial.scope}/{broker.trial.scope}"
    witness = await broker.connected()
    await witness.send(Subscribe(witness.next_id(), (Subscription(ours), Subscription("$SYS/#"))))
    if await witness.maybe(Suback) is None:
        witness.unprepared("SUBSCRIBE to $-topics was not answered by SUBACK")
    publisher = await broker.connected()
    await publisher.send(Publish(ours, b"x"))
    if await witness.maybe(Publish, lambda p: p.topic == ours, within=1.0):
        return ours, True
    kept = witness.take(Publish, lambda p: p.retain and _of_dollar(p))
    if kept is None or not isinstance(kept.topic, str):
        raise Inconclusive(
            "no $-topic to try: the broker passes none on and keeps none under $SYS", cause="no $-topic"
        )
    return kept.topic, False
