"""Variable byte integers: MQTT 5.0 section 1.5.5, MQTT 3.1.1 section 2.2.3, at the edges of their length."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.broker import Broker
from testbed.mqtt.codec import describe, encode
from testbed.mqtt.packets import Pingresp, Publish, Raw
from testbed.mqtt.properties import Property, get_all
from testbed.mqtt.scripted_client import Client

#: The last value of each number of bytes, and the first of the next.
EDGES = {"127": 127, "128": 128, "16383": 16_383, "16384": 16_384}


def _length(broker: Broker, packet: Publish) -> int:
    """Bytes of a PUBLISH behind its fixed header."""
    frame = encode(packet, broker.version)
    return len(frame) - 1 - next(count for count in range(1, 5) if frame[count] < 0x80)


async def _arrives_as(client: Client, sent: Publish, because: str) -> None:
    message = await client.message(sent.topic, because=because)  # type: ignore[arg-type]
    if message.payload != sent.payload:
        came = f"{len(message.payload)} bytes: {describe(message)}"
        client.violated(f"the payload of {len(sent.payload)} bytes unchanged", came)


@case(v311("4.5.0-1"), v5("1.5.5-1"), v5("4.5.0-1"), rows=EDGES)
async def a_remaining_length_at_the_edge_is_read_and_written_right(broker: Broker, length: int) -> None:
    """The delivered packet has the same length again; a length not in its minimum of bytes is no packet to us."""
    topic = broker.topic()
    subscriber = await broker.subscriber(topic)
    publisher = await broker.connected()
    packet = Publish(topic, b"x" * (length - _length(broker, Publish(topic))))
    await publisher.send(packet)
    await publisher.settled()
    await _arrives_as(subscriber, packet, f"with a Remaining Length of {length}")


@case(v5("1.5.5-1"), v5("3.3.2-17"), rows=EDGES)
async def a_property_length_at_the_edge_is_read_and_written_right(broker: Broker, length: int) -> None:
    """One byte of identifier and two length fields stand around the name and the value of a User Property."""
    pair = ("n", "v" * (length - 6))
    subscriber = await broker.subscriber(broker.topic())
    publisher = await broker.connected()
    await publisher.published(broker.topic(), b"x", properties={Property.USER_PROPERTY: pair})
    message = await subscriber.message(broker.topic(), payload=b"x", because=f"with a Property Length of {length}")
    if pair not in get_all(message.properties, Property.USER_PROPERTY):
        subscriber.violated(f"the User Property of {length - 6} bytes", describe(message))


@case(
    v5("1.5.5-1"),
    v5("3.3.4-3"),
    needs=("subscription-identifiers",),
    rows={str(n): n for n in (1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 268_435_455)},
)
async def a_subscription_identifier_of_any_length_comes_back(broker: Broker, number: int) -> None:
    subscriber = await broker.subscriber(broker.topic(), properties={Property.SUBSCRIPTION_IDENTIFIER: number})
    publisher = await broker.connected()
    await publisher.published(broker.topic(), b"x")
    message = await subscriber.message(broker.topic())
    if get_all(message.properties, Property.SUBSCRIPTION_IDENTIFIER) != (number,):
        subscriber.violated(f"the Subscription Identifier {number} once", describe(message))


@case(
    v311("4.8.0-1"),
    v5("1.5.5-1"),
    v5("4.13.1-1"),
    rows={"2 bytes": b"\x80\x00", "3 bytes": b"\x80\x80\x00", "4 bytes": b"\x80\x80\x80\x00"},
)
async def a_remaining_length_with_idle_bytes_is_refused_or_read_at_its_value(broker: Broker, length: bytes) -> None:
    """PINGREQ with the length 0 in more bytes than needed. The decoding that both editions print takes it, 5.0
    forbids to send it: the broker may close, or answer; to wait for more or to lose its step is neither."""
    client = await broker.connected()
    await client.settled()
    await client.send(Raw(0xC0, b"", length))
    answer = await client.maybe(Pingresp)
    if answer is None and client.ended_at is None:
        client.violated("PINGRESP, or the connection closed, after a PINGREQ with a length in too many bytes")
    if answer is not None:
        await client.is_alive()
