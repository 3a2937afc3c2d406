"""The lives of a device under test: what is done when it dies while it is judged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from harness import scheduler
from harness.health import Health
from testbed.dut import Launch
from testbed.launch.launching import Device
from testbed.launch.placed import LaunchError
from testbed.protocol import Role


class Lives:
    """One device through all its lives. `health` is that of the present one.

    Without a restart left, whoever comes after its death finds it dead. With one, cells that were under way are
    suspects: they are tried again in smaller company, at last each alone, where a death has one cause.
    """

    def __init__(self, device: Device, role: Role, told: Callable[[str], None]) -> None:
        launch = device.dut.description.launch
        self._device, self._role, self._told = device, role, told
        self._left = launch.restart if isinstance(launch, Launch) else 0
        self._suspects: list[scheduler.Job] = []
        self._rest: list[scheduler.Job] = []
        self.deaths = 0
        self.health = Health(device, role)
        #: Whether a cell has the device to itself.
        self.alone = False

    def again(self, job: scheduler.Job, *, begun: bool) -> bool:
        """Put a job that met a death aside, to be done in the next life; False when there is none to come."""
        if not self._left:
            return False
        (self._suspects if begun else self._rest).append(job)
        return True

    async def run(self, jobs: Sequence[scheduler.Job], lanes: int) -> None:
        """Do all `jobs`, in as many lives as it takes and as there are."""
        if not jobs:
            return
        self.alone, self._suspects, self._rest = self.deaths > 0 and lanes == 1, [], []
        async with asyncio.TaskGroup() as group:
            poll = group.create_task(self.health.poll())
            await scheduler.run(jobs, scheduler.Lanes(lanes))
            poll.cancel()
        suspects, rest = self._suspects, self._rest
        if not (suspects or rest):
            return
        await self._revive()
        await self.run(suspects, max(1, lanes // 8))
        await self.run(rest, lanes)

    async def _revive(self) -> None:
        """Start it again. When it does not come, it has no life left."""
        self.deaths += 1
        self._left -= 1
        self._told(f"died ({self.health.dead.partition(chr(10))[0]}); started again, {self._left} restarts left")
        try:
            await self._device.restart()
        except LaunchError as error:
            self._left = 0
            self.health.dead = str(error)
        else:
            self.health = Health(self._device, self._role)
