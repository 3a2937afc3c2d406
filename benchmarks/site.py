"""How long the published site of a large run takes, beside its budget.

    python benchmarks/site.py [--requirements 400] [--duts 20] [--rounds 3]

The run is made up: every product answers every requirement with ten frames, one cell in eight has something to
explain and so a page of its own. The site is written to an empty folder in both languages. The figure is the
best of the rounds; a ratio below 1 keeps the budget.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(HERE), str(HERE / "tests" / "report")]

from factory import make, quality  # noqa: E402

from harness.report.site import write_site  # noqa: E402
from harness.results import Quality, Results  # noqa: E402

#: Seconds for 400 requirements x 20 products.
BUDGET = 3.0


def once(results: Results, measured: Quality) -> tuple[float, int, int]:
    """(seconds, files, bytes) of one site."""
    with tempfile.TemporaryDirectory() as name:
        start = time.perf_counter()
        write_site([results], Path(name), [measured])
        taken = time.perf_counter() - start
        sizes = [path.stat().st_size for path in Path(name).rglob("*") if path.is_file()]
    return taken, len(sizes), sum(sizes)


def main() -> int:
    """Print the figure; 1 when it is over the budget."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requirements", type=int, default=400)
    parser.add_argument("--duts", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    results = make(args.requirements, args.duts, hostile=False, editions=1)
    rounds = [once(results, quality(results)) for _ in range(args.rounds)]
    taken, files, size = min(rounds)
    print(f"{args.requirements} requirements x {args.duts} products, {len(results.cells)} cells, two languages")
    print(f"{taken:.2f} s, budget {BUDGET:.1f} s, ratio {taken / BUDGET:.2f}; {files} files, {size / 1e6:.1f} MB")
    return int(taken > BUDGET)


if __name__ == "__main__":
    sys.exit(main())
