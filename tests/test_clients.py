"""Clients under test, as the judge sees them: what is wrong with one costs its own cells, and no more."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from harness import health
from harness.results import Cell
from testbed.dut import Description, Shim
from testbed.launch.clients import Clients
from testbed.launch.lines import MOST_BYTES, Lines
from testbed.launch.placed import LaunchError


class _Device:
    alive, controlled = True, False

    def __init__(self) -> None:
        self.dut = type("Named", (), {"name": "a client"})()


class _Role:
    async def ready(self, dut: object) -> None:
        raise LaunchError("a client: the shim ended with 7")


def test_a_client_that_starts_no_more_is_dead_and_no_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PAUSES", (0.0, 0.0))
    asked = health.Health(cast(Any, _Device()), cast(Any, _Role()))
    cell = Cell("c[mqtt-3.1.1,a client]", "c", "mqtt-3.1.1", "a client", [], "inconclusive", cause="no connection")
    asyncio.run(asked.check(cell))
    assert "ended with 7" in asked.dead


def test_a_shim_that_says_much_that_nobody_takes_is_not_listened_to_any_longer(tmp_path: Path) -> None:
    """Each line is short enough, and there are few of them."""
    program = f"for n in range(60): print('{{\"event\": \"' + 'x' * {MOST_BYTES // 20} + '\"}}', flush=True)"

    async def main() -> str:
        lines = Lines("talker")
        await lines.start([sys.executable, "-c", program], tmp_path, tmp_path / "log")
        try:
            async with asyncio.timeout(20):
                while not lines.failure:
                    lines.changed.clear()
                    await lines.changed.wait()
        finally:
            await lines.stop(0.0)
        assert lines.heard <= MOST_BYTES
        return lines.failure

    assert "MiB that nobody asked for" in asyncio.run(main())


@pytest.mark.parametrize(
    ("where", "alone"),
    [("tcp://127.0.0.1:0", False), ("tcp://127.0.0.1:1883", True), ("unix:///tmp/mine.sock", True)],
)
def test_cells_that_share_a_place_do_not_get_each_others_clients(where: str, alone: bool, tmp_path: Path) -> None:
    description = Description("mine", "mqtt-client", {"mqtt-5.0": where}, launch=Shim(["true"], processes=8))
    assert Clients(description, tmp_path, _Role().ready).lanes == (1 if alone else 8)
