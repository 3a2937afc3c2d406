"""Flow control, the client sends: MQTT 5.0 section 4.9, and the server's Receive Maximum in section 3.3.4."""

from __future__ import annotations

from typing import Any

from harness.case import case
from suites.mqtt import v5
from testbed.findings import Inconclusive
from testbed.mqtt.client import Client
from testbed.mqtt.codec import describe
from testbed.mqtt.control import Order
from testbed.mqtt.packets import (
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Subscribe,
    Unsubscribe,
)
from testbed.mqtt.properties import Property
from testbed.mqtt.scripted_broker import Connection

LIMITS = {"Receive Maximum 1": 1, "Receive Maximum 2": 2, "Receive Maximum 10": 10}
#: Messages that it is told to publish at once.
MANY = 12
_QOS_1 = ("publish", "subscribe", "qos-1", "orders", "in-flight")
_QOS_2 = (*_QOS_1, "qos-2")


async def _limited(client: Client, limit: int, **options: Any) -> Connection:
    """A connection on which the server receives `limit` messages at a time. It is subscribed with QoS 1, so that it
    can show that it lives without a PUBLISH of its own."""
    return await client.subscribed(client.topic("life"), qos=1, connack={Property.RECEIVE_MAXIMUM: limit}, **options)


def _publish(client: Client, count: int, *qos: int) -> list[Order]:
    """Tell it to publish `count` messages, numbered in their payloads, with the given QoS values in turn."""
    return [client.publish(payload=b"%d" % number, qos=qos[number % len(qos)]) for number in range(count)]


async def _refuses_some(client: Client, orders: list[Order]) -> bool:
    """Whether it says of one that it does not carry it out."""
    replies = [await client.reply(order, within=0.0) for order in orders]
    return any(reply is not None and not reply.ok for reply in replies)


async def _held(client: Client, connection: Connection, limit: int, orders: list[Order]) -> list[Publish]:
    """What comes while nothing is acknowledged: a message at least, `limit` at most."""
    held: list[Publish] = []
    while (publish := await connection.maybe(Publish, within=_pause(connection, held, limit))) is not None:
        held.append(publish)
        _within(connection, held, limit)
    if not held:
        await connection.settled()
        if await _refuses_some(client, orders):
            connection.unprepared("the client was told to publish, and refuses")
        connection.violated("a PUBLISH: the send quota is not zero at the start", "nothing, though the client lives")
    await _lives(connection, held, limit)
    return held


def _pause(connection: Connection, held: list[Publish], limit: int) -> float:
    """The full quiet window where one more would be one too many; patience for the first."""
    if not held:
        return connection.trial.patience
    return connection.trial.quiet if len(held) >= limit else 2 * connection.trial.quiet


async def _lives(connection: Connection, held: list[Publish], limit: int) -> None:
    await connection.settled()
    while (publish := connection.take(Publish)) is not None:
        held.append(publish)
    _within(connection, held, limit)


def _within(connection: Connection, held: list[Publish], limit: int) -> None:
    if len(held) > limit:
        came = f"{len(held)} unacknowledged messages, the last {describe(held[-1])}"
        connection.violated(f"at most {limit} unacknowledged messages, the Receive Maximum of the server", came)


# -- never more than the server takes


@case(v5("3.3.4-7"), v5("4.9.0-1"), v5("4.9.0-2"), needs=_QOS_1, rows=LIMITS)
async def no_more_qos_1_than_the_receive_maximum_is_in_flight(client: Client, limit: int) -> None:
    """Neither at the start nor while PUBACKs, one by one, give quota back, until all have come but those that the
    client refuses for want of quota."""
    connection = await _limited(client, limit)
    orders = _publish(client, MANY, 1)
    held = await _held(client, connection, limit, orders)
    seen = len(held)
    while held:
        await connection.send(Puback(held.pop(0).packet_id or 0))
        if seen < MANY and not held:
            publish = await connection.maybe(Publish)
            if publish is None and await _refuses_some(client, orders):
                return
            if publish is None:
                connection.unprepared("a PUBACK gives quota back, so a further message was to come")
            held.append(publish)
        await _lives(connection, held, limit)
        seen = len({packet.payload for _, packet in connection.received if isinstance(packet, Publish)})


@case(v5("3.3.4-7"), v5("4.9.0-1"), v5("4.9.0-2"), needs=_QOS_2, rows=LIMITS)
async def no_more_qos_2_than_the_receive_maximum_is_in_flight(client: Client, limit: int) -> None:
    """PUBREC of success gives no quota back, PUBCOMP does."""
    connection = await _limited(client, limit)
    orders = _publish(client, MANY, 2)
    held = await _held(client, connection, limit, orders)
    number = held[0].packet_id or 0
    await connection.send(Pubrec(number))
    await connection.asked(Pubrel, lambda p: p.packet_id == number)
    extra = await connection.maybe(Publish, within=connection.trial.quiet)
    if extra is not None:
        _within(connection, [*held, extra], limit)
        held.append(extra)
    await _lives(connection, held, limit)
    await connection.send(Pubcomp(number))
    del held[0]
    while (publish := await connection.maybe(Publish, within=connection.trial.quiet)) is not None:
        held.append(publish)
        _within(connection, held, limit)


@case(v5("3.3.4-7"), v5("4.9.0-2"), needs=_QOS_2)
async def both_qos_share_one_receive_maximum(client: Client) -> None:
    connection = await _limited(client, 2)
    orders = _publish(client, 6, 1, 2)
    await _held(client, connection, 2, orders)


# -- what gives quota back


async def _first_of_two(client: Client, qos: int) -> tuple[Connection, Publish]:
    """Set-up: the client was told to publish two messages, and holds the second back for want of quota."""
    connection = await _limited(client, 1)
    _, second = _publish(client, 2, qos)
    first = await connection.asked(Publish, lambda p: p.payload == b"0")
    if await connection.maybe(Publish, within=connection.trial.quiet) is not None:
        raise Inconclusive("the client does not hold back what there is no quota for", cause="no flow control")
    if (reply := await client.reply(second, within=0.0)) is not None:
        raise Inconclusive(f"the client does not keep what there is no quota for: {reply.error}", cause="no queue")
    return connection, first


@case(v5("4.4.0-2"), needs=_QOS_1, rows={"0x80": 0x80, "0x97": 0x97})
async def a_puback_that_refuses_gives_quota_back(client: Client, code: int) -> None:
    connection, first = await _first_of_two(client, 1)
    await connection.send(Puback(first.packet_id or 0, code))
    await connection.expect(Publish, payload=b"1", because=f"as PUBACK 0x{code:02X} gives quota back")


@case(v5("4.4.0-2"), needs=_QOS_2, rows={"0x80": 0x80, "0x97": 0x97})
async def a_pubrec_that_refuses_gives_quota_back(client: Client, code: int) -> None:
    connection, first = await _first_of_two(client, 2)
    await connection.send(Pubrec(first.packet_id or 0, code))
    await connection.expect(Publish, payload=b"1", because=f"as PUBREC 0x{code:02X} gives quota back")


# -- what quota zero does not delay


async def _at_quota_zero(client: Client) -> Connection:
    connection = await _limited(client, 1)
    client.publish(payload=b"open", qos=1)
    await connection.asked(Publish)
    return connection


@case(v5("3.3.4-8"), v5("4.9.0-3"), needs=_QOS_1)
async def subscribe_is_sent_at_quota_zero(client: Client) -> None:
    connection = await _at_quota_zero(client)
    client.subscribe(client.topic("more"))
    await connection.expect(Subscribe, because="though the send quota is zero")


@case(v5("3.3.4-8"), v5("4.9.0-3"), needs=_QOS_1)
async def unsubscribe_is_sent_at_quota_zero(client: Client) -> None:
    connection = await _at_quota_zero(client)
    client.unsubscribe(client.topic("life"))
    await connection.expect(Unsubscribe, because="though the send quota is zero")


@case(v5("3.3.4-8"), v5("4.9.0-3"), needs=_QOS_1)
async def a_message_is_acknowledged_at_quota_zero(client: Client) -> None:
    connection = await _at_quota_zero(client)
    await connection.send(Publish(client.topic("life"), b"x", 1, packet_id=4711))
    await connection.expect(Puback, packet_id=4711, because="though the send quota of the client is zero")


@case(v5("3.3.4-8"), v5("4.9.0-3"), needs=_QOS_2)
async def a_qos_2_message_is_received_at_quota_zero(client: Client) -> None:
    connection = await client.subscribed(client.topic("life"), qos=2, connack={Property.RECEIVE_MAXIMUM: 1})
    client.publish(payload=b"open", qos=1)
    await connection.asked(Publish)
    await connection.send(Publish(client.topic("life"), b"x", 2, packet_id=4711))
    await connection.expect(Pubrec, packet_id=4711, because="though the send quota of the client is zero")
    await connection.send(Pubrel(4711))
    await connection.expect(Pubcomp, packet_id=4711, because="though the send quota of the client is zero")


@case(v5("3.3.4-8"), v5("4.9.0-3"), needs=_QOS_2)
async def pubrel_is_sent_at_quota_zero(client: Client) -> None:
    connection = await _limited(client, 1)
    client.publish(payload=b"open", qos=2)
    publish = await connection.asked(Publish)
    await connection.send(Pubrec(publish.packet_id or 0))
    await connection.expect(Pubrel, packet_id=publish.packet_id, because="though the send quota is zero")


# -- over a broken connection


@case(v5("3.3.4-7"), v5("4.9.0-1"), v5("4.9.0-2"), needs=(*_QOS_1, "session"))
async def what_is_sent_again_respects_the_receive_maximum_of_the_new_connection(client: Client) -> None:
    connection = await _limited(client, 10, stored=True)
    orders = _publish(client, 4, 1)
    for _ in range(4):
        await connection.asked(Publish)
    connection.drop()
    again = await client.resumed(connack={Property.RECEIVE_MAXIMUM: 2})
    await _held(client, again, 2, orders)


@case(v5("4.9.0-2"), v5("4.9.0-1"), needs=(*_QOS_2, "session"))
async def pubcomp_for_a_pubrel_sent_again_raises_no_quota_above_its_start(client: Client) -> None:
    """PUBREL takes no quota on the new connection, so its PUBCOMP gives none back."""
    connection = await _limited(client, 1, stored=True)
    client.publish(payload=b"released", qos=2)
    publish = await connection.asked(Publish)
    await connection.send(Pubrec(publish.packet_id or 0))
    await connection.asked(Pubrel)
    connection.drop()
    again = await client.resumed(connack={Property.RECEIVE_MAXIMUM: 1})
    await again.asked(Pubrel)
    await again.send(Pubcomp(publish.packet_id or 0))
    await again.settled()
    orders = _publish(client, 3, 1)
    await _held(client, again, 1, orders)
