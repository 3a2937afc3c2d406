"""A broker that somebody else started, for commands that are given an address."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import subprocess
import threading
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


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Returns when somebody listens at `port`; AssertionError when `process` ends or 10 s pass before."""
    until = time.monotonic() + 10
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < until, "it did not come up within 10 s"
            assert process.poll() is None, "it ended at once"
            time.sleep(0.02)


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
            wait_for(port, process)
            yield port
        finally:
            process.terminate()


class _Only311(socketserver.BaseRequestHandler):
    """Accepts a CONNECT of 3.1.1, closes on any other, and does nothing more."""

    def handle(self) -> None:
        data = self.request.recv(65536)
        if b"MQTT\x04" in data:
            self.request.sendall(b"\x20\x02\x00\x00")
            while self.request.recv(65536):
                pass


@contextlib.contextmanager
def only_311() -> Iterator[int]:
    """The port of a broker that can do as good as nothing, and only in 3.1.1."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Only311) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
