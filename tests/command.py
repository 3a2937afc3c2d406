"""The command `testbed` as a user runs it, for tests."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from testbed.launch import peers
from testbed.launch.programs import peers_root

HERE = Path(__file__).parent


def run_testbed(*arguments: str, cwd: Path, timeout: float = 120, **env: str) -> subprocess.CompletedProcess[str]:
    """Run `testbed` in `cwd`; its output never holds a traceback."""
    done = subprocess.run(
        [sys.executable, "-c", "from harness.cli import main; main()", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=timeout,
        env=os.environ | {"TESTBED_PEERS": str(peers_folder())} | env,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def heed_interrupts() -> None:
    """For `preexec_fn`: SIGINT ends a program as at a terminal, even where the tests run in the background, whose
    programs inherit that it is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def peers_folder() -> Path:
    """Where third-party programs are, for a command that runs elsewhere."""
    return peers_root().absolute()


def need(name: str) -> str:
    """The known peer `name`; the test is skipped, and in CI fails, when it is not installed."""
    missing = peers.installed(peers.find(name))
    if missing:
        reason = f"{name} is not installed (lacks {', '.join(missing)}): {peers.command(peers.find(name))}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return name


def need_program(name: str, package: str) -> str:
    """The path of a program; skipped, and in CI failed, when it is missing."""
    found = shutil.which(name)
    if found is None:
        reason = f"{name} is not installed: apt-get install {package}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def device(folder: Path, kind: str, *, restart: int = 0, **parameters: float) -> str:
    """A description of the misbehaving device `kind`, in `folder`; returns the file's name."""
    values = "".join(f"{name} = {value}\n" for name, value in parameters.items())
    (folder / f"{kind}.toml").write_text(
        f"""name = "{kind}"
role = "mqtt-broker"
[endpoints]
"mqtt-3.1.1" = "tcp://127.0.0.1:{{port}}"
[launch]
how = "process"
command = ['{sys.executable}', '{HERE / "devices.py"}', '{kind}', '{{port}}']
ready = 1.5
restart = {restart}
[parameters]
{values}"""
    )
    return f"{kind}.toml"
