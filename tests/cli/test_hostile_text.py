"""What devices and descriptions say never drives the terminal, and never ends a run."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import click
import pytest
from rich.console import Console

from harness.cli.failures import NOT_JUDGED, said
from harness.cli.progress import Progress
from harness.plan import Plan
from harness.results import Cell
from testbed.dut import Description
from testbed.launch.placed import LaunchError
from tests.command import run_testbed

CLEAR = "\x1b[2J\x1b]0;owned\x07"


def progress(terminal: bool) -> tuple[Progress, io.StringIO]:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=100)
    plan = Plan((), (Description("[red]box[/]", "r", {}),), (), 1, "d")
    return Progress(plan, console, quiet=False, mute=False, done=frozenset()), out


@pytest.mark.parametrize("terminal", [True, False])
def test_what_is_shown_while_a_run_goes_on(terminal: bool) -> None:
    shown, out = progress(terminal)
    with shown:
        shown.dut("[red]box[/]", f"up: 1.0 [/nonsense] [bold] {CLEAR}\x9b31m")
        shown.tick()
        shown.cell(Cell("a[b,c]", "a", "e", "[red]box[/]", [], "fail", reason=f"came {CLEAR}\r\nmore"), 0)
        shown.tick()
        shown.dut("[red]box[/]", f"trouble: died; log:\n{CLEAR}")
        shown.tick()
    text = out.getvalue()
    assert "owned" in text and "\x1b]" not in text and "\x1b[2J" not in text and "\x07" not in text
    assert "\x9b" not in text


def test_errors_are_shown_without_what_drives_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    def fails() -> None:
        raise LaunchError(f"box: ended\n  last lines:\n    {CLEAR}")

    assert said(fails) == NOT_JUDGED
    shown = capsys.readouterr().err
    assert "\x1b" not in shown and "owned" in shown and shown.count("\n") == 3


def test_a_disk_that_refuses_is_said_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    def fails() -> None:
        raise PermissionError(13, "Permission denied", "/nowhere/junit.xml")

    assert said(fails) == NOT_JUDGED
    shown = capsys.readouterr().err
    assert "/nowhere/junit.xml" in shown and "Permission denied" in shown


def test_wrong_use_names_the_device_without_what_drives_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    def fails() -> None:
        raise click.UsageError(f"{CLEAR} cannot be judged")

    said(fails)
    assert "\x1b" not in capsys.readouterr().err


NOISY = r"""
import asyncio, sys
print("\x1b[2J\x1b]0;owned\x07 [/x] [bold", flush=True)
sys.exit(3)
"""


def test_the_whole_way(tmp_path: Path) -> None:
    (tmp_path / "d.py").write_text(NOISY)
    (tmp_path / "n.toml").write_text(
        f"""name = "noisy [/x]"
role = "mqtt-broker"
[endpoints]
"mqtt-5.0" = "tcp://127.0.0.1:{{port}}"
[launch]
how = "process"
command = ['{sys.executable}', '{{here}}/d.py']
"""
    )
    done = run_testbed("run", "mqtt-broker-5.0", "--dut", "n.toml", "-k", "ping", "--out", "run", cwd=tmp_path)
    assert done.returncode == 3
    assert "\x1b" not in done.stdout + done.stderr
    assert json.loads((tmp_path / "run" / "results.json").read_text())["cells"]
