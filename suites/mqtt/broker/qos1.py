"""QoS 1, at least once: MQTT 3.1.1 and 5.0, section 4.3.2. What happens after a lost connection is in
`redelivery.py`."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.broker import Broker
from testbed.mqtt.packets import Puback, Publish, Pubrec

NUMBERS = {"1": 1, "255": 0x00FF, "256": 0x0100, "32768": 0x8000, "65535": 0xFFFF}


@case(v311("4.3.2-2"), v311("3.3.4-1"), v5("4.3.2-4"), v5("3.3.4-1"), needs=("qos-1",))
async def a_qos_1_message_is_answered_by_puback(broker: Broker) -> None:
    topic = broker.topic()
    publisher = await broker.connected()
    await publisher.send(Publish(topic, b"x", 1, packet_id=1))
    await publisher.expect(Puback, because="to a QoS 1 message")
    await publisher.receives_no(Pubrec, for_=0, because="for a QoS 1 message")


@case(v311("4.3.2-2"), v311("2.3.1-6"), v5("4.3.2-4"), v5("2.2.1-5"), needs=("qos-1",), rows=NUMBERS)
async def puback_carries_the_identifier_of_the_message(broker: Broker, number: int) -> None:
    topic = broker.topic()
    publisher = await broker.connected()
    await publisher.send(Publish(topic, b"x", 1, packet_id=number))
    await publisher.expect(Puback, packet_id=number)


@case(v311("4.3.2-1"), v5("4.3.2-2"), needs=("qos-1",))
async def a_qos_1_message_is_first_delivered_with_qos_1_and_dup_0(broker: Broker) -> None:
    topic = broker.topic()
    subscriber = await broker.subscriber(topic, qos=1)
    publisher = await broker.connected()
    await publisher.published(topic, b"x", qos=1)
    await subscriber.delivered(topic, qos=1, dup=False)


@case(v311("4.3.2-2"), v5("4.3.2-5"), needs=("qos-1",), rows={"dup-0": False, "dup-1": True})
async def after_puback_the_same_identifier_is_a_new_message(broker: Broker, dup: bool) -> None:
    topic = broker.topic()
    subscriber = await broker.subscriber(topic, qos=1)
    publisher = await broker.connected()
    for payload, again in ((b"first", False), (b"second", dup)):
        await publisher.send(Publish(topic, payload, 1, dup=again, packet_id=9))
        await publisher.expect(Puback, packet_id=9)
        await subscriber.message(topic, payload=payload)


@case(v311("4.3.2-2"), v5("4.3.2-5"), needs=("qos-1",))
async def after_puback_even_an_exact_repeat_is_a_new_message(broker: Broker) -> None:
    topic = broker.topic()
    subscriber = await broker.subscriber(topic, qos=1)
    publisher = await broker.connected()
    for dup in (False, True):
        await publisher.send(Publish(topic, b"again", 1, dup=dup, packet_id=9))
        await publisher.expect(Puback, packet_id=9)
        await subscriber.message(topic, payload=b"again", because="for each of two equal messages")


@case(v311("4.5.0-1"), v5("4.5.0-1"), needs=("qos-1",))
async def an_acknowledged_message_reaches_every_subscriber(broker: Broker) -> None:
    topic = broker.topic()
    subscribers = [await broker.subscriber(topic, qos=qos) for qos in (0, 1, 1)]
    publisher = await broker.connected()
    await publisher.published(topic, b"x", qos=1)
    for subscriber in subscribers:
        await subscriber.message(topic, payload=b"x")


@case(v311("4.5.0-1"), v5("4.5.0-1"), needs=("qos-1", "wildcards"), rows={"plus": "a/+", "hash": "a/#"})
async def an_acknowledged_message_reaches_a_subscription_with_a_wildcard(broker: Broker, filter: str) -> None:
    subscriber = await broker.subscriber(broker.topic(filter), qos=1)
    publisher = await broker.connected()
    await publisher.published(broker.topic("a/b"), b"x", qos=1)
    await subscriber.message(broker.topic("a/b"), payload=b"x")


@case(v311("4.5.0-1"), v5("4.5.0-1"), needs=("qos-1", "session-expiry"))
async def acknowledged_messages_are_kept_for_a_subscriber_who_is_away(broker: Broker) -> None:
    topic, name = broker.topic(), broker.client_id("away")
    away = await broker.subscriber(topic, qos=1, id=name, stored=True)
    await away.disconnect()
    publisher = await broker.connected()
    said = [b"one", b"two", b"three"]
    for payload in said:
        await publisher.published(topic, payload, qos=1)
    back = await broker.resumed(name)
    came = [(await back.message(topic, because="published while away")).payload for _ in said]
    if sorted(came) != sorted(said):
        back.violated(f"each of {said}", f"{came}")
