"""A page for each product: what it claims, what was found, and its findings by cause."""

from __future__ import annotations

from dataclasses import dataclass

from harness.report.reading import LEVELS, VERDICTS, sentence, strongest
from harness.report.site.matrix import CLASSES
from harness.report.site.press import WORDS, Nav, Press
from harness.report.site.view import Run, is_open
from harness.report.visible import visible
from harness.results import Cell, Mark, Verdict


@dataclass(frozen=True)
class Cause:
    """One cause and the cells that show it, each with its page."""

    name: str
    verdict: Verdict
    cells: list[tuple[Cell, str]]


@dataclass(frozen=True)
class Change:
    """A requirement whose verdict is not what it was."""

    requirement: str
    before: Verdict
    after: Verdict
    place: str


def write(press: Press, run: Run, nav: Nav, earlier: list[Run]) -> None:
    """Write the pages of all products; `earlier` are the runs before this one, oldest first."""
    for dut in run.results.duts:
        open_cells = [
            (cell, run.places[index])
            for index, cell in enumerate(run.results.cells)
            if cell.dut == dut.name and is_open(cell)
        ]
        before = next((past for past in reversed(earlier) if dut.name in past.duts), None)
        marks = [mark for mark in run.results.marks if mark.dut == dut.name]
        values = {
            "run": run,
            "dut": dut,
            "homepage": dut.homepage if dut.homepage.startswith(("https://", "http://")) else "",
            "judged": [judged for judged in run.results.conformance if judged.dut == dut.name],
            "profiles": {profile.name: profile for profile in run.results.profiles},
            "levels": LEVELS,
            "verdicts": VERDICTS,
            "causes": _causes(run, open_cells),
            "skipped": sum(mark.verdict == "not-applicable" for mark in marks),
            "before": before,
            "changes": _changes(run, before, marks) if before else [],
            "capture": run.files.get(dut.capture, "") if dut.capture else "",
            "log": run.files.get(dut.log, "") if dut.log else "",
            "classes": CLASSES,
            "sentence": sentence,
        }
        for words in WORDS:
            path = f"{run.folder}/{run.product_page(dut.name)}"
            title = visible(dut.title or dut.name, 80)
            press.put("product.html.j2", path, words, title, nav=nav, **values)


def _causes(run: Run, cells: list[tuple[Cell, str]]) -> list[Cause]:
    """Cells by cause, what broke a MUST first; a cell without a cause stands alone."""
    groups: dict[tuple[str, str], list[tuple[Cell, str]]] = {}
    for cell, place in cells:
        groups.setdefault((cell.cause or f"\0{cell.id}", cell.verdict), []).append((cell, place))
    causes = [
        Cause("" if name.startswith("\0") else name, group[0][0].verdict, group)
        for (name, _), group in groups.items()
    ]

    def rank(cause: Cause) -> tuple[int, int, int]:
        level = strongest((name for cell, _ in cause.cells for name in cell.requirements), run.infos)
        return (VERDICTS.index(cause.verdict), LEVELS.index(level) if level else len(LEVELS), -len(cause.cells))

    return sorted(causes, key=rank)


def _changes(run: Run, before: Run, marks: list[Mark]) -> list[Change]:
    changes: list[Change] = []
    for mark in marks:
        past = before.marks.get((mark.requirement, mark.dut))
        if past and past.verdict != mark.verdict:
            changes.append(Change(mark.requirement, past.verdict, mark.verdict, run.place_of(mark)))
    return changes
