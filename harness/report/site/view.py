"""One run as the site sees it: quick look-ups, and where every page of it is.

Paths of pages are relative to the run's own folder, so that a page finds another with a short prefix.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.report.filenames import digest, slug
from harness.report.reading import requirements_of, sentence, speaking
from harness.results import Cell, DutResult, Mark, RequirementInfo, Results


@dataclass(frozen=True)
class Sheet:
    """One matrix: the requirements of a catalogue against the products of a role."""

    catalogue: str
    role: str
    path: str
    duts: list[DutResult]
    requirements: list[RequirementInfo]

    @property
    def height(self) -> int:
        """Pixels, on the 8-px grid, that the longest product name needs when it stands upright."""
        longest = max(len(dut.name[:28]) * 9 + len(dut.version[:14]) * 7 for dut in self.duts)
        return min(max(longest // 8 * 8 + 24, 96), 240)

    @property
    def title(self) -> str:
        return f"{self.catalogue} · {self.role}"


@dataclass(frozen=True)
class Run:
    """A run with its look-ups made once."""

    results: Results
    #: Folder of its pages, below the folder of a language.
    folder: str
    infos: dict[str, RequirementInfo]
    duts: dict[str, DutResult]
    marks: dict[tuple[str, str], Mark]
    #: Page (and anchor) of every cell, in the order of `results.cells`.
    places: list[str]
    #: Cells that cite or mention a requirement, by its id.
    about: dict[str, list[int]]
    #: Case page -> its cells: one page for a case, row and edition.
    groups: dict[str, list[int]]
    sheets: list[Sheet]
    #: Attached files of this run: name within the run -> path from the root of the site.
    files: Mapping[str, str] = field(default_factory=dict)

    def product_page(self, dut: str) -> str:
        """Page of a product."""
        return f"products/{slug(dut)}.html"

    def requirement_page(self, name: str) -> str:
        """Page of a requirement, known to the catalogue or not."""
        return f"requirements/{slug(name, 64)}.html"

    def place_of(self, mark: Mark) -> str:
        """Where a mark leads: to its deciding cell, or to the requirement when no cell speaks about it."""
        if mark.cells:
            return self.places[mark.cells[0]]
        return f"{self.requirement_page(mark.requirement)}#{anchor(mark.dut)}"


def view(results: Results, files: Mapping[str, str]) -> Run:
    """`results` with its look-ups."""
    infos = requirements_of(results)
    duts = {dut.name: dut for dut in results.duts}
    groups: dict[str, list[int]] = {}
    places: list[str] = []
    about: dict[str, list[int]] = {}
    for index, cell in enumerate(results.cells):
        page = case_page(cell)
        groups.setdefault(page, []).append(index)
        places.append(cell_page(cell) if is_open(cell) else f"{page}#{anchor(cell.dut)}")
        for name in dict.fromkeys((*cell.requirements, *(finding.requirement for finding in cell.findings))):
            about.setdefault(name, []).append(index)
    marks = {(mark.requirement, mark.dut): mark for mark in results.marks}
    sheets = list(_sheets(results, marks))
    return Run(results, slug(results.run), infos, duts, marks, places, about, groups, sheets, files)


def _sheets(results: Results, marks: Mapping[tuple[str, str], Mark]) -> Iterator[Sheet]:
    catalogues = dict.fromkeys(info.catalogue for info in results.requirements)
    roles = dict.fromkeys(dut.role for dut in results.duts)
    for catalogue in catalogues:
        infos = [info for info in results.requirements if info.catalogue == catalogue]
        for role in roles:
            duts = [
                dut
                for dut in results.duts
                if dut.role == role and any((info.id, dut.name) in marks for info in infos)
            ]
            if duts:
                sides = _sides(infos, duts, marks)
                rows = [info for info in infos if len(roles) == 1 or info.side in sides]
                rows.sort(key=lambda info: (clause_order(info.clause), info.number))
                yield Sheet(catalogue, role, f"matrix-{slug(catalogue)}-{slug(role)}.html", duts, rows)


def _sides(
    infos: Sequence[RequirementInfo], duts: Sequence[DutResult], marks: Mapping[tuple[str, str], Mark]
) -> set[str]:
    """The sides of a catalogue that bind these products, as their marks tell; rows of another role are not theirs."""
    return {"both", *(info.side for info in infos if any((info.id, dut.name) in marks for dut in duts))}


def is_open(cell: Cell) -> bool:
    """Whether a cell has something to explain, and so a page of its own; the rest share a page by case."""
    return cell.verdict not in ("pass", "not-applicable") or bool(speaking(cell))


def anchor(name: str) -> str:
    """The id, within a page, of the part about `name`."""
    return "p-" + slug(name, 32)


def cell_page(cell: Cell) -> str:
    """Page of a cell that is open."""
    return f"cells/{_readable(cell.dut, 20)}-{_readable(sentence(cell.case), 36)}-{digest(cell.id)}.html"


def case_page(cell: Cell) -> str:
    """Page that a cell shares with the other products' cells of the same case, row and edition."""
    key = "\0".join((cell.case, cell.row, cell.edition))
    return f"cases/{_readable(sentence(cell.case), 36)}-{digest(key)}.html"


def _readable(text: str, longest: int) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:longest].strip("-")


def clause_order(clause: str) -> list[tuple[int, int, str]]:
    """`3.1.10` after `3.1.9`."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"[.\s-]+", clause[:80])]


def clause_group(clause: str) -> str:
    """The section that a clause belongs to: `3.1` for `3.1.2.11`."""
    found = re.match(r"\s*(\w+\.\w+)", clause)
    return found[1] if found else clause.strip()
