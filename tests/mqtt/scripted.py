"""Brokers that say what a test tells them, for tests of the tester."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from testbed.dut import Description, Dut, Endpoint

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter
#: Frame of the client (its first byte) -> what the broker does.
Act = Callable[[bytes, Writer], Awaitable[None] | None]

CONNACK = {4: b"\x20\x02\x00\x00", 5: b"\x20\x03\x00\x00\x00"}
PINGRESP = b"\xd0\x00"


async def frames(reader: Reader) -> AsyncIterator[bytes]:
    """The client's frames, as long as they come."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head, length, shift = await reader.readexactly(1), 0, 0
            while True:
                byte = (await reader.readexactly(1))[0]
                length |= (byte & 0x7F) << shift
                shift += 7
                if byte < 0x80:
                    break
            yield head + await reader.readexactly(length)


@contextlib.asynccontextmanager
async def broker(act: Act | None = None, *, accepts: bool = True) -> AsyncIterator[Dut]:
    """A broker that accepts CONNECT (when it `accepts`) and answers PINGREQ, unless `act` closes or says otherwise:
    it is called with each other frame."""

    async def serve(reader: Reader, writer: Writer) -> None:
        first = True
        async for frame in frames(reader):
            if frame[0] == 0x10 and accepts and first:
                writer.write(CONNACK[frame[7]])
            elif frame[0] == 0xC0 and act is None:
                writer.write(PINGRESP)
            elif act is not None:
                doing = act(frame, writer)
                if doing is not None:
                    await doing
            first = False
            if writer.is_closing():
                break
        with contextlib.suppress(RuntimeError):  # the loop is over
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    endpoint = Endpoint("tcp", "127.0.0.1", server.sockets[0].getsockname()[1])
    try:
        yield Dut(Description("scripted", "mqtt-broker", {"default": str(endpoint)}), {"default": endpoint})
    finally:
        server.close()
