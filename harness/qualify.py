"""How good is the suite? Plant faults and count what it catches; judge peers that keep nothing and count passes.

A planted fault is a tap between tester and a real device that breaks one requirement. It is caught when a cell
that cites this requirement, and that passes without the fault, fails with it (or a passive rule names the
requirement).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from harness import claims as claims_module
from harness import coverage, plan, scheduler
from harness.journal import now
from harness.judge import Bench, base36, judge
from harness.plan import PlannedCell
from harness.profile import Profile
from harness.results import Cell, FaultResult, Quality
from testbed.dut import Description, Dut, Scalar
from testbed.findings import Inconclusive
from testbed.launch.empty import EMPTY, empty_peer
from testbed.launch.launching import launch
from testbed.launch.placed import LaunchError
from testbed.link.tap import Delay, Tap
from testbed.protocol import Fault, Planted, Role

#: Told after each finished piece of work: done, of how many, what.
Told = Callable[[int, int, str], None]

#: Seconds a real device is given: it is near, and most of what is waited for a fault has swallowed.
NEAR_PATIENCE = 2.0
#: Seconds a real device is given when it has only just started.
FIRST_PATIENCE = 10.0
#: Seconds an empty peer is given to answer; it never will.
EMPTY_PATIENCE = 0.3


class _Bytewise(Tap):
    """Legal, if odd: everything arrives one byte at a time."""

    def from_dut(self, data: bytes) -> None:
        for index in range(len(data)):
            self.deliver(data[index : index + 1])


#: Legal variants of a device's behaviour on the line: no verdict may turn to fail because of them.
VARIANTS: dict[str, Callable[[], Tap]] = {
    "slow line (40 ms each way)": lambda: Delay(0.04),
    "jitter (up to 60 ms)": lambda: Delay(0.0, jitter=0.06, seed=7),
    "one byte at a time": _Bytewise,
}


@dataclass(slots=True)
class _Shop:
    """What all trials of one qualification share."""

    dut: Dut
    role: Role
    profile: Profile
    lanes: scheduler.Lanes
    count: int = 0
    plain: dict[str, Cell] = field(default_factory=dict)
    sound: list[PlannedCell] = field(default_factory=list)

    async def judge(self, cell: PlannedCell, plants: tuple[Callable[[], Tap], ...] = ()) -> Cell:
        """One cell, under a name of its own."""
        self.count += 1
        bench = Bench(self.dut, self.role, self.profile.parameters, plants)
        result, _ = await judge(cell, bench, f"q{base36(self.count)}")
        return result

    async def all(self, cells: Sequence[PlannedCell], plant: Callable[[], Tap] | None = None) -> dict[str, Cell]:
        """Every one of `cells`, side by side."""
        found: dict[str, Cell] = {}

        async def one(cell: PlannedCell) -> None:
            found[cell.id] = await self.judge(cell, (plant,) if plant else ())

        await self.run([(cell, partial(one, cell)) for cell in cells])
        return found

    async def run(self, work: Sequence[tuple[PlannedCell, Callable[[], Awaitable[None]]]]) -> None:
        """Do the work side by side, the longest first."""
        jobs = [scheduler.Job(cell.case.lasts, cell.case.alone(cell.row), call) for cell, call in work]
        await scheduler.run(jobs, self.lanes)


def broken(cell: Cell, requirement: str) -> bool:
    """Whether the cell blames `requirement`."""
    return any(f.verdict == "fail" and f.requirement == requirement for f in cell.findings)


#: The better, the earlier: what counts of a fault that was planted on several devices.
_BEST = ("caught", "caught-elsewhere", "missed", "unreachable")


async def qualify(
    profile: Profile,
    devices: Sequence[tuple[Description, Path | None]],
    role: Role,
    folder: Path,
    *,
    faults: Sequence[Fault] | None = None,
    lanes: int = 128,
    told: Told = lambda done, total, what: None,
) -> Quality:
    """The figures of one profile, on real devices (descriptions and the folders of their files).

    Each fault is planted on the first device; what that one cannot show, because it has the same fault itself or
    lacks the feature, on the next. The legal variants are of the first. LaunchError when a device does not start.
    """
    planted = role.faults(profile.edition) if faults is None else tuple(faults)
    best: dict[str, FaultResult] = {}
    specificity: dict[str, list[str]] = {}
    names: list[str] = []
    for description, here in devices:
        left = [fault for fault in planted if fault.name not in best or best[fault.name].outcome != "caught"]
        if names and not left:
            break
        cells = plan.make([profile], [description]).cells
        device = await launch(description, folder, role.ready, here=here)
        try:
            names.append(f"{description.name} {device.dut.version}".strip())
            at_once = min(lanes, device.lanes or lanes)
            shop = _Shop(device.dut, role, hurried(profile, NEAR_PATIENCE), scheduler.Lanes(at_once))
            last = description is devices[-1][0]
            await _learn(shop, cells, told)
            for result in await _plant(shop, left, told, last=last):
                before = best.get(result.name)
                if before is None or _BEST.index(result.outcome) < _BEST.index(before.outcome):
                    best[result.name] = result
            if len(names) == 1:
                specificity = await _variants(shop, told)
        finally:
            await device.stop()
    vacuity = {}
    for kind in EMPTY:
        told(len(planted), len(planted), f"empty peer: {kind}")
        cells = plan.make([profile], [devices[0][0]]).cells
        vacuity[kind] = await passes_on(kind, role, profile, cells, lanes)
    table = coverage.table(role, profile.edition)
    return Quality(
        profile=profile.name,
        dut=", ".join(names),
        made=now(),
        covered=len(table.covered) + len(table.watched),
        testable=len(table.covered) + len(table.watched) + len(table.missing),
        untried=len(table.untried),
        faults=[best[fault.name] for fault in planted],
        vacuity=vacuity,
        specificity=specificity,
    )


def hurried(profile: Profile, patience: float, **parameters: Scalar) -> Profile:
    """The profile with less patience."""
    return replace(profile, parameters=profile.parameters | {"patience": patience} | parameters)


async def _learn(shop: _Shop, cells: Sequence[PlannedCell], told: Told) -> None:
    """What becomes of the cells without a fault, and which of them are sound: they pass."""
    applying = await _applying(shop, cells)
    told(0, len(applying), f"{len(applying)} cells on {shop.dut.name} without a fault")
    shop.plain = await shop.all(applying)
    shop.sound = [cell for cell in applying if shop.plain[cell.id].verdict == "pass"]


async def _variants(shop: _Shop, told: Told) -> dict[str, list[str]]:
    """Legal variant -> cells that pass without it and fail with it."""
    found: dict[str, list[str]] = {}
    for name, plant in VARIANTS.items():
        told(0, len(VARIANTS), f"{name} on {shop.dut.name}")
        odd = await shop.all(shop.sound, plant)
        found[name] = sorted(id for id, cell in odd.items() if cell.verdict == "fail")
    return found


async def _applying(shop: _Shop, cells: Sequence[PlannedCell]) -> list[PlannedCell]:
    patient = hurried(shop.profile, FIRST_PATIENCE)
    trial = Bench(shop.dut, shop.role, patient.parameters).trial(shop.profile.edition, "qd")
    try:
        found = await shop.role.discover(trial)
    except Inconclusive as doubt:
        name = shop.dut.name
        raise LaunchError(
            f"{name}: cannot be discovered in {shop.profile.edition}: {doubt.reason}\n"
            "  remedy: name a device that speaks it, on which every fault can be planted"
        ) from None
    finally:
        trial.close()
    merged = claims_module.merged(shop.dut.description.claims, found, shop.profile)
    shop.dut.claims |= {claim.name: claims_module.there(claim) for claim in merged}
    by_name = {claim.name: claim for claim in merged}
    return [cell for cell in cells if claims_module.decide(cell, by_name) is None]


async def _plant(shop: _Shop, faults: Sequence[Fault], told: Told, *, last: bool) -> list[FaultResult]:
    """Every fault first against the sound cells that cite what it breaks, and, if these sleep on the `last` device
    too, against all."""
    out: dict[str, FaultResult] = {}
    cells, plain = shop.sound, shop.plain

    async def one(fault: Fault) -> None:
        requirement = f"{fault.edition}:{fault.requirement}"

        def catches(cell: Cell) -> bool:
            return broken(cell, requirement) and not broken(plain[cell.id], requirement)

        citing = [cell for cell in cells if requirement in cell.requirements]
        planted, failed = await _against(shop, fault, citing, catches)
        if last and not any(catches(cell) for cell in failed):
            citing_ids = {cell.id for cell in citing}
            more, elsewhere = await _against(
                shop, fault, [cell for cell in cells if cell.id not in citing_ids], catches
            )
            planted = planted or more
            failed += elsewhere
        caught = [cell.id for cell in failed if catches(cell)]
        if caught:
            outcome = "caught"
        elif not planted:
            outcome = "unreachable"
        else:
            outcome = "caught-elsewhere" if failed else "missed"
        by = caught or sorted(cell.id for cell in failed)[:8]
        out[fault.name] = FaultResult(fault.name, fault.edition, requirement, fault.text, outcome, by, shop.dut.name)
        told(len(out), len(faults), f"{fault.name}: {outcome}")

    async with asyncio.TaskGroup() as group:
        for fault in faults:
            group.create_task(one(fault))
    return [out[fault.name] for fault in faults]


async def _against(
    shop: _Shop, fault: Fault, cells: Sequence[PlannedCell], enough: Callable[[Cell], bool]
) -> tuple[bool, list[Cell]]:
    """Whether the fault found anything to break in `cells`, and those that failed; no further cell is begun once one
    is `enough`."""
    touched = False
    failed: list[Cell] = []
    over = False

    async def one(cell: PlannedCell) -> None:
        nonlocal touched, over
        if over:
            return
        planting = Planted()
        result = await shop.judge(cell, (lambda: fault.tap(planting),))
        touched = touched or planting.touched
        # A rule may have seen the breach although the case itself came to no end.
        failing = result.verdict == "fail" or any(finding.verdict == "fail" for finding in result.findings)
        if failing and planting.touched:
            failed.append(result)
            over = over or enough(result)

    # Few at first, then ever more: most faults are caught by the first cells they meet.
    left, share = sorted(cells, key=lambda cell: cell.case.lasts), 4
    while left and not over:
        now_on, left = left[:share], left[share:]
        await shop.run([(cell, partial(one, cell)) for cell in now_on])
        share *= 2
    return touched, failed


async def passes_on(
    kind: str, role: Role, profile: Profile, cells: Sequence[PlannedCell], lanes: int = 128
) -> list[str]:
    """The cells that pass on an empty peer: each is a hole in the suite."""
    hasty = hurried(profile, EMPTY_PATIENCE, quiet=0.05)
    async with empty_peer(kind, role.name, comes=role.comes) as dut:
        shop = _Shop(dut, role, hasty, scheduler.Lanes(lanes))
        found = await shop.all(cells)
    return sorted(id for id, cell in found.items() if cell.verdict == "pass")
