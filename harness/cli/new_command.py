"""`testbed new dut`, `testbed new profile` and `testbed new case`."""

from __future__ import annotations

import asyncio
import re
import tomllib
from pathlib import Path

import click

from harness import inventory, probing, scaffold, trace
from harness import profile as profile_module
from harness.cli.failures import CONFORMS
from testbed.dut import Scalar
from testbed.protocol import roles


@click.group("new", short_help="write a first description, profile or case")
def command() -> None:
    """Write a first description of a device, a first profile, or a case from a trace."""


@command.command("dut", short_help="probe a device and describe it")
@click.argument("address")
@click.option("--out", type=click.Path(path_type=Path), default=Path("dut.toml"), show_default=True, metavar="FILE")
@click.option("--role", "role_name", metavar="ROLE", help="What it plays; otherwise every role is tried.")
@click.option(
    "--parameter", "given", multiple=True, metavar="NAME=VALUE", help="A value of this device (IXIT); repeatable."
)
@click.option("--force", is_flag=True, help="Replace FILE.")
def dut(address: str, out: Path, role_name: str | None, given: tuple[str, ...], force: bool) -> int:
    """Probe what answers at ADDRESS (HOST, HOST:PORT, tls://HOST:PORT, ws://HOST:PORT/PATH) and write its dut.toml.

    \b
    testbed new dut 192.0.2.7
    testbed new dut localhost:8883 --parameter username=me --out mine.toml
    """
    if role_name and role_name not in roles():
        raise click.UsageError(f"no role is called {role_name!r}; known are {', '.join(roles())}")
    if role_name and roles()[role_name].comes:
        raise click.UsageError(f"{role_name}: it has no address, it comes to us: docs/describing-a-dut.md")
    if out.exists() and not force:
        raise click.UsageError(f"{out} is there already; use another --out FILE, or --force to replace it")
    parameters = dict(map(parameter, given))
    candidates = [roles()[role_name]] if role_name else [role for role in roles().values() if not role.comes]
    seen = asyncio.run(probing.look(address, candidates, parameters))
    where = str(probing.endpoint(address, seen.role.port))
    scaffold.write(scaffold.dut_file(where, seen, parameters), out, force=force)
    there = sum(all(shown.values()) for shown in seen.claims.values())
    click.echo(f"{out}: {seen.role.name} speaking {', '.join(seen.endpoints)}; {there} claims found")
    for edition, doubt in seen.doubts.items():
        click.echo(f"  {edition}: claims could not be probed: {doubt}")
    fitting = inventory.usual_profiles(seen.role.name, list(seen.endpoints))
    if fitting:
        click.echo(f"next: testbed run {' '.join(fitting)} --dut {out}")
    return CONFORMS


def parameter(text: str) -> tuple[str, Scalar]:
    """`name=value`; a value that is a TOML number or boolean is one, all else is a string."""
    name, sign, value = text.partition("=")
    if not name or not sign:
        raise click.UsageError(f"--parameter {text!r}: write NAME=VALUE")
    if re.fullmatch(r"true|false|[+-]?\d+(\.\d+)?", value):
        try:
            return name, tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            return name, value  # 007 is a string
    return name, value


@command.command("profile", short_help="extend a profile")
@click.argument("name")
@click.option("--extends", "parent", required=True, metavar="PROFILE", help="The profile to extend.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Where [NAME.toml].")
@click.option("--profile-path", "paths", multiple=True, type=click.Path(path_type=Path), help="More profiles.")
@click.option("--force", is_flag=True, help="Replace FILE.")
def profile(name: str, parent: str, out: Path | None, paths: tuple[Path, ...], force: bool) -> int:
    """Write a first profile called NAME that extends PROFILE.

    \b
    testbed new profile acme-gateway --extends mqtt-broker-5.0 --out profiles/acme-gateway.toml
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name) or name.endswith(".toml"):
        raise click.UsageError(f"{name!r} is no name for a profile: use letters, digits, dots and hyphens, no .toml")
    if parent.endswith(".toml"):
        raise click.UsageError("--extends takes a name; name the folder of the file with --profile-path")
    if name in profile_module.places(paths) and not force:
        raise click.UsageError(f"a profile is called {name} already; `testbed show {name}` shows it")
    target = out or Path(f"{name}.toml")
    if target.stem != name or target.suffix != ".toml":
        raise click.UsageError(f"--out {target}: a profile is found by the name of its file, so call it {name}.toml")
    found = profile_module.load(parent, paths)
    scaffold.write(scaffold.profile_file(name, found, roles().get(found.role)), target, force=force)
    folders = " ".join(f"--profile-path {folder}" for folder in dict.fromkeys([*paths, target.parent]))
    click.echo(f"{target}: {found.role} judged by {found.edition}, as {found.name} until it says otherwise")
    click.echo(f"next: testbed show {name} {folders}")
    return CONFORMS


@command.command("case", short_help="make a case of a trace")
@click.argument("path", metavar="TRACE", type=click.Path(path_type=Path))
@click.option("--name", required=True, metavar="NAME", help="The case's name: a sentence about the device, with _.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("found"), show_default=True, metavar="DIR", help="Suite."
)
@click.option("--force", is_flag=True, help="Replace the module.")
def case(path: Path, name: str, out: Path, force: bool) -> int:
    """Make a case called NAME of a TRACE that `testbed play --out` wrote, as a module in the folder DIR.

    \b
    testbed new case traces/a.trace.json --name a_will_is_published_at_a_take_over --out found
    testbed run mqtt-broker-5.0 --suite-path found --case a_will_is_published_at_a_take_over --dut mosquitto
    """
    stored = trace.read(path)
    try:
        trace.proper_name(name)
    except ValueError as error:
        raise click.UsageError(f"--name: {error}") from None
    if not out.absolute().name.isidentifier():
        raise click.UsageError(f"--out {out}: the folder is the name of a suite: use letters, digits and _")
    target = out / f"{name}.py"
    out.mkdir(parents=True, exist_ok=True)
    scaffold.write(trace.case_file(stored, name), target, force=force)
    fitting = inventory.usual_profiles(stored.role, [stored.edition])
    click.echo(f"{target}: cites {stored.requirement}")
    if fitting:
        click.echo(f"next: testbed run {fitting[0]} --suite-path {out} --case {name} --dut {stored.dut or 'DUT'}")
    return CONFORMS
