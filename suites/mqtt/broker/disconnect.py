"""DISCONNECT: MQTT 3.1.1 and 5.0, section 3.14; how a server ends a connection: 5.0 section 4.13.2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.case import case
from suites.mqtt import v5, v311
from testbed.findings import Inconclusive
from testbed.mqtt.broker import Broker
from testbed.mqtt.codec import describe, encode
from testbed.mqtt.packets import (
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Publish,
    Raw,
    Subscribe,
    Subscription,
    Will,
)
from testbed.mqtt.properties import Property
from testbed.mqtt.reasons import ALLOWED_FROM_SERVER, Reason
from testbed.mqtt.scripted_client import Client


async def _with_will(broker: Broker, payload: bytes, **options: Any) -> Client:
    return await broker.connected(will=Will(broker.topic("will"), payload), **options)


async def _will_comes(broker: Broker, watcher: Client, payload: bytes, because: str) -> None:
    await watcher.expect(Publish, lambda p: p.payload == payload, because=f"with the will {payload!r}, {because}")


# -- the client's DISCONNECT


@case(
    v311("3.14.1-1"),
    v311("2.2.2-2"),
    v5("3.14.1-1"),
    v5("2.1.3-1"),
    rows={f"flags {flags:04b}": flags for flags in (0b0001, 0b0010, 0b0100, 0b1000, 0b1111)},
)
async def a_disconnect_with_wrong_flags_is_an_error(broker: Broker, flags: int) -> None:
    """The connection ends after any DISCONNECT; that this one was found wrong shows by the will, which an error
    sends and a proper DISCONNECT discards [MQTT-3.1.2-8]."""
    watcher = await broker.subscriber(broker.topic("will"))
    client = await _with_will(broker, b"x")
    await client.send(Disconnect(flags=flags))
    await client.is_closed_by_broker(because=f"after a DISCONNECT with the flags {flags:04b}")
    await _will_comes(broker, watcher, b"x", "as a DISCONNECT with reserved bits set discards none")


@case(v311("3.14.4-3"), v311("3.1.2-10"), v5("3.14.4-3"), v5("3.1.2-10"))
async def disconnect_discards_the_will(broker: Broker) -> None:
    """The will of a client that then dies without DISCONNECT is the marker: it comes, and comes first."""
    watcher = await broker.subscriber(broker.topic("will"))
    client = await _with_will(broker, b"discarded")
    await client.disconnect()
    marker = await _with_will(broker, b"marker")
    marker.drop()
    await watcher.message(broker.topic("will"), payload=b"marker", because="as the will before it is discarded")
    await watcher.receives_no(because="beside the will of the client that died")


@case(
    v5("3.14.4-3"),
    rows={
        "code 0": Disconnect(form="code"),
        "code 0, no properties": Disconnect(form="full"),
        "Reason String": Disconnect(properties=((Property.REASON_STRING, "bye"),)),
        "User Property": Disconnect(properties=((Property.USER_PROPERTY, ("a", "b")),)),
    },
)
async def disconnect_with_code_0_in_any_form_discards_the_will(broker: Broker, packet: Disconnect) -> None:
    watcher = await broker.subscriber(broker.topic("will"))
    client = await _with_will(broker, b"discarded")
    await client.send(packet)
    client.close()
    await client.until(lambda: client.ended_at)
    marker = await _with_will(broker, b"marker")
    marker.drop()
    await watcher.message(broker.topic("will"), payload=b"marker", because="as the will before it is discarded")
    await watcher.receives_no(because="beside the will of the client that died")


@case(
    v5("3.1.2-8"),
    rows={
        "0x04 with the will": Reason.DISCONNECT_WITH_WILL_MESSAGE,
        "0x80 unspecified error": Reason.UNSPECIFIED_ERROR,
        "0x81 malformed packet": Reason.MALFORMED_PACKET,
    },
)
async def disconnect_with_another_code_sends_the_will(broker: Broker, code: int) -> None:
    watcher = await broker.subscriber(broker.topic("will"))
    client = await _with_will(broker, b"x")
    await client.send(Disconnect(code))
    client.close()
    await _will_comes(broker, watcher, b"x", f"as DISCONNECT with 0x{code:02X} does not discard it")


@case(v5("3.1.2-8"), v5("4.13.1-1"), needs=("session-expiry",))
async def a_disconnect_that_would_prolong_an_ended_session_is_an_error(broker: Broker) -> None:
    """Section 3.14.2.2.2: after a CONNECT with Session Expiry 0, a DISCONNECT with more is not treated as a valid
    one, so it discards no will."""
    watcher = await broker.subscriber(broker.topic("will"))
    client = await _with_will(broker, b"x")
    await client.send(Disconnect(properties=((Property.SESSION_EXPIRY_INTERVAL, 60),)))
    await client.is_closed_by_broker(because="after a DISCONNECT that prolongs a session of interval 0")
    await _will_comes(broker, watcher, b"x", "as this DISCONNECT is not a valid one")


# -- the server's DISCONNECT


async def _second_connect(broker: Broker, client: Client) -> None:
    await client.send(broker.connect(client.id))


async def _taken_over(broker: Broker, client: Client) -> None:
    await broker.connected(client.id)


async def _wrong_flags(broker: Broker, client: Client) -> None:
    await client.send(Subscribe(client.next_id(), (Subscription(broker.topic()),), flags=0b1111))


async def _type_0(broker: Broker, client: Client) -> None:
    await client.send(Raw(0x00))


async def _ill_topic(broker: Broker, client: Client) -> None:
    await client.send(Publish(broker.topic().encode() + b"\xff", b"x"))


async def _alias_0(broker: Broker, client: Client) -> None:
    await client.send(Publish(broker.topic(), b"x", properties=((Property.TOPIC_ALIAS, 0),)))


#: What makes a server end a connection, in more than one place of its code.
PROVOCATIONS = {
    "second CONNECT": _second_connect,
    "session taken over": _taken_over,
    "wrong flags": _wrong_flags,
    "packet type 0": _type_0,
    "ill-formed topic": _ill_topic,
    "topic alias 0": _alias_0,
}


async def _provoked(broker: Broker, provoke: Any, properties: Mapping[Property, int] | None = None) -> Client:
    """A client whose connection the broker has ended, with or without DISCONNECT. Inconclusive when it did
    neither; to end it without a word is allowed."""
    client = await broker.connected(properties=properties or {})
    await provoke(broker, client)
    await client.until(lambda: client.ended_at)
    if client.ended_at is None and client.take(Disconnect) is None:
        raise Inconclusive(f"the broker did not end the connection: {client.what_came()}", cause="no closure")
    return client


def _said(client: Client) -> list[Packet]:
    return [packet for _, packet in client.received]


def _disconnects(client: Client) -> list[Disconnect]:
    return [packet for packet in _said(client) if isinstance(packet, Disconnect)]


@case(v5("3.14.4-1"), v5("3.14.4-2"), v5("4.13.2-1"), rows=PROVOCATIONS)
async def nothing_follows_the_servers_disconnect_but_the_end(broker: Broker, provoke: Any) -> None:
    client = await _provoked(broker, provoke)
    said = _said(client)
    for at, packet in enumerate(said):
        if isinstance(packet, Disconnect) and said[at + 1 :]:
            client.violated("nothing after the DISCONNECT of the server", describe(said[at + 1]))
    if client.ended_at is None:
        client.violated("the connection closed after the DISCONNECT of the server", "connection open")


@case(v5("3.14.2-1"), rows=PROVOCATIONS)
async def the_servers_disconnect_has_a_listed_code(broker: Broker, provoke: Any) -> None:
    client = await _provoked(broker, provoke)
    for packet in _disconnects(client):
        if packet.code not in ALLOWED_FROM_SERVER["DISCONNECT"]:
            client.violated("a DISCONNECT reason code that a server may send (table 3-10)", describe(packet))


@case(v5("3.14.2-2"), rows=PROVOCATIONS)
async def the_servers_disconnect_has_no_session_expiry(broker: Broker, provoke: Any) -> None:
    client = await _provoked(broker, provoke, {Property.SESSION_EXPIRY_INTERVAL: 1})
    for packet in _disconnects(client):
        if any(name == Property.SESSION_EXPIRY_INTERVAL for name, _ in packet.properties):
            client.violated("a DISCONNECT of the server without Session Expiry Interval", describe(packet))


@case(v5("3.14.2-3"), v5("3.14.2-4"), v5("3.1.2-24"), rows=PROVOCATIONS)
async def the_servers_disconnect_stays_within_the_clients_packet_size(broker: Broker, provoke: Any) -> None:
    """The size that the CONNACK needs; no DISCONNECT with a text of any length fits into what is left to it."""
    probe = await broker.connected()
    assert probe.connack is not None
    size = len(encode(probe.connack, broker.version)) + 8
    client = await _provoked(broker, provoke, {Property.MAXIMUM_PACKET_SIZE: size})
    for packet in _disconnects(client):
        length = len(encode(packet, broker.version))
        if length > size:
            client.violated(f"a DISCONNECT within {size} bytes", f"{length} bytes: {describe(packet)}")


async def _before_success(broker: Broker, first: Packet) -> None:
    client = await broker.opened()
    await client.send(first)
    await client.until(lambda: client.ended_at)
    for packet in _disconnects(client):
        client.violated("no DISCONNECT before a CONNACK that accepts", describe(packet))
    if client.take(Connack, lambda p: p.code == 0):
        raise Inconclusive("the broker accepts this CONNECT", cause="bad CONNECT accepted")
    if client.ended_at is None:
        # It may wait for more; then another client shows that it lives.
        await broker.connected()


@case(
    v5("3.14.0-1"),
    v5("3.2.0-1"),
    rows={
        "PINGREQ": Pingreq(),
        "PUBLISH": Publish("t", b"x"),
        "SUBSCRIBE": Subscribe(1, (Subscription("t"),)),
        "type 0": Raw(0x00),
    },
)
async def no_disconnect_answers_a_first_packet_that_is_no_connect(broker: Broker, first: Packet) -> None:
    await _before_success(broker, first)


@case(
    v5("3.14.0-1"),
    v5("3.2.0-1"),
    rows={
        "reserved flag": {"reserved": True},
        "version 77": {"protocol_level": 77},
        "unknown method": {"properties": {Property.AUTHENTICATION_METHOD: "no such method"}},
        "Receive Maximum 0": {"properties": {Property.RECEIVE_MAXIMUM: 0}},
        "a property of PUBLISH": {"properties": {Property.TOPIC_ALIAS: 1}},
        "Will QoS 3": {"will": Will("t", b"x", qos=3)},
    },
)
async def no_disconnect_answers_a_connect_that_is_refused(broker: Broker, fields: dict[str, Any]) -> None:
    await _before_success(broker, broker.connect(**fields))


@case(
    v5("4.13.2-1"),
    rows={
        "version 77": {"protocol_level": 77},
        "unknown method": {"properties": {Property.AUTHENTICATION_METHOD: "no such method"}},
        "Receive Maximum 0": {"properties": {Property.RECEIVE_MAXIMUM: 0}},
        "reserved flag": {"reserved": True},
    },
)
async def a_connack_of_0x80_or_more_is_followed_by_the_end(broker: Broker, fields: dict[str, Any]) -> None:
    client = await broker.opened()
    refused: Connect = broker.connect(**fields)
    await client.send(refused)
    connack = await client.maybe(Connack)
    if connack is not None and connack.code < 0x80:
        raise Inconclusive("the broker accepts this CONNECT", cause="bad CONNECT accepted")
    await client.is_closed_by_broker(because="after it refused the CONNECT, with or without a CONNACK")
