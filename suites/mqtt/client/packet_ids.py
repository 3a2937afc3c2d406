"""Packet identifiers: MQTT 3.1.1 section 2.3.1, MQTT 5.0 section 2.2.1."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.client import Client
from testbed.mqtt.codec import describe
from testbed.mqtt.packets import (
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Subscribe,
    Unsubscribe,
)
from testbed.mqtt.scripted_broker import Connection

_MANY = ("publish", "subscribe", "qos-1", "qos-2", "orders", "in-flight")


def _is_new(connection: Connection, packet: Publish | Subscribe | Unsubscribe, used: set[int]) -> int:
    """The identifier of `packet`, which must be above 0 and none of `used`."""
    number = packet.packet_id or 0
    if not number:
        connection.violated("a packet identifier other than 0", describe(packet))
    if number in used:
        connection.violated(f"a packet identifier other than {sorted(used)}, which are in use", describe(packet))
    return number


@case(v311("2.3.1-1"), v5("2.2.1-3"), needs=("publish", "qos-1", "qos-2"), rows={"QoS 1": 1, "QoS 2": 2})
async def publish_has_an_identifier_other_than_0(client: Client, qos: int) -> None:
    connection, publish = await client.publishing(qos=qos)
    _is_new(connection, publish, set())


@case(v311("2.3.1-1"), v5("2.2.1-3"), needs=("subscribe",))
async def subscribe_has_an_identifier_other_than_0(client: Client) -> None:
    connection, subscribe = await client.subscribing()
    _is_new(connection, subscribe, set())


@case(v311("2.3.1-1"), v5("2.2.1-3"), needs=("subscribe", "orders"))
async def unsubscribe_has_an_identifier_other_than_0(client: Client) -> None:
    connection = await client.subscribed()
    _is_new(connection, await client.unsubscribing(connection, client.topic()), set())


@case(v311("2.3.1-2"), v5("2.2.1-3"), needs=_MANY)
async def whatever_is_open_has_an_identifier_of_its_own(client: Client) -> None:
    """PUBLISH, SUBSCRIBE and UNSUBSCRIBE share one set of identifiers."""
    connection = await client.subscribed()
    used: set[int] = set()
    for number in range(4):
        client.publish(payload=b"%d" % number, qos=1 + number % 2)
        used.add(_is_new(connection, await connection.asked(Publish), used))
        client.subscribe(client.topic(f"more/{number}"))
        used.add(_is_new(connection, await connection.asked(Subscribe), used))
        client.unsubscribe(client.topic(f"less/{number}"))
        used.add(_is_new(connection, await connection.asked(Unsubscribe), used))


@case(v311("2.3.1-2"), v311("2.3.1-3"), v5("2.2.1-3"), needs=_MANY)
async def an_identifier_in_use_is_skipped_while_others_come_and_go(client: Client) -> None:
    """One message stays open while twenty others, and some subscriptions, are carried through."""
    connection, open_ = await client.publishing(payload=b"open", qos=1)
    used = {open_.packet_id or 0}
    for number in range(20):
        order = client.publish(payload=b"%d" % number, qos=1 + number % 2)
        publish = await connection.asked(Publish)
        _is_new(connection, publish, used)
        await connection.acknowledge(publish)
        await client.done(order)
    order = client.subscribe(client.topic("more"))
    subscribe = await connection.asked(Subscribe)
    _is_new(connection, subscribe, used)
    await connection.grant(subscribe)
    await client.done(order)


@case(v311("2.3.1-2"), v5("2.2.1-3"), needs=("publish", "qos-2", "orders", "in-flight"))
async def an_identifier_is_in_use_until_pubcomp(client: Client) -> None:
    connection, open_ = await client.publishing(payload=b"open", qos=2)
    number = open_.packet_id or 0
    await connection.send(Pubrec(number))
    await connection.asked(Pubrel)
    for count in range(5):
        order = client.publish(payload=b"%d" % count, qos=2)
        publish = await connection.asked(Publish)
        _is_new(connection, publish, {number})
        await connection.acknowledge(publish)
        await client.done(order)


@case(v311("2.3.1-2"), v311("2.3.1-3"), v5("2.2.1-3"), needs=(*_MANY, "session"))
async def an_identifier_stays_in_use_over_a_broken_connection(client: Client) -> None:
    """What was open when the connection broke is open on the next one."""
    connection = await client.connected(stored=True)
    used: set[int] = set()
    for number in range(3):
        client.publish(payload=b"open %d" % number, qos=1)
        used.add(_is_new(connection, await connection.asked(Publish), used))
    connection.drop()
    again = await client.resumed()
    for _ in range(3):
        repeat = await again.maybe(Publish, lambda p: p.packet_id in used)
        if repeat is None:
            again.unprepared("what was open is not sent again", cause="sends nothing again")
    for number in range(3):
        client.publish(payload=b"new %d" % number, qos=1)
        publish = await again.asked(Publish, lambda p, wanted=b"new %d" % number: p.payload == wanted)
        used.add(_is_new(again, publish, used))
    client.subscribe(client.topic("more"))
    _is_new(again, await again.asked(Subscribe), used)


@case(v311("2.3.1-6"), v5("2.2.1-5"), needs=("publish", "qos-2"))
async def pubrel_has_the_identifier_of_its_publish(client: Client) -> None:
    connection, publish = await client.publishing(qos=2)
    await connection.send(Pubrec(publish.packet_id or 0))
    await connection.expect(Pubrel, packet_id=publish.packet_id, because="in answer to our PUBREC")


@case(v311("2.3.1-6"), v5("2.2.1-5"), needs=("subscribe", "qos-2"), rows={"1": 1, "256": 256, "65535": 65_535})
async def acknowledgements_have_the_identifier_of_their_publish(client: Client, number: int) -> None:
    connection = await client.subscribed(qos=2)
    await connection.send(Publish(client.topic(), b"x", 1, packet_id=number))
    await connection.expect(Puback, packet_id=number, because="in answer to our PUBLISH of QoS 1")
    await connection.send(Publish(client.topic(), b"x", 2, packet_id=number))
    await connection.expect(Pubrec, packet_id=number, because="in answer to our PUBLISH of QoS 2")
    await connection.send(Pubrel(number))
    await connection.expect(Pubcomp, packet_id=number, because="in answer to our PUBREL")
