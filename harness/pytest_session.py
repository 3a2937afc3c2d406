"""One conformance run inside a pytest session: started ahead, read in pytest's order."""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness import plan as plan_module
from harness import profile as profile_module
from harness import suite, targets, verdict
from harness.background import Background
from harness.case import Case
from harness.journal import JournalError
from harness.plan import Plan, PlannedCell
from harness.profile import Profile
from harness.results import Cell
from harness.run import LANES, Observer, Options, Run
from testbed.files import FileError

#: Seconds for the devices to go down once everything is judged.
ENDING = 30.0


class Nonconformance(AssertionError):
    """The device under test does not keep a requirement."""

    def __init__(self, result: Cell) -> None:
        super().__init__(result.reason)
        self.result = result


class NotJudged(Exception):
    """The cell is inconclusive, or met an error of ours."""

    def __init__(self, result: Cell) -> None:
        super().__init__(f"{result.verdict}: {result.reason}")
        self.result = result


def explained(result: Cell) -> str:
    """A cell that did not pass, for the terminal: why, what was said, how to see it again."""
    lines = [f"{result.verdict}: {result.reason}", f"requirements: {', '.join(result.requirements)}"]
    for finding in result.findings:
        if finding.expected:
            lines += [f"{finding.requirement}", f"  expected {finding.expected}", f"  came     {finding.came}"]
    shown = result.frames[-24:]
    if shown:
        lines.append("the end of the conversation (seconds, connection, direction):")
    arrows = {"sent": "->", "received": "<-", "event": "--"}
    for frame in shown:
        lines.append(f"  {frame.at:8.3f} {frame.link} {arrows[frame.way]} {frame.text or frame.hex}")
    if result.trace:
        lines.append(result.trace)
    lines.append(f"again: {result.command}")
    return "\n".join(lines)


class _Collect(Observer):
    """Gives each result to whoever waits for it."""

    def __init__(self) -> None:
        #: By id of the cell; complete before the run starts, as two threads look here.
        self.futures: dict[str, Future[Cell]] = {}

    def cell(self, cell: Cell, repeat: int) -> None:
        future = self.futures.get(cell.id)
        if future is not None and not future.done():
            future.set_result(cell)


class ConformanceSession:
    """Profiles and devices of one pytest run, and the run itself once it has started."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._collect = _Collect()
        self._background: Background | None = None
        self._wanted: dict[str, asyncio.Event] = {}
        self.folder: Path | None = None
        lanes: int | None = config.getoption("--testbed-lanes")
        self._lanes = LANES if lanes is None else lanes
        if self._lanes < 1:
            raise pytest.UsageError(f"--testbed-lanes {lanes}: a device needs at least one lane")
        names: list[str] = config.getoption("--dut") or []
        if not names:
            raise pytest.UsageError(
                "these are conformance cases: name the device with --dut (a known peer, host:port)"
            )
        try:
            self._profiles = self._chosen()
            role = self._profiles[0].role if self._profiles else ""
            self._duts, self._folders, self._given = targets.descriptions(names, role)
            self._plan = plan_module.make(self._profiles, self._duts, given=self._given)
        except (FileError, LookupError, suite.SuiteError) as error:
            raise pytest.UsageError(str(error.args[0])) from None
        self._by_case: dict[str, list[PlannedCell]] = defaultdict(list)
        for cell in self._plan.cells:
            self._by_case[cell.case.id].append(cell)

    def _chosen(self) -> list[Profile]:
        asked: list[str] = self._config.getoption("--testbed-profile") or []
        chosen: dict[tuple[str, str], Profile] = {}
        for name in dict.fromkeys(asked or profile_module.places()):
            one = profile_module.load(name)
            other = chosen.setdefault((one.role, one.edition), one)
            if asked and other is not one:
                # A cell belongs to one profile, and the other would be judged by what is left.
                raise pytest.UsageError(f"{other.name} and {one.name} are both for {one.edition}: give one of them")
        return list(chosen.values())

    def cells_of(self, case: Case) -> list[PlannedCell]:
        """The cells of one case: of a suite, or of a module outside any (then in every edition it cites)."""
        if case.id in self._by_case or any(case.id == known.id for s in suite.suites() for known in suite.cases(s)):
            return self._by_case[case.id]
        suite.check(case)
        role = suite.role_of(case).name
        return [
            PlannedCell(case, row, profile.edition, dut.name, profile.name, self._given[dut.name])
            for profile in self._profiles
            if profile.role == role and profile.edition in case.editions()
            for dut in self._duts
            if plan_module.speaks(dut, profile.edition)
            for row in case.rows or ("",)
        ]

    # -- the run

    def start(self, cells: Sequence[PlannedCell]) -> None:
        """Judge `cells` in the background. In a worker of pytest-xdist, where it cannot be known which items will
        come, each is judged when it is asked for."""
        worker = os.environ.get("PYTEST_XDIST_WORKER", "")
        given = self._config.getoption("--testbed-out")
        name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-pytest"
        folder = (Path(given) if given else Path("results") / name) / worker
        # A file that is named twice is judged once.
        cells = list({cell.id: cell for cell in cells}.values())
        self._collect.futures = {cell.id: Future() for cell in cells}
        duts = [dut for dut in self._duts if any(cell.dut == dut.name for cell in cells)]
        plan = Plan(
            self._plan.profiles, tuple(duts), tuple(cells), 1, plan_module.digest_of(self._profiles, duts, cells)
        )
        options = Options(
            lanes=self._lanes,
            folders=self._folders,
            command="pytest " + " ".join(self._config.invocation_params.args),
            gate=self._gate if worker else None,
        )
        if worker:
            self._wanted = {cell.id: asyncio.Event() for cell in cells}
        try:
            run = Run(plan, folder, options, (self._collect,))
        except JournalError as error:
            raise pytest.UsageError(str(error)) from None
        self.folder = folder
        self._background = Background(run.execute).start()

    async def _gate(self, cell: PlannedCell) -> None:
        await self._wanted[cell.id].wait()

    def result(self, cell: PlannedCell) -> Cell:
        """What became of `cell`; waits for it. RuntimeError when the run ended without it."""
        background = self._background
        if background is None:
            raise RuntimeError("the conformance run was not started")
        if cell.id in self._wanted:
            background.call(self._wanted[cell.id].set)
        future = self._collect.futures[cell.id]
        while True:
            try:
                return verdict.readable(future.result(timeout=0.2), suite.role_of(cell.case).name)
            except TimeoutError:
                if background.join(0) and not future.done():
                    raise RuntimeError(f"the conformance run ended early: {background.error}") from background.error
            except CancelledError:
                raise RuntimeError("the conformance run was stopped") from None

    def stop(self) -> None:
        """End what still runs, and write the reports."""
        if self._background is None or self.folder is None:
            return
        if all(future.done() for future in self._collect.futures.values()):
            # Nothing is left but to put the devices down: to cut that short would look like an interrupted run.
            self._background.join(ENDING)
        self._background.stop()
        from harness.report import publish

        try:
            publish.beside(verdict.results(self.folder), self.folder)
        except JournalError as error:
            raise pytest.UsageError(str(error)) from None
