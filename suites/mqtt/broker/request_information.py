"""Request Response Information and Request Problem Information: MQTT 5.0 sections 3.1.2.11.6 and 3.1.2.11.7."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5
from testbed.findings import Inconclusive
from testbed.mqtt.broker import Broker
from testbed.mqtt.codec import describe
from testbed.mqtt.packets import (
    Connack,
    Disconnect,
    Pingresp,
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
from testbed.mqtt.properties import Property, get
from testbed.mqtt.scripted_client import Client

RESPONSE = Property.REQUEST_RESPONSE_INFORMATION
PROBLEM = Property.REQUEST_PROBLEM_INFORMATION
TEXTS = {Property.REASON_STRING, Property.USER_PROPERTY}


@case(v5("3.1.2-28"), rows={"0": {RESPONSE: 0}, "absent": {}})
async def no_response_information_comes_unasked(broker: Broker, properties: dict[Property, int]) -> None:
    client = await broker.linked()
    await client.send(broker.connect(properties=properties))
    connack = await client.maybe(Connack)
    if connack is None or connack.code:
        client.unprepared("CONNECT was not accepted")
    if get(connack.properties, Property.RESPONSE_INFORMATION) is not None:
        client.violated("CONNACK without Response Information, which was not asked for", describe(connack))


def _has_no_texts(client: Client, *due: type) -> None:
    """No packet but PUBLISH, CONNACK and DISCONNECT has a text; those `due` must have come to show it."""
    seen = [packet for _, packet in client.received]
    for packet in seen:
        if isinstance(packet, (Publish, Connack, Disconnect, Pingresp)):
            continue
        if TEXTS & {name for name, _ in getattr(packet, "properties", ())}:
            client.violated("no Reason String or User Property on this packet", describe(packet))
    missing = [kind.__name__ for kind in due if not any(isinstance(packet, kind) for packet in seen)]
    if missing:
        raise Inconclusive(f"{', '.join(missing)} did not come: {client.what_came()}")


@case(v5("3.1.2-29"))
async def subscribing_brings_no_texts_unasked(broker: Broker) -> None:
    """With codes that invite an explanation: no subscription existed, and a filter that is not valid."""
    client = await broker.connected(properties={PROBLEM: 0})
    await client.subscribed(broker.topic())
    await client.unsubscribed(broker.topic(), broker.topic("none"))
    await client.send(Subscribe(client.next_id(), (Subscription(broker.topic("a/#/b")),)))
    await client.until(lambda: client.take(Suback))
    _has_no_texts(client, Suback, Unsuback)


@case(v5("3.1.2-29"), needs=("qos-1", "qos-2"))
async def publishing_brings_no_texts_unasked(broker: Broker) -> None:
    """To topics without subscribers, then a PUBREL that nothing asked for."""
    client = await broker.connected(properties={PROBLEM: 0})
    for qos in (1, 2):
        await client.published(broker.topic("nobody"), b"x", qos=qos)
    await client.send(Pubrel(0x7777))
    await client.until(lambda: client.take(Pubcomp))
    _has_no_texts(client, Puback, Pubrec, Pubcomp)


@case(v5("3.1.2-29"), needs=("qos-2",))
async def being_delivered_to_brings_no_texts_unasked(broker: Broker) -> None:
    """The broker's PUBREL, one of which answers a PUBREC that nothing asked for."""
    client = await broker.connected(properties={PROBLEM: 0})
    await client.subscribed(broker.topic(), qos=2)
    publisher = await broker.connected()
    await publisher.published(broker.topic(), b"x", qos=2)
    await client.message(broker.topic())
    await client.send(Pubrec(0x7777))
    await client.until(lambda: client.take(Pubrel))
    await client.send(Unsubscribe(client.next_id(), (broker.topic(),)))
    await client.until(lambda: client.take(Unsuback))
    _has_no_texts(client, Pubrel)
