"""The plan: every cell, written down before the first packet, under one digest.

A row that is missing afterwards is then an error and never silence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from harness import suite as suite_module
from harness.case import Case
from harness.profile import Profile
from testbed.dut import Description


@dataclass(frozen=True, slots=True)
class PlannedCell:
    """One case (and row) for one DUT in one edition."""

    case: Case
    row: str
    edition: str
    dut: str
    profile: str
    #: What `--dut` names the device by; its name when empty.
    given: str = ""

    @property
    def id(self) -> str:
        inside = ",".join(part for part in (self.row, self.edition, self.dut) if part)
        return f"{self.case.id}[{inside}]"

    @property
    def requirements(self) -> list[str]:
        return self.case.cited(self.edition)


class PlannedRow(msgspec.Struct, frozen=True):
    """A cell as the journal keeps it."""

    id: str
    case: str
    row: str
    edition: str
    dut: str
    profile: str
    requirements: list[str]


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be run. `digest` covers profiles, suite files, cells, and the descriptions of the DUTs."""

    profiles: tuple[Profile, ...]
    duts: tuple[Description, ...]
    cells: tuple[PlannedCell, ...]
    repeat: int
    digest: str

    def rows(self) -> list[PlannedRow]:
        return [PlannedRow(c.id, c.case.id, c.row, c.edition, c.dut, c.profile, c.requirements) for c in self.cells]


def speaks(description: Description, edition: str) -> bool:
    """Whether a description has an endpoint for `edition`."""
    return edition in description.endpoints or "default" in description.endpoints


def make(
    profiles: Sequence[Profile],
    duts: Sequence[Description],
    *,
    wanted: Callable[[PlannedCell], bool] = lambda cell: True,
    repeat: int = 1,
    given: Mapping[str, str] | None = None,
) -> Plan:
    """All cells of all profiles for all DUTs that play the profile's role and speak its edition. `given` says how a
    DUT was named, for the command that shows a cell again."""
    named = given or {}
    cells: list[PlannedCell] = []
    taken: set[str] = set()
    for profile in profiles:
        folders = suite_module.folders()
        names = [*dict.fromkeys([*(profile.select.suites or suite_module.suites()), *folders])]
        for dut in duts:
            if dut.role != profile.role or not speaks(dut, profile.edition):
                continue
            for name in names:
                for case in suite_module.cases(name):
                    if suite_module.role_of(case).name != profile.role:
                        continue
                    # Who names a folder wants its cases, whatever the profile selects.
                    if not (case.cited(profile.edition) if name in folders else profile.takes(case)):
                        continue
                    for row in case.rows or ("",):
                        cell = PlannedCell(
                            case, row, profile.edition, dut.name, profile.name, named.get(dut.name, "")
                        )
                        if wanted(cell) and cell.id not in taken:
                            taken.add(cell.id)
                            cells.append(cell)
    return Plan(tuple(profiles), tuple(duts), tuple(cells), repeat, digest_of(profiles, duts, cells, repeat))


def digest_of(
    profiles: Sequence[Profile], duts: Sequence[Description], cells: Sequence[PlannedCell], repeat: int = 1
) -> str:
    """The digest of a plan."""
    chosen = {name for profile in profiles for name in profile.select.suites or suite_module.suites()}
    names = sorted(chosen | set(suite_module.folders()))
    whole = {
        "profiles": [[p.name, p.version, p.digest] for p in profiles],
        "suites": {name: suite_module.digest(name) for name in names},
        "duts": [msgspec.to_builtins(dut) for dut in duts],
        "cells": [cell.id for cell in cells],
        "repeat": repeat,
    }
    return "sha256:" + hashlib.sha256(msgspec.json.encode(whole, order="sorted")).hexdigest()
