"""One cell: run the case, and turn what happened into findings."""

from __future__ import annotations

import asyncio
import shlex
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from harness import suite as suite_module
from harness.plan import PlannedCell
from harness.results import Cell, Finding, Frame, Verdict
from harness.transcript import LONGEST, MOST
from testbed.dut import Dut, Scalar
from testbed.findings import Inconclusive, Violation
from testbed.launch.placed import LaunchError
from testbed.link.tap import Tap
from testbed.protocol import Role
from testbed.trial import Trial

#: Characters of a traceback that are kept.
TRACE = 8000
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def base36(number: int) -> str:
    """A whole number in as few letters and digits as it takes."""
    out = ""
    while True:
        number, digit = divmod(number, 36)
        out = _DIGITS[digit] + out
        if not number:
            return out


@dataclass(frozen=True, slots=True)
class Bench:
    """What the cells of one DUT share: `parameters` are the profile's, over which the DUT's own win."""

    dut: Dut
    role: Role
    parameters: dict[str, Scalar]
    plants: tuple[Callable[[], Tap], ...] = ()

    def trial(self, edition: str, scope: str) -> Trial:
        """A fresh trial."""
        values = self.parameters | self.dut.description.parameters
        return Trial(
            self.dut,
            edition,
            scope,
            patience=float(values.get("patience", 5.0)),
            quiet=float(values.get("quiet", 0.5)),
            plants=self.plants,
            watch=self.role.watch,
            cutter=self.role.cutter,
        )


def reproduce(cell: PlannedCell) -> str:
    """The command that shows a cell again."""
    case = f"{cell.case.id}[{cell.row}]" if cell.row else cell.case.id
    folder = suite_module.folders().get(cell.case.id.partition(".")[0])
    where = ["--suite-path", str(folder)] if folder else []
    return shlex.join(["testbed", "run", cell.profile, "--dut", cell.given or cell.dut, "--case", case, *where])


def unrun(cell: PlannedCell, verdict: Verdict, reason: str, *, cause: str = "", claim: str = "") -> Cell:
    """The result of a cell that was not run."""
    found = [Finding(id, verdict) for id in cell.requirements]
    return Cell(
        cell.id,
        cell.case.id,
        cell.edition,
        cell.dut,
        cell.requirements,
        verdict,
        row=cell.row,
        reason=reason,
        cause=cause,
        claim=claim,
        findings=found,
        command=reproduce(cell),
    )


async def judge(cell: PlannedCell, bench: Bench, scope: str) -> tuple[Cell, Trial]:
    """Run one cell. Never raises but for cancellation."""
    case = cell.case
    trial = bench.trial(cell.edition, scope)
    began = time.perf_counter()
    verdict: Verdict = "pass"
    reason = cause = trace = expected = came = ""
    blamed: tuple[str, ...] = ()
    try:
        async with asyncio.timeout(case.timeout), bench.role.tester(trial) as handle:
            await (case.run(handle, case.rows[cell.row]) if cell.row else case.run(handle))
    except TimeoutError:
        verdict, reason = "error", f"the case did not end within {case.timeout:g} s: it waits without bound"
    except Exception as error:
        match _decisive(error):
            case Violation() as violation:
                verdict, reason = "fail", str(violation)
                expected, came = violation.expected, violation.came
                blamed = violation.requirements
            case LaunchError() as trouble:
                verdict, reason, cause = "error", str(trouble), "no control over the device"
            case Inconclusive() as doubt:
                verdict, reason, cause = "inconclusive", doubt.reason, doubt.cause
            case _:
                verdict, reason, trace = "error", f"{type(error).__name__}: {error}", traced(error)
    finally:
        trial.close()
    if trial.failure is not None:
        # Whatever the case made of the connection's end, it was not the device that ended it.
        verdict, reason = "error", f"{type(trial.failure).__name__}: {trial.failure}"
        trace, cause = traced(trial.failure), ""
    findings = _findings(cell, trial, verdict, expected, came, blamed)
    broken = [f for f in findings if f.source == "rule"]
    if broken and verdict == "pass":
        verdict, cause = "fail", f"rule {broken[0].requirement}"
        reason = f"the case passed, but a passive rule saw: expected {broken[0].expected}; came {broken[0].came}"
    shown, dropped = frames(trial)
    result = Cell(
        cell.id,
        case.id,
        cell.edition,
        cell.dut,
        cell.requirements,
        verdict,
        row=cell.row,
        reason=reason[:2000],
        cause=cause,
        findings=findings,
        started=datetime.fromtimestamp(trial.began / 1e9, UTC).isoformat(timespec="milliseconds"),
        seconds=round(time.perf_counter() - began, 4),
        frames=shown,
        frames_dropped=dropped,
        trace=trace,
        command=reproduce(cell),
    )
    return result, trial


def _decisive(error: Exception) -> Exception:
    """What decides a case: `error` itself, or of a group from a case that did several things at once the first
    violation, else the first doubt; the group when it holds anything else."""
    if not isinstance(error, ExceptionGroup):
        return error
    found = [_decisive(one) for one in error.exceptions]
    if not all(isinstance(one, Violation | Inconclusive) for one in found):
        return error
    return next((one for one in found if isinstance(one, Violation)), found[0])


def deepest(error: BaseException) -> BaseException:
    """The first error inside groups of them."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def traced(error: Exception) -> str:
    """Where `error` came from, at most `TRACE` characters: the beginning and the end."""
    text = "".join(traceback.format_exception(error, limit=-6))
    return text if len(text) <= TRACE else f"{text[: TRACE // 2]}\n[...]\n{text[-TRACE // 2 :]}"


def _findings(
    cell: PlannedCell, trial: Trial, verdict: Verdict, expected: str, came: str, blamed: Sequence[str]
) -> list[Finding]:
    """One finding for each cited requirement, and one for each breach that a passive rule saw."""
    last = len(trial.shots) - 1
    found: list[Finding] = []
    for id in cell.requirements:
        mine = not blamed or id in blamed or id.partition(":")[2] in blamed
        if verdict == "fail" and mine:
            found.append(Finding(id, "fail", expected[:1000], came[:1000], "case", last))
        else:
            found.append(Finding(id, "inconclusive" if verdict == "fail" else verdict))
    for breach in trial.breaches:
        found.append(
            Finding(breach.requirement, "fail", breach.expected[:1000], breach.came[:1000], "rule", breach.frame)
        )
    return found


def frames(trial: Trial) -> tuple[list[Frame], int]:
    """The record of a trial, bounded; and how many frames in its middle were left out."""
    shots = list(enumerate(trial.shots))
    dropped = max(0, len(shots) - MOST)
    if dropped:
        shots = shots[: MOST // 2] + shots[-MOST // 2 :]
    return [
        Frame(
            round((shot.at - trial.began) / 1e9, 6),
            shot.link,
            shot.way,
            shot.data[:LONGEST].hex(),
            len(shot.data),
            shot.text,
        )
        for _, shot in shots
    ], dropped
