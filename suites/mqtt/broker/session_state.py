"""What a session holds for a client that is away: MQTT 3.1.1 sections 3.1.2.4 and 4.1, MQTT 5.0 sections 3.1.2.4,
3.1.2.11.2 and 4.1: its subscriptions, messages not yet sent, and handshakes not yet complete.
"""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.broker import Broker
from testbed.mqtt.codec import describe
from testbed.mqtt.packets import Pubcomp, Publish, Pubrec, Pubrel
from testbed.mqtt.scripted_client import Client

_QOS_1 = ("session-expiry", "qos-1")
_QOS_2 = ("session-expiry", "qos-2")


async def _away(broker: Broker, topic: str, qos: int) -> str:
    """The id of a client that subscribed to `topic` in a session that is kept, and left."""
    client = await broker.subscriber(topic, qos=qos, stored=True)
    await client.disconnect()
    return client.id


async def _gets(client: Client, topic: str, payloads: list[bytes], qos: int) -> None:
    """Exactly these messages, in any order and acknowledged; QoS 1 may repeat them."""
    missing = list(payloads)
    while missing:
        packet = await client.message(topic, because=f"that was kept: {len(missing)} of {len(payloads)} are missing")
        if packet.payload not in payloads or packet.qos != qos:
            client.violated(f"the messages kept for it, at QoS {qos}", describe(packet))
        if packet.payload in missing:
            missing.remove(packet.payload)
        elif qos == 2:
            client.violated("each message once", describe(packet))


@case(v311("3.1.2-4"), v311("3.1.4-3"), v5("3.1.2-5"), v5("3.1.4-4"), needs=("session-expiry",))
async def a_resumed_session_has_its_subscriptions(broker: Broker) -> None:
    topic = broker.topic()
    back = await broker.resumed(await _away(broker, topic, 0))
    other = await broker.connected()
    await other.published(topic, b"after the return")
    await back.message(topic, payload=b"after the return", because="without subscribing again")


@case(v311("3.1.2-4"), v5("3.1.2-5"), needs=("session-expiry",))
async def a_resumed_session_has_only_the_subscriptions_it_kept(broker: Broker) -> None:
    """What was unsubscribed before the client left stays unsubscribed."""
    gone, kept = broker.topic("gone"), broker.topic("kept")
    client = await broker.subscriber(gone, kept, stored=True)
    await client.unsubscribed(gone)
    await client.disconnect()
    back = await broker.resumed(client.id)
    other = await broker.connected()
    await other.published(gone, b"to nobody")
    await other.published(kept, b"to the client")
    packet = await back.expect(
        Publish, lambda p: p.topic in (gone, kept), because="on the subscription that was kept"
    )
    if packet.topic != kept:
        back.violated(f"only messages on {kept}", describe(packet))


@case(v311("3.1.2-5"), v311("4.1.0-1"), v5("3.1.2-5"), v5("3.1.2-23"), needs=_QOS_1)
async def qos_1_messages_are_stored_for_a_client_that_is_away(broker: Broker) -> None:
    await _stores(broker, 1)


@case(v311("3.1.2-5"), v311("4.1.0-1"), v5("3.1.2-5"), v5("3.1.2-23"), needs=_QOS_2)
async def qos_2_messages_are_stored_for_a_client_that_is_away(broker: Broker) -> None:
    await _stores(broker, 2)


async def _stores(broker: Broker, qos: int) -> None:
    topic = broker.topic()
    id = await _away(broker, topic, qos)
    payloads = [b"first", b"second", b"third"]
    other = await broker.connected()
    for payload in payloads:
        await other.published(topic, payload, qos=qos)
    await _gets(await broker.resumed(id), topic, payloads, qos)


@case(v311("3.1.2-5"), v5("3.1.2-5"), v5("3.1.2-23"), needs=_QOS_1)
async def messages_are_stored_for_a_client_whose_connection_broke(broker: Broker) -> None:
    topic = broker.topic()
    client = await broker.subscriber(topic, qos=1, stored=True)
    client.drop()
    other = await broker.connected()
    await other.published(topic, b"for later", qos=1)
    await _gets(await broker.resumed(client.id), topic, [b"for later"], 1)


@case(v311("4.1.0-1"), v5("3.1.2-23"), v5("3.1.2-5"), needs=_QOS_1)
async def a_qos_1_message_without_puback_is_kept(broker: Broker) -> None:
    topic = broker.topic()
    client = await broker.subscriber(topic, qos=1, stored=True)
    other = await broker.connected()
    await other.published(topic, b"not acknowledged", qos=1)
    await _came(client, topic)
    client.drop()
    await _gets(await broker.resumed(client.id), topic, [b"not acknowledged"], 1)


@case(v311("4.1.0-1"), v5("3.1.2-23"), v5("3.1.2-5"), needs=_QOS_2)
async def a_qos_2_message_without_pubrec_is_kept(broker: Broker) -> None:
    topic = broker.topic()
    client = await broker.subscriber(topic, qos=2, stored=True)
    other = await broker.connected()
    await other.published(topic, b"not acknowledged", qos=2)
    await _came(client, topic)
    client.drop()
    await _gets(await broker.resumed(client.id), topic, [b"not acknowledged"], 2)


@case(v311("4.1.0-1"), v5("3.1.2-23"), v5("3.1.2-5"), needs=_QOS_2)
async def a_qos_2_message_without_pubcomp_is_released_again(broker: Broker) -> None:
    """After PUBREC only PUBREL is left to be said, in the new connection too."""
    topic = broker.topic()
    client = await broker.subscriber(topic, qos=2, stored=True)
    other = await broker.connected()
    await other.published(topic, b"half done", qos=2)
    number = (await _came(client, topic)).packet_id or 0
    await client.send(Pubrec(number))
    if await client.maybe(Pubrel, lambda p: p.packet_id == number) is None:
        client.unprepared("PUBREC was not answered by PUBREL")
    client.drop()
    back = await broker.resumed(client.id)
    await back.expect(Pubrel, lambda p: p.packet_id == number, because="for the handshake that was not complete")
    await back.send(Pubcomp(number))
    await back.is_alive()
    if again := back.take(Publish):
        back.violated("no PUBLISH for a message that PUBREC acknowledged", describe(again))


async def _came(client: Client, topic: str) -> Publish:
    """The message that is not going to be acknowledged."""
    packet = await client.maybe(Publish, lambda p: p.topic == topic)
    if packet is None:
        client.unprepared("the message did not come before the client left")
    return packet


@case(v311("4.1.0-1"), v5("3.1.2-23"), v5("3.1.2-5"), needs=_QOS_2)
async def a_qos_2_message_from_the_client_is_remembered_until_pubrel(broker: Broker) -> None:
    """The client got PUBREC, lost the connection and says PUBREL in the next: the message is delivered once."""
    topic = broker.topic()
    watcher = await broker.subscriber(topic, qos=2)
    client = await broker.subscriber(broker.topic("own"), qos=2, stored=True)
    await client.send(Publish(topic, b"once", 2, packet_id=7))
    if await client.maybe(Pubrec, lambda p: p.packet_id == 7) is None:
        client.unprepared("PUBLISH with QoS 2 was not acknowledged", cause="no answer to QoS 2")
    client.drop()
    back = await broker.resumed(client.id)
    await back.send(Publish(topic, b"once", 2, dup=True, packet_id=7))
    await back.expect(Pubrec, lambda p: p.packet_id == 7, because="to the PUBLISH sent again")
    await back.send(Pubrel(7))
    await back.expect(Pubcomp, lambda p: p.packet_id == 7, because="to PUBREL")
    await watcher.message(topic, payload=b"once")
    await watcher.receives_no(where=lambda p: p.topic == topic, because="again: QoS 2 is exactly once")


@case(v311("3.1.2-6"), v5("3.1.2-4"), v5("3.1.4-4"), v311("3.1.4-3"), needs=_QOS_1)
async def a_clean_start_discards_messages_and_subscriptions(broker: Broker) -> None:
    """What was stored does not come, nor does what is published now; a fresh subscription works."""
    old, new = broker.topic("old"), broker.topic("new")
    id = await _away(broker, old, 1)
    other = await broker.connected()
    await other.published(old, b"stored", qos=1)
    client = await broker.connected(id)
    await other.published(old, b"published now", qos=1)
    await client.subscribed(new, qos=1)
    await other.published(new, b"for the new session", qos=1)
    packet = await client.expect(
        Publish, lambda p: p.topic in (old, new), because="on the subscription of the new session"
    )
    if packet.topic != new:
        client.violated("nothing of the session that was discarded", describe(packet))
    await client.receives_no(where=lambda p: p.topic == old, because="of the session that was discarded")


@case(v311("3.1.2-7"), needs=("retain",))
async def retained_messages_outlive_the_session_that_published_them(broker: Broker) -> None:
    topic = broker.topic()
    client = await broker.connected()
    await client.published(topic, b"retained", retain=True)
    await client.disconnect()
    await broker.connected(client.id)
    reader = await broker.subscriber(topic)
    await reader.message(topic, payload=b"retained", retain=True)
    await reader.published(topic, b"", retain=True)
