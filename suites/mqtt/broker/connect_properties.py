"""Improper properties of CONNECT and of its will: MQTT 5.0, sections 3.1.2.11 and 3.1.3.2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from msgspec.structs import replace

from harness.case import case
from suites.mqtt import v5
from testbed.mqtt.broker import Broker
from testbed.mqtt.codec import encode
from testbed.mqtt.packets import (
    Raw,
    Will,
)
from testbed.mqtt.properties import Property, props


class Improper(NamedTuple):
    """Properties no CONNECT (or will) may have, and their proper twin."""

    wrong: Mapping[Property, Any]
    proper: Mapping[Property, Any]


def _twice(name: Property, value: Any) -> Improper:
    return Improper({name: [value, value]}, {name: value})


_NONE: Mapping[Property, Any] = {}

#: 5.0 section 3.1.2.11 and table 2-4.
OF_CONNECT = {
    "session-expiry-interval-twice": _twice(Property.SESSION_EXPIRY_INTERVAL, 1),
    "receive-maximum-twice": _twice(Property.RECEIVE_MAXIMUM, 10),
    "receive-maximum-0": Improper({Property.RECEIVE_MAXIMUM: 0}, {Property.RECEIVE_MAXIMUM: 1}),
    "maximum-packet-size-twice": _twice(Property.MAXIMUM_PACKET_SIZE, 1000),
    "maximum-packet-size-0": Improper({Property.MAXIMUM_PACKET_SIZE: 0}, {Property.MAXIMUM_PACKET_SIZE: 1000}),
    "topic-alias-maximum-twice": _twice(Property.TOPIC_ALIAS_MAXIMUM, 5),
    "request-response-information-twice": _twice(Property.REQUEST_RESPONSE_INFORMATION, 0),
    "request-response-information-2": Improper(
        {Property.REQUEST_RESPONSE_INFORMATION: 2}, {Property.REQUEST_RESPONSE_INFORMATION: 1}
    ),
    "request-problem-information-twice": _twice(Property.REQUEST_PROBLEM_INFORMATION, 1),
    "request-problem-information-2": Improper(
        {Property.REQUEST_PROBLEM_INFORMATION: 2}, {Property.REQUEST_PROBLEM_INFORMATION: 1}
    ),
    "authentication-data-without-method": Improper({Property.AUTHENTICATION_DATA: b"data"}, _NONE),
    "topic-alias": Improper({Property.TOPIC_ALIAS: 1}, _NONE),
    "subscription-identifier": Improper({Property.SUBSCRIPTION_IDENTIFIER: 1}, _NONE),
    "assigned-client-identifier": Improper({Property.ASSIGNED_CLIENT_IDENTIFIER: "id"}, _NONE),
    "server-keep-alive": Improper({Property.SERVER_KEEP_ALIVE: 60}, _NONE),
    "reason-string": Improper({Property.REASON_STRING: "why"}, _NONE),
    "will-delay-interval-outside-the-will": Improper({Property.WILL_DELAY_INTERVAL: 1}, _NONE),
    "payload-format-indicator-outside-the-will": Improper({Property.PAYLOAD_FORMAT_INDICATOR: 1}, _NONE),
    "user-property-that-is-not-utf-8": Improper(
        {Property.USER_PROPERTY: (b"name\xff", "value")}, {Property.USER_PROPERTY: ("name", "value")}
    ),
}

#: 5.0 section 3.1.3.2 and table 2-4.
OF_WILL = {
    "will-delay-interval-twice": _twice(Property.WILL_DELAY_INTERVAL, 0),
    "payload-format-indicator-twice": _twice(Property.PAYLOAD_FORMAT_INDICATOR, 1),
    "message-expiry-interval-twice": _twice(Property.MESSAGE_EXPIRY_INTERVAL, 60),
    "content-type-twice": _twice(Property.CONTENT_TYPE, "text"),
    "response-topic-twice": _twice(Property.RESPONSE_TOPIC, "answer"),
    "correlation-data-twice": _twice(Property.CORRELATION_DATA, b"1"),
    "session-expiry-interval": Improper({Property.SESSION_EXPIRY_INTERVAL: 1}, _NONE),
    "topic-alias": Improper({Property.TOPIC_ALIAS: 1}, _NONE),
    "subscription-identifier": Improper({Property.SUBSCRIPTION_IDENTIFIER: 1}, _NONE),
}

#: The property block of a CONNECT byte by byte: length, then content.
BLOCKS = {
    "unknown-identifier": b"\x02\x7f\x00",
    "length-beyond-the-packet": b"\x7f",
    "length-that-cuts-a-property": b"\x04\x11\x00\x00\x00\x01",
    "length-in-more-bytes-than-needed": b"\x80\x00",
    "length-of-five-bytes": b"\x80\x80\x80\x80\x00",
    "ends-in-a-value": b"\x03\x11\x00\x00",
}


@case(v5("3.1.4-1"), rows=OF_CONNECT)
async def an_improper_property_closes_the_connection(broker: Broker, row: Improper) -> None:
    client = await broker.opened(broker.connect(properties=row.proper))
    await client.send(broker.connect(properties=row.wrong))
    await client.is_refused(because="whose properties are improper")


@case(v5("3.1.4-1"), rows=OF_WILL)
async def an_improper_will_property_closes_the_connection(broker: Broker, row: Improper) -> None:
    topic = broker.topic("will")
    proper = broker.connect(will=Will(topic, b"gone", properties=props(row.proper)))
    client = await broker.opened(proper)
    await client.send(replace(proper, will=Will(topic, b"gone", properties=props(row.wrong))))
    await client.is_refused(because="whose will has improper properties")


@case(v5("3.1.4-1"), rows=BLOCKS)
async def a_malformed_property_block_closes_the_connection(broker: Broker, block: bytes) -> None:
    """The block stands between Keep Alive and the payload; the proper CONNECT has an empty one."""
    frame = encode(broker.connect(), broker.version)
    client = await broker.opened()
    await client.send(Raw(0x10, frame[2:12] + block + frame[13:]))
    await client.is_refused(because="whose property block is malformed")
