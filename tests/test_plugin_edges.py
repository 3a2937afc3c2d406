"""What people do with pytest, done to cases; and tests that are not ours are left alone."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.command import device, heed_interrupts
from tests.test_plugin import run_pytest as plainly_run

CONNECT = str(Path(__file__).parents[1] / "suites" / "mqtt" / "broker" / "connect.py")
SECOND = "a_second_connect_closes_the_connection"


def run_pytest(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """pytest without the options of this repository, to which the files of the suite belong."""
    return plainly_run("-o", "addopts=", *arguments, cwd=cwd)


@pytest.fixture
def polite(tmp_path: Path) -> str:
    return device(tmp_path, "polite", patience=0.3, quiet=0.05)


def tally(text: str) -> dict[str, int]:
    return {
        word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|errors?|skipped|deselected)", text)
    }


def test_a_module_with_objects_that_dislike_being_asked_is_collected(tmp_path: Path) -> None:
    """Proxies of web frameworks raise when they are touched outside a request."""
    (tmp_path / "test_proxy.py").write_text(
        """
from unittest.mock import MagicMock

class Proxy:
    def __getattr__(self, name):
        raise RuntimeError("working outside of request context")

request, mock = Proxy(), MagicMock()

def test_it(): ...
"""
    )
    done = run_pytest("test_proxy.py", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert tally(done.stdout) == {"passed": 1}


def test_collecting_only_starts_nothing(tmp_path: Path, polite: str) -> None:
    done = run_pytest("--collect-only", "-q", "--pyargs", "suites.mqtt", "--dut", polite, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert not (tmp_path / "results").exists()


def test_nothing_selected_starts_nothing(tmp_path: Path, polite: str) -> None:
    done = run_pytest("-k", "no_such_case", "--pyargs", "suites.mqtt", "--dut", polite, cwd=tmp_path)
    assert done.returncode == 5, done.stdout
    assert not (tmp_path / "results").exists()


def test_a_module_that_cannot_be_collected_starts_nothing(tmp_path: Path, polite: str) -> None:
    (tmp_path / "test_broken.py").write_text("import no_such_module_at_all")
    done = run_pytest("test_broken.py", CONNECT, "-k", SECOND, "--dut", polite, cwd=tmp_path)
    assert done.returncode == 2, done.stdout
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("number", ["0", "-3"])
def test_no_lanes_are_refused(tmp_path: Path, polite: str, number: str) -> None:
    done = run_pytest("--testbed-lanes", number, CONNECT, "-k", SECOND, "--dut", polite, cwd=tmp_path)
    assert done.returncode in (2, 4), done.stdout + done.stderr
    assert "a device needs at least one lane" in done.stdout + done.stderr


@pytest.mark.parametrize(
    "twice", [(CONNECT, CONNECT), (CONNECT, CONNECT, "--keep-duplicates"), ("--pyargs", "suites.mqtt", CONNECT)]
)
def test_a_file_named_twice_is_judged_once(tmp_path: Path, polite: str, twice: tuple[str, ...]) -> None:
    done = run_pytest(*twice, "-k", SECOND, "--dut", polite, "--testbed-out", "out", cwd=tmp_path)
    assert done.returncode == 1, done.stdout
    lines = (tmp_path / "out" / "journal.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    cells = [r["data"]["cell"]["id"] for r in records if r["kind"] == "cell"]
    mine = [id for id in cells if SECOND in id]
    assert len(mine) == 1
    assert json.loads((tmp_path / "out" / "results.json").read_text())["complete"]


def test_the_last_failures_are_judged_again_alone(tmp_path: Path, polite: str) -> None:
    def again(*more: str) -> dict[str, int]:
        words = [sys.executable, "-m", "pytest", "-o", "addopts=", "-o", f"cache_dir={tmp_path}/cache", CONNECT]
        done = subprocess.run(
            [*words, "--dut", polite, *more], cwd=tmp_path, capture_output=True, text=True, timeout=120
        )
        return tally(done.stdout)

    first, second = again("--testbed-out", "one"), again("--lf", "--testbed-out", "two")
    assert first["failed"] > 0 and first["passed"] > 0
    # What could not be judged counts as failed, too.
    assert (second["failed"], second.get("errors")) == (first["failed"], first.get("errors"))
    assert "passed" not in second


def test_maxfail_ends_the_run_and_keeps_the_evidence(tmp_path: Path, polite: str) -> None:
    done = run_pytest("--maxfail=2", CONNECT, "--dut", polite, "--testbed-out", "out", cwd=tmp_path)
    assert done.returncode == 1
    assert "stopping after 2 failures" in done.stdout
    assert (tmp_path / "out" / "junit.xml").exists()


def test_one_cell_is_chosen_by_its_node_id(tmp_path: Path, polite: str) -> None:
    listed = run_pytest("--collect-only", "-q", CONNECT, "--dut", polite, cwd=tmp_path)
    ids = [line for line in listed.stdout.splitlines() if "[" in line and "::" in line]
    with_row = next(id for id in ids if re.search(r"\[[^,\]]+,mqtt-3.1.1,polite\]", id))
    done = run_pytest(f"{CONNECT}::{with_row.partition('::')[2]}", "--dut", polite, cwd=tmp_path)
    assert sum(tally(done.stdout).values()) == 1, done.stdout


def test_one_cell_of_a_device_at_an_ipv6_address_is_chosen_by_its_node_id(tmp_path: Path) -> None:
    name = f"{SECOND}[mqtt-5.0,::1:9]"
    done = run_pytest("--collect-only", "-q", f"{CONNECT}::{name}", "--dut", "[::1]:9", cwd=tmp_path)
    assert done.returncode == 0 and name in done.stdout, done.stdout


def test_an_interrupt_ends_the_run_and_keeps_the_evidence(tmp_path: Path) -> None:
    name = device(tmp_path, "polite", patience=3, quiet=0.05)
    # A worker of pytest-xdist leaves the results to its controller; this is to be a run of its own.
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
    child = subprocess.Popen(
        [sys.executable, "-m", "pytest", CONNECT, "--dut", name, "--testbed-out", "out", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=own,
        preexec_fn=heed_interrupts,
    )
    journal = tmp_path / "out" / "journal.jsonl"
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not (journal.exists() and b'"kind":"claims"' in journal.read_bytes()):
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    text, _ = child.communicate(timeout=60)
    assert child.returncode == 2, text
    assert "INTERNALERROR" not in text
    assert (tmp_path / "out" / "results.json").exists()


def test_a_second_use_of_a_folder_is_refused_in_words(tmp_path: Path, polite: str) -> None:
    arguments = (CONNECT, "-k", SECOND, "--dut", polite, "--testbed-out", "out")
    run_pytest(*arguments, cwd=tmp_path)
    done = run_pytest(*arguments, cwd=tmp_path)
    assert done.returncode == 4, done.stdout
    assert "already holds a run" in done.stdout + done.stderr


def test_two_profiles_for_one_edition_are_refused_when_asked_for(tmp_path: Path, polite: str) -> None:
    (tmp_path / "mine.toml").write_text('name = "mine"\nversion = "1"\nextends = "mqtt-broker-3.1.1"\n')
    both = ("--testbed-profile", "mqtt-broker-3.1.1", "--testbed-profile", "mine.toml")
    done = run_pytest(CONNECT, "-k", SECOND, "--dut", polite, *both, cwd=tmp_path)
    assert done.returncode in (2, 4), done.stdout
    assert "mine" in done.stdout + done.stderr


def test_workers_stop_at_the_first_failure(tmp_path: Path, polite: str) -> None:
    done = run_pytest("-n", "2", "-x", CONNECT, "--dut", polite, cwd=tmp_path)
    assert done.returncode in (1, 2), done.stdout
    assert "INTERNALERROR" not in done.stdout
