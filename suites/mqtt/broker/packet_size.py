"""Maximum Packet Size of the client: MQTT 5.0, sections 3.1.2.11.4, 3.2.2.3.9 and 3.2.2.3.10."""

from __future__ import annotations

from typing import Any

from harness.case import case
from suites.mqtt import v5
from testbed.mqtt.broker import Broker
from testbed.mqtt.client import Client
from testbed.mqtt.codec import describe, encode
from testbed.mqtt.packets import Connack, Publish
from testbed.mqtt.properties import Property

#: Bytes: room for a CONNACK with every property a server commonly gives, and for a small message.
LIMIT = 200
SPOKEN = (Property.REASON_STRING, Property.USER_PROPERTY)


async def _small_subscriber(broker: Broker, topic: str, qos: int, **properties: Any) -> Client:
    client = await broker.connected(properties={Property.MAXIMUM_PACKET_SIZE: LIMIT, **properties})
    await client.subscribed(topic, qos=qos)
    return client


async def _gets_only_what_fits(broker: Broker, qos: int, **properties: Any) -> None:
    """Too large, then small, on one subscription: only the small one comes, and the connection goes on. A second
    subscriber without a limit shows that the large one was forwarded at all."""
    topic = broker.topic()
    client = await _small_subscriber(broker, topic, qos, **properties)
    witness = await broker.subscriber(topic, qos=qos)
    other = await broker.connected()
    await other.published(topic, b"L" * (LIMIT + 1), qos=qos)
    if await witness.maybe(Publish, lambda p: p.topic == topic) is None:
        witness.unprepared("the large message was not forwarded to anybody")
    await other.published(topic, b"small", qos=qos)
    packet = await client.expect(Publish, because="small enough for this client, after one that was too large")
    if packet.payload != b"small":
        client.violated(f"no packet of more than {LIMIT} bytes", describe(packet))
    await client.accept(packet)
    await client.is_alive()


@case(v5("3.1.2-24"), v5("3.1.2-25"))
async def a_message_that_is_too_large_is_not_sent(broker: Broker) -> None:
    await _gets_only_what_fits(broker, 0)


@case(v5("3.1.2-24"), v5("3.1.2-25"), needs=("qos-1",))
async def a_qos_1_message_that_is_too_large_is_not_sent(broker: Broker) -> None:
    await _gets_only_what_fits(broker, 1)


@case(v5("3.1.2-24"), v5("3.1.2-25"), needs=("qos-2",))
async def a_qos_2_message_that_is_too_large_is_not_sent(broker: Broker) -> None:
    await _gets_only_what_fits(broker, 2)


@case(v5("3.1.2-25"), needs=("qos-1",))
async def a_message_that_is_too_large_counts_as_sent(broker: Broker) -> None:
    """Two messages that were discarded must not use up a Receive Maximum of 1."""
    topic = broker.topic()
    client = await broker.connected(
        properties={Property.MAXIMUM_PACKET_SIZE: LIMIT, Property.RECEIVE_MAXIMUM: 1},
    )
    await client.subscribed(topic, qos=1)
    other = await broker.connected()
    for payload in (b"L" * LIMIT, b"L" * LIMIT, b"first", b"second"):
        await other.published(topic, payload, qos=1)
    await client.message(topic, payload=b"first", because="after two that were discarded as too large")
    await client.message(topic, payload=b"second", because="after the first was acknowledged")


@case(v5("3.1.2-24"))
async def a_message_of_just_the_maximum_packet_size_is_sent(broker: Broker) -> None:
    """The limit belongs to what fits; one byte more does not."""
    topic = broker.topic()
    overhead = len(encode(Publish(topic, b""), broker.version)) + 1
    client = await _small_subscriber(broker, topic, 0)
    other = await broker.connected()
    # The remaining length takes two bytes from 128 on.
    await other.published(topic, b"m" * (LIMIT - overhead + 1))
    await other.published(topic, b"f" * (LIMIT - overhead))
    packet = await client.expect(Publish, because=f"of {LIMIT} bytes, which is just the Maximum Packet Size")
    if packet.payload[:1] != b"f":
        client.violated(f"no packet of more than {LIMIT} bytes", describe(packet))


async def _connack_says_no_more_than_fits(broker: Broker, spoken: Property) -> None:
    """In the answer to a CONNECT that is accepted, and to one that a server has reason to explain (which it may
    also refuse without a word)."""
    for fields in ({}, {Property.REQUEST_PROBLEM_INFORMATION: 2}):
        free = await broker.linked()
        await free.send(broker.connect(properties=fields))
        answer = await free.maybe(Connack)
        if answer is None and not fields:
            free.unprepared("CONNECT was not answered by CONNACK", cause="no connection")
        if answer is None:
            return
        # The answer to the same CONNECT without a limit, less what it says in words, is the limit.
        wordless = tuple(one for one in answer.properties if one[0] not in SPOKEN)
        limit = len(encode(Connack(answer.session_present, answer.code, wordless), broker.version))
        client = await broker.linked()
        await client.send(broker.connect(properties={**fields, Property.MAXIMUM_PACKET_SIZE: limit}))
        connack = await client.maybe(Connack)
        if connack is None:
            client.unprepared(f"CONNECT with Maximum Packet Size {limit} was not answered by CONNACK")
        size = len(encode(connack, broker.version))
        if size > limit and any(name == spoken for name, _ in connack.properties):
            client.violated(f"CONNACK of at most {limit} bytes", f"one of {size} bytes: {describe(connack)}")


@case(v5("3.2.2-19"))
async def connack_has_no_reason_string_that_does_not_fit(broker: Broker) -> None:
    await _connack_says_no_more_than_fits(broker, Property.REASON_STRING)


@case(v5("3.2.2-20"))
async def connack_has_no_user_property_that_does_not_fit(broker: Broker) -> None:
    await _connack_says_no_more_than_fits(broker, Property.USER_PROPERTY)
