"""`testbed show`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from harness import lookup
from harness.cli.columns import aligned, say, say_json
from harness.cli.failures import CONFORMS
from harness.inventory import RequirementEntry, RoleEntry, SuiteEntry
from harness.lookup import CaseShown, PeerShown, ProfileShown, RequirementShown
from harness.report.visible import line


@click.command("show", short_help="one case, requirement, profile or peer")
@click.argument("name", metavar="ID")
@click.option("--profile-path", "paths", multiple=True, type=click.Path(path_type=Path), help="More profiles.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def command(name: str, paths: tuple[Path, ...], as_json: bool) -> int:
    """Everything known of one case, requirement, profile, peer, role or suite.

    \b
    testbed show mqtt-5.0:MQTT-3.1.0-2     a requirement
    testbed show 3.1.0-2                   the same in every edition
    testbed show a_second_connect_closes_the_connection
    testbed show mosquitto
    """
    found = lookup.find(name, paths)
    if as_json:
        say_json(found)
        return CONFORMS
    blocks = [
        *map(_case, found.cases),
        *map(_requirement, found.requirements),
        *map(_profile, found.profiles),
        *map(_peer, found.peers),
        *map(_role, found.roles),
        *map(_suite, found.suites),
    ]
    for number, block in enumerate(blocks):
        say([*[""] * bool(number), *block])
    return CONFORMS


def _case(one: CaseShown) -> Iterator[str]:
    yield f"{one.id}  (case)"
    yield f"  {one.sentence}."
    yield from (f"  {line(text)}" for text in one.text.splitlines())
    yield from _facts(
        {
            "role": one.role,
            "at": one.place,
            "needs": ", ".join(one.needs),
            "alone": "takes the device alone" if one.exclusive else "",
            "lasts": f"{one.lasts:g} s" if one.lasts else "",
            "earlier": ", ".join(one.aliases),
        }
    )
    yield "  cites"
    yield from aligned([_cited(row) for row in one.requirements], "    ")
    if one.rows:
        yield "  rows"
        yield from aligned(list(one.rows.items()), "    ")
    yield from _commands(one.commands, "no profile takes it")


def _cited(row: RequirementEntry) -> list[str]:
    return [row.id, row.level + (" (provisional)" if row.provisional else ""), row.clause, row.text]


def _requirement(one: RequirementShown) -> Iterator[str]:
    row = one.row
    yield f"{row.id}  (requirement)"
    yield f"  {line(row.text)}"
    status = "provisional: reported, never able to fail a profile" if row.provisional else "checked"
    yield from _facts({"level": row.level, "clause": row.clause, "binds": row.side, "status": status})
    if one.places:
        yield "  cases"
        yield from aligned(list(one.places.items()), "    ")
    for side, reason in row.untried.items():
        yield f"  not tried on the {side}: {line(reason)}"
    if not one.places and not row.untried:
        yield "  no case cites it"
    if one.places:
        yield from _commands(one.commands, "no profile takes its cases")


def _profile(one: ProfileShown) -> Iterator[str]:
    yield f"{one.name}  (profile)"
    yield f"  {line(one.title)}"
    yield from _facts(
        {
            "version": one.version,
            "role": one.role,
            "edition": one.edition,
            "fails at": ", ".join(one.levels),
            "valid": f"{one.valid_days} days" if one.valid_days else "without limit",
            "file": one.file,
            "digest": one.digest,
        }
    )
    if one.required:
        yield "  requires"
        yield from aligned([(claim, number or "-") for claim, number in one.required.items()], "    ")
    if one.parameters:
        yield "  parameters"
        yield from aligned([(key, str(value)) for key, value in one.parameters.items()], "    ")
    yield f"  cases: {len(one.cases)}"
    yield from aligned([[id] for id in one.cases], "    ")
    yield from _commands(one.commands, "")


def _peer(one: PeerShown) -> Iterator[str]:
    entry = one.entry
    yield f"{entry.name}  (peer)"
    yield f"  {line(entry.title)}, {line(one.vendor)}, {line(one.homepage)}"
    yield from _facts(
        {
            "role": entry.role,
            "version": entry.version or "unknown",
            "state": "installed" if entry.installed else f"missing: {', '.join(entry.missing)}",
            "install": "" if entry.installed else entry.command,
            "starts": " ".join(one.launch),
            "file": one.file,
            "digest": one.digest,
        }
    )
    yield "  endpoints"
    yield from aligned(list(one.endpoints.items()), "    ")
    if one.claims:
        yield "  claims"
        yield from aligned([(claim, "yes" if there else "no") for claim, there in one.claims.items()], "    ")
    if one.parameters:
        yield "  parameters"
        yield from aligned([(key, str(value)) for key, value in one.parameters.items()], "    ")
    yield from _commands(one.commands, "no profile asks for what it plays")


def _role(one: RoleEntry) -> Iterator[str]:
    yield f"{one.name}  (role)"
    yield f"  {line(one.text)}"
    yield from _facts({"editions": ", ".join(one.editions), "port": str(one.port)})
    yield "  claims"
    yield from aligned(list(one.claims.items()), "    ")


def _suite(one: SuiteEntry) -> Iterator[str]:
    yield f"{one.name}  (suite)"
    yield f"  {line(one.title)}"
    yield from _facts({"cases": str(one.cases)})
    yield "  catalogues"
    yield from aligned([(edition, f"{rows} requirements") for edition, rows in one.catalogues.items()], "    ")


def _facts(facts: Mapping[str, str]) -> list[str]:
    """Name and value, those without value left out."""
    return aligned([(name, value) for name, value in facts.items() if value])


def _commands(commands: list[str], otherwise: str) -> Iterator[str]:
    if commands:
        yield "  run it"
        yield from (f"    {command}" for command in commands)
    elif otherwise:
        yield f"  {otherwise}"
