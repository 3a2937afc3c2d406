"""The game: plans are played side by side; what deviates is made short, told once, and then passed over."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from testbed.findings import Inconclusive, Violation
from testbed.game import Arena, Budget, Deviation
from testbed.game import Move as Data
from testbed.mqtt.model import planning, shrinking
from testbed.mqtt.model.blame import Foul
from testbed.mqtt.model.moves import Move, Moves, Overlook, from_data, to_data, told
from testbed.mqtt.model.player import Player
from testbed.mqtt.model.world import Features, features_of
from testbed.plans import Plans
from testbed.trial import Trial

#: Seconds that something owed may take while deviations are looked for; a replay has all the patience there is.
PATIENCE = 0.7
#: Seconds of one conversation, at most.
LONGEST = 30.0
#: Seconds that making one deviation short may take, at most.
SHRINKING = 20.0


async def replay(trial: Trial, data: Sequence[Data]) -> None:
    """Play the moves once. Violation when the broker deviates; Inconclusive; ValueError when they are no moves."""
    await _conversation(trial, from_data(data), trial.patience, set(), strict=True)


async def several(trial: Trial, seed: int, count: int) -> None:
    """Play the first `count` conversations of a seed one after another, all in one record. Foul at the first one that
    deviates; Inconclusive when none of them could be played."""
    doubts: list[str] = []
    for number, plan in enumerate(await asyncio.to_thread(_some, trial.edition, seed, count), 1):
        # The same record, watch and connections; names of its own.
        one = replace(trial, scope=f"{trial.scope}{number}")
        try:
            await _conversation(one, plan, trial.patience, set())
        except Inconclusive as doubt:
            doubts.append(doubt.reason)
        except Foul as foul:
            moves = "; ".join(told(move) for move in foul.moves)
            raise Violation(
                f"{foul.expected} ({foul.kind}, in conversation {number} of seed {seed})",
                f"{foul.came} after: {moves}",
                requirements=(foul.requirement,),
            ) from None
        finally:
            trial.failure = trial.failure or one.failure
    if len(doubts) == count:
        raise Inconclusive(doubts[0], cause="nothing could be played")


@cache
def _some(edition: str, seed: int, count: int) -> list[list[Move]]:
    """Plans are the same for every device."""
    return planning.some_plans(edition, seed, count)


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
        edition, seed = self.features.edition, self.budget.seed
        plans: Plans[list[Move]] = Plans(lambda wanted: planning.plans(edition, seed, wanted), self.budget.examples)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(max(1, self.budget.lanes)):
                    group.create_task(self._lane(plans, until))
        finally:
            plans.stop()
        if self.doubts and len(self.doubts) == self.count:
            raise Inconclusive(self.doubts[0])

    async def _lane(self, plans: Plans[list[Move]], until: float) -> None:
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
