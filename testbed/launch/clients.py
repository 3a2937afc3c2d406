"""A device under test that comes to the tester: a shimmed library, programs of the command line, or a client that
nobody commands. What is common to them is that there are as many of them as cells run at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from testbed.dut import CLIENTS, Commands, Description, Dut, Itself, Shim
from testbed.files import file_name
from testbed.launch import guard, peers
from testbed.launch.identity import identify
from testbed.launch.lines import Lines, killed
from testbed.launch.placed import LaunchError, Ready, endpoints
from testbed.launch.process import log_file
from testbed.launch.programs import fill, fill_any, find_program, peers_root, search_path

#: Programs that are started at the same time: more only wait for the processor.
STARTING = 4
#: Consecutive programs that end before they were of use, after which no further one is tried.
HOPELESS = 5


class Program:
    """One run of a command-line client, or of a client that nobody commands."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self._child = child

    @property
    def exit_status(self) -> int | None:
        """Its exit code, minus the signal's number if a signal ended it; None while it runs."""
        return self._child.returncode

    def end(self) -> None:
        """Kill it and all that it started and that has not gone its own way."""
        killed(self._child.pid)

    def hang_up(self) -> None:
        """Ask it to end (SIGTERM), as a user would."""
        with contextlib.suppress(ProcessLookupError):
            self._child.terminate()


class Clients:
    """The device: starts its programs when cells ask for them, and ends them all in `stop`."""

    controlled = False
    exit_status: int | None = None

    def __init__(self, description: Description, folder: Path, ready: Ready, here: Path | None = None) -> None:
        """`folder` gets the log; `here` is the folder of the description (default: of the known peers)."""
        if not isinstance(description.launch, CLIENTS):
            raise TypeError(f"{description.name} is not described as a client")
        self._description = description
        self.launch = description.launch
        self._here = (here or peers.shipped()).absolute()
        self._folder, self._ready = folder, ready
        self._values = {"peers": str(peers_root()), "here": str(self._here)}
        self._idle: list[Lines] = []
        self._all: set[Lines] = set()
        self._starting = asyncio.Semaphore(STARTING)
        self._failed = 0
        self._why = ""
        #: Whether one of its shims has shown that it can be used again.
        self.proven = False
        #: In the environment of everything that is started, so that `stop` finds whatever is left of it.
        self._mark = uuid.uuid4().hex
        self._work: Path | None = None
        self.log_file: Path | None = None
        self.dut = Dut(description, endpoints(description, {}), claims=dict(description.claims), clients=self)

    @property
    def lanes(self) -> int:
        """How many cells may run at once; a real device is alone, and so is who listens at one place."""
        if isinstance(self.launch, Itself) and not self.launch.command:
            return 1
        # Two cells at one port or socket would get each other's clients.
        if any(where.transport == "unix" or where.port for where in self.dut.endpoints.values()):
            return 1
        return self.launch.processes

    @property
    def alive(self) -> bool:
        """Whether a further one can be expected to work."""
        return self._failed < HOPELESS

    def log_tail(self, lines: int = 20) -> str:
        """The last lines that its programs wrote as errors, or what was wrong with them."""
        if self.log_file is None:
            return self._why
        with self.log_file.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 65536))
            said = file.read().decode(errors="replace").splitlines()[-lines:]
        return "\n".join([*said, self._why]).strip()

    async def start(self) -> None:
        """Check that everything it needs is there, and which build it is; LaunchError otherwise."""
        name = self._description.name
        missing = [program for program in self._programs() if find_program(program) is None]
        missing += peers.lacking(self.launch.requires, self._values)
        if missing:
            how = peers.command(self._description) or "install it, or correct launch.command and .requires"
            raise LaunchError(f"{name}: is not installed: {', '.join(missing)} not found\n  remedy: {how}")
        self._work = Path(tempfile.mkdtemp(prefix=f"iot-testbed-{file_name(name)}-"))
        self.log_file = log_file(self._folder, name)
        self.dut.work = self._work
        self.dut.version, self.dut.digest = await identify(self._description, self._values)
        try:
            await self._ready(self.dut)
        except BaseException:
            await self.stop()
            raise

    def _programs(self) -> list[str]:
        launch = self.launch
        commands = [launch.subscribe, launch.publish] if isinstance(launch, Commands) else [launch.command]
        return list(dict.fromkeys(fill(words[0], self._values) for words in commands if words))

    async def restart(self) -> None:
        """LaunchError: each cell has a fresh one already."""
        raise LaunchError(f"{self._description.name}: {self._why or 'cannot be restarted'}")

    async def stop(self) -> None:
        """End every program; harmless when repeated."""
        grace = self.launch.stop if isinstance(self.launch, Shim) else 0.0
        await asyncio.gather(*(one.stop(grace) for one in self._all))
        await asyncio.to_thread(guard.sweep, self._mark, 0)
        guard.GUARD.release(self._mark)
        self._all.clear()
        self._idle.clear()
        if self._work is not None:
            shutil.rmtree(self._work, ignore_errors=True)

    # -- shims

    async def hire(self) -> Lines:
        """A shim that has not been used, or was returned by `give_back`. LaunchError when none starts."""
        while self._idle:
            one = self._idle.pop()
            if not one.failure:
                return one
            self._all.discard(one)
            await one.stop(0.0)
        launch, name = self.launch, self._description.name
        assert isinstance(launch, Shim) and self._work is not None and self.log_file is not None
        if not self.alive:
            raise LaunchError(f"{name}: {self._why}")
        one = Lines(name, self._mark)
        self._all.add(one)
        async with self._starting:
            words = [fill(word, self._values) for word in launch.command]
            env = {key: fill(value, self._values) for key, value in launch.env.items()}
            await one.start(words, self._work, self.log_file, env)
        return one

    def give_back(self, one: Lines) -> None:
        """A shim that is as on the first day."""
        self._failed = 0
        self._idle.append(one)

    async def dismiss(self, one: Lines, why: str = "", *, useless: bool = False) -> None:
        """End a shim that is of no more use; `useless` when it never was any."""
        self._why = why or self._why
        self._failed = self._failed + 1 if useless else 0
        self._all.discard(one)
        await one.stop(0.0)

    # -- programs

    async def run(self, words: Sequence[str], values: Mapping[str, str]) -> Program:
        """Start a command with its placeholders filled in; its output goes into the log. LaunchError if it cannot."""
        assert self.log_file is not None and self._work is not None
        filled = [fill_any(word, self._values | {"work": str(self._work)} | dict(values)) for word in words]
        program = find_program(filled[0])
        if program is None:
            raise LaunchError(f"{self._description.name}: {filled[0]} is not an executable file")
        environment = guard.environment() | {"PATH": os.pathsep.join(map(str, search_path()))}
        environment |= {key: fill(value, self._values) for key, value in self.launch.env.items()}
        try:
            with self.log_file.open("ab") as log:
                child = await asyncio.create_subprocess_exec(
                    program,
                    *filled[1:],
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=asyncio.subprocess.STDOUT,
                    cwd=self._work,
                    env=environment | {guard.MARK: self._mark},
                    start_new_session=True,
                )
        except OSError as error:
            raise LaunchError(f"{self._description.name}: {program} cannot be run ({error.strerror})") from None
        guard.GUARD.watch(self._mark, 0, self._work)
        return Program(child)
