"""How good the suite is: the published figures, each beside what it must be, and the missed faults by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.report.site.press import WORDS, Nav, Press
from harness.report.site.view import Run
from harness.results import FaultResult, Quality


@dataclass(frozen=True)
class Figures:
    """One measurement, counted."""

    quality: Quality
    caught: int
    planted: int
    #: Faults that no case citing the broken requirement noticed.
    escaped: list[FaultResult]
    #: Passes earned by peers that answer nothing sensible.
    vacuous: int
    #: Fails earned by products that only did something else that is legal; None when no variant was tried.
    unjust: int | None


def figures(quality: Quality) -> Figures:
    """The counts behind the table: only a case that cites the broken requirement catches a fault."""
    escaped = [fault for fault in quality.faults if fault.outcome != "caught"]
    vacuous = sum(map(len, quality.vacuity.values()))
    unjust = sum(map(len, quality.specificity.values())) if quality.specificity else None
    return Figures(quality, len(quality.faults) - len(escaped), len(quality.faults), escaped, vacuous, unjust)


def repeatability(runs: Sequence[Run]) -> tuple[int, int]:
    """(cells whose repeats differ, cells that were repeated) over all runs."""
    repeated = [cell.repeats for run in runs for cell in run.results.cells if len(cell.repeats) > 1]
    return sum(len(set(verdicts)) > 1 for verdicts in repeated), len(repeated)


def write(press: Press, runs: Sequence[Run], measured: Sequence[Figures], nav: Nav) -> None:
    """Write `quality.html`."""
    flipped, repeated = repeatability(runs)
    known = {}
    for run in runs:
        known |= {name: f"{run.folder}/{run.requirement_page(name)}" for name in run.infos}
    for words in WORDS:
        press.put(
            "quality.html.j2",
            "quality.html",
            words,
            words.t["quality"],
            nav=nav,
            measured=measured,
            flipped=flipped,
            repeated=repeated,
            pages=known,
        )
