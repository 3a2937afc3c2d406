"""Faults in retained messages: not stored, not replayed, not removed, flagged wrongly."""

from __future__ import annotations

from typing import Any

from testbed.mqtt.faults.changes import alter
from testbed.mqtt.faults.tap import Make, Out, PacketTap, Plan, answers, asks, changing
from testbed.mqtt.matching import matches
from testbed.mqtt.packets import Disconnect, Packet, Publish, Suback, Subscribe, Subscription


def _full(packet: Any, tap: PacketTap) -> bool:
    return packet.retain and bool(packet.payload)


def _empty(packet: Any, tap: PacketTap) -> bool:
    return packet.retain and not packet.payload


def _flagged(retain: bool) -> Any:
    return lambda packet, tap: alter(packet, retain=retain)


class _NotReplaced(PacketTap):
    """Keeps the first retained message of a topic, until it is removed."""

    def ask(self, packet: Packet) -> Out:
        if not isinstance(packet, Publish) or not packet.retain:
            return [packet]
        kept = self.planted.memory.setdefault("kept", set())
        if not packet.payload:
            kept.discard(packet.topic)
        elif packet.topic in kept:
            self.damage()
            return [alter(packet, retain=False)]
        else:
            kept.add(packet.topic)
        return [packet]


class _Replays(PacketTap):
    """Knows which filters each SUBSCRIBE asks for, and which messages are an answer to them."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.asked: dict[int, Subscribe] = {}

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Subscribe):
            self.asked[packet.packet_id] = packet
        return [packet]

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Suback) and packet.packet_id in self.asked:
            return [packet, *self.replayed(self.asked.pop(packet.packet_id))]
        return [packet]

    def replayed(self, request: Subscribe) -> list[Publish]:
        """What is said behind the SUBACK."""
        return []


class _EmptyStored(_Replays):
    """Stores an empty message like any other, and replays it."""

    def ask(self, packet: Packet) -> Out:
        emptied = self.planted.memory.setdefault("emptied", {})
        if isinstance(packet, Publish) and packet.retain:
            if packet.payload:
                emptied.pop(packet.topic, None)
            else:
                emptied[packet.topic] = None
        return super().ask(packet)

    def replayed(self, request: Subscribe) -> list[Publish]:
        found = [
            Publish(topic, b"", retain=True)
            for topic in self.planted.memory.get("emptied", {})
            if any(matches(one.filter, topic) and one.retain_handling != 2 for one in request.subscriptions)
        ]
        if found:
            self.damage()
        return found


class _OnlyOne(PacketTap):
    """Replays one retained message for each SUBSCRIBE, however many match."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.count = 0

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Subscribe):
            self.count = 0
        return [packet]

    def answer(self, packet: Packet) -> Out:
        if not isinstance(packet, Publish) or not packet.retain:
            return [packet]
        self.count += 1
        if self.count == 1:
            return [packet]
        self.damage()
        self.absorb(packet)
        return []


class _Unremoved(PacketTap):
    """Forwards an empty retained message, and keeps the message that it should remove."""

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and packet.retain and not packet.payload:
            self.damage()
            return [alter(packet, retain=False)]
        return [packet]


class _EmptyNotForwarded(PacketTap):
    """Removes the retained message, and forwards the empty one to nobody."""

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and not packet.payload:
            self.damage()
            self.absorb(packet)
            return []
        return [packet]


class _DiesWithSession(PacketTap):
    """Removes the retained messages of a client whose session ends."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.topics: dict[Any, None] = {}
        self.over = False

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and packet.retain and packet.payload:
            self.topics[packet.topic] = None
        if isinstance(packet, Disconnect):
            return [*self._removal(), packet]
        return [packet]

    def _removal(self) -> list[Packet | bytes]:
        session_ends = self.connect is not None and self.connect.clean_start
        if self.over or not self.topics or not session_ends:
            return []
        self.over = True
        self.damage()
        self.planted.memory.setdefault("removed", set()).update(self.topics)
        return [Publish(topic, b"", retain=True) for topic in self.topics]

    def answer(self, packet: Packet) -> Out:
        removed = self.planted.memory.get("removed", ())
        return [] if isinstance(packet, Publish) and not packet.payload and packet.topic in removed else [packet]

    def tester_closed(self, abruptly: bool) -> None:
        for packet in self._removal():
            self.forward(self.wire(packet))
        super().tester_closed(False)


class _StoredAtQosZero(PacketTap):
    """Replays retained messages at QoS 0, whatever they were published with."""

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and packet.retain and packet.qos:
            self.damage()
            self.absorb(packet)
            return [alter(packet, qos=0, packet_id=None, dup=False)]
        return [packet]


def _lost(packet: Any, tap: PacketTap) -> Out:
    tap.absorb(packet)
    return []


def options(change: Any) -> Make:
    """SUBSCRIBE with the options of its filters changed; `change(one, before)` is told whether the filter was
    subscribed to before on this connection, or on an earlier one of this client in the cell."""

    def on(packet: Any, tap: PacketTap) -> Packet:
        known: set[Any] = tap.planted.memory.setdefault(("filters", tap.client), set())
        wanted = tuple(change(one, one.filter in known) for one in packet.subscriptions)
        known.update(one.filter for one in packet.subscriptions)
        return packet if wanted == packet.subscriptions else alter(packet, subscriptions=wanted)

    return changing(ask={Subscribe: on})


def _handling(asked: int, done: int, before: bool | None = None) -> Any:
    def change(one: Subscription, known: bool) -> Subscription:
        fits = one.retain_handling == asked and (before is None or known is before)
        return alter(one, retain_handling=done, options=None) if fits else one

    return change


PLANS = (
    Plan(
        "retained-not-stored",
        "stores no retained message",
        asks(Publish, _flagged(False), _full),
        "3.3.1-5",
        "3.3.1-5",
    ),
    Plan("retained-not-replaced", "keeps the first retained message of a topic", _NotReplaced, "3.3.1-5", "3.3.1-5"),
    Plan("retained-at-qos-0", "forgets the QoS of a retained message", _StoredAtQosZero, "3.3.1-5", "3.8.4-8"),
    Plan(
        "retained-qos-0-discarded-not",
        "stores no retained message of QoS 0, and keeps the one before it",
        asks(
            Publish, _flagged(False), lambda packet, tap: packet.retain and packet.qos == 0 and bool(packet.payload)
        ),
        "3.3.1-7",
        "3.3.1-5",
    ),
    Plan(
        "retained-not-sent",
        "sends retained messages to no new subscription",
        answers(Publish, _lost, lambda packet, tap: packet.retain),
        "3.3.1-6",
        "3.3.1-9",
    ),
    Plan("one-retained-sent", "sends one retained message to a new subscription", _OnlyOne, "3.3.1-6", "3.3.1-9"),
    Plan(
        "retained-not-removed", "keeps a retained message in spite of an empty one", _Unremoved, "3.3.1-10", "3.3.1-6"
    ),
    Plan(
        "empty-retained-not-forwarded", "does not forward empty messages", _EmptyNotForwarded, "3.3.1-10", "3.3.1-6"
    ),
    Plan("empty-retained-stored", "stores empty retained messages", _EmptyStored, "3.3.1-11", "3.3.1-7"),
    Plan(
        "everything-retained",
        "stores messages with RETAIN 0",
        asks(Publish, _flagged(True), lambda packet, tap: not packet.retain and bool(packet.payload)),
        "3.3.1-12",
        "3.3.1-8",
    ),
    Plan(
        "retained-die-with-session",
        "removes the retained messages of a session that ends",
        _DiesWithSession,
        "3.1.2-7",
        "",
    ),
    Plan(
        "retain-cleared-on-replay",
        "sends retained messages with RETAIN 0",
        answers(Publish, _flagged(False), lambda packet, tap: packet.retain),
        "3.3.1-8",
        "",
    ),
    Plan(
        "retain-set-on-delivery",
        "delivers everything with RETAIN 1",
        answers(Publish, _flagged(True), lambda packet, tap: not packet.retain),
        "3.3.1-9",
        "3.3.1-12",
    ),
    Plan(
        "retain-always-as-published",
        "forwards RETAIN as published, asked or not",
        options(lambda one, known: one if one.retain_as_published else alter(one, retain_as_published=True)),
        "",
        "3.3.1-12",
    ),
    Plan(
        "retain-never-as-published",
        "forwards RETAIN 0, whatever was asked",
        options(lambda one, known: alter(one, retain_as_published=False) if one.retain_as_published else one),
        "",
        "3.3.1-13",
    ),
    Plan(
        "handling-0-as-2", "sends no retained messages for Retain Handling 0", options(_handling(0, 2)), "", "3.3.1-9"
    ),
    Plan(
        "handling-1-as-0",
        "sends retained messages again for Retain Handling 1",
        options(_handling(1, 0, True)),
        "",
        "3.3.1-10",
    ),
    Plan(
        "handling-1-as-2",
        "sends no retained messages for Retain Handling 1",
        options(_handling(1, 2, False)),
        "",
        "3.3.1-10",
    ),
    Plan(
        "handling-2-as-0", "sends retained messages for Retain Handling 2", options(_handling(2, 0)), "", "3.3.1-11"
    ),
    Plan(
        "handling-0-as-1",
        "sends retained messages no second time for Retain Handling 0",
        options(_handling(0, 1, True)),
        "",
        "3.8.4-4",
    ),
)
