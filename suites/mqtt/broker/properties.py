"""Property rules: MQTT 5.0 section 2.2.2: which, how often, how long, and Property Length itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.case import case
from suites.mqtt import v5
from testbed.mqtt.broker import Broker
from testbed.mqtt.codec import encode
from testbed.mqtt.packets import (
    Connack,
    Packet,
    Puback,
    Publish,
    Raw,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
    Version,
    Will,
)
from testbed.mqtt.properties import TABLE, Properties, Property, Wire
from testbed.mqtt.scripted_client import Client
from testbed.mqtt.wire import text, varint

#: A sensible value for a property of each type.
VALUES: dict[Wire, Any] = {
    Wire.BYTE: 1,
    Wire.TWO: 1,
    Wire.FOUR: 1,
    Wire.VARINT: 1,
    Wire.STRING: "x",
    Wire.BINARY: b"x",
    Wire.PAIR: ("n", "v"),
}
TWIN: Properties = ((Property.USER_PROPERTY, ("n", "v")),)
UNKNOWN: dict[str, Properties] = {
    f"0x{name:02X}": ((name, b"\1"),) for name in (0x00, 0x04, 0x07, 0x2B, 0x7F, 0x80, 0x3FFF)
}


def _strangers(kind: str, *but: Property) -> dict[str, Properties]:
    """Every property of the standard that has no place in a packet of `kind`."""
    return {
        name.title: ((name, VALUES[rule.wire]),)
        for name, rule in TABLE.items()
        if kind not in rule.packets and name not in but
    }


def _twice(*names: Property) -> dict[str, Properties]:
    return {name.title: ((name, VALUES[TABLE[name].wire]),) * 2 for name in names}


# -- PUBLISH


async def _publish_is_an_error(broker: Broker, properties: Properties, because: str) -> None:
    client = await broker.connected()
    await client.published(broker.topic(), b"x", properties=TWIN)
    await client.send(Publish(broker.topic(), b"x", properties=properties))
    await client.is_closed_by_broker(because=because)


@case(v5("4.13.1-1"), rows=UNKNOWN)
async def an_unknown_property_in_publish_closes_the_connection(broker: Broker, properties: Properties) -> None:
    await _publish_is_an_error(broker, properties, "after a PUBLISH with a property that does not exist")


@case(v5("4.13.1-1"), rows=_strangers("PUBLISH"))
async def a_property_out_of_place_in_publish_closes_the_connection(broker: Broker, properties: Properties) -> None:
    await _publish_is_an_error(broker, properties, "after a PUBLISH with a property that has no place in it")


@case(
    v5("4.13.1-1"),
    rows=_twice(
        Property.PAYLOAD_FORMAT_INDICATOR,
        Property.MESSAGE_EXPIRY_INTERVAL,
        Property.CONTENT_TYPE,
        Property.RESPONSE_TOPIC,
        Property.CORRELATION_DATA,
    ),
)
async def a_property_twice_in_publish_closes_the_connection(broker: Broker, properties: Properties) -> None:
    """Each well-formed alone: the first half of the row is published before."""
    client = await broker.connected()
    await client.published(broker.topic(), b"x", properties=properties[:1])
    await client.send(Publish(broker.topic(), b"x", properties=properties))
    await client.is_closed_by_broker(because="after a PUBLISH with a property twice")


@case(v5("4.13.1-1"), needs=("topic-alias",))
async def a_topic_alias_twice_closes_the_connection(broker: Broker) -> None:
    alias = (Property.TOPIC_ALIAS, 1)
    client = await broker.connected()
    await client.published(broker.topic(), b"x", properties=(alias,))
    await client.send(Publish(broker.topic(), b"x", properties=(alias, alias)))
    await client.is_closed_by_broker(because="after a PUBLISH with two Topic Aliases")


@case(
    v5("4.13.1-1"),
    v5("2.2.2-1"),
    rows={
        "length beyond the packet": b"\x64\x01\x00",
        "length one more than the packet": b"\x03\x01\x00",
        "ends within an integer": b"\x03\x02\x00\x00rest",
        "ends within a string": b"\x04\x03\x00\x05arest",
        "ends behind an identifier": b"\x01\x01rest",
        "string cut by the packet": b"\x07\x03\x00\xffabcd",
        "second of a pair missing": b"\x04\x26\x00\x01nrest",
        "length of five bytes": b"\x80\x80\x80\x80\x01rest",
        "no length": b"",
    },
)
async def a_property_block_with_a_wrong_length_closes_the_connection(broker: Broker, block: bytes) -> None:
    client = await broker.connected()
    head = text(broker.topic())
    await client.send(Raw(0x30, head + b"\x02\x01\x00rest"))
    await client.settled()
    await client.send(Raw(0x30, head + block))
    await client.is_closed_by_broker(because="after a PUBLISH whose Property Length does not fit its properties")


# -- CONNECT


async def _connect_is_an_error(broker: Broker, packet: Packet, because: str) -> None:
    await broker.connected(properties=TWIN, will=Will(broker.topic(), b"x", properties=TWIN))
    client = await broker.linked()
    await client.send(packet)
    await client.is_refused(because=because)


@case(v5("4.13.1-1"), v5("3.1.4-1"), rows=UNKNOWN)
async def an_unknown_property_in_connect_is_refused(broker: Broker, properties: Properties) -> None:
    await _connect_is_an_error(broker, broker.connect(properties=properties), "as a property does not exist")


@case(v5("4.13.1-1"), v5("3.1.4-1"), rows=_strangers("CONNECT"))
async def a_property_out_of_place_in_connect_is_refused(broker: Broker, properties: Properties) -> None:
    await _connect_is_an_error(broker, broker.connect(properties=properties), "as a property has no place in it")


@case(v5("4.13.1-1"), v5("3.1.4-1"), rows=_strangers("WILL"))
async def a_property_out_of_place_in_the_will_is_refused(broker: Broker, properties: Properties) -> None:
    will = Will(broker.topic(), b"x", properties=properties)
    await _connect_is_an_error(broker, broker.connect(will=will), "as a property has no place in a will")


@case(
    v5("4.13.1-1"),
    v5("3.1.4-1"),
    rows=_twice(
        Property.SESSION_EXPIRY_INTERVAL,
        Property.RECEIVE_MAXIMUM,
        Property.TOPIC_ALIAS_MAXIMUM,
        Property.REQUEST_RESPONSE_INFORMATION,
        Property.REQUEST_PROBLEM_INFORMATION,
    )
    | {"Maximum Packet Size": ((Property.MAXIMUM_PACKET_SIZE, 1000),) * 2},
)
async def a_property_twice_in_connect_is_refused(broker: Broker, properties: Properties) -> None:
    await _connect_is_an_error(broker, broker.connect(properties=properties), "as a property is there twice")


@case(
    v5("4.13.1-1"),
    v5("3.1.4-1"),
    rows=_twice(
        Property.WILL_DELAY_INTERVAL,
        Property.PAYLOAD_FORMAT_INDICATOR,
        Property.MESSAGE_EXPIRY_INTERVAL,
        Property.CONTENT_TYPE,
        Property.RESPONSE_TOPIC,
        Property.CORRELATION_DATA,
    ),
)
async def a_property_twice_in_the_will_is_refused(broker: Broker, properties: Properties) -> None:
    will = Will(broker.topic(), b"x", properties=properties)
    await _connect_is_an_error(broker, broker.connect(will=will), "as a will property is there twice")


@case(
    v5("4.13.1-1"),
    v5("3.1.4-1"),
    rows={
        "Receive Maximum 0": ((Property.RECEIVE_MAXIMUM, 0),),
        "Maximum Packet Size 0": ((Property.MAXIMUM_PACKET_SIZE, 0),),
        "Request Response Information 2": ((Property.REQUEST_RESPONSE_INFORMATION, 2),),
        "Request Problem Information 2": ((Property.REQUEST_PROBLEM_INFORMATION, 2),),
    },
)
async def a_property_out_of_its_range_in_connect_is_refused(broker: Broker, properties: Properties) -> None:
    await _connect_is_an_error(broker, broker.connect(properties=properties), "as the value is a Protocol Error")


# -- SUBSCRIBE, UNSUBSCRIBE, PUBACK


async def _subscribed_with_properties(broker: Broker) -> Client:
    client = await broker.connected()
    await client.subscribed(broker.topic("good"), properties=TWIN)
    return client


@case(v5("4.13.1-1"), rows=UNKNOWN | _strangers("SUBSCRIBE"))
async def a_property_out_of_place_in_subscribe_closes_the_connection(broker: Broker, properties: Properties) -> None:
    client = await _subscribed_with_properties(broker)
    await client.send(Subscribe(client.next_id(), (Subscription(broker.topic()),), properties))
    await client.is_closed_by_broker(because="after a SUBSCRIBE with a property that has no place in it")


@case(v5("4.13.1-1"), rows=UNKNOWN | _strangers("UNSUBSCRIBE"))
async def a_property_out_of_place_in_unsubscribe_closes_the_connection(
    broker: Broker, properties: Properties
) -> None:
    client = await _subscribed_with_properties(broker)
    await client.send(Unsubscribe(client.next_id(), (broker.topic("good"),), properties))
    await client.is_closed_by_broker(because="after an UNSUBSCRIBE with a property that has no place in it")


@case(v5("4.13.1-1"), needs=("qos-1",), rows=UNKNOWN | _strangers("PUBACK"))
async def a_property_out_of_place_in_puback_closes_the_connection(broker: Broker, properties: Properties) -> None:
    client = await broker.subscriber(broker.topic(), qos=1)
    publisher = await broker.connected()
    for payload in (b"twin", b"x"):
        await publisher.published(broker.topic(), payload, qos=1)
        message = await client.maybe(Publish)
        if message is None or message.packet_id is None:
            client.unprepared("a message with QoS 1 was to be delivered")
        if payload == b"twin":
            await client.send(Puback(message.packet_id, properties=TWIN))
            await client.settled()
        else:
            await client.send(Puback(message.packet_id, properties=properties))
    await client.is_closed_by_broker(because="after a PUBACK with a property that has no place in it")


# -- Property Length


@case(v5("2.2.2-1"))
async def the_broker_says_property_length_0_where_there_are_none(broker: Broker) -> None:
    """A packet without Property Length cannot be read as one of 5.0."""
    client = await broker.linked()
    await client.send(broker.connect())
    await client.expect(Connack, code=0, because="in the form of 5.0")
    await client.send(Subscribe(1, (Subscription(broker.topic()),)))
    await client.expect(Suback, packet_id=1, codes=(0,), because="in the form of 5.0")
    await client.send(Publish(broker.topic(), b"xyz"))
    await client.message(broker.topic(), payload=b"xyz", because="in the form of 5.0")
    await client.send(Unsubscribe(2, (broker.topic(),)))
    await client.expect(Unsuback, packet_id=2, codes=(0,), because="in the form of 5.0")


def _in_the_form_of_311(packet: Packet) -> bytes:
    return encode(packet, Version.V311)


@case(
    v5("2.2.2-1"),
    v5("4.13.1-1"),
    rows={
        "SUBSCRIBE": lambda topic: Subscribe(9, (Subscription(topic),)),
        "UNSUBSCRIBE": lambda topic: Unsubscribe(9, (topic,)),
        "PUBLISH": lambda topic: Publish(topic, b"\x7fx"),
    },
)
async def a_packet_without_property_length_closes_the_connection(
    broker: Broker, make: Callable[[str], Packet]
) -> None:
    """The form of 3.1.1: read as 5.0, what follows runs over the packet's end."""
    client = await broker.subscriber(broker.topic())
    await client.send(make(broker.topic()))
    await client.settled()
    await client.send(_in_the_form_of_311(make(broker.topic())))
    await client.is_closed_by_broker(because="after a packet without Property Length")


@case(v5("2.2.2-1"), v5("4.13.1-1"), v5("3.1.4-1"))
async def a_connect_without_property_length_is_refused(broker: Broker) -> None:
    client = await broker.opened()
    frame = encode(broker.connect(), broker.version)
    # Behind the fixed header: protocol name 6, level 1, flags 1, keep alive 2, then Property Length 0.
    at = 2 if frame[1] < 0x80 else 3
    body = frame[at:]
    await client.send(frame[:1] + varint(len(body) - 1) + body[:10] + body[11:])
    await client.is_refused(because="as it has no Property Length")
