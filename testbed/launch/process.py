"""A device under test as a process of ours: up until it answers, down with nothing left behind."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import tempfile
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

from testbed.dut import Address, Description, Dut, Endpoint, Launch, digest
from testbed.launch import guard, peers
from testbed.launch.ports import Claim, claim, claim_some
from testbed.launch.programs import fill, find_files, find_program, peers_root, search_path

#: Returns when the device answers as its role does; OSError (TimeoutError is one) until then.
Ready = Callable[[Dut], Awaitable[None]]

#: Bytes of the log kept at hand.
TAIL = 256 * 1024
#: Bytes of log on disk, after which a device that talks without end loses what it said first.
LARGEST_LOG = 64 * 1024 * 1024
#: Seconds for the command that prints a version.
VERSION_TIME = 15.0
_PORTS = ("port", "port2", "port3")


class LaunchError(Exception):
    """A device did not come up, or cannot do what was asked. Its text is complete: which, what happened, what to do."""


class Placed:
    """A device that somebody else started: reached, never touched."""

    #: Whether it can be restarted, killed and paused.
    controlled = False
    exit_status: int | None = None
    log = b""

    def __init__(self, description: Description, ready: Ready) -> None:
        self._ready = ready
        self.dut = Dut(description, _endpoints(description, {}), claims=dict(description.claims))

    @property
    def alive(self) -> bool:
        """As far as we know."""
        return True

    def log_tail(self, lines: int = 20) -> str:
        """Nothing: its log is elsewhere."""
        return ""

    async def start(self) -> None:
        """Waits until it answers; LaunchError when it does not within `ready` seconds."""
        name, seconds = self.dut.name, self.dut.description.launch.ready
        for edition, endpoint in self.dut.endpoints.items():
            try:
                await asyncio.get_running_loop().getaddrinfo(endpoint.host, endpoint.port)
            except OSError as error:
                raise LaunchError(
                    f"{name}: the host {endpoint.host!r} has no address ({error.strerror})\n"
                    f"  remedy: correct endpoints.{edition}, or the name service of this machine"
                ) from None
        self.dut.version, self.dut.digest = await _identify(self.dut.description, {})
        last = await _answers(self.dut, self._ready, seconds)
        if last is not None:
            where = ", ".join(str(endpoint) for endpoint in self.dut.endpoints.values())
            said = "nobody listens" if isinstance(last, ConnectionRefusedError) else f"no {self.dut.role} answers"
            raise LaunchError(
                f"{name}: {said} at {where} within {seconds:g} s{_because(last)}\n"
                f"  remedy: start it, or correct the endpoints of its description"
            )

    async def stop(self) -> None:
        """Leaves it as it is."""

    async def kill(self) -> None:
        """LaunchError: it is not ours."""
        raise self._not_ours("killed")

    async def restart(self) -> None:
        """LaunchError: it is not ours."""
        raise self._not_ours("restarted")

    async def pause(self) -> None:
        """LaunchError: it is not ours."""
        raise self._not_ours("paused")

    async def resume(self) -> None:
        """LaunchError: it is not ours."""
        raise self._not_ours("resumed")

    def _not_ours(self, what: str) -> LaunchError:
        return LaunchError(
            f"{self.dut.name}: cannot be {what}, it was started by somebody else\n"
            f'  remedy: describe how to start it (launch.how = "process")'
        )


class Process:
    """A device that we start. One event loop owns it; `stop` ends it for good, whatever came before.

    Ports and work folder stay the same from `start` to `stop`, so what it stored outlives `kill` and `restart`.
    """

    controlled = True

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
            self._dut = self._dut or Dut(self._description, _endpoints(self._description, self._values))
            self._dut.claims.update(self._description.claims)
            self._dut.work = Path(self._values["work"])
            if not self._dut.digest:
                self._dut.version, self._dut.digest = await _identify(self._description, self._values)
            await self._run()
        except BaseException:
            await self.stop()
            raise

    async def restart(self) -> None:
        """Ends it if it lives (SIGTERM, then SIGKILL) and brings it up again on the same ports and work folder."""
        if not self._claims:
            return await self.start()
        try:
            await _to_the_end(self._end())
            await self._run()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL for whatever is left after `launch.stop` seconds; then its work folder and ports go.

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
            how = peers.command(self._description) or "install it, or correct launch.command and launch.requires"
            raise LaunchError(f"{name}: is not installed: {', '.join(lacking)} not found\n  remedy: {how}")
        if not self._values:
            self._claims = claim_some(len(_PORTS))
            self._values = {key: str(found.port) for key, found in zip(_PORTS, self._claims, strict=True)}
            self._values |= {"peers": str(peers_root()), "here": str(self._here)}
        elif not self._claims:
            again = [claim(int(self._values[key])) for key in _PORTS]
            self._claims = [found for found in again if found is not None]
            if len(self._claims) < len(_PORTS):
                raise LaunchError(f"{name}: its ports were taken by somebody else meanwhile\n  remedy: launch it anew")
        work = Path(tempfile.mkdtemp(prefix=f"iot-testbed-{_file_name(name)}-"))
        self._values["work"] = str(work)
        guard.GUARD.watch(self._mark, 0, work)
        for relative, text in self._launch.files.items():
            path = (work / relative).resolve()
            if not path.is_relative_to(work.resolve()):
                raise LaunchError(f"{name}: launch.files: {relative!r} lies outside the work folder")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(fill(text, self._values), encoding="utf-8")
        if self.log_file is None:
            self.log_file = _log_file(self._folder, name)

    async def _run(self) -> None:
        """Spawns it and waits until it answers."""
        await self._spawn()
        assert self._child is not None
        name, seconds, child = self._description.name, self._launch.ready, self._child
        polling = asyncio.ensure_future(_answers(self.dut, self._ready, seconds))
        ending = asyncio.ensure_future(child.wait())
        try:
            await asyncio.wait({polling, ending}, return_when=asyncio.FIRST_COMPLETED)
            if polling.done() and (last := polling.result()) is None:
                return
        finally:
            polling.cancel()
            ending.cancel()
            await asyncio.gather(polling, ending, return_exceptions=True)
        if child.returncode is not None:
            raise LaunchError(f"{name}: ended before it answered ({_status(child.returncode)}){self._quoted()}")
        raise LaunchError(
            f"{name}: no {self.dut.role} answers at "
            f"{', '.join(str(endpoint) for endpoint in self.dut.endpoints.values())} "
            f"after {seconds:g} s{_because(last)}\n  remedy: raise launch.ready if it is only slow{self._quoted()}"
        )

    async def _spawn(self) -> None:
        command = [fill(word, self._values) for word in self._launch.command]
        program = find_program(command[0])
        if program is None:
            raise LaunchError(f"{self._description.name}: {command[0]} is not an executable file")
        assert self.log_file is not None
        work = Path(self._values["work"])
        environment = os.environ | {"PATH": os.pathsep.join(map(str, search_path()))}
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
                try:
                    await asyncio.wait_for(self._child.wait(), self._launch.stop)
                except TimeoutError:
                    pass  # what is left is killed below
        finally:
            guard.sweep(self._mark, self.pid)
        if self._child is not None:
            await asyncio.wait_for(self._child.wait(), guard.LAST)

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


async def launch(
    description: Description, folder: Path, ready: Ready, *, here: Path | None = None
) -> Process | Placed:
    """Brings `description` up, or reaches it where somebody else did; the caller owes it a `stop`.

    `folder` gets its log, `ready` says when it answers as its role does, `here` is the folder of the description
    (default: the folder of the known peers). LaunchError says why it is not there.
    """
    device = (
        Placed(description, ready)
        if isinstance(description.launch, Address)
        else Process(description, folder, ready, here)
    )
    await device.start()
    return device


def _endpoints(description: Description, values: dict[str, str]) -> dict[str, Endpoint]:
    try:
        return {edition: Endpoint.parse(fill(text, values)) for edition, text in description.endpoints.items()}
    except ValueError as error:
        raise LaunchError(f"{description.name}: {error}\n  remedy: correct its [endpoints]") from None


async def _answers(dut: Dut, ready: Ready, seconds: float) -> OSError | None:
    """None as soon as `ready` is content; after `seconds`, what it said last."""
    last: OSError = TimeoutError()
    pause = 0.005
    try:
        async with asyncio.timeout(seconds):
            while True:
                try:
                    return await ready(dut)
                except OSError as error:
                    last = error
                await asyncio.sleep(pause)
                pause = min(pause * 1.5, 0.1)
    except TimeoutError:
        return last


async def _identify(description: Description, values: dict[str, str]) -> tuple[str, str]:
    """Version and digest; each empty when the description gives no way to learn it, or the way fails."""
    identity = description.identity
    values = {"peers": str(peers_root()), "here": str(peers.shipped())} | values
    named = identity.files
    if not named and isinstance(description.launch, Launch):
        named = description.launch.command[:1]
    found = [path for item in named for path in find_files(fill(item, values))]
    hashing = asyncio.to_thread(digest, [path.resolve() for path in found if path.is_file()])
    version, hashed = await asyncio.gather(_version(identity.command, identity.pattern, values), hashing)
    return version or identity.version, hashed


async def _version(command: list[str], pattern: str, values: dict[str, str]) -> str:
    program = find_program(fill(command[0], values)) if command else None
    if program is None:
        return ""
    child = await asyncio.create_subprocess_exec(
        program,
        *(fill(word, values) for word in command[1:]),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    assert child.stdout is not None
    try:
        async with asyncio.timeout(VERSION_TIME):
            printed = await child.stdout.read(TAIL)
            await child.wait()
    except TimeoutError:
        return ""
    finally:
        guard.sweep("", child.pid)
        await _to_the_end(_reap(child))
    found = re.search(pattern, printed.decode(errors="replace"))
    return found[1] if found and found.groups() else found[0] if found else ""


async def _reap(child: asyncio.subprocess.Process) -> None:
    await asyncio.wait_for(child.communicate(), guard.LAST)


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


async def _trim(log: Path) -> None:
    """Keeps a log that grows without end off the disk."""
    while True:
        await asyncio.sleep(1)
        if log.stat().st_size > LARGEST_LOG:
            os.truncate(log, 0)


def _log_file(folder: Path, name: str) -> Path:
    """A new file for a log in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        path = folder / f"{_file_name(name)}{'' if number == 1 else f'-{number}'}.log"
        try:
            path.touch(exist_ok=False)
            return path.absolute()
        except FileExistsError:
            number += 1


def _file_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name)[:60] or "dut"


def _because(error: OSError) -> str:
    text = error.strerror or str(error)
    return f" ({text})" if text else ""


def _status(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"
