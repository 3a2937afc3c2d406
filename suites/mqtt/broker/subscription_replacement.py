"""A SUBSCRIBE to a filter the client has already: MQTT 3.1.1 and 5.0, section 3.8.4."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.broker import Broker
from testbed.mqtt.codec import describe
from testbed.mqtt.packets import Publish, Subscription
from testbed.mqtt.properties import Property, get_all


@case(
    v311("3.8.4-3"),
    v5("3.8.4-3"),
    needs=("qos-1",),
    rows={"to a higher QoS": (0, 1), "to a lower QoS": (1, 0)},
)
async def an_identical_filter_replaces_the_subscription(broker: Broker, row: tuple[int, int]) -> None:
    """No copy may come at the old QoS. Several copies of a QoS 1 message at QoS 0 are allowed in 3.1.1."""
    before, after = row
    topic = broker.topic()
    client = await broker.subscriber(topic, qos=before)
    await client.subscribed(topic, qos=after)
    publisher = await broker.connected()
    await publisher.published(topic, b"x", qos=1)
    await client.message(topic, qos=after, because="at the QoS of the later SUBSCRIBE")
    for copy in await client.all_messages():
        if after or copy.qos != after:
            client.violated(f"one subscription, at QoS {after}, the earlier one replaced", describe(copy))


@case(v311("3.8.4-3"), v5("3.8.4-3"), needs=("wildcards",))
async def an_identical_filter_with_a_wildcard_replaces_the_subscription(broker: Broker) -> None:
    client = await broker.subscriber(broker.topic("+/a"))
    await client.subscribed(broker.topic("+/a"))
    publisher = await broker.connected()
    await publisher.published(broker.topic("x/a"), b"x")
    await client.message(broker.topic("x/a"))
    await client.receives_no(because="a second time: the identical filter replaced the subscription")


@case(v311("3.8.4-3"), v5("3.8.4-4"), needs=("retain", "qos-1"))
async def an_identical_filter_brings_the_retained_message_again(broker: Broker) -> None:
    """At QoS 1, as a broker may forget a retained message of QoS 0."""
    topic = broker.topic()
    publisher = await broker.connected()
    await publisher.published(topic, b"kept", qos=1, retain=True)
    client = await broker.subscriber(topic)
    if await client.maybe(Publish) is None:
        client.unprepared("the retained message did not come upon the first SUBSCRIBE")
    await client.subscribed(topic)
    await client.message(topic, payload=b"kept", retain=True, because="again, upon the second SUBSCRIBE")
    await publisher.published(topic, retain=True)


@case(v311("3.8.4-3"), v5("3.8.4-4"), needs=("qos-1",), rows={"same QoS": (1, 1), "QoS 0 and 1 in turn": (1, 0)})
async def replacing_a_subscription_loses_no_message(broker: Broker, row: tuple[int, int]) -> None:
    """Messages flow while the client subscribes again and again; each must come."""
    topic = broker.topic()
    client = await broker.subscriber(topic, qos=1)
    publisher = await broker.connected()
    sent = {b"%d" % n for n in range(40)}
    came = set()
    burst = min(4, publisher.announced(Property.RECEIVE_MAXIMUM, 4))
    waiting = sorted(sent)
    while waiting:
        numbers = [publisher.next_id() for _ in waiting[:burst]]
        await publisher.send(*(Publish(topic, one, 1, packet_id=n) for one, n in zip(waiting, numbers, strict=False)))
        del waiting[:burst]
        await client.subscribed(topic, qos=row[len(waiting) // burst % 2])
        while (publish := client.take(Publish)) is not None:
            came.add(publish.payload)
            await client.accept(publish)
        for number in numbers:
            await publisher.handshaken(number, 1)
    came |= {publish.payload for publish in await client.all_messages()}
    missing = sent - came
    if missing:
        client.violated(f"all of {len(sent)} messages", f"{len(came)}, without {sorted(missing)}")


@case(v5("3.8.4-3"), needs=("subscription-identifiers",))
async def an_identical_filter_replaces_the_subscription_identifier(broker: Broker) -> None:
    topic = broker.topic()
    client = await broker.subscriber(topic, properties={Property.SUBSCRIPTION_IDENTIFIER: 7})
    await client.subscribed(topic, properties={Property.SUBSCRIPTION_IDENTIFIER: 8})
    publisher = await broker.connected()
    await publisher.published(topic, b"x")
    message = await client.message(topic)
    if get_all(message.properties, Property.SUBSCRIPTION_IDENTIFIER) != (8,):
        client.violated("the Subscription Identifier of the later SUBSCRIBE, 8, and no other", describe(message))


@case(v5("3.8.4-3"), needs=("retain",), rows={"set": (False, True), "cleared": (True, False)})
async def an_identical_filter_replaces_retain_as_published(broker: Broker, row: tuple[bool, bool]) -> None:
    before, after = row
    topic = broker.topic()
    client = await broker.subscriber(Subscription(topic, retain_as_published=before))
    await client.subscribed(Subscription(topic, retain_as_published=after))
    publisher = await broker.connected()
    await publisher.published(topic, b"x", retain=True)
    await client.message(topic, retain=after, because="as the later SUBSCRIBE has it")
    await publisher.published(topic, retain=True)


@case(v5("3.8.4-3"), rows={"set": (False, True), "cleared": (True, False)})
async def an_identical_filter_replaces_no_local(broker: Broker, row: tuple[bool, bool]) -> None:
    before, after = row
    topic = broker.topic()
    client = await broker.subscriber(Subscription(topic, no_local=before))
    await client.subscribed(Subscription(topic, no_local=after))
    await client.published(topic, b"own")
    other = await broker.connected()
    await other.published(topic, b"another's")
    if after:
        await client.message(topic, payload=b"another's", because="and not its own: the later SUBSCRIBE set No Local")
        await client.receives_no(because="from the client itself: the later SUBSCRIBE set No Local")
        return
    await client.message(topic, payload=b"own", because="as the later SUBSCRIBE cleared No Local")
