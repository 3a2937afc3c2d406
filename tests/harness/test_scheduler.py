"""Lanes bound the load, exclusive work is alone, long waits start first."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from harness.scheduler import Job, Lanes, in_order, run


async def nothing() -> None: ...


def test_long_waits_start_first_and_exclusive_work_comes_last() -> None:
    jobs = [Job(0, False, nothing), Job(3, False, nothing), Job(9, True, nothing), Job(1, False, nothing)]
    assert [(job.alone, job.lasts) for job in in_order(jobs)] == [(False, 3), (False, 1), (False, 0), (True, 9)]


@pytest.mark.parametrize("lanes", [1, 3, 64])
def test_no_more_than_the_lanes_run_at_once_and_exclusive_work_is_alone(lanes: int) -> None:
    running: set[int] = set()
    most = 0

    async def work(number: int, alone: bool) -> None:
        nonlocal most
        assert not (alone and running), "exclusive work met others"
        assert not any(n >= 100 for n in running), "others met exclusive work"
        running.add(number)
        most = max(most, len(running))
        await asyncio.sleep(0.001)
        running.discard(number)

    jobs = [Job(0, False, partial(work, n, False)) for n in range(40)]
    jobs += [Job(0, True, partial(work, n, True)) for n in range(100, 104)]
    asyncio.run(run(jobs, Lanes(lanes)))
    assert most == min(lanes, 40)


def test_waits_run_side_by_side() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        start = loop.time()
        await run([Job(0.2, False, partial(asyncio.sleep, 0.2)) for _ in range(50)], Lanes(64))
        return loop.time() - start

    assert asyncio.run(main()) < 1.0


def test_cancelling_a_run_leaves_every_lane_free() -> None:
    async def main() -> None:
        lanes = Lanes(4)
        jobs = [Job(0, n % 5 == 0, partial(asyncio.sleep, 60)) for n in range(20)]
        task = asyncio.create_task(run(jobs, lanes))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(1), lanes.hold(alone=True):
            pass

    asyncio.run(main())
