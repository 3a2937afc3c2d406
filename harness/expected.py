"""Known failures: `expected.toml` lets a gate pass despite them, and fails it when one is cured or gone."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import msgspec
from msgspec.structs import replace

from harness.results import Cell
from testbed.files import FileError, line_of, read_text, read_toml


class Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One known failure. `case`, `requirement`, `dut`, `edition` are glob patterns."""

    reason: str
    case: str = "*"
    requirement: str = "*"
    dut: str = "*"
    edition: str = "*"

    def fits(self, cell: Cell) -> bool:
        """Whether `cell` is one it speaks of (whatever its verdict)."""
        numbers = [r.partition(":")[2] for r in cell.requirements] + [
            f.requirement.partition(":")[2] for f in cell.findings
        ]
        return (
            fnmatchcase(cell.case, self.case)
            and fnmatchcase(cell.dut, self.dut)
            and fnmatchcase(cell.edition, self.edition)
            and (self.requirement == "*" or any(fnmatchcase(number, self.requirement) for number in numbers))
        )


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`expected.toml`: a list of `[[known]]`."""

    known: list[Known] = []


def read(path: Path) -> Expected:
    """`path`, each entry naming at least a case or a requirement."""
    expected = read_toml(path, Expected)
    for number, entry in enumerate(expected.known, 1):
        if entry.case == "*" and entry.requirement == "*":
            line = line_of(read_text(path), ["known"])
            raise FileError(
                path, f"entry {number} names neither case nor requirement", "add one", line=line, key="known"
            )
    return expected


def apply(expected: Expected, cells: list[Cell]) -> list[Cell]:
    """The cells, those that fail as known marked so."""
    return [
        replace(cell, known=True)
        if cell.verdict == "fail" and any(entry.fits(cell) for entry in expected.known)
        else cell
        for cell in cells
    ]


def stale(expected: Expected, cells: list[Cell], *, whole: bool) -> list[str]:
    """A sentence for each entry that no failing cell needs any more. Entries that fit no cell at all count only
    when the run was not narrowed by a selection (`whole`)."""
    out: list[str] = []
    for number, entry in enumerate(expected.known, 1):
        fitting = [cell for cell in cells if entry.fits(cell) and cell.verdict != "not-applicable"]
        what = f"entry {number} ({entry.case} {entry.requirement} {entry.dut}: {entry.reason})"
        if not fitting:
            if whole:
                out.append(f"{what} fits no cell")
        elif all(cell.verdict == "pass" for cell in fitting):
            out.append(f"{what} is stale: {len(fitting)} cells pass")
    return out
