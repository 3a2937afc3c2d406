"""`testbed list`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from harness import inventory
from harness.cli.columns import aligned, say, say_json
from harness.cli.failures import CONFORMS, WRONG_USE
from harness.inventory import SECTIONS, Inventory


@click.command("list", short_help="what there is: profiles, suites, roles, peers")
@click.argument("sections", nargs=-1, type=click.Choice(list(SECTIONS)), metavar="[SECTION]...")
@click.option("--profile-path", "paths", multiple=True, type=click.Path(path_type=Path), help="More profiles.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def command(sections: tuple[str, ...], paths: tuple[Path, ...], as_json: bool) -> int:
    """What there is. SECTION is one of profiles, suites, roles, peers, cases, requirements; without it, all but
    cases and requirements. `testbed show NAME` says more about any of them.
    """
    asked = list(dict.fromkeys(sections)) or [name for name, unasked in SECTIONS.items() if unasked]
    found = inventory.take(asked, paths)
    if as_json:
        say_json(found)
    else:
        for number, section in enumerate(asked):
            title = [] if len(asked) == 1 else [""] * bool(number) + [section.capitalize()]
            say([*title, *(aligned(_ROWS[section](found), "  " if title else "") or ["  (none)"])])
    problems = [one.problem for one in found.profiles if one.problem]
    for problem in problems:
        click.echo(f"testbed: {problem}", err=True)
    return WRONG_USE if problems else CONFORMS


def _profiles(found: Inventory) -> list[list[str]]:
    return [
        [one.name, "(broken)", "", "", one.file]
        if one.problem
        else [one.name, one.version, one.role, one.edition, one.title]
        for one in found.profiles
    ]


def _suites(found: Inventory) -> list[list[str]]:
    return [
        [
            one.name,
            counted(one.cases, "case"),
            ", ".join(f"{edition} ({counted(rows, 'requirement')})" for edition, rows in one.catalogues.items()),
            one.title,
        ]
        for one in found.suites
    ]


def _roles(found: Inventory) -> list[list[str]]:
    return [
        [one.name, ", ".join(one.editions), f"port {one.port}", counted(len(one.claims), "claim"), one.text]
        for one in found.roles
    ]


def _peers(found: Inventory) -> list[list[str]]:
    return [
        [
            one.name,
            one.version or "-",
            one.role,
            ", ".join(one.editions),
            "installed" if one.installed else "missing",
            one.title if one.installed else f"{one.title}; {one.command or 'lacks ' + ', '.join(one.missing)}",
        ]
        for one in found.peers
    ]


def _cases(found: Inventory) -> list[list[str]]:
    return [[one.id, one.role, counted(one.rows, "row"), ", ".join(one.requirements)] for one in found.cases]


def _requirements(found: Inventory) -> list[list[str]]:
    return [
        [
            one.id,
            one.side,
            one.level,
            one.clause,
            counted(len(one.cases), "case") if one.cases else ("untried" if one.untried else "no case"),
            one.text,
        ]
        for one in found.requirements
    ]


def counted(number: int, what: str) -> str:
    """`1 case`, `3 cases`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


_ROWS: dict[str, Callable[[Inventory], list[list[str]]]] = {
    "profiles": _profiles,
    "suites": _suites,
    "roles": _roles,
    "peers": _peers,
    "cases": _cases,
    "requirements": _requirements,
}
