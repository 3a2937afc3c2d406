"""Enhanced authentication with a method that the broker supports: MQTT 5.0, section 4.12.

The description of a broker that claims `enhanced-auth` has the parameters `auth-method`, `auth-data` (text for
the CONNECT, may be missing) and `auth-answers` (text for the AUTH packets that follow, one a line, may be missing).
"""

from __future__ import annotations

from typing import Any

from harness.case import case
from suites.mqtt import v5
from testbed.findings import Inconclusive
from testbed.mqtt.broker import Broker
from testbed.mqtt.codec import describe, encode
from testbed.mqtt.packets import Auth, Connack, Connect, Disconnect
from testbed.mqtt.properties import Property, get
from testbed.mqtt.reasons import ALLOWED_FROM_SERVER, Reason
from testbed.mqtt.scripted_client import Client

METHOD = Property.AUTHENTICATION_METHOD
DATA = Property.AUTHENTICATION_DATA
NEEDS = ("enhanced-auth",)


def _method(broker: Broker) -> str:
    method = str(broker.parameter("auth-method", ""))
    if not method:
        raise Inconclusive("enhanced-auth is claimed, and the description has no parameter auth-method")
    return method


def _connect(broker: Broker, *more: tuple[Property, Any]) -> Connect:
    block: list[tuple[Property, Any]] = [(METHOD, _method(broker)), *more]
    data = str(broker.parameter("auth-data", "")).encode()
    if data:
        block.append((DATA, data))
    return broker.connect(properties=block)


async def _exchange(broker: Broker, client: Client, opening: Connect | Auth) -> Connack | Auth | Disconnect | None:
    """Send `opening` and answer each AUTH as the description says: the last packet of the broker, None when it
    closed without one."""
    answers = str(broker.parameter("auth-answers", "")).encode().splitlines()
    await client.send(opening)
    while True:
        packet = await client.until(lambda: client.take(Auth) or client.take(Connack) or client.take(Disconnect))
        if not isinstance(packet, Auth) or packet.code != Reason.CONTINUE_AUTHENTICATION or not answers:
            return packet
        block = ((METHOD, _method(broker)), (DATA, answers.pop(0)))
        await client.send(Auth(Reason.CONTINUE_AUTHENTICATION, block))


async def _authenticated(broker: Broker) -> Client:
    client = await broker.linked()
    _accepted(client, await _exchange(broker, client, _connect(broker)))
    return client


def _accepted(client: Client, last: Connack | Auth | Disconnect | None) -> None:
    if not isinstance(last, Connack) or last.code:
        came = describe(last) if last else client.what_came()
        raise Inconclusive(f"the authentication as the description gives it was not accepted: {came}")
    client.connack = last


def _auths(client: Client) -> list[Auth]:
    return [packet for _, packet in client.received if isinstance(packet, Auth)]


@case(v5("4.12.0-2"), v5("3.15.2-1"), needs=NEEDS)
async def the_brokers_auth_asks_to_continue(broker: Broker) -> None:
    client = await broker.linked()
    last = await _exchange(broker, client, _connect(broker))
    for packet in _auths(client):
        if packet.code != Reason.CONTINUE_AUTHENTICATION:
            client.violated("AUTH with 0x18 Continue authentication until CONNACK", describe(packet))
    _accepted(client, last)


@case(v5("4.12.0-5"), needs=NEEDS)
async def every_auth_and_the_connack_repeat_the_method(broker: Broker) -> None:
    client = await _authenticated(broker)
    assert client.connack is not None
    for packet in (*_auths(client), client.connack):
        if get(packet.properties, METHOD) != _method(broker):
            client.violated(f"Authentication Method {_method(broker)!r}, as in the CONNECT", describe(packet))


@case(v5("3.15.2-2"), v5("3.15.2-3"), v5("3.1.2-24"), needs=NEEDS)
async def auth_stays_within_the_clients_packet_size(broker: Broker) -> None:
    """As large as the largest packet of an exchange without a limit, texts left out."""
    probe = await _authenticated(broker)
    assert probe.connack is not None
    texts = (Property.REASON_STRING, Property.USER_PROPERTY)
    size = len(encode(probe.connack, broker.version))
    for packet in _auths(probe):
        bare = Auth(packet.code, tuple(one for one in packet.properties if one[0] not in texts))
        size = max(size, len(encode(bare, broker.version)))
    client = await broker.linked()
    last = await _exchange(broker, client, _connect(broker, (Property.MAXIMUM_PACKET_SIZE, size)))
    if last is None:
        raise Inconclusive(f"no answer where packets of {size} B are allowed: {client.what_came()}")
    for packet in _auths(client):
        length = len(encode(packet, broker.version))
        if length > size:
            client.violated(f"AUTH within {size} bytes", f"{length} bytes: {describe(packet)}")


@case(
    v5("4.12.0-4"),
    v5("4.13.2-1"),
    needs=NEEDS,
    rows={"no data": (), "other data": ((DATA, b"\0not what it takes"),)},
)
async def data_that_proves_nothing_closes_the_connection(
    broker: Broker, more: tuple[tuple[Property, bytes], ...]
) -> None:
    """Once the exchange as described was accepted; an AUTH that asks on is answered by nonsense."""
    await _authenticated(broker)
    client = await broker.linked()
    await client.send(broker.connect(properties=((METHOD, _method(broker)), *more)))
    while (packet := await client.until(lambda: client.take(Auth) or client.take(Connack))) is not None:
        if isinstance(packet, Connack):
            if packet.code == 0:
                client.violated("the authentication rejected", describe(packet))
            break
        await client.send(Auth(Reason.CONTINUE_AUTHENTICATION, ((METHOD, _method(broker)), (DATA, b"\0nonsense"))))
    await client.is_closed_by_broker(because="after an authentication that fails")


@case(v5("3.15.2-1"), v5("4.12.0-5"), needs=NEEDS)
async def re_authentication_is_answered_by_auth_of_the_same_method(broker: Broker) -> None:
    client = await _authenticated(broker)
    data = str(broker.parameter("auth-data", "")).encode()
    block = ((METHOD, _method(broker)), *(((DATA, data),) if data else ()))
    await _exchange(broker, client, Auth(Reason.RE_AUTHENTICATE, block))
    answers = [packet for packet in _auths(client) if packet.code in ALLOWED_FROM_SERVER["AUTH"]]
    if len(answers) != len(_auths(client)):
        client.violated("AUTH with 0x00 or 0x18 only", describe(_auths(client)[-1]))
    if not answers and client.ended_at is None:
        client.violated("AUTH, or the connection closed, after AUTH with 0x19 Re-authenticate")
    for packet in answers:
        if get(packet.properties, METHOD) != _method(broker):
            client.violated(f"AUTH with the Authentication Method {_method(broker)!r}", describe(packet))


@case(v5("4.12.1-2"), needs=NEEDS, rows={"another method": True, "nonsense as data": False})
async def a_re_authentication_that_fails_closes_the_connection(broker: Broker, other: bool) -> None:
    client = await _authenticated(broker)
    await client.settled()
    method = "no such method" if other else _method(broker)
    block = ((METHOD, method), (DATA, b"\0nonsense"))
    await client.send(Auth(Reason.RE_AUTHENTICATE, block))
    while await client.maybe(Auth, lambda p: p.code == Reason.CONTINUE_AUTHENTICATION) is not None:
        await client.send(Auth(Reason.CONTINUE_AUTHENTICATION, block))
    await client.is_closed_by_broker(because="after a re-authentication that fails")
