"""Questions that several reports ask of `Results`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from harness.results import Cell, Finding, Level, RequirementInfo, Results, Verdict

#: From the strongest demand to none at all.
LEVELS: tuple[Level, ...] = ("MUST", "DEF", "SHOULD", "MAY", "NOTE")
VERDICTS: tuple[Verdict, ...] = ("fail", "inconclusive", "error", "pass", "not-applicable")
#: A verdict is never shown by colour alone.
GLYPHS: dict[str, str] = {"pass": "✓", "fail": "✗", "inconclusive": "?", "error": "!", "not-applicable": "–"}


def requirements_of(results: Results) -> dict[str, RequirementInfo]:
    """The catalogue rows of a run by id."""
    return {info.id: info for info in results.requirements}


def strongest(ids: Iterable[str], infos: Mapping[str, RequirementInfo]) -> Level | None:
    """The strongest level among the requirements `ids`; None when the run knows none of them."""
    known = [LEVELS.index(infos[name].level) for name in ids if name in infos]
    return LEVELS[min(known)] if known else None


def speaking(cell: Cell) -> list[Finding]:
    """The findings of a cell that somebody must look at: all but those that pass or do not apply."""
    return [finding for finding in cell.findings if finding.verdict not in ("pass", "not-applicable")]


def sentence(case: str) -> str:
    """A case's id as its sentence: `mqtt.broker.connect.a_second_connect` says "a second connect"."""
    return case.rpartition(".")[2].replace("_", " ")


def module(case: str) -> str:
    """Where a case stands: everything before its sentence."""
    return case.rpartition(".")[0]


def milliseconds(moment: str) -> int:
    """ISO 8601 as milliseconds since 1970; 0 when it is not ISO 8601 (an interrupted run has no end)."""
    try:
        return int(datetime.fromisoformat(moment).timestamp() * 1000)
    except ValueError:
        return 0
