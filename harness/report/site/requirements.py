"""A page for each requirement: who keeps it, which cases try it, and whether they would notice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.report.reading import sentence
from harness.report.site.matrix import CLASSES
from harness.report.site.press import WORDS, Nav, Press
from harness.report.site.view import Run, anchor, case_page
from harness.report.visible import visible
from harness.results import FaultResult

#: Requirement -> planted faults that break it, each with the profile and product it was planted with.
Faults = Mapping[str, Sequence[tuple[FaultResult, str, str]]]


def write(press: Press, run: Run, nav: Nav, faults: Faults) -> None:
    """Write the pages of all requirements that the run knows or mentions."""
    names = dict.fromkeys((*run.infos, *run.about, *(mark.requirement for mark in run.results.marks)))
    by_requirement: dict[str, list[str]] = {}
    for requirement, dut in run.marks:
        by_requirement.setdefault(requirement, []).append(dut)
    for name in names:
        cells = [run.results.cells[index] for index in run.about.get(name, ())]
        cases = {cell.case: case_page(cell) for cell in cells}
        info = run.infos.get(name)
        for case in info.cases if info else ():
            cases.setdefault(case, "")
        marks = []
        for dut in by_requirement.get(name, ()):
            mark = run.marks[name, dut]
            about = [(run.results.cells[index], run.places[index]) for index in mark.cells[:8]]
            marks.append((mark, anchor(dut), about))
        values = {
            "run": run,
            "name": name,
            "info": info,
            "marks": marks,
            "cases": cases,
            "faults": faults.get(name, ()),
            "classes": CLASSES,
            "sentence": sentence,
        }
        for words in WORDS:
            path = f"{run.folder}/{run.requirement_page(name)}"
            title = visible(info.number if info else name, 80)
            press.put("requirement.html.j2", path, words, title, nav=nav, **values)
