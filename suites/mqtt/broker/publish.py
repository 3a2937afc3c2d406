"""PUBLISH: MQTT 3.1.1 and 5.0, sections 3.3.1, 3.3.2 and 3.3.5. What its QoS demands is in `qos0.py`, `qos1.py`
and `qos2.py`, what its RETAIN flag does in `retain.py`; more on names is in `topic_names.py`."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.findings import Inconclusive
from testbed.mqtt.broker import Broker
from testbed.mqtt.codec import describe
from testbed.mqtt.packets import Puback, Publish

# -- DUP


@case(v311("3.3.1-3"), v5("3.3.1-3"), needs=("qos-1",))
async def the_dup_of_a_qos_1_publisher_is_not_passed_on(broker: Broker) -> None:
    topic = broker.topic()
    subscriber = await broker.subscriber(topic, qos=1)
    publisher = await broker.connected()
    await publisher.send(Publish(topic, b"x", 1, dup=True, packet_id=1))
    await publisher.handshaken(1, 1)
    await subscriber.delivered(topic, dup=False)


@case(v311("3.3.1-3"), v5("3.3.1-3"), needs=("qos-2",))
async def the_dup_of_a_qos_2_publisher_is_not_passed_on(broker: Broker) -> None:
    topic = broker.topic()
    subscriber = await broker.subscriber(topic, qos=2)
    publisher = await broker.connected()
    await publisher.send(Publish(topic, b"x", 2, dup=True, packet_id=1))
    await publisher.handshaken(1, 2)
    await subscriber.delivered(topic, dup=False)


@case(v311("3.3.1-2"), v311("3.3.1-3"), v5("3.3.1-2"), v5("3.3.1-3"), needs=("qos-1",))
async def the_dup_of_a_publisher_is_not_passed_on_at_qos_0(broker: Broker) -> None:
    topic = broker.topic()
    subscriber = await broker.subscriber(topic)
    publisher = await broker.connected()
    await publisher.send(Publish(topic, b"x", 1, dup=True, packet_id=1))
    await publisher.handshaken(1, 1)
    await subscriber.delivered(topic, qos=0, dup=False)


# -- QoS


@case(v311("3.3.1-4"), v5("3.3.1-4"), v5("4.13.1-1"), rows={"dup-0": False, "dup-1": True})
async def a_message_with_qos_3_closes_the_connection(broker: Broker, dup: bool) -> None:
    topic = broker.topic()
    publisher = await broker.connected()
    await publisher.published(topic, b"good")
    await publisher.send(Publish(topic, b"bad", 3, dup=dup, packet_id=1))
    await publisher.is_closed_by_broker(because="after a PUBLISH with both QoS bits set")


@case(v311("3.3.1-4"), v5("3.3.1-4"))
async def a_message_with_qos_3_is_not_delivered(broker: Broker) -> None:
    """The next message shows that the subscription stands."""
    topic = broker.topic()
    subscriber = await broker.subscriber(topic)
    bad, good = await broker.connected(), await broker.connected()
    await bad.send(Publish(topic, b"bad", 3, packet_id=1))
    await bad.until(lambda: bad.ended_at, bad.trial.quiet)
    await good.published(topic, b"good")
    await subscriber.message(topic, payload=b"good", because="and nothing before it")


# -- the topic name

NAMES = {
    "a-space": "a b",
    "two-bytes": "größe",
    "three-bytes": "温度",
    "four-bytes": "🌡/1",
    "a-byte-order-mark": "\ufeffa",
    "empty-levels": "/a//b/",
    "a-dollar-inside": "a/$b",
}


@case(v311("3.3.2-1"), v5("3.3.2-1"), rows=NAMES)
async def a_message_is_delivered_under_the_name_it_was_published_to(broker: Broker, name: str) -> None:
    topic = broker.topic(name)
    subscriber = await broker.subscriber(topic)
    publisher = await broker.connected()
    await publisher.published(topic, b"x")
    await subscriber.message(topic)


@case(v311("3.3.2-1"), v5("3.3.2-1"), needs=("qos-1",))
async def the_name_stands_before_the_packet_identifier(broker: Broker) -> None:
    topic = broker.topic()
    subscriber = await broker.subscriber(topic, qos=1)
    publisher = await broker.connected()
    await publisher.published(topic, b"x", qos=1)
    await subscriber.message(topic, payload=b"x")


#: Filter -> names in the order of publication, and those of them that match; the last one does.
MATCHES = {
    "plus-inside": ("a/+/c", "a/1/c a/1/d b/1/c a/c a/1/c/d a/1/2/c a//c A/1/c a/last/c", "a/1/c a//c a/last/c"),
    "plus-last": ("a/+", "a/1 a/1/2 a b/1 a/ a/last", "a/1 a/ a/last"),
    "hash": ("a/b/#", "a/b a/bc a/b/1 a a/c/b a/b/1/2 b/a/b a/b/last", "a/b a/b/1 a/b/1/2 a/b/last"),
}


@case(v311("3.3.2-3"), v5("3.3.2-3"), needs=("wildcards",), rows=MATCHES)
async def every_delivered_name_matches_the_filter(broker: Broker, row: tuple[str, str, str]) -> None:
    filter, names, matching = row
    subscriber = await broker.subscriber(broker.topic(filter))
    publisher = await broker.connected()
    for name in names.split():
        await publisher.published(broker.topic(name), name.encode())
    for name in matching.split():
        message = await subscriber.message()
        if message.topic != broker.topic(name) or message.payload != name.encode():
            subscriber.violated(f"the message to {name}, which the filter {filter} matches", describe(message))


ILL = {
    "a-lone-surrogate": b"\xed\xa0\x80",
    "an-overlong-slash": b"\xc0\xaf",
    "a-broken-sequence": b"\xe2\x82",
    "a-stray-continuation": b"\x80",
    "beyond-the-last-code-point": b"\xf4\x90\x80\x80",
}


@case(v311("3.3.2-1"), v311("1.5.3-1"), v5("3.3.2-1"), v5("1.5.4-1"), v5("4.13.1-1"), rows=ILL)
async def a_name_that_is_not_utf_8_closes_the_connection(broker: Broker, bad: bytes) -> None:
    publisher = await broker.connected()
    await publisher.published(broker.topic("aa"), b"good")
    await publisher.send(Publish(broker.topic("a").encode() + bad, b"bad"))
    await publisher.is_closed_by_broker(because="after a topic name that is not well-formed UTF-8")


@case(v311("1.5.3-2"), v5("1.5.4-2"), v5("4.13.1-1"))
async def a_name_with_a_null_character_closes_the_connection(broker: Broker) -> None:
    publisher = await broker.connected()
    await publisher.published(broker.topic("ab"), b"good")
    await publisher.send(Publish(broker.topic("a\0b"), b"bad"))
    await publisher.is_closed_by_broker(because="after U+0000 in a topic name")


# -- the payload


SIZES = {
    "empty": 0,
    "one-byte": 1,
    "127-bytes": 127,
    "128-bytes": 128,
    "16-KiB": 1 << 14,
    "64-KiB": 1 << 16,
}


@case(v311("4.5.0-1"), v5("4.5.0-1"), needs=("qos-1",), rows=SIZES)
async def a_payload_of_any_size_is_delivered_whole(broker: Broker, size: int) -> None:
    topic = broker.topic()
    payload = (bytes(range(256)) * (size // 256 + 1))[:size]
    subscriber = await broker.subscriber(topic, qos=1)
    publisher = await broker.connected()
    await publisher.published(topic, payload, qos=1)
    message = await subscriber.message(topic)
    if message.payload != payload:
        subscriber.violated(f"the {size} bytes that were published", f"{len(message.payload)} bytes, not the same")


# -- what is not authorised


def _restricted(broker: Broker) -> str:
    """A topic that servers keep for themselves (section 4.7.2), or that the parameter names."""
    return str(broker.parameter("restricted-topic", f"$SYS/{broker.topic()}"))


async def _is_answered(broker: Broker, topic: str) -> None:
    publisher = await broker.connected()
    await publisher.published(broker.topic(), b"allowed", qos=1)
    await publisher.send(Publish(topic, b"forbidden", 1, packet_id=9))
    puback = await publisher.maybe(Puback, lambda p: p.packet_id == 9)
    if puback is None and publisher.ended_at is None:
        publisher.violated("PUBACK, or the connection closed")


@case(v311("3.3.5-2"), needs=("qos-1", "restricted-topics"))
async def a_message_that_is_not_authorised_is_acknowledged_or_ends_the_connection(broker: Broker) -> None:
    topic = _restricted(broker)
    subscriber = await broker.subscriber(topic)
    await _is_answered(broker, topic)
    if await subscriber.maybe(Publish, within=subscriber.trial.quiet) is not None:
        raise Inconclusive("the message was forwarded, so it was authorised", cause="no restricted topic")


@case(v5("3.3.4-1"), v5("4.3.2-4"), needs=("qos-1",))
async def a_message_to_a_restricted_topic_is_answered(broker: Broker) -> None:
    """With success or without, by PUBACK; or the connection ends."""
    await _is_answered(broker, _restricted(broker))
