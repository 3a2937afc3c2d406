"""What a person sees while a run goes on: bars on a terminal, lines when piped."""

from __future__ import annotations

import threading
from collections import Counter
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from harness.plan import Plan
from harness.report.visible import line, visible
from harness.results import Cell
from harness.run import Observer

_COLOURS = {"pass": "green", "fail": "red", "inconclusive": "yellow", "error": "magenta", "not-applicable": "dim"}
_SHORT = {"pass": "pass", "fail": "fail", "inconclusive": "inconclusive", "error": "error", "not-applicable": "n/a"}


class Progress(Observer):
    """Counts cells by DUT; draws when it is asked to, from the main thread."""

    def __init__(
        self, plan: Plan, console: Console, *, quiet: bool, mute: bool, done: frozenset[tuple[str, int]]
    ) -> None:
        self._plan, self._console, self._quiet, self._mute = plan, console, quiet or mute, mute
        self._lock = threading.Lock()
        self._lines: list[str] = []
        self._causes: set[tuple[str, str]] = set()
        self._state = {dut.name: "" for dut in plan.duts}
        self._counts: dict[str, Counter[str]] = {dut.name: Counter() for dut in plan.duts}
        left = [cell.dut for cell in plan.cells for repeat in range(plan.repeat) if (cell.id, repeat) not in done]
        self._total = Counter(left)
        self._live: Live | None = None
        if done and not quiet:
            self._lines.append(f"{len(done)} results were there before and are kept")

    # -- told from the run's thread

    def dut(self, name: str, text: str) -> None:
        with self._lock:
            self._state[name] = line(text.partition("\n")[0])
            if text.startswith("trouble") or (not self._quiet and not self._console.is_terminal):
                self._lines.append(f"{name}: {text}")

    def cell(self, cell: Cell, repeat: int) -> None:
        with self._lock:
            self._counts[cell.dut][cell.verdict] += 1
            # One cause is told once; the journal has every cell.
            told = (cell.dut, cell.cause) in self._causes
            if cell.cause:
                self._causes.add((cell.dut, cell.cause))
            if cell.verdict in ("fail", "error") and not self._quiet and not told:
                self._lines.append(f"{cell.verdict.upper():5} {cell.id}\n      {cell.reason.partition(chr(10))[0]}")

    # -- drawn from the main thread

    def tick(self) -> None:
        """Print what is new and draw the bars again."""
        with self._lock:
            lines, self._lines = self._lines, []
        for text in lines:
            self._console.print(visible(text), markup=False, highlight=False, soft_wrap=True)
        if self._live:
            self._live.update(self._table(), refresh=True)

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        with self._lock:
            for name, counts in self._counts.items():
                total = self._total[name]
                seen = sum(counts.values())
                width = 24 * min(seen, total) // total if total else 0
                parts = [f"[{_COLOURS[v]}]{counts[v]} {_SHORT[v]}[/]" for v in _COLOURS if counts[v]]
                bar = "█" * width + "░" * (24 - width)
                # Names and states come from devices and descriptions: never markup.
                shown, state = Text(visible(name), "bold"), Text(self._state[name], "dim")
                table.add_row(shown, bar, f"{seen}/{total}", "  ".join(parts), state)
        return table

    def __enter__(self) -> Progress:
        if self._console.is_terminal and not self._mute:
            self._live = Live(self._table(), console=self._console, auto_refresh=False, transient=True)
            self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.tick()
        if self._live:
            self._live.__exit__(kind, error, trace)


def watch(
    plan: Plan, *, quiet: bool = False, mute: bool = False, done: frozenset[tuple[str, int]] = frozenset()
) -> Progress:
    """A progress display on stderr, so that stdout stays what was asked for. `quiet` names no failing cell, `mute`
    also draws no bars; `done` are cells and repeats that are not run again."""
    return Progress(plan, Console(stderr=True, highlight=False), quiet=quiet, mute=mute, done=done)
