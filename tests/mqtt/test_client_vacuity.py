"""Given clients that can connect and nothing else, when they are judged, then nothing passes but what is asked of
CONNECT alone."""

from __future__ import annotations

import asyncio
from collections import defaultdict

import pytest

from harness import plan, profile, qualify
from harness.judge import Bench, base36, judge
from harness.plan import PlannedCell
from testbed.dut import Description, Dut, Endpoint
from testbed.mqtt import client as tester
from testbed.protocol import roles
from tests.mqtt.idle_clients import KINDS, control_of

ROLE = roles()["mqtt-client"]
#: Modules that ask for nothing but a CONNECT.
OF_CONNECT = {"connect", "client_id", "credentials", "will"}
#: Seconds of protocol time that a case may last here, and cells at once.
LASTS, LANES = 1.0, 128


@pytest.fixture(scope="module")
def passed() -> dict[tuple[str, str], list[str]]:
    """(kind, edition) -> the cells that pass."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tester, "control_of", control_of)
        return asyncio.run(judged())


async def judged() -> dict[tuple[str, str], list[str]]:
    """Every kind in every edition, side by side."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    lanes = asyncio.Semaphore(LANES)

    async def one(kind: str, cell: PlannedCell, bench: Bench, scope: str) -> None:
        async with lanes:
            result, _ = await judge(cell, bench, scope)
        if result.verdict == "pass":
            found[kind, cell.edition].append(cell.id)

    async with asyncio.TaskGroup() as group:
        for kind in KINDS:
            for edition in ROLE.editions:
                hasty = qualify.hurried(
                    profile.load(edition.replace("mqtt", "mqtt-client")), qualify.EMPTY_PATIENCE, quiet=0.05
                )
                described = Description(kind, ROLE.name, {edition: "tcp://127.0.0.1:0"})
                bench = Bench(Dut(described, {edition: Endpoint("tcp", "127.0.0.1", 0)}), ROLE, hasty.parameters)
                for number, cell in enumerate(plan.make([hasty], [described]).cells):
                    if cell.case.lasts < LASTS:
                        group.create_task(one(kind, cell, bench, f"q{base36(number)}"))
    return found


@pytest.mark.parametrize("edition", ROLE.editions)
@pytest.mark.parametrize("kind", list(KINDS))
def test_a_client_that_only_connects_passes_only_what_is_asked_of_connect(
    kind: str, edition: str, passed: dict[tuple[str, str], list[str]]
) -> None:
    cells = passed[kind, edition]
    assert [id for id in cells if id.split(".")[2] not in OF_CONNECT] == []
    assert any(".connect." in id for id in cells)
