"""`testbed coverage`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from harness import coverage, profile
from harness.cli.columns import aligned, say, say_json
from harness.cli.failures import CONFORMS, FAILS
from harness.coverage import Account, Count, Statement, Table


@click.command("coverage", short_help="which requirements have a case or a rule, and why the others have none")
@click.argument("profiles", nargs=-1, metavar="[PROFILE]...")
@click.option(
    "--fail-under",
    default=100.0,
    type=click.FloatRange(0, 100),
    show_default=True,
    metavar="PERCENT",
    help="Exit 1 when fewer of the testable requirements have a case or a passive rule.",
)
@click.option("--profile-path", "paths", multiple=True, type=click.Path(path_type=Path), help="More profiles.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def command(profiles: tuple[str, ...], fail_under: float, paths: tuple[Path, ...], as_json: bool) -> int:
    """For each edition and role (or each PROFILE), the requirements that bind it: with a case, with a passive rule
    alone, with a reason why it cannot be tried from outside, with nothing. The last line counts the statements of
    each catalogue that are accounted for on every side they bind.

    Exit code 1 when any has nothing, or has a case and a reason not to have one.
    """
    found = coverage.of([profile.load(name, paths) for name in profiles]) if profiles else coverage.whole()
    if as_json:
        say_json(found)
    else:
        for number, table in enumerate(found.tables):
            say([*[""] * bool(number), *_table(table)])
        if found.accounts:
            say(["", *_accounts(found.accounts)])
    return FAILS if any(coverage.holes(table, fail_under) for table in found.tables) else CONFORMS


def _table(table: Table) -> Iterator[str]:
    by = f" as {table.profile} selects" if table.profile else ""
    yield f"{table.edition}, {table.role}{by}: {table.percent:g} % of the testable requirements have a case or a rule"
    head = ("clause", "requirements", "with case", "with rule", "with reason", "with nothing")
    rows = [head, *map(_row, table.clauses), *map(_row, table.levels), _row(table.total)]
    yield from aligned(rows, numbers=(1, 2, 3, 4, 5))
    if table.missing:
        yield "  with neither case nor rule nor reason:"
        yield from _statements(table.missing)
    if table.contradictions:
        yield "  with a case, and with a reason why there is none (delete one of them):"
        yield from _statements(table.contradictions)


def _row(count: Count) -> tuple[str, ...]:
    figures = (count.rows, count.tried, count.watched, count.untried, count.neither)
    return (count.name, *map(str, figures))


def _accounts(accounts: Sequence[Account]) -> list[str]:
    """A line for each suite: all of its statements, and those of each catalogue."""
    lines: list[str] = []
    for suite, group in itertools.groupby(accounts, lambda one: one.suite):
        own = list(group)
        parts = ", ".join(f"{one.catalogue} {one.accounted} of {one.statements}" for one in own)
        whole = f"{sum(one.accounted for one in own)} of {sum(one.statements for one in own)}"
        lines.append(f"{suite}: {whole} statements accounted for ({parts})")
    return lines


def _statements(statements: Sequence[Statement]) -> list[str]:
    return aligned(
        [
            (one.id, one.level, one.clause, f"{', '.join(one.cases)}: {one.reason}" if one.reason else one.text)
            for one in statements
        ],
        "    ",
    )
