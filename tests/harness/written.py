"""Journals written by hand, for tests of what is made from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.expected import Expected
from harness.journal import Journal
from harness.results import Cell, Finding, Level, ProfileInfo, RequirementInfo, Results, Verdict
from harness.verdict import results
from testbed.dut import Description

EDITION, DUT, PROFILE = "std-1", "box", "prog"


def requirement(number: str, level: Level = "MUST", *, provisional: bool = False) -> RequirementInfo:
    return RequirementInfo(
        f"{EDITION}:{number}", EDITION, number, "server", level, "1.1", "must work", provisional, "", []
    )


def cell(
    name: str,
    verdict: Verdict,
    *numbers: str,
    findings: Sequence[Finding] | None = None,
    dut: str = DUT,
    edition: str = EDITION,
    reason: str = "",
) -> Cell:
    """A cell of the case `name` about `numbers`; its findings have its verdict unless given."""
    ids = [f"{edition}:{number}" for number in numbers]
    found = [Finding(id, verdict, "so", "not so") for id in ids] if findings is None else list(findings)
    return Cell(
        f"{name}[{edition},{dut}]",
        name,
        edition,
        dut,
        ids,
        verdict,
        findings=found,
        reason=reason or f"was {verdict}",
    )


def rule(number: str) -> Finding:
    return Finding(f"{EDITION}:{number}", "fail", "so", "not so", "rule", 3)


def judged(
    folder: Path,
    requirements: Sequence[RequirementInfo],
    cells: Sequence[tuple[Cell, int]] | Sequence[Cell],
    *,
    planned: Sequence[str] | None = None,
    repeat: int = 1,
    levels: Sequence[Level] = ("MUST",),
    trouble: str = "",
    end: str = "complete",
    expected: Expected | None = None,
) -> Results:
    """The results of a run whose journal holds `cells` (each a repeat 0 unless given as a pair)."""
    pairs: list[Any] = [one if isinstance(one, tuple) else (one, 0) for one in cells]
    ids = [one.id for one, _ in pairs if not one.case.startswith("claim.")] if planned is None else planned
    rows = [
        {
            "id": id,
            "case": id.partition("[")[0],
            "row": "",
            "edition": EDITION,
            "dut": DUT,
            "profile": PROFILE,
            "requirements": [],
        }
        for id in dict.fromkeys(ids)
    ]
    journal = Journal(folder)
    journal.append(
        "run",
        {
            "tool": "t",
            "command": "c",
            "asked": {},
            "platform": "p",
            "digest": "d",
            "repeat": repeat,
            "profiles": [ProfileInfo(PROFILE, "1", "Programme", "no-such-role", EDITION, "d")],
            "levels": {PROFILE: list(levels)},
            "duts": [Description(DUT, "no-such-role", {"default": "tcp://127.0.0.1:1"})],
            "requirements": list(requirements),
            "cells": rows,
        },
    )
    for one, number in pairs:
        journal.append("cell", {"repeat": number, "cell": one})
    if trouble:
        journal.append("trouble", {"dut": DUT, "text": trouble})
    if end:
        journal.append("end", {"reason": end})
    journal.close()
    return results(folder, expected)
