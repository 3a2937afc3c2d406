"""Peers that keep no requirement at all. A suite that gives one of them a pass is asleep.

`dead` listens nowhere; `silent` reads and never answers; `echo` sends back what it gets; `hang-up` closes as soon
as something comes; `babbler` answers everything with random bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator, Callable

from testbed.dut import Description, Dut, Endpoint


class _Silent(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport


class _Echo(_Silent):
    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class _HangUp(_Silent):
    def data_received(self, data: bytes) -> None:
        self.transport.close()


class _Babbler(_Silent):
    def __init__(self) -> None:
        self._random = random.Random(20)

    def data_received(self, data: bytes) -> None:
        self.transport.write(self._random.randbytes(1 + self._random.randrange(64)))


EMPTY: dict[str, Callable[[], asyncio.Protocol] | None] = {
    "dead": None,
    "silent": _Silent,
    "echo": _Echo,
    "hang-up": _HangUp,
    "babbler": _Babbler,
}


@contextlib.asynccontextmanager
async def empty_peer(kind: str, role: str) -> AsyncIterator[Dut]:
    """An empty peer on a free loopback port, as a DUT of `role`."""
    make = EMPTY[kind]
    server = None
    # A bound socket that does not listen refuses connections, and nobody else can take its port.
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    port = holder.getsockname()[1]
    try:
        if make is not None:
            server = await asyncio.get_running_loop().create_server(make, sock=holder)
        endpoint = Endpoint("tcp", "127.0.0.1", port)
        yield Dut(Description(kind, role, {"default": str(endpoint)}), {"default": endpoint})
    finally:
        if server is not None:
            server.close()
        holder.close()
