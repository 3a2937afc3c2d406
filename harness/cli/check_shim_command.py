"""`testbed check-shim`."""

from __future__ import annotations

import asyncio

import click

from harness import shims
from harness.cli.columns import say_json
from harness.cli.failures import CONFORMS, FAILS
from harness.report.visible import visible
from testbed.protocol import ShimCheck

#: Columns of the edition.
_WIDTH = 10


@click.command("check-shim", short_help="whether a shim keeps its format")
@click.argument("words", nargs=-1, required=True, metavar="FILE|PEER|-- COMMAND...", type=click.UNPROCESSED)
@click.option("--role", metavar="ROLE", help="Whose shim COMMAND is, where several roles have them.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(words: tuple[str, ...], role: str | None, as_json: bool) -> int:
    """Try every order that a shim names against a small correct broker, compare what was ordered with what it says on
    the wire, and try what must not upset it. The library in it is not judged.

    \b
    testbed check-shim mine.toml
    testbed check-shim paho-python
    testbed check-shim -- python my_shim.py

    \b
    Exit codes: 0 the shim keeps its format; 1 it does not;
                2 wrong use; 3 it cannot be run.
    """
    try:
        shim = shims.wanted(words, role)
    except shims.NoShim as error:
        raise click.UsageError(str(error)) from None
    result = asyncio.run(shims.checked(shim, (lambda one: None) if as_json else _tell))
    if as_json:
        say_json(result)
        return CONFORMS if result.passed else FAILS
    failed = sum(not one.ok for one in result.checks)
    if result.log:
        click.echo("last lines of its standard error:")
        click.echo(visible("\n".join(f"  {line}" for line in result.log.splitlines())))
    verdict = f"{failed} of {len(result.checks)} checks failed" if failed else f"{len(result.checks)} checks passed"
    click.echo(visible(f"{result.shim}: {verdict}"))
    return CONFORMS if result.passed else FAILS


def _tell(one: ShimCheck) -> None:
    """One check, when it is done."""
    text = f"{one.name}: {one.found}" if one.found else one.name
    click.echo(visible(f"{'ok  ' if one.ok else 'FAIL'}  {one.edition:<{_WIDTH}}  {text}"))
    if not one.ok:
        for label, said in (("expected", one.expected), ("came", one.came), ("remedy", one.remedy)):
            click.echo(visible(f"        {label}: {said}"))
