"""Clients under test, as the judge sees them: what is wrong with one costs its own cells, and no more."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from harness import health
from harness.results import Cell
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
