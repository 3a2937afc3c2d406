"""The WebSocket layer of a stream (RFC 6455): the opening handshake, frames both ways, and what came in which.

It has no socket: bytes in, bytes out. Handshake and framing are those of the `websockets` library; what a case
must be able to do wrong is here: a text frame where a binary one belongs, another subprotocol than the one
offered, bytes that are no frame at all. What the device does wrong in the handshake is kept for the case to judge
and refused only where no connection is left to speak of.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import Protocol, State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

#: The subprotocol that is offered and selected where a case does not say otherwise.
MQTT = "mqtt"
#: Bytes of a message, and frames of a connection, that a device may send.
LARGEST_MESSAGE = 8 << 20
MOST_FRAMES = 100_000
#: Frames whose kinds are kept, and bytes handled before the limits are looked at again.
KEPT, SLICE = 10_000, 16 << 10
#: What the library finds wrong with a Close frame. It ends the connection whatever it says [RFC 6455 section 5.5.1].
_ILL_CLOSE = ("invalid status code", "close frame too short")

Kind = Literal["binary", "text"]


class HandshakeError(ConnectionError):
    """An opening handshake that came to nothing; `response` is what the server said, where it said something."""

    def __init__(self, reason: str, response: Response | None = None) -> None:
        super().__init__(f"no WebSocket: {reason}")
        self.response = response


@dataclass(frozen=True, slots=True)
class Framing:
    """How the bytes that are sent are cut into frames.

    With `every` 0, what is sent at once is one frame. Else each `every` bytes are a frame: a message of its own,
    or with `fragmented` the next fragment of one message (a first frame, then continuation frames).
    """

    kind: Kind = "binary"
    every: int = 0
    fragmented: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """How the tester answers the opening handshake of a client.

    `subprotocol` None selects `mqtt` if the client offers it, and nothing otherwise, as a server must; a name is
    selected whatever was offered; an empty one selects nothing. A `status` other than 101 turns the client away.
    """

    subprotocol: str | None = None
    status: int = 101


@dataclass(frozen=True, slots=True)
class Arrived:
    """One frame from the device: `kind` as RFC 6455 names opcodes, its length in bytes, and whether it is the last
    of its message."""

    kind: Literal["cont", "text", "binary", "close", "ping", "pong"]
    size: int
    last: bool


class _Client(ClientProtocol):
    """Takes whichever subprotocol the server selects: it is for the case to judge."""

    def process_subprotocol(self, headers: Headers) -> Subprotocol | None:
        try:
            return super().process_subprotocol(headers)
        except InvalidHandshake:
            return cast(Subprotocol, ", ".join(headers.get_all("Sec-WebSocket-Protocol")))


class WebSocket:
    """One WebSocket, without its socket: `receive` takes what came, and `write` is called with what must go out."""

    def __init__(self, protocol: Protocol, answer: Answer | None = None) -> None:
        self._protocol, self._answer = protocol, answer
        self._pending: bytearray | None = None
        self._frames = 0
        #: Writes bytes to the network; set by whoever has it.
        self.write: Callable[[bytes], None] = lambda data: None
        #: How what is sent from now on is cut into frames.
        self.framing = Framing()
        #: What becomes of the pieces that `framing` gives, before each is a frame; planted faults put theirs here.
        self.altered: Callable[[list[bytes]], list[bytes]] = lambda pieces: pieces
        #: The handshake's two messages, once they have crossed.
        self.request: Request | None = None
        self.response: Response | None = None
        #: The first `KEPT` frames that came.
        self.arrived: deque[Arrived] = deque()
        #: How the device broke RFC 6455, so that nothing more can be read from it; empty while it has not.
        self.broken = ""
        #: What is wrong with the device's Close frame; empty when nothing is, or none came.
        self.ill_close = ""

    # -- the opening handshake

    @property
    def open(self) -> bool:
        """Whether the handshake is over and nobody has begun to close."""
        return self._protocol.state is State.OPEN

    @property
    def offered(self) -> list[str]:
        """The subprotocols of the client's request, in its order [RFC 6455 section 4.1]."""
        if self.request is None:
            return []
        values = ",".join(self.request.headers.get_all("Sec-WebSocket-Protocol"))
        return [name for text in values.split(",") if (name := text.strip())]

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol of the server's answer; None when it named none."""
        if self.response is None:
            return None
        named = self.response.headers.get_all("Sec-WebSocket-Protocol")
        return ", ".join(named) if named else None

    def begin(self) -> None:
        """A client's first words; nothing for a server."""
        if isinstance(self._protocol, ClientProtocol):
            self.request = self._protocol.connect()
            self._protocol.send_request(self.request)
            self._flush()

    def shake(self, data: bytes) -> bytes | None:
        """One step of the handshake. None while it goes on; when it is over, what the frames held that came
        with its end. HandshakeError when it fails."""
        protocol = self._protocol
        protocol.receive_data(data)
        events = protocol.events_received()
        for event in events:
            if isinstance(event, Response):
                self.response = event
            elif isinstance(event, Request):
                self._answer_to(event)
        self._flush()
        if protocol.handshake_exc is not None:
            raise HandshakeError(_why(protocol.handshake_exc), self.response)
        if protocol.state is State.CONNECTING:
            if self.response is not None:
                raise HandshakeError(f"the tester answered {self.response.status_code}", self.response)
            return None
        return self._taken([event for event in events if isinstance(event, Frame)])

    def _answer_to(self, request: Request) -> None:
        assert isinstance(self._protocol, ServerProtocol)
        self.request, answer = request, self._answer or Answer()
        if answer.status == 101:
            response = self._protocol.accept(request)
            name = answer.subprotocol
            if name is None:
                name = MQTT if MQTT in self.offered else ""
            if name and response.status_code == 101:
                response.headers["Sec-WebSocket-Protocol"] = name
        else:
            response = self._protocol.reject(answer.status, "turned away by the tester\n")
        self.response = response
        self._protocol.send_response(response)

    # -- frames

    def receive(self, data: bytes) -> bytes:
        """The payload of all data frames that `data` completes, joined: text frames too, which `arrived` tells."""
        if len(data) <= SLICE:
            return self._received(data)
        return b"".join(self._received(data[start : start + SLICE]) for start in range(0, len(data), SLICE))

    def _received(self, data: bytes) -> bytes:
        if self.broken or self.ill_close:
            return b""
        self._protocol.receive_data(data)
        payload = self._taken([event for event in self._protocol.events_received() if isinstance(event, Frame)])
        if str(self._protocol.parser_exc) in _ILL_CLOSE:
            self.ill_close = str(self._protocol.parser_exc)
        elif self._protocol.parser_exc is not None:
            self.broken = str(self._protocol.parser_exc) or "no frame of RFC 6455"
        elif self._frames > MOST_FRAMES:
            self.broken = f"more than {MOST_FRAMES:,} frames"
        self._flush()
        return payload

    def _taken(self, frames: Sequence[Frame]) -> bytes:
        for frame in frames[: max(0, KEPT - len(self.arrived))]:
            kind = cast(Literal["cont", "text", "binary", "close", "ping", "pong"], frame.opcode.name.lower())
            self.arrived.append(Arrived(kind, len(frame.data), frame.fin))
        self._frames += len(frames)
        return b"".join(frame.data for frame in frames if frame.opcode in (Opcode.CONT, Opcode.TEXT, Opcode.BINARY))

    @property
    def closed_by_peer(self) -> bool:
        """Whether the device has sent a Close frame."""
        return self._protocol.close_rcvd is not None or bool(self.ill_close)

    @property
    def close_code(self) -> int | None:
        """The code of the device's Close frame (1005: it held none); None when no such frame came."""
        return self._protocol.close_rcvd.code if self._protocol.close_rcvd else None

    def send(self, data: bytes) -> None:
        """Send `data` in frames as `framing` says; held back while `hold` is on."""
        if self._pending is not None:
            self._pending += data
            return
        if not data or not self.open:
            return
        framing, protocol = self.framing, self._protocol
        every = framing.every or len(data)
        pieces = self.altered([data[start : start + every] for start in range(0, len(data), every)])
        start = protocol.send_text if framing.kind == "text" else protocol.send_binary
        for number, piece in enumerate(pieces):
            last = not framing.fragmented or number == len(pieces) - 1
            if framing.fragmented and number:
                protocol.send_continuation(piece, last)
            else:
                start(piece, last)
        self._flush()

    def hold(self) -> None:
        """Keep what is sent until `release`, so that several packets come into one frame, or frames end within
        packets."""
        self._pending = self._pending if self._pending is not None else bytearray()

    def release(self) -> None:
        """Send what was held, cut as `framing` says now."""
        held, self._pending = self._pending, None
        self.send(bytes(held or b""))

    def ping(self, data: bytes = b"") -> None:
        """Send a Ping frame."""
        if self.open:
            self._protocol.send_ping(data)
            self._flush()

    def send_raw(self, data: bytes) -> None:
        """Write `data` to the network as it is, outside of any frame."""
        self.write(data)

    def close(self, code: int = CloseCode.NORMAL_CLOSURE) -> bool:
        """Send a Close frame. False when there is nothing to close."""
        if not self.open:
            return False
        self._protocol.send_close(code)
        self._flush()
        return True

    def _flush(self) -> None:
        # An empty piece asks for the end of the stream, which is for the owner of the socket to bring about.
        data = b"".join(self._protocol.data_to_send())
        if data:
            self.write(data)


def connecting(uri: str, offer: Sequence[str] = (MQTT,)) -> WebSocket:
    """The client's end of a WebSocket to `uri`, offering the subprotocols of `offer`."""
    names = [cast(Subprotocol, name) for name in offer]
    return WebSocket(_Client(parse_uri(uri), subprotocols=names or None, max_size=LARGEST_MESSAGE))


def accepting(answer: Answer | None = None) -> WebSocket:
    """The server's end of a WebSocket, answering the handshake as `answer` says."""
    return WebSocket(ServerProtocol(max_size=LARGEST_MESSAGE), answer)


def _why(error: BaseException) -> str:
    """An error of the handshake and what caused it, in one line."""
    parts: list[str] = []
    one: BaseException | None = error
    while one is not None and len(parts) < 4:
        text = str(one).strip()
        if text and text not in parts:
            parts.append(text)
        one = one.__cause__
    return "; ".join(parts)[:300] or type(error).__name__
