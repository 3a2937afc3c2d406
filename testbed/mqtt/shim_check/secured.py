"""Checks of the transports: TLS, certificates of the client's own, WebSocket, Unix sockets."""

from __future__ import annotations

import tempfile
from pathlib import Path

from testbed.dut import Endpoint
from testbed.link.certificates import Authority
from testbed.link.tls import server_context
from testbed.mqtt import shim
from testbed.mqtt.packets import Publish
from testbed.mqtt.shim_check.subject import BEYOND, Fault, Subject, same

#: Seconds that the library has to find a certificate wrong.
SHORT = 3.0
#: A name that only a server name can be: nobody resolves it.
NAME = "broker.invalid"


def _authority(subject: Subject) -> Authority:
    return Authority(Path(tempfile.mkdtemp(dir=subject.work)))


async def _works(subject: Subject, where: Endpoint, tls: shim.Tls | None = None) -> None:
    visit = await subject.connected(where=where, tls=tls)
    await subject.done(shim.Publish(0, "check/t", b"x".hex()))
    await subject.sent(visit, Publish)
    await subject.done(shim.Reset(0))
    if not await subject.wire(lambda: visit.ended):
        raise Fault("`reset` to close the connection", "it is open")


async def speaks_tls(subject: Subject) -> None:
    """tls: the authority of the order is trusted, and no other"""
    authority = _authority(subject)
    pair = authority.leaf()
    context = server_context(str(pair.certificate), str(pair.key))
    where = await subject.broker.listen(Endpoint("tls", "127.0.0.1", 0), context)
    await _works(subject, where, shim.Tls(str(authority.certificate)))
    before = len(subject.broker.visits)
    other = shim.Tls(str(_authority(subject).certificate))
    reply = await subject.order(subject.to_connect(where=where, tls=other, timeout=SHORT), SHORT + BEYOND)
    subject.refused(reply, "a certificate of an unknown authority")
    same("connections to an unknown broker", 0, sum(bool(visit.packets) for visit in subject.broker.visits[before:]))


async def asks_for_a_name(subject: Subject) -> None:
    """tls: the server name of the order is asked for, and expected in the certificate"""
    authority = _authority(subject)
    pair = authority.leaf("good", (NAME,))
    context = server_context(str(pair.certificate), str(pair.key))
    where = await subject.broker.listen(Endpoint("tls", "127.0.0.1", 0), context)
    visit = await subject.connected(where=where, tls=shim.Tls(str(authority.certificate), server_name=NAME))
    spoken = visit.stream.tls
    same("the server name in the TLS handshake", NAME, spoken.server_name if spoken else None)


async def shows_a_certificate(subject: Subject) -> None:
    """tls: the certificate of the order is shown"""
    authority = _authority(subject)
    ours, theirs = authority.leaf(), authority.leaf("good", ())
    context = server_context(str(ours.certificate), str(ours.key), authority=str(authority.certificate))
    where = await subject.broker.listen(Endpoint("tls", "127.0.0.1", 0), context)
    shown = shim.Tls(str(authority.certificate), str(theirs.certificate), str(theirs.key))
    await _works(subject, where, shown)


async def speaks_websocket(subject: Subject) -> None:
    """ws: MQTT over WebSocket, at the path of the order"""
    where = await subject.broker.listen(Endpoint("ws", "127.0.0.1", 0, "/check"))
    await _works(subject, where)
    websocket = subject.broker.visits[-1].stream.websocket
    path = getattr(websocket, "path", None)
    if path is not None:
        same("the path in the WebSocket handshake", "/check", path)


async def speaks_websocket_over_tls(subject: Subject) -> None:
    """wss: MQTT over WebSocket over TLS"""
    authority = _authority(subject)
    pair = authority.leaf()
    context = server_context(str(pair.certificate), str(pair.key))
    where = await subject.broker.listen(Endpoint("wss", "127.0.0.1", 0, "/check"), context)
    await _works(subject, where, shim.Tls(str(authority.certificate)))


async def speaks_unix(subject: Subject) -> None:
    """unix: MQTT over a Unix socket"""
    # The path of a Unix socket must be short.
    with tempfile.TemporaryDirectory(prefix="shim-") as folder:
        where = await subject.broker.listen(Endpoint("unix", "", 0, f"{folder}/s"))
        await _works(subject, where)


async def has_no_other_transport(subject: Subject) -> None:
    """transport: one that is not named is refused"""
    before = len(subject.broker.visits)
    named = {"tls": "tls", "ws": "websocket", "unix": "unix"}
    for transport, feature in named.items():
        if subject.has(feature):
            continue
        where = Endpoint(transport, "127.0.0.1", subject.where.port, "/check")
        told = subject.to_connect(where=where, timeout=SHORT)
        subject.refused(await subject.order(told, SHORT + BEYOND), f"the transport {transport}")
    if any(visit.packets for visit in subject.broker.visits[before:]):
        raise Fault("no connection over a transport that was not ordered", "one over TCP")
