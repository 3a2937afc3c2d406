"""A case is a pytest item: what pytest users expect holds."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.command import device, need, peers_folder


def run_pytest(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=180,
        env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
        | {"TESTBED_PEERS": str(peers_folder())},
    )


SUITE = ("--pyargs", "suites.mqtt.broker.connect", "--dut", "mosquitto")
ONE = "a_second_connect_closes_the_connection"


def test_cases_are_collected_without_being_run(tmp_path: Path) -> None:
    done = run_pytest("--collect-only", "-q", *SUITE, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert f"{ONE}[mqtt-3.1.1,mosquitto]" in done.stdout
    assert f"{ONE}[mqtt-5.0,mosquitto]" in done.stdout
    assert not (tmp_path / "results").exists()


def test_k_selects_and_junit_tells_verdict_and_requirements(tmp_path: Path) -> None:
    need("mosquitto")
    done = run_pytest("-k", f"{ONE} and 5.0", "--junitxml=j.xml", "-o", "junit_family=xunit2", *SUITE, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    cases = ET.parse(tmp_path / "j.xml").findall(".//testcase")
    assert len(cases) == 1
    properties = {p.get("name"): p.get("value") for p in cases[0].findall(".//property")}
    assert properties["verdict"] == "pass"
    assert properties["requirements"] == "mqtt-5.0:MQTT-3.1.0-2"
    assert float(cases[0].get("time") or 1) < 5


def test_a_failure_explains_itself_without_a_traceback(tmp_path: Path) -> None:
    name = device(tmp_path, "polite", patience=0.4, quiet=0.1)
    arguments = ("--pyargs", "suites.mqtt.broker.connect", "--dut", name, "-k", ONE)
    done = run_pytest(*arguments, cwd=tmp_path)
    assert done.returncode == 1, done.stdout
    assert "expected the broker to close the connection" in done.stdout
    assert "again: testbed run mqtt-broker-3.1.1" in done.stdout
    assert "-> CONNECT" in done.stdout and "<- CONNACK" in done.stdout
    assert "Traceback" not in done.stdout and "harness/" not in done.stdout


def test_inconclusive_is_an_error_and_never_a_skip(tmp_path: Path) -> None:
    name = device(tmp_path, "closes")
    done = run_pytest(
        "--pyargs", "suites.mqtt.broker.connect", "--dut", name, "-k", ONE, "--junitxml=j.xml", cwd=tmp_path
    )
    assert done.returncode == 1, done.stdout
    suite = ET.parse(tmp_path / "j.xml").find(".//testsuite")
    assert suite is not None
    assert (suite.get("errors"), suite.get("skipped"), suite.get("failures")) == ("1", "0", "0")


def test_x_stops_at_the_first_failure_and_keeps_the_evidence(tmp_path: Path) -> None:
    name = device(tmp_path, "polite", patience=0.4, quiet=0.1)
    done = run_pytest("-x", "--pyargs", "suites.mqtt.broker", "--dut", name, "--testbed-out", "out", cwd=tmp_path)
    assert done.returncode == 1
    assert "stopping after 1 failures" in done.stdout
    assert (tmp_path / "out" / "results.json").exists()


def test_without_a_device_it_says_what_to_give(tmp_path: Path) -> None:
    done = run_pytest("--pyargs", "suites.mqtt", cwd=tmp_path)
    assert done.returncode != 0
    assert "name the device with --dut" in done.stdout + done.stderr


def test_markers_select(tmp_path: Path) -> None:
    done = run_pytest(
        "--collect-only", "-q", "-m", "edition and not exclusive", "--strict-markers", *SUITE, cwd=tmp_path
    )
    assert done.returncode == 0 and ONE in done.stdout


@pytest.mark.parametrize("workers", ["2"])
def test_xdist_is_not_needed_and_not_broken(tmp_path: Path, workers: str) -> None:
    need("mosquitto")
    done = run_pytest("-n", workers, "-k", ONE, *SUITE, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_a_case_in_anybodys_own_module_is_run(tmp_path: Path) -> None:
    need("mosquitto")
    (tmp_path / "test_mine.py").write_text(
        """
from harness.case import case
from suites.mqtt import v5
from testbed.mqtt.broker import Broker

@case(v5("3.12.4-1"))
async def a_ping_is_answered(broker: Broker) -> None:
    client = await broker.connected()
    await client.is_alive()

def test_an_ordinary_test_runs_beside_it() -> None: ...
"""
    )
    done = run_pytest("test_mine.py", "--dut", "mosquitto", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
