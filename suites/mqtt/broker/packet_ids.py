"""Packet identifiers: MQTT 3.1.1, section 2.3.1; MQTT 5.0, section 2.2.1. How acknowledgements echo those of
PUBLISH is in `qos1.py` and `qos2.py`."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.broker import Broker
from testbed.mqtt.codec import describe
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
from testbed.mqtt.scripted_client import Client

#: Messages under which identifiers are watched.
MANY = 10
NUMBERS = {"1": 1, "255": 0x00FF, "256": 0x0100, "32768": 0x8000, "65535": 0xFFFF}


async def _acknowledged(subscriber: Client, message: Publish) -> None:
    """Set-up: carry the receiver's half of the handshake through."""
    number = message.packet_id or 0
    if message.qos == 1:
        await subscriber.send(Puback(number))
    elif message.qos == 2:
        await subscriber.send(Pubrec(number))
        await _released(subscriber, number)
        await subscriber.send(Pubcomp(number))


async def _released(subscriber: Client, number: int) -> None:
    if await subscriber.maybe(Pubrel, lambda p: p.packet_id == number) is None:
        subscriber.unprepared(f"PUBREC {number} was not answered by PUBREL")


async def _are_unused(subscriber: Client, held: list[Publish], count: int, *, hold: bool) -> None:
    """Each of the next `count` messages has an identifier above 0 that no open message has. Open are those
    `held`, and with `hold` every one that comes. A broker that falls silent keeps to a window: then all are
    acknowledged, and none is held any more."""
    held = list(held)
    for _ in range(count):
        message = await subscriber.maybe(Publish, within=subscriber.trial.quiet if held else None)
        if message is None and held:
            for one in held:
                await _acknowledged(subscriber, one)
            held, hold = [], False
            message = await subscriber.maybe(Publish)
        if message is None:
            subscriber.unprepared(f"fewer than {count} messages came")
        in_use = [one.packet_id for one in held]
        if not message.packet_id or message.packet_id in in_use:
            subscriber.violated(f"an identifier above 0 that is not in use: {in_use} are", describe(message))
        if hold:
            held.append(message)
        else:
            await _acknowledged(subscriber, message)


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
    await _are_unused(subscriber, [], MANY, hold=False)


@case(v311("2.3.1-1"), v5("2.2.1-4"), needs=("qos-2",))
async def a_delivered_qos_2_message_has_an_identifier_above_0(broker: Broker) -> None:
    topic = broker.topic()
    subscriber = await broker.subscriber(topic, qos=2)
    await _publishes(broker, topic, 2)
    await _are_unused(subscriber, [], MANY, hold=False)


@case(v311("2.3.1-4"), v311("4.3.2-1"), v5("2.2.1-4"), v5("4.3.2-1"), needs=("qos-1",))
async def open_qos_1_messages_have_different_identifiers(broker: Broker) -> None:
    topic = broker.topic()
    subscriber = await broker.subscriber(topic, qos=1)
    await _publishes(broker, topic, 1)
    await _are_unused(subscriber, [], MANY, hold=True)


@case(v311("2.3.1-4"), v311("4.3.3-1"), v5("2.2.1-4"), v5("4.3.3-1"), needs=("qos-2",))
async def open_qos_2_messages_have_different_identifiers(broker: Broker) -> None:
    topic = broker.topic()
    subscriber = await broker.subscriber(topic, qos=2)
    await _publishes(broker, topic, 2)
    await _are_unused(subscriber, [], MANY, hold=True)


@case(v311("2.3.1-4"), v5("2.2.1-4"), needs=("qos-2",))
async def open_messages_of_both_qualities_have_different_identifiers(broker: Broker) -> None:
    topic = broker.topic()
    subscriber = await broker.subscriber(topic, qos=2)
    for qos in (1, 2) * (MANY // 2):
        await _publishes(broker, topic, qos, 1)
    await _are_unused(subscriber, [], MANY, hold=True)


@case(v311("2.3.1-4"), v311("4.3.2-1"), v5("2.2.1-4"), v5("4.3.2-1"), needs=("qos-1",))
async def an_identifier_is_in_use_until_puback(broker: Broker) -> None:
    """Of the messages after it, all acknowledged at once, none takes the identifier of the open one."""
    topic = broker.topic()
    subscriber = await broker.subscriber(topic, qos=1)
    await _publishes(broker, topic, 1, 1 + MANY)
    open_ = await subscriber.delivered(topic)
    await _are_unused(subscriber, [open_], MANY, hold=False)


@case(v311("2.3.1-4"), v311("4.3.3-1"), v5("2.2.1-4"), v5("4.3.3-1"), needs=("qos-2",))
async def an_identifier_is_in_use_until_pubcomp(broker: Broker) -> None:
    topic = broker.topic()
    subscriber = await broker.subscriber(topic, qos=2)
    await _publishes(broker, topic, 2, 1)
    open_ = await subscriber.delivered(topic)
    await subscriber.send(Pubrec(open_.packet_id or 0))
    await _released(subscriber, open_.packet_id or 0)
    await _publishes(broker, topic, 2)
    await _are_unused(subscriber, [open_], MANY, hold=False)


@case(v311("2.3.1-4"), v5("2.2.1-4"), needs=("qos-1", "session-expiry"))
async def an_identifier_stays_in_use_over_a_lost_connection(broker: Broker) -> None:
    topic, name = broker.topic(), broker.client_id("back")
    subscriber = await broker.subscriber(topic, qos=1, id=name, stored=True)
    await _publishes(broker, topic, 1, 1)
    await subscriber.delivered(topic)
    subscriber.drop()
    back = await broker.resumed(name)
    open_ = await back.delivered(topic)
    await _publishes(broker, topic, 1)
    await _are_unused(back, [open_], MANY, hold=False)


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
    both = (await client.delivered(topic)).packet_id or 0
    await client.send(Publish(broker.topic("own"), b"mine", 1, packet_id=both))
    await client.expect(Puback, packet_id=both)
    await client.send(Puback(both))
    await client.settled()


@case(v311("4.3.3-1"), v311("4.3.3-2"), v5("4.3.3-4"), v5("4.3.3-8"), v5("4.3.3-11"), needs=("qos-2",))
async def two_qos_2_handshakes_with_one_identifier_cross_unharmed(broker: Broker) -> None:
    topic = broker.topic()
    client = await broker.subscriber(topic, qos=2)
    await _publishes(broker, topic, 2, 1)
    both = (await client.delivered(topic)).packet_id or 0
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
