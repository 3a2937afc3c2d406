"""Known failures: `expected.toml` lets a gate pass despite them, and fails it when one is cured or gone."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import msgspec
from msgspec.structs import replace

from harness.results import Cell, Verdict
from testbed.files import FileError, line_of, read_text, read_toml


class Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One known failure. `case`, `requirement`, `dut`, `edition` are glob patterns."""

    reason: str
    case: str = "*"
    requirement: str = "*"
    dut: str = "*"
    edition: str = "*"

    def reaches(self, cell: Cell) -> bool:
        """Whether it is about the device and the edition of `cell`."""
        return fnmatchcase(cell.dut, self.dut) and fnmatchcase(cell.edition, self.edition)

    def names(self, requirement: str) -> bool:
        """Whether it is about `requirement`, given with its catalogue."""
        return fnmatchcase(requirement.partition(":")[2], self.requirement)

    def fits(self, cell: Cell) -> bool:
        """Whether `cell` is one it speaks of (whatever its verdict)."""
        ids = [*cell.requirements, *(finding.requirement for finding in cell.findings)]
        return (
            fnmatchcase(cell.case, self.case)
            and self.reaches(cell)
            and (self.requirement == "*" or any(self.names(id) for id in ids))
        )

    def verdicts(self, cell: Cell) -> list[Verdict]:
        """What `cell`, which it fits, found about the requirements it names; about anything when it names none."""
        if self.requirement == "*":
            return [cell.verdict, *(finding.verdict for finding in cell.findings)]
        return [finding.verdict for finding in cell.findings if self.names(finding.requirement)]


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`expected.toml`: a list of `[[known]]`."""

    known: list[Known] = []


def read(path: Path) -> Expected:
    """`path`, each entry naming at least a case or a requirement."""
    expected = read_toml(path, Expected)
    for number, entry in enumerate(expected.known, 1):
        if entry.case == "*" and entry.requirement == "*":
            line = line_of(read_text(path), ["known", number - 1])
            raise FileError(
                path, f"entry {number} names neither case nor requirement", "add one", line=line, key="known"
            )
    return expected


def apply(expected: Expected, cells: list[Cell]) -> list[Cell]:
    """The cells, those that fail only as known marked so."""
    return [replace(cell, known=True) if _known(expected, cell) else cell for cell in cells]


def _known(expected: Expected, cell: Cell) -> bool:
    """Whether `cell` fails, and each of its failures is named: a known one must not hide another beside it."""
    entries = [entry for entry in expected.known if entry.fits(cell)]
    failures = [finding.requirement for finding in cell.findings if finding.verdict == "fail"]
    if not failures:
        return cell.verdict == "fail" and bool(entries)
    return all(any(entry.names(id) for entry in entries) for id in failures)


def stale(expected: Expected, cells: list[Cell], *, whole: bool) -> list[str]:
    """A sentence for each entry that no failing cell needs any more. Entries that fit no cell at all count only
    when the run was not narrowed by a selection (`whole`) and judged a device and an edition they are about."""
    out: list[str] = []
    for number, entry in enumerate(expected.known, 1):
        fitting = [cell for cell in cells if entry.fits(cell) and cell.verdict != "not-applicable"]
        what = f"entry {number} ({entry.case} {entry.requirement} {entry.dut}: {entry.reason})"
        if not fitting:
            if whole and any(entry.reaches(cell) for cell in cells):
                out.append(f"{what} fits no cell")
        elif all(verdict == "pass" for cell in fitting for verdict in entry.verdicts(cell)):
            out.append(f"{what} is stale: {len(fitting)} cells pass")
    return out
