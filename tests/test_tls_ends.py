"""TLS streams end as plain ones do, however often and from whichever side they are closed."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from testbed.dut import Endpoint
from testbed.link.stream import open_stream
from testbed.link.tls import tls_context
from tests.certificates import certificate


@pytest.mark.parametrize("first", ["tester", "device"])
def test_a_stream_may_be_closed_again_and_then_reset(tmp_path: Path, first: str) -> None:
    pem, secret = certificate(tmp_path)
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(pem, secret)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    async def main() -> list[str]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_side)
        endpoint = Endpoint("tls", "127.0.0.1", server.sockets[0].getsockname()[1])
        hows: list[str] = []
        ended = asyncio.Event()
        stream = await open_stream(
            endpoint,
            [],
            lambda data: None,
            lambda how: (hows.append(how), ended.set()),  # type: ignore[arg-type]
            tls=tls_context(authority=str(pem)),
        )
        if first == "device":
            stream.send(b"x")
            async with asyncio.timeout(5):
                await ended.wait()
        stream.close()
        stream.close()
        stream.close(abruptly=True)
        async with asyncio.timeout(5):
            await ended.wait()
        assert stream.failure is None
        assert stream.unsent == 0
        stream.send(b"y")
        server.close()
        return hows

    assert asyncio.run(main()) == ["closed"]


def test_settings_are_read_once_and_not_for_every_connection(tmp_path: Path) -> None:
    """The authorities of the system take 20 ms to read, in which nothing else is served."""
    assert tls_context() is tls_context()
    pem, _ = certificate(tmp_path)
    one = tls_context(authority=str(pem))
    assert one is tls_context(authority=str(pem))
    assert one is not tls_context(authority=str(pem), verify=False)
