"""From the journal alone: findings to verdicts, verdicts to marks, marks to conformance."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from harness import journal
from harness.expected import Expected, apply
from harness.results import (
    SEVERITY,
    Cell,
    Claim,
    Conformance,
    DutResult,
    Finding,
    Frame,
    Mark,
    ProfileInfo,
    RequirementInfo,
    Results,
    Verdict,
)
from testbed.dut import Description
from testbed.protocol import roles

#: Verdicts that leave a requirement open.
DOUBTS: frozenset[Verdict] = frozenset({"inconclusive", "error"})


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of several verdicts; `not-applicable` for none."""
    found: list[Verdict] = list(verdicts)
    return max(found, key=lambda verdict: SEVERITY[verdict]) if found else "not-applicable"


def rolled_up(repeats: list[Cell]) -> Cell:
    """Several repeats of one cell as one: their verdict when they agree, else inconclusive; never the best."""
    verdicts = [cell.verdict for cell in repeats]
    shown = max(repeats, key=lambda cell: SEVERITY[cell.verdict])
    # What a rule saw in another repeat counts as well; its frame is in a transcript that is not kept.
    seen = {finding.requirement for finding in shown.findings if finding.source == "rule"}
    others = {f.requirement: f for cell in repeats for f in cell.findings if f.source == "rule"}
    more = [replace(f, frame=-1) for id, f in others.items() if id not in seen]
    if len(set(verdicts)) == 1:
        return replace(shown, repeats=verdicts, findings=[*shown.findings, *more])
    text = f"the verdict flips between repeats: {', '.join(verdicts)}; worst: {shown.reason}"
    findings = [
        f if f.source != "case" else Finding(f.requirement, "inconclusive", f.expected, f.came, f.source, f.frame)
        for f in shown.findings
    ]
    return replace(
        shown, verdict="inconclusive", repeats=verdicts, reason=text, cause="flips", findings=[*findings, *more]
    )


class _Story(msgspec.Struct):
    """The records of a journal, sorted by what they speak of."""

    header: dict[str, Any] = {}
    started: str = ""
    ended: str = ""
    reason: str = "interrupted"
    chain: str = ""
    duts: dict[str, dict[str, Any]] = {}
    claims: dict[str, dict[str, list[Claim]]] = {}
    trouble: dict[str, str] = {}
    cells: dict[str, dict[int, Cell]] = {}
    notes: list[str] = []


def _story(folder: Path) -> _Story:
    records = journal.read(folder / journal.NAME)
    if not records or records[0].kind != "run":
        raise journal.JournalError(f"{folder} holds no run; name the folder that `testbed run` printed")
    story = _Story(header=records[0].data, started=records[0].data.get("started") or records[0].at)
    for record in records:
        story.chain, story.ended, data = record.chain, record.at, record.data
        match record.kind:
            case "cell":
                cell = msgspec.convert(data["cell"], Cell)
                story.cells.setdefault(cell.id, {})[data["repeat"]] = cell
            case "dut":
                story.duts[data["name"]] = data
            case "claims":
                found = msgspec.convert(data["claims"], list[Claim])
                story.claims.setdefault(data["dut"], {})[data["edition"]] = found
            case "trouble":
                story.trouble[data["dut"]] = data["text"]
            case "note":
                story.notes.append(data["text"])
            case "end":
                story.reason = data["reason"]
            case "resumed":
                story.reason = "interrupted"
    return story


def finished(folder: Path) -> tuple[dict[str, Any], frozenset[tuple[str, int]]]:
    """The header of a run, and the cells (and repeats) of it that are done; for `--resume`. What never began, because
    time was up or the device was not there, is left to be done."""
    story = _story(folder)
    done = {
        (id, repeat)
        for id, repeats in story.cells.items()
        for repeat, cell in repeats.items()
        if cell.started or cell.verdict != "error"
    }
    return story.header, frozenset(done)


def builds(folder: Path) -> dict[str, tuple[str, str]]:
    """Version and digest of each DUT that was judged; for `--resume`."""
    return {name: (dut["version"], dut["digest"]) for name, dut in _story(folder).duts.items()}


def results(folder: Path, expected: Expected | None = None) -> Results:
    """Everything a run found. JournalError when the journal cannot be believed."""
    story = _story(folder)
    header = story.header
    order = {row["id"]: number for number, row in enumerate(header["cells"])}
    cells = [rolled_up([repeats[n] for n in sorted(repeats)]) for repeats in story.cells.values()]
    cells.sort(key=lambda cell: order.get(cell.id, -1))
    role_of = {dut["name"]: dut["role"] for dut in header["duts"]}
    cells = [readable(cell, role_of[cell.dut]) for cell in cells]
    if expected is not None:
        cells = apply(expected, cells)
    requirements = msgspec.convert(header["requirements"], list[RequirementInfo])
    profiles = msgspec.convert(header["profiles"], list[ProfileInfo])
    marks = _marks(cells)
    descriptions = msgspec.convert(header["duts"], list[Description])
    return Results(
        run=folder.name,
        started=story.started,
        ended=story.ended,
        seconds=round(_seconds(story.started, story.ended), 3),
        tool=header["tool"],
        plan=header["digest"],
        journal=story.chain,
        complete=story.reason == "complete" and not any(_missing(id, header, story) for id in order),
        command=header["command"],
        platform=header["platform"],
        profiles=profiles,
        duts=[_dut(description, story) for description in descriptions],
        requirements=requirements,
        cells=cells,
        marks=marks,
        conformance=[
            _conformance(profile, dut.name, requirements, cells, marks, header, story)
            for profile in profiles
            for dut in descriptions
            if any(row["profile"] == profile.name and row["dut"] == dut.name for row in header["cells"])
        ],
        notes=story.notes,
    )


def _missing(id: str, header: dict[str, Any], story: _Story) -> bool:
    """Whether a planned cell lacks the result of a repeat."""
    return len(story.cells.get(id, ())) < header["repeat"]


def _seconds(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def readable(cell: Cell, role: str) -> Cell:
    """The cell with its frames decoded by the protocol room, if it is installed."""
    known = roles().get(role)
    if known is None or not cell.frames:
        return cell
    shown: list[Frame] = []
    for frame in cell.frames:
        if frame.way == "event" or frame.text or not frame.hex:
            shown.append(frame)
        elif frame.size * 2 > len(frame.hex):
            shown.append(replace(frame, text=f"{frame.size} bytes, the first {len(frame.hex) // 2} shown"))
        else:
            shown.append(replace(frame, text=known.dissect(cell.edition, bytes.fromhex(frame.hex))))
    return replace(cell, frames=shown)


def _dut(description: Description, story: _Story) -> DutResult:
    seen = story.duts.get(description.name, {})
    return DutResult(
        description.name,
        description.role,
        description.title or description.name,
        description.vendor,
        description.homepage,
        seen.get("version", ""),
        seen.get("digest", ""),
        seen.get("endpoints", dict(description.endpoints)),
        story.claims.get(description.name, {}),
        {name: value for name, value in description.parameters.items() if "password" not in name},
        seen.get("capture", ""),
        seen.get("log", ""),
        story.trouble.get(description.name, ""),
    )


def _marks(cells: list[Cell]) -> list[Mark]:
    """Requirement x DUT, the worst finding deciding."""
    about: dict[tuple[str, str], list[tuple[int, Verdict]]] = defaultdict(list)
    for index, cell in enumerate(cells):
        for finding in cell.findings:
            about[finding.requirement, cell.dut].append((index, finding.verdict))
    out = []
    for (requirement, dut), found in about.items():
        found.sort(key=lambda pair: (-SEVERITY[pair[1]], pair[0]))
        indices = list(dict.fromkeys(index for index, _ in found))
        out.append(Mark(requirement, dut, found[0][1], indices))
    return out


def _conformance(
    profile: ProfileInfo,
    dut: str,
    requirements: list[RequirementInfo],
    cells: list[Cell],
    marks: list[Mark],
    header: dict[str, Any],
    story: _Story,
) -> Conformance:
    levels = header["levels"][profile.name]
    rows = {row.id: row for row in requirements if row.catalogue == profile.edition}
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    failing: list[str] = []
    doubtful: list[str] = []
    judged = 0
    for mark in marks:
        row = rows.get(mark.requirement)
        if row is None or mark.dut != dut:
            continue
        counts[row.level][mark.verdict] += 1
        if row.level not in levels or row.provisional:
            continue
        judged += mark.verdict != "not-applicable"
        deciding = [
            cells[i]
            for i in mark.cells
            if any(f.requirement == row.id and f.verdict == mark.verdict for f in cells[i].findings)
        ]
        if mark.verdict == "fail" and not all(cell.known for cell in deciding):
            failing.append(row.number)
        elif any(f.requirement == row.id and f.verdict in DOUBTS for i in mark.cells for f in cells[i].findings):
            doubtful.append(row.number)
    absent = [
        cell.case.removeprefix("claim.")
        for cell in cells
        if cell.dut == dut and cell.edition == profile.edition and cell.case.startswith("claim.") and not cell.known
    ]
    missing = [
        row["id"]
        for row in header["cells"]
        if row["profile"] == profile.name and row["dut"] == dut and _missing(row["id"], header, story)
    ]
    tally = {level: dict(counter) for level, counter in sorted(counts.items())}
    verdict: Verdict = "pass"
    reason = "every required verdict is pass"
    if failing or absent:
        verdict = "fail"
        parts = [_some("does not keep", failing)] if failing else []
        parts += [_some("lacks", absent)] if absent else []
        reason = "; ".join(parts)
    elif missing:
        verdict, reason = "inconclusive", f"{len(missing)} planned cells were not run"
    elif doubtful or not judged:
        verdict = "inconclusive"
        nothing = "nothing that it asks for applies to the device" if tally else "nothing was judged"
        reason = story.trouble.get(dut, "") or (_some("could not judge", doubtful) if doubtful else nothing)
    return Conformance(profile.name, dut, verdict, reason, tally)


def _some(verb: str, names: list[str]) -> str:
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return f"{verb} {', '.join(sorted(names)[:12])}{more}"
