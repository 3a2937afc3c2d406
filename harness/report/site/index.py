"""The first page: what was run, when, on what, and whether it can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.report.site.matrix import CLASSES
from harness.report.site.press import WORDS, Nav, Press
from harness.report.site.quality import Figures
from harness.report.site.view import Run


def write(press: Press, runs: Sequence[Run], measured: Sequence[Figures], nav: Nav) -> Path:
    """Write `index.html`, the newest run first, and return its path in the first language."""
    shown = [
        {
            "run": run,
            "judged": {(judged.dut, judged.profile): judged for judged in run.results.conformance},
            "files": [(name, path) for name, path in run.files.items() if name not in _linked(run)],
        }
        for run in reversed(runs)
    ]
    paths = [
        press.put(
            "index.html.j2",
            "index.html",
            words,
            words.t["site"],
            nav=nav,
            runs=shown,
            measured=measured,
            classes=CLASSES,
        )
        for words in WORDS
    ]
    return paths[0]


def _linked(run: Run) -> set[str]:
    """Attached files that the products' pages link."""
    return {name for dut in run.results.duts for name in (dut.capture, dut.log)}
