"""Packets that cannot be read: MQTT 3.1.1 section 4.8, MQTT 5.0 section 4.13.1."""

from __future__ import annotations

from collections.abc import Callable

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.broker import Broker
from testbed.mqtt.codec import encode
from testbed.mqtt.packets import (
    Disconnect,
    Packet,
    Pingreq,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Raw,
    Subscribe,
    Subscription,
    Unsubscribe,
)
from testbed.mqtt.wire import text

BOTH = (v311("4.8.0-1"), v5("4.13.1-1"))


@case(
    *BOTH,
    rows={
        "empty": Raw(0x30),
        "half a length": Raw(0x30, b"\0"),
        "no topic": Raw(0x30, b"\0\5"),
        "topic cut short": Raw(0x30, b"\0\5ab"),
        "QoS 1 without packet id": Raw(0x32, text("t")),
        "QoS 1 with half a packet id": Raw(0x32, text("t") + b"\0"),
        "QoS 2 without packet id": Raw(0x34, text("t")),
    },
)
async def a_publish_that_ends_inside_a_field_closes_the_connection(broker: Broker, packet: Raw) -> None:
    client = await broker.connected()
    await client.published(broker.topic(), b"x")
    await client.send(packet)
    await client.is_closed_by_broker(because="after a PUBLISH that ends inside a field")


@case(
    *BOTH,
    rows={
        f"{name} of {size} B": Raw(first, bytes(size))
        for name, first in (("PUBACK", 0x40), ("PUBREC", 0x50), ("PUBREL", 0x62), ("PUBCOMP", 0x70))
        for size in (0, 1)
    },
)
async def an_acknowledgement_without_a_packet_id_closes_the_connection(broker: Broker, packet: Raw) -> None:
    client = await broker.connected()
    await client.settled()
    await client.send(packet)
    await client.is_closed_by_broker(because="after an acknowledgement without a packet identifier")


@case(
    *BOTH,
    rows={
        f"{name} of {size} B": Raw(first, bytes(size))
        for name, first in (("SUBSCRIBE", 0x82), ("UNSUBSCRIBE", 0xA2))
        for size in (0, 1)
    },
)
async def a_request_without_a_packet_id_closes_the_connection(broker: Broker, packet: Raw) -> None:
    client = await broker.subscriber(broker.topic())
    await client.send(packet)
    await client.is_closed_by_broker(because="after a request without a packet identifier")


@case(*BOTH, rows={"1 byte": b"\0", "2 bytes": b"\0\1", "200 bytes": b"x" * 200})
async def a_pingreq_with_a_body_closes_the_connection(broker: Broker, body: bytes) -> None:
    """Its Remaining Length is 0 (section 3.12.1)."""
    client = await broker.connected()
    await client.settled()
    await client.send(Raw(0xC0, body))
    await client.is_closed_by_broker(because="after a PINGREQ that is not empty")


@case(v311("4.8.0-1"), needs=("qos-2",))
async def a_pubrel_with_more_than_a_packet_id_closes_the_connection(broker: Broker) -> None:
    """Its Remaining Length is 2 (section 3.6.1); a longer one is of 5.0."""
    client = await broker.connected()
    await client.published(broker.topic(), b"twin", qos=2)
    number = client.next_id()
    await client.send(Publish(broker.topic(), b"x", 2, packet_id=number))
    if await client.maybe(Pubrec, lambda p: p.packet_id == number) is None:
        client.unprepared("PUBLISH with QoS 2 was not answered by PUBREC")
    await client.send(Raw(0x62, number.to_bytes(2, "big") + b"\0\0"))
    await client.is_closed_by_broker(because="after a PUBREL of more than two bytes")


@case(
    v5("4.13.1-1"),
    needs=("qos-2",),
    rows={
        "length beyond the packet": b"\0\x64",
        "property cut short": b"\0\x04\x1f\0\5a",
        "bytes behind the properties": b"\0\0rest",
    },
)
async def a_pubrel_with_a_wrong_tail_closes_the_connection(broker: Broker, tail: bytes) -> None:
    client = await broker.connected()
    await client.published(broker.topic(), b"twin", qos=2)
    for end in (b"\0\0", tail):
        number = client.next_id()
        await client.send(Publish(broker.topic(), b"x", 2, packet_id=number))
        if await client.maybe(Pubrec, lambda p, n=number: p.packet_id == n) is None:
            client.unprepared("PUBLISH with QoS 2 was not answered by PUBREC")
        await client.send(Raw(Pubrel.type << 4 | 2, number.to_bytes(2, "big") + end))
        if end != tail and await client.maybe(Pubcomp) is None:
            client.unprepared("PUBREL with code and empty properties was not answered by PUBCOMP")
    await client.is_closed_by_broker(because="after a PUBREL that does not end where it says")


@case(
    *BOTH,
    rows={
        "SUBSCRIBE": lambda topic: Subscribe(7, (Subscription(topic),)),
        "UNSUBSCRIBE": lambda topic: Unsubscribe(7, (topic,)),
        "PUBLISH": lambda topic: Publish(topic),
    },
    # A decoder that reads past its end dies of it.
    exclusive=("SUBSCRIBE",),
)
async def a_length_one_short_of_the_last_field_closes_the_connection(
    broker: Broker, make: Callable[[str], Packet]
) -> None:
    client = await broker.subscriber(broker.topic())
    whole = encode(make(broker.topic()), broker.version)
    await client.send(whole)
    await client.settled()
    await client.send(Raw(whole[0], whole[2:-1]))
    await client.is_closed_by_broker(because="after a packet whose Remaining Length is one short")


@case(
    *BOTH,
    rows={
        "PINGREQ": Pingreq(),
        "PUBLISH": Publish("t", b"x"),
        "SUBSCRIBE": Subscribe(1, (Subscription("t"),)),
        "DISCONNECT": Disconnect(),
    },
)
async def a_first_packet_that_is_no_connect_closes_the_connection(broker: Broker, first: Packet) -> None:
    """The first packet must be CONNECT [MQTT-3.1.0-1]; another is an error at once, not after a time of waiting."""
    client = await broker.opened()
    await client.send(first)
    await client.is_closed_by_broker(because="after a first packet that is no CONNECT")


@case(
    *BOTH,
    rows={
        "PUBLISH with QoS 1": Publish("t", b"x", 1, packet_id=0),
        "PUBLISH with QoS 2": Publish("t", b"x", 2, packet_id=0),
        "SUBSCRIBE": Subscribe(0, (Subscription("t"),)),
        "UNSUBSCRIBE": Unsubscribe(0, ("t",)),
    },
)
async def a_packet_identifier_of_0_closes_the_connection(broker: Broker, packet: Packet) -> None:
    """It must be non-zero [MQTT-2.3.1-1; 5.0: MQTT-2.2.1-3]; what a packet may not hold is an error."""
    client = await broker.connected()
    await client.settled()
    await client.send(packet)
    await client.is_closed_by_broker(because="after a packet identifier of 0")


@case(*BOTH)
async def a_malformed_packet_harms_nobody_else(broker: Broker) -> None:
    """Only the connection it came on is closed: its neighbours are served on."""
    neighbour = await broker.subscriber(broker.topic())
    client = await broker.connected()
    await client.published(broker.topic(), b"before")
    await neighbour.message(broker.topic(), payload=b"before")
    await client.send(Raw(0x30, b"\0\5ab"))
    await client.is_closed_by_broker(because="after a PUBLISH that ends inside its topic")
    await neighbour.is_alive()
    other = await broker.connected()
    await other.published(broker.topic(), b"after")
    await neighbour.message(broker.topic(), payload=b"after", because="as its connection did nothing wrong")


@case(*BOTH)
async def what_follows_a_malformed_packet_is_not_processed(broker: Broker) -> None:
    """A message in the same segment, behind the error; another client's message is the marker."""
    subscriber = await broker.subscriber(broker.topic())
    client = await broker.connected()
    await client.published(broker.topic(), b"before")
    await subscriber.message(broker.topic(), payload=b"before")
    behind = encode(Publish(broker.topic(), b"behind"), broker.version)
    await client.send(Raw(0x30, b"\0\5ab"), behind)
    await client.is_closed_by_broker(because="after a PUBLISH that ends inside its topic")
    other = await broker.connected()
    await other.published(broker.topic(), b"marker")
    await subscriber.message(broker.topic(), payload=b"marker", because="as the connection ends with the error")
