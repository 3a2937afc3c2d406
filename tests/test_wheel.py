"""The built wheel, alone in an empty environment and run from an empty folder, does everything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.command import HERE, need, peers_folder


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an environment that holds the wheel and nothing else of ours."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(HERE.parent)],
        check=True,
        capture_output=True,
        timeout=300,
    )
    venv.create(folder / "env", with_pip=True)
    programs = folder / "env" / "bin"
    (wheel,) = folder.glob("*.whl")
    subprocess.run([programs / "python", "-m", "pip", "install", "--quiet", str(wheel)], check=True, timeout=300)
    return programs


def call(installed: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PYTEST", "VIRTUAL_ENV"))}
    return subprocess.run(
        [installed / arguments[0], *arguments[1:]],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=180,
        env=env | {"TESTBED_PEERS": str(peers_folder())},
    )


def test_the_command_knows_its_profiles_suites_and_peers(installed: Path, tmp_path: Path) -> None:
    done = call(installed, "testbed", "list", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for name in ("mqtt-broker-3.1.1", "mqtt-broker-5.0", "mosquitto"):
        assert name in done.stdout
    assert call(installed, "testbed", "coverage", cwd=tmp_path).returncode == 0


def test_a_broker_is_judged_and_the_site_is_made(installed: Path, tmp_path: Path) -> None:
    need("mosquitto")
    arguments = ("run", "mqtt-broker-5.0", "--dut", "mosquitto", "--case", "mqtt.broker.ping.*")
    done = call(installed, "testbed", *arguments, "--out", "run", "--site", "site", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    cells = json.loads((tmp_path / "run" / "results.json").read_text())["cells"]
    assert cells and all(cell["verdict"] == "pass" for cell in cells)
    assert (tmp_path / "site" / "index.html").exists() and (tmp_path / "site" / "style.css").exists()


def test_pytest_collects_the_installed_suite(installed: Path, tmp_path: Path) -> None:
    need("mosquitto")
    arguments = ("--pyargs", "suites.mqtt.broker.ping", "--dut", "mosquitto", "-q")
    done = call(installed, "pytest", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
