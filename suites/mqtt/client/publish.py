"""PUBLISH as a client sends it: MQTT 3.1.1 and 5.0, section 3.3; topic names in section 4.7."""

from __future__ import annotations

from typing import Any

from harness.case import case
from suites.mqtt import v5, v311
from testbed.findings import Inconclusive, Violation
from testbed.mqtt.client import Client
from testbed.mqtt.codec import describe
from testbed.mqtt.packets import Malformed, Publish
from testbed.mqtt.properties import Property, get, props
from testbed.mqtt.scripted_broker import Connection


@case(
    v311("3.3.2-1"),
    v311("1.5.3-1"),
    v5("3.3.2-1"),
    v5("1.5.4-1"),
    needs=("publish", "told"),
    rows={"one letter": "a", "two bytes": "é", "three bytes": "世界", "four bytes": "🌍", "blanks": " a b "},
)
async def a_topic_goes_out_as_utf_8(client: Client, level: str) -> None:
    connection, publish = await _published(client, client.topic(level))
    if publish.topic != client.topic(level):
        connection.violated(f"the topic {client.topic(level)!r} in UTF-8", describe(publish))


async def _published(client: Client, topic: str) -> tuple[Connection, Publish]:
    """Its PUBLISH; Violation when that does not read, as it does not when its first field is no topic."""
    try:
        return await client.publishing(topic)
    except Inconclusive:
        for connection in client.connections:
            malformed = connection.take(Malformed, lambda packet: packet.type == Publish.type)
            if malformed is not None:
                connection.violated(f"a PUBLISH whose first field is the topic {topic!r}", describe(malformed))
        raise


@case(v311("1.5.3-3"), v5("1.5.4-3"), needs=("publish", "told"))
async def u_feff_in_a_topic_is_kept(client: Client) -> None:
    connection, publish = await client.publishing("\ufeff" + client.topic())
    if publish.topic != "\ufeff" + client.topic():
        connection.violated("a topic that begins with U+FEFF", describe(publish))


@case(v311("1.5.3-3"), v5("1.5.4-3"), needs=("subscribe", "orders"))
async def u_feff_in_a_topic_that_comes_is_handed_on(client: Client) -> None:
    topic = "\ufeff" + client.topic()
    connection = await client.subscribed("#")
    await connection.deliver(topic, b"x")
    if await client.handed(topic) is None:
        connection.violated("a message whose topic begins with U+FEFF, for the application", "no such message")


@case(
    v311("3.3.2-2"),
    v311("4.7.1-1"),
    v5("3.3.2-2"),
    v5("4.7.0-1"),
    needs=("publish", "orders"),
    rows={"#": "{}/#", "+": "{}/+/b", "# within": "{}/a#b", "+ within": "{}/a+b"},
)
async def a_topic_with_a_wildcard_is_not_sent(client: Client, pattern: str) -> None:
    await _is_not_sent(client, pattern.format(client.trial.scope), "to a topic with a wildcard")


@case(v311("4.7.3-1"), v5("4.7.3-1"), needs=("publish", "orders"))
async def an_empty_topic_is_not_sent(client: Client) -> None:
    """In 5.0 it may stand for a Topic Alias; there is none here."""
    connection, _ = await client.publishing()
    nowhere = client.message()
    nowhere.topic = ""
    order = client.control.order(nowhere)
    await client.sends_no(connection, Publish, order, lambda p: p.topic == "", because="with an empty topic")


@case(v311("4.7.3-2"), v311("1.5.3-2"), v5("4.7.3-2"), v5("1.5.4-2"), needs=("publish", "orders"))
async def a_topic_with_u_0000_is_not_sent(client: Client) -> None:
    await _is_not_sent(client, client.topic("a\0b"), "to a topic with U+0000")


@case(v311("4.7.3-3"), v5("4.7.3-3"), needs=("publish", "orders"))
async def to_a_topic_of_65_536_bytes_nothing_is_sent(client: Client) -> None:
    """It has no wire form: what a client makes of it is another topic, or a packet that cannot be read."""
    connection, _ = await client.publishing()
    order = client.publish("x" * 65_536)
    await client.sends_no(
        connection, Publish, order, lambda p: "alive" not in str(p.topic), because="to a topic of 65,536 bytes"
    )


@case(v311("3.3.1-4"), v5("3.3.1-4"), needs=("publish", "orders"))
async def qos_3_is_not_sent(client: Client) -> None:
    connection, _ = await client.publishing()
    order = client.publish(qos=3)
    await client.sends_no(connection, Publish, order, lambda p: p.qos == 3, because="with QoS 3")


async def _is_not_sent(client: Client, topic: str, because: str) -> None:
    """First its good twin is."""
    connection, _ = await client.publishing()
    order = client.publish(topic)
    await client.sends_no(connection, Publish, order, lambda p: p.topic == topic, because=because)


# -- properties (5.0)


@case(
    v5("3.3.2-13"),
    v5("3.3.2-19"),
    v5("1.5.7-1"),
    needs=("publish", "properties", "told"),
    rows={
        "Response Topic": (Property.RESPONSE_TOPIC, "réponse/世", "MQTT-3.3.2-13"),
        "Content Type": (Property.CONTENT_TYPE, "text/ünï", "MQTT-3.3.2-19"),
        "User Property": (Property.USER_PROPERTY, ("schlüssel", "値"), "MQTT-1.5.7-1"),
    },
)
async def text_properties_go_out_as_utf_8(client: Client, row: tuple[Property, Any, str]) -> None:
    name, value, broken = row
    connection, publish = await client.publishing(properties={name: value})
    if get(publish.properties, name) is None:
        connection.unprepared(f"the client was told a {name.title}, and sends {describe(publish)}")
    if (int(name), value) not in publish.properties:
        raise Violation(f"{name.title} {value!r} in UTF-8", describe(publish), requirements=(broken,))


@case(v5("3.3.2-14"), needs=("publish", "orders", "properties"), rows={"#": "answers/#", "+": "answers/+/x"})
async def a_response_topic_with_a_wildcard_is_not_sent(client: Client, topic: str) -> None:
    await _property_is_not_sent(client, Property.RESPONSE_TOPIC, topic, "with a wildcard in its Response Topic")


@case(
    v5("1.5.4-2"),
    v5("1.5.7-1"),
    needs=("publish", "orders", "properties"),
    rows={"name": ("a\0", "b"), "value": ("a", "b\0")},
)
async def a_user_property_with_u_0000_is_not_sent(client: Client, pair: tuple[str, str]) -> None:
    await _property_is_not_sent(client, Property.USER_PROPERTY, pair, "with U+0000 in a User Property")


@case(v5("3.3.4-6"), needs=("publish", "orders", "properties"))
async def a_subscription_identifier_is_not_sent(client: Client) -> None:
    await _property_is_not_sent(client, Property.SUBSCRIPTION_IDENTIFIER, 7, "with a Subscription Identifier")


async def _property_is_not_sent(client: Client, name: Property, value: Any, because: str) -> None:
    """First a message with a proper property is, which shows that this client takes properties."""
    connection, publish = await client.publishing(properties={Property.CONTENT_TYPE: "twin"})
    if (int(Property.CONTENT_TYPE), "twin") not in publish.properties:
        raise Inconclusive("the client was told a Content Type and does not send it", cause="no properties")
    order = client.publish(properties={name: value})
    await client.sends_no(connection, Publish, order, lambda p: (int(name), value) in p.properties, because=because)


@case(
    v5("2.2.2-1"),
    needs=("publish", "told"),
    rows={"without properties": ()},
)
async def the_property_length_is_there_without_properties_too(client: Client, properties: tuple[()]) -> None:
    """A byte 0 between topic and payload: without it the first byte of the payload, another 0, is taken for it."""
    connection, publish = await client.publishing(payload=b"\0whole", properties=props(properties))
    if publish.properties:
        connection.unprepared(f"the client adds properties: {describe(publish)}", cause="adds properties")
    if publish.payload != b"\0whole":
        connection.violated("a Property Length of 0 before the payload", describe(publish))
