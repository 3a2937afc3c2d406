"""A client whose endpoint is TLS or WebSocket: the whole suite is run over it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import need, run_testbed

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "endpoint", ["tls://127.0.0.1:0", "ws://127.0.0.1:0/mqtt", "wss://127.0.0.1:0/mqtt", "tcp://[::1]:0"]
)
def test_a_client_is_judged_over_the_endpoint_of_its_description(tmp_path: Path, endpoint: str) -> None:
    need("paho-python")
    peers = ROOT / "testbed" / "peers"
    (tmp_path / "mine.toml").write_text(
        f"""name = "mine"
role = "mqtt-client"
[endpoints]
"mqtt-5.0" = "{endpoint}"
[launch]
how = "shim"
command = ["python", '{peers / "paho-python" / "paho_shim.py"}']
env = {{ PYTHONPATH = '{peers / "python-shim"}' }}
"""
    )
    done = run_testbed(
        "run", "mqtt-client-5.0", "--dut", "mine.toml", "--case", "*.qos1.*", "--out", "run", cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "run" / "results.json").read_text())
    assert found["duts"][0]["endpoints"] == {"mqtt-5.0": endpoint}
    assert {cell["verdict"] for cell in found["cells"]} == {"pass"}


def test_a_device_that_cannot_be_told_whom_to_trust_needs_a_certificate_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "meter.toml").write_text(
        """name = "meter"
role = "mqtt-client"
[endpoints]
"mqtt-5.0" = "tls://127.0.0.1:0"
[launch]
how = "itself"
"""
    )
    done = run_testbed("run", "mqtt-client-5.0", "--dut", "meter.toml", "--case", "*.connect.*", cwd=tmp_path)
    assert done.returncode == 3
    assert "no certificate to show" in done.stderr and "tls-certificate" in done.stderr
