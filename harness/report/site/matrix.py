"""The matrix: which product keeps which requirement. Rows by clause, products in the order of the run, no score."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from html import escape

from markupsafe import Markup

from harness.report.filenames import slug
from harness.report.reading import GLYPHS, LEVELS, VERDICTS
from harness.report.site.press import WORDS, Nav, Press, Words
from harness.report.site.view import Run, Sheet, clause_group
from harness.report.visible import line
from harness.results import Mark, RequirementInfo

#: Class of a cell by verdict; the style sheet draws its glyph.
CLASSES: dict[str, str] = {"pass": "p", "fail": "f", "inconclusive": "i", "error": "x", "not-applicable": "n"}


@dataclass(frozen=True)
class Row:
    """A row without its words: the mark and the target of every product."""

    info: RequirementInfo
    marks: list[tuple[Mark, str] | None]


def write(press: Press, run: Run, nav: Nav) -> None:
    """Write every matrix of the run."""
    for sheet in run.sheets:
        groups = _groups(run, sheet)
        for words in WORDS:
            body = "".join(_group(words, clause, rows) for clause, rows in groups.items())
            press.put(
                "matrix.html.j2",
                f"{run.folder}/{sheet.path}",
                words,
                f"{words.t['matrix']} · {sheet.title}",
                nav=nav,
                run=run,
                sheet=sheet,
                clauses=list(groups),
                levels=[level for level in LEVELS if any(info.level == level for info in sheet.requirements)],
                verdicts=VERDICTS,
                classes=CLASSES,
                body=Markup(body),
            )


def _groups(run: Run, sheet: Sheet) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for info in sheet.requirements:
        marks = [run.marks.get((info.id, dut.name)) for dut in sheet.duts]
        row = Row(info, [(mark, escape(run.place_of(mark))) if mark else None for mark in marks])
        groups.setdefault(clause_group(info.clause), []).append(row)
    return groups


def _group(words: Words, clause: str, rows: list[Row]) -> str:
    """One clause: a line of counts, then its requirements."""
    clause = escape(line(clause, 40))
    per_dut = [
        Counter(entry[0].verdict for entry in column if entry)
        for column in zip(*(row.marks for row in rows), strict=True)
    ]
    whole = sum(per_dut, Counter())
    counts = " ".join(
        f'<span class="{CLASSES[name]}t" title="{words.verdict(name)}">{GLYPHS[name]} {whole[name]}</span>'
        for name in VERDICTS
        if whole[name]
    )
    cells = "".join(f"<td>{GLYPHS['fail'] + str(count['fail']) if count['fail'] else ''}</td>" for count in per_dut)
    size = words.t["n_requirements"].format(n=len(rows))
    head = (
        f'<tr class="g"><th scope="rowgroup"><b>{clause}</b> <span title="{size}">{len(rows)}</span> '
        f"<small>{counts}</small></th>{cells}</tr>\n"
    )
    return f'<tbody data-c="{clause}">{head}{"".join(_row(words, row) for row in rows)}</tbody>\n'


def _row(words: Words, row: Row) -> str:
    info = row.info
    parts = [_heading(words, info)]
    for entry in row.marks:
        if entry is None:
            parts.append('<td class="u"></td>')
        else:
            mark, target = entry
            parts.append(
                f'<td class="{CLASSES[mark.verdict]}"><a href="{target}">{words.verdict(mark.verdict)}</a></td>'
            )
    kind = ' class="prov"' if info.provisional else ""
    return f'<tr{kind} data-l="{info.level}">{"".join(parts)}</tr>\n'


def _heading(words: Words, info: RequirementInfo) -> str:
    row_page = f"requirements/{slug(info.id, 64)}.html"
    notes = [words.t["provisional"]] if info.provisional else []
    notes += [f"{words.t['untried']}: {line(info.untried, 120)}"] if info.untried else []
    note = f"<em>{escape(' · '.join(notes))}</em> " if notes else ""
    text = f'<span title="{escape(line(info.text, 600))}">{note}{escape(line(info.text, 260))}</span>'
    number = f'<a href="{row_page}">{escape(line(info.number, 40))}</a>'
    return f'<th scope="row">{number} <b>{info.level}</b> {text}</th>'
