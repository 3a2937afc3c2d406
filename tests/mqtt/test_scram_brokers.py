"""SCRAM with brokers that know it: one whose own it is, and one with the authenticator of ci/guarded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import need, run_testbed

GUARDED = Path(__file__).parents[2] / "ci" / "guarded" / "hivemq-scram.toml"
CASES = ("*.a_scram_exchange_proves_both_sides", "*.a_wrong_proof_is_refused", "*.every_auth_and_the_connack_*")


@pytest.mark.parametrize(("peer", "dut"), [("mqtt5", "mqtt5"), ("hivemq", str(GUARDED))])
def test_a_scram_exchange_passes_and_a_wrong_proof_is_refused(tmp_path: Path, peer: str, dut: str) -> None:
    need(peer)
    cases = [word for case in CASES for word in ("--case", case)]
    done = run_testbed("run", "mqtt-broker-5.0", "--dut", dut, *cases, "--out", "run", "--json", cwd=tmp_path)
    assert done.returncode in (0, 1), done.stderr
    verdicts = [cell["verdict"] for cell in json.loads(done.stdout)["cells"]]
    assert verdicts == ["pass"] * 6, done.stderr
