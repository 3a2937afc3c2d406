"""Streams the other way round: the tester listens, and clients under test connect to it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast

from testbed.dut import Endpoint
from testbed.link.stream import Opening, Stream, upgraded
from testbed.link.tls import why_no_tls
from testbed.link.websocket import Answer, HandshakeError, accepting

#: Seconds that TLS and WebSocket handshakes may take, connections that may be within them at once, and refusals
#: that are kept.
SHAKING, MOST_SHAKING, MOST_KEPT = 5.0, 200, 1000


@dataclass(frozen=True, slots=True)
class Refusal:
    """A connection that never became a stream."""

    #: The handshake that failed.
    layer: Literal["tls", "websocket"]
    reason: str
    #: Whether the client ended it, by an alert or by closing; else the tester did.
    by_client: bool
    #: Whether the tester lost patience: nobody has refused anything.
    late: bool = False


class Served:
    """A place where the tester listens."""

    def __init__(self, server: asyncio.Server, endpoint: Endpoint, door: _Doorkeeper) -> None:
        self._server, self._door = server, door
        #: With the real port.
        self.endpoint = endpoint

    @property
    def refusals(self) -> list[Refusal]:
        """The first connections whose handshake failed."""
        return self._door.refusals

    def close(self) -> None:
        """Stop listening, and drop whoever is still within a handshake; streams go on."""
        self._server.close()
        self._door.close()
        if self.endpoint.transport == "unix":
            Path(self.endpoint.path).unlink(missing_ok=True)


class _Door(asyncio.Protocol):
    """A connection that was just accepted: silent until its handshakes begin, and the keeper of what comes between
    the end of TLS and the protocol that takes over."""

    def __init__(self, keeper: _Doorkeeper) -> None:
        self._keeper = keeper
        self.early = bytearray()
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        connection = cast(asyncio.Transport, transport)
        connection.pause_reading()
        self._keeper.admit(connection, self)

    def data_received(self, data: bytes) -> None:
        self.early += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True

    def hand_over(self, transport: asyncio.Transport, protocol: asyncio.Protocol) -> None:
        """Put `protocol` in this one's place, with all that has come."""
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if self.early:
            protocol.data_received(bytes(self.early))
        transport.resume_reading()


class _Doorkeeper:
    """Takes each connection through the handshakes, and owns the tasks that this takes."""

    def __init__(
        self,
        accept: Callable[[], Stream],
        framed: bool,
        tls: ssl.SSLContext | None,
        answer: Callable[[], Answer],
        on_refused: Callable[[Refusal], None] | None,
    ) -> None:
        self._accept, self._framed, self._tls, self._answer = accept, framed, tls, answer
        self._on_refused = on_refused
        self._tasks: set[asyncio.Task[None]] = set()
        self.refusals: list[Refusal] = []

    def admit(self, transport: asyncio.Transport, door: _Door) -> None:
        if len(self._tasks) >= MOST_SHAKING:
            transport.abort()
            return
        task = asyncio.get_running_loop().create_task(self._shake(transport, door))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _shake(self, transport: asyncio.Transport, door: _Door) -> None:
        layer: Literal["tls", "websocket"] = "tls"
        current: asyncio.BaseTransport | None = transport
        try:
            async with asyncio.timeout(SHAKING):
                if self._tls is not None:
                    loop = asyncio.get_running_loop()
                    current = await loop.start_tls(
                        transport, door, self._tls, server_side=True, ssl_handshake_timeout=2 * SHAKING
                    )
                    if current is None:
                        raise ConnectionResetError("the connection was closed within the handshake")
                layer = "websocket"
                connection = cast(asyncio.Transport, current)
                if door.lost:
                    raise ConnectionResetError("the client left right after the handshake")
                if self._framed:
                    opening = Opening(accepting(self._answer()))
                    door.hand_over(connection, opening)
                    await upgraded(opening, self._accept)
                    return
            door.hand_over(connection, self._accept())
        except TimeoutError:
            transport.abort()
            self._refused(layer, f"it was not over within {SHAKING:g} s", by_client=False, late=True)
        except ssl.SSLError as error:
            transport.abort()
            reason = why_no_tls(error)
            self._refused(layer, reason, by_client="alert" in reason)
        except HandshakeError as error:
            # The answer that says why is still on its way: the connection is closed, not cut off.
            self._refused(layer, str(error), by_client="within the opening handshake" in str(error))
        except OSError as error:
            transport.abort()
            self._refused(layer, error.strerror or str(error) or "the connection was closed", by_client=True)
        except asyncio.CancelledError:
            transport.abort()
            raise

    def _refused(self, layer: Literal["tls", "websocket"], reason: str, by_client: bool, late: bool = False) -> None:
        refusal = Refusal(layer, reason, by_client, late)
        if len(self.refusals) < MOST_KEPT:
            self.refusals.append(refusal)
        if self._on_refused is not None:
            self._on_refused(refusal)


async def serve_streams(
    endpoint: Endpoint,
    accept: Callable[[], Stream],
    *,
    tls: ssl.SSLContext | None = None,
    answer: Callable[[], Answer] = Answer,
    on_refused: Callable[[Refusal], None] | None = None,
) -> Served:
    """Listen at `endpoint` (port 0: any free one) and make each client that comes a stream of `accept`, once its
    TLS and WebSocket handshakes are over; those that fail are told to `on_refused`.

    `answer` gives the answer to each WebSocket handshake. ValueError when the endpoint needs `tls` and has none,
    OSError when nobody can listen there.
    """
    if endpoint.secure and tls is None:
        raise ValueError(f"{endpoint} needs a certificate to show")
    keeper = _Doorkeeper(accept, endpoint.framed, tls if endpoint.secure else None, answer, on_refused)
    loop = asyncio.get_running_loop()
    if endpoint.transport == "unix":
        server = await loop.create_unix_server(lambda: _Door(keeper), endpoint.path)
        return Served(server, endpoint, keeper)
    host = endpoint.host
    if not endpoint.port:
        # A name with several addresses would get a port of its own for each.
        host = str((await loop.getaddrinfo(host, None))[0][4][0])
    server = await loop.create_server(lambda: _Door(keeper), host, endpoint.port, reuse_address=True)
    return Served(server, replace(endpoint, port=server.sockets[0].getsockname()[1]), keeper)
