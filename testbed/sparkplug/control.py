"""How a Sparkplug client is brought to the tester: a program started for the cell, or a device that is there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from testbed.dut import Endpoint, Itself
from testbed.launch.clients import Clients, Program
from testbed.launch.empty import EmptyClients
from testbed.launch.placed import LaunchError
from testbed.trial import Trial


class Control:
    """The programs of one cell."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._programs: list[Program] = []

    @property
    def stoppable(self) -> bool:
        """Whether there is a program that can be asked to end."""
        launch = self._trial.dut.description.launch
        return isinstance(launch, Itself) and bool(launch.command)

    async def start(self, where: Endpoint) -> None:
        """Let the device connect to `where`: start its program, unless one of the cell runs. LaunchError when that
        cannot be."""
        clients = self._trial.dut.clients
        if isinstance(clients, EmptyClients):
            await clients.connect(where.host, where.port)
            return
        if not isinstance(clients, Clients) or not isinstance(clients.launch, Itself):
            name = self._trial.dut.name
            raise LaunchError(
                f'{name}: a Sparkplug device connects by itself\n  remedy: write how = "itself" in [launch]'
            )
        command = clients.launch.command
        if command and not any(program.exit_status is None for program in self._programs):
            values = {
                "host": where.host,
                "port": str(where.port),
                "client": self._trial.scope,
                "edition": self._trial.edition,
            }
            self._programs.append(await clients.run(command, values))

    def leave(self) -> None:
        """Ask the program to end (SIGTERM), as whoever operates the device would."""
        for program in self._programs:
            if program.exit_status is None:
                program.hang_up()

    def end(self) -> None:
        """End every program of the cell."""
        for program in self._programs:
            program.end()


@asynccontextmanager
async def control_of(trial: Trial) -> AsyncIterator[Control]:
    """The control for one trial; its programs are ended behind it."""
    control = Control(trial)
    try:
        yield control
    finally:
        control.end()
