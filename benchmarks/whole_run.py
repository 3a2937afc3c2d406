"""Whole runs: how long they take beside their longest single wait, with many lanes and with few, and whether any
verdict differs.

    python benchmarks/whole_run.py                                     # both broker suites on mosquitto
    python benchmarks/whole_run.py --role client --dut paho-python --lanes 16 8
    python benchmarks/whole_run.py --role client --dut paho-go --dut gmqtt --dut mqttjs --lanes 16 --runs 1

With `--lanes 1` every cell has the device to itself: on a broker that takes a quarter of an hour.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

#: Role -> the device and the lanes that are measured unless others are named.
USUAL = {"broker": ("mosquitto", (128, 64, 20)), "client": ("paho-python", (16, 8))}


def run(role: str, duts: Sequence[str], lanes: int, folder: Path) -> tuple[float, dict[str, str], float]:
    """Wall seconds, verdict of each cell, and the longest cell in seconds."""
    profiles = [f"mqtt-{role}-3.1.1", f"mqtt-{role}-5.0"]
    named = [word for dut in duts for word in ("--dut", dut)]
    words = ["run", *profiles, *named, "--lanes", str(lanes), "--out", str(folder), "-q"]
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", "from harness.cli import main; main()", *words],
        check=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    took = time.perf_counter() - start
    cells = json.loads((folder / "results.json").read_text())["cells"]
    return took, {c["id"]: c["verdict"] for c in cells}, max(c.get("seconds", 0) for c in cells)


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    ask.add_argument("--role", choices=list(USUAL), default="broker")
    ask.add_argument("--dut", action="append", help="several are judged side by side")
    ask.add_argument("--runs", type=int, default=3, help="runs with the most lanes that are compared")
    ask.add_argument("--lanes", type=int, nargs="+")
    asked = ask.parse_args()
    usual, widths = USUAL[asked.role]
    duts, lanes = asked.dut or [usual], asked.lanes or list(widths)
    print(f"{asked.role} suites on {', '.join(duts)}")
    with TemporaryDirectory() as scratch:
        first: dict[str, str] = {}
        for width in lanes:
            took, verdicts, longest = run(asked.role, duts, width, Path(scratch) / f"lanes{width}")
            first = first or verdicts
            differ = [id for id in first if verdicts.get(id) != first[id]]
            budget = 1.25 * longest + 5
            print(
                f"{width:3} lanes: {took:6.1f} s, {len(verdicts)} cells; longest single wait {longest:.1f} s; "
                f"run / (1.25 x wait + 5 s) = {took / budget:.2f}; "
                f"verdicts that differ from the first: {len(differ)} {differ[:5]}"
            )
        times: list[float] = []
        flips: set[str] = set()
        for number in range(asked.runs):
            took, verdicts, _ = run(asked.role, duts, lanes[0], Path(scratch) / f"again{number}")
            times.append(took)
            flips |= {id for id in first if verdicts.get(id) != first[id]}
        if times:
            print(
                f"{asked.runs} runs with {lanes[0]} lanes: {min(times):.1f} to {max(times):.1f} s, "
                f"verdicts that differ: {len(flips)} {sorted(flips)[:8]}"
            )
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"peak memory of a run: {peak:.0f} MiB; / 250 MiB = {peak / 250:.2f}")


if __name__ == "__main__":
    main()
