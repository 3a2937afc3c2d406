"""Will: MQTT 3.1.1 and 5.0, sections 3.1.2.5 to 3.1.2.7, and its fields in section 3.1.3."""

from __future__ import annotations

import re
from typing import Any

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.client import Client
from testbed.mqtt.codec import describe
from testbed.mqtt.packets import Connect, Malformed, Will
from testbed.mqtt.properties import Property, props
from testbed.mqtt.scripted_broker import Connection

_NEEDS = ("will",)


async def _sent(client: Client, told: Will) -> tuple[Connection, Will]:
    connection = await client.arrives(will=told)
    connect = await connection.begins()
    if connect.will is None:
        connection.unprepared("the client has no will")
    return connection, connect.will


def _equal(client: Client, connection: Connection, sent: Will, told: Will) -> None:
    """Field by field; a client that nobody can tell has a will of its own."""
    for field in ("topic", "payload", "qos", "retain") if client.obeys else ():
        if getattr(sent, field) != getattr(told, field):
            connection.violated(f"a will with {field} {getattr(told, field)!r}", f"{getattr(sent, field)!r}")


@case(v311("3.1.2-9"), v311("3.1.2-14"), v5("3.1.2-9"), v5("3.1.2-12"), needs=_NEEDS, rows={"QoS 0": 0, "QoS 1": 1})
async def every_field_of_the_will_is_there(client: Client, qos: int) -> None:
    told = Will(client.topic("will"), b"gone", qos)
    connection, sent = await _sent(client, told)
    _equal(client, connection, sent, told)


@case(v311("3.1.2-9"), v311("3.1.2-14"), v5("3.1.2-9"), v5("3.1.2-12"), needs=(*_NEEDS, "qos-2"))
async def a_will_may_have_qos_2(client: Client) -> None:
    told = Will(client.topic("will"), b"gone", 2)
    connection, sent = await _sent(client, told)
    _equal(client, connection, sent, told)


@case(
    v311("3.1.2-9"),
    v5("3.1.2-9"),
    needs=(*_NEEDS, "orders"),
    rows={
        "not retained": Will("", b"x", 1),
        "retained": Will("", b"x", 1, True),
        "retained, QoS 0": Will("", b"x", 0, True),
    },
)
async def the_will_is_retained_as_it_is_told(client: Client, will: Will) -> None:
    told = Will(client.topic("will"), will.payload, will.qos, will.retain)
    connection, sent = await _sent(client, told)
    _equal(client, connection, sent, told)


@case(
    v311("3.1.2-9"),
    v5("3.1.2-9"),
    needs=(*_NEEDS, "orders"),
    rows={"empty": b"", "every byte": bytes(range(256)), "1000 bytes": b"w" * 1000},
)
async def the_will_has_the_payload_that_is_told(client: Client, payload: bytes) -> None:
    told = Will(client.topic("will"), payload, 1)
    connection, sent = await _sent(client, told)
    _equal(client, connection, sent, told)


@case(v311("3.1.3-10"), v5("3.1.3-11"), needs=(*_NEEDS, "orders"), rows={"beyond ASCII": "zähler/漢字/\U0001f600"})
async def the_will_topic_is_utf_8(client: Client, topic: str) -> None:
    told = Will(client.topic(topic), b"x")
    connection, sent = await _sent(client, told)
    _equal(client, connection, sent, told)


#: Will Properties.
_PROPERTIES: dict[str, dict[Property, Any]] = {
    "Will Delay Interval": {Property.WILL_DELAY_INTERVAL: 70_000},
    "Payload Format Indicator": {Property.PAYLOAD_FORMAT_INDICATOR: 1},
    "Message Expiry Interval": {Property.MESSAGE_EXPIRY_INTERVAL: 70_000},
    "Content Type": {Property.CONTENT_TYPE: "text/plain"},
    "Response Topic": {Property.RESPONSE_TOPIC: "answers/here"},
    "Correlation Data": {Property.CORRELATION_DATA: b"\0\xff"},
    "User Property": {Property.USER_PROPERTY: [("a", "1"), ("a", "2")]},
}


@case(v5("3.1.2-9"), needs=(*_NEEDS, "properties"), rows=_PROPERTIES)
async def the_will_properties_are_there(client: Client, told: dict[Property, Any]) -> None:
    connection, sent = await _sent(client, Will(client.topic("will"), b"x", 1, properties=props(told)))
    if tuple(sent.properties) != props(told):
        connection.violated(f"the Will Properties {props(told)!r}", f"{tuple(sent.properties)!r}")


@case(v311("3.1.2-14"), v5("3.1.2-12"), needs=(*_NEEDS, "orders"))
async def a_will_of_qos_3_is_never_sent(client: Client) -> None:
    """The client was told to; it may refuse, or take another QoS."""
    await client.connected(will=Will(client.topic("will"), b"x", 1))
    if (tried := await client.tries(will=Will(client.topic("will"), b"x", 3))) is None:
        return
    connection, connect = tried
    if connect.will is not None and connect.will.qos == 3:
        connection.violated("a Will QoS of 0, 1 or 2", describe(connect))


# -- no will


@case(v311("3.1.2-11"), needs=(*_NEEDS, "told"))
async def no_will_is_in_the_payload_unless_its_flag_is_set(client: Client) -> None:
    """With the flag it reads as a will; without, its topic is there all the same, in bytes that nothing announces."""
    told = Will(client.topic("will"), b"gone", 1)
    connection = await client.arrives(will=told)
    packet = await connection.until(lambda: connection.inbox[0] if connection.inbox else None)
    if isinstance(packet, Malformed) and _hides(packet.raw, client.topic("will")):
        connection.violated("a CONNECT with the Will Flag, as a will is in its payload", describe(packet))
    connect = await connection.opened()
    if connect.will is None:
        connection.unprepared("the client was told a will, and sends none")


def _hides(frame: bytes, topic: str) -> bool:
    """Whether it is a CONNECT of 3.1.1 with Will Flag 0 and `topic` in its payload."""
    found = re.match(rb"\x10[\x80-\xff]*[\x00-\x7f]\x00\x04MQTT\x04(.)", frame, re.DOTALL)
    return found is not None and not found[1][0] & 0x04 and topic.encode() in frame


def _none(connection: Connection, connect: Connect) -> None:
    """Without a will, the flags of a CONNECT say nothing about one."""
    if connect.will is not None:
        connection.unprepared("the client was told no will, and has one")
    if connect.connect_flags is not None and connect.connect_flags & 0x38:
        connection.violated("Will QoS 0 and Will Retain 0, as there is no will", describe(connect))


@case(v311("3.1.2-11"), v311("3.1.2-13"), v311("3.1.2-15"), v5("3.1.2-11"), v5("3.1.2-13"), needs=("not will",))
async def a_client_without_will_leaves_will_qos_and_retain_0(client: Client) -> None:
    connection = await client.arrives()
    _none(connection, await connection.begins())


@case(v311("3.1.2-11"), v311("3.1.2-13"), v311("3.1.2-15"), v5("3.1.2-11"), v5("3.1.2-13"), needs=("orders",))
async def without_a_will_will_qos_and_retain_are_0(client: Client) -> None:
    connection = await client.arrives()
    _none(connection, await connection.begins())


@case(
    v311("3.1.2-11"),
    v311("3.1.2-13"),
    v311("3.1.2-15"),
    v5("3.1.2-11"),
    v5("3.1.2-13"),
    needs=(*_NEEDS, "orders"),
)
async def nothing_of_a_will_is_left_on_the_next_connection(client: Client) -> None:
    await client.connected(will=Will(client.topic("will"), b"x", 1, True))
    again = await client.arrives()
    _none(again, await again.begins())
