"""Both broker suites on mosquitto: how long a whole run takes beside its longest single wait, with many lanes and
with few, and whether any verdict differs.

    python benchmarks/whole_run.py [--dut mosquitto] [--lanes 128 64 20] [--runs 20]

With `--lanes 1` every cell has the broker to itself: that takes a quarter of an hour.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory


def run(dut: str, lanes: int, folder: Path) -> tuple[float, dict[str, str], float]:
    """Wall seconds, verdict of each cell, and the longest cell in seconds."""
    command = ["from harness.cli import main; main()", "run", "mqtt-broker-3.1.1", "mqtt-broker-5.0"]
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", *command, "--dut", dut, "--lanes", str(lanes), "--out", str(folder), "-q"],
        check=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    took = time.perf_counter() - start
    cells = json.loads((folder / "results.json").read_text())["cells"]
    return took, {c["id"]: c["verdict"] for c in cells}, max(c.get("seconds", 0) for c in cells)


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    ask.add_argument("--dut", default="mosquitto")
    ask.add_argument("--runs", type=int, default=3, help="runs with 128 lanes that are compared")
    ask.add_argument("--lanes", type=int, nargs="+", default=[128, 64, 20])
    asked = ask.parse_args()
    with TemporaryDirectory() as scratch:
        first: dict[str, str] = {}
        for lanes in asked.lanes:
            took, verdicts, longest = run(asked.dut, lanes, Path(scratch) / f"lanes{lanes}")
            first = first or verdicts
            differ = [id for id in first if verdicts.get(id) != first[id]]
            budget = 1.25 * longest + 5
            print(
                f"{lanes:3} lanes: {took:6.1f} s, {len(verdicts)} cells; longest single wait {longest:.1f} s; "
                f"run / (1.25 x wait + 5 s) = {took / budget:.2f}; "
                f"verdicts that differ from the first: {len(differ)} {differ[:5]}"
            )
        times: list[float] = []
        flips: set[str] = set()
        for number in range(asked.runs):
            took, verdicts, _ = run(asked.dut, 128, Path(scratch) / f"again{number}")
            times.append(took)
            flips |= {id for id in first if verdicts.get(id) != first[id]}
        print(
            f"{asked.runs} runs with 128 lanes: {min(times):.1f} to {max(times):.1f} s, "
            f"verdicts that differ: {len(flips)} {sorted(flips)[:8]}"
        )
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"peak memory of a run: {peak:.0f} MiB; / 250 MiB = {peak / 250:.2f}")


if __name__ == "__main__":
    main()
