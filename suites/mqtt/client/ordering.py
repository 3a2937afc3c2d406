"""The order of messages and acknowledgements: MQTT 3.1.1 and 5.0, sections 4.5 and 4.6."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.client import Client
from testbed.mqtt.codec import encode
from testbed.mqtt.packets import Puback, Publish, Pubrec, Pubrel

#: Identifiers in no order of their own.
_NUMBERS = (300, 7, 65_535, 1, 512)


@case(v311("4.6.0-2"), v5("4.6.0-2"), needs=("subscribe", "qos-1"))
async def puback_packets_come_in_the_order_of_the_messages(client: Client) -> None:
    connection = await client.subscribed(qos=1)
    connection.holds(len(_NUMBERS))
    await connection.send(*(Publish(client.topic(), b"%d" % n, 1, packet_id=n) for n in _NUMBERS))
    for number in _NUMBERS:
        await connection.expect(Puback, packet_id=number, because="in the order of our PUBLISH packets")


@case(v311("4.6.0-3"), v5("4.6.0-3"), needs=("subscribe", "qos-2"))
async def pubrec_packets_come_in_the_order_of_the_messages(client: Client) -> None:
    connection = await client.subscribed(qos=2)
    connection.holds(len(_NUMBERS))
    await connection.send(*(Publish(client.topic(), b"%d" % n, 2, packet_id=n) for n in _NUMBERS))
    for number in _NUMBERS:
        await connection.expect(Pubrec, packet_id=number, because="in the order of our PUBLISH packets")


@case(v311("4.6.0-4"), v5("4.6.0-4"), needs=("publish", "qos-2", "orders", "in-flight"))
async def pubrel_packets_come_in_the_order_of_our_pubrec_packets(client: Client) -> None:
    """Not in that of the messages: the middle one is received first."""
    connection, first = await client.publishing(payload=b"1", qos=2)
    sent = [first]
    for payload in (b"2", b"3"):
        client.told = client.publish(payload=payload, qos=2)
        sent.append(await client.sent(connection, Publish))
    order = [sent[1].packet_id or 0, sent[2].packet_id or 0, sent[0].packet_id or 0]
    await connection.send(*map(Pubrec, order))
    for number in order:
        await connection.expect(Pubrel, packet_id=number, because="in the order of our PUBREC packets")


@case(
    v311("4.5.0-2"),
    v5("4.5.0-2"),
    needs=("subscribe", "qos-1", "qos-2", "told"),
    rows={"QoS 1": 1, "QoS 2": 2},
)
async def a_message_that_nobody_wants_is_acknowledged(client: Client, qos: int) -> None:
    """On a topic that the client has not subscribed to: whether it processes the message is its own affair."""
    connection = await client.subscribed(client.topic("wanted"), qos=2)
    await connection.deliver(client.topic("wanted"), b"twin", qos)
    await connection.send(Publish(client.topic("unwanted"), b"x", qos, packet_id=900))
    await connection.expect(Puback if qos == 1 else Pubrec, packet_id=900, because="in answer to our PUBLISH")


@case(v311("4.5.0-2"), v5("4.5.0-2"), needs=("subscribe", "qos-1"), rows={"0 B": 0, "1 B": 1, "200 kB": 200_000})
async def messages_of_any_size_are_acknowledged(client: Client, size: int) -> None:
    connection = await client.subscribed(qos=1)
    packet = Publish(client.topic(), bytes(size), 1, packet_id=1)
    connection.holds(1, len(encode(packet, connection.version)))
    await connection.send(packet)
    await connection.expect(Puback, packet_id=1, because=f"in answer to a message of {size} bytes")
