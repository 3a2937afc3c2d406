"""Whether a device under test still lives while it is judged."""

from __future__ import annotations

import asyncio
import time

from msgspec.structs import replace

from harness.results import Cell
from testbed.findings import Inconclusive
from testbed.launch.launching import Device
from testbed.launch.placed import LaunchError
from testbed.protocol import Role
from testbed.trial import OURS, Trial

#: Seconds before each question to a device that seems to be gone; one that is only slow, or restarted, gets time.
PAUSES = (0.0, 0.3, 1.0, 2.0, 4.0)


class Health:
    """Whether a DUT still lives. `dead` says, once it does not, why."""

    def __init__(self, device: Device, role: Role) -> None:
        self._device, self._role = device, role
        self._asking = asyncio.Lock()
        self.dead = ""
        #: When a process of ours was seen to have exited, in Unix nanoseconds; 0 when nobody knows the moment.
        self.died = 0
        #: When the last question began that it answered.
        self._answered = 0.0

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
            self.died = time.time_ns()

    async def check(self, result: Cell, *, alone: bool = False, left: bool = False) -> None:
        """Ask more closely after a cell that found no connection, that had the device `alone`, or whose connection
        the device has `left`: a device that falls closes its connections too."""
        since = asyncio.get_running_loop().time()
        if alone or (left and self._device.controlled):
            # A process that falls takes a moment to be reaped.
            await asyncio.sleep(0.05)
        self._look()
        if self.dead or not (alone or result.cause == "no connection" or (left and not self._device.controlled)):
            return
        async with self._asking:
            if self._answered > since:
                return
            await self._ask()

    async def _ask(self) -> None:
        """Find out whether it answers as its role does."""
        why = ""
        for pause in PAUSES:
            self._look()
            if self.dead:
                return
            await asyncio.sleep(pause)
            began = asyncio.get_running_loop().time()
            try:
                await self._role.ready(self._device.dut)
            except (OSError, Inconclusive, LaunchError) as error:
                if getattr(error, "errno", None) in OURS:
                    return  # nothing was learnt
                why = str(error)
            else:
                self._answered = began
                return
        self._look()
        self.dead = self.dead or f"{self._device.dut.name} stopped answering during the run: {why}"

    def suspects(self, trial: Trial) -> bool:
        """Whether a cell that was under way at the device's death may have caused it: it had said something in the
        second before."""
        said = max((shot.at for shot in trial.shots if shot.way == "sent"), default=0)
        return said > self.died - 1_000_000_000


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
