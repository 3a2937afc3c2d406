"""Taps: every byte between tester and device under test passes a chain of them.

The chain of one connection runs from the DUT to the tester. A tap overrides what it wants to see or change;
left alone it passes everything. `deliver` hands bytes on towards the tester, `forward` towards the DUT.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from testbed.link.stream import Stream


class Tap:
    """Passes everything, in both directions."""

    deliver: Callable[[bytes], None]
    forward: Callable[[bytes], None]
    #: Tell the tester that the DUT has closed.
    end: Callable[[], None]
    #: Close the connection to the DUT (`True`: with a reset).
    hang_up: Callable[[bool], None]

    def joined(self, stream: Stream) -> None:
        """The connection is open: the stream tells what lies between the taps and the network."""

    def from_dut(self, data: bytes) -> None:
        self.deliver(data)

    def from_tester(self, data: bytes) -> None:
        self.forward(data)

    def dut_closed(self) -> None:
        self.end()

    def tester_closed(self, abruptly: bool) -> None:
        self.hang_up(abruptly)


def chain(
    taps: Sequence[Tap],
    *,
    to_tester: Callable[[bytes], None],
    to_dut: Callable[[bytes], None],
    end: Callable[[], None],
    hang_up: Callable[[bool], None],
) -> Tap:
    """Join `taps`, the one nearest the DUT first, and return one tap with the two outer ends."""
    ends = Tap()
    ends.deliver, ends.forward, ends.end, ends.hang_up = to_tester, to_dut, end, hang_up
    if not taps:
        return ends
    for near, far in itertools.pairwise(taps):
        near.deliver, near.end = far.from_dut, far.dut_closed
        far.forward, far.hang_up = near.from_tester, near.tester_closed
    first, last = taps[0], taps[-1]
    first.forward, first.hang_up = to_dut, hang_up
    last.deliver, last.end = to_tester, end
    outer = Tap()
    outer.from_dut, outer.dut_closed = first.from_dut, first.dut_closed  # type: ignore[method-assign]
    outer.from_tester, outer.tester_closed = last.from_tester, last.tester_closed  # type: ignore[method-assign]
    return outer


class Delay(Tap):
    """A slow line: `seconds` each way with up to `jitter` more, at most `rate` bits a second (0: no limit).

    The order of bytes is kept, as on a stream.
    """

    def __init__(self, seconds: float = 0.0, *, jitter: float = 0.0, rate: float = 0.0, seed: int = 0) -> None:
        self.seconds, self.jitter, self.rate = seconds, jitter, rate
        self._random = random.Random(seed)
        self._free = {"up": 0.0, "down": 0.0}
        # The event loop does not keep the order of calls due at the same time.
        self._waiting: dict[str, deque[Callable[[], None]]] = {"up": deque(), "down": deque()}

    def _later(self, way: str, size: int, call: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        start = max(loop.time(), self._free[way])
        when = start + (size * 8 / self.rate if self.rate else 0.0)
        due = max(when + self.seconds + self._random.uniform(0, self.jitter), self._free.get(way + "-due", 0.0))
        self._free[way], self._free[way + "-due"] = when, due
        self._waiting[way].append(call)
        loop.call_at(due, lambda: self._waiting[way].popleft()())

    def from_dut(self, data: bytes) -> None:
        self._later("up", len(data), lambda: self.deliver(data))

    def from_tester(self, data: bytes) -> None:
        self._later("down", len(data), lambda: self.forward(data))

    def dut_closed(self) -> None:
        self._later("up", 0, self.end)

    def tester_closed(self, abruptly: bool) -> None:
        self._later("down", 0, lambda: self.hang_up(abruptly))


class Loss(Tap):
    """A line that breaks: after every delivery the connection is reset with probability `chance`, seeded.

    A stream cannot lose single bytes; what a lossy network does to it is to cut it.
    """

    def __init__(self, chance: float, *, seed: int = 0) -> None:
        self.chance = chance
        self._random = random.Random(seed)
        self._broken = False

    def _pass(self, data: bytes, on: Callable[[bytes], None]) -> None:
        if self._broken:
            return
        on(data)
        if self._random.random() < self.chance:
            self._broken = True
            self.hang_up(True)
            self.end()

    def from_dut(self, data: bytes) -> None:
        self._pass(data, self.deliver)

    def from_tester(self, data: bytes) -> None:
        self._pass(data, self.forward)
