"""CTRF (Common Test Report Format, 1.0.0): JSON that pipeline plug-ins draw tables from.

CTRF has no word for `inconclusive` nor for an error that is not the device's, so both are `other`, and `rawStatus`
keeps ours. Repeats are not retries (never the best of n), so they stand under `extra`.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import msgspec

from harness.report.reading import milliseconds, module, requirements_of, sentence, speaking, strongest
from harness.report.visible import visible
from harness.results import Cell, RequirementInfo, Results

SPECIFICATION = "1.0.0"
STATUS: dict[str, str] = {
    "pass": "passed",
    "fail": "failed",
    "inconclusive": "other",
    "error": "other",
    "not-applicable": "skipped",
}
#: Our ids are text and CTRF wants UUIDs: name-based ones in this space, so that a test keeps its id.
_SPACE = uuid.uuid5(uuid.NAMESPACE_OID, "iot-testbed")


def write(results: Results, path: Path) -> Path:
    """Write the run to the file `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report(results)), indent=1) + b"\n")
    return path


def report(results: Results) -> dict[str, Any]:
    """The run as CTRF."""
    infos = requirements_of(results)
    statuses = [STATUS[cell.verdict] for cell in results.cells]
    tool, _, version = visible(results.tool).partition(" ")
    start = milliseconds(results.started)
    return {
        "reportFormat": "CTRF",
        "specVersion": SPECIFICATION,
        "reportId": str(uuid.uuid5(_SPACE, visible(f"{results.run} {results.journal}"))),
        **({"timestamp": results.ended} if milliseconds(results.ended) else {}),
        "generatedBy": visible(results.tool),
        "results": {
            "tool": {"name": tool or "iot-testbed", **({"version": version} if version else {})},
            "summary": {
                "tests": len(statuses),
                **{name: statuses.count(name) for name in ("passed", "failed", "skipped", "pending", "other")},
                "suites": len({(cell.dut, cell.edition) for cell in results.cells}),
                "start": start,
                "stop": milliseconds(results.ended) or start + int(results.seconds * 1000),
                "duration": int(results.seconds * 1000),
            },
            "tests": [_test(cell, infos) for cell in results.cells],
            "environment": {
                "reportName": visible(results.run),
                "osVersion": visible(results.platform),
                "extra": {"plan": results.plan, "journal": results.journal, "complete": results.complete},
            },
        },
    }


def _test(cell: Cell, infos: dict[str, RequirementInfo]) -> dict[str, Any]:
    level = strongest(cell.requirements, infos)
    start = milliseconds(cell.started)
    test: dict[str, Any] = {
        "id": str(uuid.uuid5(_SPACE, visible(cell.id))),
        "name": visible(sentence(cell.case) + (f" [{cell.row}]" if cell.row else "")) or "unnamed",
        "status": STATUS[cell.verdict],
        "rawStatus": cell.verdict,
        "duration": int(cell.seconds * 1000),
        "suite": [visible(part) for part in (cell.dut, cell.edition, module(cell.case)) if part] or ["all"],
        "tags": [visible(name) for name in cell.requirements],
        "labels": {"dut": visible(cell.dut), "edition": visible(cell.edition), **({"level": level} if level else {})},
    }
    if start:
        test |= {"start": start, "stop": start + int(cell.seconds * 1000)}
    message = cell.claim or cell.reason if cell.verdict == "not-applicable" else cell.reason
    if message:
        test["message"] = visible(message)
    if cell.trace:
        test["trace"] = visible(cell.trace)
    findings = [
        {"requirement": visible(found.requirement), "expected": visible(found.expected), "came": visible(found.came)}
        for found in speaking(cell)
    ]
    extra = {"id": visible(cell.id), "repeats": cell.repeats, "known": cell.known, "findings": findings}
    test["extra"] = {**extra, "command": visible(cell.command), "cause": visible(cell.cause)}
    return test
