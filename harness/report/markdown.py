"""A Markdown summary that fits into a pull-request comment: what failed first, details folded.

Everything from outside stands in `<code>` or is escaped to entities, so it can neither draw a table of its own nor
call anybody by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path

from harness.report.reading import GLYPHS, LEVELS, VERDICTS, requirements_of, sentence, speaking
from harness.report.visible import line
from harness.results import Cell, Mark, RequirementInfo, Results

#: A comment on the usual forges holds 65,536 characters.
LONGEST = 64_000
_SPECIAL = {ord(mark): f"&#{ord(mark)};" for mark in "\\`*_{}[]#|~@:!"}


def write(results: Results, path: Path) -> Path:
    """Write the summary to the file `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(summary(results), encoding="utf-8")
    return path


def summary(results: Results) -> str:
    """The summary, shorter than `LONGEST` characters; what does not fit is counted and left out."""
    infos = requirements_of(results)
    blocks = [_head(results)]
    room = LONGEST - len(blocks[0]) - 200
    left_out = 0
    for block in (*_broken(results, infos), *_unjudged(results), *_counts(results)):
        if len(block) < room:
            blocks.append(block)
            room -= len(block)
        else:
            left_out += 1
    if left_out:
        blocks.append(f"… and {left_out} more entries, see the full report.\n")
    return "\n".join(blocks)


def _head(results: Results) -> str:
    state = "" if results.complete else " **The run is not complete.**"
    rows = [
        f"| {code(judged.dut)} | {code(judged.profile)} | {GLYPHS[judged.verdict]} {judged.verdict} "
        f"| {plain(judged.reason, 160)} |"
        for judged in results.conformance[:60]
    ]
    more = len(results.conformance) - len(rows)
    rows += [f"| … {more} more | | | |"] if more > 0 else []
    table = ["| product | profile | verdict | why |", "|---|---|---|---|", *rows, ""] if rows else []
    notes = [f"- {plain(note, 400)}" for note in results.notes[:40]]
    return "\n".join(
        [
            f"### {'Conformance: run' if results.profiles else 'Judged by the passive rules:'} {code(results.run)}",
            "",
            f"{plain(results.started, 40)}, {results.seconds:.1f} s, {len(results.cells)} cells, "
            f"{plain(results.tool, 80)}, plan {code(results.plan[:20])}.{state}",
            "",
            *table,
            *notes,
            *([""] if notes else []),
        ]
    )


def _broken(results: Results, infos: dict[str, RequirementInfo]) -> Iterator[str]:
    """A block for every requirement that some product breaks, the strongest levels first."""
    broken: dict[str, list[Mark]] = {}
    for mark in results.marks:
        if mark.verdict == "fail":
            broken.setdefault(mark.requirement, []).append(mark)

    def rank(name: str) -> tuple[bool, int, str]:
        info = infos.get(name)
        return (info.provisional, LEVELS.index(info.level), name) if info else (True, len(LEVELS), name)

    if broken:
        yield f"#### Requirements not kept: {len(broken)}\n"
    for name in sorted(broken, key=rank):
        info = infos.get(name)
        level = (f"<b>{info.level}</b>" + (" (provisional)" if info.provisional else "")) if info else ""
        duts = ", ".join(code(mark.dut) for mark in broken[name][:20])
        text = plain(info.text, 300) if info else ""
        lines = [f"<details><summary>{GLYPHS['fail']} {level} {code(name)} {text} — {duts}</summary>", ""]
        for mark in broken[name][:20]:
            lines += _proof(results, mark)
        yield "\n".join([*lines, "", "</details>", ""])


def _proof(results: Results, mark: Mark) -> Iterator[str]:
    for index in mark.cells[:3]:
        cell = results.cells[index]
        found = next((finding for finding in speaking(cell) if finding.requirement == mark.requirement), None)
        yield f"- {code(mark.dut)}: {plain(sentence(cell.case), 160)} {code(cell.row) if cell.row else ''}"
        if found and (found.expected or found.came):
            yield f"  - expected: {plain(found.expected, 300)}"
            yield f"  - came: {plain(found.came, 300)}"
        elif cell.reason:
            yield f"  - {plain(cell.reason, 300)}"
        if cell.command:
            yield f"  - again: {code(cell.command, 300)}"


def _unjudged(results: Results) -> Iterator[str]:
    for verdict in ("error", "inconclusive"):
        causes: dict[str, list[Cell]] = {}
        for cell in results.cells:
            if cell.verdict == verdict:
                causes.setdefault(cell.cause or line(cell.reason), []).append(cell)
        if causes:
            number = sum(map(len, causes.values()))
            yield f"#### {GLYPHS[verdict]} {verdict}: {number} cells, {len(causes)} causes\n"
        for cause, cells in sorted(causes.items(), key=lambda item: -len(item[1])):
            duts = ", ".join(code(dut) for dut in _unique(cell.dut for cell in cells)[:20])
            yield f"- {len(cells)} × {plain(cause, 300) or 'no reason given'} — {duts}\n"


def _counts(results: Results) -> Iterator[str]:
    """Requirements by product, in the order of the run: a count, not a ranking."""
    head = " | ".join(f"{GLYPHS[verdict]} {verdict}" for verdict in VERDICTS)
    rows = [f"| product | {head} |", "|---|" + "---:|" * len(VERDICTS)]
    counts: dict[str, dict[str, int]] = {dut.name: dict.fromkeys(VERDICTS, 0) for dut in results.duts}
    for mark in results.marks:
        counts.setdefault(mark.dut, dict.fromkeys(VERDICTS, 0))[mark.verdict] += 1
    for name, numbers in counts.items():
        rows.append(f"| {code(name)} | " + " | ".join(str(numbers[verdict]) for verdict in VERDICTS) + " |")
    yield "\n".join(["<details><summary>Requirements by product</summary>", "", *rows, "", "</details>", ""])


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def plain(text: str, longest: int) -> str:
    """Text from outside on one line, harmless in Markdown."""
    return escape(line(text, longest), quote=False).translate(_SPECIAL)


def code(text: str, longest: int = 120) -> str:
    """Text from outside as code."""
    return f"<code>{plain(text, longest)}</code>"
