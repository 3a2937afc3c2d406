"""Strings: MQTT 3.1.1 section 1.5.3, MQTT 5.0 sections 1.5.4 and 1.5.7."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.broker import Broker
from testbed.mqtt.codec import describe
from testbed.mqtt.packets import Publish, Subscribe, Subscription, Unsubscribe
from testbed.mqtt.properties import Property, get_all

#: What RFC 3629 forbids, each in its own way.
ILL_FORMED = {
    "high surrogate U+D800": b"\xed\xa0\x80",
    "low surrogate U+DFFF": b"\xed\xbf\xbf",
    "surrogate pair": b"\xed\xa0\xbd\xed\xb8\x80",
    "overlong slash in 2 bytes": b"\xc0\xaf",
    "overlong slash in 3 bytes": b"\xe0\x80\xaf",
    "overlong slash in 4 bytes": b"\xf0\x80\x80\xaf",
    "overlong null": b"\xc0\x80",
    "lone continuation byte": b"\x80",
    "cut short before the end": b"\xe2\x82/x",
    "cut short at the end": b"\xe2\x82",
    "above U+10FFFF": b"\xf4\x90\x80\x80",
    "byte FE": b"\xfe",
    "byte FF": b"\xff",
}
#: One of each family, for the places where every form would be tried twice.
FEW = {name: ILL_FORMED[name] for name in ("high surrogate U+D800", "overlong slash in 2 bytes", "byte FF")}
#: Well-formed characters of two, three and four bytes, and one that is no letter.
WELL_FORMED = {
    "2 bytes": "\u00e9",
    "3 bytes": "\u20ac",
    "4 bytes": "\U0001f600",
    "last before the surrogates": "\ud7ff",
    "first after the surrogates": "\ue000",
    "combining": "e\u0301",
    "right to left": "\u05d0",
}
BOM = "\ufeff"


@case(v311("1.5.3-1"), v5("1.5.4-1"), v5("4.13.1-1"), rows=ILL_FORMED)
async def ill_formed_utf8_in_a_topic_name_closes_the_connection(broker: Broker, ill: bytes) -> None:
    client = await broker.connected()
    await client.published(broker.topic("good/x"), b"x")
    await client.send(Publish(broker.topic("good/").encode() + ill, b"x"))
    await client.is_closed_by_broker(because="after a Topic Name in ill-formed UTF-8")


@case(v311("1.5.3-1"), v5("1.5.4-1"), v5("4.13.1-1"), rows=ILL_FORMED)
async def ill_formed_utf8_in_a_topic_filter_closes_the_connection(broker: Broker, ill: bytes) -> None:
    client = await broker.subscriber(broker.topic("good/x"))
    await client.send(Subscribe(client.next_id(), (Subscription(broker.topic("good/").encode() + ill),)))
    await client.is_closed_by_broker(because="after a Topic Filter in ill-formed UTF-8")


@case(v311("1.5.3-1"), v5("1.5.4-1"), v5("4.13.1-1"), rows=FEW)
async def ill_formed_utf8_in_an_unsubscribe_closes_the_connection(broker: Broker, ill: bytes) -> None:
    client = await broker.subscriber(broker.topic("good/x"))
    await client.unsubscribed(broker.topic("good/x"))
    await client.send(Unsubscribe(client.next_id(), (broker.topic("good/").encode() + ill,)))
    await client.is_closed_by_broker(because="after a Topic Filter in ill-formed UTF-8")


@case(
    v5("1.5.7-1"),
    v5("1.5.4-1"),
    v5("4.13.1-1"),
    rows={
        f"{place}: {name}": pair
        for name, ill in FEW.items()
        for place, pair in (("name", (ill, "value")), ("value", ("name", ill)))
    },
)
async def ill_formed_utf8_in_a_user_property_closes_the_connection(
    broker: Broker, pair: tuple[str | bytes, str | bytes]
) -> None:
    client = await broker.connected()
    await client.published(broker.topic(), b"x", properties={Property.USER_PROPERTY: ("name", "value")})
    await client.send(Publish(broker.topic(), b"x", properties=((Property.USER_PROPERTY, pair),)))
    await client.is_closed_by_broker(because="after a User Property in ill-formed UTF-8")


@case(
    v5("1.5.7-1"),
    v5("1.5.4-2"),
    v5("4.13.1-1"),
    rows={"in the name": ("a\0b", "value"), "in the value": ("name", "a\0b")},
)
async def a_null_character_in_a_user_property_closes_the_connection(broker: Broker, pair: tuple[str, str]) -> None:
    client = await broker.connected()
    await client.published(broker.topic(), b"x", properties={Property.USER_PROPERTY: ("name", "value")})
    await client.send(Publish(broker.topic(), b"x", properties=((Property.USER_PROPERTY, pair),)))
    await client.is_closed_by_broker(because="after a User Property with U+0000")


#: Where in a string U+0000 stands.
NULLS = {"within": "a\0b", "at the end": "a\0", "alone in a level": "\0"}


@case(v311("1.5.3-2"), v5("1.5.4-2"), v5("4.13.1-1"), rows=NULLS)
async def a_null_character_in_a_topic_name_closes_the_connection(broker: Broker, bad: str) -> None:
    client = await broker.connected()
    await client.published(broker.topic("ab"), b"x")
    await client.send(Publish(broker.topic(bad), b"x"))
    await client.is_closed_by_broker(because="after a Topic Name with U+0000")


@case(v311("1.5.3-2"), v5("1.5.4-2"), v5("4.13.1-1"), rows=NULLS)
async def a_null_character_in_a_topic_filter_closes_the_connection(broker: Broker, bad: str) -> None:
    client = await broker.subscriber(broker.topic("ab"))
    await client.send(Subscribe(client.next_id(), (Subscription(broker.topic(bad)),)))
    await client.is_closed_by_broker(because="after a Topic Filter with U+0000")


@case(v311("1.5.3-2"), v5("1.5.4-2"), v5("4.13.1-1"))
async def a_null_character_in_an_unsubscribe_closes_the_connection(broker: Broker) -> None:
    client = await broker.subscriber(broker.topic("ab"))
    await client.unsubscribed(broker.topic("ab"))
    await client.send(Unsubscribe(client.next_id(), (broker.topic("a\0b"),)))
    await client.is_closed_by_broker(because="after a Topic Filter with U+0000")


@case(v311("1.5.3-1"), v311("4.7.3-4"), v5("1.5.4-1"), v5("4.7.3-4"), rows=WELL_FORMED)
async def well_formed_utf8_of_any_length_is_carried_as_it_is(broker: Broker, character: str) -> None:
    topic = broker.topic(f"x{character}y")
    subscriber = await broker.subscriber(topic)
    publisher = await broker.connected()
    await publisher.published(topic, b"x")
    await subscriber.message(topic, because="byte for byte the topic that was published")


@case(
    v311("1.5.3-3"),
    v5("1.5.4-3"),
    rows={"first in a level": f"{BOM}x", "within a level": f"x{BOM}y", "last": f"x{BOM}", "alone": BOM},
)
async def a_byte_order_mark_in_a_topic_is_kept(broker: Broker, name: str) -> None:
    """The topic with EF BB BF and the one without are two topics, and each is delivered as it was published."""
    marked, plain = broker.topic(name), broker.topic(name.replace(BOM, ""))
    subscriber = await broker.subscriber(marked, plain)
    publisher = await broker.connected()
    await publisher.published(marked, b"marked")
    await publisher.published(plain, b"plain")
    await subscriber.message(payload=b"marked", topic=marked, because="with its U+FEFF")
    await subscriber.message(payload=b"plain", topic=plain)


# A router that cuts topics by bytes dies of these two, so they take the broker alone.
@case(v311("1.5.3-3"), v5("1.5.4-3"), exclusive=True)
async def a_byte_order_mark_at_the_start_of_a_topic_is_kept(broker: Broker) -> None:
    """The very start of the string is where decoders strip it."""
    marked = BOM + broker.topic()
    subscriber = await broker.subscriber(marked, broker.topic())
    publisher = await broker.connected()
    await publisher.published(marked, b"marked")
    await publisher.published(broker.topic(), b"plain")
    await subscriber.message(payload=b"marked", topic=marked, because="with its U+FEFF")
    await subscriber.message(payload=b"plain", topic=broker.topic())


@case(v311("1.5.3-3"), v5("1.5.4-3"), exclusive=True)
async def a_byte_order_mark_tells_topics_apart(broker: Broker) -> None:
    """A subscription without it does not receive what is published with it; the marker behind it arrives."""
    plain = broker.topic()
    subscriber = await broker.subscriber(plain)
    publisher = await broker.connected()
    await publisher.published(BOM + plain, b"marked")
    await publisher.published(plain, b"plain")
    await subscriber.message(payload=b"plain", because="as the one with U+FEFF before it is on another topic")


@case(v5("1.5.4-3"), v5("1.5.7-1"))
async def a_byte_order_mark_in_a_user_property_is_kept(broker: Broker) -> None:
    pair = (f"{BOM}name", f"{BOM}value")
    subscriber = await broker.subscriber(broker.topic())
    publisher = await broker.connected()
    await publisher.published(broker.topic(), b"x", properties={Property.USER_PROPERTY: pair})
    message = await subscriber.message(broker.topic())
    if pair not in get_all(message.properties, Property.USER_PROPERTY):
        subscriber.violated("the User Property with U+FEFF at the start of name and value", describe(message))
