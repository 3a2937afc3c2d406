"""The main job, on real brokers: `testbed run` from profile to evidence."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path

import pytest

from harness import verdict
from testbed.launch import peers
from tests.certificates import certificate
from tests.command import need, need_program, run_testbed

BOTH = ("mqtt-broker-3.1.1", "mqtt-broker-5.0")
SECOND = "a_second_connect_closes_the_connection"


def results(folder: Path) -> dict:  # type: ignore[type-arg]
    return json.loads((folder / "results.json").read_text())


def test_several_brokers_are_judged_side_by_side(tmp_path: Path) -> None:
    """The two that come from the Python registry alone."""
    need("amqtt")
    need("mqttools")
    arguments = ("--dut", "amqtt", "--dut", "mqttools", "--case", "mqtt.broker.connect.*", "--site", "site")
    done = run_testbed("run", *BOTH, *arguments, "--out", "run", cwd=tmp_path)
    assert done.returncode in (0, 1, 3), done.stderr
    found = results(tmp_path / "run")
    assert {(cell["dut"], cell["edition"]) for cell in found["cells"] if not cell["case"].startswith("claim.")} == {
        ("amqtt", "mqtt-3.1.1"),
        ("mqttools", "mqtt-5.0"),
    }
    assert any(cell["verdict"] == "pass" for cell in found["cells"])
    assert (tmp_path / "site" / "index.html").exists()
    assert all(dut["version"] and dut["digest"] for dut in found["duts"])


def test_selection_by_case_requirement_and_keyword(tmp_path: Path) -> None:
    need("mosquitto")
    for number, arguments in enumerate([("--case", SECOND), ("--requirement", "3.1.0-2"), ("-k", SECOND)]):
        done = run_testbed(
            "run", BOTH[1], "--dut", "mosquitto", *arguments, "--out", f"run{number}", "--json", cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        names = {cell["case"].rpartition(".")[2] for cell in found["cells"]}
        assert SECOND in names and (len(names) == 1 or arguments[0] == "--requirement")
        assert all("mqtt-5.0:MQTT-3.1.0-2" in cell["requirements"] for cell in found["cells"])
        assert found["conformance"][0]["verdict"] == "pass"


def test_repeats_are_all_run_and_agree(tmp_path: Path) -> None:
    need("mosquitto")
    done = run_testbed(
        "run", BOTH[0], "--dut", "mosquitto", "--case", SECOND, "--repeat", "20", "--out", "run", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert results(tmp_path / "run")["cells"][0]["repeats"] == ["pass"] * 20


def test_known_failures_pass_the_gate_and_stale_ones_fail_it(tmp_path: Path) -> None:
    need("mosquitto")
    (tmp_path / "expected.toml").write_text(f'[[known]]\ncase = "*.{SECOND}"\nreason = "seen in 1.0"\n')
    arguments = ("--dut", "mosquitto", "--case", SECOND, "--expect", "expected.toml", "--out", "run")
    done = run_testbed("run", BOTH[0], *arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert "stale expectation: entry 1" in done.stdout


def test_a_known_failure_passes_the_gate(tmp_path: Path) -> None:
    """The device answers CONNECT twice; whoever knows that can say so."""
    from tests.command import device

    (tmp_path / "expected.toml").write_text(f'[[known]]\ncase = "*.{SECOND}"\nreason = "ticket 7"\n')
    name = device(tmp_path, "polite", patience=0.4, quiet=0.1)
    arguments = ("--dut", name, "--case", SECOND, "--out")
    assert run_testbed("run", BOTH[0], *arguments, "plain", cwd=tmp_path).returncode == 1
    done = run_testbed("run", BOTH[0], *arguments, "known", "--expect", "expected.toml", cwd=tmp_path)
    cell = next(c for c in results(tmp_path / "known")["cells"] if c["case"].endswith(SECOND))
    assert cell["verdict"] == "fail" and cell["known"]
    assert "stale" not in done.stdout


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_whatever_answers_at_an_address_is_judged(tmp_path: Path, host: str) -> None:
    """A broker that somebody else started, over IPv4 and IPv6."""
    need("mosquitto")
    plain = host.strip("[]")
    try:
        with socket.create_server((plain, 0), family=socket.AF_INET6 if ":" in plain else socket.AF_INET) as free:
            port = free.getsockname()[1]
    except OSError as error:
        pytest.skip(f"no {plain} here: {error}")
    (tmp_path / "m.conf").write_text(f"listener {port} {plain}\nallow_anonymous true\nuser root\n")
    program = (
        need_program("mosquitto", "mosquitto") if not Path("/usr/sbin/mosquitto").exists() else "/usr/sbin/mosquitto"
    )
    broker = subprocess.Popen([program, "-c", str(tmp_path / "m.conf")], stderr=subprocess.DEVNULL)
    try:
        done = run_testbed("run", BOTH[1], "--dut", f"{host}:{port}", "--case", SECOND, "--out", "run", cwd=tmp_path)
    finally:
        broker.terminate()
        broker.wait()
    assert done.returncode == 0, done.stderr
    assert results(tmp_path / "run")["duts"][0]["endpoints"] == {"default": f"tcp://{host}:{port}"}


def test_the_capture_opens_in_tshark_as_mqtt_with_comments(tmp_path: Path) -> None:
    need("mosquitto")
    tshark = need_program("tshark", "tshark")
    run_testbed("run", BOTH[1], "--dut", "mosquitto", "--case", SECOND, "--out", "run", cwd=tmp_path)
    fields = ("-T", "fields", "-e", "mqtt.msgtype", "-e", "frame.comment")
    shown = subprocess.run(
        [
            tshark,
            "-r",
            str(tmp_path / "run" / "mosquitto.pcapng"),
            "-Y",
            f'mqtt and frame.comment contains "{SECOND}"',
            *fields,
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    lines = [line.split("\t") for line in shown.stdout.splitlines()]
    assert [line[0] for line in lines][:3] == ["1", "2", "1"], shown.stdout + shown.stderr
    assert all("mqtt-5.0:MQTT-3.1.0-2" in line[1] for line in lines)


def test_a_run_by_a_name_leaves_nothing_behind(tmp_path: Path) -> None:
    need("mosquitto")
    before = set(Path("/proc").glob("[0-9]*")) if Path("/proc").exists() else set()
    run_testbed("run", BOTH[0], "--dut", "mosquitto", "--case", SECOND, "--out", "run", cwd=tmp_path)
    for process in set(Path("/proc").glob("[0-9]*")) - before:
        try:
            assert b"mosquitto.conf" not in (process / "cmdline").read_bytes()
        except OSError:
            continue


def test_every_case_belongs_to_the_plan_and_every_planned_cell_has_a_result(tmp_path: Path) -> None:
    need("mosquitto")
    run_testbed("run", *BOTH, "--dut", "mosquitto", "--case", "mqtt.broker.connect.*", "--out", "run", cwd=tmp_path)
    found = verdict.results(tmp_path / "run")
    header, done = verdict.finished(tmp_path / "run")
    assert {row["id"] for row in header["cells"]} <= {id for id, _ in done}
    assert found.complete
    assert peers.known()


def test_a_broker_is_judged_over_tls_and_an_unknown_authority_is_refused(tmp_path: Path) -> None:
    need("mosquitto")
    pem, key = certificate(tmp_path)
    (tmp_path / "secure.toml").write_text(
        f"""name = "secure"
role = "mqtt-broker"
[endpoints]
"mqtt-5.0" = "tls://127.0.0.1:{{port}}"
[parameters]
tls-authority = "{pem}"
[launch]
how = "process"
command = ["mosquitto", "-c", "{{work}}/m.conf"]
ready = 4
[launch.files]
"m.conf" = '''
listener {{port}} 127.0.0.1
certfile {pem}
keyfile {key}
allow_anonymous true
user root
log_dest stderr
'''
"""
    )
    (tmp_path / "stranger.toml").write_text((tmp_path / "secure.toml").read_text().replace("tls-authority", "other"))
    arguments = ("--case", SECOND, "--out")
    done = run_testbed("run", BOTH[1], "--dut", "secure.toml", *arguments, "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = run_testbed("run", BOTH[1], "--dut", "stranger.toml", *arguments, "refused", cwd=tmp_path)
    assert done.returncode == 3 and "TLS" in done.stderr, done.stderr
