"""`testbed run`."""

from __future__ import annotations

import itertools
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from harness import expected as expected_module
from harness import plan as plan_module
from harness import profile as profile_module
from harness import selection, suite, targets, verdict
from harness.background import Background
from harness.cli.failures import CONFORMS, FAILS, NOT_JUDGED
from harness.cli.progress import watch
from harness.plan import Plan
from harness.report.visible import visible
from harness.results import Results
from harness.run import LANES, WHOLE, Options, Run


@click.command("run", short_help="judge devices under test against profiles")
@click.argument("profiles", nargs=-1, metavar="PROFILE...")
@click.option("--dut", "duts", multiple=True, metavar="DUT", help="Known peer, host:port, FILE.toml, `installed`.")
@click.option("--case", "cases", multiple=True, metavar="ID", help="Only these cases (id, name or glob).")
@click.option("--requirement", "requirements", multiple=True, metavar="ID", help="Only cases that cite these.")
@click.option("-k", "keywords", default="", metavar="EXPR", help="Only cells whose id fits, as with pytest -k.")
@click.option("--repeat", default=1, type=click.IntRange(1, 999), show_default=True, help="Judge each cell so often.")
@click.option("--lanes", default=LANES, type=click.IntRange(1, 1024), show_default=True, help="Cells at once a DUT.")
@click.option(
    "--timeout", default=WHOLE, type=click.FloatRange(1), show_default=True, help="Seconds for the whole run."
)
@click.option("--expect", "expect", type=click.Path(path_type=Path), help="Known failures (expected.toml).")
@click.option("--resume", type=click.Path(path_type=Path), metavar="RUN", help="Finish an interrupted run.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the run [results/<time>-<profile>].")
@click.option("--site", type=click.Path(path_type=Path), metavar="DIR", help="Also make the site there.")
@click.option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="Also write JUnit XML there.")
@click.option("--profile-path", "paths", multiple=True, type=click.Path(path_type=Path), help="More profiles.")
@click.option(
    "--suite-path",
    "suite_folders",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Also the cases of this folder.",
)
@click.option("--capture/--no-capture", default=True, help="Write a pcapng for each DUT.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Do not name each failing cell.")
def command(
    profiles: tuple[str, ...],
    duts: tuple[str, ...],
    cases: tuple[str, ...],
    requirements: tuple[str, ...],
    keywords: str,
    repeat: int,
    lanes: int,
    timeout: float,
    expect: Path | None,
    resume: Path | None,
    out: Path | None,
    site: Path | None,
    junit: Path | None,
    paths: tuple[Path, ...],
    suite_folders: tuple[Path, ...],
    capture: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Judge every --dut against every PROFILE it can be judged by, all side by side.

    \b
    testbed run mqtt-broker-5.0 --dut mosquitto
    testbed run mqtt-broker-3.1.1 mqtt-broker-5.0 --dut 127.0.0.1:1883 --dut mine.toml
    """
    known = expected_module.read(expect) if expect else None
    line = "testbed " + shlex.join(sys.argv[1:])
    if resume is not None:
        header, done = verdict.finished(resume)
        asked = header["asked"]
        if not asked:
            raise click.UsageError(f"{resume} cannot be resumed: `testbed run` did not make it; start a new run")
        profiles, duts, cases = tuple(asked["profiles"]), tuple(asked["duts"]), tuple(asked["cases"])
        requirements, keywords, repeat = tuple(asked["requirements"]), asked["keywords"], header["repeat"]
        paths = tuple(Path(p) for p in asked["paths"]) + paths
        suite_folders = tuple(Path(p) for p in asked.get("suites", [])) + suite_folders
        folder = resume
    else:
        header, done = None, frozenset()
        if not profiles:
            raise click.UsageError("name at least one profile; `testbed list profiles` shows them")
        if not duts:
            raise click.UsageError("name at least one --dut; `testbed list peers` shows the known ones")
        folder = out or Path("results") / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{_stem(profiles[0])}"
    for one in suite_folders:
        suite.add_folder(one)
    plan, folders = _plan(profiles, duts, cases, requirements, keywords, repeat, paths)
    if header is not None and header["digest"] != plan.digest:
        raise click.UsageError(
            f"{folder} cannot be resumed: profiles, suites or descriptions have changed since; start a new run"
        )
    asked = {
        "profiles": [str(Path(name).absolute()) if name.endswith(".toml") else name for name in profiles],
        "duts": [str(Path(dut).absolute()) if dut.endswith(".toml") else dut for dut in duts],
        "cases": cases,
        "requirements": requirements,
        "keywords": keywords,
        "paths": [str(p.absolute()) for p in paths],
        "suites": [str(p.absolute()) for p in suite_folders],
    }
    options = Options(lanes, timeout, capture, folders=folders, command=line, asked=asked)
    interrupted = _execute(plan, folder, options, resume is not None, done, quiet=quiet, mute=as_json)
    results = verdict.results(folder, known)
    narrowed = bool(cases or requirements or keywords)
    stale = expected_module.stale(known, results.cells, whole=not narrowed) if known else []
    _publish(results, folder, site, junit)
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(results))
    else:
        _summary(results, folder, site, stale)
    if interrupted:
        click.echo(f"interrupted; what was finished is kept: testbed run --resume {folder}", err=True)
        return NOT_JUDGED
    return exit_code(results, stale)


def _stem(profile: str) -> str:
    """The name of a profile that may be given as a file."""
    return Path(profile).name.removesuffix(".toml")


def _plan(
    profiles: tuple[str, ...],
    duts: tuple[str, ...],
    cases: tuple[str, ...],
    requirements: tuple[str, ...],
    keywords: str,
    repeat: int,
    paths: tuple[Path, ...],
) -> tuple[Plan, dict[str, Path]]:
    """The plan of what was asked for; click.UsageError when it would be empty."""
    loaded = [profile_module.load(name, paths) for name in dict.fromkeys(profiles)]
    for one, other in itertools.combinations(loaded, 2):
        if (one.role, one.edition) == (other.role, other.edition):
            # A cell belongs to one profile, and the other would be judged by what is left.
            raise click.UsageError(
                f"{one.name} and {other.name} are both for {one.role} in {one.edition}: run them one after the other"
            )
    described, folders, given = targets.descriptions(duts, loaded[0].role)
    whole = plan_module.make(loaded, described, repeat=repeat, given=given)
    for dut in described:
        if not any(cell.dut == dut.name for cell in whole.cells):
            speaks = ", ".join(dut.endpoints)
            asked = ", ".join(f"{p.name} (role {p.role}, {p.edition})" for p in loaded)
            raise click.UsageError(
                f"{dut.name} cannot be judged by {asked}: it is described as {dut.role} speaking {speaks}"
            )
    if not (cases or requirements or keywords):
        return whole, folders
    wanted = selection.chooser(cases, requirements, keywords)
    narrowed = plan_module.make(loaded, described, wanted=wanted, repeat=repeat, given=given)
    if not narrowed.cells:
        raise click.UsageError(selection.nothing(cases, requirements, keywords, whole.cells))
    return narrowed, folders


def _execute(
    plan: Plan,
    folder: Path,
    options: Options,
    resume: bool,
    done: frozenset[tuple[str, int]],
    *,
    quiet: bool,
    mute: bool,
) -> bool:
    """Run the plan, showing progress; True when it was interrupted."""
    with watch(plan, quiet=quiet, mute=mute, done=done) as progress:
        builds = verdict.builds(folder) if resume else None
        run = Run(plan, folder, options, (progress,), resume=resume, done=done, builds=builds)
        background = Background(run.execute).start()
        try:
            while not background.join(0.2):
                progress.tick()
        except KeyboardInterrupt:
            return True
        finally:
            background.stop()
    if background.error is not None:
        raise background.error
    return False


def _publish(results: Results, folder: Path, site: Path | None, junit: Path | None) -> None:
    from harness.report import publish

    publish.beside(results, folder)
    if junit:
        publish.junit(results, junit)
    if site:
        publish.site([folder], [results], site)


def exit_code(results: Results, stale: list[str]) -> int:
    """0, 1 or 3, as the README says."""
    verdicts = {one.verdict for one in results.conformance}
    if "fail" in verdicts or stale:
        return FAILS
    return CONFORMS if verdicts == {"pass"} else NOT_JUDGED


def _summary(results: Results, folder: Path, site: Path | None, stale: list[str]) -> None:
    for one in results.conformance:
        counts = ", ".join(
            f"{level} {sum(c.values()) - c.get('not-applicable', 0)} judged"
            + (f", {c['fail']} failed" if c.get("fail") else "")
            for level, c in one.counts.items()
        )
        reason = one.reason.partition("\n")[0]
        click.echo(visible(f"{one.dut}  {one.profile}  {one.verdict.upper()}  {reason}  [{counts}]"))
    for text in stale:
        click.echo(visible(f"stale expectation: {text}"))
    click.echo(f"{len(results.cells)} cells in {results.seconds:.1f} s; evidence in {folder}")
    if site:
        click.echo(f"site: {(site / 'index.html').absolute()}")
