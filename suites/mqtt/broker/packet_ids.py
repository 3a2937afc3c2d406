"""Packet identifiers: MQTT 3.1.1, section 2.3.1; MQTT 5.0, section 2.2.1. How acknowledgements echo those of
PUBLISH is in `qos1.py` and `qos2.py`."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.broker import Broker
from testbed.mqtt.client import Client
from testbed.mqtt.packets import (
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
)

#: Messages that are open at the same time, and that follow one that stays open.
MANY = 10
NUMBERS = {"1": 1, "255": 0x00FF, "256": 0x0100, "32768": 0x8000, "65535": 0xFFFF}


async def _numbers(subscriber: Client, count: int, *, accept: bool) -> list[int]:
    """The identifiers of the next `count` messages with QoS > 0; Inconclusive when fewer come."""
    found: list[int] = []
    for _ in range(count):
        message = await subscriber.maybe(Publish)
        if message is None:
            subscriber.unprepared(f"only {len(found)} of {count} messages came")
        found.append(message.packet_id or 0)
        if accept:
            await subscriber.accept(message)
    return found


async def _publishes(broker: Broker, topic: str, qos: int, count: int = MANY) -> None:
    publisher = await broker.connected()
    for _ in range(count):
        await publisher.published(topic, b"x", qos=qos)


# -- those of the broker's own PUBLISH


@case(v311("2.3.1-1"), v5("2.2.1-4"), needs=("qos-1",))
async def a_delivered_qos_1_message_has_an_identifier_above_0(broker: Broker) -> None:
    topic = broker.topic()
    subscriber = await broker.subscriber(topic, qos=1)
    await _publishes(broker, topic, 1)
    await _are_above_0(subscriber)


@case(v311("2.3.1-1"), v5("2.2.1-4"), needs=("qos-2",))
async def a_delivered_qos_2_message_has_an_identifier_above_0(broker: Broker) -> None:
    topic = broker.topic()
    subscriber = await broker.subscriber(topic, qos=2)
    await _publishes(broker, topic, 2)
    await _are_above_0(subscriber)


async def _are_above_0(subscriber: Client) -> None:
    numbers = await _numbers(subscriber, MANY, accept=True)
    if 0 in numbers:
        subscriber.violated("a packet identifier above 0 in every message with QoS 1 or 2", f"{numbers}")


@case(v311("2.3.1-4"), v311("4.3.2-1"), v5("2.2.1-4"), v5("4.3.2-1"), needs=("qos-1",))
async def open_qos_1_messages_have_different_identifiers(broker: Broker) -> None:
    topic = broker.topic()
    subscriber = await broker.subscriber(topic, qos=1)
    await _publishes(broker, topic, 1)
    await _differ(subscriber)


@case(v311("2.3.1-4"), v311("4.3.3-1"), v5("2.2.1-4"), v5("4.3.3-1"), needs=("qos-2",))
async def open_qos_2_messages_have_different_identifiers(broker: Broker) -> None:
    topic = broker.topic()
    subscriber = await broker.subscriber(topic, qos=2)
    await _publishes(broker, topic, 2)
    await _differ(subscriber)


@case(v311("2.3.1-4"), v5("2.2.1-4"), needs=("qos-2",))
async def open_messages_of_both_qualities_have_different_identifiers(broker: Broker) -> None:
    topic = broker.topic()
    subscriber = await broker.subscriber(topic, qos=2)
    for qos in (1, 2) * (MANY // 2):
        await _publishes(broker, topic, qos, 1)
    await _differ(subscriber)


async def _differ(subscriber: Client) -> None:
    """None of them is acknowledged, so none of their identifiers is free."""
    numbers = await _numbers(subscriber, MANY, accept=False)
    if len(set(numbers)) < MANY:
        subscriber.violated("different identifiers for messages open at the same time", f"{numbers}")


@case(v311("2.3.1-4"), v311("4.3.2-1"), v5("2.2.1-4"), v5("4.3.2-1"), needs=("qos-1",))
async def an_identifier_is_in_use_until_puback(broker: Broker) -> None:
    """Of the messages after it, all acknowledged at once, none takes the identifier of the open one."""
    topic = broker.topic()
    subscriber = await broker.subscriber(topic, qos=1)
    await _publishes(broker, topic, 1, 1 + MANY)
    (open_,) = await _numbers(subscriber, 1, accept=False)
    await _keep_off(subscriber, open_)


@case(v311("2.3.1-4"), v311("4.3.3-1"), v5("2.2.1-4"), v5("4.3.3-1"), needs=("qos-2",))
async def an_identifier_is_in_use_until_pubcomp(broker: Broker) -> None:
    topic = broker.topic()
    subscriber = await broker.subscriber(topic, qos=2)
    await _publishes(broker, topic, 2, 1)
    (open_,) = await _numbers(subscriber, 1, accept=False)
    await subscriber.send(Pubrec(open_))
    if await subscriber.maybe(Pubrel, lambda p: p.packet_id == open_) is None:
        subscriber.unprepared("PUBREC was not answered by PUBREL")
    await _publishes(broker, topic, 2)
    await _keep_off(subscriber, open_)


@case(v311("2.3.1-4"), v5("2.2.1-4"), needs=("qos-1", "session-expiry"))
async def an_identifier_stays_in_use_over_a_lost_connection(broker: Broker) -> None:
    topic, name = broker.topic(), broker.client_id("back")
    subscriber = await broker.subscriber(topic, qos=1, id=name, stored=True)
    await _publishes(broker, topic, 1, 1)
    (open_,) = await _numbers(subscriber, 1, accept=False)
    subscriber.drop()
    back = await broker.resumed(name)
    await _numbers(back, 1, accept=False)
    await _publishes(broker, topic, 1)
    await _keep_off(back, open_)


async def _keep_off(subscriber: Client, number: int) -> None:
    numbers = await _numbers(subscriber, MANY, accept=True)
    if number in numbers:
        subscriber.violated(f"no new message with identifier {number}, whose handshake is open", f"{numbers}")


# -- those of the client come back, and are its own


@case(v311("2.3.1-7"), v5("2.2.1-6"), rows=NUMBERS)
async def suback_and_unsuback_carry_the_identifier_of_the_request(broker: Broker, number: int) -> None:
    topic = broker.topic()
    client = await broker.connected()
    await client.send(Subscribe(number, (Subscription(topic),)))
    await client.expect(Suback, packet_id=number)
    await client.send(Unsubscribe(number, (topic,)))
    await client.expect(Unsuback, packet_id=number)


@case(v311("4.3.2-2"), v5("4.3.2-4"), needs=("qos-1",))
async def the_client_may_use_an_identifier_that_the_broker_has_open(broker: Broker) -> None:
    """The two sides number their messages independently (3.1.1 section 2.3.1, 5.0 section 2.2.1)."""
    topic = broker.topic()
    client = await broker.subscriber(topic, qos=1)
    await _publishes(broker, topic, 1, 1)
    (open_,) = await _numbers(client, 1, accept=False)
    await client.send(Publish(broker.topic("own"), b"mine", 1, packet_id=open_))
    await client.expect(Puback, packet_id=open_)
    await client.send(Puback(open_))
    await client.settled()


@case(v311("4.3.3-1"), v311("4.3.3-2"), v5("4.3.3-4"), v5("4.3.3-8"), v5("4.3.3-11"), needs=("qos-2",))
async def two_qos_2_handshakes_with_one_identifier_cross_unharmed(broker: Broker) -> None:
    topic = broker.topic()
    client = await broker.subscriber(topic, qos=2)
    await _publishes(broker, topic, 2, 1)
    (both,) = await _numbers(client, 1, accept=False)
    await client.send(Publish(broker.topic("own"), b"mine", 2, packet_id=both))
    await client.expect(Pubrec, packet_id=both)
    await client.send(Pubrec(both))
    await client.expect(Pubrel, packet_id=both)
    await client.send(Pubrel(both))
    await client.expect(Pubcomp, packet_id=both)
    await client.send(Pubcomp(both))
    await client.settled()


@case(v311("2.3.1-6"), v5("2.2.1-5"), needs=("qos-1",))
async def messages_sent_at_once_are_acknowledged_each_by_its_identifier(broker: Broker) -> None:
    numbers = [7, 300, 2, 65535, 41]
    publisher = await broker.connected()
    await publisher.send(*(Publish(broker.topic(), b"x", 1, packet_id=number) for number in numbers))
    found = [(await publisher.expect(Puback)).packet_id for _ in numbers]
    if sorted(found) != sorted(numbers):
        publisher.violated(f"a PUBACK for each of {sorted(numbers)}", f"{sorted(found)}")
