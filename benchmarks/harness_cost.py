"""What the harness adds to each case, and what it takes to say `testbed --help`.

python benchmarks/harness_cost.py
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from harness import scheduler
from harness.case import Case
from harness.journal import Journal
from harness.judge import Bench, judge
from harness.plan import PlannedCell
from harness.requirement import Citation
from testbed.dut import Description, Dut
from testbed.protocol import roles
from testbed.trial import Trial

CASES = 3000
#: Budgets in milliseconds and seconds.
PER_CASE, HELP = 3.0, 0.3


@asynccontextmanager
async def nobody(trial: Trial) -> AsyncIterator[object]:
    yield trial


async def nothing(handle: object) -> None: ...


async def many(folder: Path) -> float:
    role = replace(roles()["mqtt-broker"], tester=nobody)
    description = Description("nobody", "mqtt-broker", {"default": "tcp://127.0.0.1:1"})
    bench = Bench(Dut(description, {}), role, {})
    journal = Journal(folder)
    case = Case("benchmark.nothing", nothing, (Citation("mqtt-5.0", "MQTT-3.1.0-2"),))
    cell = PlannedCell(case, "", "mqtt-5.0", "nobody", "mqtt-broker-5.0")

    async def one(number: int) -> None:
        result, _ = await judge(cell, bench, f"x{number}")
        journal.append("cell", {"repeat": number, "cell": result})

    start = time.perf_counter()
    await scheduler.run([scheduler.Job(0, False, partial(one, n)) for n in range(CASES)], scheduler.Lanes(64))
    journal.close()
    return (time.perf_counter() - start) / CASES * 1000


def main() -> None:
    with TemporaryDirectory() as folder:
        cost = asyncio.run(many(Path(folder)))
    print(
        f"{CASES} empty cases, judged and journalled: {cost:.3f} ms a case; / {PER_CASE:g} ms = {cost / PER_CASE:.2f}"
    )
    times = []
    for _ in range(7):
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", "from harness.cli import main; main()", "--help"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        times.append(time.perf_counter() - start)
    middle = sorted(times)[3]
    print(f"testbed --help: median {middle:.3f} s; / {HELP:g} s = {middle / HELP:.2f}")


if __name__ == "__main__":
    main()
