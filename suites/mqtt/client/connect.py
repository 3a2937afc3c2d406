"""CONNECT as a whole: MQTT 3.1.1 and 5.0, section 3.1. Its fields have modules of their own: `client_id`, `will`,
`credentials`, `keep_alive`."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.findings import Inconclusive
from testbed.mqtt.client import Client
from testbed.mqtt.codec import describe
from testbed.mqtt.packets import Connect, Publish, Will
from testbed.mqtt.properties import Property, get_all, props


@case(v311("3.1.0-1"), v5("3.1.0-1"))
async def the_first_packet_is_connect(client: Client) -> None:
    connection = await client.arrives()
    await connection.begins()


@case(v311("3.1.0-1"), v5("3.1.0-1"), needs=("orders",))
async def on_every_further_connection_the_first_packet_is_connect(client: Client) -> None:
    await client.connected()
    again = await client.arrives()
    await again.begins()


@case(v5("3.1.2-1"))
async def the_protocol_name_is_mqtt(client: Client) -> None:
    connection = await client.arrives()
    connect = await connection.begins()
    if connect.protocol_name != "MQTT":
        connection.violated("the protocol name MQTT", describe(connect))


@case(v311("3.1.3-1"), v5("3.1.3-1"), needs=("orders", "will", "credentials"))
async def every_field_of_the_payload_has_its_place(client: Client) -> None:
    """All of them at once, and no two alike."""
    will = Will(client.topic("will"), b"will payload", 1, True)
    name = client.client_id("fields")
    connection = await client.arrives(client_id=name, will=will, username="user name", password="password")
    connect = await connection.begins()
    sent = Connect(client_id=name, will=will, username="user name", password=b"password")
    for field in ("client_id", "will", "username", "password"):
        if getattr(connect, field) != getattr(sent, field):
            connection.violated(f"the {field.replace('_', ' ')} {getattr(sent, field)!r}", describe(connect))


@case(v5("2.2.2-1"), needs=("orders", "publish"))
async def without_properties_there_is_a_property_length_of_zero(client: Client) -> None:
    """In CONNECT, where the client sets none by itself, and in PUBLISH, whose payload begins behind it."""
    connection = await client.arrives()
    await connection.begins()
    await client.accepts(connection)
    client.told = client.publish(payload=b"behind")
    publish = await client.sent(connection, Publish)
    if not publish.properties and publish.payload != b"behind":
        connection.violated("a Property Length of zero, and the payload b'behind'", describe(publish))


@case(v5("2.2.2-1"), needs=("will",))
async def without_will_properties_there_is_a_property_length_of_zero(client: Client) -> None:
    connection = await client.arrives(will=Will(client.topic("will"), b"x"))
    connect = await connection.begins()
    if connect.will is None or connect.will.properties:
        raise Inconclusive(f"the client was told of a will without properties: {describe(connect)}")


@case(v5("1.5.7-1"), needs=("properties",))
async def user_properties_are_sent_as_they_are_told(client: Client) -> None:
    """Also twice the same name, and strings beyond ASCII."""
    told = (("name", "value"), ("name", "another"), ("größe", "漢字 \U0001f600"))
    connection = await client.arrives(properties={Property.USER_PROPERTY: list(told)})
    connect = await connection.begins()
    if get_all(connect.properties, Property.USER_PROPERTY) != told:
        connection.violated(f"the user properties {told!r}", describe(connect))


#: Properties of a CONNECT, each with a value that is not its default.
_SET = {
    "Session Expiry Interval": {Property.SESSION_EXPIRY_INTERVAL: 70_000},
    "Receive Maximum": {Property.RECEIVE_MAXIMUM: 300},
    "Maximum Packet Size": {Property.MAXIMUM_PACKET_SIZE: 70_000},
    "Topic Alias Maximum": {Property.TOPIC_ALIAS_MAXIMUM: 300},
    "Request Response Information": {Property.REQUEST_RESPONSE_INFORMATION: 1},
    "Request Problem Information": {Property.REQUEST_PROBLEM_INFORMATION: 0},
}


@case(v5("3.1.3-1"), needs=("properties",), rows=_SET)
async def the_payload_begins_where_the_properties_end(client: Client, told: dict[Property, int]) -> None:
    """A property of the wrong length, or a block of the wrong length, would move every field behind it."""
    connection = await client.arrives(properties=told)
    connect = await connection.begins()
    if not set(props(told)) <= set(connect.properties):
        raise Inconclusive(f"the client does not send the property it was told: {describe(connect)}")
    if connect.client_id != client.id:
        connection.violated(f"the client identifier {client.id!r} behind the properties", describe(connect))
