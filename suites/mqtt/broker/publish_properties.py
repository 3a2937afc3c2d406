"""Properties of PUBLISH that a server hands on: MQTT 5.0, section 3.3.2.3.

Topic aliases and message expiry have files of their own.
"""

from __future__ import annotations

from typing import Any

from harness.case import case
from suites.mqtt import v5
from testbed.mqtt.broker import Broker
from testbed.mqtt.codec import describe
from testbed.mqtt.packets import Publish
from testbed.mqtt.properties import Property, get_all, props
from testbed.mqtt.scripted_client import Client

FORMAT = Property.PAYLOAD_FORMAT_INDICATOR
TYPE = Property.CONTENT_TYPE
RESPONSE = Property.RESPONSE_TOPIC
CORRELATION = Property.CORRELATION_DATA
USER = Property.USER_PROPERTY

#: One of each, and user properties whose order and repetition show.
ALL = {
    FORMAT: 1,
    TYPE: "text/plain",
    RESPONSE: "reply/to",
    CORRELATION: b"\0\1\xff",
    USER: [("b", "1"), ("a", "2"), ("b", "1"), ("a", "3"), ("", "")],
}
ILL = {"surrogate": b"\xed\xa0\x80", "overlong": b"\xc0\xaf", "byte FF": b"\xff", "cut short": b"a\xe2\x82"}


async def _forwarded(broker: Broker, name: Property, *values: Any) -> None:
    """A message with `name` at `values` arrives with the same, no more and no less."""
    subscriber = await broker.subscriber(broker.topic())
    publisher = await broker.connected()
    await publisher.published(broker.topic(), b"x", properties={name: list(values)})
    message = await subscriber.message(broker.topic(), payload=b"x")
    _has(subscriber, message, name, values)


def _has(subscriber: Client, message: Publish, name: Property, values: tuple[Any, ...]) -> None:
    if get_all(message.properties, name) != values:
        shown = ", ".join(repr(value)[:60] for value in values[:5])
        subscriber.violated(f"{name.title} as it was published: {shown or 'none'}", describe(message))


@case(v5("3.3.2-4"), rows={"0": 0, "1": 1})
async def payload_format_indicator_is_forwarded(broker: Broker, value: int) -> None:
    """0 may be left out: it means what absence means."""
    subscriber = await broker.subscriber(broker.topic())
    publisher = await broker.connected()
    await publisher.published(broker.topic(), b"text", properties={FORMAT: value})
    message = await subscriber.message(broker.topic(), payload=b"text")
    if value or get_all(message.properties, FORMAT):
        _has(subscriber, message, FORMAT, (value,))


@case(
    v5("3.3.2-20"),
    rows={"MIME": "text/plain; charset=utf-8", "empty": "", "not ASCII": "\u00e9\U0001f600", "1000": "x" * 1000},
)
async def content_type_is_forwarded(broker: Broker, value: str) -> None:
    await _forwarded(broker, TYPE, value)


@case(v5("3.3.2-15"), rows={"topic": "reply/to", "one letter": "r", "not ASCII": "\u00e9/\U0001f600", "$": "$r/x"})
async def response_topic_is_forwarded(broker: Broker, value: str) -> None:
    await _forwarded(broker, RESPONSE, value)


@case(
    v5("3.3.2-16"),
    rows={"bytes": b"\0\1\xfe\xff", "empty": b"", "not UTF-8": b"\xc0\xaf", "10000 bytes": b"\xab" * 10_000},
)
async def correlation_data_is_forwarded(broker: Broker, value: bytes) -> None:
    await _forwarded(broker, CORRELATION, value)


@case(
    v5("3.3.2-17"),
    rows={
        "one": [("name", "value")],
        "empty name and value": [("", "")],
        "same pair twice": [("a", "1"), ("a", "1")],
        "not ASCII": [("\u00e9", "\U0001f600")],
        "name of 1000": [("n" * 1000, "v")],
    },
)
async def user_properties_are_forwarded(broker: Broker, pairs: list[tuple[str, str]]) -> None:
    """A broker may add some of its own; those published are among them, in full number."""
    subscriber = await broker.subscriber(broker.topic())
    publisher = await broker.connected()
    await publisher.published(broker.topic(), b"x", properties={USER: pairs})
    message = await subscriber.message(broker.topic(), payload=b"x")
    _has_user_properties(subscriber, message, pairs)


def _has_user_properties(subscriber: Client, message: Publish, pairs: list[tuple[str, str]]) -> None:
    came = [pair for pair in get_all(message.properties, USER) if pair in pairs]
    if came != pairs:
        subscriber.violated(f"the User Properties {str(pairs)[:200]}, all and in order", describe(message))


@case(
    v5("3.3.2-18"),
    v5("3.3.2-17"),
    rows={
        "names not in order": [("c", "1"), ("a", "2"), ("b", "3")],
        "a name repeated": [("a", "2"), ("b", "1"), ("a", "1"), ("b", "2"), ("a", "2")],
        "fifty": [(f"n{n * 37 % 50}", str(n)) for n in range(50)],
    },
)
async def the_order_of_user_properties_is_kept(broker: Broker, pairs: list[tuple[str, str]]) -> None:
    subscriber = await broker.subscriber(broker.topic())
    publisher = await broker.connected()
    await publisher.published(broker.topic(), b"x", properties={USER: pairs})
    message = await subscriber.message(broker.topic(), payload=b"x")
    _has_user_properties(subscriber, message, pairs)


def _has_all(subscriber: Client, message: Publish) -> None:
    for name in (FORMAT, TYPE, RESPONSE, CORRELATION):
        _has(subscriber, message, name, (ALL[name],))
    _has_user_properties(subscriber, message, ALL[USER])


_ALL_FORWARDED = tuple(v5(f"3.3.2-{number}") for number in (4, 15, 16, 17, 18, 20))


@case(*_ALL_FORWARDED)
async def every_subscriber_gets_every_property(broker: Broker) -> None:
    subscribers = [await broker.subscriber(broker.topic()) for _ in range(3)]
    publisher = await broker.connected()
    await publisher.published(broker.topic(), b"text", properties=ALL)
    for subscriber in subscribers:
        _has_all(subscriber, await subscriber.message(broker.topic(), payload=b"text"))


@case(*_ALL_FORWARDED, needs=("qos-2",), rows={"QoS 1": 1, "QoS 2": 2})
async def properties_are_forwarded_at_every_qos(broker: Broker, qos: int) -> None:
    subscriber = await broker.subscriber(broker.topic(), qos=qos)
    publisher = await broker.connected()
    await publisher.published(broker.topic(), b"text", qos=qos, properties=ALL)
    _has_all(subscriber, await subscriber.message(broker.topic(), payload=b"text"))


@case(*_ALL_FORWARDED, needs=("retain",))
async def properties_are_kept_with_a_retained_message(broker: Broker) -> None:
    publisher = await broker.connected()
    await publisher.published(broker.topic(), b"text", retain=True, properties=ALL)
    subscriber = await broker.subscriber(broker.topic())
    message = await subscriber.maybe(Publish, lambda p: p.topic == broker.topic())
    if message is None:
        subscriber.unprepared("the retained message was to be delivered")
    _has_all(subscriber, message)
    await publisher.published(broker.topic(), b"", retain=True)


@case(*_ALL_FORWARDED, needs=("session-expiry", "qos-1"))
async def properties_are_kept_with_a_message_for_a_stored_session(broker: Broker) -> None:
    name = broker.client_id("stored")
    client = await broker.connected(name, stored=True)
    await client.subscribed(broker.topic(), qos=1)
    await client.disconnect()
    publisher = await broker.connected()
    await publisher.published(broker.topic(), b"text", qos=1, properties=ALL)
    again = await broker.connected(name, stored=True)
    message = await again.maybe(Publish, lambda p: p.topic == broker.topic())
    if message is None:
        again.unprepared("the message for the stored session was to be delivered")
    _has_all(again, message)


# -- properties that are not allowed


@case(v5("3.3.2-19"), v5("1.5.4-1"), v5("4.13.1-1"), rows=ILL)
async def content_type_in_ill_formed_utf8_closes_the_connection(broker: Broker, ill: bytes) -> None:
    client = await broker.connected()
    await client.published(broker.topic(), b"x", properties={TYPE: "text"})
    await client.send(Publish(broker.topic(), b"x", properties=props({TYPE: ill})))
    await client.is_closed_by_broker(because="after a Content Type in ill-formed UTF-8")


@case(v5("3.3.2-13"), v5("1.5.4-1"), v5("4.13.1-1"), rows=ILL)
async def response_topic_in_ill_formed_utf8_closes_the_connection(broker: Broker, ill: bytes) -> None:
    client = await broker.connected()
    await client.published(broker.topic(), b"x", properties={RESPONSE: "reply"})
    await client.send(Publish(broker.topic(), b"x", properties=props({RESPONSE: ill})))
    await client.is_closed_by_broker(because="after a Response Topic in ill-formed UTF-8")


@case(v5("3.3.2-14"), rows={wildcard: wildcard for wildcard in ("#", "+", "reply/#", "reply/+/to", "a+b", "a#")})
async def no_response_topic_with_a_wildcard_is_sent(broker: Broker, wildcard: str) -> None:
    """The broker is a sender too: it may close, refuse or drop the message, but may not hand it on so. A message
    behind it, of another client if the broker closed, is the marker."""
    subscriber = await broker.subscriber(broker.topic())
    client = await broker.connected()
    await client.published(broker.topic(), b"twin", properties={RESPONSE: "reply"})
    await subscriber.message(broker.topic(), payload=b"twin")
    await client.send(Publish(broker.topic(), b"wild", properties=props({RESPONSE: wildcard})))
    await client.until(lambda: client.ended_at, client.trial.quiet)
    if client.ended_at is not None:
        client = await broker.connected()
    await client.published(broker.topic(), b"marker")
    message = await subscriber.message(broker.topic())
    if message.payload == b"wild" and get_all(message.properties, RESPONSE) == (wildcard,):
        subscriber.violated(f"no PUBLISH with the Response Topic {wildcard!r}", describe(message))
    if message.payload != b"marker":
        await subscriber.message(broker.topic(), payload=b"marker")
