"""The fixed header: MQTT 3.1.1 section 2.2, MQTT 5.0 section 2.1: packet types, flags, remaining length."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.findings import Inconclusive
from testbed.mqtt.broker import Broker
from testbed.mqtt.codec import describe
from testbed.mqtt.packets import (
    Connack,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Raw,
    Suback,
    Unsuback,
)
from testbed.mqtt.scripted_client import Client


def _but(right: int) -> dict[str, int]:
    """Every value that differs from `right` in one bit, and the one that differs in all."""
    return {f"flags {right ^ bits:04b}": right ^ bits for bits in (1, 2, 4, 8, 15)}


BUT_0000 = _but(0b0000)


async def _in_flight(broker: Broker, qos: int) -> tuple[Client, Publish]:
    """A client that has acknowledged one message properly and now has another of the same kind in hand."""
    client = await broker.subscriber(broker.topic(), qos=qos)
    publisher = await broker.connected()
    for payload in (b"twin", b"x"):
        await publisher.published(broker.topic(), payload, qos=qos)
    for payload in (b"twin", b"x"):
        message = await client.maybe(Publish, lambda p, wanted=payload: p.payload == wanted)
        if message is None or message.packet_id is None:
            client.unprepared(f"a message with QoS {qos} was to be delivered")
        if payload == b"twin":
            await client.accept(message)
    return client, message


@case(v311("2.2.2-2"), v5("2.1.3-1"), v5("4.13.1-1"), rows=BUT_0000)
async def connect_with_wrong_flags_is_refused(broker: Broker, flags: int) -> None:
    client = await broker.opened()
    await client.send(broker.connect(flags=flags))
    await client.is_refused(because=f"as its fixed header has the flags {flags:04b}")


@case(v311("2.2.2-2"), v5("2.1.3-1"), v5("4.13.1-1"), rows=BUT_0000)
async def pingreq_with_wrong_flags_closes_the_connection(broker: Broker, flags: int) -> None:
    client = await broker.connected()
    await client.settled()
    await client.send(Pingreq(flags=flags))
    await client.is_closed_by_broker(because=f"after a PINGREQ with the flags {flags:04b}")


@case(v311("2.2.2-2"), v5("2.1.3-1"), v5("4.13.1-1"), needs=("qos-1",), rows=BUT_0000)
async def puback_with_wrong_flags_closes_the_connection(broker: Broker, flags: int) -> None:
    client, message = await _in_flight(broker, 1)
    await client.send(Puback(message.packet_id or 0, flags=flags))
    await client.is_closed_by_broker(because=f"after a PUBACK with the flags {flags:04b}")


@case(v311("2.2.2-2"), v5("2.1.3-1"), v5("4.13.1-1"), needs=("qos-2",), rows=BUT_0000)
async def pubrec_with_wrong_flags_closes_the_connection(broker: Broker, flags: int) -> None:
    client, message = await _in_flight(broker, 2)
    await client.send(Pubrec(message.packet_id or 0, flags=flags))
    await client.is_closed_by_broker(because=f"after a PUBREC with the flags {flags:04b}")


@case(v311("2.2.2-2"), v5("2.1.3-1"), v5("4.13.1-1"), needs=("qos-2",), rows=BUT_0000)
async def pubcomp_with_wrong_flags_closes_the_connection(broker: Broker, flags: int) -> None:
    client, message = await _in_flight(broker, 2)
    await client.send(Pubrec(message.packet_id or 0))
    if await client.maybe(Pubrel) is None:
        client.unprepared("PUBREC was not answered by PUBREL")
    await client.send(Pubcomp(message.packet_id or 0, flags=flags))
    await client.is_closed_by_broker(because=f"after a PUBCOMP with the flags {flags:04b}")


@case(v311("2.2.2-1"), v5("2.1.3-1"), needs=("qos-2",))
async def every_packet_of_the_server_has_the_flags_of_its_type(broker: Broker) -> None:
    client = await broker.subscriber(broker.topic(), qos=2)
    await client.published(broker.topic(), b"x", qos=1)
    await client.published(broker.topic(), b"x", qos=2)
    for _ in range(2):
        await client.message(broker.topic())
    await client.unsubscribed(broker.topic())
    await client.settled()
    seen = [packet for _, packet in client.received if not isinstance(packet, Publish)]
    for packet in seen:
        if getattr(packet, "flags", 0) is not None:
            client.violated("the reserved flags as the standard lists them", describe(packet))
    missing = {Connack, Suback, Puback, Pubrec, Pubrel, Pubcomp, Unsuback, Pingresp} - {type(p) for p in seen}
    if missing:
        raise Inconclusive(f"{', '.join(sorted(kind.kind for kind in missing))} did not come")


@case(
    v311("4.8.0-1"),
    v5("4.13.1-1"),
    rows={"empty": Raw(0x00), "with a body": Raw(0x00, b"\0\1"), "with flags": Raw(0x02, b"\0\1")},
)
async def packet_type_0_closes_the_connection(broker: Broker, packet: Raw) -> None:
    client = await broker.connected()
    await client.settled()
    await client.send(packet)
    await client.is_closed_by_broker(because="after a packet of type 0, which is forbidden")


@case(v311("4.8.0-1"), rows={"empty": Raw(0xF0), "with a body": Raw(0xF0, b"\0\0")})
async def packet_type_15_closes_the_connection(broker: Broker, packet: Raw) -> None:
    """AUTH in 5.0; in 3.1.1 it is forbidden."""
    client = await broker.connected()
    await client.settled()
    await client.send(packet)
    await client.is_closed_by_broker(because="after a packet of type 15, which 3.1.1 forbids")


def _from_a_server(kind: str, v5_: bool) -> Packet:
    if kind == "CONNACK":
        return Connack()
    if kind == "SUBACK":
        return Suback(1, (0,))
    return Unsuback(1, (0,) if v5_ else ()) if kind == "UNSUBACK" else Pingresp()


@case(
    v311("4.8.0-1"),
    v5("4.13.1-1"),
    rows={kind: kind for kind in ("CONNACK", "SUBACK", "UNSUBACK", "PINGRESP")},
)
async def a_packet_that_only_servers_send_closes_the_connection(broker: Broker, kind: str) -> None:
    client = await broker.connected()
    await client.settled()
    await client.send(_from_a_server(kind, broker.v5))
    await client.is_closed_by_broker(because=f"after {kind}, which flows from server to client only")


@case(
    v311("4.8.0-1"),
    v5("4.13.1-1"),
    rows={
        "PINGREQ of value 0": Raw(0xC0, b"", b"\x80\x80\x80\x80\x00"),
        "PINGREQ of value 2^28": Raw(0xC0, b"", b"\x80\x80\x80\x80\x01"),
        "PUBLISH": Raw(0x30, b"\0\1ax" * 64, b"\xff\xff\xff\xff\x7f"),
        "never ends": Raw(0x30, b"\xff" * 64, b"\xff\xff\xff\xff\xff\xff"),
    },
)
async def a_remaining_length_of_more_than_four_bytes_closes_the_connection(broker: Broker, packet: Raw) -> None:
    client = await broker.connected()
    await client.settled()
    await client.send(packet)
    await client.is_closed_by_broker(because="after a Remaining Length that does not end after four bytes")
