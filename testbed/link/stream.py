"""Stream links: TCP and TLS, IPv4 and IPv6, with taps."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Callable, Sequence
from functools import lru_cache

from testbed.dut import Endpoint
from testbed.link.tap import Tap, chain

#: Bytes a DUT may leave unread before a sender waits, and bytes from a DUT after which it is cut off.
UNREAD = 1 << 20
MOST = 8 << 20


class Stream(asyncio.Protocol):
    """One connection to the DUT, seen from the tester's end of its chain of taps.

    `on_data(data)` and `on_end(how)` are called as things arrive; `how` is `"closed"` or `"reset"`.
    """

    def __init__(self, taps: Sequence[Tap], on_data: Callable[[bytes], None], on_end: Callable[[str], None]) -> None:
        self._on_data, self._on_end = on_data, on_end
        self._transport: asyncio.Transport | None = None
        self._socket: socket.socket | None = None
        self._how = "closed"
        self._total = 0
        self.ended = False
        #: What a tap or the tester threw while it was shown what came: an error of ours, never an act of the device.
        self.failure: Exception | None = None
        self.local: tuple[str, int] = ("", 0)
        self.remote: tuple[str, int] = ("", 0)
        self._chain = chain(taps, to_tester=self._arrive, to_dut=self._write, end=self._end, hang_up=self._hang_up)

    # -- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=UNREAD)
        self.local = transport.get_extra_info("sockname")[:2]
        # A peer that has reset the connection already has no name any more.
        nobody = ("::" if ":" in self.local[0] else "0.0.0.0", 0)
        self.remote = (transport.get_extra_info("peername") or nobody)[:2]
        self._socket = transport.get_extra_info("socket")
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        if self._how != "closed":
            return
        self._total += len(data)
        if self._total > MOST:
            self.cut_off(f"{MOST >> 20} MiB")
            return
        self._guarded(self._chain.from_dut, data)

    def connection_lost(self, exc: Exception | None) -> None:
        if isinstance(exc, ConnectionError) and self._how == "closed":
            self._how = "reset"
        self._guarded(self._chain.dut_closed)
        if self.failure is not None:
            self._end()

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
        elif not self._transport.is_closing():
            # asyncio's TLS transport forgets its socket when it is closed twice, and then cannot be asked anything.
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


async def open_stream(
    endpoint: Endpoint,
    taps: Sequence[Tap],
    on_data: Callable[[bytes], None],
    on_end: Callable[[str], None],
    *,
    tls: ssl.SSLContext | None = None,
    patience: float = 5.0,
) -> Stream:
    """Connect to `endpoint` within `patience` seconds. OSError or TimeoutError say why not."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(patience):
        _, stream = await loop.create_connection(
            lambda: Stream(taps, on_data, on_end),
            endpoint.host,
            endpoint.port,
            ssl=tls,
            server_hostname=endpoint.host if tls else None,
        )
    return stream


@lru_cache(maxsize=32)
def tls_context(*, authority: str = "", certificate: str = "", key: str = "", verify: bool = True) -> ssl.SSLContext:
    """A client's TLS settings: `authority` is a PEM file with the CA (the system's when empty). Read once: each
    connection would stop the event loop for as long as that takes."""
    context = ssl.create_default_context(cafile=authority or None)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if certificate:
        context.load_cert_chain(certificate, key or None)
    return context
