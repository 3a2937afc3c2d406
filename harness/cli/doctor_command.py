"""`testbed doctor`."""

from __future__ import annotations

import click

from harness import doctor
from harness.cli.columns import aligned, say, say_json
from harness.cli.failures import CONFORMS, NOT_JUDGED


@click.command("doctor", short_help="what is missing, and the command that fixes it")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--strict", is_flag=True, help="What is optional must be there too.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def command(names: tuple[str, ...], strict: bool, as_json: bool) -> int:
    """What this machine has of what a run needs. With NAME (peers, tshark, chromium) those must be there.

    Exit code 3 when something needed is missing.
    """
    found = doctor.diagnose(names, strict=strict)
    if as_json:
        say_json(found)
    else:
        say(aligned([(one.state, one.name, one.found) for one in found.checks], ""))
        fixes = [(one.remedy, f"# {one.state}: {one.name}") for one in found.checks if one.remedy]
        if fixes:
            say(["", "What fixes it:", *aligned(fixes)])
    return CONFORMS if found.healthy else NOT_JUDGED
