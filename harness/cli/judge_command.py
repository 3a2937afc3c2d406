"""`testbed judge`."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import click

from harness import expected as expected_module
from harness import offline, verdict
from harness.cli.failures import CONFORMS, FAILS, NOT_JUDGED
from harness.offline import Outcome
from harness.report.visible import line, visible
from harness.results import Results


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
    outcome = offline.judge(
        capture, folder, keylog=keylog, command="testbed " + shlex.join(sys.argv[1:]), tick=_ticker(as_json)
    )
    results = verdict.results(folder, known)
    stale = expected_module.stale(known, results.cells, whole=True) if known else []
    _publish(results, folder, site, junit)
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(results))
    else:
        _summary(results, outcome, folder, site, stale)
    if outcome.interrupted or not outcome.frames:
        for note in results.notes:
            click.echo(visible(f"testbed: {note}"), err=True)
        reason = "interrupted" if outcome.interrupted else f"{capture}: nothing in it could be judged"
        click.echo(visible(f"testbed: {reason}"), err=True)
        return NOT_JUDGED
    return FAILS if stale or broken(results) else CONFORMS


def _stem(capture: Path) -> str:
    return "stdin" if str(capture) == "-" else line(capture.stem, 60)


def _ticker(mute: bool):
    return lambda done, size: None


def broken(results: Results) -> bool:
    """Whether a requirement that is a MUST and not provisional is broken, and not known to be."""
    must = {row.id for row in results.requirements if row.level == "MUST" and not row.provisional}
    return any(
        finding.requirement in must
        for cell in results.cells
        if not cell.known
        for finding in cell.findings
        if finding.verdict == "fail"
    )


def _publish(results: Results, folder: Path, site: Path | None, junit: Path | None) -> None:
    from harness.report import publish

    publish.beside(results, folder)
    if junit:
        publish.junit(results, junit)
    if site:
        publish.site([folder], [results], site)


def _summary(results: Results, outcome: Outcome, folder: Path, site: Path | None, stale: list[str]) -> None:
    for dut in results.duts:
        cells = [cell for cell in results.cells if cell.dut == dut.name]
        broken = Counter(finding.requirement for cell in cells for finding in cell.findings)
        named = ", ".join(id for id, _ in broken.most_common(8))
        more = f" and {len(broken) - 8} more" if len(broken) > 8 else ""
        word = f"FAIL  breaks {named}{more}" if broken else "nothing broken"
        click.echo(visible(f"{dut.name}  {dut.role}  {word}"))
    for note in results.notes:
        click.echo(visible(note))
    for text in stale:
        click.echo(visible(f"stale expectation: {text}"))
    click.echo(
        f"{outcome.connections} connections, {outcome.frames} packets judged in {results.seconds:.1f} s; "
        f"evidence in {folder}"
    )
    if site:
        click.echo(f"site: {(site / 'index.html').absolute()}")
