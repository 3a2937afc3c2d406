"""Given a client that is careless about TLS in one way, when it is judged, then it fails by the requirement that it
breaks; a careful one passes everything."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from harness import plan, profile, qualify, suite
from harness.judge import Bench, base36, judge
from harness.results import Cell
from testbed.dut import Description, Shim
from testbed.launch import peers
from testbed.launch.launching import launch
from testbed.protocol import roles

ROLE = roles()["mqtt-client"]
HERE = Path(__file__).parent
EDITIONS = ROLE.editions
#: Kind -> the requirement that such a client breaks.
BREAKS = {
    "any-time": "RFC5280-6.1.3-validity",
    "any-certificate": "RFC5280-6.1.3-signature",
    "any-name": "RFC9525-6-identity",
    "no-tls-1.2": "RFC9325-3.1.1-tls12",
    "no-tls-1.3": "RFC9325-3.1.1-tls13",
    "old-tls": "RFC9325-3.1.1-tls11",
    "names-nobody": "RFC6066-3-sni",
    "shows-nothing": "RFC8446-4.4.2-client",
}


def described(kind: str) -> Description:
    """The client of `tls_client.py`."""
    shim = Shim(
        [sys.executable, str(HERE / "tls_client.py"), kind],
        env={"PYTHONPATH": str(peers.shipped() / "python-shim")},
        processes=4,
    )
    return Description(kind, ROLE.name, dict.fromkeys(EDITIONS, "tcp://127.0.0.1:0"), launch=shim)


async def judged(kind: str, edition: str, folder: Path, requirement: str = "") -> list[Cell]:
    """The cells about TLS that cite `requirement`."""
    hasty = qualify.hurried(profile.load(edition.replace("mqtt", "mqtt-client")), qualify.NEAR_PATIENCE)
    device = await launch(described(kind), folder, ROLE.ready)
    try:
        bench = Bench(device.dut, ROLE, hasty.parameters)
        cells = [
            cell
            for cell in plan.make([hasty], [device.dut.description]).cells
            if ".client.tls." in cell.id and (not requirement or f"{edition}:{requirement}" in cell.requirements)
        ]
        assert cells
        lanes = asyncio.Semaphore(4)

        async def one(number: int) -> Cell:
            async with lanes:
                return (await judge(cells[number], bench, f"q{base36(number)}"))[0]

        return await asyncio.gather(*map(one, range(len(cells))))
    finally:
        await device.stop()


@pytest.mark.parametrize("edition", EDITIONS)
def test_a_careful_client_passes(edition: str, tmp_path: Path) -> None:
    cells = asyncio.run(judged("careful", edition, tmp_path))
    assert {cell.id: cell.reason for cell in cells if cell.verdict != "pass"} == {}


@pytest.mark.parametrize(("kind", "requirement"), BREAKS.items(), ids=list(BREAKS))
def test_a_careless_client_fails_by_what_it_breaks(kind: str, requirement: str, tmp_path: Path) -> None:
    edition = EDITIONS[len(kind) % 2]
    cells = asyncio.run(judged(kind, edition, tmp_path, requirement))
    assert any(qualify.broken(cell, f"{edition}:{requirement}") for cell in cells), [cell.reason for cell in cells]


@pytest.mark.parametrize("edition", EDITIONS)
def test_there_is_one_for_every_requirement(edition: str) -> None:
    rows = suite.own_catalogue("transport-security", edition)
    assert {number for number, row in rows.items() if row.binds("client")} == set(BREAKS.values())
