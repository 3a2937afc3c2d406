"""A run: bring the DUTs up, discover, judge every planned cell, write everything down.

It lives on one event loop in a thread of its own (`harness.background`), so that whoever started it can show
progress, collect results in order, or stop it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import resource
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from harness import claims as claims_module
from harness import scheduler
from harness.catalogue import infos
from harness.health import killed
from harness.journal import Journal, JournalError
from harness.judge import Bench, base36, deepest, judge, traced, unrun
from harness.lives import Lives
from harness.plan import Plan, PlannedCell
from harness.profile import Profile
from harness.results import Cell, Claim, ProfileInfo
from testbed.dut import Description, Dut
from testbed.files import file_name
from testbed.findings import Inconclusive
from testbed.launch.clients import Clients
from testbed.launch.launching import Device, launch
from testbed.launch.placed import LaunchError
from testbed.link.pcapng import Capture
from testbed.link.tap import Tap
from testbed.protocol import Role, roles
from testbed.trial import Trial

TOOL = f"iot-testbed {version('iot-testbed')}"
#: Seconds of a whole run, unless told otherwise.
WHOLE = 1800.0
LANES = 128
#: Open files that a run may want.
FILES = 1 << 16


@dataclass(frozen=True, slots=True)
class Options:
    """How a plan is run."""

    lanes: int = LANES
    #: Seconds after which the rest of the run is given up.
    whole: float = WHOLE
    capture: bool = True
    plants: tuple[Callable[[], Tap], ...] = ()
    #: Folder of each description that came from a file, by DUT name.
    folders: dict[str, Path] = field(default_factory=dict)
    command: str = ""
    #: Awaited before a cell may start (default: none waits).
    gate: Callable[[PlannedCell], Awaitable[None]] | None = None
    #: What was asked for, word for word, so that `--resume` can ask for it again.
    asked: dict[str, Any] = field(default_factory=dict)


class Observer:
    """Told what happens, on the run's own thread. Does nothing itself."""

    def dut(self, name: str, text: str) -> None:
        """A DUT changed state: `starting`, `up: version`, `judging 214 cells`, trouble."""

    def cell(self, cell: Cell, repeat: int) -> None:
        """A cell was judged."""


class Run:
    """One execution of a plan into a folder. `done` holds cells of an earlier run that are not run again, `builds`
    the version and digest that each DUT had then."""

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        options: Options | None = None,
        observers: Sequence[Observer] = (),
        *,
        resume: bool = False,
        done: frozenset[tuple[str, int]] = frozenset(),
        builds: Mapping[str, tuple[str, str]] | None = None,
    ) -> None:
        self.plan, self.folder, self.options, self.observers = plan, folder, options or Options(), observers
        self._done, self._builds = set(done), builds or {}
        #: DUTs whose capture could not be written.
        self._uncaptured: set[str] = set()
        self._token = base36(secrets.randbelow(36**3)).zfill(3)
        self._count = 0
        self.journal = Journal(folder, resume=resume)
        if resume:
            self.journal.append("resumed", {"command": self.options.command})
        else:
            self.journal.append("run", self._header())

    def _header(self) -> dict[str, Any]:
        plan = self.plan
        return {
            "tool": TOOL,
            "command": self.options.command,
            "asked": self.options.asked,
            "platform": f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} CPUs",
            "digest": plan.digest,
            "repeat": plan.repeat,
            "profiles": [ProfileInfo(p.name, p.version, p.title, p.role, p.edition, p.digest) for p in plan.profiles],
            "levels": {p.name: list(p.levels) for p in plan.profiles},
            "duts": [_without_secrets(dut) for dut in plan.duts],
            "requirements": infos(plan),
            "cells": plan.rows(),
        }

    # -- the whole

    async def execute(self) -> None:
        """Judge everything that is left. JournalError when results cannot be written; cancellation keeps what is
        finished."""
        reason = "complete"
        _allow_many_sockets()
        try:
            async with asyncio.timeout(self.options.whole):
                async with asyncio.TaskGroup() as group:
                    for description in self.plan.duts:
                        group.create_task(self._dut(description))
        except TimeoutError:
            reason = f"given up after {self.options.whole:g} s"
            self._give_up(reason)
        except BaseExceptionGroup as several:
            reason = "an error of the test bed"
            journal, _ = several.split(JournalError)
            if journal is not None:
                raise JournalError(self.journal.failure) from None
            raise
        except asyncio.CancelledError:
            reason = "interrupted"
            raise
        finally:
            with contextlib.suppress(JournalError):
                self.journal.append("end", {"reason": reason})
            self.journal.close()

    def _give_up(self, reason: str) -> None:
        for cell in self.plan.cells:
            for repeat in range(self.plan.repeat):
                if (cell.id, repeat) not in self._done:
                    self._finish(unrun(cell, "error", f"the run was {reason}", cause="time"), repeat)

    def _finish(self, cell: Cell, repeat: int) -> None:
        self.journal.append("cell", {"repeat": repeat, "cell": cell})
        self._done.add((cell.id, repeat))
        for observer in self.observers:
            observer.cell(cell, repeat)

    def _say(self, name: str, text: str) -> None:
        for observer in self.observers:
            observer.dut(name, text)

    # -- one DUT

    async def _dut(self, description: Description) -> None:
        """Bring up, judge, put down. An error of ours on the way is told in the cells of this DUT, and leaves the
        others alone."""
        mine = [cell for cell in self.plan.cells if cell.dut == description.name]
        try:
            await self._life(description, mine)
        except Exception as error:
            if self.journal.failure:
                raise
            text, trace = f"an error of the test bed: {deepest(error)!r}", traced(error)
            self._trouble(description.name, text)
            self._all(mine, lambda cell: msgspec.structs.replace(unrun(cell, "error", text), trace=trace))

    async def _life(self, description: Description, mine: list[PlannedCell]) -> None:
        role = roles()[description.role]
        self._say(description.name, "starting")
        try:
            device = await launch(
                description, self.folder, role.ready, here=self.options.folders.get(description.name)
            )
        except LaunchError as error:
            self._trouble(description.name, str(error))
            text = str(error)
            self._all(mine, lambda cell: unrun(cell, "error", text, cause="not started"))
            return
        try:
            build = (device.dut.version, device.dut.digest)
            before = self._builds.get(description.name, build)
            if build == before:
                await self._judge(device, role, mine)
            else:
                text = f"{description.name} is another build than before (it was {before[0] or before[1]}): run anew"
                self._trouble(description.name, text)
                self._all(mine, lambda cell: unrun(cell, "error", text, cause="another build"))
        finally:
            await device.stop()
            self._say(description.name, "stopped")

    async def _judge(self, device: Device, role: Role, mine: list[PlannedCell]) -> None:
        dut = device.dut
        self._say(dut.name, f"up: {dut.version or 'version unknown'}")
        capture, capture_name = self._capture(dut, role)
        log = getattr(device, "log_file", None)
        self.journal.append(
            "dut",
            {
                "name": dut.name,
                "version": dut.version,
                "digest": dut.digest,
                "endpoints": {edition: str(endpoint) for edition, endpoint in dut.endpoints.items()},
                "capture": capture_name,
                "log": log.name if log else "",
            },
        )
        lives = Lives(device, role, partial(self._say, dut.name))
        jobs: list[scheduler.Job] = []
        try:
            for profile in self.plan.profiles:
                cells = [cell for cell in mine if cell.profile == profile.name]
                if cells:
                    jobs += await self._prepare(dut, role, profile, cells, capture, lives)
            self._say(dut.name, f"judging {len(jobs)} cells")
            most = int(dut.parameter("lanes", device.lanes or self.options.lanes))
            await lives.run(jobs, max(1, min(most, self.options.lanes)))
        finally:
            if capture:
                with self._capturing(dut.name):
                    capture.close()
        if lives.health.dead:
            self._trouble(dut.name, lives.health.dead)
        elif lives.deaths:
            self._trouble(
                dut.name, f"{dut.name} died or stopped answering {lives.deaths} times and was started again"
            )

    async def _prepare(
        self,
        dut: Dut,
        role: Role,
        profile: Profile,
        cells: list[PlannedCell],
        capture: Capture | None,
        lives: Lives,
    ) -> list[scheduler.Job]:
        """Discover, and return the jobs of the cells that apply; the others are finished at once."""
        bench = Bench(dut, role, profile.parameters, self.options.plants)
        trial = bench.trial(profile.edition, f"{self._token}d")
        try:
            found = await role.discover(trial)
        except Inconclusive as doubt:
            text, cause = f"discovery in {profile.edition}: {doubt.reason}", f"{profile.edition} not spoken"
            self._trouble(dut.name, text + _last_words(dut))
            self._all(cells, lambda cell: unrun(cell, "inconclusive", text, cause=cause))
            return []
        except LaunchError as error:
            trouble = str(error)
            self._trouble(dut.name, trouble)
            self._all(cells, lambda cell: unrun(cell, "error", trouble, cause="no control over the device"))
            return []
        finally:
            trial.close()
            self._keep(capture, trial, "discovery")
        merged = claims_module.merged(dut.description.claims, found, profile)
        self.journal.append("claims", {"dut": dut.name, "edition": profile.edition, "claims": merged})
        # What was found in one edition says nothing of another.
        here = replace(dut, claims=dut.claims | {claim.name: claims_module.there(claim) for claim in merged})
        for cell in claims_module.absent(profile.edition, dut.name, merged, profile, cells[0].given):
            if (cell.id, 0) not in self._done:
                self._finish(cell, 0)
        by_name = {claim.name: claim for claim in merged}
        return self._jobs(replace(bench, dut=here), cells, by_name, capture, lives)

    def _jobs(
        self,
        bench: Bench,
        cells: list[PlannedCell],
        claims: dict[str, Claim],
        capture: Capture | None,
        lives: Lives,
    ) -> list[scheduler.Job]:
        jobs: list[scheduler.Job] = []
        for cell in cells:
            settled = claims_module.decide(cell, claims)
            for repeat in range(self.plan.repeat):
                if (cell.id, repeat) in self._done:
                    continue
                if settled is not None:
                    self._finish(settled, repeat)
                    continue
                jobs.append(self._job(cell, repeat, bench, capture, lives))
        return jobs

    def _job(
        self, cell: PlannedCell, repeat: int, bench: Bench, capture: Capture | None, lives: Lives
    ) -> scheduler.Job:
        work = partial(self._one, cell, repeat, bench, capture, lives)
        gate = partial(self.options.gate, cell) if self.options.gate else None
        return scheduler.Job(cell.case.lasts, cell.case.alone(cell.row), work, gate)

    async def _one(self, cell: PlannedCell, repeat: int, bench: Bench, capture: Capture | None, lives: Lives) -> None:
        again = partial(self._job, cell, repeat, bench, capture, lives)
        health, alone = lives.health, lives.alone or cell.case.alone(cell.row)
        if health.dead:
            if not lives.again(again(), begun=False):
                self._finish(unrun(cell, "error", health.dead, cause="the device died"), repeat)
            return
        self._count += 1
        result, trial = await judge(cell, bench, f"{self._token}{base36(self._count)}")
        if result.verdict != "pass" or alone or trial.left:
            await health.check(result, alone=alone, left=trial.left)
        if health.dead:
            if not alone and lives.again(again(), begun=health.suspects(trial)):
                return
            result = killed(result, health.dead, alone=alone)
        self._keep(capture, trial, f"{cell.id} {' '.join(cell.requirements)}")
        self._finish(result, repeat)

    # -- bits

    def _all(self, cells: list[PlannedCell], make: Callable[[PlannedCell], Cell]) -> None:
        for cell in cells:
            for repeat in range(self.plan.repeat):
                if (cell.id, repeat) not in self._done:
                    self._finish(make(cell), repeat)

    def _trouble(self, name: str, text: str) -> None:
        self.journal.append("trouble", {"dut": name, "text": text})
        self._say(name, f"trouble: {text}")

    def _keep(self, capture: Capture | None, trial: Trial, comment: str) -> None:
        if capture and trial.dut.name not in self._uncaptured:
            with self._capturing(trial.dut.name):
                capture.add(trial, comment)

    @contextlib.contextmanager
    def _capturing(self, name: str) -> Iterator[None]:
        """A capture that cannot be written costs no verdict."""
        try:
            yield
        except OSError as error:
            if name not in self._uncaptured:
                self._uncaptured.add(name)
                self._trouble(name, f"the capture is not complete ({error.strerror})")

    def _capture(self, dut: Dut, role: Role) -> tuple[Capture | None, str]:
        if not self.options.capture:
            return None, ""
        number, stem = 0, file_name(dut.name)
        while (path := self.folder / f"{stem}{f'-{number}' if number else ''}.pcapng").exists():
            number += 1
        return Capture(path.open("wb"), dut.name, TOOL, role.port), path.name


def _allow_many_sockets() -> None:
    """Raise this process's limit of open files: lanes x DUTs x connections need many. Not beyond `FILES`, as the
    DUTs inherit it, and some make a table of that size."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(hard, FILES)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _last_words(dut: Dut) -> str:
    """What the programs of a client printed last: most often why none of them came."""
    said = dut.clients.log_tail(3) if isinstance(dut.clients, Clients) else ""
    return "\n  last lines of its log:\n    " + said.replace("\n", "\n    ") if said else ""


def _without_secrets(description: Description) -> dict[str, Any]:
    """A description as the journal may hold it: without the values of its passwords."""
    plain = msgspec.to_builtins(description)
    for name in plain.get("parameters", {}):
        if "password" in name:
            plain["parameters"][name] = "(not kept)"
    return plain
