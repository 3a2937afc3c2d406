"""A device under test as a process of ours: up until it answers, down with nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
import uuid
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from testbed.dut import Description, Dut, Launch
from testbed.files import file_name
from testbed.launch import guard, peers
from testbed.launch.identity import identify
from testbed.launch.placed import LaunchError, Ready, answers, because, endpoints, where
from testbed.launch.ports import Claim, claim, claim_some
from testbed.launch.programs import fill, find_program, peers_root, search_path

#: Bytes of the log kept at hand.
TAIL = 256 * 1024
#: Bytes of log on disk, after which a device that talks without end loses what it said first.
LARGEST_LOG = 64 * 1024 * 1024
_PORTS = ("port", "port2", "port3")


class Process:
    """A device that we start. One event loop owns it; `stop` ends it for good, whatever came before.

    Ports and work folder stay the same from `start` to `stop`: what it stored outlives `kill` and `restart`.
    """

    controlled = True
    lanes: int | None = None

    def __init__(self, description: Description, folder: Path, ready: Ready, here: Path | None = None) -> None:
        """`folder` gets the log; `here` is the folder of the description (default: of the known peers)."""
        if not isinstance(description.launch, Launch):
            raise TypeError(f"{description.name} is not described as a process")
        self._description = description
        self._launch = description.launch
        self._folder = folder
        self._ready = ready
        self._here = (here or peers.shipped()).absolute()
        self._mark = uuid.uuid4().hex
        self._claims: list[Claim] = []
        self._values: dict[str, str] = {}
        self._child: asyncio.subprocess.Process | None = None
        self._stdin: int | None = None
        self._trimmer: asyncio.Task[None] | None = None
        self._dut: Dut | None = None
        #: The full log.
        self.log_file: Path | None = None

    @property
    def dut(self) -> Dut:
        """What was brought up; LaunchError before the first start."""
        if self._dut is None:
            raise LaunchError(f"{self._description.name}: has not been started")
        return self._dut

    @property
    def alive(self) -> bool:
        """Whether its first process runs (or is paused)."""
        return self._child is not None and self._child.returncode is None

    @property
    def pid(self) -> int:
        """Process id of its first process; 0 before the first start."""
        return self._child.pid if self._child else 0

    @property
    def exit_status(self) -> int | None:
        """Exit code, minus the signal's number if a signal ended it; None while it runs."""
        return self._child.returncode if self._child else None

    @property
    def log(self) -> bytes:
        """The last `TAIL` bytes that it printed."""
        if self.log_file is None:
            return b""
        try:
            with self.log_file.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
                return file.read(TAIL)
        except OSError:
            return b""

    def log_tail(self, lines: int = 20) -> str:
        """The last lines that it printed."""
        return "\n".join(self.log.decode(errors="replace").splitlines()[-lines:])

    async def start(self) -> None:
        """Brings it up and waits until it answers; LaunchError otherwise, with nothing left behind."""
        if self.alive:
            raise LaunchError(f"{self._description.name}: is already running")
        try:
            self._prepare()
            self._dut = self._dut or Dut(self._description, endpoints(self._description, self._values))
            self._dut.claims.update(self._description.claims)
            self._dut.work = Path(self._values["work"])
            naming = asyncio.ensure_future(identify(self._description, self._values))
            try:
                await self._run()
                self._dut.version, self._dut.digest = await naming
            finally:
                await _cancelled(naming)
        except BaseException:
            await self.stop()
            raise

    async def restart(self) -> None:
        """Ends it if it lives (SIGTERM, then SIGKILL) and brings it up on the same ports and work folder."""
        if not self._claims:
            return await self.start()
        try:
            await _to_the_end(self._end())
            await self._run()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL for whatever is left after `launch.stop` seconds; work folder and ports go.

        Harmless when repeated. A cancelled caller still waits for the end.
        """
        await _to_the_end(self._stop())

    async def kill(self) -> None:
        """SIGKILL to all of its processes; work folder and ports stay for `restart`."""
        guard.sweep(self._mark, self.pid)
        await _to_the_end(self._end())

    async def pause(self) -> None:
        """SIGSTOP to all of its processes: connections stay open and nobody answers."""
        guard.send(guard.members(self._mark, self.pid), signal.SIGSTOP)

    async def resume(self) -> None:
        """SIGCONT to all of its processes."""
        guard.send(guard.members(self._mark, self.pid), signal.SIGCONT)

    def _prepare(self) -> None:
        """Ports, work folder and files; the same ports again after a stop."""
        name = self._description.name
        lacking = peers.installed(self._description, self._here)
        if lacking:
            how = peers.command(self._description) or "install it, or correct launch.command and .requires"
            raise LaunchError(f"{name}: is not installed: {', '.join(lacking)} not found\n  remedy: {how}")
        if not self._values:
            self._claims = claim_some(len(_PORTS))
            self._values = {key: str(found.port) for key, found in zip(_PORTS, self._claims, strict=True)}
            self._values |= {"peers": str(peers_root()), "here": str(self._here)}
        elif not self._claims:
            again = [claim(int(self._values[key]), again=True) for key in _PORTS]
            self._claims = [found for found in again if found is not None]
            if len(self._claims) < len(_PORTS):
                raise LaunchError(f"{name}: somebody took its ports meanwhile\n  remedy: launch it anew")
        work = Path(tempfile.mkdtemp(prefix=f"iot-testbed-{file_name(name)}-"))
        self._values["work"] = str(work)
        guard.GUARD.watch(self._mark, 0, work)
        for relative, text in self._launch.files.items():
            path = (work / relative).resolve()
            if not path.is_relative_to(work.resolve()):
                raise LaunchError(f"{name}: launch.files: {relative!r} lies outside the work folder")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(fill(text, self._values), encoding="utf-8")
        if self.log_file is None:
            self.log_file = log_file(self._folder, name)

    async def _run(self) -> None:
        """Spawns it and waits until it answers."""
        await self._spawn()
        assert self._child is not None
        name, seconds, child = self._description.name, self._launch.ready, self._child
        polling = asyncio.ensure_future(answers(self.dut, self._ready, seconds))
        ending = asyncio.ensure_future(child.wait())
        try:
            await asyncio.wait({polling, ending}, return_when=asyncio.FIRST_COMPLETED)
            last = polling.result() if polling.done() else TimeoutError()
            if last is None:
                return
        finally:
            await _cancelled(polling)
            await _cancelled(ending)
        if child.returncode is not None:
            raise LaunchError(f"{name}: ended before it answered ({_status(child.returncode)}){self._quoted()}")
        raise LaunchError(
            f"{name}: no {self.dut.role} answers at {where(self.dut)} after {seconds:g} s{because(last)}\n"
            f"  remedy: if it is only slow, raise launch.ready{self._quoted()}"
        )

    async def _spawn(self) -> None:
        command = [fill(word, self._values) for word in self._launch.command]
        program = find_program(command[0])
        if program is None:
            raise LaunchError(f"{self._description.name}: {command[0]} is not an executable file")
        assert self.log_file is not None
        work = Path(self._values["work"])
        environment = guard.environment() | {"PATH": os.pathsep.join(map(str, search_path()))}
        environment |= {key: fill(value, self._values) for key, value in self._launch.env.items()}
        environment[guard.MARK] = self._mark
        theirs = asyncio.subprocess.DEVNULL
        if self._launch.stdin:
            theirs, self._stdin = os.pipe()
        try:
            with self.log_file.open("ab") as log:
                self._child = await asyncio.create_subprocess_exec(
                    program,
                    *command[1:],
                    stdin=theirs,
                    stdout=log,
                    stderr=asyncio.subprocess.STDOUT,
                    cwd=work,
                    env=environment,
                    start_new_session=True,
                )
        except OSError as error:
            raise LaunchError(f"{self._description.name}: {program} cannot be run ({error.strerror})") from None
        finally:
            if theirs >= 0:
                os.close(theirs)
        guard.GUARD.watch(self._mark, self._child.pid, work)
        self._trimmer = asyncio.ensure_future(_trim(self.log_file))

    async def _end(self) -> None:
        """Ends all processes; work folder and ports stay."""
        try:
            if self._stdin is not None:
                os.close(self._stdin)
                self._stdin = None
            if self._trimmer is not None:
                self._trimmer.cancel()
                self._trimmer = None
            if self._child is not None and self._child.returncode is None:
                guard.send([self._child.pid], signal.SIGTERM)
                guard.send(guard.members(self._mark, self._child.pid), signal.SIGCONT)
                with contextlib.suppress(TimeoutError):  # what is left is killed below
                    await asyncio.wait_for(self._child.wait(), self._launch.stop)
        finally:
            guard.sweep(self._mark, self.pid)
        if self._child is not None:
            try:
                await asyncio.wait_for(self._child.wait(), guard.LAST)
            except TimeoutError:
                stuck = f"{self._description.name}: process {self.pid} does not end, not even by SIGKILL"
                raise LaunchError(stuck) from None

    async def _stop(self) -> None:
        try:
            await self._end()
        finally:
            if work := self._values.get("work"):
                shutil.rmtree(work, ignore_errors=True)
            for held in self._claims:
                held.release()
            self._claims = []
            guard.GUARD.release(self._mark)

    def _quoted(self) -> str:
        tail = self.log_tail()
        indented = "\n".join(f"    {line}" for line in tail.splitlines())
        return f"\n  last lines of {self.log_file}:\n{indented}" if tail else "\n  it printed nothing"


async def _to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Runs `work` to its end even if the caller is cancelled, who learns of it afterwards."""
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
        except Exception:
            break  # raised below, from the task itself
    task.result()
    if cancelled:
        raise asyncio.CancelledError


async def _cancelled(task: asyncio.Future[Any]) -> None:
    """Cancels `task` until it ends: Python 3.11's `wait_for` loses a cancellation that meets a result."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=0.05)
    if not task.cancelled():
        task.exception()  # seen; the caller has its own to raise


async def _trim(log: Path) -> None:
    """Keeps a log that grows without end off the disk."""
    while True:
        await asyncio.sleep(1)
        if os.stat(log).st_size > LARGEST_LOG:  # noqa: PTH116 - takes microseconds, unlike a thread
            os.truncate(log, 0)


def log_file(folder: Path, name: str) -> Path:
    """A new file for a log in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        path = folder / f"{file_name(name)}{'' if number == 1 else f'-{number}'}.log"
        try:
            path.touch(exist_ok=False)
            return path.absolute()
        except FileExistsError:
            number += 1


def _status(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"
