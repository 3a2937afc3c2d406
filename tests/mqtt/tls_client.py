"""A client that speaks TLS and as much MQTT as a CONNECT: right, or careless in one way. `tls_client.py KIND`.

A tap sees the bytes of a stream, and so cannot make a client out of a sound one that takes a certificate it should
refuse; so these are clients of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import sys
from collections.abc import Callable

from shim import Answer, Failed, Order, lost, serve  # pyright: ignore[reportMissingImports]

#: OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which Python has no name for.
_ANY_TIME = 0x200000
_LEVELS = {"mqtt-3.1.1": b"\4", "mqtt-5.0": b"\5"}


def _any_time(context: ssl.SSLContext) -> None:
    context.verify_flags |= _ANY_TIME  # type: ignore[assignment]


def _any_name(context: ssl.SSLContext) -> None:
    context.check_hostname = False


def _any_certificate(context: ssl.SSLContext) -> None:
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE


def _no_1_2(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_3


def _no_1_3(context: ssl.SSLContext) -> None:
    context.maximum_version = ssl.TLSVersion.TLSv1_2


def _old(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")


#: Kind -> what it does to the settings of a careful client.
CARELESS: dict[str, Callable[[ssl.SSLContext], None]] = {
    "careful": lambda context: None,
    "any-time": _any_time,
    "any-name": _any_name,
    "any-certificate": _any_certificate,
    "no-tls-1.2": _no_1_2,
    "no-tls-1.3": _no_1_3,
    "old-tls": _old,
    "names-nobody": _any_name,
    "shows-nothing": lambda context: None,
}


def settings(kind: str, tls: dict[str, str]) -> ssl.SSLContext:
    """As the order says, and as careless as `kind`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(tls["authority"])
    if tls.get("certificate") and kind != "shows-nothing":
        context.load_cert_chain(tls["certificate"], tls["key"])
    CARELESS[kind](context)
    return context


def connect_packet(order: Order) -> bytes:
    """A CONNECT with a client identifier, Clean Session, and no properties."""
    level = _LEVELS[order["edition"]]
    name = order.get("client_id", "").encode()
    body = b"\0\4MQTT" + level + b"\2" + order.get("keep_alive", 60).to_bytes(2) + (b"\0" if level == b"\5" else b"")
    body += len(name).to_bytes(2) + name
    return b"\x10" + bytes([len(body)]) + body


class TlsClient:
    """The half of the shim that is the client."""

    editions = tuple(_LEVELS)
    features = ("tls", "server-name", "mutual-tls")

    def __init__(self) -> None:
        self._kind = sys.argv[1]
        self._writer: asyncio.StreamWriter | None = None
        self._waiting: asyncio.Task[None] | None = None

    async def connect(self, order: Order) -> Answer:
        """CONNECT, and the CONNACK that comes."""
        tls, more = order.get("tls"), {}
        if tls:
            named = tls.get("server_name") or order["host"]
            more = {
                "ssl": settings(self._kind, tls),
                "server_hostname": "" if self._kind == "names-nobody" else named,
            }
        reader, self._writer = await asyncio.open_connection(order["host"], order["port"], **more)
        self._writer.write(connect_packet(order))
        try:
            head = await reader.readexactly(2)
            code = (await reader.readexactly(head[1]))[1]
        except asyncio.IncompleteReadError:
            raise Failed("the connection has ended") from None
        self._waiting = asyncio.ensure_future(self._ends(reader))
        return {"codes": [code], "session_present": False}

    async def _ends(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError):
            while await reader.read(1000):
                pass
        lost(error="the connection has ended")

    async def drop(self) -> None:
        """Without DISCONNECT."""
        if self._waiting is not None:
            self._waiting.cancel()
        if self._writer is not None:
            self._writer.transport.abort()
        self._writer = self._waiting = None

    async def forget(self) -> None:
        """There is nothing to forget."""


if __name__ == "__main__":
    serve(TlsClient, library="tls_client", version="1")
