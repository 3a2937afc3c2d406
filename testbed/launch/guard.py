"""Nothing outlives us: all processes of a launched device carry a mark, and a guard ends them if we die.

The mark is `MARK` in their environment, which daemons that leave their session (Erlang's epmd) inherit too.
The guard is this file run as a program: it is told of each device on its standard input and, when that closes
because we were killed, kills what is left and removes its work folder.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

MARK = "IOT_TESTBED_DUT"
#: Seconds after SIGKILL until we give a process up (it hangs in the kernel).
LAST = 3.0


def environment() -> dict[str, str]:
    """The variables of this process, for a program that it starts. A run lives in a thread, and who started it may
    set variables meanwhile, as pytest does: a copy is taken until one is whole. Without an explicit copy the new
    program would read memory that is being replaced (EFAULT)."""
    while True:
        try:
            return dict(os.environ)
        except (KeyError, RuntimeError):
            continue


def members(mark: str, leader: int) -> list[int]:
    """Process ids of the living that carry `mark` or are in the session of `leader` (0: of nobody)."""
    if sys.platform != "linux":
        return _group(leader)
    wanted = f"{MARK}={mark}".encode()
    if leader and _recycled(leader, wanted):
        leader = 0
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            state, session = _state(int(entry.name))
            if state in "ZX":
                continue
            if (leader and session == leader) or wanted in _environment(int(entry.name)):
                found.append(int(entry.name))
        except OSError:
            continue  # gone meanwhile, or another user's
    return found


def _state(pid: int) -> tuple[str, int]:
    """State letter and session of a process; OSError when it is gone."""
    fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    return fields[0].decode(), int(fields[3])


def _environment(pid: int) -> list[bytes]:
    """The environment a process was started with; OSError when it is gone or another user's."""
    return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")


def _recycled(pid: int, wanted: bytes) -> bool:
    """Whether `pid`, long dead, has meanwhile been given to a process that is none of ours."""
    try:
        return _state(pid)[0] not in "ZX" and wanted not in _environment(pid)
    except OSError:
        return False


def _group(leader: int) -> list[int]:
    """Where there is no /proc: the negative id that stands for the group of `leader`, while it lives."""
    if not leader:
        return []
    try:
        os.killpg(leader, 0)
    except OSError:
        return []
    return [-leader]


def send(pids: list[int], number: signal.Signals) -> None:
    """Signals all of `pids` that are still there."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except OSError:
            continue


def sweep(mark: str, leader: int) -> None:
    """Kills all members and returns when none is left (at most `LAST` seconds)."""
    end = time.monotonic() + LAST
    killed: set[int] = set()
    while time.monotonic() < end:
        now = members(mark, leader)
        send(now, signal.SIGKILL)
        killed.update(now)
        if not now and not any(_dying(pid) for pid in killed):
            return
        time.sleep(0.002)


def _dying(pid: int) -> bool:
    """Killed, but its sockets may still be open."""
    try:
        return _state(pid)[0] not in "ZX"
    except OSError:
        return False


class _Guard:
    """Our end of the guard's standard input; the guard starts with the first device."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._entries: dict[str, dict[str, object]] = {}

    def watch(self, mark: str, leader: int, work: Path) -> None:
        """From now on `work` and all that carries `mark` go when we go; repeat it to tell the leader."""
        with self._lock:
            entry: dict[str, object] = {"mark": mark, "leader": leader, "work": str(work)}
            self._entries[mark] = entry
            self._tell([entry])

    def release(self, mark: str) -> None:
        """The device has been taken down in order."""
        with self._lock:
            if self._entries.pop(mark, None):
                self._tell([{"mark": mark}])

    def _tell(self, entries: list[dict[str, object]]) -> None:
        if self._child is None or self._child.poll() is not None or self._owner != os.getpid():
            self._start()
            entries = list(self._entries.values())
        assert self._child is not None and self._child.stdin is not None
        try:
            for entry in entries:
                self._child.stdin.write(json.dumps(entry).encode() + b"\n")
            self._child.stdin.flush()
        except OSError:
            self._child = None  # somebody killed the guard; the next device starts another

    def _start(self) -> None:
        command = [sys.executable, "-I", "-S", __file__]
        self._child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True, env=environment()
        )
        self._owner = os.getpid()
        atexit.register(self._end, self._child, self._owner)

    @staticmethod
    def _end(child: subprocess.Popen[bytes], owner: int) -> None:
        if owner != os.getpid() or child.stdin is None:
            return
        child.stdin.close()
        try:
            child.wait(2 * LAST)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


GUARD = _Guard()


def main() -> None:
    """Reads entries until the end of the input, then ends all that were not released."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    entries: dict[str, dict[str, object]] = {}
    for line in sys.stdin:
        entry = json.loads(line)
        if "work" in entry:
            entries[entry["mark"]] = entry
        else:
            entries.pop(entry["mark"], None)
    for mark, entry in entries.items():
        sweep(mark, int(str(entry["leader"])))
        shutil.rmtree(str(entry["work"]), ignore_errors=True)


if __name__ == "__main__":
    main()
