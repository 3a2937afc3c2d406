"""The game: plans are played side by side; what deviates is made short, told once, and then passed over."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from testbed.findings import Inconclusive
from testbed.game import Arena, Budget, Deviation
from testbed.game import Move as Data
from testbed.mqtt.model import planning, shrinking
from testbed.mqtt.model.blame import Foul
from testbed.mqtt.model.moves import Move, Moves, Overlook, from_data, to_data, told
from testbed.mqtt.model.player import Player
from testbed.mqtt.model.world import Features, features_of
from testbed.trial import Trial

#: Seconds that something owed may take while deviations are looked for; a replay has all the patience there is.
PATIENCE = 0.7
#: Seconds of one conversation, at most.
LONGEST = 30.0
#: Seconds that making one deviation short may take, at most.
SHRINKING = 20.0
#: Plans that wait to be played.
AHEAD = 16


async def replay(trial: Trial, data: Sequence[Data]) -> None:
    """Play the moves once. Violation when the broker deviates; Inconclusive; ValueError when they are no moves."""
    await _conversation(trial, from_data(data), trial.patience, set(), strict=True)


async def _conversation(
    trial: Trial, moves: Moves, patience: float, tolerated: set[tuple[str, str]], *, strict: bool = False
) -> None:
    features = features_of(trial.edition, trial.dut.claims)
    player = Player(trial, features, patience=min(patience, trial.patience), tolerated=tolerated, strict=strict)
    try:
        async with asyncio.timeout(max(LONGEST, 3 * trial.patience)):
            await player.play(moves)
    except TimeoutError:
        raise Inconclusive(f"the conversation did not end within {LONGEST:g} s", cause="time") from None


def tell(data: Sequence[Data]) -> list[str]:
    """The moves as lines for people."""
    return [told(move) for move in from_data(data)]


async def play(arena: Arena, budget: Budget) -> None:
    """Play until the budget is spent."""
    trial = arena.trial()
    features = features_of(trial.edition, trial.dut.claims)
    trial.close()
    await _Game(arena, budget, features).play()


@dataclass(slots=True)
class _Game:
    arena: Arena
    budget: Budget
    features: Features
    #: Deviations that were reported, or are being made short.
    known: set[tuple[str, str]] = field(default_factory=set)
    count: int = 0
    doubts: list[str] = field(default_factory=list)

    async def play(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + self.budget.seconds
        plans = _Plans(self.features.edition, self.budget)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(max(1, self.budget.lanes)):
                    group.create_task(self._lane(plans, until))
        finally:
            plans.stop()
        if self.doubts and len(self.doubts) == self.count:
            raise Inconclusive(self.doubts[0])

    async def _lane(self, plans: _Plans, until: float) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() < until and not self.arena.dead():
            plan = await plans.next()
            if plan is None:
                return
            foul = await self._try(plan)
            self.count += 1
            self.arena.played(self.count)
            if foul is not None and foul.signature not in self.known:
                self.known.add(foul.signature)
                await self._report(foul, until)

    async def _try(self, plan: Sequence[Move]) -> Foul | None:
        trial = self.arena.trial()
        try:
            await _conversation(trial, plan, PATIENCE, self.known)
        except Foul as foul:
            return foul
        except Inconclusive as doubt:
            self.doubts.append(doubt.reason)
        finally:
            trial.close()
        return None

    async def _report(self, foul: Foul, until: float) -> None:
        """Make it short, and tell it. When the time is up, what is best so far is told."""
        loop = asyncio.get_running_loop()
        best = foul

        async def shows(moves: Sequence[Move]) -> bool:
            nonlocal best
            trial = self.arena.trial()
            try:
                await _conversation(trial, moves, PATIENCE, self.known - {foul.signature})
            except Foul as found:
                if found.signature != foul.signature:
                    return False
                if len(found.moves) <= len(best.moves):
                    best = found
                return True
            except Inconclusive:
                return False
            finally:
                trial.close()
            return False

        moves: Moves = foul.moves
        try:
            latest = min(until, loop.time() + SHRINKING)
            moves = await shrinking.shrink(foul.moves, shows, self.features, until=latest)
        finally:
            passed = [Overlook(*signature) for signature in best.overlooked]
            self.arena.found(
                Deviation(foul.requirement, foul.kind, best.expected, best.came, to_data([*passed, *moves]))
            )


class _Plans:
    """Plans come from hypothesis, which does not know a loop, in a thread of its own."""

    def __init__(self, edition: str, budget: Budget) -> None:
        self._queue: queue.Queue[list[Move]] = queue.Queue(AHEAD)
        self._stopped = threading.Event()
        self._left = budget.examples
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._make, args=(edition, budget.seed), name="plans", daemon=True)
        self._thread.start()

    def _make(self, edition: str, seed: int) -> None:
        try:
            planning.plans(edition, seed, self._wanted)
        except BaseException as error:  # told to whoever waits for a plan
            self._failure = error

    def _wanted(self, plan: list[Move]) -> bool:
        while not self._stopped.is_set():
            try:
                self._queue.put(plan, timeout=0.2)
                break
            except queue.Full:
                continue
        self._left -= 1
        return self._left > 0 and not self._stopped.is_set()

    async def next(self) -> list[Move] | None:
        """The next plan; None when there is none any more."""
        while True:
            over = not self._thread.is_alive()
            try:
                return self._queue.get_nowait()
            except queue.Empty:
                if over and self._failure is not None:
                    raise self._failure from None
                if over:
                    return None
            await asyncio.sleep(0.005)

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(5)
