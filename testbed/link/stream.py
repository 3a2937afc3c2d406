"""Stream links: TCP, TLS, WebSocket, Unix sockets; IPv4 and IPv6; with taps."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Callable, Sequence
from itertools import count
from typing import cast

from testbed.dut import Endpoint
from testbed.link.tap import Tap, chain
from testbed.link.tls import Spoken, spoken
from testbed.link.websocket import MQTT, HandshakeError, WebSocket, connecting

#: Bytes a DUT may leave unread before a sender waits, and bytes from a DUT after which it is cut off.
UNREAD = 1 << 20
MOST = 8 << 20
#: Seconds that the tester waits for the answer to its Close frame before it closes the connection below.
FAREWELL = 1.0

#: A Unix socket has no addresses. Each such stream gets a pair of its own, so that a capture can be drawn of it.
_UNIX_PORTS = count(1)


class Stream(asyncio.Protocol):
    """One connection to the DUT, seen from the tester's end of its chain of taps.

    `on_data(data)` and `on_end(how)` are called as things arrive; `how` is `"closed"` or `"reset"`.
    """

    def __init__(self, taps: Sequence[Tap], on_data: Callable[[bytes], None], on_end: Callable[[str], None]) -> None:
        self._taps, self._on_data, self._on_end = tuple(taps), on_data, on_end
        self._transport: asyncio.Transport | None = None
        self._socket: socket.socket | None = None
        self._how = "closed"
        self._total = 0
        # Whether the tester has begun to close a WebSocket, and whether the chain knows that the device has closed.
        self._leaving = self._gone = False
        self.ended = False
        #: The WebSocket layer, between the network and the taps; None where there is none.
        self.websocket: WebSocket | None = None
        #: What TLS came to; None where none is spoken.
        self.tls: Spoken | None = None
        #: What a tap or the tester threw while it was shown what came: an error of ours, never an act of the device.
        self.failure: Exception | None = None
        self.local: tuple[str, int] = ("", 0)
        self.remote: tuple[str, int] = ("", 0)
        self._chain = chain(taps, to_tester=self._arrive, to_dut=self._write, end=self._end, hang_up=self._hang_up)

    # -- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not for isinstance: the transport of start_tls is none of asyncio.Transport on every Python.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=UNREAD)
        here = transport.get_extra_info("sockname")
        if isinstance(here, tuple):
            self.local = here[:2]
            # A peer that has reset the connection already has no name any more.
            nobody = ("::" if ":" in self.local[0] else "0.0.0.0", 0)
            self.remote = (transport.get_extra_info("peername") or nobody)[:2]
        else:
            self.local, self.remote = ("127.0.0.1", 1 + next(_UNIX_PORTS) % 0xFFFF), ("127.0.0.1", 0)
        self.tls = spoken(transport)
        self._socket = transport.get_extra_info("socket")
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for tap in self._taps:
            self._guarded(tap.joined, self)

    def joined(self, transport: asyncio.BaseTransport, websocket: WebSocket, data: bytes) -> None:
        """Go on over `transport` after the opening handshake of `websocket`; `data` came with its end."""
        self.websocket = websocket
        websocket.write = self._put
        self.connection_made(transport)
        if data:
            self._guarded(self._chain.from_dut, data)
        self._look_for_the_end()

    def data_received(self, data: bytes) -> None:
        if self._how != "closed":
            return
        self._total += len(data)
        if self._total > MOST:
            self.cut_off(f"{MOST >> 20} MiB")
            return
        if self.websocket is None:
            self._guarded(self._chain.from_dut, data)
            return
        payload = self.websocket.receive(data)
        if payload and not self._leaving:
            self._guarded(self._chain.from_dut, payload)
        self._look_for_the_end()

    def _look_for_the_end(self) -> None:
        """A Close frame is the end of a WebSocket, whenever the connection below it ends; so is what is no frame."""
        assert self.websocket is not None
        if self.websocket.broken and self._how == "closed":
            self._how = f"given up by the tester, because the device broke RFC 6455: {self.websocket.broken}"
            self._hang_up(True)
        elif self.websocket.closed_by_peer and self._transport is not None:
            self._dut_closed()
            self._close_below()

    def connection_lost(self, exc: Exception | None) -> None:
        if isinstance(exc, ConnectionError) and self._how == "closed":
            self._how = "reset"
        self._dut_closed()
        if self.failure is not None:
            self._end()

    def _dut_closed(self) -> None:
        if not self._gone:
            self._gone = True
            self._guarded(self._chain.dut_closed)

    def _guarded(self, call: Callable[..., None], *arguments: object) -> None:
        """Call into the chain; what it throws is kept, and ends the connection."""
        try:
            call(*arguments)
        except Exception as error:
            self.failure = self.failure or error
            self._how = "given up by the tester after an error of its own"
            self._hang_up(True)

    # -- the ends of the chain

    def _arrive(self, data: bytes) -> None:
        if not self.ended:
            self._on_data(data)

    def _end(self) -> None:
        if not self.ended:
            self.ended = True
            self._on_end(self._how)

    def _write(self, data: bytes) -> None:
        if self.websocket is not None:
            self.websocket.send(data)
        else:
            self._put(data)

    def _put(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _hang_up(self, abruptly: bool) -> None:
        if self._transport is None:
            return
        if abruptly:
            if self._socket is not None:
                with contextlib.suppress(OSError):
                    self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
        elif self.websocket is not None and self.websocket.close():
            self._leaving = True
            asyncio.get_running_loop().call_later(FAREWELL, self._close_below)
        elif not self._leaving:
            self._close_below()

    def _close_below(self) -> None:
        # asyncio's TLS transport forgets its socket when it is closed twice, and then cannot be asked anything.
        if self._transport is not None and not self._transport.is_closing():
            self._transport.close()

    # -- the tester's side

    def send(self, data: bytes) -> None:
        """Hand `data` to the DUT; does not wait."""
        if not self.ended:
            self._chain.from_tester(data)

    @property
    def unsent(self) -> int:
        """Bytes that the DUT has not yet let us send."""
        return self._transport.get_write_buffer_size() if self._transport else 0

    def cut_off(self, much: str) -> None:
        """Reset the connection because the DUT sent too `much`."""
        self._how = f"cut off by the tester after {much}"
        self.close(abruptly=True)

    def close(self, *, abruptly: bool = False) -> None:
        """Close our end: with a FIN, or with a reset."""
        self._guarded(self._chain.tester_closed, abruptly)


class Opening(asyncio.Protocol):
    """Holds a new connection while the opening handshake of its WebSocket goes on."""

    def __init__(self, websocket: WebSocket) -> None:
        self.websocket = websocket
        self.transport: asyncio.Transport | None = None
        #: What came with the end of the handshake.
        self.done: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.websocket.write = self.transport.write
        self.websocket.begin()

    def data_received(self, data: bytes) -> None:
        assert self.transport is not None
        if self.done.done():
            return
        try:
            rest = self.websocket.shake(data)
        except HandshakeError as error:
            self.done.set_exception(error)
            self.transport.close()
            return
        if rest is not None:
            # Nothing may arrive before the stream is there to take it.
            self.transport.pause_reading()
            self.done.set_result(rest)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            how = "reset" if isinstance(exc, ConnectionError) else "closed"
            self.done.set_exception(HandshakeError(f"the connection was {how} within the opening handshake"))


async def upgraded(opening: Opening, made: Callable[[], Stream]) -> Stream:
    """The stream that `made` gives, put in the place of `opening` as soon as its handshake is over."""
    try:
        rest = await opening.done
    except HandshakeError:
        raise  # it is being closed, behind the answer that says why
    except BaseException:
        if opening.transport is not None:
            opening.transport.abort()
        raise
    assert opening.transport is not None
    stream = made()
    opening.transport.set_protocol(stream)
    stream.joined(opening.transport, opening.websocket, rest)
    opening.transport.resume_reading()
    return stream


async def _unix_socket(path: str) -> socket.socket:
    """A socket connected to `path`. A full queue of connections that wait to be accepted is EAGAIN here, which
    asyncio's own connect takes for a success."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        while True:
            try:
                made.connect(path)
                return made
            except BlockingIOError:
                await asyncio.sleep(0.005)
    except BaseException:
        made.close()
        raise


async def open_stream(
    endpoint: Endpoint,
    taps: Sequence[Tap],
    on_data: Callable[[bytes], None],
    on_end: Callable[[str], None],
    *,
    tls: ssl.SSLContext | None = None,
    server_name: str = "",
    offer: Sequence[str] = (MQTT,),
    patience: float = 5.0,
) -> Stream:
    """Connect to `endpoint` within `patience` seconds. OSError or TimeoutError say why not.

    `server_name` is asked for in TLS and must be in the certificate (default: the endpoint's host); `offer` are the
    subprotocols of a WebSocket.
    """
    loop = asyncio.get_running_loop()
    secured = tls if endpoint.secure else None
    name = (server_name or endpoint.host) if secured else None

    def made() -> Stream:
        return Stream(taps, on_data, on_end)

    async with asyncio.timeout(patience):
        if endpoint.transport == "unix":
            return (await loop.create_unix_connection(made, sock=await _unix_socket(endpoint.path)))[1]
        where = endpoint.host, endpoint.port
        if not endpoint.framed:
            return (await loop.create_connection(made, *where, ssl=secured, server_hostname=name))[1]
        websocket = connecting(str(endpoint), offer)
        _, opening = await loop.create_connection(
            lambda: Opening(websocket), *where, ssl=secured, server_hostname=name
        )
        return await upgraded(opening, made)
