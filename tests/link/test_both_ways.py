"""The five transports, the tester at both ends: what one sends the other gets, and each end sees the other leave."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from ends import End, Place

from testbed.dut import Endpoint
from testbed.link.certificates import Authority
from testbed.link.serving import Served, serve_streams
from testbed.link.stream import open_stream
from testbed.link.tls import server_context, tls_context

TEXTS = ["tcp://127.0.0.1:0", "tcp://[::1]:0", "tls://127.0.0.1:0", "ws://127.0.0.1:0", "wss://localhost:0/a", "unix"]


async def joined(text: str, folder: Path) -> tuple[Served, End, End]:
    """A place at `text`, our end of a connection to it, and the end there."""
    endpoint = Endpoint.parse(f"unix://{folder}/s" if text == "unix" else text)
    server = client = None
    if endpoint.secure:
        authority = Authority(folder)
        leaf = authority.leaf()
        server = server_context(str(leaf.certificate), str(leaf.key))
        client = tls_context(authority=str(authority.certificate))
    place, here = Place(), End()
    served = await serve_streams(endpoint, place.accept, tls=server)
    here.stream = await open_stream(served.endpoint, [], here.hear, here.end, tls=client)
    return served, here, await place.first()


def loopback(text: str) -> None:
    if "[::1]" in text:
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError as error:
            pytest.skip(f"no ::1 here: {error}")


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("leaves", ["client", "server", "client, with a reset"])
def test_bytes_cross_and_the_end_is_seen(tmp_path: Path, text: str, leaves: str) -> None:
    loopback(text)

    async def main() -> None:
        served, client, server = await joined(text, tmp_path)
        whole = bytes(range(256)) * 1000
        client.stream.send(b"hello")
        await server.has(b"hello")
        server.stream.send(whole)
        await client.has(whole)
        assert (client.stream.websocket is not None) == served.endpoint.framed
        assert (server.stream.tls is not None) == served.endpoint.secure
        assert client.stream.local[0] and server.stream.local[0]
        one, other = (server, client) if leaves == "server" else (client, server)
        one.stream.close(abruptly="reset" in leaves)
        assert await other.over() == ("reset" if "reset" in leaves and text != "unix" else "closed")
        await one.over()
        assert client.stream.failure is None and server.stream.failure is None
        served.close()
        assert served.refusals == []

    asyncio.run(main())


@pytest.mark.parametrize("text", ["tcp://127.0.0.1:0", "ws://127.0.0.1:0", "unix"])
def test_streams_outlive_the_place_that_accepted_them(tmp_path: Path, text: str) -> None:
    async def main() -> None:
        served, client, server = await joined(text, tmp_path)
        served.close()
        client.stream.send(b"still here")
        await server.has(b"still here")
        with pytest.raises(OSError):
            await open_stream(served.endpoint, [], client.hear, client.end)
        client.stream.close()
        await server.over()

    asyncio.run(main())
    assert not (tmp_path / "s").exists()


def test_more_clients_of_a_unix_socket_than_its_queue_holds_all_get_in(tmp_path: Path) -> None:
    """A full queue is EAGAIN, which is not yet a connection."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "s"))
    listening.listen(1)
    listening.setblocking(False)

    async def main() -> int:
        loop = asyncio.get_running_loop()
        endpoint = Endpoint.parse(f"unix://{tmp_path}/s")
        ends = [End() for _ in range(20)]
        opening = asyncio.gather(*(open_stream(endpoint, [], end.hear, end.end) for end in ends))
        accepted = []
        for _ in ends:
            await asyncio.sleep(0.002)
            accepted.append((await loop.sock_accept(listening))[0])
        streams = await opening
        for stream in streams:
            stream.send(b"x")
        got = [await loop.sock_recv(one, 1) for one in accepted]
        for one in accepted:
            one.close()
        await asyncio.gather(*(end.over() for end in ends))
        return len(got)

    assert asyncio.run(main()) == 20
    listening.close()
