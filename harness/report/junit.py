"""JUnit XML, for the dashboards that read nothing else: one test suite per DUT and edition.

fail is a failure; inconclusive and error are errors, never skips; only not-applicable is skipped, with the claim
that decided it.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as Xml

from harness.report.reading import module, requirements_of, sentence, speaking, strongest
from harness.report.visible import line, visible
from harness.results import Cell, RequirementInfo, Results


def write(results: Results, path: Path) -> Path:
    """Write the run to the file `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tree = Xml.ElementTree(_suites(results))
    Xml.indent(tree, " ")
    tree.write(path, encoding="utf-8", xml_declaration=True)
    return path


def _suites(results: Results) -> Xml.Element:
    infos = requirements_of(results)
    top = Xml.Element("testsuites", name=visible(results.tool), time=_seconds(results.seconds))
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in results.cells:
        groups.setdefault((cell.dut, cell.edition), []).append(cell)
    for (dut, edition), cells in groups.items():
        suite = Xml.SubElement(top, "testsuite", {"name": visible(f"{dut} {edition}"), **_tally(cells)})
        started = min((cell.started for cell in cells if cell.started), default=results.started)
        suite.set("timestamp", started.removesuffix("Z").partition("+")[0])
        _properties(suite, [("run", results.run), ("plan", results.plan), *_identity(results, dut)])
        for cell in cells:
            suite.append(_case(cell, infos))
    for key, value in _tally(results.cells).items():
        if key != "time":
            top.set(key, value)
    return top


def _identity(results: Results, name: str) -> list[tuple[str, str]]:
    for dut in results.duts:
        if dut.name == name:
            known = [("role", dut.role), ("version", dut.version), ("digest", dut.digest), ("trouble", dut.trouble)]
            return [(key, value) for key, value in known if value]
    return []


def _tally(cells: list[Cell]) -> dict[str, str]:
    verdicts = [cell.verdict for cell in cells]
    return {
        "tests": str(len(cells)),
        "failures": str(verdicts.count("fail")),
        "errors": str(verdicts.count("error") + verdicts.count("inconclusive")),
        "skipped": str(verdicts.count("not-applicable")),
        "time": _seconds(sum(cell.seconds for cell in cells)),
    }


def _case(cell: Cell, infos: dict[str, RequirementInfo]) -> Xml.Element:
    name = sentence(cell.case) + (f" [{cell.row}]" if cell.row else "")
    case = Xml.Element("testcase", classname=visible(module(cell.case)), name=visible(name))
    case.set("time", _seconds(cell.seconds))
    level = strongest(cell.requirements, infos) or ""
    facts = [("id", cell.id), ("verdict", cell.verdict), ("level", level)]
    facts += [("requirement", name) for name in cell.requirements]
    facts += [("known", "true")] if cell.known else []
    _properties(case, facts)
    if cell.verdict == "not-applicable":
        Xml.SubElement(case, "skipped", message=line(cell.claim or cell.reason))
    elif cell.verdict != "pass":
        tag = "failure" if cell.verdict == "fail" else "error"
        kind = level if cell.verdict == "fail" and level else cell.verdict
        Xml.SubElement(case, tag, type=kind, message=line(cell.reason)).text = _story(cell)
    return case


def _story(cell: Cell) -> str:
    parts = [cell.reason]
    for finding in speaking(cell):
        shown = f" (frame {finding.frame})" if finding.frame >= 0 else ""
        parts.append(f"{finding.requirement}{shown}\n  expected: {finding.expected}\n  came: {finding.came}")
    parts += [cell.trace] if cell.trace else []
    parts += [f"again: {cell.command}"] if cell.command else []
    return "\n".join(visible(part) for part in parts if part)


def _properties(parent: Xml.Element, facts: list[tuple[str, str]]) -> None:
    holder = Xml.SubElement(parent, "properties")
    for name, value in facts:
        Xml.SubElement(holder, "property", name=name, value=visible(value))


def _seconds(value: float) -> str:
    return f"{value:.3f}"
