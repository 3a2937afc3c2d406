"""The command `testbed`: one module per command, loaded only when it is called."""

from __future__ import annotations

import importlib
import sys

import click

#: Command -> (module below this package, what it does).
COMMANDS = {
    "run": "judge devices under test against profiles",
    "play": "play games against devices: a model, hostile input",
    "judge": "judge a capture by the passive rules",
    "list": "what there is: profiles, suites, roles, peers",
    "show": "one case, requirement, profile or peer",
    "report": "make reports and the site from runs",
    "coverage": "which requirements have a case or a rule, and why the others have none",
    "qualify": "plant faults and count what the suite catches",
    "doctor": "what is missing, and the command that fixes it",
    "check-shim": "whether a shim around a client library keeps its format",
    "new": "write a first description or profile, or a case from a trace",
}


class _Lazy(click.Group):
    """Loads a command's module when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"harness.cli.{cmd_name.replace('-', '_')}_command")
        return module.command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="iot-testbed", prog_name="testbed")
def main_group() -> None:
    """Conformance tests for the Internet of Things: devices and platforms judged against numbered requirements.

    \b
    Exit codes: 0 every required verdict is pass; 1 the device does not conform;
                2 wrong use; 3 it could not be judged.
    """


def main() -> None:
    """Entry point: every expected failure is one clear message, never a traceback."""
    from harness.cli.failures import said

    sys.exit(said(lambda: main_group.main(standalone_mode=False)))
