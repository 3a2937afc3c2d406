"""Given a device or a profile, when a first file is asked for, then it loads, and a run can start from it."""

from __future__ import annotations

import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import profile as profile_module
from harness import scaffold
from harness.cli.new_command import parameter
from harness.probing import endpoint
from testbed.dut import Scalar, read_description
from testbed.protocol import roles
from tests import devices
from tests.cli.broker import free_port, mosquitto, only_311, wait_for
from tests.command import need_program, run_testbed

ANYBODY = "allow_anonymous true"


def commented(text: str) -> bool:
    """Whether each line that says anything carries a comment."""
    return all("# " in line for line in text.splitlines() if line)


def test_a_broker_is_described_and_judged_by_its_description(tmp_path: Path) -> None:
    with mosquitto(tmp_path, ANYBODY) as port:
        done = run_testbed("new", "dut", f"localhost:{port}", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "mqtt-broker speaking mqtt-3.1.1, mqtt-5.0" in done.stdout
        described = read_description(tmp_path / "dut.toml")
        assert (described.name, described.role) == (f"localhost-{port}", "mqtt-broker")
        assert described.endpoints == dict.fromkeys(("mqtt-3.1.1", "mqtt-5.0"), f"tcp://localhost:{port}")
        for claim in ("qos-1", "qos-2", "retain", "wildcards", "topic-alias", "assigned-client-id"):
            assert described.claims[claim] is True
        assert "authentication" not in described.claims
        assert commented((tmp_path / "dut.toml").read_text())
        next_command = done.stdout.splitlines()[-1].removeprefix("next: testbed ").split()
        arguments = ("--case", "a_second_connect_closes_the_connection")
        run = run_testbed(*next_command, *arguments, cwd=tmp_path)
        assert run.returncode == 0, run.stderr


def test_what_is_not_there_is_claimed_not_to_be(tmp_path: Path) -> None:
    with mosquitto(tmp_path, ANYBODY, "max_qos 1", "retain_available false") as port:
        assert run_testbed("new", "dut", f"127.0.0.1:{port}", "--out", "d.toml", cwd=tmp_path).returncode == 0
    described = read_description(tmp_path / "d.toml")
    assert described.claims["retain"] is False
    assert described.claims["qos-2"] is False
    assert described.claims["qos-1"] is True


def test_a_broker_of_one_edition_has_the_other_as_a_comment(tmp_path: Path) -> None:
    with only_311() as port:
        words = ("--parameter", "patience=0.4")
        done = run_testbed("new", "dut", f"127.0.0.1:{port}", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    described = read_description(tmp_path / "dut.toml")
    assert list(described.endpoints) == ["mqtt-3.1.1"]
    assert described.claims["qos-2"] is False
    assert described.parameters == {"patience": 0.4}
    assert '# "mqtt-5.0" = "tcp://HOST:PORT"' in (tmp_path / "dut.toml").read_text()


def test_a_broker_that_asks_for_a_password(tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_text("me:secret\n")
    subprocess.run([need_program("mosquitto_passwd", "mosquitto"), "-U", users], check=True)
    with mosquitto(tmp_path, "allow_anonymous false", f"password_file {users}") as port:
        refused = run_testbed("new", "dut", f"127.0.0.1:{port}", cwd=tmp_path)
        assert refused.returncode == 3
        assert "does not answer as a mqtt-broker must" in refused.stderr
        assert "--parameter username=" in refused.stderr
        words = ("--parameter", "username=me", "--parameter", "password=secret")
        done = run_testbed("new", "dut", f"127.0.0.1:{port}", *words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert read_description(tmp_path / "dut.toml").parameters == {"username": "me", "password": "secret"}


def test_nobody_listens(tmp_path: Path) -> None:
    done = run_testbed("new", "dut", f"127.0.0.1:{free_port()}", cwd=tmp_path)
    assert done.returncode == 3
    assert "nobody answers" in done.stderr
    assert "refused" in done.stderr or "Connect call failed" in done.stderr
    assert "remedy: start the device" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_host_without_address(tmp_path: Path) -> None:
    done = run_testbed("new", "dut", "nowhere.invalid:1883", cwd=tmp_path)
    assert done.returncode == 3
    assert "the host 'nowhere.invalid' has no address" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_somebody_who_says_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = run_testbed("new", "dut", f"127.0.0.1:{listener.getsockname()[1]}", cwd=tmp_path, timeout=30)
    assert done.returncode == 3
    assert "does not answer as a mqtt-broker must" in done.stderr


@pytest.mark.parametrize("kind", ["closes", "garbage", "drip"])
def test_somebody_who_says_nonsense(kind: str, tmp_path: Path) -> None:
    port = free_port()
    with subprocess.Popen([sys.executable, devices.__file__, kind, str(port)]) as process:
        try:
            wait_for(port, process)
            done = run_testbed("new", "dut", f"127.0.0.1:{port}", cwd=tmp_path, timeout=30)
        finally:
            process.terminate()
    assert done.returncode == 3, done.stdout
    assert "remedy" in done.stderr


@pytest.mark.parametrize(
    "address", ["::1", "a:b", "localhost:99999", "udp://localhost:1", "host:1/path", "", "u@host:1"]
)
def test_no_address_at_all(address: str, tmp_path: Path) -> None:
    done = run_testbed("new", "dut", address, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "is no address" in done.stderr
    assert "HOST:PORT" in done.stderr


@pytest.mark.parametrize(
    ("address", "whole"),
    [
        ("broker", "tcp://broker:1883"),
        ("broker:1884", "tcp://broker:1884"),
        ("tls://broker:8883", "tls://broker:8883"),
        ("[::1]", "tcp://[::1]:1883"),
        ("[::1]:1884", "tcp://[::1]:1884"),
        ("192.0.2.7", "tcp://192.0.2.7:1883"),
        ("ws://broker:8080", "ws://broker:8080/mqtt"),
        ("ws://broker/a", "ws://broker:1883/a"),
        ("unix:///run/mqtt.sock", "unix:///run/mqtt.sock"),
    ],
)
def test_addresses(address: str, whole: str) -> None:
    assert str(endpoint(address, 1883)) == whole


def test_a_file_is_not_replaced_unasked(tmp_path: Path) -> None:
    (tmp_path / "dut.toml").write_text("mine")
    done = run_testbed("new", "dut", "127.0.0.1:1", cwd=tmp_path)
    assert done.returncode == 2
    assert "dut.toml is there already" in done.stderr
    assert (tmp_path / "dut.toml").read_text() == "mine"


def test_force_replaces_it(tmp_path: Path) -> None:
    (tmp_path / "dut.toml").write_text("old")
    with mosquitto(tmp_path, ANYBODY) as port:
        assert run_testbed("new", "dut", f"127.0.0.1:{port}", "--force", cwd=tmp_path).returncode == 0
    read_description(tmp_path / "dut.toml")


def test_an_unknown_role(tmp_path: Path) -> None:
    done = run_testbed("new", "dut", "127.0.0.1:1", "--role", "toaster", cwd=tmp_path)
    assert done.returncode == 2
    assert "no role is called 'toaster'; known are mqtt-broker" in done.stderr


@pytest.mark.parametrize(
    ("text", "value"),
    [("a=1", 1), ("a=1.5", 1.5), ("a=true", True), ("a=007", "007"), ("a=x=y", "x=y"), ("a=", ""), ("a=-3", -3)],
)
def test_values_of_parameters(text: str, value: Scalar) -> None:
    assert parameter(text) == ("a", value)


def test_a_parameter_without_value(tmp_path: Path) -> None:
    done = run_testbed("new", "dut", "127.0.0.1:1", "--parameter", "username", cwd=tmp_path)
    assert done.returncode == 2
    assert "write NAME=VALUE" in done.stderr


@given(
    st.dictionaries(
        st.text(min_size=1), st.one_of(st.text(), st.booleans(), st.integers(-(2**60), 2**60)), max_size=4
    )
)
def test_any_value_survives_toml(values: dict[str, Scalar]) -> None:
    text = scaffold.text_of(
        [(f"{scaffold.key(name)} = {scaffold.toml(value)}", name) for name, value in values.items()]
    )
    assert tomllib.loads(text) == values


def test_a_profile_loads_and_says_what_its_parent_says(tmp_path: Path) -> None:
    done = run_testbed(
        "new", "profile", "acme", "--extends", "mqtt-broker-3.1.1", "--out", "p/acme.toml", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    made = profile_module.load("acme", [tmp_path / "p"])
    parent = profile_module.load("mqtt-broker-3.1.1")
    assert (made.name, made.version) == ("acme", "0.1")
    for one in ("role", "edition", "select", "required", "parameters", "levels", "valid_days"):
        assert getattr(made, one) == getattr(parent, one)
    assert commented((tmp_path / "p" / "acme.toml").read_text())
    shown = run_testbed(*done.stdout.splitlines()[-1].removeprefix("next: testbed ").split(), cwd=tmp_path)
    assert shown.stdout.startswith("acme  (profile)")


def test_what_a_profile_holds_as_comments_loads_too(tmp_path: Path) -> None:
    """Whoever takes the comment signs away has a profile again, with every claim required."""
    run_testbed("new", "profile", "acme", "--extends", "mqtt-broker-3.1.1", cwd=tmp_path)
    lines = (tmp_path / "acme.toml").read_text().splitlines()[1:]
    (tmp_path / "acme.toml").write_text("\n".join(line.removeprefix("# ") for line in lines))
    made = profile_module.load("acme", [tmp_path])
    assert set(made.required) == set(roles()["mqtt-broker"].claims)
    assert made.parameters == {"patience": 5.0, "quiet": 0.5}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["acme"], "Missing option '--extends'"),
        (["acme", "--extends", "mqtt-broker-5"], "did you mean mqtt-broker-5.0?"),
        (["acme", "--extends", "x.toml"], "--extends takes a name"),
        (["../acme", "--extends", "mqtt-broker-5.0"], "is no name for a profile"),
        (["mqtt-broker-5.0", "--extends", "mqtt-broker-5.0"], "a profile is called mqtt-broker-5.0 already"),
        (["acme", "--extends", "mqtt-broker-5.0", "--out", "other.toml"], "so call it acme.toml"),
        (["acme", "--extends", "mqtt-broker-5.0", "--out", "/proc/acme.toml"], "cannot be written"),
    ],
)
def test_a_profile_asked_for_wrongly(arguments: list[str], said: str, tmp_path: Path) -> None:
    done = run_testbed("new", "profile", *arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stdout
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == []
