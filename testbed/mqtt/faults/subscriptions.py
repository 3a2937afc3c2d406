"""Faults in subscriptions: not made, not replaced, matched too widely."""

from __future__ import annotations

from typing import Any

from testbed.mqtt.faults.changes import alter, is_wild
from testbed.mqtt.faults.retained import options
from testbed.mqtt.faults.tap import Out, PacketTap, Plan
from testbed.mqtt.matching import matches
from testbed.mqtt.packets import (
    Packet,
    Publish,
    Suback,
    Subscribe,
    Unsubscribe,
)

# -- replacement


class Known(PacketTap):
    """Knows the filters of the connection."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.held: dict[Any, int] = {}

    def ask(self, packet: Packet) -> Out:
        out: Out = [packet]
        if isinstance(packet, Subscribe):
            out = self.subscribing(packet)
            self.held.update((one.filter, one.qos) for one in packet.subscriptions)
        elif isinstance(packet, Unsubscribe):
            out = self.unsubscribing(packet)
            for one in packet.filters:
                self.held.pop(one, None)
        return out

    def subscribing(self, packet: Subscribe) -> Out:
        """A SUBSCRIBE; `held` is as it was before."""
        return [packet]

    def unsubscribing(self, packet: Unsubscribe) -> Out:
        """An UNSUBSCRIBE; `held` is as it was before."""
        return [packet]

    def granted(self, packet: Subscribe) -> None:
        """Answer a SUBSCRIBE that the broker does not see."""
        answer = Suback(packet.packet_id, tuple(one.qos for one in packet.subscriptions))
        self.later(lambda: self.say(answer))


class _FirstStays(Known):
    """A second SUBSCRIBE to the same filter changes nothing."""

    def subscribing(self, packet: Subscribe) -> Out:
        if not all(one.filter in self.held for one in packet.subscriptions):
            return [packet]
        self.damage()
        self.granted(packet)
        return []


class _NotReplaced(Known):
    """A second SUBSCRIBE to the same filter makes a second subscription: messages come once for each."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.doubled: set[Any] = set()

    def subscribing(self, packet: Subscribe) -> Out:
        self.doubled |= {one.filter for one in packet.subscriptions} & set(self.held)
        return [packet]

    def answer(self, packet: Packet) -> Out:
        if (
            isinstance(packet, Publish)
            and not packet.retain
            and any(matches(one, packet.topic) for one in self.doubled)
        ):
            self.damage()
            return [packet, alter(packet, qos=0, packet_id=None, dup=False)]
        return [packet]


class _NotReplayed(PacketTap):
    """Sends retained messages to no filter that was subscribed to before."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.before: set[Any] = set()
        self.again: set[Any] = set()

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Subscribe):
            now = {one.filter for one in packet.subscriptions}
            self.again = now & self.before
            self.before |= now
        return [packet]

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and packet.retain and any(matches(one, packet.topic) for one in self.again):
            self.damage()
            self.absorb(packet)
            return []
        return [packet]


class _OnlyFirstFilter(Known):
    """Makes the first subscription of a SUBSCRIBE, and grants them all."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.asked: dict[int, tuple[int, ...]] = {}

    def subscribing(self, packet: Subscribe) -> Out:
        if len(packet.subscriptions) < 2:
            return [packet]
        self.damage()
        self.asked[packet.packet_id] = tuple(one.qos for one in packet.subscriptions[1:])
        return [alter(packet, subscriptions=packet.subscriptions[:1])]

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Suback) and packet.packet_id in self.asked:
            return [alter(packet, codes=packet.codes[:1] + self.asked.pop(packet.packet_id))]
        return [packet]


class _WildcardsDead(Known):
    """Grants filters with wildcards, and never matches them."""

    def subscribing(self, packet: Subscribe) -> Out:
        wanted = tuple(
            alter(one, filter=one.filter.replace("+", "_").replace("#", "_") + "/dead")
            if is_wild(one.filter)
            else one
            for one in packet.subscriptions
        )
        if wanted == packet.subscriptions:
            return [packet]
        self.damage()
        return [alter(packet, subscriptions=wanted)]


# -- matching


class _TooWide(Known):
    """Matches the levels below a filter as well."""

    def subscribing(self, packet: Subscribe) -> Out:
        def wide(given: Any) -> Any:
            plain = isinstance(given, str) and given and not given.startswith("$") and not given.endswith(("#", "/"))
            return given + "/#" if plain else given

        wanted = tuple(alter(one, filter=wide(one.filter)) for one in packet.subscriptions)
        if wanted == packet.subscriptions:
            return [packet]
        self.damage()
        return [alter(packet, subscriptions=wanted)]


class _PlusMatchesMore(Known):
    """Matches any number of levels with a + at the end of a filter."""

    def subscribing(self, packet: Subscribe) -> Out:
        def wide(given: Any) -> Any:
            return given[:-1] + "#" if isinstance(given, str) and given.endswith("/+") else given

        wanted = tuple(alter(one, filter=wide(one.filter)) for one in packet.subscriptions)
        if wanted == packet.subscriptions:
            return [packet]
        self.damage()
        return [alter(packet, subscriptions=wanted)]


class _DollarMatched(Known):
    """Matches topics that begin with $ with a leading wildcard."""

    def subscribing(self, packet: Subscribe) -> Out:
        self.planted.memory.setdefault("taps", {})[id(self)] = self
        return [packet]

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and isinstance(packet.topic, str) and packet.topic.startswith("$"):
            for tap in self.planted.memory.get("taps", {}).values():
                tap.hidden(packet)
        return super().ask(packet)

    def hidden(self, packet: Publish) -> None:
        """Somebody publishes to a topic that begins with $."""
        name = packet.topic[1:] if isinstance(packet.topic, str) else ""
        if any(is_wild(one[:1]) and matches(one, name) for one in self.held if isinstance(one, str)):
            self.damage()
            self.say(Publish(packet.topic, packet.payload))

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Suback) and any(isinstance(one, str) and one[:1] in ("#", "+") for one in self.held):
            topic = "$SYS/broker/uptime"
            if any(matches(one, topic[1:]) for one in self.held):
                self.damage()
                return [packet, Publish(topic, b"1 second", retain=True)]
        return [packet]


PLANS = (
    Plan(
        "first-subscription-stays",
        "changes nothing on a second SUBSCRIBE to a filter",
        _FirstStays,
        "3.8.4-3",
        "3.8.4-3",
    ),
    Plan(
        "subscription-not-replaced",
        "makes a second subscription to the same filter",
        _NotReplaced,
        "3.8.4-3",
        "3.8.4-3",
    ),
    Plan(
        "nothing-retained-on-replacement",
        "sends retained messages to no filter subscribed to again",
        _NotReplayed,
        "3.8.4-3",
        "3.8.4-4",
    ),
    Plan(
        "first-filter-only",
        "makes the first subscription of a SUBSCRIBE only",
        _OnlyFirstFilter,
        "3.8.4-4",
        "3.8.4-5",
    ),
    Plan(
        "wildcards-dead", "grants filters with wildcards and never matches them", _WildcardsDead, "3.8.3-2", "4.5.0-1"
    ),
    Plan("filter-too-wide", "matches the levels below a filter as well", _TooWide, "3.3.2-3", "3.3.2-3"),
    Plan(
        "plus-matches-more",
        "matches any number of levels with a + at the end",
        _PlusMatchesMore,
        "3.3.2-3",
        "3.3.2-3",
    ),
    Plan("dollar-matched", "matches $-topics with a leading wildcard", _DollarMatched, "4.7.2-1", "4.7.2-1"),
    Plan(
        "no-local-ignored",
        "forwards to the publisher in spite of No Local",
        options(lambda one, known: alter(one, no_local=False) if one.no_local else one),
        "",
        "3.8.3-3",
    ),
)
