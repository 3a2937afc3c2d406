"""Packets from the server that break the protocol: MQTT 3.1.1 sections 2.2.2, 3.3.1 and 4.8.

MQTT 5.0 binds only servers to close then (section 4.13.1); of clients it says that they should.
"""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v311
from testbed.mqtt.client import Client
from testbed.mqtt.packets import (
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Raw,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
)
from testbed.mqtt.wire import text

_BUT_0000 = {f"flags {bits:04b}": bits for bits in (1, 2, 4, 8, 15)}
_BUT_0010 = {f"flags {bits:04b}": bits for bits in (0, 3, 6, 10, 13)}
_WRONG = "as its fixed header has the flags"


# -- reserved flags, after the client has taken the packet's proper twin


@case(v311("2.2.2-2"), needs=("subscribe",), rows=_BUT_0000)
async def suback_with_wrong_flags_closes_the_connection(client: Client, flags: int) -> None:
    connection, subscribe = await client.subscribing()
    await connection.send(Suback(subscribe.packet_id, (0,), flags=flags))
    await connection.is_closed_by_client(because=f"{_WRONG} {flags:04b}")


@case(v311("2.2.2-2"), needs=("subscribe", "orders"), rows=_BUT_0000)
async def unsuback_with_wrong_flags_closes_the_connection(client: Client, flags: int) -> None:
    connection = await client.subscribed()
    unsubscribe = await client.unsubscribing(connection, client.topic())
    await connection.send(Unsuback(unsubscribe.packet_id, flags=flags))
    await connection.is_closed_by_client(because=f"{_WRONG} {flags:04b}")


@case(v311("2.2.2-2"), needs=("publish", "qos-1"), rows=_BUT_0000)
async def puback_with_wrong_flags_closes_the_connection(client: Client, flags: int) -> None:
    connection, publish = await client.publishing(qos=1)
    await connection.send(Puback(publish.packet_id or 0, flags=flags))
    await connection.is_closed_by_client(because=f"{_WRONG} {flags:04b}")


@case(v311("2.2.2-2"), needs=("publish", "qos-2"), rows=_BUT_0000)
async def pubrec_with_wrong_flags_closes_the_connection(client: Client, flags: int) -> None:
    connection, publish = await client.publishing(qos=2)
    await connection.send(Pubrec(publish.packet_id or 0, flags=flags))
    await connection.is_closed_by_client(because=f"{_WRONG} {flags:04b}")


@case(v311("2.2.2-2"), needs=("publish", "qos-2"), rows=_BUT_0000)
async def pubcomp_with_wrong_flags_closes_the_connection(client: Client, flags: int) -> None:
    connection, publish = await client.publishing(qos=2)
    await connection.send(Pubrec(publish.packet_id or 0))
    await client.sent(connection, Pubrel)
    await connection.send(Pubcomp(publish.packet_id or 0, flags=flags))
    await connection.is_closed_by_client(because=f"{_WRONG} {flags:04b}")


@case(v311("2.2.2-2"), needs=("subscribe", "qos-2"), rows=_BUT_0010)
async def pubrel_with_wrong_flags_closes_the_connection(client: Client, flags: int) -> None:
    connection = await client.subscribed(qos=2)
    await connection.send(Publish(client.topic(), b"x", 2, packet_id=3))
    if await connection.maybe(Pubrec) is None:
        connection.unprepared("PUBLISH with QoS 2 was not answered by PUBREC", cause="no answer to QoS 2")
    await connection.send(Pubrel(3, flags=flags))
    await connection.is_closed_by_client(because=f"{_WRONG} {flags:04b}")


@case(v311("3.3.1-4"), needs=("subscribe", "qos-1"))
async def publish_with_qos_3_closes_the_connection(client: Client) -> None:
    connection = await client.subscribed(qos=1)
    await connection.deliver(client.topic(), b"twin", 1)
    await connection.send(Publish(client.topic(), b"x", 3, packet_id=9))
    await connection.is_closed_by_client(because="after a PUBLISH with both QoS bits set")


# -- packets that cannot be read


@case(
    v311("4.8.0-1"),
    needs=("subscribe", "qos-1"),
    rows={
        "PUBLISH empty": Raw(0x30),
        "PUBLISH with half a length": Raw(0x30, b"\0"),
        "PUBLISH whose topic is cut short": Raw(0x30, b"\0\5ab"),
        "PUBLISH with QoS 1 without packet id": Raw(0x32, text("t")),
        "PUBACK empty": Raw(0x40),
        "PUBACK with half a packet id": Raw(0x40, b"\0"),
        "PUBREL empty": Raw(0x62),
        "SUBACK without packet id": Raw(0x90),
        "UNSUBACK without packet id": Raw(0xB0),
        "PINGRESP with a body": Raw(0xD0, b"\0"),
        "remaining length of five bytes": b"\x30\xff\xff\xff\xff\x01",
        "type 0": Raw(0x00),
        "type 15": Raw(0xF0),
    },
)
async def a_packet_that_cannot_be_read_closes_the_connection(client: Client, packet: Raw | bytes) -> None:
    connection = await client.subscribed(qos=1)
    await connection.deliver(client.topic(), b"twin", 1)
    await connection.send(packet)
    await connection.is_closed_by_client(because="after a packet that cannot be read")


@case(
    v311("4.8.0-1"),
    needs=("subscribe", "qos-1"),
    rows={
        "CONNECT": Connect("x"),
        "SUBSCRIBE": Subscribe(1, (Subscription("t"),)),
        "UNSUBSCRIBE": Unsubscribe(1, ("t",)),
        "PINGREQ": Pingreq(),
        "DISCONNECT": Disconnect(),
    },
)
async def a_packet_that_only_clients_send_closes_the_connection(client: Client, packet: Packet) -> None:
    connection = await client.subscribed(qos=1)
    await connection.deliver(client.topic(), b"twin", 1)
    await connection.send(packet)
    await connection.is_closed_by_client(because="after a packet that goes from client to server only")


@case(
    v311("4.8.0-1"),
    needs=("subscribe", "qos-1", "told"),
    rows={
        "of QoS 1": Publish("t", b"x", 1, packet_id=0),
        "of QoS 2": Publish("t", b"x", 2, packet_id=0),
    },
)
async def publish_with_packet_identifier_0_closes_the_connection(client: Client, packet: Publish) -> None:
    """It must be non-zero [MQTT-2.3.1-1]."""
    connection = await client.subscribed("t", qos=1)
    await connection.deliver("t", b"twin", 1)
    await connection.send(packet)
    await connection.is_closed_by_client(because="after a packet identifier of 0")


@case(v311("4.8.0-1"), needs=("subscribe", "qos-1", "told"), rows={"+": "a/+", "#": "a/#"})
async def publish_to_a_wildcard_closes_the_connection(client: Client, topic: str) -> None:
    connection = await client.subscribed("a/#", qos=1)
    await connection.deliver("a/b", b"twin", 1)
    await connection.send(Publish(topic, b"x", 1, packet_id=9))
    await connection.is_closed_by_client(because=f"after a PUBLISH to {topic!r}, a topic with a wildcard")


@case(v311("4.8.0-1"), needs=("subscribe",), rows={"0x03": 3, "0x7F": 0x7F, "0x81": 0x81, "0xFF": 0xFF})
async def suback_with_a_reserved_return_code_closes_the_connection(client: Client, code: int) -> None:
    """Only 0x00, 0x01, 0x02 and 0x80 may be used [MQTT-3.9.3-2]."""
    connection, subscribe = await client.subscribing()
    await connection.send(Suback(subscribe.packet_id, (code,)))
    await connection.is_closed_by_client(because=f"after a SUBACK with the reserved code 0x{code:02X}")


# -- strings


_ILL = {
    "a lone continuation byte": b"a\x80",
    "a surrogate": b"\xed\xa0\x80",
    "an overlong slash": b"\xc0\xaf",
    "a start without its rest": b"a\xe2\x82",
    "beyond U+10FFFF": b"\xf4\x90\x80\x80",
    "byte FF": b"\xff",
}


@case(v311("1.5.3-1"), needs=("subscribe", "qos-1", "told"), rows=_ILL)
async def a_topic_of_ill_formed_utf_8_closes_the_connection(client: Client, topic: bytes) -> None:
    connection = await client.subscribed("#", qos=1)
    await connection.deliver("twin", b"x", 1)
    await connection.send(Publish(topic, b"x", 1, packet_id=9))
    await connection.is_closed_by_client(because="after a topic of ill-formed UTF-8")


@case(v311("1.5.3-2"), needs=("subscribe", "qos-1", "told"))
async def a_topic_with_u_0000_closes_the_connection(client: Client) -> None:
    connection = await client.subscribed("#", qos=1)
    await connection.deliver("twin", b"x", 1)
    await connection.send(Publish("a\0b", b"x", 1, packet_id=9))
    await connection.is_closed_by_client(because="after a topic with U+0000")
