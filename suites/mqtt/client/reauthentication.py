"""Re-authentication: MQTT 5.0, section 4.12.1."""

from __future__ import annotations

from typing import Any

from harness.case import case
from suites.mqtt import v5
from testbed.mqtt.client import Client
from testbed.mqtt.codec import describe, encode
from testbed.mqtt.control import Order
from testbed.mqtt.packets import Auth, Disconnect
from testbed.mqtt.properties import Property, get, props
from testbed.mqtt.scripted_broker import Connection

METHOD, DATA = Property.AUTHENTICATION_METHOD, Property.AUTHENTICATION_DATA
_METHOD = "X-METHOD"
NAMES = {"plain": _METHOD, "beyond ASCII": "größe-漢字"}
_NEEDS = ("authenticate", "properties", "orders")


async def _authenticated(client: Client, method: str = _METHOD, more: Any = ()) -> Connection:
    """Set-up: a connection authenticated by `method`."""
    connection = await client.opens(properties={METHOD: method, DATA: b"first"})
    if connection.announced(METHOD) != method:
        connection.unprepared("the client was told an Authentication Method, and sends another, or none")
    await client.accepts(connection, connack=(*props({METHOD: method}), *props(more)))
    return connection


async def _again(client: Client, connection: Connection, *answers: bytes) -> tuple[Order, Auth]:
    """Set-up: told to authenticate again, it has sent AUTH."""
    client.told = client.authenticate(b"again", answers)
    return client.told, await client.sent(connection, Auth)


@case(v5("3.15.2-1"), needs=_NEEDS)
async def it_begins_with_auth_0x19(client: Client) -> None:
    connection = await _authenticated(client)
    _, auth = await _again(client, connection)
    if auth.code != 0x19:
        connection.violated("AUTH with 0x19, re-authenticate", describe(auth))


@case(v5("4.12.1-1"), v5("4.12.0-5"), needs=_NEEDS, rows=NAMES)
async def it_keeps_to_the_method_of_the_connect(client: Client, method: str) -> None:
    connection = await _authenticated(client, method)
    _, auth = await _again(client, connection)
    if get(auth.properties, METHOD) != method:
        connection.violated(f"the Authentication Method {method} of the CONNECT", describe(auth))


@case(v5("4.12.0-3"), v5("4.12.0-5"), v5("4.12.1-1"), needs=_NEEDS)
async def auth_that_asks_to_continue_is_answered_by_auth_0x18(client: Client) -> None:
    connection = await _authenticated(client)
    order, _ = await _again(client, connection, b"answer")
    await connection.send(Auth(0x18, props({METHOD: _METHOD, DATA: b"challenge"})))
    auth = await connection.expect(Auth, code=0x18, because="in answer to our AUTH")
    if get(auth.properties, METHOD) != _METHOD:
        connection.violated(f"the Authentication Method {_METHOD} of the CONNECT", describe(auth))
    await connection.send(Auth(0x00, props({METHOD: _METHOD})))
    await client.done(order)
    await connection.is_alive()


@case(
    v5("4.12.1-2"),
    needs=_NEEDS,
    rows={"0x87 Not authorized": 0x87, "0x8C Bad authentication method": 0x8C},
)
async def a_connection_whose_re_authentication_fails_is_closed(client: Client, code: int) -> None:
    """The server says so by DISCONNECT, and leaves it to the client to close."""
    connection = await _authenticated(client)
    await _again(client, connection)
    await connection.send(Disconnect(code))
    await connection.is_closed_by_client(because=f"as DISCONNECT 0x{code:02X} ends the re-authentication")


@case(v5("3.15.2-2"), v5("3.15.2-3"), needs=_NEEDS)
async def auth_keeps_to_the_maximum_packet_size(client: Client) -> None:
    """A limit that an AUTH with method and data fits into, and not much more."""
    size = len(encode(Auth(0x19, props({METHOD: _METHOD, DATA: b"again"})), client.version)) + 2
    connection = await _authenticated(client, more={Property.MAXIMUM_PACKET_SIZE: size})
    _, auth = await _again(client, connection)
    if len(encode(auth, client.version)) > size:
        connection.violated(f"an AUTH of {size} bytes at most, the Maximum Packet Size of the server", describe(auth))
