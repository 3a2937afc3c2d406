"""The transport as an ordered stream of bytes: MQTT 3.1.1 sections 4.2 and 7.1, MQTT 5.0 section 4.2."""

from __future__ import annotations

import asyncio

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.broker import Broker
from testbed.mqtt.codec import encode
from testbed.mqtt.packets import (
    Connack,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Publish,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
)
from testbed.mqtt.properties import Property
from testbed.mqtt.scripted_client import Client


async def _send_in_pieces(client: Client, size: int, *packets: Packet) -> None:
    """Send packets in pieces of `size` bytes, each a segment of its own as far as the loop can see to it."""
    data = b"".join(encode(packet, client.version) for packet in packets)
    for at in range(0, len(data), size):
        await client.send(data[at : at + size])
        await asyncio.sleep(0.001)


def whole_talk(broker: Broker) -> tuple[Packet, ...]:
    return (
        broker.connect(),
        Subscribe(1, (Subscription(broker.topic()), Subscription(broker.topic("other")))),
        Publish(broker.topic(), b"x"),
        Pingreq(),
        Unsubscribe(2, (broker.topic("other"),)),
    )


async def is_served(client: Client, broker: Broker, because: str) -> None:
    await client.expect(Connack, code=0, because=because)
    await client.expect(Suback, packet_id=1, because=because)
    await client.message(broker.topic(), payload=b"x", because=because)
    await client.expect(Pingresp, because=because)
    await client.expect(Unsuback, packet_id=2, because=because)


@case(v311("7.1.1-1"), v5("4.2-1"), rows={"1 byte": 1, "2 bytes": 2, "3 bytes": 3, "7 bytes": 7})
async def packets_cut_into_pieces_are_put_together(broker: Broker, size: int) -> None:
    client = await broker.opened()
    await _send_in_pieces(client, size, *whole_talk(broker))
    await is_served(client, broker, f"though it was sent in pieces of {size} B")


@case(v311("7.1.1-1"), v5("4.2-1"))
async def packets_in_one_segment_are_taken_apart(broker: Broker) -> None:
    """A client may go on before it has CONNACK (section 3.1.4)."""
    client = await broker.opened()
    await client.send(*whole_talk(broker))
    await is_served(client, broker, "though all was sent in one piece")


@case(v311("7.1.1-1"), v5("4.2-1"))
async def a_packet_is_taken_when_its_last_byte_came(broker: Broker) -> None:
    """Another client's message, published while the last byte is missing, arrives first."""
    subscriber = await broker.subscriber(broker.topic())
    slow, swift = await broker.connected(), await broker.connected()
    frame = encode(Publish(broker.topic(), b"slow"), broker.version)
    await slow.send(frame[:-1])
    await swift.published(broker.topic(), b"swift")
    await subscriber.message(payload=b"swift", because="as the packet before it is not complete")
    await slow.send(frame[-1:])
    await subscriber.message(payload=b"slow", because="as the packet is complete now")


@case(v311("7.1.1-1"), v5("4.2-1"), needs=("qos-1",))
async def a_burst_of_messages_arrives_whole_and_in_order(broker: Broker) -> None:
    subscriber = await broker.subscriber(broker.topic())
    publisher = await broker.connected()
    count = min(15, publisher.announced(Property.RECEIVE_MAXIMUM, 15))
    payloads = [b"%d " % n + bytes(n % 97) for n in range(count)]
    await publisher.send(*(Publish(broker.topic(), p, 1, packet_id=n) for n, p in enumerate(payloads, 1)))
    for number in range(1, len(payloads) + 1):
        await publisher.expect(Puback, lambda p, n=number: p.packet_id == n, because=f"for packet {number}")
    for payload in payloads:
        await subscriber.message(payload=payload, because="in the order of publishing")


@case(v311("7.1.1-1"), v5("4.2-1"), rows={"20 kB": 20_000, "70 kB": 70_000})
async def a_large_message_is_carried_byte_for_byte(broker: Broker, size: int) -> None:
    """More than one segment holds, and all 256 values of a byte."""
    payload = bytes(n * 7 % 256 for n in range(256)) * (size // 256)
    subscriber = await broker.subscriber(broker.topic())
    publisher = await broker.connected()
    await publisher.published(broker.topic(), payload)
    message = await subscriber.message(broker.topic())
    if message.payload != payload:
        subscriber.violated(f"the {len(payload)} bytes that were published, unchanged")


@case(v311("7.0.0-2"), v311("7.1.1-1"), v5("4.2-1"))
async def a_plain_client_needs_nothing_but_the_standard(broker: Broker) -> None:
    """Over bare TCP (or what the description names), with the packets of the standard alone."""
    client = await broker.linked()
    await client.send(broker.connect())
    await client.expect(Connack, code=0, because="to a plain CONNECT")
    await client.send(Subscribe(1, (Subscription(broker.topic()),)))
    await client.expect(Suback, packet_id=1, codes=(0,), because="to a plain SUBSCRIBE")
    await client.send(Publish(broker.topic(), b"x"))
    await client.message(broker.topic(), payload=b"x", because="as it is subscribed to")
