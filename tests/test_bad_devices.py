"""Devices that misbehave: one clear message, the right exit code, nothing lost, nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness import verdict
from harness.journal import NAME, read
from tests.command import device, heed_interrupts, need, peers_folder, run_testbed

PROFILE = "mqtt-broker-3.1.1"
FEW = ("--case", "mqtt.broker.connect.*", "--out", "run")


def cells(folder: Path) -> list[dict]:  # type: ignore[type-arg]
    return json.loads((folder / "run" / "results.json").read_text())["cells"]


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("closes", "no CONNACK accepts a CONNECT"),
        ("garbage", "no CONNACK accepts a CONNECT"),
        ("drip", "no CONNACK accepts a CONNECT"),
        ("deaf", "no CONNACK accepts a CONNECT"),
        ("exits", "no licence found in /etc/device"),
    ],
)
def test_a_device_that_never_answers_properly_is_not_judged(tmp_path: Path, kind: str, says: str) -> None:
    done = run_testbed("run", PROFILE, "--dut", device(tmp_path, kind), *FEW, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert says in done.stderr
    found = cells(tmp_path)
    assert found and all(cell["verdict"] == "error" for cell in found)
    assert "INCONCLUSIVE" in done.stdout


@pytest.mark.parametrize("kind", ["flood", "polite"])
def test_a_device_that_accepts_and_then_misbehaves_passes_nothing(tmp_path: Path, kind: str) -> None:
    name = device(tmp_path, kind, patience=0.5, quiet=0.1)
    done = run_testbed("run", PROFILE, "--dut", name, *FEW, cwd=tmp_path)
    assert done.returncode in (1, 3), done.stderr
    assert not [cell["id"] for cell in cells(tmp_path) if cell["verdict"] == "pass" and kind == "flood"]


def test_a_device_that_dies_mid_run_leaves_errors_and_keeps_what_was_finished(tmp_path: Path) -> None:
    name = device(tmp_path, "dies", patience=0.3, quiet=0.05)
    done = run_testbed("run", PROFILE, "--dut", name, "--out", "run", "--lanes", "4", cwd=tmp_path, LIVES="40")
    assert done.returncode in (1, 3), done.stderr
    found = cells(tmp_path)
    dead = [cell for cell in found if "died with status 7" in cell.get("reason", "")]
    assert len(dead) > 20 and all(cell["verdict"] == "error" for cell in dead)
    assert len(dead) < len(found), "what was finished before is kept"
    assert "out of memory, or so I say" in dead[0]["reason"]
    assert "died with status 7" in done.stderr


def test_a_device_that_may_be_started_again_is_judged_to_the_end_and_its_killers_stand_alone(tmp_path: Path) -> None:
    name = device(tmp_path, "fragile", restart=20, patience=0.3, quiet=0.05)
    done = run_testbed("run", PROFILE, "--dut", name, *FEW, cwd=tmp_path)
    assert done.returncode in (1, 3), done.stderr
    found = cells(tmp_path)
    killers = {cell["case"].rpartition(".")[2] for cell in found if "had it alone" in cell.get("reason", "")}
    assert killers and all("second_connect" in name for name in killers), killers
    assert not [cell["id"] for cell in found if cell["verdict"] == "error"]
    assert all(cell["verdict"] == "fail" for cell in found if "had it alone" in cell.get("reason", ""))
    assert "was started again" in done.stderr


@pytest.mark.parametrize(
    ("address", "says"),
    [("no-such-host.invalid:1883", "has no address"), ("127.0.0.1:{free}", "nobody listens")],
)
def test_an_address_where_nobody_is(tmp_path: Path, address: str, says: str) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        address = address.replace("{free}", str(holder.getsockname()[1]))
        done = run_testbed("run", PROFILE, "--dut", address, *FEW, cwd=tmp_path)
    assert done.returncode == 3
    assert says in done.stderr and "remedy" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((PROFILE,), "name at least one --dut"),
        (("--dut", "mosquitto"), "name at least one profile"),
        (("mqtt-broker-311", "--dut", "mosquitto"), "did you mean mqtt-broker-3.1.1"),
        ((PROFILE, "--dut", "mosqito"), "did you mean 'mosquitto'"),
        ((PROFILE, "--dut", "gone.toml"), "cannot be read"),
        ((PROFILE, "--dut", "mqttools"), "cannot be judged by"),
        ((PROFILE, "--dut", "mosquitto", "--case", "a_second_conect_closes_the_connection"), "did you mean"),
        ((PROFILE, "--dut", "mosquitto", "-k", "and or"), "-k 'and or'"),
        ((PROFILE, "--dut", "127.0.0.1:99999"), "a port is a number from 1 to 65535"),
        ((PROFILE, "--dut", "mosquitto", "--resume", "nowhere"), "cannot be read"),
    ],
)
def test_wrong_use_is_said_in_words(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    done = run_testbed("run", *arguments, cwd=tmp_path)
    assert done.returncode in (2, 3)
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 6


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ('name = "x\n', 1, "is not TOML"),
        ('name = "x"\nrole = "mqtt-broker"\ncolour = "red"\n[endpoints]\ndefault = "tcp://a:1"\n', 3, "colour"),
        (
            'name = "x"\nrole = "mqtt-broker"\n[endpoints]\ndefault = "ftp://a:1"\n',
            4,
            "must be tcp, tls, ws, wss or unix",
        ),
        ('name = "x"\nrole = "mqtt-broker"\n[endpoints]\ndefault = 5\n', 3, "Expected `str`, got `int`"),
    ],
)
def test_a_wrong_description_is_said_with_its_line(tmp_path: Path, text: str, line: int, says: str) -> None:
    (tmp_path / "x.toml").write_text(text)
    done = run_testbed("run", PROFILE, "--dut", "x.toml", cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr and "remedy" in done.stderr
    assert (f"x.toml:{line}:" if line else "x.toml:") in done.stderr


def test_a_missing_program_is_named_with_the_command_that_installs_it(tmp_path: Path) -> None:
    done = run_testbed(
        "run", PROFILE, "--dut", "amqtt", *FEW, cwd=tmp_path, TESTBED_PEERS=str(tmp_path), PATH="/usr/bin"
    )
    assert done.returncode == 3
    assert "amqtt" in done.stderr and "testbed.peers.install amqtt" in done.stderr


def test_two_runs_in_one_folder_and_a_second_use_of_it_are_refused(tmp_path: Path) -> None:
    need("mosquitto")
    first = run_testbed("run", PROFILE, "--dut", "mosquitto", *FEW, cwd=tmp_path)
    assert first.returncode in (0, 1), first.stderr
    again = run_testbed("run", PROFILE, "--dut", "mosquitto", *FEW, cwd=tmp_path)
    assert again.returncode == 3 and "already holds a run" in again.stderr


def test_a_full_disk_ends_the_run_with_a_message_and_keeps_what_was_written(tmp_path: Path) -> None:
    need("mosquitto")
    program = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY));"
        "from harness.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "run", PROFILE, "--dut", "mosquitto", "--out", "run", "--no-capture"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"TESTBED_PEERS": str(peers_folder())},
    )
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert "cannot be written" in done.stderr and "--resume" in done.stderr
    assert len(read(tmp_path / "run" / NAME)) > 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_is_resumed_without_repeating_what_is_done(tmp_path: Path, number: signal.Signals) -> None:
    need("mosquitto")
    arguments = [sys.executable, "-c", "from harness.cli import main; main()", "run", PROFILE, "--dut", "mosquitto"]
    child = subprocess.Popen(
        [*arguments, "--out", "run", "--lanes", "2"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TESTBED_PEERS": str(peers_folder())},
        preexec_fn=heed_interrupts,
    )
    journal = tmp_path / "run" / NAME
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not (journal.exists() and journal.read_bytes().count(b'"kind":"cell"') > 5):
        time.sleep(0.01)
    child.send_signal(number)
    _, errors = child.communicate(timeout=60)
    assert "Traceback" not in errors
    if number == signal.SIGINT:
        assert child.returncode == 3 and "--resume run" in errors
    _, before = verdict.finished(tmp_path / "run")
    done = run_testbed("run", "--resume", "run", cwd=tmp_path)
    assert done.returncode in (0, 1), done.stderr
    found = [record.data["cell"]["id"] for record in read(journal) if record.kind == "cell"]
    assert len(found) == len(set(found)), "no cell was run twice"
    assert {id for id, _ in before} < set(found)
    assert verdict.results(tmp_path / "run").complete
