"""Message Expiry Interval: MQTT 5.0 section 3.3.2.3.3."""

from __future__ import annotations

import asyncio

from harness.case import case
from suites.mqtt import v5
from testbed.mqtt.broker import Broker
from testbed.mqtt.codec import describe
from testbed.mqtt.packets import Publish
from testbed.mqtt.properties import Property, get_all
from testbed.mqtt.scripted_client import Client

EXPIRY = Property.MESSAGE_EXPIRY_INTERVAL
#: Seconds after which a message of one second is gone, whichever way the broker counts whole seconds.
GONE = 2.2


def _now() -> float:
    return asyncio.get_running_loop().time()


def _lived(client: Client, message: Publish, given: int, least: float, most: float) -> None:
    """The interval of `message` is `given` minus its wait of `least` to `most` s; a part of a second counts for
    nothing or for a whole one."""
    left = get_all(message.properties, EXPIRY)
    lowest, highest = given - int(most) - 1, given - int(least)
    if len(left) != 1 or not lowest <= left[0] <= highest:
        expected = f"a Message Expiry Interval of {lowest} to {highest} s after {most:.1f} s of waiting"
        client.violated(expected, describe(message))


async def _away(broker: Broker) -> str:
    """The id of a client with a stored session that subscribes at QoS 1 and is not there."""
    name = broker.client_id("stored")
    client = await broker.connected(name, stored=True)
    await client.subscribed(broker.topic(), qos=1)
    await client.disconnect()
    return name


@case(v5("3.3.2-5"), needs=("session-expiry", "qos-1"), lasts=GONE)
async def an_expired_message_is_not_delivered_to_a_stored_session(broker: Broker) -> None:
    """A message without an interval, published behind it, is the marker that the session was kept."""
    name = await _away(broker)
    publisher = await broker.connected()
    await publisher.published(broker.topic(), b"short", qos=1, properties={EXPIRY: 1})
    await publisher.published(broker.topic(), b"marker", qos=1)
    await asyncio.sleep(GONE)
    client = await broker.connected(name, stored=True)
    marker = await client.maybe(Publish)
    if marker is None:
        client.unprepared("the message without an interval was to be kept")
    await client.accept(marker)
    if marker.payload != b"marker":
        client.violated(f"no message with an interval of 1 s after {GONE} s", describe(marker))
    await client.receives_no(because="whose interval has passed")


@case(v5("3.3.2-6"), needs=("session-expiry", "qos-1"), lasts=GONE)
async def the_interval_is_lessened_by_the_wait_in_a_stored_session(broker: Broker) -> None:
    name = await _away(broker)
    publisher = await broker.connected()
    began = _now()
    await publisher.published(broker.topic(), b"x", qos=1, properties={EXPIRY: 60})
    stored = _now()
    await asyncio.sleep(GONE)
    client = await broker.connected(name, stored=True)
    message = await client.maybe(Publish)
    if message is None:
        client.unprepared("the message of 60 s was to be kept")
    _lived(client, message, 60, GONE - (stored - began), _now() - began)


@case(v5("3.3.2-5"), needs=("retain",), lasts=GONE + 1)
async def an_expired_retained_message_is_not_delivered(broker: Broker) -> None:
    """Another retained message, without an interval, is the marker. The interval is 2 s, since a broker whose clock
    counts whole seconds may let one of 1 s pass at once."""
    publisher = await broker.connected()
    await publisher.published(broker.topic("short"), b"short", retain=True, properties={EXPIRY: 2})
    await publisher.published(broker.topic("marker"), b"marker", retain=True)
    early = await broker.subscriber(broker.topic("short"))
    if await early.maybe(Publish) is None:
        early.unprepared("the retained message was to be delivered before its interval passes")
    await asyncio.sleep(GONE + 1)
    client = await broker.connected()
    await client.subscribed(broker.topic("short"), broker.topic("marker"))
    marker = await client.maybe(Publish, lambda p: p.payload == b"marker")
    if marker is None:
        client.unprepared("the retained message without an interval was to be delivered")
    await client.receives_no(because=f"with an interval of 2 s after {GONE + 1} s")


@case(v5("3.3.2-6"), needs=("retain",), lasts=GONE)
async def the_interval_of_a_retained_message_is_lessened_by_its_wait(broker: Broker) -> None:
    publisher = await broker.connected()
    began = _now()
    await publisher.published(broker.topic(), b"x", retain=True, properties={EXPIRY: 60})
    stored = _now()
    await asyncio.sleep(GONE)
    client = await broker.subscriber(broker.topic())
    message = await client.maybe(Publish)
    if message is None:
        client.unprepared("the retained message of 60 s was to be delivered")
    _lived(client, message, 60, GONE - (stored - began), _now() - began)


@case(v5("3.3.2-6"), rows={"2 s": 2, "60 s": 60, "the longest": 0xFFFF_FFFF})
async def the_interval_goes_on_with_a_message_that_does_not_wait(broker: Broker, seconds: int) -> None:
    subscriber = await broker.subscriber(broker.topic())
    publisher = await broker.connected()
    began = _now()
    await publisher.published(broker.topic(), b"x", properties={EXPIRY: seconds})
    message = await subscriber.message(broker.topic(), payload=b"x", because="as its interval has not passed")
    _lived(subscriber, message, seconds, 0, _now() - began)


@case(v5("3.3.2-5"), needs=("qos-1",), lasts=GONE)
async def a_message_that_expires_behind_the_receive_maximum_is_not_delivered(broker: Broker) -> None:
    """The client holds the one message its Receive Maximum allows while the next one expires in the broker."""
    client = await broker.connected(properties={Property.RECEIVE_MAXIMUM: 1})
    await client.subscribed(broker.topic(), qos=1)
    publisher = await broker.connected()
    await publisher.published(broker.topic(), b"held", qos=1)
    await publisher.published(broker.topic(), b"short", qos=1, properties={EXPIRY: 1})
    await publisher.published(broker.topic(), b"marker", qos=1)
    held = await client.maybe(Publish)
    if held is None:
        client.unprepared("a message with QoS 1 was to be delivered")
    await asyncio.sleep(GONE)
    await client.accept(held)
    message = await client.maybe(Publish)
    if message is None:
        # Some brokers need an event to go on.
        await publisher.published(broker.topic(), b"marker", qos=1)
        message = await client.maybe(Publish)
    if message is None:
        client.unprepared("a message without an interval was to follow the PUBACK")
    if message.payload != b"marker":
        client.violated(f"no message with an interval of 1 s after {GONE} s", describe(message))
