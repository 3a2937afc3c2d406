"""The server's Maximum Packet Size: MQTT 5.0, section 3.2.2.3.6.

The client is told to send more all the same, and may refuse, or leave.
"""

from __future__ import annotations

from typing import Any

from harness.case import case
from suites.mqtt import v5
from testbed.mqtt.client import Client
from testbed.mqtt.codec import describe, encode
from testbed.mqtt.control import Order
from testbed.mqtt.packets import (
    Disconnect,
    Packet,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Subscribe,
    Unsubscribe,
)
from testbed.mqtt.properties import Property
from testbed.mqtt.scripted_broker import Connection

#: Bytes that the server takes.
SIZE = 120
_NEEDS = ("publish", "orders")
_LIMIT = {Property.MAXIMUM_PACKET_SIZE: SIZE}


def _large(connection: Connection, packet: Packet) -> bool:
    return len(encode(packet, connection.version)) > SIZE


async def _sends_nothing_large(client: Client, connection: Connection, order: Order, kind: type[Any]) -> None:
    because = f"over {SIZE} bytes, the Maximum Packet Size of the server"
    await client.sends_no(connection, kind, order, lambda p: _large(connection, p), because=because)


async def _connected(client: Client) -> Connection:
    """Set-up: a message within the limit comes."""
    connection = await client.connected(connack=_LIMIT)
    client.publish(payload=b"small")
    await connection.asked(Publish, lambda p: p.payload == b"small")
    return connection


@case(v5("3.2.2-15"), needs=_NEEDS, rows={"twice the size": 2 * SIZE, "100 times the size": 100 * SIZE})
async def a_message_too_large_for_the_server_is_not_sent(client: Client, size: int) -> None:
    connection = await _connected(client)
    order = client.publish(payload=b"x" * size)
    await _sends_nothing_large(client, connection, order, Publish)


@case(v5("3.2.2-15"), needs=(*_NEEDS, "qos-1", "qos-2"), rows={"QoS 1": 1, "QoS 2": 2})
async def a_message_with_qos_too_large_for_the_server_is_not_sent(client: Client, qos: int) -> None:
    connection = await _connected(client)
    order = client.publish(payload=b"x" * 2 * SIZE, qos=qos)
    await _sends_nothing_large(client, connection, order, Publish)


@case(v5("3.2.2-15"), needs=_NEEDS)
async def the_limit_counts_the_whole_packet(client: Client) -> None:
    """A payload that fits would not, with fixed header, topic and properties."""
    connection = await _connected(client)
    order = client.publish(payload=b"x" * (SIZE - 2))
    await _sends_nothing_large(client, connection, order, Publish)


@case(v5("3.2.2-15"), needs=(*_NEEDS, "properties"))
async def the_limit_counts_properties(client: Client) -> None:
    connection = await _connected(client)
    order = client.publish(payload=b"x", properties={Property.USER_PROPERTY: [("name", "x" * SIZE)]})
    await _sends_nothing_large(client, connection, order, Publish)


@case(v5("3.2.2-15"), needs=("subscribe", *_NEEDS))
async def a_subscribe_too_large_for_the_server_is_not_sent(client: Client) -> None:
    connection = await _connected(client)
    order = client.subscribe(client.topic("x" * 2 * SIZE))
    await _sends_nothing_large(client, connection, order, Subscribe)


@case(v5("3.2.2-15"), needs=("subscribe", *_NEEDS))
async def an_unsubscribe_too_large_for_the_server_is_not_sent(client: Client) -> None:
    connection = await _connected(client)
    order = client.unsubscribe(client.topic("x" * 2 * SIZE))
    await _sends_nothing_large(client, connection, order, Unsubscribe)


# -- Reason String and User Property, which are left out where they would make a packet too large


def _fits(connection: Connection, packet: Packet) -> None:
    if _large(connection, packet):
        connection.violated(
            f"{packet.kind} of {SIZE} bytes at most, the Maximum Packet Size of the server", describe(packet)
        )


@case(v5("3.4.2-2"), v5("3.4.2-3"), needs=("subscribe", "qos-1"))
async def puback_keeps_to_the_limit(client: Client) -> None:
    connection = await client.subscribed(qos=1, connack=_LIMIT)
    await connection.send(Publish(client.topic(), b"x", 1, packet_id=7))
    _fits(connection, await connection.asked(Puback))


@case(v5("3.5.2-2"), v5("3.5.2-3"), v5("3.7.2-2"), v5("3.7.2-3"), needs=("subscribe", "qos-2"))
async def pubrec_and_pubcomp_keep_to_the_limit(client: Client) -> None:
    connection = await client.subscribed(qos=2, connack=_LIMIT)
    await connection.send(Publish(client.topic(), b"x", 2, packet_id=7))
    _fits(connection, await connection.asked(Pubrec))
    await connection.send(Pubrel(7))
    _fits(connection, await connection.asked(Pubcomp))


@case(v5("3.6.2-2"), v5("3.6.2-3"), needs=("publish", "qos-2"))
async def pubrel_keeps_to_the_limit(client: Client) -> None:
    connection, publish = await client.publishing(qos=2, connack=_LIMIT)
    await connection.send(Pubrec(publish.packet_id or 0))
    _fits(connection, await connection.asked(Pubrel))


@case(v5("3.14.2-3"), v5("3.14.2-4"), needs=("orders",))
async def disconnect_keeps_to_the_limit(client: Client) -> None:
    connection = await client.connected(connack=_LIMIT)
    client.disconnect()
    _fits(connection, await connection.asked(Disconnect))
