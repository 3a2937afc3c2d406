"""QoS 1: MQTT 3.1.1 and 5.0, section 4.3.2."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.client import Client
from testbed.mqtt.codec import describe
from testbed.mqtt.packets import Puback, Publish

# -- the client sends


@case(v311("4.3.2-1"), v5("4.3.2-2"), needs=("publish", "qos-1"))
async def a_message_goes_out_with_an_identifier_and_dup_0(client: Client) -> None:
    connection, publish = await client.publishing(qos=1)
    if not publish.packet_id or publish.dup:
        connection.violated("a PUBLISH with a packet identifier above 0 and DUP 0", describe(publish))


@case(v311("4.3.2-1"), v5("4.3.2-1"), v5("4.3.2-3"), needs=("publish", "qos-1", "orders", "in-flight"))
async def an_identifier_is_not_used_again_before_its_puback(client: Client) -> None:
    connection, first = await client.publishing(qos=1)
    client.publish(qos=1)
    second = await connection.asked(Publish)
    if second.packet_id == first.packet_id:
        connection.violated(f"another packet identifier than {first.packet_id}", describe(second))


# -- the client receives


@case(v311("4.3.2-2"), v311("3.3.4-1"), v5("4.3.2-4"), v5("3.3.4-1"), needs=("subscribe", "qos-1"))
async def a_message_is_answered_by_puback_with_its_identifier(client: Client) -> None:
    connection = await client.subscribed(qos=1)
    await connection.send(Publish(client.topic(), b"x", 1, packet_id=4711))
    await connection.expect(Puback, packet_id=4711, because="in answer to our PUBLISH")


@case(v311("4.3.2-2"), v5("4.3.2-5"), needs=("subscribe", "qos-1", "orders"))
async def after_its_puback_the_same_identifier_is_a_new_message(client: Client) -> None:
    """Whatever DUP says: the receiver has given up ownership with its PUBACK."""
    connection = await client.subscribed(qos=1)
    for payload, dup in ((b"one", False), (b"two", True)):
        await connection.send(Publish(client.topic(), payload, 1, dup=dup, packet_id=7))
        await connection.expect(Puback, packet_id=7, because=f"in answer to {payload.decode()!r}")
        if await client.handed(client.topic(), lambda message, p=payload: message.payload == p.hex()) is None:
            connection.violated(f"the message {payload.decode()!r} handed to the application", "nothing")


@case(v311("4.3.2-2"), v5("4.3.2-4"), needs=("subscribe", "qos-1"))
async def messages_with_highest_and_lowest_identifier_are_answered(client: Client) -> None:
    connection = await client.subscribed(qos=1)
    for number in (1, 65_535):
        await connection.send(Publish(client.topic(), b"x", 1, packet_id=number))
        await connection.expect(Puback, packet_id=number, because="in answer to our PUBLISH")
