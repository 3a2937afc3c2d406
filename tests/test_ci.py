"""What a user's pipeline includes: whole files, and scripts that do what they say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.command import HERE, need, peers_folder

CI = HERE.parent / "ci"
FILES = ("action.yml", "gitlab.yml")


def script(file: str, sign: str) -> str:
    """The literal block (`|`) of `file` that holds `sign`."""
    blocks = re.findall(r"^( *)(?:run:|-) \|\n((?:\1 +.*\n|\n)+)", (CI / file).read_text(), re.M)
    return next(textwrap.dedent(text) for _, text in blocks if sign in text)


def call(text: str, shell: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [shell, "-e", "-c", text],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"TESTBED_PEERS": str(peers_folder())} | env,
    )


@pytest.mark.parametrize("name", FILES)
def test_the_files_are_yaml(name: str) -> None:
    text = (CI / name).read_text()
    assert "\t" not in text
    assert all((len(line) - len(line.lstrip(" "))) % 2 == 0 for line in text.splitlines())
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed: only tabs and indentation were checked")
    data = yaml.safe_load(text)
    if name == "action.yml":
        assert data["runs"]["using"] == "composite"
        assert all("uses" in step or step["shell"] for step in data["runs"]["steps"])
        used = set(re.findall(r"inputs\.([a-z-]+)", text))
        assert used == set(data["inputs"])
    else:
        (job,) = data.values()
        assert job["script"] and job["artifacts"]["when"] == "always"


def test_the_action_says_every_input_it_uses() -> None:
    text = (CI / "action.yml").read_text()
    declared = re.findall(r"^  ([a-z-]+):\n    description:", text, re.M)
    assert sorted(set(re.findall(r"inputs\.([a-z-]+)", text))) == sorted(declared)


SHORT = 'name = "short"\nversion = "1"\nextends = "mqtt-broker-5.0"\n[select]\ncases = ["mqtt.broker.ping.*"]\n'


def action(cwd: Path, profiles: str) -> subprocess.CompletedProcess[str]:
    """The judging step of the action, in a workspace with one short profile."""
    (cwd / "testbed").mkdir()
    (cwd / "testbed" / "bin").symlink_to(Path(sys.executable).parent)
    (cwd / "profiles").mkdir()
    (cwd / "profiles" / "short.toml").write_text(SHORT)
    return call(
        script("action.yml", "arguments+=(--dut"),
        "bash",
        cwd,
        RUNNER_TEMP=str(cwd),
        GITHUB_STEP_SUMMARY=str(cwd / "summary.md"),
        PROFILES=profiles,
        DUTS="mosquitto\n",
        EXPECT="",
        PROFILE_PATH="profiles",
    )


def test_the_action_judges_and_keeps_what_was_found(tmp_path: Path) -> None:
    need("mosquitto")
    done = action(tmp_path, "short")
    assert done.returncode == 0, done.stderr
    assert "mosquitto" in (tmp_path / "summary.md").read_text()
    assert (tmp_path / "conformance" / "junit.xml").exists()
    assert (tmp_path / "conformance" / "site" / "index.html").exists()


def test_the_action_fails_as_the_command_does(tmp_path: Path) -> None:
    done = action(tmp_path, "mqtt-broker-9")
    assert done.returncode == 2 and "is no profile" in done.stderr


def test_the_gitlab_job_judges_and_fails_as_the_command_does(tmp_path: Path) -> None:
    need("mosquitto")
    (tmp_path / ".testbed").mkdir()
    (tmp_path / ".testbed" / "bin").symlink_to(Path(sys.executable).parent)
    (tmp_path / "short.toml").write_text(SHORT)
    job = {"CI_PROJECT_DIR": str(tmp_path), "TESTBED_PROFILES": "short.toml", "TESTBED_EXPECT": ""}
    done = call(script("gitlab.yml", 'set -- "$@"'), "sh", tmp_path, **job, TESTBED_DUTS="mosquitto")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "conformance" / "junit.xml").exists()
    done = call(script("gitlab.yml", 'set -- "$@"'), "sh", tmp_path, **job, TESTBED_DUTS="nobody")
    assert done.returncode == 2 and "neither a known peer" in done.stderr
