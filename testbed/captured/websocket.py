"""WebSocket taken off (RFC 6455, RFC 7692): the handshake is read, binary messages give their bytes."""

from __future__ import annotations

from collections.abc import Generator

from websockets.exceptions import WebSocketException
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.headers import parse_extension
from websockets.http11 import Request, Response
from websockets.streams import StreamReader

from testbed.captured.wrapping import Opaque

#: Bytes of one frame, and what a compressed one may grow to.
_LARGEST = 16 << 20
_GET = b"GET "


class WebSocket:
    """One WebSocket connection (`testbed.captured.wrapping.Wrapping`)."""

    name = "WebSocket"

    def __init__(self) -> None:
        self._readers = StreamReader(), StreamReader()
        self._runs = self._client(), self._server()
        #: What messages of each side are compressed with.
        self._extensions: tuple[list[Extension], list[Extension]] = ([], [])
        #: Kind of the message that each side has begun.
        self._kinds = [Opcode.BINARY, Opcode.BINARY]
        self._out: list[tuple[int, bytes]] = []

    @classmethod
    def begins(cls, data: bytes) -> WebSocket | str | None:
        """The wrapping when `data`, a connection's first bytes, is an HTTP request that may ask for WebSocket; an
        empty text when they are too few to tell, None when it is something else."""
        if len(data) < len(_GET):
            return "" if data and _GET.startswith(data) else None
        return cls() if data.startswith(_GET) else None

    def feed(self, side: int, data: bytes) -> list[tuple[int, bytes]]:
        """What the frames that `data` completes hold. Opaque when they hold no binary message."""
        self._readers[side].feed_data(data)
        try:
            next(self._runs[side])
        except (WebSocketException, ValueError, LookupError, EOFError, NotImplementedError) as error:
            raise Opaque(f"WebSocket frames that cannot be read ({error})") from None
        out, self._out = self._out, []
        return out

    def _client(self) -> Generator[None, None, None]:
        request = yield from Request.parse(self._readers[0].read_line)
        if request.headers.get("Upgrade", "").lower() != "websocket":
            raise Opaque("")
        yield from self._frames(0)

    def _server(self) -> Generator[None, None, None]:
        reader = self._readers[1]
        response = yield from Response.parse(reader.read_line, reader.read_exact, reader.read_to_eof)
        if response.status_code != 101:
            raise Opaque(f"the WebSocket handshake is answered with HTTP {response.status_code}")
        for header in response.headers.get_all("Sec-WebSocket-Extensions"):
            for name, parameters in parse_extension(header):
                if name != "permessage-deflate":
                    raise Opaque(f"WebSocket frames with the extension {name}, which cannot be read")
                said = {key for key, _ in parameters}
                for extensions, side in zip(self._extensions, ("client", "server"), strict=True):
                    extensions.append(PerMessageDeflate(f"{side}_no_context_takeover" in said, True, 15, 15))
        yield from self._frames(1)

    def _frames(self, side: int) -> Generator[None, None, None]:
        read = self._readers[side].read_exact
        while True:
            frame = yield from Frame.parse(read, mask=not side, max_size=_LARGEST, extensions=self._extensions[side])
            if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
                self._kinds[side] = frame.opcode
            elif frame.opcode is not Opcode.CONT:
                continue
            if self._kinds[side] is not Opcode.BINARY:
                raise Opaque("WebSocket messages that are text")
            self._out.append((side, bytes(frame.data)))
