"""WebSocket is taken off: MQTT split and joined over frames, compressed, and what is none of it."""

from __future__ import annotations

import pytest
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode

from testbed.captured.websocket import WebSocket
from testbed.captured.wrapping import Opaque
from tests.captured.writing import CONNACK, CONNECT, PING

REQUEST = (
    b"GET /mqtt HTTP/1.1\r\nHost: x\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: mqtt\r\n"
    b"Sec-WebSocket-Version: 13\r\n\r\n"
)
RESPONSE = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n%s\r\n"


def frame(data: bytes, side: int = 0, *, opcode: Opcode = Opcode.BINARY, fin: bool = True, extensions=()) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=not side, extensions=list(extensions))


def opened(extension: bytes = b"") -> WebSocket:
    found = WebSocket.begins(REQUEST)
    assert isinstance(found, WebSocket)
    assert found.feed(0, REQUEST) == []
    assert found.feed(1, RESPONSE % extension) == []
    return found


def test_binary_messages_give_their_bytes_on_both_sides() -> None:
    found = opened()
    assert found.feed(0, frame(CONNECT)) == [(0, CONNECT)]
    assert found.feed(1, frame(CONNACK, 1)) == [(1, CONNACK)]


def test_frames_and_segments_need_not_agree() -> None:
    found = opened()
    data = (
        frame(CONNECT[:3], fin=False)
        + frame(b"", opcode=Opcode.PING)
        + frame(CONNECT[3:9], opcode=Opcode.CONT, fin=False)
        + frame(CONNECT[9:], opcode=Opcode.CONT)
        + frame(PING * 3)
    )
    out = b"".join(piece for byte in data for _, piece in found.feed(0, bytes([byte])))
    assert out == CONNECT + PING * 3


@pytest.mark.parametrize("header", [b"", b"; client_no_context_takeover; server_no_context_takeover"])
def test_compressed_messages_are_opened(header: bytes) -> None:
    found = opened(b"Sec-WebSocket-Extensions: permessage-deflate" + header + b"\r\n")
    packer = PerMessageDeflate(True, bool(header), 15, 15)
    for data in (CONNECT, PING * 100, b"x" * 5000):
        assert found.feed(0, frame(data, extensions=[packer])) == [(0, data)]


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (frame(b"text", opcode=Opcode.TEXT), "text"),
        (frame(b"unmasked", 1), "incorrect masking"),
        (b"\x83\x80" + bytes(4), "invalid opcode"),
        (b"\x82\xff" + b"\x7f" * 8 + bytes(4), "cannot be read"),
    ],
    # Masks are random, and names of tests must not be.
    ids=["text", "unmasked", "opcode", "length"],
)
def test_what_holds_no_binary_message_is_the_end(data: bytes, word: str) -> None:
    with pytest.raises(Opaque, match=word):
        opened().feed(0, data)


def test_plain_http_is_something_else() -> None:
    found = WebSocket.begins(b"GET / HTTP/1.1\r\n")
    assert isinstance(found, WebSocket)
    with pytest.raises(Opaque, match=r"^$"):
        found.feed(0, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")


def test_a_refused_handshake_is_said() -> None:
    found = WebSocket.begins(REQUEST)
    assert isinstance(found, WebSocket)
    found.feed(0, REQUEST)
    with pytest.raises(Opaque, match="HTTP 403"):
        found.feed(1, b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize(
    ("data", "found"), [(b"", None), (b"G", ""), (b"GET", ""), (b"POST / ", None), (CONNECT, None)]
)
def test_how_websocket_begins(data: bytes, found: str | None) -> None:
    assert WebSocket.begins(data) == found


def test_headers_without_end_are_the_end() -> None:
    found = WebSocket.begins(REQUEST)
    assert isinstance(found, WebSocket)
    with pytest.raises(Opaque):
        for _ in range(300):
            found.feed(0, REQUEST[:-2] + b"X-Long: " + b"x" * 5000)
