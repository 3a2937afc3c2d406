"""Runs work ahead, side by side, within each DUT's lanes.

Lanes bound how many cells share a DUT; an exclusive cell takes all of them. The longest declared wait starts
first, so that a whole run costs little more than that wait.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass


class Lanes:
    """How many cells may be on one DUT. First come, first served: an exclusive cell drains the lanes."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._slots = asyncio.Semaphore(number)
        self._door = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def hold(self, *, alone: bool):
        """One lane, or all of them."""
        wanted = self.number if alone else 1
        held = 0
        try:
            async with self._door:
                while held < wanted:
                    await self._slots.acquire()
                    held += 1
            yield
        finally:
            for _ in range(held):
                self._slots.release()


@dataclass(frozen=True, slots=True)
class Job:
    """One cell's work: `work` never raises but for cancellation."""

    lasts: float
    alone: bool
    work: Callable[[], Awaitable[None]]
    #: Awaited before the job queues for a lane.
    gate: Callable[[], Awaitable[None]] | None = None


def in_order(jobs: Sequence[Job]) -> list[Job]:
    """Shared before exclusive, long waits before short; otherwise as planned."""
    return sorted(jobs, key=lambda job: (job.alone, -job.lasts))


async def run(jobs: Sequence[Job], lanes: Lanes) -> None:
    """Run all `jobs` of one DUT. Cancelling this cancels every one of them."""

    async def one(job: Job) -> None:
        if job.gate is not None:
            await job.gate()
        async with lanes.hold(alone=job.alone):
            await job.work()

    async with asyncio.TaskGroup() as group:
        for job in in_order(jobs):
            group.create_task(one(job))
