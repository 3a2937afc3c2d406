"""QoS 0, at most once: MQTT 3.1.1 and 5.0, section 4.3.1."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.broker import Broker
from testbed.mqtt.packets import Puback, Publish, Pubrec


@case(v311("4.3.1-1"), v311("3.3.1-2"), v5("4.3.1-1"), v5("3.3.1-2"))
async def a_qos_0_message_is_delivered_with_qos_0_and_dup_0(broker: Broker) -> None:
    topic = broker.topic()
    subscriber = await broker.subscriber(topic)
    publisher = await broker.connected()
    await publisher.published(topic, b"x")
    await subscriber.delivered(topic, qos=0, dup=False)


@case(v311("2.3.1-5"), v5("2.2.1-2"))
async def a_qos_0_message_carries_no_packet_identifier(broker: Broker) -> None:
    """An identifier between the topic and the payload would be two more bytes of payload."""
    topic = broker.topic()
    subscriber = await broker.subscriber(topic)
    publisher = await broker.connected()
    await publisher.published(topic, b"payload")
    await subscriber.delivered(topic, payload=b"payload")


@case(v311("4.3.1-1"), v311("3.3.1-2"), v5("4.3.1-1"), v5("3.3.1-2"), needs=("qos-1",))
async def a_qos_0_message_stays_one_for_a_subscription_with_qos_1(broker: Broker) -> None:
    topic = broker.topic()
    subscriber = await broker.subscriber(topic, qos=1)
    publisher = await broker.connected()
    await publisher.published(topic, b"x")
    await subscriber.delivered(topic, qos=0, dup=False)


@case(v311("3.3.4-1"), v5("3.3.4-1"))
async def a_qos_0_message_is_not_acknowledged(broker: Broker) -> None:
    topic = broker.topic()
    subscriber = await broker.subscriber(topic)
    publisher = await broker.connected()
    await publisher.send(Publish(topic, b"x"))
    await subscriber.delivered(topic)
    await publisher.receives_no(Puback, because="for a QoS 0 message")
    await publisher.receives_no(Pubrec, for_=0, because="for a QoS 0 message")
