"""Flow control: MQTT 5.0 section 4.9, and Receive Maximum in section 3.3.4."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5
from testbed.findings import Inconclusive
from testbed.mqtt.broker import Broker
from testbed.mqtt.codec import describe
from testbed.mqtt.packets import (
    Pingreq,
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
from testbed.mqtt.properties import Property
from testbed.mqtt.reasons import Reason
from testbed.mqtt.scripted_client import Client

RECEIVE_MAXIMUM = Property.RECEIVE_MAXIMUM
LIMITS = {"Receive Maximum 1": 1, "Receive Maximum 2": 2, "Receive Maximum 10": 10}


async def _subscriber(broker: Broker, limit: int, qos: int) -> Client:
    client = await broker.connected(properties={RECEIVE_MAXIMUM: limit})
    await client.subscribed(broker.topic(), qos=qos)
    return client


async def _publish(broker: Broker, count: int, qos: int) -> None:
    publisher = await broker.connected()
    for number in range(count):
        await publisher.published(broker.topic(), b"%d" % number, qos=qos)


async def _held(client: Client, limit: int) -> list[Publish]:
    """What the broker sends while nothing is acknowledged: a message at least, `limit` at most."""
    held = await client.all_messages(accept=False)
    if not held:
        client.violated("a message: the send quota is not zero at the start", "nothing, though the broker answers")
    _within(client, held, limit)
    return held


def _taken(client: Client) -> list[Publish]:
    """The messages that wait in the inbox."""
    found: list[Publish] = []
    while (message := client.take(Publish)) is not None:
        found.append(message)
    return found


def _within(client: Client, held: list[Publish], limit: int) -> None:
    if len(held) > limit:
        came = f"{len(held)} unacknowledged messages, the last {describe(held[-1])}"
        client.violated(f"at most {limit} unacknowledged messages, the Receive Maximum of the client", came)


@case(v5("3.3.4-9"), v5("4.9.0-1"), v5("4.9.0-2"), needs=("qos-1",), rows=LIMITS)
async def no_more_qos_1_than_the_receive_maximum_is_in_flight(broker: Broker, limit: int) -> None:
    """Neither at the start nor while PUBACKs, one by one, give quota back."""
    client = await _subscriber(broker, limit, 1)
    await _publish(broker, limit + 3, 1)
    held = await _held(client, limit)
    seen = len(held)
    while held:
        await client.send(Puback(held.pop(0).packet_id or 0))
        if seen < limit + 3:
            message = await client.maybe(Publish)
            if message is None:
                client.unprepared("a PUBACK gives quota back, so a further message was to come")
            held.append(message)
        await client.settled()
        held += _taken(client)
        seen = len({packet.payload for _, packet in client.received if isinstance(packet, Publish)})
        _within(client, held, limit)


@case(v5("3.3.4-9"), v5("4.9.0-1"), v5("4.9.0-2"), needs=("qos-2",), rows=LIMITS)
async def no_more_qos_2_than_the_receive_maximum_is_in_flight(broker: Broker, limit: int) -> None:
    """PUBREC of success gives no quota back, PUBCOMP does."""
    client = await _subscriber(broker, limit, 2)
    await _publish(broker, limit + 2, 2)
    held = await _held(client, limit)
    number = held[0].packet_id or 0
    await client.send(Pubrec(number))
    if await client.maybe(Pubrel, lambda p: p.packet_id == number) is None:
        client.unprepared("PUBREC was not answered by PUBREL")
    held += await client.all_messages(accept=False)
    _within(client, held, limit)
    await client.send(Pubcomp(number))
    held = held[1:] + await client.all_messages(accept=False)
    _within(client, held, limit)


@case(v5("4.5.0-1"), needs=("qos-2",), rows={"QoS 1": 1, "QoS 2": 2})
async def every_message_comes_as_quota_is_given_back(broker: Broker, qos: int) -> None:
    """What waits for quota is part of the session; none of it is lost."""
    client = await _subscriber(broker, 1, qos)
    await _publish(broker, 5, qos)
    for number in range(5):
        await client.message(broker.topic(), payload=b"%d" % number, because="as the one before it is acknowledged")


@case(v5("3.3.4-9"), v5("4.9.0-2"), needs=("qos-1", "qos-2"))
async def both_qos_share_one_receive_maximum(broker: Broker) -> None:
    client = await _subscriber(broker, 2, 2)
    publisher = await broker.connected()
    for number, qos in enumerate((1, 2, 1, 2)):
        await publisher.published(broker.topic(), b"%d" % number, qos=qos)
    await _held(client, 2)


@case(v5("4.4.0-2"), needs=("qos-2",))
async def a_pubrec_that_refuses_gives_quota_back(broker: Broker) -> None:
    client = await _subscriber(broker, 1, 2)
    await _publish(broker, 2, 2)
    held = await _held(client, 1)
    await client.send(Pubrec(held[0].packet_id or 0, Reason.UNSPECIFIED_ERROR))
    await client.message(broker.topic(), payload=b"1", because="as a PUBREC of 0x80 or more ends the one before")


@case(v5("4.4.0-2"), needs=("qos-1",))
async def a_puback_that_refuses_gives_quota_back(broker: Broker) -> None:
    client = await _subscriber(broker, 1, 1)
    await _publish(broker, 2, 1)
    held = await _held(client, 1)
    await client.send(Puback(held[0].packet_id or 0, Reason.UNSPECIFIED_ERROR))
    await client.message(broker.topic(), payload=b"1", because="as a PUBACK of 0x80 or more ends the one before")


async def _at_quota_zero(broker: Broker) -> Client:
    """A client with Receive Maximum 1 that holds one message, with another waiting in the broker."""
    client = await _subscriber(broker, 1, 1)
    await _publish(broker, 2, 1)
    if await client.maybe(Publish) is None:
        client.unprepared("a message with QoS 1 was to be delivered")
    return client


@case(v5("3.3.4-10"), v5("4.9.0-3"), needs=("qos-1",))
async def pingreq_is_answered_at_quota_zero(broker: Broker) -> None:
    client = await _at_quota_zero(broker)
    await client.send(Pingreq())
    await client.expect(Pingresp, because="though the send quota is zero")


@case(v5("3.3.4-10"), v5("4.9.0-3"), needs=("qos-1",))
async def subscribe_and_unsubscribe_are_answered_at_quota_zero(broker: Broker) -> None:
    client = await _at_quota_zero(broker)
    number = client.next_id()
    await client.send(Subscribe(number, (Subscription(broker.topic("other")),)))
    await client.expect(Suback, packet_id=number, because="though the send quota is zero")
    number = client.next_id()
    await client.send(Unsubscribe(number, (broker.topic("other"),)))
    await client.expect(Unsuback, packet_id=number, because="though the send quota is zero")


@case(v5("3.3.4-10"), v5("4.9.0-3"), needs=("qos-1",))
async def a_publish_is_acknowledged_at_quota_zero(broker: Broker) -> None:
    client = await _at_quota_zero(broker)
    number = client.next_id()
    await client.send(Publish(broker.topic("own"), b"x", 1, packet_id=number))
    await client.expect(Puback, packet_id=number, because="though the send quota of the broker is zero")


@case(v5("3.3.4-10"), v5("4.9.0-3"), needs=("qos-1", "qos-2"))
async def a_qos_2_handshake_is_carried_through_at_quota_zero(broker: Broker) -> None:
    client = await _at_quota_zero(broker)
    number = client.next_id()
    await client.send(Publish(broker.topic("own"), b"x", 2, packet_id=number))
    await client.expect(Pubrec, packet_id=number, because="though the send quota of the broker is zero")
    await client.send(Pubrel(number))
    await client.expect(Pubcomp, packet_id=number, because="though the send quota of the broker is zero")


@case(v5("3.3.4-9"), v5("4.9.0-1"), v5("4.9.0-2"), needs=("qos-1", "session-expiry"))
async def stored_messages_respect_the_receive_maximum_of_the_new_connection(broker: Broker) -> None:
    name = broker.client_id("stored")
    client = await broker.connected(name, stored=True)
    await client.subscribed(broker.topic(), qos=1)
    await client.disconnect()
    await _publish(broker, 4, 1)
    again = await broker.connected(name, stored=True, properties={RECEIVE_MAXIMUM: 2})
    held = await _held(again, 2)
    for message in held:
        await again.accept(message)
    await _held(again, 2)


@case(v5("4.13.1-1"), needs=("qos-2", "receive-limit"))
async def more_than_the_brokers_receive_maximum_is_not_accepted(broker: Broker) -> None:
    """Section 3.3.4: messages without PUBREL stay unacknowledged. One above the limit ends the connection (0x93);
    a PUBREC that refuses it is taken as well, a PUBREC of success is not."""
    client = await broker.connected()
    limit = client.announced(RECEIVE_MAXIMUM, 65_535)
    for number in range(1, limit + 1):
        await client.send(Publish(broker.topic(), b"x", 2, packet_id=number))
        answer = await client.maybe(Pubrec, lambda p, n=number: p.packet_id == n)
        if answer is None:
            client.unprepared(f"message {number} of {limit} that the Receive Maximum allows was not acknowledged")
        if answer.code >= 0x80:
            raise Inconclusive(f"message {number} was refused: {describe(answer)}")
    await client.send(Publish(broker.topic(), b"x", 2, packet_id=limit + 1))
    answer = await client.maybe(Pubrec)
    if answer is not None and answer.code >= 0x80:
        return
    if answer is not None:
        client.violated(f"message {limit + 1} not accepted where {limit} may be unacknowledged", describe(answer))
    await client.is_closed_by_broker(because=f"after {limit + 1} messages where it receives {limit} at a time")
