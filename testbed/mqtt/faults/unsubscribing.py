"""Faults in UNSUBSCRIBE: nothing deleted, too little, too much, too late."""

from __future__ import annotations

from typing import Any

from testbed.mqtt.faults.changes import alter
from testbed.mqtt.faults.subscriptions import Known
from testbed.mqtt.faults.tap import Out, PacketTap, Plan
from testbed.mqtt.matching import matches
from testbed.mqtt.packets import (
    Packet,
    Publish,
    Subscribe,
    Unsuback,
    Unsubscribe,
    Version,
)


class _NotDeleted(Known):
    """Answers an UNSUBSCRIBE and deletes nothing."""

    def unsubscribing(self, packet: Unsubscribe) -> Out:
        if not any(one in self.held for one in packet.filters):
            return [packet]
        self.damage()
        codes = tuple(0 for _ in packet.filters) if self.version >= Version.V5 else ()
        self.later(lambda: self.say(Unsuback(packet.packet_id, codes)))
        return []


class _OneMoreMessage(PacketTap):
    """Goes on with deliveries for a while: those that come from a subscription already deleted are still sent."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.gone: dict[Any, None] = {}

    def ask(self, packet: Packet) -> Out:
        self.planted.memory.setdefault("all", {})[id(self)] = self
        if isinstance(packet, Unsubscribe):
            self.gone.update(dict.fromkeys(packet.filters))
        elif isinstance(packet, Subscribe):
            for one in packet.subscriptions:
                self.gone.pop(one.filter, None)
        elif isinstance(packet, Publish):
            for tap in self.planted.memory["all"].values():
                tap.published(packet)
        return [packet]

    def published(self, packet: Publish) -> None:
        """Somebody publishes."""
        if any(matches(one, packet.topic) for one in self.gone):
            self.damage()
            self.gone.clear()
            self.say(Publish(packet.topic, packet.payload))


class _FirstDeletedOnly(Known):
    """Deletes the first filter of an UNSUBSCRIBE, and says that it deleted all."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.short: dict[int, int] = {}

    def unsubscribing(self, packet: Unsubscribe) -> Out:
        if len(packet.filters) < 2:
            return [packet]
        self.damage()
        self.short[packet.packet_id] = len(packet.filters) - 1
        return [alter(packet, filters=packet.filters[:1])]

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Unsuback) and packet.packet_id in self.short and packet.codes:
            return [alter(packet, codes=packet.codes + (0,) * self.short.pop(packet.packet_id))]
        return [packet]


class _DeletesMatching(Known):
    """Deletes every filter that the filter in UNSUBSCRIBE would match."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.longer: dict[int, int] = {}

    def unsubscribing(self, packet: Unsubscribe) -> Out:
        more = tuple(
            held
            for held in self.held
            if held not in packet.filters and any(matches(one, held) for one in packet.filters)
        )
        if not more:
            return [packet]
        self.damage()
        self.longer[packet.packet_id] = len(packet.filters)
        return [alter(packet, filters=packet.filters + more)]

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Unsuback) and packet.packet_id in self.longer and packet.codes:
            return [alter(packet, codes=packet.codes[: self.longer.pop(packet.packet_id)])]
        return [packet]


PLANS = (
    Plan("not-deleted", "answers UNSUBSCRIBE and deletes nothing", _NotDeleted, "3.10.4-1", "3.10.4-1"),
    Plan(
        "goes-on-after-unsubscribe",
        "adds one more message after UNSUBSCRIBE",
        _OneMoreMessage,
        "3.10.4-2",
        "3.10.4-2",
    ),
    Plan(
        "first-deleted-only",
        "deletes the first filter of an UNSUBSCRIBE only",
        _FirstDeletedOnly,
        "3.10.4-6",
        "3.10.4-6",
    ),
    Plan(
        "deletes-matching",
        "deletes every filter that the filter in UNSUBSCRIBE matches",
        _DeletesMatching,
        "3.10.4-1",
        "3.10.4-1",
    ),
)
