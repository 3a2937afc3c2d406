"""UNSUBSCRIBE and UNSUBACK: MQTT 3.1.1 and 5.0, sections 3.10 and 3.11."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.findings import Inconclusive
from testbed.mqtt.broker import Broker
from testbed.mqtt.codec import describe, encode
from testbed.mqtt.packets import Puback, Pubcomp, Publish, Pubrec, Pubrel, Raw, Unsuback, Unsubscribe
from testbed.mqtt.properties import Property
from testbed.mqtt.reasons import ALLOWED, Reason
from testbed.mqtt.scripted_client import Client

#: First byte of a proper UNSUBSCRIBE.
FIRST = 0xA2


@case(
    v311("3.10.4-4"),
    v311("2.3.1-7"),
    v5("3.10.4-4"),
    v5("3.10.4-5"),
    v5("2.2.1-6"),
    rows={f"packet id {number}": number for number in (1, 2, 127, 128, 255, 256, 0x1234, 0xFFFF)},
)
async def unsuback_answers_with_the_packet_id_of_the_unsubscribe(broker: Broker, number: int) -> None:
    topic = broker.topic()
    client = await broker.subscriber(topic)
    await client.send(Unsubscribe(number, (topic,)))
    await client.expect(Unsuback, packet_id=number, because="to our UNSUBSCRIBE")


@case(v311("3.10.4-5"), v5("3.10.4-5"), rows={"never subscribed": False, "unsubscribed before": True})
async def unsubscribing_from_nothing_is_answered(broker: Broker, before: bool) -> None:
    topic = broker.topic()
    client = await broker.connected()
    if before:
        await client.subscribed(topic)
        await client.unsubscribed(topic)
    number = client.next_id()
    await client.send(Unsubscribe(number, (topic,)))
    await client.expect(Unsuback, packet_id=number, because="though there was nothing to unsubscribe from")


@case(
    v311("3.10.1-1"),
    v311("2.2.2-2"),
    v5("3.10.1-1"),
    v5("2.1.3-1"),
    rows={f"flags {flags:04b}": flags for flags in (0b0000, 0b0001, 0b0011, 0b0110, 0b1010, 0b1111)},
)
async def unsubscribe_with_reserved_flags_closes_the_connection(broker: Broker, flags: int) -> None:
    client = await _unsubscriber(broker)
    await client.send(Unsubscribe(client.next_id(), (broker.topic(),), flags=flags))
    await client.is_closed_by_broker(because=f"after an UNSUBSCRIBE with the flags {flags:04b}")


@case(v311("4.8.0-1"), v5("4.13.1-1"))
async def unsubscribe_without_a_filter_closes_the_connection(broker: Broker) -> None:
    client = await _unsubscriber(broker)
    await client.send(Unsubscribe(client.next_id(), ()))
    await client.is_closed_by_broker(because="after an UNSUBSCRIBE without a filter")


@case(v311("4.8.0-1"), v5("4.13.1-1"), rows={"filter cut short": b"\0\4abc", "half a length": b"\0"})
async def unsubscribe_that_ends_inside_a_field_closes_the_connection(broker: Broker, rest: bytes) -> None:
    client = await _unsubscriber(broker)
    whole = encode(Unsubscribe(client.next_id(), (broker.topic(),)), broker.version)
    await client.send(Raw(FIRST, whole[2:] + rest))
    await client.is_closed_by_broker(because="after an UNSUBSCRIBE that ends inside a field")


async def _unsubscriber(broker: Broker) -> Client:
    """A client that has two subscriptions and whose proper UNSUBSCRIBE from a third was answered."""
    client = await broker.subscriber(broker.topic("good"), broker.topic())
    await client.unsubscribed(broker.topic("good"))
    return client


@case(v311("3.10.4-1"), v311("3.10.4-2"), v5("3.10.4-1"), v5("3.10.4-2"))
async def after_unsuback_nothing_comes_any_more(broker: Broker) -> None:
    topic = broker.topic()
    client = await broker.subscriber(topic, broker.topic("kept"))
    publisher = await broker.connected()
    await publisher.published(topic, b"before")
    if await client.maybe(Publish) is None:
        client.unprepared("the message before the UNSUBSCRIBE did not come")
    await client.unsubscribed(topic)
    await publisher.published(topic, b"after")
    await publisher.published(broker.topic("kept"), b"x")
    await client.message(broker.topic("kept"), because="a subscription that we kept")
    await client.receives_no(because="on a filter we unsubscribed from")


@case(
    v311("3.10.4-1"),
    v311("3.10.4-2"),
    v5("3.10.4-1"),
    v5("3.10.4-2"),
    needs=("wildcards",),
    rows={"one level": "+", "all levels": "#", "in the middle": "a/+/b"},
)
async def a_filter_with_a_wildcard_can_be_unsubscribed(broker: Broker, name: str) -> None:
    topic = broker.topic("a/x/b") if "/" in name else broker.topic("x")
    client = await broker.subscriber(broker.topic(name))
    publisher = await broker.connected()
    await publisher.published(topic, b"before")
    if await client.maybe(Publish) is None:
        client.unprepared("the message before the UNSUBSCRIBE did not come")
    await client.unsubscribed(broker.topic(name))
    await publisher.published(topic, b"after")
    await client.receives_no(because="on a filter we unsubscribed from")


@case(
    v311("3.10.4-1"),
    v5("3.10.4-1"),
    needs=("wildcards",),
    rows={
        "a name it matches": ("a/+", "a/b"),
        "a wider filter": ("a/b", "a/+"),
        "the widest filter": ("a/b", "#"),
        "another wildcard": ("a/+", "a/#"),
        "upper case": ("a/b", "A/b"),
        "slash behind": ("a/b", "a/b/"),
        "level before": ("a/b", "a"),
        "blank behind": ("a/b", "a/b "),
    },
)
async def only_the_exact_filter_unsubscribes(broker: Broker, row: tuple[str, str]) -> None:
    subscribed, other = row
    client = await broker.subscriber(broker.topic(subscribed))
    await client.unsubscribed(broker.topic(other))
    publisher = await broker.connected()
    await publisher.published(broker.topic("a/b"), b"x")
    await client.message(broker.topic("a/b"), because=f"as {subscribed} is not the {other} we unsubscribed from")


@case(v311("3.10.4-6"), v5("3.10.4-6"))
async def several_filters_are_unsubscribed_with_one_unsuback(broker: Broker) -> None:
    """Among them one without a subscription."""
    gone, kept = [broker.topic(name) for name in ("a", "b", "c")], broker.topic("kept")
    client = await broker.subscriber(*gone, kept)
    publisher = await broker.connected()
    for topic in gone:
        await publisher.published(topic, b"before")
        if await client.maybe(Publish, lambda p, t=topic: p.topic == t) is None:
            client.unprepared(f"the message on {topic} before the UNSUBSCRIBE did not come")
    number = client.next_id()
    await client.send(Unsubscribe(number, (gone[0], broker.topic("never"), *gone[1:])))
    await client.expect(Unsuback, packet_id=number, because="to our UNSUBSCRIBE")
    for topic in (*gone, kept):
        await publisher.published(topic, b"after")
    await client.message(kept, because="a subscription that we kept")
    await client.receives_no(because="on the filters we unsubscribed from")
    if client.take(Unsuback):
        client.violated("a single UNSUBACK for the whole packet", "a second UNSUBACK")


@case(v311("3.10.4-3"), v5("3.10.4-3"), needs=("qos-2",), rows={"before PUBREC": False, "before PUBCOMP": True})
async def a_qos_2_delivery_begun_is_completed(broker: Broker, answered: bool) -> None:
    topic = broker.topic()
    client = await broker.subscriber(topic, qos=2)
    message = await _message_begun(broker, client, topic, 2)
    if answered:
        await client.send(Pubrec(message))
        if await client.maybe(Pubrel) is None:
            client.unprepared("PUBREC was not answered by PUBREL")
    await client.unsubscribed(topic)
    if not answered:
        await client.send(Pubrec(message))
        await client.expect(Pubrel, packet_id=message, because="after the PUBREC that followed our UNSUBSCRIBE")
    await client.send(Pubcomp(message))
    await client.is_alive()


@case(
    v311("3.10.4-3"),
    v5("3.10.4-3"),
    needs=("qos-1", "session-expiry"),
)
async def a_qos_1_delivery_begun_is_completed_after_a_reconnection(broker: Broker) -> None:
    """Unacknowledged, it comes again, though the subscription is gone; another keeps the session from being empty."""
    topic = broker.topic()
    client = await broker.subscriber(topic, broker.topic("kept"), qos=1, stored=True)
    number = await _message_begun(broker, client, topic, 1)
    await client.unsubscribed(topic)
    await client.disconnect()
    again = await broker.connected(client.id, stored=True)
    if again.connack is None or not again.connack.session_present:
        again.unprepared("the session was not kept")
    await again.message(topic, payload=b"begun", packet_id=number, because="whose delivery began before UNSUBSCRIBE")
    await again.is_alive()


@case(v311("3.10.4-3"), v5("3.10.4-3"), needs=("qos-1",))
async def acknowledging_after_unsubscribe_is_no_error(broker: Broker) -> None:
    topic = broker.topic()
    client = await broker.subscriber(topic, qos=1)
    number = await _message_begun(broker, client, topic, 1)
    await client.unsubscribed(topic)
    await client.send(Puback(number))
    await client.is_alive()


async def _message_begun(broker: Broker, client: Client, topic: str, qos: int) -> int:
    """Publish to `topic` and see the PUBLISH come to `client`, which leaves it unanswered; its packet identifier."""
    publisher = await broker.connected()
    await publisher.published(topic, b"begun", qos=qos)
    message = await client.maybe(Publish)
    if message is None or message.packet_id is None:
        client.unprepared(f"a message at QoS {qos} did not come")
    return message.packet_id


@case(v5("3.11.3-1"))
async def unsuback_codes_come_in_the_order_of_the_filters(broker: Broker) -> None:
    existing, missing = broker.topic("a"), broker.topic("never")
    client = await broker.subscriber(existing)
    await client.send(Unsubscribe(client.next_id(), (missing, missing, existing, missing)))
    unsuback = await client.expect(Unsuback, because="to our UNSUBSCRIBE")
    none, gone = int(Reason.NO_SUBSCRIPTION_EXISTED), int(Reason.SUCCESS)
    if sorted(unsuback.codes) != [gone, none, none, none]:
        raise Inconclusive(f"the order shows only where 0x11 tells the two apart: {describe(unsuback)}")
    if unsuback.codes != (none, none, gone, none):
        client.violated("UNSUBACK with 11 11 00 11, in the order of the filters", describe(unsuback))


@case(
    v5("3.11.3-2"),
    rows={f"{count} filters" if count > 1 else "1 filter": count for count in (1, 2, 7, 40)},
)
async def unsuback_has_one_listed_code_for_each_filter(broker: Broker, count: int) -> None:
    """The first has a subscription, the others have none."""
    client = await broker.subscriber(broker.topic("t0"))
    await client.send(Unsubscribe(client.next_id(), tuple(broker.topic(f"t{n}") for n in range(count))))
    unsuback = await client.expect(Unsuback, because="to our UNSUBSCRIBE")
    if len(unsuback.codes) != count or not ALLOWED["UNSUBACK"].issuperset(unsuback.codes):
        listed = " ".join(f"{code:02X}" for code in sorted(ALLOWED["UNSUBACK"]))
        client.violated(f"UNSUBACK with {count} codes out of {listed}", describe(unsuback))


@case(v5("3.11.2-1"), v5("3.11.2-2"))
async def unsuback_leaves_its_texts_out_rather_than_outgrow_the_client(broker: Broker) -> None:
    """An UNSUBACK whose codes alone fill the client's Maximum Packet Size: a Reason String or a User Property
    would make it too large."""
    probe = await broker.connected()
    assert probe.connack is not None
    size = max(64, len(encode(probe.connack, broker.version)) + 32)
    client = await broker.connected(properties={Property.MAXIMUM_PACKET_SIZE: size})
    # Two bytes of fixed header, two of packet identifier, one of property length.
    filters = tuple(broker.topic(f"t{n}") for n in range(min(size, 129) - 5))
    await client.send(Unsubscribe(client.next_id(), filters))
    unsuback = await client.maybe(Unsuback)
    if unsuback is None:
        client.unprepared("UNSUBSCRIBE was not answered by UNSUBACK")
    length = len(encode(unsuback, broker.version))
    texts = {Property.REASON_STRING, Property.USER_PROPERTY} & {name for name, _ in unsuback.properties}
    if length > size and texts:
        client.violated(f"UNSUBACK without texts, within {size} bytes", f"{length} bytes: {describe(unsuback)}")
