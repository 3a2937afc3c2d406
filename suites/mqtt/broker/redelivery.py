"""Message delivery retry: MQTT 3.1.1 and 5.0, section 4.4. A connection is lost in the middle of a handshake, and
the session is resumed."""

from __future__ import annotations

import asyncio
from typing import Any

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.broker import Broker
from testbed.mqtt.packets import Puback, Pubcomp, Publish, Pubrec, Pubrel
from testbed.mqtt.properties import Property

#: Seconds in which a broker that repeats itself on an open connection would do so; the parameter
#: `retry-window` widens it.
RETRY = 5.0


async def _unacknowledged(broker: Broker, qos: int, name: str, **message: Any) -> Publish:
    """Set-up: a message reaches the stored session `name`, which answers nothing and loses its connection."""
    topic = broker.topic()
    subscriber = await broker.subscriber(topic, qos=qos, id=name, stored=True)
    publisher = await broker.connected()
    await publisher.published(topic, b"x", qos=qos, **message)
    received = await subscriber.delivered(topic)
    subscriber.drop()
    return received


async def _released(broker: Broker, name: str) -> int:
    """Set-up: the stored session `name` has answered PUBREC, got PUBREL and then lost its connection."""
    topic = broker.topic()
    subscriber = await broker.subscriber(topic, qos=2, id=name, stored=True)
    publisher = await broker.connected()
    await publisher.published(topic, b"x", qos=2)
    number = (await subscriber.delivered(topic)).packet_id or 0
    await subscriber.send(Pubrec(number))
    if await subscriber.maybe(Pubrel, lambda p: p.packet_id == number) is None:
        subscriber.unprepared("PUBREC was not answered by PUBREL")
    subscriber.drop()
    return number


# -- the broker repeats what is open


@case(
    v311("4.4.0-1"),
    v311("4.3.2-1"),
    v311("2.3.1-4"),
    v5("4.4.0-1"),
    v5("4.3.2-3"),
    needs=("qos-1", "session-expiry"),
)
async def a_qos_1_message_without_puback_is_sent_again_with_its_identifier(broker: Broker) -> None:
    name = broker.client_id("back")
    first = await _unacknowledged(broker, 1, name)
    back = await broker.resumed(name)
    await back.message(broker.topic(), qos=1, payload=b"x", packet_id=first.packet_id)


@case(
    v311("4.4.0-1"),
    v311("4.3.3-1"),
    v311("2.3.1-4"),
    v5("4.4.0-1"),
    v5("4.3.3-3"),
    needs=("qos-2", "session-expiry"),
)
async def a_qos_2_message_without_pubrec_is_sent_again_with_its_identifier(broker: Broker) -> None:
    name = broker.client_id("back")
    first = await _unacknowledged(broker, 2, name)
    back = await broker.resumed(name)
    await back.message(broker.topic(), qos=2, payload=b"x", packet_id=first.packet_id)


@case(v311("3.3.1-1"), v5("3.3.1-1"), needs=("qos-1", "session-expiry"))
async def a_qos_1_message_is_sent_again_with_dup_1(broker: Broker) -> None:
    name = broker.client_id("back")
    await _unacknowledged(broker, 1, name)
    back = await broker.resumed(name)
    await back.delivered(broker.topic(), dup=True)


@case(v311("3.3.1-1"), v5("3.3.1-1"), needs=("qos-2", "session-expiry"))
async def a_qos_2_message_is_sent_again_with_dup_1(broker: Broker) -> None:
    name = broker.client_id("back")
    await _unacknowledged(broker, 2, name)
    back = await broker.resumed(name)
    await back.delivered(broker.topic(), dup=True)


@case(v311("4.4.0-1"), v5("4.4.0-1"), needs=("qos-1", "session-expiry"))
async def a_message_lost_twice_is_sent_a_third_time(broker: Broker) -> None:
    name = broker.client_id("back")
    first = await _unacknowledged(broker, 1, name)
    for _ in range(2):
        back = await broker.resumed(name)
        await back.message(broker.topic(), accept=False, packet_id=first.packet_id)
        back.drop()


@case(v311("4.4.0-1"), v311("4.3.3-1"), v5("4.4.0-1"), v5("4.3.3-5"), needs=("qos-2", "session-expiry"))
async def a_pubrel_without_pubcomp_is_sent_again_with_its_identifier(broker: Broker) -> None:
    name = broker.client_id("back")
    number = await _released(broker, name)
    back = await broker.resumed(name)
    await back.expect(Pubrel, packet_id=number, because="again, as our PUBCOMP never came")


@case(v311("4.3.3-1"), v5("4.3.3-6"), needs=("qos-2", "session-expiry"))
async def after_pubrel_the_message_is_never_sent_again(broker: Broker) -> None:
    name = broker.client_id("back")
    number = await _released(broker, name)
    back = await broker.resumed(name)
    await back.receives_no(where=lambda p: p.topic == broker.topic(), because=f"once PUBREL {number} was sent")
    await back.send(Pubcomp(number))
    await back.settled()


# -- and not what is over


@case(v5("4.4.0-1"), needs=("qos-1", "session-expiry"))
async def a_qos_1_message_with_puback_is_not_sent_again(broker: Broker) -> None:
    topic, name = broker.topic(), broker.client_id("back")
    subscriber = await broker.subscriber(topic, qos=1, id=name, stored=True)
    publisher = await broker.connected()
    await publisher.published(topic, b"x", qos=1)
    await subscriber.accept(await subscriber.delivered(topic))
    await subscriber.settled()
    subscriber.drop()
    back = await broker.resumed(name)
    await back.receives_no(where=lambda p: p.topic == topic, because="after its PUBACK")


@case(v311("4.3.3-1"), v5("4.4.0-1"), v5("4.3.3-6"), needs=("qos-2", "session-expiry"))
async def a_qos_2_message_with_pubcomp_is_not_sent_again(broker: Broker) -> None:
    topic, name = broker.topic(), broker.client_id("back")
    subscriber = await broker.subscriber(topic, qos=2, id=name, stored=True)
    publisher = await broker.connected()
    await publisher.published(topic, b"x", qos=2)
    await subscriber.accept(await subscriber.delivered(topic))
    await subscriber.settled()
    subscriber.drop()
    back = await broker.resumed(name)
    await back.receives_no(where=lambda p: p.topic == topic, because="after its PUBCOMP")
    await back.receives_no(Pubrel, for_=0, because="after its PUBCOMP")


@case(v5("4.4.0-2"), needs=("qos-1", "session-expiry"))
async def a_message_refused_by_puback_is_not_sent_again(broker: Broker) -> None:
    topic, name = broker.topic(), broker.client_id("back")
    subscriber = await broker.subscriber(topic, qos=1, id=name, stored=True)
    publisher = await broker.connected()
    await publisher.published(topic, b"x", qos=1)
    await subscriber.send(Puback((await subscriber.delivered(topic)).packet_id or 0, 0x97))
    await subscriber.settled()
    subscriber.drop()
    back = await broker.resumed(name)
    await back.receives_no(where=lambda p: p.topic == topic, because="after PUBACK with reason code 0x97")


@case(v5("4.4.0-2"), needs=("qos-2", "session-expiry"))
async def a_message_refused_by_pubrec_is_not_sent_again(broker: Broker) -> None:
    topic, name = broker.topic(), broker.client_id("back")
    subscriber = await broker.subscriber(topic, qos=2, id=name, stored=True)
    publisher = await broker.connected()
    await publisher.published(topic, b"x", qos=2)
    await subscriber.send(Pubrec((await subscriber.delivered(topic)).packet_id or 0, 0x97))
    await subscriber.settled()
    subscriber.drop()
    back = await broker.resumed(name)
    await back.receives_no(where=lambda p: p.topic == topic, because="after PUBREC with reason code 0x97")


@case(v5("4.4.0-1"), needs=("qos-1",), lasts=RETRY)
async def nothing_is_sent_again_on_the_same_connection(broker: Broker) -> None:
    """A message without its PUBACK waits for the next connection, whatever the time."""
    topic = broker.topic()
    subscriber = await broker.subscriber(topic, qos=1)
    publisher = await broker.connected()
    await publisher.published(topic, b"x", qos=1)
    await subscriber.delivered(topic)
    window = float(broker.parameter("retry-window", RETRY))
    await subscriber.receives_no(
        where=lambda p: p.topic == topic, for_=window, because="again on the connection that carried it"
    )


@case(v311("3.1.2-6"), v5("4.4.0-1"), v5("3.1.2-4"), needs=("qos-1", "session-expiry"))
async def a_clean_start_gets_nothing_sent_again(broker: Broker) -> None:
    name = broker.client_id("back")
    await _unacknowledged(broker, 1, name)
    back = await broker.connected(name, clean=True)
    await back.receives_no(where=lambda p: p.topic == broker.topic(), because="from the session that was discarded")


@case(v311("3.3.1-3"), v311("4.3.2-1"), v5("3.3.1-3"), v5("4.3.2-2"), needs=("qos-1", "session-expiry"))
async def a_message_that_waited_for_its_subscriber_has_dup_0(broker: Broker) -> None:
    """It is sent for the first time, however late."""
    topic, name = broker.topic(), broker.client_id("back")
    away = await broker.subscriber(topic, qos=1, id=name, stored=True)
    await away.disconnect()
    publisher = await broker.connected()
    await publisher.published(topic, b"x", qos=1)
    back = await broker.resumed(name)
    await back.delivered(topic, dup=False)


@case(v5("4.3.3-7"), needs=("qos-2", "session-expiry"), lasts=3.2)
async def a_qos_2_message_once_sent_does_not_expire(broker: Broker) -> None:
    name = broker.client_id("back")
    first = await _unacknowledged(broker, 2, name, properties={Property.MESSAGE_EXPIRY_INTERVAL: 2})
    await asyncio.sleep(3.2)
    back = await broker.resumed(name)
    await back.message(broker.topic(), packet_id=first.packet_id, because="though its expiry interval passed")


# -- the broker is told again


@case(v311("4.3.3-2"), v5("4.3.3-10"), needs=("qos-2", "session-expiry"))
async def a_repeat_by_the_publisher_is_acknowledged_and_delivered_once(broker: Broker) -> None:
    """The publisher never saw the PUBREC of the first. The message after both, on the same topic with the same QoS,
    comes behind every copy of it."""
    topic, name = broker.topic(), broker.client_id("back")
    subscriber = await broker.subscriber(topic, qos=2)
    publisher = await broker.connected(name, stored=True)
    await publisher.send(Publish(topic, b"once", 2, packet_id=5))
    if await publisher.maybe(Pubrec, lambda p: p.packet_id == 5) is None:
        publisher.unprepared("PUBLISH with QoS 2 was not acknowledged")
    publisher.drop()
    back = await broker.resumed(name)
    await back.send(Publish(topic, b"once", 2, dup=True, packet_id=5))
    await back.expect(Pubrec, packet_id=5, because="to the repeat")
    await back.send(Pubrel(5))
    await back.expect(Pubcomp, packet_id=5)
    await back.send(Publish(topic, b"marker", 2, packet_id=6))
    await back.handshaken(6, 2)
    await subscriber.message(topic, payload=b"once")
    await subscriber.message(topic, payload=b"marker", because="behind a single copy of the one before")


@case(v311("4.3.3-2"), v5("4.3.3-11"), needs=("qos-2", "session-expiry"))
async def a_pubrel_repeated_by_the_publisher_is_answered_by_pubcomp(broker: Broker) -> None:
    """The publisher never saw the PUBCOMP of the first; 0x92 is as good an answer as success."""
    topic, name = broker.topic(), broker.client_id("back")
    publisher = await broker.connected(name, stored=True)
    await publisher.send(Publish(topic, b"x", 2, packet_id=5))
    await publisher.handshaken(5, 2)
    publisher.drop()
    back = await broker.resumed(name)
    await back.send(Pubrel(5))
    await back.expect(Pubcomp, packet_id=5)


@case(v311("4.3.3-2"), v5("4.3.3-11"), needs=("qos-2", "session-expiry"))
async def a_handshake_is_finished_on_the_next_connection(broker: Broker) -> None:
    topic, name = broker.topic(), broker.client_id("back")
    subscriber = await broker.subscriber(topic, qos=2)
    publisher = await broker.connected(name, stored=True)
    await publisher.send(Publish(topic, b"x", 2, packet_id=5))
    if await publisher.maybe(Pubrec, lambda p: p.packet_id == 5) is None:
        publisher.unprepared("PUBLISH with QoS 2 was not acknowledged")
    publisher.drop()
    back = await broker.resumed(name)
    await back.send(Pubrel(5))
    await back.expect(Pubcomp, packet_id=5)
    await subscriber.message(topic, payload=b"x", because="of the handshake finished on another connection")
