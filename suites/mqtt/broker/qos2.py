"""QoS 2, exactly once: MQTT 3.1.1 and 5.0, section 4.3.3. What happens after a lost connection is in
`redelivery.py`."""

from __future__ import annotations

import asyncio

from harness.case import case
from suites.mqtt import v5, v311
from testbed.findings import Inconclusive
from testbed.mqtt.broker import Broker
from testbed.mqtt.packets import Puback, Pubcomp, Publish, Pubrec, Pubrel
from testbed.mqtt.properties import Property
from testbed.mqtt.scripted_client import Client

NUMBERS = {"1": 1, "255": 0x00FF, "256": 0x0100, "32768": 0x8000, "65535": 0xFFFF}


async def _received(publisher: Client, number: int) -> None:
    """Set-up: the broker answers the PUBLISH just sent by an accepting PUBREC."""
    pubrec = await publisher.maybe(Pubrec, lambda p: p.packet_id == number)
    if pubrec is None or pubrec.code >= 0x80:
        publisher.unprepared(f"PUBLISH {number} with QoS 2 was not taken", cause="no answer to QoS 2")


# -- the broker receives


@case(v311("4.3.3-2"), v311("3.3.4-1"), v5("4.3.3-8"), v5("3.3.4-1"), needs=("qos-2",))
async def a_qos_2_message_is_answered_by_pubrec(broker: Broker) -> None:
    topic = broker.topic()
    publisher = await broker.connected()
    await publisher.send(Publish(topic, b"x", 2, packet_id=1))
    await publisher.expect(Pubrec, because="to a QoS 2 message")
    await publisher.receives_no(Puback, for_=0, because="for a QoS 2 message")


@case(v311("4.3.3-2"), v311("2.3.1-6"), v5("4.3.3-8"), v5("2.2.1-5"), needs=("qos-2",), rows=NUMBERS)
async def pubrec_carries_the_identifier_of_the_message(broker: Broker, number: int) -> None:
    topic = broker.topic()
    publisher = await broker.connected()
    await publisher.send(Publish(topic, b"x", 2, packet_id=number))
    await publisher.expect(Pubrec, packet_id=number)


@case(v311("4.3.3-2"), v5("4.3.3-11"), v5("2.2.1-5"), needs=("qos-2",), rows=NUMBERS)
async def pubrel_is_answered_by_pubcomp_with_its_identifier(broker: Broker, number: int) -> None:
    topic = broker.topic()
    publisher = await broker.connected()
    await publisher.send(Publish(topic, b"x", 2, packet_id=number))
    await _received(publisher, number)
    await publisher.send(Pubrel(number))
    await publisher.expect(Pubcomp, packet_id=number)


@case(v311("4.3.3-2"), v5("4.3.3-11"), needs=("qos-2",))
async def a_repeated_pubrel_is_answered_by_pubcomp_again(broker: Broker) -> None:
    """Its PUBCOMP may have been lost; the code 0x92 is as good an answer as success."""
    publisher = await broker.connected()
    number = await publisher.published(broker.topic(), b"x", qos=2)
    await publisher.send(Pubrel(number))
    await publisher.expect(Pubcomp, packet_id=number)


async def _repeated(broker: Broker, repeats: int) -> None:
    """One message said `repeats` times more before its PUBREL is answered by PUBREC each time and delivered once:
    the message after it, on the same topic with the same QoS, comes behind every copy of it."""
    topic = broker.topic()
    subscriber = await broker.subscriber(topic, qos=2)
    publisher = await broker.connected()
    await publisher.send(Publish(topic, b"once", 2, packet_id=5))
    await _received(publisher, 5)
    for _ in range(repeats):
        await publisher.send(Publish(topic, b"once", 2, dup=True, packet_id=5))
        await publisher.expect(Pubrec, packet_id=5, because="to a repeat before PUBREL")
    await publisher.send(Pubrel(5))
    await publisher.expect(Pubcomp, packet_id=5)
    await publisher.send(Publish(topic, b"marker", 2, packet_id=6))
    await publisher.handshaken(6, 2)
    await subscriber.message(topic, payload=b"once")
    await subscriber.message(topic, payload=b"marker", because="behind a single copy of the one before")


@case(v311("4.3.3-2"), needs=("qos-2",))
async def a_repeat_before_pubrel_is_acknowledged_and_delivered_once(broker: Broker) -> None:
    """5.0 forbids the client to repeat itself on the same connection [MQTT-4.4.0-1]; see `redelivery.py`."""
    await _repeated(broker, 1)


@case(v311("4.3.3-2"), needs=("qos-2",))
async def several_repeats_before_pubrel_are_acknowledged_and_delivered_once(broker: Broker) -> None:
    """The receiver acknowledges *any* subsequent PUBLISH with the identifier."""
    await _repeated(broker, 3)


@case(v311("4.3.3-2"), v5("4.3.3-12"), needs=("qos-2",), rows={"dup-0": False, "dup-1": True})
async def after_pubcomp_the_same_identifier_is_a_new_message(broker: Broker, dup: bool) -> None:
    topic = broker.topic()
    subscriber = await broker.subscriber(topic, qos=2)
    publisher = await broker.connected()
    for payload, again in ((b"first", False), (b"second", dup)):
        await publisher.send(Publish(topic, payload, 2, dup=again, packet_id=7))
        await publisher.handshaken(7, 2)
        await subscriber.message(topic, payload=payload)


@case(v5("4.3.3-13"), needs=("qos-2",), lasts=2.5)
async def an_expired_message_is_still_acknowledged_to_the_end(broker: Broker) -> None:
    topic = broker.topic()
    publisher = await broker.connected()
    await publisher.send(Publish(topic, b"x", 2, packet_id=3, properties=((Property.MESSAGE_EXPIRY_INTERVAL, 1),)))
    await _received(publisher, 3)
    await asyncio.sleep(2.0)
    await publisher.send(Pubrel(3))
    await publisher.expect(Pubcomp, packet_id=3, because="though the message has expired")


# -- the broker sends


@case(v311("4.3.3-1"), v5("4.3.3-2"), needs=("qos-2",))
async def a_qos_2_message_is_first_delivered_with_qos_2_and_dup_0(broker: Broker) -> None:
    topic = broker.topic()
    subscriber = await broker.subscriber(topic, qos=2)
    publisher = await broker.connected()
    await publisher.published(topic, b"x", qos=2)
    await subscriber.delivered(topic, qos=2, dup=False)


@case(v311("4.3.3-1"), v311("2.3.1-6"), v5("4.3.3-4"), v5("2.2.1-5"), needs=("qos-2",))
async def pubrec_is_answered_by_pubrel_with_the_identifier_of_the_message(broker: Broker) -> None:
    topic = broker.topic()
    subscriber = await broker.subscriber(topic, qos=2)
    publisher = await broker.connected()
    await publisher.published(topic, b"x", qos=2)
    message = await subscriber.delivered(topic)
    await subscriber.send(Pubrec(message.packet_id or 0))
    await subscriber.expect(Pubrel, packet_id=message.packet_id)


@case(v311("4.3.3-1"), v5("4.3.3-3"), needs=("qos-2",))
async def pubrel_is_not_sent_before_pubrec(broker: Broker) -> None:
    topic = broker.topic()
    subscriber = await broker.subscriber(topic, qos=2)
    publisher = await broker.connected()
    await publisher.published(topic, b"x", qos=2)
    message = await subscriber.delivered(topic)
    await subscriber.receives_no(Pubrel, because="before our PUBREC")
    await subscriber.accept(message)


@case(v311("4.5.0-1"), v5("4.5.0-1"), needs=("qos-2", "session-expiry"))
async def a_qos_2_message_is_kept_for_a_subscriber_who_is_away(broker: Broker) -> None:
    topic, name = broker.topic(), broker.client_id("away")
    away = await broker.subscriber(topic, qos=2, id=name, stored=True)
    await away.disconnect()
    publisher = await broker.connected()
    await publisher.published(topic, b"x", qos=2)
    back = await broker.resumed(name)
    await back.message(topic, payload=b"x", qos=2)


@case(v5("4.3.3-9"), needs=("qos-2", "restricted-topics"))
async def after_a_refusing_pubrec_the_same_identifier_is_a_new_message(broker: Broker) -> None:
    """Servers keep the names below $SYS for themselves (section 4.7.2); the parameter `restricted-topic` names
    another that this one refuses."""
    topic = broker.topic()
    subscriber = await broker.subscriber(topic, qos=2)
    publisher = await broker.connected()
    refused = str(broker.parameter("restricted-topic", f"$SYS/{topic}"))
    await publisher.send(Publish(refused, b"refused", 2, packet_id=4))
    pubrec = await publisher.maybe(Pubrec, lambda p: p.packet_id == 4)
    if pubrec is None or pubrec.code < 0x80:
        raise Inconclusive(f"a message to {refused} is not refused by PUBREC", cause="no restricted topic")
    await publisher.send(Publish(topic, b"new", 2, packet_id=4))
    await publisher.handshaken(4, 2)
    await subscriber.message(topic, payload=b"new")
