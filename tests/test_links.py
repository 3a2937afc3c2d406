"""Streams and taps: order, ends, bounds."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from testbed.dut import Endpoint
from testbed.link import stream as stream_module
from testbed.link.stream import open_stream
from testbed.link.tap import Delay, Loss, Tap
from testbed.link.tls import tls_context
from tests.certificates import certificate

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], object]


@asynccontextmanager
async def served(serve: Serve, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> AsyncIterator[Endpoint]:
    server = await asyncio.start_server(serve, host, 0, ssl=tls)  # type: ignore[arg-type]
    port = server.sockets[0].getsockname()[1]
    try:
        yield Endpoint("tls" if tls else "tcp", host, port)
    finally:
        server.close()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1000):
        writer.write(data)
    writer.close()


async def talk(
    endpoint: Endpoint, say: bytes, taps: list[Tap], tls: ssl.SSLContext | None = None
) -> tuple[bytes, str]:
    """What comes back for `say`, and how the connection ended after we closed it."""
    got, ended = bytearray(), asyncio.Event()
    hows: list[str] = []
    whole = asyncio.Event()

    def on_data(data: bytes) -> None:
        got.extend(data)
        if len(got) >= len(say):
            whole.set()

    def on_end(how: str) -> None:
        hows.append(how)
        ended.set()
        whole.set()

    stream = await open_stream(endpoint, taps, on_data, on_end, tls=tls)
    stream.send(say)
    async with asyncio.timeout(10):
        await whole.wait()
    stream.close()
    async with asyncio.timeout(10):
        await ended.wait()
    return bytes(got), hows[0]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_bytes_come_back_over_ipv4_and_ipv6(host: str) -> None:
    async def main() -> tuple[bytes, str]:
        try:
            async with served(echo, host) as endpoint:
                return await talk(endpoint, b"hello", [])
        except OSError as error:
            pytest.skip(f"no {host} here: {error}")

    assert asyncio.run(main()) == (b"hello", "closed")


def test_tls_is_spoken_and_an_unknown_authority_is_refused(tmp_path: Path) -> None:
    pem, secret = certificate(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem, secret)

    async def main(client: ssl.SSLContext) -> tuple[bytes, str]:
        async with served(echo, tls=server) as endpoint:
            return await talk(endpoint, b"secret", [], client)

    assert asyncio.run(main(tls_context(authority=str(pem))))[0] == b"secret"
    with pytest.raises(ssl.SSLCertVerificationError):
        asyncio.run(main(tls_context()))
    assert asyncio.run(main(tls_context(verify=False)))[0] == b"secret"


def test_taps_are_passed_in_order_from_the_device_to_the_tester() -> None:
    class Mark(Tap):
        def __init__(self, name: bytes) -> None:
            self.name = name

        def from_dut(self, data: bytes) -> None:
            self.deliver(data + self.name)

        def from_tester(self, data: bytes) -> None:
            self.forward(data + self.name.upper())

    async def main() -> bytes:
        async with served(echo) as endpoint:
            return (await talk(endpoint, b"x", [Mark(b"a"), Mark(b"b")]))[0]

    assert asyncio.run(main()) == b"xBAab"


def test_a_slow_line_keeps_order_and_costs_its_delay() -> None:
    async def main() -> tuple[bytes, float]:
        loop = asyncio.get_running_loop()
        async with served(echo) as endpoint:
            start = loop.time()
            got, _ = await talk(endpoint, bytes(range(256)) * 8, [Delay(0.05, jitter=0.02, rate=1e6, seed=1)])
            return got, loop.time() - start

    got, took = asyncio.run(main())
    assert got == bytes(range(256)) * 8
    assert took >= 0.1


def test_a_line_that_breaks_ends_the_connection() -> None:
    async def main() -> tuple[bytes, str]:
        async with served(echo) as endpoint:
            return await talk(endpoint, b"x", [Loss(1.0)])

    assert asyncio.run(main())[0] == b""


def test_a_device_that_sends_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "MOST", 1 << 20)

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(bytes(1 << 16))
                await writer.drain()
        except OSError:
            writer.close()

    async def main() -> tuple[int, str]:
        seen, ended = 0, asyncio.Event()
        hows: list[str] = []

        def on_data(data: bytes) -> None:
            nonlocal seen
            seen += len(data)

        async with served(flood) as endpoint:
            await open_stream(endpoint, [], on_data, lambda how: (hows.append(how), ended.set()))
            async with asyncio.timeout(10):
                await ended.wait()
        return seen, hows[0]

    seen, how = asyncio.run(main())
    assert seen <= 1 << 20
    assert how == "cut off by the tester after 1 MiB"
