"""`testbed report`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
import msgspec

from harness import expected as expected_module
from harness import journal, verdict
from harness.cli.failures import CONFORMS
from harness.expected import Expected
from harness.inventory import place
from harness.journal import JournalError
from harness.report import publish
from harness.report.schema import FORMATS
from harness.results import Quality, Results
from testbed.files import FileError


@click.command("report", short_help="make reports and the site from runs")
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path), metavar="RUN...", required=True)
@click.option("--site", type=click.Path(path_type=Path), metavar="DIR", help="Make the site of all of them there.")
@click.option(
    "--quality",
    "measured",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Figures of `testbed qualify --out FILE`, for the site; repeatable.",
)
@click.option(
    "--matrix", type=click.Path(path_type=Path), metavar="FILE", help="Write the matrix of one RUN, Markdown."
)
@click.option("--expect", type=click.Path(path_type=Path), help="Known failures (expected.toml).")
def command(
    runs: tuple[Path, ...],
    site: Path | None,
    measured: tuple[Path, ...],
    matrix: Path | None,
    expect: Path | None,
) -> int:
    """Make the reports of each RUN (its folder) again from its journal alone, and the site of all of them.

    \b
    testbed report results/20250301-101500-mqtt-broker-5.0
    testbed report results/* --site public --quality quality.json
    """
    if measured and not site:
        raise click.UsageError("--quality is shown on the site: name a folder with --site DIR")
    if matrix and len(runs) != 1:
        raise click.UsageError("--matrix is of one run: name one RUN")
    known = expected_module.read(expect) if expect else None
    figures = [read_quality(path) for path in measured]
    folders = list(dict.fromkeys(folder_of(run) for run in runs))
    names: dict[str, Path] = {}
    for folder in folders:
        other = names.setdefault(folder.name, folder)
        if other is not folder:
            raise click.UsageError(f"{other} and {folder} have one name; rename one of the folders")
    results = [believed(folder, known) for folder in folders]
    for folder, one in zip(folders, results, strict=True):
        _written(lambda folder=folder, one=one: publish.beside(one, folder), folder)
        state = "" if one.complete else ", not complete"
        click.echo(f"{place(folder)}: {len(one.cells)} cells{state}; reports written")
        for judged in one.conformance:
            click.echo(f"  {judged.dut}  {judged.profile}  {judged.verdict.upper()}  {judged.reason}")
    if matrix:
        _written(lambda: publish.matrix(results[0], matrix), matrix)
        click.echo(f"matrix: {matrix}")
    if site:
        _written(lambda: publish.site(folders, results, site, figures), site)
        click.echo(f"site: {(site / 'index.html').absolute()}")
    return CONFORMS


def folder_of(run: Path) -> Path:
    """The folder of a run, named by itself or by its journal; click.UsageError when it is none."""
    folder = (run.parent if run.name == journal.NAME else run).resolve()
    if not (folder / journal.NAME).is_file():
        what = "holds no journal" if folder.is_dir() else "is no folder" if folder.exists() else "does not exist"
        raise click.UsageError(f"{run} {what}; name the folder that `testbed run` printed, such as results/...")
    return folder


def believed(folder: Path, known: Expected | None) -> Results:
    """The results of a run. JournalError when its journal was altered, or speaks another version's language."""
    try:
        return verdict.results(folder, known)
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        raise JournalError(
            f"{place(folder / journal.NAME)} was written by another version of the test bed "
            f"({type(error).__name__}: {error}); make its reports with that version, or run again"
        ) from None


def read_quality(path: Path) -> Quality:
    """The figures in the file `path`. FileError when it holds none."""
    remedy = "name a file that `testbed qualify --out FILE` wrote"
    try:
        figures = msgspec.json.decode(path.read_bytes(), type=Quality)
    except OSError as error:
        raise FileError(path, f"cannot be read ({error.strerror})", remedy) from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise FileError(path, f"holds no figures of a qualification ({error})", remedy) from None
    _, wanted = FORMATS["quality.schema.json"]
    if figures.format != wanted:
        raise FileError(path, f"has the format {figures.format[:60]!r}, not {wanted!r}", remedy)
    return figures


def _written(write: Callable[[], object], target: Path) -> None:
    """Call `write`; FileError when the disk refuses."""
    try:
        write()
    except OSError as error:
        place = error.filename or target
        raise FileError(place, f"cannot be written ({error.strerror})", "check permissions and free space") from None
