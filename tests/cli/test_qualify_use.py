"""`testbed qualify` on devices that it cannot be done on: words, no traceback, no figures."""

from __future__ import annotations

from pathlib import Path

from tests.command import device, run_testbed


def test_a_device_that_does_not_speak_the_edition(tmp_path: Path) -> None:
    name = device(tmp_path, "polite")
    done = run_testbed("qualify", "mqtt-broker-5.0", "--dut", name, cwd=tmp_path)
    assert done.returncode == 2
    assert "no mqtt-broker that speaks mqtt-5.0" in done.stderr


def test_a_device_that_cannot_be_discovered(tmp_path: Path) -> None:
    """It says that it speaks both; once it is up it refuses one."""
    file = tmp_path / device(tmp_path, "dies", patience=0.3)
    done = run_testbed("qualify", "mqtt-broker-3.1.1", "--dut", file.name, cwd=tmp_path, LIVES="1")
    assert done.returncode == 3
    assert "cannot be discovered in mqtt-3.1.1" in done.stderr and "remedy" in done.stderr
