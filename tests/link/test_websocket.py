"""WebSocket at both ends, against the `websockets` library's own ends, and against what is none."""

from __future__ import annotations

import asyncio
import base64
import os
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from ends import End, Place
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from testbed.dut import Endpoint
from testbed.link import serving, websocket
from testbed.link.serving import Served, serve_streams
from testbed.link.stream import open_stream
from testbed.link.websocket import Answer, Framing, HandshakeError, WebSocket

LOCAL = Endpoint.parse("ws://127.0.0.1:0/mqtt")
MQTT = Subprotocol("mqtt")


@asynccontextmanager
async def theirs(handle: Callable[[ServerConnection], object], **options: object) -> AsyncIterator[Endpoint]:
    """A server of the library."""
    options.setdefault("subprotocols", [MQTT])
    async with serve(handle, "127.0.0.1", 0, **options) as server:  # type: ignore[arg-type]
        port = next(iter(server.sockets)).getsockname()[1]
        yield Endpoint("ws", "127.0.0.1", port, "/mqtt")


@asynccontextmanager
async def ours(answer: Answer | None = None) -> AsyncIterator[tuple[Served, Place]]:
    place = Place()
    served = await serve_streams(LOCAL, place.accept, answer=lambda: answer or Answer())
    try:
        yield served, place
    finally:
        served.close()


def layer(end: End) -> WebSocket:
    assert end.stream.websocket is not None
    return end.stream.websocket


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


@pytest.mark.parametrize(
    ("framing", "messages"),
    [
        (Framing(), [b"abcdefg"]),
        (Framing(every=3), [b"abc", b"def", b"g"]),
        (Framing(every=3, fragmented=True), [b"abcdefg"]),
        (Framing("text"), ["abcdefg"]),
        (Framing("text", every=4), ["abcd", "efg"]),
    ],
)
def test_what_is_sent_is_cut_as_asked(framing: Framing, messages: list[bytes | str]) -> None:
    seen: list[bytes | str] = []

    async def keep(connection: ServerConnection) -> None:
        async for message in connection:
            seen.append(message)
            if len(seen) == len(messages):
                await connection.send(b"all")

    async def main() -> None:
        async with theirs(keep) as endpoint:
            end = End()
            end.stream = await open_stream(endpoint, [], end.hear, end.end)
            layer(end).framing = framing
            end.stream.send(b"abcdefg")
            await end.has(b"all")
            end.stream.close()
            assert await end.over() == "closed"

    asyncio.run(main())
    assert seen == messages


def test_packets_that_are_held_come_in_one_frame() -> None:
    async def main() -> list[object]:
        async with theirs(echo) as endpoint:
            end = End()
            end.stream = await open_stream(endpoint, [], end.hear, end.end)
            layer(end).hold()
            end.stream.send(b"one")
            end.stream.send(b"two")
            layer(end).release()
            end.stream.send(b"three")
            await end.has(b"onetwothree")
            end.stream.close()
            return [(frame.kind, frame.size, frame.last) for frame in layer(end).arrived]

    assert asyncio.run(main()) == [("binary", 6, True), ("binary", 5, True)]


def test_text_frames_and_fragments_are_seen_and_pings_answered() -> None:
    async def talk(connection: ServerConnection) -> None:
        await connection.send("text")
        await connection.send([b"frag", b"ments"])
        await (await connection.ping())
        await connection.send(b"answered")
        await connection.close(4000, "enough")

    async def main() -> End:
        async with theirs(talk) as endpoint:
            end = End()
            end.stream = await open_stream(endpoint, [], end.hear, end.end)
            await end.over()
            return end

    end = asyncio.run(main())
    assert bytes(end.got) == b"textfragmentsanswered"
    kinds = [(frame.kind, frame.last) for frame in layer(end).arrived]
    assert kinds[:2] == [("text", True), ("binary", False)]
    assert {kind for kind, _ in kinds[2:]} == {"cont", "ping", "binary", "close"}
    assert layer(end).close_code == 4000 and end.how == "closed"


def test_a_client_of_the_library_is_served() -> None:
    async def main() -> None:
        async with ours() as (served, place):
            uri = str(served.endpoint)
            async with connect(uri, subprotocols=[Subprotocol("chat"), MQTT]) as client:
                end = await place.first()
                assert client.subprotocol == "mqtt"
                assert layer(end).offered == ["chat", "mqtt"]
                await client.send(b"hello")
                await end.has(b"hello")
                end.stream.send(b"welcome")
                assert await client.recv() == b"welcome"
                await (await client.ping())
                layer(end).framing = Framing(every=2, fragmented=True)
                end.stream.send(b"pieces")
                assert await client.recv() == b"pieces"
            assert await end.over() == "closed"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("answer", "offered", "selected"),
    [
        (Answer(), [MQTT], "mqtt"),
        (Answer(), ["mqttv3.1"], None),
        (Answer(), [], None),
        (Answer(subprotocol=""), [MQTT], None),
        (Answer(subprotocol="other"), [MQTT], "other"),
        (Answer(subprotocol="mqtt"), [], "mqtt"),
    ],
)
def test_a_handshake_is_answered_as_asked(answer: Answer, offered: list[str], selected: str | None) -> None:
    """Our own client takes whatever is selected: it is for a case to judge."""

    async def main() -> tuple[End, End]:
        async with ours(answer) as (served, place):
            end = End()
            end.stream = await open_stream(served.endpoint, [], end.hear, end.end, offer=offered)
            there = await place.first()
            end.stream.close()
            await there.over()
            return end, there

    end, there = asyncio.run(main())
    assert layer(end).subprotocol == layer(there).subprotocol == selected
    assert layer(there).offered == offered
    request = layer(there).request
    assert request is not None and request.path == "/mqtt"


def test_a_client_can_be_turned_away() -> None:
    async def main() -> None:
        async with ours(Answer(status=503)) as (served, place):
            with pytest.raises(HandshakeError, match="503") as refused:
                await open_stream(served.endpoint, [], End().hear, End().end)
            assert refused.value.response is not None
            assert [refusal.layer for refusal in served.refusals] == ["websocket"]
            assert not place.ends

    asyncio.run(main())


def handshake(**changes: str) -> bytes:
    headers = {
        "Host": "x",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": "mqtt",
    } | {name.replace("_", "-"): value for name, value in changes.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value)
    return f"GET /mqtt HTTP/1.1\r\n{lines}\r\n".encode()


@pytest.mark.parametrize(
    "said",
    [
        b"\x10\x0c\0\4MQTT\4\2\0\x3c\0\0\r\n\r\n",
        os.urandom(64) + b"\r\n\r\n",
        b"GET /mqtt HTTP/1.0\r\n\r\n",
        b"POST /mqtt HTTP/1.1\r\nHost: x\r\n\r\n",
        handshake(Upgrade=""),
        handshake(Sec_WebSocket_Key="short"),
        handshake(Sec_WebSocket_Version="8"),
        b"GET /" + b"a" * 20_000,
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 1000,
        b"",
    ],
    ids=["mqtt", "garbage", "http-1.0", "post", "no-upgrade", "key", "version", "long-line", "headers", "nothing"],
)
def test_a_handshake_that_is_none_is_refused_and_harms_nobody(said: bytes) -> None:
    async def main() -> None:
        async with ours() as (served, place):
            reader, writer = await asyncio.open_connection("127.0.0.1", served.endpoint.port)
            writer.write(said)
            writer.write_eof()
            async with asyncio.timeout(5):
                answer = await reader.read()
            writer.close()
            assert not answer.startswith(b"HTTP/1.1 101")
            end = End()
            end.stream = await open_stream(served.endpoint, [], end.hear, end.end)
            there = await place.first()
            assert len(place.ends) == 1
            end.stream.close()
            await there.over()
            assert [refusal.layer for refusal in served.refusals] == ["websocket"]

    asyncio.run(main())


def test_a_handshake_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "SHAKING", 0.1)

    async def main() -> list[serving.Refusal]:
        async with ours() as (served, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", served.endpoint.port)
            writer.write(b"GET /mqtt HTTP/1.1\r\n")
            async with asyncio.timeout(5):
                assert await reader.read() == b""
            writer.close()
            return served.refusals

    (refusal,) = asyncio.run(main())
    assert not refusal.by_client and "within" in refusal.reason


BINARY, TEXT = 0x82, 0x81


@pytest.mark.parametrize(
    ("frames", "why"),
    [
        (bytes([BINARY, 2]) + b"ab", "masking"),
        (bytes([BINARY, 0xFF]) + struct.pack("!Q", 1 << 40), "1099511627776"),
        (bytes([0x83, 0x80]) + bytes(4), "opcode"),
        (bytes([0xF2, 0x80]) + bytes(4), "reserved bits"),
        (bytes([0x80, 0x80]) + bytes(4), "continuation"),
        (bytes([0x89, 0xFE, 0, 126]) + bytes(4 + 126), "control frame"),
        (bytes([0x89, 0x80]) + bytes(4), ""),
    ],
    ids=["unmasked", "oversized", "opcode", "reserved", "continuation", "long-ping", "ping-alone"],
)
def test_frames_that_are_none_end_the_connection_with_the_reason(frames: bytes, why: str) -> None:
    async def main() -> End:
        async with ours() as (served, place):
            reader, writer = await asyncio.open_connection("127.0.0.1", served.endpoint.port)
            writer.write(handshake())
            await reader.readuntil(b"\r\n\r\n")
            end = await place.first()
            writer.write(frames)
            if why:
                await end.over()
            else:
                assert (await reader.readexactly(2))[0] == 0x8A  # a Pong
            writer.close()
            await end.over()
            return end

    end = asyncio.run(main())
    if why:
        assert why in layer(end).broken.lower() and "RFC 6455" in end.how
    assert bytes(end.got) == b"" and end.stream.failure is None


@pytest.mark.parametrize("said", [b"1000", b"\x03", b"\x03\xe8"], ids=["in-text", "cut-short", "as-it-should-be"])
def test_a_close_frame_is_the_end_whatever_it_says(said: bytes) -> None:
    async def main() -> End:
        async with ours() as (served, place):
            reader, writer = await asyncio.open_connection("127.0.0.1", served.endpoint.port)
            writer.write(handshake())
            await reader.readuntil(b"\r\n\r\n")
            end = await place.first()
            writer.write(bytes([0x88, 0x80 | len(said)]) + bytes(4) + said)
            await end.over()
            writer.close()
            return end

    end = asyncio.run(main())
    assert end.how == "closed" and not layer(end).broken
    assert bool(layer(end).ill_close) == (said != b"\x03\xe8")


def test_frames_without_end_are_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "MOST_FRAMES", 1000)

    async def main() -> End:
        async with ours() as (served, place):
            reader, writer = await asyncio.open_connection("127.0.0.1", served.endpoint.port)
            writer.write(handshake())
            await reader.readuntil(b"\r\n\r\n")
            end = await place.first()
            writer.write((bytes([0x8A, 0x80]) + bytes(4)) * 100_000)
            await end.over()
            writer.close()
            return end

    end = asyncio.run(main())
    assert "more than 1,000 frames" in end.how
    assert len(layer(end).arrived) < 10_000


@pytest.mark.parametrize(
    ("said", "says"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "404"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "Connection"),
        (
            b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: no\r\n\r\n",
            "Accept",
        ),
        (b"\x20\x02\0\0\r\n\r\n", "HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 1000, "HTTP"),
        (b"", "closed within the opening handshake"),
    ],
    ids=["404", "bare", "wrong-accept", "mqtt", "headers", "nothing"],
)
def test_a_server_that_answers_nonsense_is_said_in_one_line(said: bytes, says: str) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        writer.close()

    async def main() -> str:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        endpoint = Endpoint("ws", "127.0.0.1", server.sockets[0].getsockname()[1], "/mqtt")
        with pytest.raises(HandshakeError) as failed:
            await open_stream(endpoint, [], End().hear, End().end)
        server.close()
        return str(failed.value)

    text = asyncio.run(main())
    assert says in text and "\n" not in text and len(text) < 400
