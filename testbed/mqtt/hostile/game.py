"""The hostile game: one attack after another, after each the proof of life; what harms is made short."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from testbed.findings import Inconclusive
from testbed.game import Arena, Budget, Deviation
from testbed.game import Move as Data
from testbed.mqtt.handle import VERSIONS
from testbed.mqtt.hostile import grammar
from testbed.mqtt.hostile.attack import Harm, Neighbours, attack, survived
from testbed.mqtt.hostile.moves import Move, Send, from_data, to_data
from testbed.plans import Plans
from testbed.trial import Trial

#: Bytes by which a broker may grow in the course of a game, once it has warmed up.
GROWTH = 64 << 20
#: Attacks during which a broker warms up.
WARM = 100
#: Attacks after which the neighbours connect anew: a trial records only so much.
NEIGHBOURLY = 200
#: Seconds for a reaction to an attack: while looking, and in a replay.
PAUSE, LONG_PAUSE = 0.015, 0.3
#: Seconds that neighbours wait while harm is looked for.
PATIENCE = 2.0
#: Seconds that making one attack short may take.
SHRINKING = 15.0
#: Earlier attacks that may be to blame.
SUSPECTS = 4


async def replay(trial: Trial, data: Sequence[Data]) -> None:
    """Attack once. Violation when others are not served any more; Inconclusive; ValueError for what are no moves."""
    await _strike(trial, from_data(data), LONG_PAUSE)


async def _strike(trial: Trial, moves: Sequence[Move], pause: float) -> None:
    neighbours = Neighbours(trial)
    await neighbours.settle_in()
    await attack(trial, moves, pause)
    await survived(neighbours, moves)


async def play(arena: Arena, budget: Budget) -> None:
    """Attack until the budget is spent. Inconclusive when the broker grew beyond measure: no clause forbids it."""
    await _Game(arena, budget).play()


@dataclass(slots=True)
class _Game:
    arena: Arena
    budget: Budget
    known: set[tuple[str, str]] = field(default_factory=set)
    count: int = 0
    #: Memory after the broker had warmed up, and the most since.
    warm: int = 0
    most: int = 0
    recent: deque[list[Move]] = field(default_factory=lambda: deque(maxlen=SUSPECTS))
    neighbours: Neighbours | None = None
    house: Trial | None = None

    async def play(self) -> None:
        until = asyncio.get_running_loop().time() + self.budget.seconds
        trial = self.arena.trial()
        version, seed = VERSIONS[trial.edition], self.budget.seed
        trial.close()
        plans: Plans[list[Move]] = Plans(
            lambda wanted: grammar.conversations(version, seed, wanted), self.budget.examples
        )
        try:
            await self._all(plans, until)
        finally:
            plans.stop()
            self._leave()
        if self.warm and self.most - self.warm > GROWTH:
            grown = (self.most - self.warm) >> 20
            raise Inconclusive(
                f"its memory grew by {grown} MiB in {self.count} attacks (limit {GROWTH >> 20} MiB)", cause="grows"
            )

    async def _all(self, plans: Plans[list[Move]], until: float) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() < until:
            moves = await plans.next()
            if moves is None:
                return
            if self.neighbours is None or self.count % NEIGHBOURLY == 0:
                await self._move_in()
            harm = await self._one(moves)
            self.recent.append(moves)
            self.count += 1
            self.arena.played(self.count)
            self._weigh()
            if harm is not None:
                await self._examine(harm, until)
                self._leave()
                if self.arena.dead() and not await self.arena.revive():
                    raise Inconclusive(f"{self.arena.dead()}, and cannot be started again")

    def _weigh(self) -> None:
        now = self.arena.memory()
        if self.count == WARM:
            self.warm = now
        self.most = max(self.most, now)

    async def _move_in(self) -> None:
        self._leave()
        self.house = self._trial()
        self.neighbours = Neighbours(self.house)
        await self.neighbours.settle_in()

    def _leave(self) -> None:
        if self.house is not None:
            self.house.close()
        self.house = self.neighbours = None

    def _trial(self) -> Trial:
        trial = self.arena.trial()
        trial.patience = min(trial.patience, PATIENCE)
        return trial

    async def _one(self, moves: list[Move]) -> Harm | None:
        assert self.neighbours is not None
        trial = self._trial()
        try:
            with contextlib.suppress(Inconclusive):  # what came of it the neighbours will tell
                await attack(trial, moves, PAUSE)
            await survived(self.neighbours, moves)
        except Harm as harm:
            return harm
        finally:
            trial.close()
        return None

    # -- who did it, and with how little

    async def _examine(self, harm: Harm, until: float) -> None:
        """Find the attack that does it alone, the last one first, and make it short."""
        loop = asyncio.get_running_loop()
        for moves in reversed(self.recent):
            found = await self._again(moves)
            if found is None:
                continue
            if found.signature in self.known:
                return
            self.known.add(found.signature)
            limit = min(until, loop.time() + SHRINKING)
            moves, found = await self._shrink(moves, found, limit)
            self.known.add(found.signature)
            self.arena.found(Deviation(found.requirement, found.kind, found.expected, found.came, to_data(moves)))
            return

    async def _again(self, moves: list[Move]) -> Harm | None:
        """Whether these moves alone do harm to a fresh broker."""
        await self.arena.revive()
        trial = self._trial()
        try:
            await _strike(trial, moves, PAUSE * 4)
        except Harm as harm:
            return harm
        except Inconclusive:
            return None
        finally:
            trial.close()
        return None

    async def _shrink(self, moves: list[Move], harm: Harm, until: float) -> tuple[list[Move], Harm]:
        loop = asyncio.get_running_loop()
        going = True
        while going:
            going = False
            for candidate in _smaller(moves):
                if loop.time() > until:
                    return moves, harm
                found = await self._again(candidate)
                if found is not None and found.kind.partition(" after ")[0] == harm.kind.partition(" after ")[0]:
                    moves, harm, going = candidate, found, True
                    break
        return moves, harm


def _smaller(moves: Sequence[Move]) -> Iterator[list[Move]]:
    """Without a move; then with fewer bytes in one."""
    for index in range(len(moves)):
        if len(moves) > 1:
            yield [*moves[:index], *moves[index + 1 :]]
    for index, move in enumerate(moves):
        if not isinstance(move, Send):
            continue
        data = move.data
        size = len(data) // 2
        while size:
            for start in range(0, len(data) - size + 1, size):
                rest = data[:start] + data[start + size :]
                yield [*moves[:index], Send(rest.hex(), move.link), *moves[index + 1 :]]
                if start and len(data) > 2 and data[1] < 0x80 and data[1] >= size:
                    # With the length made right again, the packet stays whole.
                    rest = rest[:1] + bytes((data[1] - size,)) + rest[2:]
                    yield [*moves[:index], Send(rest.hex(), move.link), *moves[index + 1 :]]
            size //= 2
