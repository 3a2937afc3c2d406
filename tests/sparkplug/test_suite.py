"""The suites on a sound edge node and a sound host: nothing fails, planted faults do, empty peers pass nothing."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness import profile
from harness.profile import Selection
from harness.qualify import qualify
from testbed.dut import read_description
from testbed.protocol import roles
from tests.command import HERE, run_testbed

EDGE = {
    "devices": '"valve"',
    "primary-host": '"scada"',
    "node-metric": '"Setpoint"',
    "device-metric": '"Opening"',
    "device-loss-metric": '"Lose device"',
}
HOST = {
    "reorder-timeout": "0.5",
    **{f"{kind}-{end}": f'"{end.title()}"' for kind in ("node", "device") for end in ("trigger", "target")},
}


def sound(folder: Path, role: str, version: int = 3) -> Path:
    """The description of the sound program of a role, in `folder`."""
    module = {"sparkplug-edge": "sound_node", "sparkplug-host": "sound_host"}[role]
    values = EDGE if role == "sparkplug-edge" else HOST
    parameters = "".join(f"{name} = {value}\n" for name, value in values.items())
    path = folder / f"{module}.toml"
    path.write_text(
        f"""name = "{module.replace("_", "-")}"
role = "{role}"
[endpoints]
"sparkplug-3.0" = "tcp://127.0.0.1:0"
[parameters]
{parameters}
[launch]
how = "itself"
command = ['{sys.executable}', "-m", "tests.sparkplug.{module}", "{{host}}", "{{port}}", "{{client}}", "{version}"]
env = {{ PYTHONPATH = '{HERE.parent}' }}
"""
    )
    return path


@pytest.mark.parametrize(
    ("role", "version", "cases"),
    [
        ("sparkplug-edge", 3, "sparkplug.edge.primary_host.*"),
        ("sparkplug-edge", 5, "sparkplug.edge.[pt][ae]*"),
        ("sparkplug-host", 5, "sparkplug.host.certificates.*"),
    ],
)
def test_a_sound_device_passes(role: str, version: int, cases: str, tmp_path: Path) -> None:
    device = sound(tmp_path, role, version)
    done = run_testbed("run", f"{role}-3.0", "--dut", str(device), "--case", cases, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (results,) = tmp_path.glob("results/*/results.json")
    cells = json.loads(results.read_text())["cells"]
    assert {cell["verdict"] for cell in cells} <= {"pass", "not-applicable"}
    assert sum(cell["verdict"] == "pass" for cell in cells) >= 10


#: Faults that only a case can catch, not a rule, and cases that do.
ACTS = {
    "sparkplug-edge": {
        "bdseq-stuck": "sparkplug.edge.connecting.the_bdseq*",
        "no-rebirth": "sparkplug.edge.commands.a_rebirth_has*",
        "stays-without-host": "sparkplug.edge.primary_host.the_node_disconnects*",
        "ncmd-at-qos-0": "sparkplug.edge.commands.the_node_subscribes_to_its*",
    },
    "sparkplug-host": {
        "silent-when-said-offline": "sparkplug.host.certificates.told*",
        "leaves-silently": "sparkplug.host.certificates.a_host_that_leaves*",
        "no-rebirth": "sparkplug.host.commands.the_rebirth*",
        "node-written-by-dcmd": "sparkplug.host.commands.a_metric_of_a_node*",
    },
}


@pytest.mark.parametrize("role", ACTS)
def test_what_a_device_leaves_undone_is_caught_and_empty_peers_pass_nothing(role: str, tmp_path: Path) -> None:
    path, acts = sound(tmp_path, role), ACTS[role]
    whole = profile.load(f"{role}-3.0", [])
    chosen = [fault for fault in roles()[role].faults("sparkplug-3.0") if fault.name in acts]
    quality = asyncio.run(
        qualify(
            replace(whole, select=Selection(["sparkplug"], cases=list(acts.values()))),
            [(read_description(path), tmp_path)],
            roles()[role],
            tmp_path,
            faults=chosen,
        )
    )
    assert {fault.name: fault.outcome for fault in quality.faults} == dict.fromkeys(acts, "caught")
    assert all(not passed for passed in quality.vacuity.values())
    assert all(not failed for failed in quality.specificity.values())


def test_a_device_that_never_comes_is_one_clear_cause(tmp_path: Path) -> None:
    path = sound(tmp_path, "sparkplug-edge")
    path.write_text(
        path.read_text().replace("tests.sparkplug.sound_node", "tests.sparkplug.nothing") + "ready = 1.0\n"
    )
    done = run_testbed(
        "run", "sparkplug-edge-3.0", "--dut", str(path), "--case", "*the_connect_has_a_will", cwd=tmp_path
    )
    assert done.returncode != 0
    assert "did not connect" in done.stdout + done.stderr


def test_a_description_that_starts_it_otherwise_is_told_how(tmp_path: Path) -> None:
    path = sound(tmp_path, "sparkplug-edge")
    path.write_text(path.read_text().replace('how = "itself"', 'how = "shim"'))
    done = run_testbed(
        "run", "sparkplug-edge-3.0", "--dut", str(path), "--case", "*the_connect_has_a_will", cwd=tmp_path
    )
    assert done.returncode != 0
    assert 'how = "itself"' in done.stdout + done.stderr
