"""Shims and clients that misbehave: one clear message, the right exit code, and the sound ones beside them judged."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.command import HERE, need, run_testbed

PROFILE = "mqtt-client-3.1.1"
FEW = ("--case", "mqtt.client.qos0.*", "--case", "mqtt.client.connect.*", "--out", "run")


def shim(folder: Path, kind: str) -> str:
    """A description of the bad shim `kind`, in `folder`; returns the file's name."""
    file = f"{kind.replace(' ', '-')}.toml"
    (folder / file).write_text(
        f"""name = "{kind}"
role = "mqtt-client"
[endpoints]
"mqtt-3.1.1" = "tcp://127.0.0.1:0"
[launch]
how = "shim"
command = ['{sys.executable}', '{HERE / "shims.py"}', '{kind}']
ready = 1.0
[parameters]
patience = 0.5
quiet = 0.1
"""
    )
    return file


def cells(folder: Path) -> list[dict[str, Any]]:
    return json.loads((folder / "run" / "results.json").read_text())["cells"]


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("dies at once", "no licence found"),
        ("mute", "did not say that it is ready within 1 s"),
        ("greets wrongly", "Welcome to ACME MQTT 3.0!"),
        ("another format", "speaks 'acme-shim/9', not iot-testbed-shim/1"),
        ("never resets", "did not answer reset"),
    ],
)
def test_a_shim_that_does_not_begin_as_it_must_is_not_judged(tmp_path: Path, kind: str, says: str) -> None:
    done = run_testbed("run", PROFILE, "--dut", shim(tmp_path, kind), *FEW, cwd=tmp_path)
    assert done.returncode == 3, done.stdout + done.stderr
    assert says in done.stderr
    assert "check-shim" in done.stderr, "it says what to do"
    found = cells(tmp_path)
    assert found and all(cell["verdict"] == "error" for cell in found)


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("dies", "segmentation fault, or so I say"),
        ("hangs", ""),
        ("prints garbage", "DEBUG: connected"),
        ("answers another order", "which was not open"),
        ("wrong types", "does not keep the format"),
        ("long line", "a line of more than 1 MiB"),
        ("floods", "more than 10000"),
    ],
)
def test_a_shim_that_breaks_its_format_passes_nothing_that_follows(tmp_path: Path, kind: str, says: str) -> None:
    began = time.monotonic()
    done = run_testbed("run", PROFILE, "--dut", shim(tmp_path, kind), *FEW, cwd=tmp_path)
    assert time.monotonic() - began < 60
    assert done.returncode in (1, 3), done.stdout + done.stderr
    found = cells(tmp_path)
    late = [cell for cell in found if cell["case"].startswith("mqtt.client.qos0")]
    assert late and not [cell["id"] for cell in late if cell["verdict"] in ("pass", "fail")]
    reasons = "\n".join(cell.get("reason", "") for cell in found)
    assert says in reasons + done.stderr


def test_a_client_that_reconnects_in_a_tight_loop_is_cut_off_and_told(tmp_path: Path) -> None:
    done = run_testbed("run", PROFILE, "--dut", shim(tmp_path, "in a tight loop"), *FEW, cwd=tmp_path)
    assert done.returncode in (1, 3)
    found = [cell for cell in cells(tmp_path) if "connects in a loop, 100 times" in cell.get("reason", "")]
    assert found and all(cell["verdict"] == "inconclusive" for cell in found)


def test_a_sound_client_beside_a_bad_one_is_judged(tmp_path: Path) -> None:
    need("paho-python")
    done = run_testbed(
        "run", PROFILE, "--dut", "paho-python", "--dut", shim(tmp_path, "dies at once"), *FEW, cwd=tmp_path
    )
    assert done.returncode in (1, 3), done.stdout + done.stderr
    by_dut = {cell["dut"]: set[str]() for cell in cells(tmp_path)}
    for cell in cells(tmp_path):
        by_dut[cell["dut"]].add(cell["verdict"])
    assert by_dut["dies at once"] == {"error"}
    assert "pass" in by_dut["paho-python"] and "error" not in by_dut["paho-python"]
