"""Maximum Packet Size: MQTT 5.0 sections 3.1.2.11.4 and 3.2.2.3.6."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5
from testbed.findings import Inconclusive
from testbed.mqtt.broker import Broker
from testbed.mqtt.codec import describe, encode
from testbed.mqtt.packets import Publish
from testbed.mqtt.properties import Property, props
from testbed.mqtt.scripted_client import Client

MAXIMUM = Property.MAXIMUM_PACKET_SIZE
#: Bytes a client allows; more than any CONNACK should need.
SIZE = 512
EACH_QOS = {"QoS 0": 0, "QoS 1": 1, "QoS 2": 2}


async def _limited(broker: Broker, qos: int, **properties: int) -> Client:
    more = {Property[name.upper()]: value for name, value in properties.items()}
    client = await broker.connected(properties={MAXIMUM: SIZE, **more})
    await client.subscribed(broker.topic(), qos=qos)
    return client


def _length(client: Client, message: Publish) -> int:
    return len(encode(message, client.version))


async def _room(broker: Broker, client: Client, publisher: Client, qos: int) -> int:
    """Bytes of payload that just fit into SIZE, as a delivered message of nearly that size shows."""
    probe = b"p" * (SIZE - 150)
    await publisher.published(broker.topic(), probe, qos=qos)
    message = await client.maybe(Publish)
    if message is None:
        client.unprepared(f"a message of {len(probe)} B was to be delivered within {SIZE} B")
    await client.accept(message)
    return len(probe) + SIZE - _length(client, message)


@case(v5("3.1.2-24"), v5("3.1.2-25"), needs=("qos-1", "qos-2"), rows=EACH_QOS)
async def a_message_too_large_is_passed_over_and_the_next_one_comes(broker: Broker, qos: int) -> None:
    client = await _limited(broker, qos)
    publisher = await broker.connected()
    await publisher.published(broker.topic(), b"x" * (4 * SIZE), qos=qos)
    await publisher.published(broker.topic(), b"small", qos=qos)
    message = await client.message(broker.topic(), because=f"that fits into {SIZE} bytes")
    if message.payload != b"small":
        came = f"{_length(client, message)} bytes: {describe(message)}"
        client.violated(f"only the message that fits into {SIZE} bytes", came)
    await client.receives_no(because="beside the small message")


@case(v5("3.1.2-24"), v5("3.1.2-25"), needs=("qos-1", "qos-2"), rows=EACH_QOS)
async def the_limit_is_exact(broker: Broker, qos: int) -> None:
    """A packet of exactly the maximum comes, one of a byte more does not; a marker follows."""
    client = await _limited(broker, qos)
    publisher = await broker.connected()
    room = await _room(broker, client, publisher, qos)
    await publisher.published(broker.topic(), b"o" * (room + 1), qos=qos)
    await publisher.published(broker.topic(), b"f" * room, qos=qos)
    await publisher.published(broker.topic(), b"marker", qos=qos)
    message = await client.message(broker.topic(), because=f"of exactly {SIZE} bytes")
    if message.payload[:1] == b"o":
        client.violated(f"no packet above {SIZE} bytes", f"{_length(client, message)} bytes: {describe(message)}")
    if message.payload != b"f" * room:
        client.violated(f"the packet of exactly {SIZE} bytes, which is allowed", describe(message))
    await client.message(broker.topic(), payload=b"marker")


@case(v5("3.1.2-25"), needs=("qos-1",))
async def a_message_too_large_uses_up_no_quota(broker: Broker) -> None:
    """Discarded as if it had been delivered: with a Receive Maximum of 1 the next one still comes."""
    client = await _limited(broker, 1, receive_maximum=1)
    publisher = await broker.connected()
    for _ in range(3):
        await publisher.published(broker.topic(), b"x" * (4 * SIZE), qos=1)
    await publisher.published(broker.topic(), b"small", qos=1)
    await client.message(broker.topic(), payload=b"small", because="as larger ones count as delivered")


@case(v5("3.1.2-24"), v5("3.1.2-25"), needs=("retain",))
async def a_retained_message_too_large_is_not_sent(broker: Broker) -> None:
    publisher = await broker.connected()
    await publisher.published(broker.topic("large"), b"x" * (4 * SIZE), retain=True)
    await publisher.published(broker.topic("small"), b"small", retain=True)
    client = await broker.connected(properties={MAXIMUM: SIZE})
    await client.subscribed(broker.topic("large"), broker.topic("small"))
    if await client.maybe(Publish, lambda p: p.payload == b"small") is None:
        client.unprepared("the small retained message was to be delivered")
    await client.receives_no(because=f"that does not fit into {SIZE} bytes")
    await publisher.published(broker.topic("large"), retain=True)


@case(v5("3.1.2-24"), v5("3.1.2-25"), needs=("session-expiry", "qos-1"))
async def a_stored_message_too_large_for_the_new_connection_is_passed_over(broker: Broker) -> None:
    name = broker.client_id("stored")
    client = await broker.connected(name, stored=True)
    await client.subscribed(broker.topic(), qos=1)
    await client.disconnect()
    publisher = await broker.connected()
    await publisher.published(broker.topic(), b"x" * (4 * SIZE), qos=1)
    await publisher.published(broker.topic(), b"small", qos=1)
    again = await broker.connected(name, stored=True, properties={MAXIMUM: SIZE})
    await again.message(broker.topic(), payload=b"small", because=f"as the one before exceeds {SIZE} bytes")


@case(v5("3.1.2-25"))
async def another_subscriber_gets_what_is_too_large_for_one(broker: Broker) -> None:
    client = await _limited(broker, 0)
    other = await broker.subscriber(broker.topic())
    publisher = await broker.connected()
    large = b"x" * (4 * SIZE)
    await publisher.published(broker.topic(), large)
    await publisher.published(broker.topic(), b"small")
    await client.message(broker.topic(), payload=b"small", because=f"as the one before exceeds {SIZE} bytes")
    message = await other.message(broker.topic(), because="as this client sets no maximum")
    if message.payload != large:
        other.violated(f"the message of {len(large)} bytes", describe(message))


@case(v5("3.1.2-25"))
async def properties_count_towards_the_size(broker: Broker) -> None:
    client = await _limited(broker, 0)
    publisher = await broker.connected()
    await publisher.published(broker.topic(), b"x", properties={Property.USER_PROPERTY: ("n", "v" * 2 * SIZE)})
    await publisher.published(broker.topic(), b"small")
    await client.message(broker.topic(), payload=b"small", because="as properties may not be cut off to make it fit")


@case(v5("4.13.1-1"), needs=("packet-limit",))
async def a_packet_above_the_brokers_maximum_closes_the_connection(broker: Broker) -> None:
    """Section 3.2.2.3.6: a larger packet is a Protocol Error (0x95)."""
    client = await broker.connected()
    limit = client.announced(MAXIMUM)
    if limit is None:
        raise Inconclusive("the CONNACK announces no Maximum Packet Size")
    await client.published(broker.topic(), b"x" * (limit // 2))
    await client.send(Publish(broker.topic(), b"x" * limit, properties=props({})))
    await client.is_closed_by_broker(because=f"after a packet above its maximum of {limit} bytes")
