"""Given a machine, when the doctor looks, then each lack comes with what fixes it, and only needs count."""

from __future__ import annotations

import json
import os
import resource
import shutil
import socket
import subprocess
import sys
from collections import namedtuple
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from harness import doctor
from testbed.launch import peers
from tests.command import need, run_testbed


def test_a_machine_without_peers_is_well(tmp_path: Path) -> None:
    done = run_testbed("doctor", "--json", cwd=tmp_path, TESTBED_PEERS=str(tmp_path))
    found = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout
    assert found["healthy"]
    states = {one["name"]: one for one in found["checks"]}
    assert {"python", "msgspec", "results folder", "disk", "open files", "ipv6 loopback", "tshark", "chromium"} < set(
        states
    )
    assert set(peers.known()) < set(states)
    assert states["mochi"] == {
        "name": "mochi",
        "state": "optional-missing",
        "found": "lacks bin/mochi",
        "remedy": "python -m testbed.peers.install mochi",
    }


@pytest.mark.parametrize("arguments", [["mochi"], ["--strict"]])
def test_a_named_peer_is_needed(arguments: list[str], tmp_path: Path) -> None:
    done = run_testbed("doctor", *arguments, cwd=tmp_path, TESTBED_PEERS=str(tmp_path))
    assert done.returncode == 3
    assert "missing" in done.stdout
    assert "  python -m testbed.peers.install mochi" in done.stdout.partition("What fixes it:")[2]


def test_a_named_peer_that_is_there(tmp_path: Path) -> None:
    need("mosquitto")
    done = run_testbed("doctor", "mosquitto", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "tshark" not in done.stdout


def test_an_unknown_name(tmp_path: Path) -> None:
    done = run_testbed("doctor", "mosqito", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "testbed: no peer or tool is called 'mosqito'; did you mean mosquitto?\n"


def test_an_old_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PYTHON", (9, 0))
    assert doctor.python().state == "missing"


def test_a_dependency_that_is_missing_or_old() -> None:
    def ask(name: str) -> str:
        if name == "click":
            raise PackageNotFoundError(name)
        return "0.1" if name == "rich" else "9999"

    found = {one.name: one for one in doctor.dependencies(ask)}
    assert (found["click"].state, found["click"].found) == ("missing", "not installed")
    assert found["click"].remedy.startswith("python -m pip install 'click>=")
    assert found["rich"].found.startswith("0.1, older than 13")
    assert found["msgspec"].state == "ok"
    assert "ruff" not in found  # only of the extra `dev`


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**where: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
    found = doctor.writable(tmp_path / "results")
    assert (found.state, found.found) == (
        "missing",
        f"{tmp_path / 'results'} cannot be written (Permission denied)",
    )
    assert "--out DIR" in found.remedy


def test_looking_leaves_nothing_behind(tmp_path: Path) -> None:
    run_testbed("doctor", cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 10**7, 10**7))
    found = doctor.disk(tmp_path)
    assert (found.state, found.found) == ("missing", "10 MB free")


def test_few_open_files(tmp_path: Path) -> None:
    """A shell with `ulimit -n 64`."""
    command = [sys.executable, "-c", "from harness.cli import main; main()", "doctor"]
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    done = subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard)),
    )
    assert done.returncode == 3
    assert "at most 64, a run needs 512" in done.stdout
    assert "ulimit -n 4096" in done.stdout


def test_no_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*kind: object) -> None:
        raise OSError(97, "Address family not supported by protocol")

    monkeypatch.setattr(socket, "socket", refuse)
    assert doctor.ipv6().state == "optional-missing"


def test_tools_are_found_by_any_of_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "find_program", lambda name: Path("/opt/chrome") if name == "chrome" else None)
    assert doctor.tool("chromium").found == "/opt/chrome"
    assert doctor.tool("tshark").state == "optional-missing"
    assert doctor.tool("tshark").remedy.endswith("apt-get install -y tshark")
