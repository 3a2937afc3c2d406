"""TLS as the client's network connection: what it accepts and refuses of the server (RFC 5280, 8446, 9325, 9525)."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Literal

from harness.case import case
from suites.transport_security import over_v5, over_v311
from testbed.dut import Endpoint
from testbed.findings import Inconclusive
from testbed.link.certificates import Authority, Kind
from testbed.link.tls import server_context
from testbed.mqtt import shim
from testbed.mqtt.client import Client
from testbed.mqtt.packets import Connect
from testbed.mqtt.scripted_broker import Connection

NEEDS = ("tls",)
Version = Literal["1.2", "1.3"]
_QUALIFIED = "broker.test"


async def _offer(
    client: Client,
    authority: Authority,
    kind: Kind = "good",
    *,
    minimum: Version = "1.2",
    maximum: Version = "1.3",
    mutual: bool = False,
    name: str = "",
    trust: Authority | None = None,
) -> None:
    """Let the client connect over TLS to a server that shows a certificate of `kind`."""
    leaf = authority.leaf(kind, (name, "127.0.0.1")) if name else authority.leaf(kind)
    context = server_context(
        str(leaf.certificate),
        str(leaf.key),
        authority=str(authority.certificate) if mutual else "",
        minimum=minimum,
        maximum=maximum,
    )
    told = shim.Tls(str((trust or authority).certificate), server_name=name)
    if mutual:
        own = authority.leaf("good", ())
        told.certificate, told.key = str(own.certificate), str(own.key)
    await client.offer(Endpoint("tls", "127.0.0.1", 0), tls=context, trust=told)


def _authority(client: Client) -> Authority:
    work = client.trial.dut.work
    if work is None:
        raise Inconclusive("there is no folder for certificates")
    return Authority(Path(work) / client.trial.scope)


async def _is_refused(client: Client, because: str) -> None:
    """The client does not go as far as CONNECT. It may refuse within the handshake, or close after it; whether it
    says that it did not connect shows nothing of the server's certificate."""
    before = len(client.refusals)
    order = await client.begin()
    connection = await client.next_connection(order)
    if connection is None:
        if await client.refusal(before) is None:
            raise Inconclusive("the client broke off no handshake with this server", cause="no connection")
        return
    packet = await connection.until(lambda: connection.inbox[0] if connection.inbox else None)
    if packet is not None:
        connection.violated(f"no MQTT over a connection whose server {because}")
    if connection.ended_at is None:
        raise Inconclusive("the client neither refused the server nor said CONNECT", cause="no decision")


@case(over_v311("RFC9325-3.1.1-tls12"), over_v5("RFC9325-3.1.1-tls12"), needs=NEEDS)
async def it_speaks_tls_1_2(client: Client) -> None:
    await _speaks(client, "1.2")


@case(over_v311("RFC9325-3.1.1-tls13"), over_v5("RFC9325-3.1.1-tls13"), needs=NEEDS)
async def it_speaks_tls_1_3(client: Client) -> None:
    await _speaks(client, "1.3")


async def _speaks(client: Client, version: Version) -> None:
    """It connects to a server that has nothing else, once it has to one that has both."""
    authority = _authority(client)
    await _offer(client, authority)
    await client.connected()
    await _offer(client, authority, minimum=version, maximum=version)
    order = await client.begin()
    connection = await client.next_connection(order)
    if connection is None or await connection.maybe(Connect) is None:
        came = "; ".join(one.reason for one in client.refusals) or "no CONNECT"
        (connection or client.connections[-1]).violated(f"a connection over TLS {version}", came)


@case(over_v311("RFC9325-3.1.1-tls11"), over_v5("RFC9325-3.1.1-tls11"), needs=NEEDS)
async def it_does_not_speak_tls_1_1(client: Client) -> None:
    """Offered by a server that has nothing newer, with every cipher that this machine can muster."""
    authority = _authority(client)
    await _offer(client, authority)
    await client.connected()
    leaf = authority.leaf()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    context.load_cert_chain(leaf.certificate, leaf.key)
    trust = shim.Tls(str(authority.certificate))
    await client.offer(Endpoint("tls", "127.0.0.1", 0), tls=context, trust=trust)
    await _is_refused(client, "speaks TLS 1.1 at most")


@case(
    over_v311("RFC5280-6.1.3-validity"),
    over_v5("RFC5280-6.1.3-validity"),
    needs=NEEDS,
    rows={"expired": "expired", "not yet valid": "not-yet-valid"},
)
async def a_certificate_outside_its_time_is_refused(client: Client, kind: Kind) -> None:
    await _refuses(client, kind, f"shows a certificate that is {kind.replace('-', ' ')}")


@case(
    over_v311("RFC5280-6.1.3-signature"),
    over_v5("RFC5280-6.1.3-signature"),
    needs=NEEDS,
    rows={"self-signed": "self-signed", "of an unknown authority": "unknown-authority"},
)
async def a_certificate_of_nobody_it_trusts_is_refused(client: Client, kind: Kind) -> None:
    await _refuses(client, kind, "shows a certificate that leads to no trusted authority")


@case(over_v311("RFC9525-6-identity"), over_v5("RFC9525-6-identity"), needs=NEEDS)
async def a_certificate_for_another_host_is_refused(client: Client) -> None:
    await _refuses(client, "other-host", "shows a certificate for another host")


async def _refuses(client: Client, kind: Kind, because: str) -> None:
    """After the good twin of the same authority was accepted."""
    authority = _authority(client)
    await _offer(client, authority)
    await client.connected()
    await _offer(client, authority, kind)
    await _is_refused(client, because)


@case(over_v311("RFC6066-3-sni"), over_v5("RFC6066-3-sni"), needs=(*NEEDS, "server-name"))
async def it_tells_the_name_of_the_server(client: Client) -> None:
    """A fully qualified one: of others RFC 6066 does not speak, and Java's TLS keeps them to itself."""
    await _offer(client, _authority(client), name=_QUALIFIED)
    connection = await client.connected()
    asked = _tls(connection)
    if asked != _QUALIFIED:
        connection.violated(f"the server name {_QUALIFIED} in the handshake", f"{asked or 'no name'}")


def _tls(connection: Connection) -> str | None:
    spoken = connection.stream.tls
    return spoken.server_name if spoken else None


@case(over_v311("RFC8446-4.4.2-client"), over_v5("RFC8446-4.4.2-client"), needs=(*NEEDS, "mutual-tls"))
async def it_shows_its_certificate_when_asked(client: Client) -> None:
    """After it has connected to a server that does not ask."""
    authority = _authority(client)
    await _offer(client, authority)
    await client.connected()
    await _offer(client, authority, mutual=True)
    order = await client.begin()
    connection = await client.next_connection(order)
    if connection is None or await connection.maybe(Connect) is None:
        came = "; ".join(one.reason for one in client.refusals) or "no CONNECT"
        (connection or client.connections[-1]).violated("a connection with the client's certificate", came)
    spoken = connection.stream.tls
    if spoken is None or not spoken.certificate:
        connection.violated("the client's certificate", "none")
