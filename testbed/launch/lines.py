"""A program of ours that takes and gives one JSON object a line: started, spoken to, ended, with nothing left behind.

What it prints is bounded: a line of more than `LONGEST_LINE` bytes, a line that is no JSON object, or more than
`MOST_LINES` lines or `MOST_BYTES` bytes that nobody has taken end the conversation, and `failure` says why.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from testbed.launch import guard
from testbed.launch.placed import LaunchError
from testbed.launch.programs import find_program, search_path

#: Bytes of one line, either way.
LONGEST_LINE = 1 << 20
#: Lines that may wait to be taken, and their bytes.
MOST_LINES, MOST_BYTES = 10_000, 16 << 20
#: Characters of a line that are shown in a message.
_SHOWN = 120


class Lines:
    """One such program. One event loop owns it."""

    def __init__(self, name: str, mark: str = "") -> None:
        """`mark` goes into its environment; its owner ends what is left by it (`testbed.launch.guard`). Without one,
        it has one of its own and `stop` does so."""
        self.name = name
        #: Why nothing more can come; empty while something can.
        self.failure = ""
        #: Set whenever something came, or nothing more will.
        self.changed = asyncio.Event()
        #: What it said of itself first, as its protocol's room reads it, and how many orders it was given.
        self.introduced: Any = None
        self.count = 0
        #: Bytes that came so far.
        self.heard = 0
        self._waiting: deque[tuple[dict[str, Any], int]] = deque()
        self._held = 0
        self._child: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._mark, self._own = mark or uuid.uuid4().hex, not mark

    async def start(
        self, command: Sequence[str], work: Path, log: Path, env: Mapping[str, str] | None = None
    ) -> None:
        """Start `command` in the folder `work`, its standard error going into `log`. LaunchError if it cannot run."""
        program = find_program(command[0])
        if program is None:
            raise LaunchError(f"{self.name}: {command[0]} is not an executable file")
        environment = guard.environment() | {"PATH": os.pathsep.join(map(str, search_path()))} | dict(env or {})
        environment[guard.MARK] = self._mark
        try:
            with log.open("ab") as errors:
                self._child = await asyncio.create_subprocess_exec(
                    program,
                    *command[1:],
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=errors,
                    cwd=work,
                    env=environment,
                    start_new_session=True,
                    limit=LONGEST_LINE,
                )
        except OSError as error:
            raise LaunchError(f"{self.name}: {program} cannot be run ({error.strerror})") from None
        guard.GUARD.watch(self._mark, 0, work)
        self._reader = asyncio.create_task(self._read(self._child))

    @property
    def pid(self) -> int:
        """Process id; 0 before the start."""
        return self._child.pid if self._child else 0

    def say(self, line: bytes) -> None:
        """Hand one line (without its end) to the program."""
        if self._child is not None and self._child.stdin is not None and not self.failure:
            self._child.stdin.write(line + b"\n")

    def take(self) -> dict[str, Any] | None:
        """The next object that came; None when none waits."""
        if not self._waiting:
            return None
        said, size = self._waiting.popleft()
        self._held -= size
        return said

    async def _read(self, child: asyncio.subprocess.Process) -> None:
        assert child.stdout is not None
        while not self.failure:
            try:
                line = await child.stdout.readline()
            except ValueError:
                self._fail(f"printed a line of more than {LONGEST_LINE >> 20} MiB")
                return
            if not line:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(child.wait(), 1.0)
                status = (
                    "closed its standard output" if child.returncode is None else f"ended with {child.returncode}"
                )
                self._fail(status)
                return
            self._heard(line)

    def _heard(self, line: bytes) -> None:
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict):
            shown = line[:_SHOWN].decode(errors="replace").rstrip()
            self._fail(f"printed what is no JSON object: {shown!r} (logs belong on standard error)")
        elif len(self._waiting) >= MOST_LINES:
            self._fail(f"printed more than {MOST_LINES} lines that nobody asked for")
        elif self._held + len(line) > MOST_BYTES:
            self._fail(f"printed more than {MOST_BYTES >> 20} MiB that nobody asked for")
        else:
            self.heard += len(line)
            self._held += len(line)
            self._waiting.append((said, len(line)))
            self.changed.set()

    def _fail(self, why: str) -> None:
        self.failure = self.failure or why
        self.changed.set()

    async def stop(self, seconds: float = 2.0) -> None:
        """Close its standard input, give it `seconds` to end, then kill what is left of it."""
        child = self._child
        if child is None:
            return
        self.failure = self.failure or "was stopped"
        try:
            if child.stdin is not None:
                child.stdin.close()
            if child.returncode is None and seconds > 0:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(child.wait(), seconds)
        finally:
            killed(child.pid)
            if self._own:
                guard.sweep(self._mark, child.pid)
                guard.GUARD.release(self._mark)
            if self._reader is not None:
                self._reader.cancel()
                await asyncio.wait({self._reader})
            # The event loop has to learn of the end of the program and of its output while it still runs.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(guard.LAST):
                    while child.stdout is not None and await child.stdout.read(1 << 16):
                        continue
                    await child.wait()


def killed(leader: int) -> None:
    """Kill a program that leads a session, with all that has not left its group."""
    with contextlib.suppress(OSError):
        os.killpg(leader, signal.SIGKILL)
