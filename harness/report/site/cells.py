"""Pages of the cells: a page each for those with something to explain, a page by case for all that are settled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from markupsafe import Markup

from harness.report.reading import GLYPHS, sentence, speaking
from harness.report.site.conversation import Conversation, draw, numbered, timeline
from harness.report.site.matrix import CLASSES
from harness.report.site.press import WORDS, Nav, Press, Words, seconds
from harness.report.site.view import Run, anchor, case_page, is_open
from harness.report.visible import visible
from harness.results import Cell, Finding, Verdict


@dataclass(frozen=True)
class Past:
    """The same cell in another run."""

    run: str
    started: str
    verdict: Verdict
    #: Path from the root of a language.
    place: str


#: Cell id -> what became of it in every run of the site, oldest first.
History = Mapping[str, Sequence[Past]]


def write(press: Press, run: Run, nav: Nav, history: History) -> None:
    """Write the pages of all cells of a run."""
    for index, cell in enumerate(run.results.cells):
        if is_open(cell):
            _write_open(press, run, nav, index, history)
    for path, indices in run.groups.items():
        _write_case(press, run, nav, path, indices)


def wireshark(cell: Cell) -> str:
    """The display filter that finds the packets of a cell in its capture."""
    if cell.filter:
        return cell.filter
    quoted = cell.id.replace("\\", "\\\\").replace('"', '\\"')
    return f'frame.comment contains "{quoted}"'


def _write_open(press: Press, run: Run, nav: Nav, index: int, history: History) -> None:
    cell = run.results.cells[index]
    findings = speaking(cell)
    names = dict.fromkeys((*cell.requirements, *(finding.requirement for finding in cell.findings)))
    remarks = _remarks(findings)
    talk = draw(cell, full=True, remarks=remarks)
    dut = run.duts.get(cell.dut)
    case = case_page(cell)
    values = {
        "run": run,
        "cell": cell,
        "index": index,
        "dut": dut,
        "sentence": sentence(cell.case),
        "findings": findings,
        "requirements": [(name, run.infos.get(name), run.requirement_page(name)) for name in names],
        "talk": talk,
        "numbers": {number for number, _ in numbered(cell)},
        "time": Markup(timeline(cell, remarks)),
        "filter": wireshark(cell),
        "capture": run.files.get(dut.capture, "") if dut and dut.capture else "",
        "log": run.files.get(dut.log, "") if dut and dut.log else "",
        "siblings": [(run.results.cells[other], run.places[other]) for other in run.groups[case] if other != index],
        "case_page": case,
        "classes": CLASSES,
        "past": [past for past in history.get(cell.id, ()) if past.run != run.results.run],
    }
    for words in WORDS:
        title = f"{GLYPHS[cell.verdict]} {visible(sentence(cell.case), 80)} · {visible(cell.dut, 40)}"
        path = f"{run.folder}/{run.places[index]}"
        drawn = Markup(table(words, talk, small=False)) if cell.frames else ""
        press.put("cell.html.j2", path, words, title, nav=nav, drawn=drawn, **values)


def _remarks(findings: Sequence[Finding]) -> dict[int, str]:
    """What stands below an offending frame."""
    remarks: dict[int, str] = {}
    for finding in findings:
        if finding.frame >= 0:
            number = finding.requirement.rpartition(":")[2]
            text = f"{GLYPHS[finding.verdict]} {number}: {finding.came or finding.expected}"
            remarks[finding.frame] = remarks.get(finding.frame, "") + f"<p>{escape(visible(text, 600))}</p>"
    return remarks


def _write_case(press: Press, run: Run, nav: Nav, path: str, indices: list[int]) -> None:
    """One case, row and edition, on every product."""
    cells = [run.results.cells[index] for index in indices]
    first = cells[0]
    settled = [(cell, draw(cell, full=False)) for cell in cells if not is_open(cell)]
    values = {
        "run": run,
        "case": first.case,
        "row": first.row,
        "edition": first.edition,
        "sentence": sentence(first.case),
        "requirements": [(name, run.infos.get(name), run.requirement_page(name)) for name in first.requirements],
        "cells": [(cell, run.places[index], anchor(cell.dut)) for cell, index in zip(cells, indices, strict=True)],
        "classes": CLASSES,
    }
    for words in WORDS:
        body = "\n".join(_settled(words, cell, talk, alone=len(settled) == 1) for cell, talk in settled)
        title = f"{visible(sentence(first.case), 80)} · {visible(first.edition, 40)}"
        where = f"{run.folder}/{path}"
        press.put("case.html.j2", where, words, title, nav=nav, body=Markup(body), **values)


def _settled(words: Words, cell: Cell, talk: Conversation, *, alone: bool) -> str:
    """The part of a case's page about one product. Built by hand: a large run has ten thousand of them."""
    name, reason = escape(visible(cell.dut, 120)), visible(cell.reason, 1000)
    claim = f" ({visible(cell.claim, 200)})" if cell.claim else ""
    head = (
        f'<summary id="{anchor(cell.dut)}"><b class="{CLASSES[cell.verdict]}t">{GLYPHS[cell.verdict]} '
        f"{words.verdict(cell.verdict)}</b> {name}<small>{seconds(cell.seconds)}</small></summary>"
    )
    parts = [f"<p>{escape(reason + claim)}</p>"] if reason or claim else []
    if cell.frames:
        parts.append(table(words, talk, small=True))
    if cell.command:
        parts.append(copyable(cell.command))
    if cell.frames:
        parts.append(copyable(wireshark(cell)))
    return f"<details{' open' if alone else ''}>{head}{''.join(parts)}</details>"


def table(words: Words, talk: Conversation, *, small: bool) -> str:
    """A conversation's rows as a table with its headings."""
    t, lanes = words.t, "".join(f"<span>{name}</span>" for name in talk.lanes)
    kind = "talk small" if small else "talk"
    return (
        f'<table class="{kind}" style="--n:{len(talk.lanes)}"><thead><tr><th>#</th>'
        f"<th>{t['time_s']}</th><th>{lanes}<span>DUT</span></th><th>{t['message']}</th>"
        f"<th>{t['bytes']}</th></tr></thead><tbody>\n{talk.rows}\n</tbody></table>"
    )


def copyable(text: str) -> str:
    """A command or filter; the script gives it a button."""
    return f'<pre class="copy"><code>{escape(visible(text, 4000))}</code></pre>'
