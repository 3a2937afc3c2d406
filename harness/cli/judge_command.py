"""`testbed judge`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from harness import expected as expected_module
from harness import offline, verdict
from harness.cli.failures import CONFORMS, FAILS, NOT_JUDGED
from harness.offline import Outcome
from harness.report.visible import visible
from harness.results import Results
from testbed.files import file_name

#: Products that are named one by one.
MOST_LINES = 20


@click.command("judge", short_help="judge a capture by the passive rules")
@click.argument("capture", type=click.Path(path_type=Path), metavar="CAPTURE")
@click.option("--keylog", type=click.Path(path_type=Path), metavar="FILE", help="TLS secrets (SSLKEYLOGFILE).")
@click.option("--expect", type=click.Path(path_type=Path), help="Known failures (expected.toml).")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the results [results/<time>-<capture>].")
@click.option("--site", type=click.Path(path_type=Path), metavar="DIR", help="Also make the site there.")
@click.option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="Also write JUnit XML there.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
def command(
    capture: Path,
    keylog: Path | None,
    expect: Path | None,
    out: Path | None,
    site: Path | None,
    junit: Path | None,
    as_json: bool,
) -> int:
    """Judge every connection in CAPTURE, both its ends, by the rules that every packet must keep to.

    CAPTURE is a pcapng or pcap file, a log of hex, or - for standard input. Connections are found on any port, in TLS
    where its secrets are there, and in WebSocket.

    \b
    testbed judge field.pcapng
    testbed judge field.pcap --keylog keys.log --site public

    \b
    Exit codes: 0 nothing that a MUST demands is broken; 1 something is;
                2 wrong use, or no capture; 3 nothing in it could be judged.
    """
    known = expected_module.read(expect) if expect else None
    folder = out or Path("results") / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{_stem(capture)}"
    line = "testbed " + shlex.join(sys.argv[1:])
    with _progress(as_json) as tick:
        outcome = offline.judge(capture, folder, keylog=keylog, command=line, tick=tick)
    results = verdict.results(folder, known)
    stale = expected_module.stale(known, results.cells, whole=True) if known else []
    _publish(results, folder, site, junit)
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(results))
    elif outcome.frames:
        _summary(results, outcome, folder, site, stale)
    if not outcome.frames:
        reasons = results.notes or ["it holds no connection of a protocol known here."]
        text = "\n  ".join(reasons)
        click.echo(visible(f"testbed: {capture}: nothing in it could be judged\n  {text}"), err=True)
        return NOT_JUDGED
    if outcome.interrupted:
        click.echo("interrupted; what was read before is judged", err=True)
        return NOT_JUDGED
    return FAILS if stale or broken(results) else CONFORMS


def _stem(capture: Path) -> str:
    return "stdin" if str(capture) == "-" else file_name(capture.stem)


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Tells how far the reading is, on a terminal only."""
    console = Console(stderr=True, highlight=False)
    if quiet or not console.is_terminal:
        yield lambda done, size: None
        return
    columns = (TextColumn("reading"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda done, size: bar.update(task, completed=done, total=size or None)


def demanded(results: Results) -> frozenset[str]:
    """The requirements that fail a capture: those that are MUST and not provisional."""
    return frozenset(row.id for row in results.requirements if row.level == "MUST" and not row.provisional)


def broken(results: Results, dut: str | None = None) -> set[str]:
    """The demanded requirements that are broken, by one product or by any, and not known to be."""
    must = demanded(results)
    return {
        finding.requirement
        for cell in results.cells
        if not cell.known and dut in (None, cell.dut)
        for finding in cell.findings
        if finding.verdict == "fail" and finding.requirement in must
    }


def _publish(results: Results, folder: Path, site: Path | None, junit: Path | None) -> None:
    from harness.report import publish

    publish.beside(results, folder)
    if junit:
        publish.junit(results, junit)
    if site:
        publish.site([folder], [results], site)


def _word(results: Results, dut: str) -> str:
    """What was found of one product, in a line."""
    failing = broken(results, dut)
    cells = [cell for cell in results.cells if cell.dut == dut]
    others = {f.requirement for cell in cells for f in cell.findings if f.verdict == "fail"} - failing
    parts = [f"does not keep {_some(failing)}"] if failing else []
    if others:
        parts.append(f"shown, not failing: {_some(others)}")
    if any(cell.verdict == "error" for cell in cells):
        parts.append("a rule of the test bed failed")
    return f"{'FAIL' if failing else 'ok'}  {'; '.join(parts) or 'nothing broken'}"


def _some(ids: set[str]) -> str:
    names = sorted(ids)
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def _summary(results: Results, outcome: Outcome, folder: Path, site: Path | None, stale: list[str]) -> None:
    for dut in results.duts[:MOST_LINES]:
        click.echo(visible(f"{dut.name}  {dut.role}  {_word(results, dut.name)}"))
    if len(results.duts) > MOST_LINES:
        click.echo(f"… and {len(results.duts) - MOST_LINES} more products")
    for note in results.notes:
        click.echo(visible(note))
    for text in stale:
        click.echo(visible(f"stale expectation: {text}"))
    click.echo(
        f"{offline.counted(outcome.connections, 'connection')}, {offline.counted(outcome.frames, 'packet')} "
        f"judged in {results.seconds:.1f} s; "
        f"evidence in {folder}"
    )
    if site:
        click.echo(f"site: {(site / 'index.html').absolute()}")
