"""Retained messages: MQTT 3.1.1 and 5.0, section 3.3.1.3; Retain Handling and Retain As Published of 5.0.

Messages are retained at QoS 1: what was published at QoS 0 a broker may forget at any time.
"""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.findings import Violation
from testbed.mqtt.broker import Broker
from testbed.mqtt.packets import Publish
from testbed.mqtt.scripted_client import Client


async def _retained(broker: Broker, *payloads: bytes, qos: int = 1) -> str:
    """Set-up: a topic on which `payloads` were retained one after another, by a client that has left."""
    topic = broker.topic()
    publisher = await broker.connected()
    for payload in payloads:
        await publisher.published(topic, payload, qos=qos, retain=True)
    await publisher.disconnect()
    return topic


async def _found(broker: Broker, topic: str) -> list[Publish]:
    """What a new subscription to `topic` gets, asked for together with a witness that holds a retained message:
    where the witness comes, nothing for `topic` is no accident."""
    witness = broker.topic("witness")
    publisher = await broker.connected()
    await publisher.published(witness, b"here", qos=1, retain=True)
    subscriber = await broker.subscriber(topic, witness, qos=1)
    messages = await subscriber.all_messages()
    if not any(message.topic == witness for message in messages):
        subscriber.unprepared("the retained message of the witness did not come", cause="retains nothing")
    return [message for message in messages if message.topic == topic]


async def _finds_nothing(broker: Broker, topic: str, because: str) -> None:
    found = await _found(broker, topic)
    if found:
        raise Violation(f"no retained message {because}", f"{found[0].payload[:40]!r}")


# -- stored, replaced, removed


@case(v311("3.3.1-5"), v311("3.3.1-6"), v5("3.3.1-5"), v5("3.3.1-9"), needs=("retain", "qos-1"))
async def a_new_subscription_gets_the_retained_message(broker: Broker) -> None:
    topic = await _retained(broker, b"kept")
    subscriber = await broker.subscriber(topic, qos=1)
    await subscriber.message(topic, payload=b"kept")


@case(v311("3.3.1-5"), needs=("retain", "qos-1"))
async def the_message_is_retained_with_its_qos_1(broker: Broker) -> None:
    topic = await _retained(broker, b"kept")
    subscriber = await broker.subscriber(topic, qos=1)
    await subscriber.delivered(topic, qos=1)


@case(v311("3.3.1-5"), needs=("retain", "qos-2"))
async def the_message_is_retained_with_its_qos_2(broker: Broker) -> None:
    topic = await _retained(broker, b"kept", qos=2)
    subscriber = await broker.subscriber(topic, qos=2)
    await subscriber.delivered(topic, qos=2)


@case(v311("3.3.1-6"), v5("3.3.1-9"), needs=("retain", "qos-1", "wildcards"))
async def a_new_subscription_gets_the_retained_message_of_every_matching_topic(broker: Broker) -> None:
    publisher = await broker.connected()
    topics = {broker.topic(f"r/{name}") for name in ("a", "b", "c/d")}
    for topic in topics:
        await publisher.published(topic, topic.encode(), qos=1, retain=True)
    await publisher.published(broker.topic("other"), b"other", qos=1, retain=True)
    subscriber = await broker.subscriber(broker.topic("r/#"), qos=1)
    found = [(await subscriber.message()).topic for _ in topics]
    if set(found) != topics:
        subscriber.violated(f"one retained message on each of {sorted(topics)}", f"messages on {found}")


@case(v311("3.3.1-5"), v311("3.3.1-6"), v5("3.3.1-5"), needs=("retain", "qos-1"))
async def a_later_retained_message_replaces_the_earlier(broker: Broker) -> None:
    topic = await _retained(broker, b"first", b"second", b"last")
    payloads = [message.payload for message in await _found(broker, topic)]
    if payloads != [b"last"]:
        raise Violation("the last retained message alone", f"{payloads}")


@case(v311("3.3.1-7"), v5("3.3.1-5"), needs=("retain", "qos-1"))
async def a_retained_message_with_qos_0_discards_the_earlier(broker: Broker) -> None:
    """It need not be kept itself, but the one before it is gone."""
    topic = await _retained(broker, b"old")
    publisher = await broker.connected()
    await publisher.published(topic, b"new", retain=True)
    if any(message.payload == b"old" for message in await _found(broker, topic)):
        publisher.violated("the message retained before discarded", "it, at a new subscription")


@case(v311("3.3.1-12"), v5("3.3.1-8"), needs=("retain", "qos-1"))
async def a_message_with_retain_0_is_not_retained(broker: Broker) -> None:
    topic = broker.topic()
    publisher = await broker.connected()
    await publisher.published(topic, b"passing", qos=1)
    await _finds_nothing(broker, topic, "of what was published with RETAIN 0")


@case(v311("3.3.1-12"), v5("3.3.1-8"), needs=("retain", "qos-1"), rows={"payload": b"passing", "empty": b""})
async def a_message_with_retain_0_leaves_the_retained_one(broker: Broker, payload: bytes) -> None:
    topic = await _retained(broker, b"kept")
    publisher = await broker.connected()
    await publisher.published(topic, payload, qos=1)
    subscriber = await broker.subscriber(topic, qos=1)
    await subscriber.message(topic, payload=b"kept")


@case(v311("3.3.1-10"), v5("3.3.1-6"), needs=("retain", "qos-1"))
async def an_empty_retained_message_removes_the_retained_one(broker: Broker) -> None:
    topic = await _retained(broker, b"kept")
    await (await broker.subscriber(topic, qos=1)).delivered(topic)
    publisher = await broker.connected()
    await publisher.published(topic, b"", qos=1, retain=True)
    await _finds_nothing(broker, topic, "after it was removed by an empty one")


@case(v311("3.3.1-10"), v5("3.3.1-6"), needs=("retain", "qos-1"))
async def an_empty_retained_message_is_delivered_to_those_who_listen(broker: Broker) -> None:
    topic = broker.topic()
    subscriber = await broker.subscriber(topic, qos=1)
    publisher = await broker.connected()
    await publisher.published(topic, b"", qos=1, retain=True)
    await subscriber.message(topic, payload=b"")


@case(v311("3.3.1-11"), v5("3.3.1-7"), needs=("retain", "qos-1"))
async def an_empty_retained_message_is_not_retained(broker: Broker) -> None:
    topic = await _retained(broker, b"")
    await _finds_nothing(broker, topic, "of an empty payload")


@case(v311("3.3.1-5"), v5("3.3.1-5"), needs=("retain", "qos-1"))
async def a_topic_once_emptied_retains_again(broker: Broker) -> None:
    topic = await _retained(broker, b"kept", b"", b"again")
    subscriber = await broker.subscriber(topic, qos=1)
    await subscriber.message(topic, payload=b"again")


@case(v311("3.1.2-7"), v311("3.3.1-5"), v5("3.3.1-5"), needs=("retain", "qos-1"))
async def a_retained_message_outlives_the_session_of_its_publisher(broker: Broker) -> None:
    topic, name = broker.topic(), broker.client_id("gone")
    publisher = await broker.connected(name)
    await publisher.published(topic, b"kept", qos=1, retain=True)
    await publisher.disconnect()
    await (await broker.connected(name)).disconnect()
    subscriber = await broker.subscriber(topic, qos=1)
    await subscriber.message(topic, payload=b"kept")


# -- the RETAIN flag of what is delivered


@case(v311("3.3.1-8"), v5("3.3.1-9"), needs=("retain", "qos-1"))
async def a_retained_message_comes_to_a_new_subscription_with_retain_1(broker: Broker) -> None:
    topic = await _retained(broker, b"kept")
    subscriber = await broker.subscriber(topic, qos=1)
    await subscriber.delivered(topic, retain=True)


@case(v311("3.3.1-9"), v5("3.3.1-12"), needs=("retain", "qos-1"), rows={"retain-0": False, "retain-1": True})
async def an_established_subscription_gets_retain_0(broker: Broker, retain: bool) -> None:
    topic = broker.topic()
    subscriber = await broker.subscriber(topic, qos=1)
    publisher = await broker.connected()
    await publisher.published(topic, b"x", qos=1, retain=retain)
    await subscriber.delivered(topic, retain=False)


@case(v5("3.3.1-13"), needs=("retain", "qos-1"), rows={"retain-0": False, "retain-1": True})
async def retain_as_published_keeps_the_flag(broker: Broker, retain: bool) -> None:
    topic = broker.topic()
    client = await broker.connected()
    await client.subscribed(topic, qos=1, retain_as_published=True)
    publisher = await broker.connected()
    await publisher.published(topic, b"x", qos=1, retain=retain)
    await client.delivered(topic, retain=retain)


@case(v5("3.3.1-12"), v5("3.3.1-13"), needs=("retain", "qos-1"))
async def retain_as_published_is_of_the_subscription_alone(broker: Broker) -> None:
    """Of two clients on one topic each gets the flag it asked for."""
    topic = broker.topic()
    keeping, plain = await broker.connected(), await broker.subscriber(topic, qos=1)
    await keeping.subscribed(topic, qos=1, retain_as_published=True)
    publisher = await broker.connected()
    await publisher.published(topic, b"x", qos=1, retain=True)
    await keeping.delivered(topic, retain=True)
    await plain.delivered(topic, retain=False)


# -- Retain Handling


async def _subscribes(client: Client, topic: str, handling: int) -> None:
    await client.subscribed(topic, qos=1, retain_handling=handling)


@case(v5("3.3.1-9"), needs=("retain", "qos-1"))
async def retain_handling_0_sends_them_at_every_subscribe(broker: Broker) -> None:
    topic = await _retained(broker, b"kept")
    client = await broker.connected()
    for _ in range(2):
        await _subscribes(client, topic, 0)
        await client.message(topic, payload=b"kept")


@case(v5("3.3.1-10"), needs=("retain", "qos-1"))
async def retain_handling_1_sends_them_to_a_new_subscription(broker: Broker) -> None:
    topic = await _retained(broker, b"kept")
    client = await broker.connected()
    await _subscribes(client, topic, 1)
    await client.message(topic, payload=b"kept")


@case(v5("3.3.1-10"), needs=("retain", "qos-1"))
async def retain_handling_1_sends_none_to_a_subscription_that_exists(broker: Broker) -> None:
    topic = await _retained(broker, b"kept")
    client = await broker.connected()
    await _subscribes(client, topic, 1)
    await client.accept(await client.delivered(topic))
    await _subscribes(client, topic, 1)
    await client.receives_no(where=lambda p: p.topic == topic, because="for a subscription that existed")


@case(v5("3.3.1-10"), needs=("retain", "qos-1", "session-expiry"))
async def retain_handling_1_sends_none_to_a_subscription_of_the_resumed_session(broker: Broker) -> None:
    topic, name = await _retained(broker, b"kept"), broker.client_id("back")
    client = await broker.connected(name, stored=True)
    await _subscribes(client, topic, 1)
    await client.accept(await client.delivered(topic))
    await client.settled()
    await client.disconnect()
    back = await broker.resumed(name)
    await _subscribes(back, topic, 1)
    await back.receives_no(where=lambda p: p.topic == topic, because="for a subscription that the session held")


@case(v5("3.3.1-10"), needs=("retain", "qos-1"))
async def retain_handling_1_sends_them_again_after_unsubscribe(broker: Broker) -> None:
    topic = await _retained(broker, b"kept")
    client = await broker.connected()
    await _subscribes(client, topic, 1)
    await client.accept(await client.delivered(topic))
    await client.unsubscribed(topic)
    await _subscribes(client, topic, 1)
    await client.message(topic, payload=b"kept", because="as the subscription did not exist any more")


@case(v5("3.3.1-11"), needs=("retain", "qos-1"))
async def retain_handling_2_sends_none(broker: Broker) -> None:
    """That there is one, another client shows; that the subscription stands, the next message does."""
    topic = await _retained(broker, b"kept")
    await (await broker.subscriber(topic, qos=1)).delivered(topic)
    client = await broker.connected()
    await _subscribes(client, topic, 2)
    await client.receives_no(where=lambda p: p.topic == topic, because="retained, with Retain Handling 2")
    publisher = await broker.connected()
    await publisher.published(topic, b"new", qos=1)
    await client.delivered(topic, payload=b"new")
