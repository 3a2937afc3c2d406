"""Given what is installed, when it is listed or shown, then names, meanings, places and commands are there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness import lookup, suite
from harness.case import Case
from harness.requirement import Citation
from testbed.launch import peers
from tests.command import need, run_testbed

SECOND = "a_second_connect_closes_the_connection"


def test_list_has_every_section_but_the_long_ones(tmp_path: Path) -> None:
    done = run_testbed("list", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    heads = [line for line in done.stdout.splitlines() if line and not line.startswith(" ")]
    assert heads == ["Profiles", "Suites", "Roles", "Peers"]
    for word in ("mqtt-broker-5.0", "an MQTT server", "mosquitto", "Eclipse Mosquitto"):
        assert word in done.stdout


@pytest.mark.parametrize("section", ["profiles", "suites", "roles", "peers", "cases", "requirements"])
def test_a_section_alone_has_one_line_for_each(section: str, tmp_path: Path) -> None:
    lines = run_testbed("list", section, cwd=tmp_path).stdout.splitlines()
    found = json.loads(run_testbed("list", section, "--json", cwd=tmp_path).stdout)
    assert set(found) == {section, "format"}
    assert [line.split()[0] for line in lines] == [one.get("name") or one["id"] for one in found[section]]


def test_a_peer_that_is_missing_comes_with_the_command_that_installs_it(tmp_path: Path) -> None:
    done = run_testbed("list", "peers", cwd=tmp_path, TESTBED_PEERS=str(tmp_path))
    line = next(line for line in done.stdout.splitlines() if line.startswith("mochi "))
    assert "missing" in line
    assert line.endswith("python -m testbed.peers.install mochi")


def test_a_broken_profile_is_listed_with_the_others_and_named(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text('name = "bad"\nversion = 1\n')
    done = run_testbed("list", "profiles", "--profile-path", ".", cwd=tmp_path)
    assert done.returncode == 2
    assert "mqtt-broker-5.0" in done.stdout
    assert "(broken)" in done.stdout
    assert "bad.toml:2: version: Expected `str`, got `int`" in done.stderr


def test_output_is_plain_and_the_same_at_any_width(tmp_path: Path) -> None:
    outputs = {
        run_testbed("list", cwd=tmp_path, COLUMNS=width, FORCE_COLOR="1", TERM="xterm-256color").stdout
        for width in ("20", "200")
    }
    assert len(outputs) == 1
    assert "\x1b" not in outputs.pop()


def test_output_on_a_terminal_is_what_a_pipe_gets(tmp_path: Path) -> None:
    import pty

    piped = run_testbed("list", "roles", "profiles", cwd=tmp_path).stdout
    main, side = pty.openpty()
    command = [sys.executable, "-c", "from harness.cli import main; main()", "list", "roles", "profiles"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=side, stderr=side) as process:
        os.close(side)
        seen = b""
        while True:
            try:
                piece = os.read(main, 65536)
            except OSError:  # Linux says EIO once the other side is closed
                break
            if not piece:
                break
            seen += piece
        process.wait()
    os.close(main)
    assert seen.decode().replace("\r\n", "\n") == piped


@pytest.mark.parametrize("name", ["mqtt-5.0:MQTT-3.1.0-2", "mqtt-5.0:3.1.0-2"])
def test_a_requirement_of_one_edition(name: str, tmp_path: Path) -> None:
    done = run_testbed("show", name, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("mqtt-5.0:MQTT-3.1.0-2  (requirement)")
    assert "MUST" in done.stdout
    assert f"suites/mqtt/broker/connect.py:{line_of(SECOND)}" in done.stdout
    assert "testbed run mqtt-broker-5.0 --dut DUT --requirement MQTT-3.1.0-2" in done.stdout
    assert "mqtt-3.1.1" not in done.stdout


@pytest.mark.parametrize("name", ["MQTT-3.1.0-2", "3.1.0-2"])
def test_a_number_alone_is_the_requirement_of_every_edition(name: str, tmp_path: Path) -> None:
    found = json.loads(run_testbed("show", name, "--json", cwd=tmp_path).stdout)
    assert [one["row"]["id"] for one in found["requirements"]] == ["mqtt-3.1.1:MQTT-3.1.0-2", "mqtt-5.0:MQTT-3.1.0-2"]


@pytest.mark.parametrize(
    "name",
    [
        SECOND,
        f"connect.{SECOND}",
        f"mqtt.broker.connect.{SECOND}",
        f"mqtt.broker.connect.{SECOND}[mqtt-5.0,mosquitto]",
        "cond_connect_closes_the_connection",
    ],
)
def test_a_case_by_id_name_suffix_or_cell(name: str, tmp_path: Path) -> None:
    done = run_testbed("show", name, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"mqtt.broker.connect.{SECOND}  (case)\n  A second connect closes the connection.")
    for word in ("mqtt-3.1.1:MQTT-3.1.0-2", "mqtt-5.0:MQTT-3.1.0-2", f"connect.py:{line_of(SECOND)}"):
        assert word in done.stdout
    assert f"testbed run mqtt-broker-5.0 --dut DUT --case mqtt.broker.connect.{SECOND}" in done.stdout


def line_of(case: str) -> int:
    """The line on which the decorator of `case` in connect.py begins."""
    found = next(one for one in suite.cases("mqtt") if one.name == case and one.id.startswith("mqtt.broker.connect."))
    lines = Path(found.place[0]).read_text().splitlines()
    assert lines[found.place[1] - 1].startswith("@case")
    return found.place[1]


def test_what_show_says_to_run_runs(tmp_path: Path) -> None:
    need("mosquitto")
    found = json.loads(run_testbed("show", SECOND, "--json", cwd=tmp_path).stdout)
    command = found["cases"][0]["commands"][0].replace("DUT", "mosquitto").split()[1:]
    assert run_testbed(*command, cwd=tmp_path).returncode == 0


def test_a_profile_shows_what_it_requires_and_takes(tmp_path: Path) -> None:
    done = run_testbed("show", "mqtt-broker-3.1.1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for word in ("MQTT 3.1.1 broker", "qos-2", "MQTT-4.3.3-2", SECOND, "profiles/mqtt-broker-3.1.1.toml"):
        assert word in done.stdout


def test_a_peer_shows_its_version_and_claims(tmp_path: Path) -> None:
    need("mosquitto")
    found = json.loads(run_testbed("show", "mosquitto", "--json", cwd=tmp_path).stdout)["peers"][0]
    assert found["entry"]["installed"]
    assert found["entry"]["version"][0].isdigit()
    assert found["digest"].startswith("sha256:")
    assert found["claims"] == peers.find("mosquitto").claims
    assert found["commands"] == ["testbed run mqtt-broker-3.1.1 mqtt-broker-5.0 --dut mosquitto"]


@pytest.mark.parametrize(("name", "kind"), [("mqtt-broker", "role"), ("mqtt", "suite")])
def test_roles_and_suites_are_shown_too(name: str, kind: str, tmp_path: Path) -> None:
    done = run_testbed("show", name, cwd=tmp_path)
    assert done.stdout.startswith(f"{name}  ({kind})")


@pytest.mark.parametrize(
    ("name", "close"),
    [
        ("mosqito", "did you mean mosquitto"),
        ("mqtt-broker-5", "mqtt-broker-5.0"),
        ("3.1.0-22", "3.1.0-2"),
        ("a_second_connect_closes_it", SECOND),
        ("zzzz", "`testbed list` names what there is"),
        ("", "`testbed list` names what there is"),
        ("a" * 5000, "`testbed list` names what there is"),
        ("\x1b[31m\n", "`testbed list` names what there is"),
    ],
)
def test_an_unknown_name_gets_close_ones(name: str, close: str, tmp_path: Path) -> None:
    done = run_testbed("show", name, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("testbed: nothing is called ")
    assert close in done.stderr
    assert "\x1b" not in done.stderr


def test_an_ambiguous_suffix_lists_the_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    async def one_thing_happens(handle: object) -> None: ...

    cited = (Citation("mqtt-5.0", "MQTT-3.1.0-2"),)
    twins = [Case(f"mqtt.broker.{module}.one_thing_happens", one_thing_happens, cited) for module in ("a", "b")]
    monkeypatch.setattr(lookup.inventory, "all_cases", lambda: twins)
    with pytest.raises(LookupError) as caught:
        lookup.find("one_thing_happens")
    assert "could be any of 2 cases" in str(caught.value)
    assert "\n  mqtt.broker.a.one_thing_happens\n  mqtt.broker.b.one_thing_happens" in str(caught.value)


def test_many_candidates_are_counted() -> None:
    with pytest.raises(LookupError, match=r"could be any of 30 cases[\s\S]*and 18 more$"):
        lookup._one("x", "case", [f"mqtt.{number:02}" for number in range(30)])


def test_help_comes_quickly(tmp_path: Path) -> None:
    """Under 0.3 s on a machine with nothing else to do: the best of three counts."""

    def seconds() -> float:
        began = time.perf_counter()
        assert run_testbed("--help", cwd=tmp_path).returncode == 0
        return time.perf_counter() - began

    assert min(seconds() for _ in range(3)) < 0.3 * float(os.environ.get("TEST_SLOWNESS", "1"))


def test_help_names_every_command(tmp_path: Path) -> None:
    text = run_testbed("--help", cwd=tmp_path).stdout
    for command in ("run", "list", "show", "report", "coverage", "qualify", "doctor", "new"):
        assert f"\n  {command} " in text


@pytest.mark.parametrize("command", ["list", "show", "report", "coverage", "doctor", "new"])
def test_every_command_has_help(command: str, tmp_path: Path) -> None:
    done = run_testbed(command, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: ")
