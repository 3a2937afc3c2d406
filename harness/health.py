"""Whether a device under test still lives while it is judged."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from harness.results import Cell
from testbed.launch.placed import Placed
from testbed.launch.process import Process
from testbed.protocol import Role


class Health:
    """Whether a DUT still lives. `dead` says, once it does not, why."""

    def __init__(self, device: Process | Placed, role: Role) -> None:
        self._device, self._role = device, role
        self._asking = asyncio.Lock()
        self.dead = ""

    async def poll(self) -> None:
        """Watch a process of ours until it is dead."""
        while not self.dead:
            self._look()
            await asyncio.sleep(0.1)

    def _look(self) -> None:
        if not self.dead and not self._device.alive:
            tail = self._device.log_tail(8)
            last = f"; the end of its log:\n{tail}" if tail else ""
            self.dead = f"{self._device.dut.name} died with status {self._device.exit_status}{last}"

    async def check(self, result: Cell, *, alone: bool = False) -> None:
        """Ask more closely after a cell that found no connection, or that had the device `alone`."""
        if alone:
            # A process that falls takes a moment to be reaped.
            await asyncio.sleep(0.05)
        self._look()
        if self.dead or result.cause != "no connection":
            return
        async with self._asking:
            for pause in (0.0, 0.3, 1.0):
                if self.dead:
                    return
                await asyncio.sleep(pause)
                try:
                    await self._role.ready(self._device.dut)
                    return
                except OSError as error:
                    why = str(error)
            self._look()
            self.dead = self.dead or f"{self._device.dut.name} stopped answering during the run: {why}"


def killed(result: Cell, why: str, *, alone: bool) -> Cell:
    """The result of a cell during which the device died. Whoever had it alone has killed it, and that is a failure;
    with others about nobody can tell, and it is an error."""
    if alone:
        wanted = "a device that goes on serving"
        found = [replace(f, verdict="fail", expected=wanted, came=why) for f in result.findings if f.source == "case"]
        return replace(result, verdict="fail", reason=f"{why}; this case had it alone", findings=found)
    text = f"{why}; this cell was under way and may be what killed it"
    found = [replace(f, verdict="error") for f in result.findings]
    return replace(result, verdict="error", reason=text, cause="the device died", findings=found)
