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


class _Impatient(_Silent):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.close()


class _Chatty(_Babbler):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.data_received(b"")


#: The same for devices that come to the tester: `hang-up` at once, and the `babbler` speaks first.
COMING = EMPTY | {"hang-up": _Impatient, "babbler": _Chatty}


class EmptyClients:
    """An empty client: told to connect, it opens a connection and keeps no requirement there."""

    def __init__(self, kind: str) -> None:
        self._make = COMING[kind]
        self._transports: list[asyncio.BaseTransport] = []

    async def connect(self, host: str, port: int) -> None:
        """Open one more connection; a `dead` one opens none."""
        if self._make is not None:
            transport, _ = await asyncio.get_running_loop().create_connection(self._make, host, port)
            self._transports.append(transport)

    def close(self) -> None:
        """Drop every connection."""
        for transport in self._transports:
            transport.close()


@contextlib.asynccontextmanager
async def empty_peer(kind: str, role: str, *, comes: bool = False) -> AsyncIterator[Dut]:
    """An empty peer as a DUT of `role`: on a free loopback port, or one that `comes` to the tester."""
    if comes:
        endpoint = Endpoint("tcp", "127.0.0.1", 0)
        clients = EmptyClients(kind)
        try:
            yield Dut(Description(kind, role, {"default": str(endpoint)}), {"default": endpoint}, clients=clients)
        finally:
            clients.close()
        return
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
