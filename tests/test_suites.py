"""The suites judged: nothing passes on empty peers, every failure of mosquitto is written down, planted faults are
caught."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from harness import expected, plan, profile, qualify, suite
from testbed.dut import Description, read_description
from testbed.launch import peers
from testbed.launch.empty import EMPTY
from testbed.protocol import roles
from tests.command import HERE, need, run_testbed

PROFILES = ("mqtt-broker-3.1.1", "mqtt-broker-5.0")
KNOWN = HERE.parent / "docs" / "expected-mosquitto.toml"
GUARDED = HERE.parent / "ci" / "guarded" / "hivemq.toml"
DISPUTES = HERE.parent / "docs" / "disputes.md"


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("kind", EMPTY)
def test_nothing_passes_on_a_peer_that_keeps_nothing(kind: str, name: str) -> None:
    chosen = profile.load(name)
    description = Description(kind, chosen.role, {"default": "tcp://127.0.0.1:1"})
    cells = plan.make([chosen], [description]).cells
    assert len(cells) > 50
    passes = asyncio.run(qualify.passes_on(kind, roles()[chosen.role], chosen, cells, lanes=128))
    assert passes == []


def test_every_failure_of_mosquitto_is_known_and_written_down(tmp_path: Path) -> None:
    """Debian's mosquitto 2.0.11: a new failure, and one that is gone, both fail this test."""
    need("mosquitto")
    done = run_testbed(
        "run", *PROFILES, "--dut", "mosquitto", "--expect", str(KNOWN), "--out", "run", cwd=tmp_path, timeout=300
    )
    found = json.loads((tmp_path / "run" / "results.json").read_text())
    version = found["duts"][0]["version"]
    if not version.startswith("2.0.11"):
        pytest.skip(f"the list is of mosquitto 2.0.11; here is {version}")
    new = [f"{c['id']}: {c['reason']}" for c in found["cells"] if c["verdict"] == "fail" and not c.get("known")]
    assert new == []
    errors = [f"{c['id']}: {c['reason']}" for c in found["cells"] if c["verdict"] in ("error", "inconclusive")]
    assert errors == []
    assert "stale" not in done.stdout, done.stdout
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_known_failure_stands_in_the_disputes() -> None:
    text = DISPUTES.read_text()
    for entry in expected.read(KNOWN).known:
        name = entry.case.rpartition(".")[2]
        assert name in text, f"{entry.case} is expected to fail and docs/disputes.md does not say why"


@pytest.mark.parametrize("name", PROFILES)
def test_planted_faults_are_caught_and_legal_variants_are_not(tmp_path: Path, name: str) -> None:
    """On mosquitto; where mosquitto has the fault itself or lacks the feature, on HiveMQ; and on HiveMQ with an
    authentication method."""
    devices: list[tuple[Description, Path | None]] = [
        (peers.find(need(peer)), None) for peer in ("mosquitto", "hivemq")
    ]
    devices.append((read_description(GUARDED), GUARDED.parent))
    chosen = profile.load(name)
    figures = asyncio.run(qualify.qualify(chosen, devices, roles()[chosen.role], tmp_path))
    assert len(figures.faults) >= 60
    missed = [f"{f.name} ({f.requirement})" for f in figures.faults if f.outcome != "caught"]
    assert missed == []
    assert figures.vacuity == {kind: [] for kind in EMPTY}
    assert all(not failures for failures in figures.specificity.values()), figures.specificity
    assert suite.suites()
