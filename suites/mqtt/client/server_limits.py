"""What the server does not support, as its CONNACK says: Maximum QoS and Retain Available. MQTT 5.0, sections
3.2.2.3.4 and 3.2.2.3.5.

The client is told to do it all the same, and may refuse, make less of it, or leave.
"""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5
from testbed.mqtt.client import Client
from testbed.mqtt.codec import describe
from testbed.mqtt.control import Order
from testbed.mqtt.packets import Publish
from testbed.mqtt.properties import Property
from testbed.mqtt.scripted_broker import Connection

_NEEDS = ("publish", "orders")


async def _keeps_from(client: Client, connection: Connection, order: Order, told: Publish, expected: str) -> None:
    """It does not send `told` as it is, and lives, or says why it left."""

    def same(packet: Publish) -> bool:
        return packet.payload == told.payload and packet.qos >= told.qos and packet.retain >= told.retain

    packet = await connection.maybe(Publish, same, within=connection.trial.quiet)
    if packet is not None:
        connection.violated(expected, describe(packet))
    anew = connection.take(Publish, lambda p: p.payload == told.payload)
    if anew is not None:
        await connection.acknowledge(anew)
    refused = await client.reply(order, within=0.0)
    if connection.ended_at is not None and refused is not None and not refused.ok:
        return
    await connection.receives_no(Publish, same, for_=0.0, because=expected)


#: Maximum QoS, and a QoS above it.
_ABOVE = {"0, and QoS 1": (0, 1), "0, and QoS 2": (0, 2), "1, and QoS 2": (1, 2)}


@case(v5("3.2.2-11"), needs=(*_NEEDS, "qos-1", "qos-2"), rows=_ABOVE)
async def nothing_is_published_above_the_maximum_qos(client: Client, pair: tuple[int, int]) -> None:
    maximum, qos = pair
    connection = await client.connected(connack={Property.MAXIMUM_QOS: maximum})
    client.publish(payload=b"below", qos=maximum)
    twin = await connection.asked(Publish)
    await connection.acknowledge(twin)
    order = client.publish(payload=b"above", qos=qos)
    told = Publish(client.topic(), b"above", maximum + 1)
    await _keeps_from(client, connection, order, told, f"no QoS above {maximum}, the Maximum QoS of the server")


@case(v5("3.2.2-11"), needs=("publish", "qos-1", "not orders"))
async def a_client_that_takes_no_orders_keeps_to_the_maximum_qos(client: Client) -> None:
    """Where there is no such limit it publishes with QoS 1. Here it may leave, too."""
    connection, twin = await client.publishing(qos=1)
    await connection.acknowledge(twin)
    connection = await client.connected(client.message(qos=1), connack={Property.MAXIMUM_QOS: 0})
    publish = await connection.maybe(Publish)
    if publish is None and connection.ended_at is None:
        connection.unprepared("the client neither publishes nor leaves", cause="sends no PUBLISH")
    if publish is not None and publish.qos:
        connection.violated("no QoS above 0, the Maximum QoS of the server", describe(publish))


@case(v5("3.2.2-14"), needs=(*_NEEDS, "retain"))
async def nothing_is_published_retained_where_that_is_not_available(client: Client) -> None:
    connection = await client.connected(connack={Property.RETAIN_AVAILABLE: 0})
    client.publish(payload=b"plain")
    await connection.asked(Publish)
    order = client.publish(payload=b"retained", retain=True)
    told = Publish(client.topic(), b"retained", 0, True)
    await _keeps_from(client, connection, order, told, "RETAIN 0, as Retain Available of the server is 0")
