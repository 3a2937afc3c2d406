"""Message delivery retry: MQTT 3.1.1 and 5.0, section 4.4. A connection is lost in the middle of a handshake, and the
client resumes its session."""

from __future__ import annotations

import asyncio

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.client import Client
from testbed.mqtt.codec import describe
from testbed.mqtt.packets import Puback, Pubcomp, Publish, Pubrec, Pubrel
from testbed.mqtt.properties import Property
from testbed.mqtt.scripted_broker import Connection

#: Seconds in which a client that repeats itself on an open connection would do so; the parameter `retry-window`
#: widens it.
RETRY = 3.0
_QOS_1 = ("publish", "qos-1", "session", "orders")
_QOS_2 = ("publish", "qos-2", "session", "orders")


async def _released(client: Client, *, stored: bool = True) -> tuple[Connection, int]:
    """Set-up: a message of QoS 2 whose PUBREL came, and whose PUBCOMP does not."""
    connection, publish = await client.publishing(qos=2, stored=stored)
    number = publish.packet_id or 0
    await connection.send(Pubrec(number))
    await connection.asked(Pubrel, lambda p: p.packet_id == number)
    return connection, number


async def _in_flight(client: Client, connection: Connection, qos: int, *payloads: bytes) -> list[Publish]:
    """Set-up: one message after the other, none acknowledged."""
    sent: list[Publish] = []
    for payload in payloads:
        client.publish(payload=payload, qos=qos)
        sent.append(await connection.asked(Publish, lambda p, wanted=payload: p.payload == wanted))
    return sent


# -- the client repeats what is open


@case(
    v311("4.4.0-1"),
    v311("4.3.2-1"),
    v311("2.3.1-3"),
    v5("4.4.0-1"),
    v5("4.3.2-3"),
    needs=_QOS_1,
)
async def a_qos_1_message_without_puback_is_sent_again_with_its_identifier(client: Client) -> None:
    connection, first = await client.publishing(payload=b"once", qos=1, stored=True)
    connection.drop()
    again = await client.resumed()
    await again.expect(Publish, topic=first.topic, qos=1, payload=b"once", packet_id=first.packet_id)


@case(
    v311("4.4.0-1"),
    v311("4.3.3-1"),
    v311("2.3.1-3"),
    v5("4.4.0-1"),
    v5("4.3.3-3"),
    needs=_QOS_2,
)
async def a_qos_2_message_without_pubrec_is_sent_again_with_its_identifier(client: Client) -> None:
    connection, first = await client.publishing(payload=b"once", qos=2, stored=True)
    connection.drop()
    again = await client.resumed()
    await again.expect(Publish, topic=first.topic, qos=2, payload=b"once", packet_id=first.packet_id)


@case(v311("3.3.1-1"), v5("3.3.1-1"), needs=_QOS_1)
async def a_qos_1_message_is_sent_again_with_dup_1(client: Client) -> None:
    connection, first = await client.publishing(qos=1, stored=True)
    connection.drop()
    again = await client.resumed()
    repeat = await again.asked(Publish, lambda p: p.packet_id == first.packet_id)
    if not repeat.dup:
        again.violated("DUP 1 in a PUBLISH that is sent again", describe(repeat))


@case(v311("3.3.1-1"), v5("3.3.1-1"), needs=_QOS_2)
async def a_qos_2_message_is_sent_again_with_dup_1(client: Client) -> None:
    connection, first = await client.publishing(qos=2, stored=True)
    connection.drop()
    again = await client.resumed()
    repeat = await again.asked(Publish, lambda p: p.packet_id == first.packet_id)
    if not repeat.dup:
        again.violated("DUP 1 in a PUBLISH that is sent again", describe(repeat))


@case(v5("4.4.0-1"), needs=(*_QOS_1, "properties"))
async def a_message_is_sent_again_as_it_was(client: Client) -> None:
    """Its RETAIN flag, its payload and its properties."""
    told = {Property.CONTENT_TYPE: "text/plain", Property.USER_PROPERTY: [("a", "1"), ("b", "2")]}
    connection, first = await client.publishing(
        payload=bytes(range(256)), qos=1, retain=True, properties=told, stored=True
    )
    connection.drop()
    again = await client.resumed()
    repeat = await again.asked(Publish, lambda p: p.packet_id == first.packet_id)
    for field in ("topic", "payload", "qos", "retain", "properties"):
        if getattr(repeat, field) != getattr(first, field):
            again.violated(f"the PUBLISH as it was: {describe(first)}", describe(repeat))


@case(v311("4.4.0-1"), v5("4.4.0-1"), needs=_QOS_1)
async def a_message_lost_twice_is_sent_a_third_time(client: Client) -> None:
    connection, first = await client.publishing(payload=b"once", qos=1, stored=True)
    for _ in range(2):
        connection.drop()
        connection = await client.resumed()
        await connection.expect(Publish, payload=b"once", packet_id=first.packet_id)


@case(v311("4.4.0-1"), v311("4.3.3-1"), v5("4.4.0-1"), v5("4.3.3-5"), needs=_QOS_2)
async def a_pubrel_without_pubcomp_is_sent_again_with_its_identifier(client: Client) -> None:
    connection, number = await _released(client)
    connection.drop()
    again = await client.resumed()
    await again.expect(Pubrel, packet_id=number, because="again, as our PUBCOMP never came")


@case(v311("4.4.0-1"), v5("4.4.0-1"), v5("4.3.3-5"), needs=_QOS_2)
async def a_pubrel_lost_twice_is_sent_a_third_time(client: Client) -> None:
    connection, number = await _released(client)
    for _ in range(2):
        connection.drop()
        connection = await client.resumed()
        await connection.expect(Pubrel, packet_id=number, because="again, as our PUBCOMP never came")


@case(v311("4.3.3-1"), v5("4.3.3-4"), needs=_QOS_2)
async def a_message_that_is_sent_again_is_released_by_its_second_pubrec(client: Client) -> None:
    connection, first = await client.publishing(payload=b"once", qos=2, stored=True)
    connection.drop()
    again = await client.resumed()
    await again.asked(Publish, lambda p: p.packet_id == first.packet_id)
    await again.send(Pubrec(first.packet_id or 0))
    await again.expect(Pubrel, packet_id=first.packet_id, because="in answer to our PUBREC")


@case(v311("4.6.0-1"), v5("4.6.0-1"), needs=(*_QOS_1, "in-flight"), rows={"QoS 1": 1, "QoS 2": 2})
async def messages_are_sent_again_in_their_order(client: Client, qos: int) -> None:
    """Nine: fewer come in order by chance from a store that knows none."""
    connection = await client.connected(stored=True)
    first = await _in_flight(client, connection, qos, *(b"%d" % number for number in range(1, 10)))
    connection.drop()
    again = await client.resumed()
    for expected in first:
        repeat = await again.maybe(Publish)
        if repeat is None:
            again.unprepared(f"the client sends {expected.payload!r} not again", cause="sends nothing again")
        if repeat.payload != expected.payload:
            again.violated(f"{expected.payload!r} before those sent after it", describe(repeat))
        # Some clients wait for the acknowledgement of one before they repeat the next.
        await again.acknowledge(repeat)


@case(v311("4.4.0-1"), v5("4.4.0-1"), needs=(*_QOS_2, "in-flight"))
async def publish_and_pubrel_are_both_sent_again(client: Client) -> None:
    connection, number = await _released(client)
    (open_,) = await _in_flight(client, connection, 2, b"open")
    connection.drop()
    again = await client.resumed()
    for _ in range(2):
        packet = await again.maybe((Publish, Pubrel), lambda p: p.packet_id in (number, open_.packet_id))
        if packet is None:
            again.violated(f"PUBREL {number} and PUBLISH {open_.packet_id} sent again")
        if isinstance(packet, Publish) and packet.packet_id == number:
            again.violated(f"no PUBLISH {number}, which is released", describe(packet))
        await again.send(Pubrec(packet.packet_id or 0) if isinstance(packet, Publish) else Pubcomp(packet.packet_id))


# -- and not what is over


async def _has_heard(client: Client, connection: Connection) -> None:
    """Set-up: the client has read our acknowledgement. It says so by its reply; what it sends of its own may have
    crossed ours on the way."""
    if client.told is None or await client.reply(client.told) is None:
        await connection.settled()


@case(v5("4.4.0-1"), needs=_QOS_1)
async def a_qos_1_message_with_puback_is_not_sent_again(client: Client) -> None:
    connection, first = await client.publishing(payload=b"over", qos=1, stored=True)
    await connection.acknowledge(first)
    await _has_heard(client, connection)
    connection.drop()
    again = await client.resumed()
    await again.receives_no(Publish, lambda p: p.payload == b"over", because="after its PUBACK")


@case(v5("4.4.0-1"), v5("4.3.3-6"), needs=_QOS_2)
async def a_qos_2_message_with_pubcomp_is_not_sent_again(client: Client) -> None:
    connection, first = await client.publishing(payload=b"over", qos=2, stored=True)
    await connection.acknowledge(first)
    await _has_heard(client, connection)
    connection.drop()
    again = await client.resumed()
    over = (Publish, Pubrel)
    await again.receives_no(over, lambda p: p.packet_id == first.packet_id, because="after its PUBCOMP")


@case(v5("4.4.0-2"), needs=_QOS_1, rows={"0x80": 0x80, "0x97": 0x97})
async def a_message_refused_by_puback_is_not_sent_again(client: Client, code: int) -> None:
    connection, first = await client.publishing(payload=b"refused", qos=1, stored=True)
    await connection.send(Puback(first.packet_id or 0, code))
    await _has_heard(client, connection)
    connection.drop()
    again = await client.resumed()
    await again.receives_no(Publish, lambda p: p.payload == b"refused", because=f"after PUBACK 0x{code:02X}")


@case(v5("4.4.0-2"), needs=_QOS_2, lasts=2.0, rows={"0x80": 0x80, "0x97": 0x97})
async def a_message_refused_by_pubrec_is_not_sent_again(client: Client, code: int) -> None:
    connection, first = await client.publishing(payload=b"refused", qos=2, stored=True)
    await connection.send(Pubrec(first.packet_id or 0, code))
    await _has_heard(client, connection)
    connection.drop()
    again = await client.resumed()
    await again.receives_no(Publish, lambda p: p.payload == b"refused", because=f"after PUBREC 0x{code:02X}")


@case(v5("4.4.0-1"), needs=("publish", "qos-1", "orders"), lasts=RETRY)
async def nothing_is_sent_again_on_the_same_connection(client: Client) -> None:
    """A message without its acknowledgement waits for the next connection, whatever the time."""
    connection, first = await client.publishing(qos=1)
    await connection.receives_no(
        Publish,
        lambda p: p.packet_id == first.packet_id,
        for_=float(client.parameter("retry-window", RETRY)),
        because="again on the connection that carried it",
    )


@case(v5("4.4.0-1"), needs=("publish", "qos-2", "orders", "in-flight"), lasts=RETRY)
async def neither_publish_nor_pubrel_of_qos_2_is_sent_again_on_the_same_connection(client: Client) -> None:
    connection, number = await _released(client, stored=False)
    (open_,) = await _in_flight(client, connection, 2, b"open")
    await connection.receives_no(
        (Publish, Pubrel),
        lambda p: p.packet_id in (number, open_.packet_id),
        for_=float(client.parameter("retry-window", RETRY)),
        because="again on the connection that carried it",
    )


@case(v5("4.3.3-7"), needs=(*_QOS_2, "properties"), lasts=1.3)
async def a_qos_2_message_once_sent_does_not_expire(client: Client) -> None:
    told = {Property.MESSAGE_EXPIRY_INTERVAL: 1}
    connection, first = await client.publishing(payload=b"once", qos=2, properties=told, stored=True)
    connection.drop()
    await asyncio.sleep(1.3)
    again = await client.resumed()
    await again.expect(Publish, packet_id=first.packet_id, because="though its expiry interval passed")
