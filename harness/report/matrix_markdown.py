"""The matrix as Markdown, for a page in a repository: which product keeps which requirement, one table an edition.

Rows that no product breaks are only counted, so that what is left is worth reading.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from harness.report.markdown import code, plain
from harness.report.reading import GLYPHS
from harness.results import DutResult, Mark, ProfileInfo, RequirementInfo, Results

#: What the marks mean, above the tables.
_LEGEND = "✓ kept · ✗ broken · ? not reached · ! an error of the test bed · – not applicable · blank: not tried"


def write(results: Results, path: Path) -> Path:
    """Write the matrix to the file `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(matrix(results), encoding="utf-8")
    return path


def matrix(results: Results) -> str:
    """Every table of a run, each profile's own."""
    parts = [
        f"Run {code(results.run)} of {plain(results.started[:10], 10)}, {plain(results.tool, 60)}, "
        f"{len(results.cells)} cells in {results.seconds:.1f} s:\n{_command(results)}\n",
        f"{_LEGEND}\n",
        _products(results.duts),
    ]
    parts += [_table(results, profile) for profile in results.profiles]
    return "\n".join(parts)


def _command(results: Results) -> str:
    """The command, less the folders of whoever ran it."""
    try:
        words = shlex.split(results.command)
    except ValueError:
        return code(results.command, 600)
    kept: list[str] = []
    for word in words:
        if kept and kept[-1] in ("--out", "--site", "--junit"):
            kept.pop()
            continue
        kept.append(word)
    return code(shlex.join(kept), 600)


def _products(duts: list[DutResult]) -> str:
    lines = ["| product | what | version |", "|---|---|---|"]
    lines += [f"| {code(dut.name)} | {plain(dut.title or dut.name, 80)} | {plain(dut.version, 40)} |" for dut in duts]
    return "\n".join(lines) + "\n"


def _table(results: Results, profile: ProfileInfo) -> str:
    names = [one.dut for one in results.conformance if one.profile == profile.name]
    duts = [dut for dut in results.duts if dut.name in names]
    rows = [row for row in results.requirements if row.catalogue == profile.edition]
    marks = {(mark.requirement, mark.dut): mark for mark in results.marks}
    broken = [row for row in rows if any(_is(marks, row, dut, "fail") for dut in duts)]
    kept = {dut.name: sum(_is(marks, row, dut, "pass") for row in rows) for dut in duts}
    failed = {dut.name: sum(_is(marks, row, dut, "fail") for row in rows) for dut in duts}
    head = "| requirement | level | " + " | ".join(code(dut.name) for dut in duts) + " |"
    lines = [
        f"### {plain(profile.title or profile.name, 80)}\n",
        head,
        "|---|---|" + ":-:|" * len(duts),
        "| **kept** | | " + " | ".join(str(kept[dut.name]) for dut in duts) + " |",
        "| **broken** | | " + " | ".join(str(failed[dut.name]) for dut in duts) + " |",
    ]
    for row in broken:
        cells = " | ".join(_glyph(marks.get((row.id, dut.name))) for dut in duts)
        lines.append(f"| {plain(row.number, 40)} {plain(row.text, 130)} | {row.level} | {cells} |")
    whole = sum(any((row.id, dut.name) in marks for dut in duts) for row in rows)
    lines.append(f"\n{whole - len(broken)} of the {whole} requirements tried are broken by none of them.\n")
    return "\n".join(lines)


def _is(marks: dict[tuple[str, str], Mark], row: RequirementInfo, dut: DutResult, verdict: str) -> bool:
    mark = marks.get((row.id, dut.name))
    return mark is not None and mark.verdict == verdict


def _glyph(mark: Mark | None) -> str:
    return GLYPHS[mark.verdict] if mark else ""
