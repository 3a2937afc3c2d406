"""Given files and names that are wrong, whichever command reads them, then one message names place and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import run_testbed

#: Files of a folder, and what is said of `show a`.
PROFILES: dict[str, tuple[dict[str, str], str]] = {
    "broken TOML": ({"a": 'name = "a"\nversion = \n'}, "a.toml:2: is not TOML: Invalid value"),
    "unknown key": (
        {"a": 'name = "a"\nversion = "1"\ncolour = "red"\n'},
        "a.toml:3: colour: Object contains unknown",
    ),
    "wrong type": ({"a": 'name = "a"\nversion = "1"\nlevels = "MUST"\n'}, "a.toml:3: levels: Expected `array`"),
    "inherits itself": (
        {"a": 'name = "a"\nversion = "1"\nextends = "a"\n'},
        "a.toml:3: extends: inherits itself (a -> a)",
    ),
    "circle": (
        {"a": 'name = "a"\nversion = "1"\nextends = "b"\n', "b": 'name = "b"\nversion = "1"\nextends = "a"\n'},
        "extends: inherits itself (a -> b -> a)",
    ),
    "orphan": ({"a": 'name = "a"\nversion = "1"\nextends = "nobody"\n'}, "a.toml:3: extends: extends 'nobody'"),
    "no role": ({"a": 'name = "a"\nversion = "1"\n'}, "a.toml: role: says no role"),
    "not UTF-8": ({"a": 'name = "\udcff"\n'}, "a.toml:1: is not UTF-8"),
    "nested deeply": ({"a": "x = " + "[" * 100_000}, "a.toml: is nested too deeply"),
    "too large": ({"a": "# " + "x" * (1 << 20)}, "a.toml: is larger than 1048576 bytes"),
}


@pytest.mark.parametrize("what", PROFILES)
@pytest.mark.parametrize("command", ["show a", "coverage a", "new profile b2 --extends a"])
def test_a_profile_that_is_wrong(command: str, what: str, tmp_path: Path) -> None:
    files, said = PROFILES[what]
    (tmp_path / "p").mkdir()
    for name, text in files.items():
        (tmp_path / "p" / f"{name}.toml").write_bytes(text.encode(errors="surrogateescape"))
    done = run_testbed(*command.split(), "--profile-path", "p", cwd=tmp_path)
    assert done.returncode == 2, done.stdout
    assert said in done.stderr
    assert "remedy: " in done.stderr
    assert not (tmp_path / "b2.toml").exists()


@pytest.mark.parametrize("command", ["list profiles", "show x", "coverage mqtt-broker-5.0"])
def test_a_folder_of_profiles_that_is_none(command: str, tmp_path: Path) -> None:
    done = run_testbed(*command.split(), "--profile-path", "nowhere", cwd=tmp_path)
    assert done.returncode == 2
    assert "nowhere: is no folder" in done.stderr


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("list dogs", "'dogs' is not one of 'profiles', 'suites', 'roles', 'peers', 'cases', 'requirements'"),
        ("show", "Missing argument 'ID'"),
        ("coverage mqtt-broker-5", "mqtt-broker-5: is no profile\n  remedy: did you mean mqtt-broker-5.0?"),
        ("coverage --fail-under 101", "101.0 is not in the range"),
        ("report", "Missing argument 'RUN...'"),
        ("new dog", "No such command 'dog'"),
        ("nosuch", "No such command 'nosuch'"),
        ("list --nosuch", "No such option"),
    ],
)
def test_wrong_use(command: str, said: str, tmp_path: Path) -> None:
    done = run_testbed(*command.split(), cwd=tmp_path)
    assert done.returncode == 2
    assert said.lower() in (done.stderr + done.stdout).lower()


@pytest.mark.parametrize("dut", ["nowhere.invalid:1883", "127.0.0.1:1"])
def test_a_run_on_nobody_is_not_judged(dut: str, tmp_path: Path) -> None:
    """The same device that `new dut` cannot describe, run cannot judge; both say so with the same code."""
    arguments = ("--case", "a_second_connect_closes_the_connection")
    done = run_testbed("run", "mqtt-broker-5.0", "--dut", dut, *arguments, cwd=tmp_path)
    assert done.returncode == run_testbed("new", "dut", dut, cwd=tmp_path).returncode == 3
