"""Message ordering: MQTT 3.1.1 and 5.0, section 4.6."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.broker import Broker
from testbed.mqtt.packets import Publish, Pubrec, Pubrel
from testbed.mqtt.properties import Property
from testbed.mqtt.scripted_client import Client

#: Messages of each publisher; a broker may ask for fewer at once.
MANY = 20


async def _burst(publishers: list[Client], topic: str, qos: int) -> list[list[bytes]]:
    """Set-up: each publisher sends its messages without waiting, in turn with the others, and then carries the
    handshakes through. Returns the payloads of each."""
    window = min(client.announced(Property.RECEIVE_MAXIMUM, MANY) for client in publishers)
    said = [[f"{who}-{index}".encode() for index in range(min(MANY, window))] for who in range(len(publishers))]
    for index, payloads in enumerate(zip(*said, strict=True), 1):
        for client, payload in zip(publishers, payloads, strict=True):
            await client.send(Publish(topic, payload, qos, packet_id=index if qos else None))
    for client in publishers:
        for number in range(1, len(said[0]) + 1):
            if qos:
                await client.handshaken(number, qos)
        await client.settled()
    return said


async def _in_order(subscriber: Client, topic: str, said: list[list[bytes]], qos: int) -> None:
    """Each publisher's messages come in the order it sent them; at QoS 0 some may be lost."""
    count = sum(map(len, said))
    if qos:
        came = [(await subscriber.message(topic)).payload for _ in range(count)]
    else:
        came = [message.payload for message in await subscriber.all_messages()]
        if len(came) < 2:
            subscriber.unprepared(f"of {count} messages with QoS 0 {len(came)} came")
    for who, payloads in enumerate(said):
        mine = [payload for payload in came if payload in payloads]
        wanted = payloads if qos else [payload for payload in payloads if payload in mine]
        if mine != wanted:
            subscriber.violated(f"the messages of publisher {who} in their order", f"{b' '.join(mine).decode()}")


@case(v311("4.6.0-5"), v311("4.6.0-6"), v5("4.6.0-5"), v5("4.6.0-6"))
async def messages_with_qos_0_keep_their_order(broker: Broker) -> None:
    await _order_is_kept(broker, 0, publishers=1)


@case(v311("4.6.0-5"), v311("4.6.0-6"), v5("4.6.0-5"), v5("4.6.0-6"), needs=("qos-1",))
async def messages_with_qos_1_keep_their_order(broker: Broker) -> None:
    await _order_is_kept(broker, 1, publishers=1)


@case(v311("4.6.0-5"), v311("4.6.0-6"), v5("4.6.0-5"), v5("4.6.0-6"), needs=("qos-2",))
async def messages_with_qos_2_keep_their_order(broker: Broker) -> None:
    await _order_is_kept(broker, 2, publishers=1)


@case(v311("4.6.0-6"), v5("4.6.0-5"), needs=("qos-1",))
async def two_publishers_at_once_each_keep_their_order(broker: Broker) -> None:
    await _order_is_kept(broker, 1, publishers=2)


async def _order_is_kept(broker: Broker, qos: int, *, publishers: int) -> None:
    topic = broker.topic()
    subscriber = await broker.subscriber(topic, qos=qos)
    said = await _burst([await broker.connected() for _ in range(publishers)], topic, qos)
    await _in_order(subscriber, topic, said, qos)


@case(v311("4.6.0-6"), v5("4.6.0-5"), needs=("qos-1", "wildcards"))
async def a_wildcard_subscription_keeps_the_order(broker: Broker) -> None:
    topic = broker.topic("a/b")
    subscriber = await broker.subscriber(broker.topic("+/b"), qos=1)
    said = await _burst([await broker.connected()], topic, 1)
    await _in_order(subscriber, topic, said, 1)


@case(v311("4.6.0-6"), v5("4.6.0-5"), needs=("qos-1", "session-expiry"))
async def messages_that_waited_come_in_their_order(broker: Broker) -> None:
    topic, name = broker.topic(), broker.client_id("back")
    away = await broker.subscriber(topic, qos=1, id=name, stored=True)
    await away.disconnect()
    said = await _burst([await broker.connected()], topic, 1)
    back = await broker.resumed(name)
    await _in_order(back, topic, said, 1)


@case(v311("4.6.0-6"), needs=("qos-1", "session-expiry"))
async def messages_are_sent_again_in_their_order(broker: Broker) -> None:
    """3.1.1 binds the server to the rules of the sender as well; 5.0 has them for the client alone. What a broker
    held back behind its window comes behind what it sends again."""
    topic, name = broker.topic(), broker.client_id("back")
    subscriber = await broker.subscriber(topic, qos=1, id=name, stored=True)
    said = [b"%d" % index for index in range(5)]
    publisher = await broker.connected()
    for payload in said:
        await publisher.published(topic, payload, qos=1)
    await subscriber.delivered(topic)
    while await subscriber.maybe(Publish, within=subscriber.trial.quiet) is not None:
        pass
    subscriber.drop()
    back = await broker.resumed(name)
    came = []
    for _ in said:
        message = await back.delivered(topic)
        came.append(message.payload)
        await back.accept(message)
    if came != said:
        back.violated("the messages again in the order of the first time", b" ".join(came).decode())


@case(v311("4.6.0-6"), needs=("qos-2",))
async def pubrel_comes_in_the_order_of_pubrec(broker: Broker) -> None:
    """3.1.1 binds the server to the rules of the sender as well; 5.0 has them for the client alone."""
    topic = broker.topic()
    subscriber = await broker.subscriber(topic, qos=2)
    publisher = await broker.connected()
    for index in range(5):
        await publisher.published(topic, b"%d" % index, qos=2)
    numbers = [(await subscriber.delivered(topic)).packet_id or 0]
    while (message := await subscriber.maybe(Publish, within=subscriber.trial.quiet)) is not None:
        numbers.append(message.packet_id or 0)
    await subscriber.send(*map(Pubrec, numbers))
    found = [await subscriber.maybe(Pubrel) for _ in numbers]
    came = [pubrel.packet_id for pubrel in found if pubrel is not None]
    if len(came) < len(numbers):
        subscriber.unprepared(f"PUBREC {numbers} were not all answered by PUBREL")
    if came != numbers:
        subscriber.violated(f"PUBREL in the order of PUBREC, {numbers}", f"{came}")
