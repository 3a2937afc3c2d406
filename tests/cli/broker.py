"""A broker that somebody else started, for commands that are given an address."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from testbed.launch.programs import find_program
from tests.command import need


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextlib.contextmanager
def mosquitto(folder: Path, *settings: str) -> Iterator[int]:
    """The port of a Mosquitto with `settings`; the test is skipped, and in CI fails, without Mosquitto."""
    need("mosquitto")
    program, port = find_program("mosquitto"), free_port()
    assert program is not None
    file = folder / "mosquitto.conf"
    file.write_text("\n".join([f"listener {port} 127.0.0.1", "user root", *settings]) + "\n")
    with subprocess.Popen([program, "-c", file], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            until = time.monotonic() + 10
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    assert time.monotonic() < until and process.poll() is None, "mosquitto did not come up"
                    time.sleep(0.02)
            yield port
        finally:
            process.terminate()
