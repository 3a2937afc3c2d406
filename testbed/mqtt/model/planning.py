"""Makes conversations up: hypothesis' rule-based state machine over the model alone.

A plan is a list of moves that fit each other. No broker is asked, so one seed means the same plans for every
broker, and plans can be played side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import count
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from testbed.mqtt.model import fitting, rules, topics
from testbed.mqtt.model.ledger import Message
from testbed.mqtt.model.moves import (
    NAMES,
    Begin,
    Connect,
    Disconnect,
    Drop,
    Finish,
    Hold,
    Move,
    Publish,
    Release,
    Subscribe,
    Unsubscribe,
    WillOf,
)
from testbed.mqtt.model.world import World, full_features
from testbed.plans import MAKING

#: Moves of one plan, at most.
STEPS = 24
#: Plans that are made at a time.
BATCH = 25

_names = st.sampled_from(NAMES)
_topics = st.sampled_from(topics.TOPICS)
_filters = st.sampled_from(topics.FILTERS)
_qos = st.integers(0, 2)
_rarely = st.sampled_from((False, False, False, True))
_wills = st.none() | st.builds(WillOf, _topics, _qos, st.booleans(), _rarely)
_groups = st.sampled_from(("", "", "", "g", "h"))


def plans(edition: str, number: int, wanted: Callable[[list[Move]], bool]) -> None:
    """Make plans up from the seed `number`, and give each to `wanted` until that says False; no plan comes twice.
    Never ends otherwise."""
    seen: set[tuple[Move, ...]] = set()
    for batch in count():
        for plan in _batch(edition, number * 1_000_003 + batch):
            if plan and plan not in seen:
                seen.add(plan)
                if not wanted(list(plan)):
                    return


def some_plans(edition: str, number: int, most: int) -> list[list[Move]]:
    """The first `most` plans of a seed."""
    found: list[list[Move]] = []

    def wanted(plan: list[Move]) -> bool:
        found.append(plan)
        return len(found) < most

    plans(edition, number, wanted)
    return found


@lru_cache(maxsize=64)
def _batch(edition: str, number: int) -> tuple[tuple[Move, ...], ...]:
    """The plans of one seed; the same for every device, so they are made once."""
    made: list[tuple[Move, ...]] = []

    class Planner(_Planner):
        def __init__(self) -> None:
            super().__init__(edition)

        def teardown(self) -> None:
            made.append(tuple(self.moves))

    with MAKING:
        run_state_machine_as_test(
            seed(number)(Planner),
            settings=settings(
                max_examples=BATCH,
                stateful_step_count=STEPS,
                phases=[Phase.generate],
                database=None,
                derandomize=False,
                deadline=None,
                suppress_health_check=list(HealthCheck),  # type: ignore[arg-type]
                verbosity=Verbosity.quiet,
            ),
        )
    return tuple(made)


class _Planner(RuleBasedStateMachine):
    """Each rule is a move; what does not fit the state is not made."""

    def __init__(self, edition: str) -> None:
        super().__init__()
        self.world = World(full_features(edition))
        self.moves: list[Move] = []

    def _connected(self) -> list[str]:
        return [client.who for client in self.world.connected()]

    def _plan(self, move: Move) -> None:
        fitted = fitting.adapted(move, self.world.features)
        if fitted is not None and fitting.fits(self.world, fitted):
            imagine(self.world, fitted)
            self.moves.append(fitted)

    @initialize(kept=st.booleans(), filter=_filters, qos=_qos, clean=st.booleans())
    def begin_with_two(self, kept: bool, filter: str, qos: int, clean: bool) -> None:
        """A subscriber and a publisher: without them there is nothing to see."""
        self._plan(Connect("a", clean, kept))
        self._plan(Subscribe("a", filter, qos))
        self._plan(Connect("b"))

    @rule(
        who=_names,
        clean=st.booleans(),
        kept=st.booleans(),
        will=_wills,
        maximum=st.sampled_from((0, 0, 1, 2)),
        aliases=st.sampled_from((0, 0, 3)),
    )
    def connect(self, who: str, clean: bool, kept: bool, will: WillOf | None, maximum: int, aliases: int) -> None:
        self._plan(Connect(who, clean, kept, will, maximum, aliases))

    @precondition(lambda self: len(self._connected()) < len(NAMES))
    @rule(data=st.data(), kept=st.booleans())
    def come_back(self, data: Any, kept: bool) -> None:
        away = [name for name in NAMES if name not in self._connected()]
        self._plan(Connect(data.draw(st.sampled_from(away)), False, kept))

    @precondition(lambda self: self._connected())
    @rule(
        data=st.data(),
        filter=_filters,
        qos=_qos,
        group=_groups,
        no_local=_rarely,
        rap=st.booleans(),
        handling=st.sampled_from((0, 0, 1, 2)),
        identifier=st.sampled_from((0, 0, 1, 2, 200)),
    )
    def subscribe(
        self, data: Any, filter: str, qos: int, group: str, no_local: bool, rap: bool, handling: int, identifier: int
    ) -> None:
        who = data.draw(st.sampled_from(self._connected()))
        self._plan(Subscribe(who, filter, qos, group, no_local, rap, handling, identifier))

    @precondition(lambda self: any(s.subscriptions for s in self.world.sessions()))
    @rule(data=st.data())
    def unsubscribe(self, data: Any) -> None:
        held = [(s.who, *key) for s in self.world.sessions() for key in s.subscriptions]
        who, group, filter = data.draw(st.sampled_from(held))
        self._plan(Unsubscribe(who, filter, group))

    @precondition(lambda self: self._connected())
    @rule(
        data=st.data(),
        topic=_topics,
        qos=_qos,
        retain=_rarely,
        times=st.sampled_from((1, 1, 1, 3)),
        rich=_rarely,
        expires=_rarely,
        alias=_rarely,
    )
    def publish(
        self, data: Any, topic: str, qos: int, retain: bool, times: int, rich: bool, expires: bool, alias: bool
    ) -> None:
        who = data.draw(st.sampled_from(self._connected()))
        self._plan(Publish(who, topic, qos, retain, False, times, rich, expires, alias))

    @precondition(lambda self: self._connected())
    @rule(data=st.data(), topic=_topics, qos=st.integers(1, 2))
    def retain(self, data: Any, topic: str, qos: int) -> None:
        self._plan(Publish(data.draw(st.sampled_from(self._connected())), topic, qos, retain=True))

    @precondition(lambda self: self.world.retained and self._connected())
    @rule(data=st.data(), qos=_qos)
    def clear(self, data: Any, qos: int) -> None:
        topic = data.draw(st.sampled_from(sorted(self.world.retained)))
        self._plan(Publish(data.draw(st.sampled_from(self._connected())), topic, qos, retain=True, empty=True))

    @precondition(lambda self: self._connected())
    @rule(data=st.data(), with_will=_rarely, ends=_rarely)
    def disconnect(self, data: Any, with_will: bool, ends: bool) -> None:
        self._plan(Disconnect(data.draw(st.sampled_from(self._connected())), with_will, ends))

    @precondition(lambda self: self._connected())
    @rule(data=st.data())
    def drop(self, data: Any) -> None:
        self._plan(Drop(data.draw(st.sampled_from(self._connected()))))

    @precondition(lambda self: self._connected() and self.world.opened() is None)
    @rule(data=st.data(), topic=_topics)
    def begin(self, data: Any, topic: str) -> None:
        self._plan(Begin(data.draw(st.sampled_from(self._connected())), topic))

    @precondition(lambda self: self.world.opened() is not None)
    @rule(again=st.booleans())
    def finish(self, again: bool) -> None:
        opened = self.world.opened()
        if opened is not None:
            self._plan(Finish(opened.who, again))

    @precondition(lambda self: any(not client.hold for client in self.world.connected()))
    @rule(data=st.data(), half=_rarely)
    def hold(self, data: Any, half: bool) -> None:
        free = [client.who for client in self.world.connected() if not client.hold]
        self._plan(Hold(data.draw(st.sampled_from(free)), half))

    @precondition(lambda self: any(client.hold for client in self.world.connected()))
    @rule(data=st.data())
    def release(self, data: Any) -> None:
        holding = [client.who for client in self.world.connected() if client.hold]
        self._plan(Release(data.draw(st.sampled_from(holding))))


def imagine(world: World, move: Move) -> None:
    """What the move does when the broker answers as it should; nothing is delivered."""
    client = world.clients[move.who]
    match move:
        case Connect():
            if client.connected:
                rules.departs(world, move.who, move)
            rules.returns(world, move, kept=move.kept)
        case Disconnect() | Drop():
            rules.departs(world, move.who, move)
        case Subscribe():
            rules.subscribes(world, move, move.qos)
        case Unsubscribe():
            rules.unsubscribes(world, move)
        case Publish():
            for _ in range(move.count):
                rules.publishes(world, _message(world, move.who, move.topic, move))
        case Begin() if client.session is not None:
            message = _message(world, move.who, move.topic, None)
            rules.publishes(world, message, certain=False)
            client.session.open = (1, message, client.epoch)
        case Finish() if client.session is not None:
            client.session.open = None
        case Hold():
            client.hold = "half" if move.half else "all"
        case Release():
            client.hold = ""


def _message(world: World, who: str, topic: str, move: Publish | None) -> Message:
    number = next(world.numbers)
    if move is None:
        return Message(number, who, topic, b"%d" % number, 2, False)
    return Message(number, who, topic, b"" if move.empty else b"%d" % number, move.qos, move.retain)
