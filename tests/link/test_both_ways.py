"""The five transports, the tester at both ends: what one sends the other gets, and each end sees the other leave."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from testbed.dut import Endpoint
from testbed.link.certificates import Authority
from testbed.link.serving import Served, serve_streams
from testbed.link.stream import Stream, open_stream
from testbed.link.tls import server_context, tls_context


@dataclass
class End:
    """One end of a connection, and all that it saw."""

    got: bytearray = field(default_factory=bytearray)
    how: str = ""
    stream: Stream | None = None
    came: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, data: bytes) -> None:
        self.got += data
        self.came.set()

    def end(self, how: str) -> None:
        self.how = how
        self.ended.set()

    async def has(self, data: bytes) -> None:
        async with asyncio.timeout(5):
            while bytes(self.got) != data:
                self.came.clear()
                await self.came.wait()

    async def over(self) -> str:
        async with asyncio.timeout(5):
            await self.ended.wait()
        return self.how


class Place:
    """A server of ours, and the ends of those who came."""

    def __init__(self) -> None:
        self.ends: list[End] = []
        self._came = asyncio.Event()

    def accept(self) -> Stream:
        one = End()
        one.stream = Stream([], one.hear, one.end)
        self.ends.append(one)
        self._came.set()
        return one.stream

    async def first(self) -> End:
        async with asyncio.timeout(5):
            await self._came.wait()
        return self.ends[0]


TEXTS = ["tcp://127.0.0.1:0", "tcp://[::1]:0", "tls://127.0.0.1:0", "ws://127.0.0.1:0", "wss://localhost:0/a", "unix"]


def contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    authority = Authority(folder)
    leaf = authority.leaf()
    server = server_context(str(leaf.certificate), str(leaf.key))
    return server, tls_context(authority=str(authority.certificate))


async def pair(text: str, folder: Path) -> tuple[Served, End, End]:
    endpoint = Endpoint.parse(f"unix://{folder}/s" if text == "unix" else text)
    server, client = contexts(folder) if endpoint.secure else (None, None)
    place, here = Place(), End()
    served = await serve_streams(endpoint, place.accept, tls=server)
    here.stream = await open_stream(served.endpoint, [], here.hear, here.end, tls=client)
    return served, here, await place.first()


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("leaves", ["client", "server", "client, with a reset"])
def test_bytes_cross_and_the_end_is_seen(tmp_path: Path, text: str, leaves: str) -> None:
    async def main() -> None:
        served, client, server = await pair(text, tmp_path)
        assert client.stream and server.stream
        whole = bytes(range(256)) * 1000
        client.stream.send(b"hello")
        await server.has(b"hello")
        server.stream.send(whole)
        await client.has(whole)
        assert (client.stream.websocket is not None) == served.endpoint.framed
        assert (server.stream.tls is not None) == served.endpoint.secure
        assert client.stream.local[0] and server.stream.local[0]
        one, other = (server, client) if leaves == "server" else (client, server)
        assert one.stream
        one.stream.close(abruptly="reset" in leaves)
        assert await other.over() == ("reset" if "reset" in leaves and text != "unix" else "closed")
        await one.over()
        assert client.stream.failure is None and server.stream.failure is None
        served.close()
        assert served.refusals == []

    asyncio.run(main())
