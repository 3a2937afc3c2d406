"""`testbed qualify`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import msgspec

from harness import plan, profile, qualify, targets
from harness.cli.failures import CONFORMS, FAILS
from harness.report.visible import visible
from harness.results import Quality
from testbed.protocol import roles


@click.command("qualify", short_help="plant faults and count what the suite catches")
@click.argument("profile_name", metavar="PROFILE")
@click.option("--dut", "duts", multiple=True, required=True, metavar="DUT", help="Sound device; repeatable.")
@click.option("--fault", "names", multiple=True, metavar="NAME", help="Only these faults.")
@click.option("--lanes", default=128, type=click.IntRange(1, 1024), show_default=True, help="Cells at once.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Where to store the figures (JSON).")
@click.option("--profile-path", "paths", multiple=True, type=click.Path(path_type=Path), help="More profiles.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def command(
    profile_name: str,
    duts: tuple[str, ...],
    names: tuple[str, ...],
    lanes: int,
    out: Path | None,
    paths: tuple[Path, ...],
    as_json: bool,
) -> int:
    """How good is the suite of PROFILE?

    Plants every known fault between the tester and a sound device (and on the next --dut what the first cannot
    show) and counts those that are caught; judges five peers that keep nothing and counts passes; judges legal
    variants and counts failures. Exit code 1 when a fault is missed, an empty peer passes anything, or a legal
    variant fails.
    """
    chosen = profile.load(profile_name, paths)
    described, folders, _ = targets.descriptions(duts, chosen.role)
    role = roles()[chosen.role]
    known = role.faults(chosen.edition)
    faults = [fault for fault in known if not names or fault.name in names]
    unknown = set(names) - {fault.name for fault in known}
    if unknown:
        raise click.UsageError(f"no fault is called {', '.join(sorted(unknown))}; there are {len(known)}")
    for one in described:
        if not plan.make([chosen], [one]).cells:
            raise click.UsageError(
                f"{one.name} is no {chosen.role} that speaks {chosen.edition}: "
                f"it is described as {one.role} speaking {', '.join(one.endpoints)}"
            )

    def told(done: int, total: int, what: str) -> None:
        if not as_json:
            click.echo(f"{done}/{total} {what}", err=True)

    with TemporaryDirectory() as folder:
        figures = asyncio.run(
            qualify.qualify(
                chosen,
                [(one, folders.get(one.name)) for one in described],
                role,
                Path(folder),
                faults=faults,
                lanes=lanes,
                told=told,
            )
        )
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=1))
    if as_json:
        sys.stdout.write(msgspec.json.encode(figures).decode() + "\n")
    else:
        _print(figures)
    return FAILS if holes(figures) else CONFORMS


def holes(figures: Quality) -> list[str]:
    """What keeps the suite from being trusted, a sentence each."""
    out = [f"{f.name} ({f.requirement}): {f.outcome}" for f in figures.faults if f.outcome != "caught"]
    out += [f"{kind}: {len(cells)} passes" for kind, cells in figures.vacuity.items() if cells]
    out += [f"{name}: {len(cells)} failures" for name, cells in figures.specificity.items() if cells]
    return out


def _print(figures: Quality) -> None:
    caught = sum(f.outcome == "caught" for f in figures.faults)
    click.echo(visible(f"{figures.profile} on {figures.dut}"))
    click.echo(
        f"coverage     {figures.covered}/{figures.testable} testable requirements, {figures.untried} with a reason"
    )
    click.echo(f"sensitivity  {caught}/{len(figures.faults)} planted faults caught")
    for kind, cells in figures.vacuity.items():
        click.echo(f"vacuity      {len(cells)} passes on {kind}" + (f": {', '.join(cells[:5])}" if cells else ""))
    for name, cells in figures.specificity.items():
        click.echo(f"specificity  {len(cells)} failures, {name}" + (f": {', '.join(cells[:5])}" if cells else ""))
    for text in holes(figures):
        click.echo(f"hole: {text}")
