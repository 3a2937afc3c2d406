"""Playing: games of a role against devices, side by side; what they find is replayed before it is believed."""

from __future__ import annotations

import asyncio
import os
import secrets
import shlex
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

from harness import claims as claims_module
from harness.judge import Bench, base36, deepest
from harness.profile import Profile
from harness.results import Verdict
from harness.trace import Trace
from testbed.dut import Description
from testbed.findings import Inconclusive, Violation
from testbed.game import Arena, Budget, Deviation, Game, Move
from testbed.launch.launching import Device, launch
from testbed.launch.placed import LaunchError
from testbed.protocol import Role, roles
from testbed.trial import Trial

#: Replays of what was found; every one must show it.
REPLAYS = 3
#: Findings that are replayed at once.
CHECKS = 8

Told = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Match:
    """What is to be played: which games against which devices. `folders` are those of descriptions from files,
    `given` what `--dut` named a device by."""

    profile: Profile
    duts: Sequence[Description]
    games: Sequence[Game]
    budget: Budget
    folder: Path
    folders: dict[str, Path] = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Score:
    """What became of one game against one device."""

    dut: str
    game: str
    version: str = ""
    played: int = 0
    seconds: float = 0.0
    found: list[Trace] = field(default_factory=list)
    #: Why it could not be judged (to its end).
    trouble: str = ""

    @property
    def verdict(self) -> Verdict:
        """`fail` when anything found was confirmed; `pass` only when something was played and nothing found."""
        if any(trace.verdict == "fail" for trace in self.found):
            return "fail"
        return "inconclusive" if self.trouble or self.found or not self.played else "pass"


async def play(match: Match, told: Told, scores: list[Score]) -> None:
    """Play every game against every device, all devices side by side. The scores are added to `scores` at the start
    and filled in as it goes, so that what was found is there if it is cancelled."""
    async with asyncio.TaskGroup() as group:
        for description in match.duts:
            group.create_task(_device(match, description, told, scores))


async def _device(match: Match, description: Description, told: Told, scores: list[Score]) -> None:
    mine = [Score(description.name, game.name) for game in match.games]
    scores += mine
    role = roles()[description.role]
    told(description.name, "starting")
    try:
        device = await launch(description, match.folder, role.ready, here=match.folders.get(description.name))
    except LaunchError as error:
        _all(mine, str(error))
        return
    try:
        for score in mine:
            score.version = device.dut.version
        side = _Side(match, device, role)
        await side.discover()
        for score, game in zip(mine, match.games, strict=True):
            told(description.name, f"playing {game.name}: {game.text}")
            await side.play(game, score, told)
    except Inconclusive as doubt:
        _all(mine, doubt.reason)
    except Exception as error:
        # Told in the score, where whoever asked for it looks.
        _all(mine, f"an error of the test bed: {deepest(error)!r}")
    finally:
        await device.stop()


def _all(scores: Iterable[Score], trouble: str) -> None:
    for score in scores:
        score.trouble = score.trouble or trouble


class _Side:
    """One device, and everything that is played against it."""

    def __init__(self, match: Match, device: Device, role: Role) -> None:
        self._match, self._device, self._role = match, device, role
        self._token = base36(secrets.randbelow(36**3)).zfill(3)
        self._count = count(1)
        self._bench = Bench(device.dut, role, match.profile.parameters)

    def trial(self) -> Trial:
        scope = f"{self._token}{base36(next(self._count))}"
        return self._bench.trial(self._match.profile.edition, scope)

    async def discover(self) -> None:
        """What the device lacks is not played."""
        trial = self.trial()
        try:
            found = await self._role.discover(trial)
        finally:
            trial.close()
        dut = self._device.dut
        merged = claims_module.merged(dut.description.claims, found, self._match.profile)
        here = replace(dut, claims=dut.claims | {claim.name: claims_module.there(claim) for claim in merged})
        self._bench = replace(self._bench, dut=here)

    async def play(self, game: Game, score: Score, told: Told) -> None:
        """One game; then everything found is replayed."""
        began = time.perf_counter()
        waiting: list[Deviation] = []

        def found(deviation: Deviation) -> None:
            told(score.dut, f"found, to be replayed: {deviation.kind} ({deviation.requirement})")
            waiting.append(deviation)

        def played(number: int) -> None:
            score.played = number

        arena = Arena(self.trial, found, played, self._dead, self._memory, self._revive)
        try:
            await game.play(arena, self._match.budget)
        except Inconclusive as doubt:
            score.trouble = doubt.reason
        except asyncio.CancelledError:
            score.trouble = "interrupted, so nothing was replayed"
            for deviation in waiting:
                score.found.append(self._trace(game, deviation, score, shown=0, replays=0))
            raise
        finally:
            score.seconds = time.perf_counter() - began
        await self._check_all(game, waiting, score, told)
        dead = self._dead()
        if dead and not game.alone:
            score.trouble = score.trouble or dead
        if not score.played and not score.trouble:
            score.trouble = "nothing could be played in the time given"

    async def _check_all(self, game: Game, waiting: Sequence[Deviation], score: Score, told: Told) -> None:
        """Replay all that was found on a device started anew: what has to be shown is not the wear of a long game."""
        if not waiting:
            return
        if not game.alone and self._device.controlled and not await self._revive():
            score.trouble = "it could not be started anew for the replays"
            score.found += [self._trace(game, deviation, score, shown=0, replays=0) for deviation in waiting]
            return
        lanes = asyncio.Semaphore(1 if game.alone else CHECKS)

        async def one(deviation: Deviation) -> None:
            async with lanes:
                await self._check(game, deviation, score, told)

        await asyncio.gather(*(one(deviation) for deviation in waiting))

    async def _check(self, game: Game, deviation: Deviation, score: Score, told: Told) -> None:
        """Replay it; only what comes every time is a failure, and what never comes again is not worth a word."""
        shown, expected, came = 0, deviation.expected, deviation.came
        for violation in await self._replays(game, deviation.moves):
            if violation is not None and deviation.requirement in violation.requirements:
                shown, expected, came = shown + 1, violation.expected, violation.came
        if not shown:
            told(score.dut, f"did not come again, and is not counted: {deviation.kind}")
            return
        seen = replace(deviation, expected=expected, came=came)
        trace = self._trace(game, seen, score, shown=shown, replays=REPLAYS)
        score.found.append(trace)
        told(score.dut, f"{trace.verdict} ({shown} of {REPLAYS}): {trace.kind} ({trace.requirement})")

    def _trace(self, game: Game, deviation: Deviation, score: Score, *, shown: int, replays: int) -> Trace:
        return Trace(
            role=self._role.name,
            game=game.name,
            edition=self._match.profile.edition,
            requirement=deviation.requirement,
            kind=deviation.kind,
            expected=deviation.expected,
            came=deviation.came,
            moves=list(deviation.moves),
            text=game.tell(deviation.moves),
            dut=score.dut,
            version=score.version,
            verdict="fail" if shown == REPLAYS else "inconclusive",
            shown=shown,
            replays=replays,
            seed=self._match.budget.seed,
            command=shlex.join(
                ["testbed", "play", "--replay", "TRACE", "--dut", self._match.given.get(score.dut, score.dut)]
            ),
        )

    async def _replays(self, game: Game, moves: Sequence[Move]) -> list[Violation | None]:
        """Each in a scope of its own: side by side, unless they may kill the device."""
        if not game.alone:
            return list(await asyncio.gather(*(self._replay(game, moves) for _ in range(REPLAYS))))
        came: list[Violation | None] = []
        for _ in range(REPLAYS):
            # Whoever hangs is not dead, and of no use either.
            if not await self._revive() and self._dead():
                break
            came.append(await self._replay(game, moves))
        return came

    async def _replay(self, game: Game, moves: Sequence[Move]) -> Violation | None:
        trial = self.trial()
        try:
            await game.replay(trial, moves)
        except Violation as violation:
            return violation
        except Inconclusive:
            return None
        finally:
            trial.close()
        return None

    # -- the device

    def _dead(self) -> str:
        if self._device.alive:
            return ""
        return f"{self._device.dut.name} died with status {self._device.exit_status}"

    def _memory(self) -> int:
        """Resident bytes of the device's process, as Linux tells; 0 where nobody does."""
        pid = getattr(self._device, "pid", 0)
        try:
            with open(f"/proc/{int(pid)}/statm", "rb") as file:  # noqa: PTH123 - a page of text from the kernel
                return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, ValueError, IndexError):
            return 0

    async def _revive(self) -> bool:
        if not self._device.controlled:
            return False
        try:
            await self._device.restart()
        except LaunchError:
            return False
        return True


async def replay(match: Match, trace: Trace, told: Told, scores: list[Score]) -> None:
    """Play the moves of a trace against every device, as often as a game's finding is replayed."""
    game = match.games[0]

    async def again(arena: Arena, budget: Budget) -> None:
        arena.played(1)
        arena.found(Deviation(trace.requirement, trace.kind, trace.expected, trace.came, tuple(trace.moves)))

    once = replace(game, play=again)
    await play(replace(match, games=[once]), told, scores)
