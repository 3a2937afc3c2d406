"""Every format at once, and the site of several runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.results import Quality, Results


def beside(results: Results, folder: Path) -> None:
    """Write the reports of one run into its own folder."""
    from harness.report import badge, ctrf, markdown, results_json
    from harness.report import junit as junit_module

    results_json.write(results, folder / "results.json")
    junit_module.write(results, folder / "junit.xml")
    ctrf.write(results, folder / "ctrf.json")
    markdown.write(results, folder / "summary.md")
    badge.write(results, folder)


def junit(results: Results, path: Path) -> None:
    """Write JUnit XML to `path`."""
    from harness.report import junit as junit_module

    path.parent.mkdir(parents=True, exist_ok=True)
    junit_module.write(results, path)


def matrix(results: Results, path: Path) -> None:
    """Write the matrix of one run to `path`, as Markdown."""
    from harness.report import matrix_markdown

    matrix_markdown.write(results, path)


def site(folders: Sequence[Path], runs: Sequence[Results], target: Path, quality: Sequence[Quality] = ()) -> Path:
    """Make the site of several runs in `target`; returns its index page."""
    from harness.report.site import write_site

    attachments = {
        f"{results.run}/{name}": folder / name
        for folder, results in zip(folders, runs, strict=True)
        for name in ["results.json", *(file for dut in results.duts for file in (dut.capture, dut.log) if file)]
        if (folder / name).is_file()
    }
    return write_site(runs, target, quality, attachments)
