"""PUBACK, PUBREC, PUBREL and PUBCOMP: MQTT 3.1.1 and 5.0, sections 3.4 to 3.7. The flows they belong to are in
`qos1.py` and `qos2.py`."""

from __future__ import annotations

from typing import Any, TypeVar

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.broker import Broker
from testbed.mqtt.codec import describe, encode
from testbed.mqtt.packets import Packet, Puback, Pubcomp, Publish, Pubrec, Pubrel
from testbed.mqtt.properties import Property, props
from testbed.mqtt.reasons import ALLOWED
from testbed.mqtt.scripted_client import Client

Ack = Puback | Pubrec | Pubrel | Pubcomp
A = TypeVar("A", Puback, Pubrec, Pubrel, Pubcomp)


def _listed(client: Client, packet: Ack) -> None:
    """The reason code is one of the table of its packet."""
    if packet.code not in ALLOWED[packet.kind]:
        client.violated(f"{packet.kind} with a reason code of its table", describe(packet))


async def _answer(client: Client, kind: type[A], number: int) -> A:
    """Set-up: the acknowledgement `kind` of `number` comes."""
    packet = await client.maybe(kind, lambda p: p.packet_id == number)
    if packet is None:
        client.unprepared(f"no {kind.kind} for packet {number}")
    return packet


async def _released(broker: Broker, subscriber: Client) -> Pubrel:
    """Set-up: a QoS 2 message reaches `subscriber` and its PUBREC is answered by this PUBREL."""
    publisher = await broker.connected()
    await publisher.published(broker.topic(), b"x", qos=2)
    number = (await subscriber.delivered(broker.topic())).packet_id or 0
    await subscriber.send(Pubrec(number))
    return await _answer(subscriber, Pubrel, number)


async def _publisher(broker: Broker, listened: bool, topic: str, **options: Any) -> Client:
    """A publisher to a topic to which somebody or nobody listens: reason codes may differ."""
    if listened:
        await broker.subscriber(topic)
    return await broker.connected(**options)


LISTENERS = {"somebody-listens": True, "nobody-listens": False}

# -- reason codes


@case(v5("3.4.2-1"), needs=("qos-1",), rows=LISTENERS)
async def puback_has_a_reason_code_of_its_table(broker: Broker, listened: bool) -> None:
    topic = broker.topic()
    publisher = await _publisher(broker, listened, topic)
    await publisher.send(Publish(topic, b"x", 1, packet_id=1))
    _listed(publisher, await _answer(publisher, Puback, 1))


@case(v5("3.5.2-1"), needs=("qos-2",), rows=LISTENERS)
async def pubrec_has_a_reason_code_of_its_table(broker: Broker, listened: bool) -> None:
    topic = broker.topic()
    publisher = await _publisher(broker, listened, topic)
    await publisher.send(Publish(topic, b"x", 2, packet_id=1))
    _listed(publisher, await _answer(publisher, Pubrec, 1))


@case(v5("3.6.2-1"), needs=("qos-2",))
async def pubrel_has_a_reason_code_of_its_table(broker: Broker) -> None:
    subscriber = await broker.subscriber(broker.topic(), qos=2)
    _listed(subscriber, await _released(broker, subscriber))


@case(v5("3.7.2-1"), needs=("qos-2",), rows={"of-a-message": True, "of-nothing": False})
async def pubcomp_has_a_reason_code_of_its_table(broker: Broker, known: bool) -> None:
    publisher = await broker.connected()
    if known:
        await publisher.send(Publish(broker.topic(), b"x", 2, packet_id=1))
        await _answer(publisher, Pubrec, 1)
    await publisher.send(Pubrel(1))
    _listed(publisher, await _answer(publisher, Pubcomp, 1))


# -- Reason String and User Property within the client's Maximum Packet Size


async def _limit(broker: Broker, *packets: Packet) -> int:
    """A small Maximum Packet Size in which the broker's CONNACK and `packets` have room."""
    twin = await broker.connected()
    sizes = [len(encode(packet, broker.version)) for packet in (twin.connack, *packets) if packet is not None]
    return max(sizes) + 8


def _tight(limit: int) -> dict[str, Any]:
    return {"properties": {Property.MAXIMUM_PACKET_SIZE: limit}}


def _fits(client: Client, packet: Ack, limit: int) -> None:
    size = len(encode(packet, client.version))
    if size > limit:
        client.violated(f"a {packet.kind} within the Maximum Packet Size of {limit}", f"{size}: {describe(packet)}")


@case(v5("3.4.2-2"), v5("3.4.2-3"), needs=("qos-1",), rows=LISTENERS)
async def puback_keeps_to_the_maximum_packet_size(broker: Broker, listened: bool) -> None:
    topic, limit = broker.topic(), await _limit(broker)
    publisher = await _publisher(broker, listened, topic, **_tight(limit))
    await publisher.send(Publish(topic, b"x", 1, packet_id=1))
    _fits(publisher, await _answer(publisher, Puback, 1), limit)


@case(v5("3.5.2-2"), v5("3.5.2-3"), needs=("qos-2",), rows=LISTENERS)
async def pubrec_keeps_to_the_maximum_packet_size(broker: Broker, listened: bool) -> None:
    topic, limit = broker.topic(), await _limit(broker)
    publisher = await _publisher(broker, listened, topic, **_tight(limit))
    await publisher.send(Publish(topic, b"x", 2, packet_id=1))
    _fits(publisher, await _answer(publisher, Pubrec, 1), limit)


@case(v5("3.6.2-2"), v5("3.6.2-3"), needs=("qos-2",))
async def pubrel_keeps_to_the_maximum_packet_size(broker: Broker) -> None:
    twin = await broker.subscriber(broker.topic(), qos=2)
    await _released(broker, twin)
    limit = await _limit(broker, *(packet for _, packet in twin.received if isinstance(packet, Publish)))
    await twin.disconnect()
    subscriber = await broker.connected(**_tight(limit))
    await subscriber.subscribed(broker.topic(), qos=2)
    _fits(subscriber, await _released(broker, subscriber), limit)


@case(v5("3.7.2-2"), v5("3.7.2-3"), needs=("qos-2",), rows={"of-a-message": True, "of-nothing": False})
async def pubcomp_keeps_to_the_maximum_packet_size(broker: Broker, known: bool) -> None:
    limit = await _limit(broker)
    publisher = await broker.connected(**_tight(limit))
    if known:
        await publisher.send(Publish(broker.topic(), b"x", 2, packet_id=1))
        await _answer(publisher, Pubrec, 1)
    await publisher.send(Pubrel(1))
    _fits(publisher, await _answer(publisher, Pubcomp, 1), limit)


# -- the client's acknowledgements in every form they may have

FORMS: dict[str, dict[str, Any]] = {
    "no-code": {"form": "short"},
    "code": {"form": "code"},
    "code-and-no-properties": {"form": "full"},
    "reason-string": {"properties": props({Property.REASON_STRING: "as it should"})},
    "user-properties": {"properties": props({Property.USER_PROPERTY: [("a", "1"), ("a", "2")]})},
}


@case(v5("4.4.0-1"), needs=("qos-1", "session-expiry"), rows=FORMS)
async def a_puback_of_any_form_acknowledges(broker: Broker, form: dict[str, Any]) -> None:
    """What it acknowledges is not sent again when the session is resumed."""
    topic, name = broker.topic(), broker.client_id("back")
    subscriber = await broker.subscriber(topic, qos=1, id=name, stored=True)
    publisher = await broker.connected()
    await publisher.published(topic, b"x", qos=1)
    message = await subscriber.delivered(topic)
    await subscriber.send(Puback(message.packet_id or 0, **form))
    await subscriber.settled()
    subscriber.drop()
    back = await broker.resumed(name)
    await back.receives_no(where=lambda p: p.topic == topic, because="after its PUBACK")


@case(v5("4.3.3-4"), needs=("qos-2",), rows=FORMS)
async def a_pubrec_of_any_form_is_answered_by_pubrel(broker: Broker, form: dict[str, Any]) -> None:
    topic = broker.topic()
    subscriber = await broker.subscriber(topic, qos=2)
    publisher = await broker.connected()
    await publisher.published(topic, b"x", qos=2)
    message = await subscriber.delivered(topic)
    await subscriber.send(Pubrec(message.packet_id or 0, **form))
    await subscriber.expect(Pubrel, packet_id=message.packet_id)


@case(v5("4.3.3-11"), needs=("qos-2",), rows=FORMS)
async def a_pubrel_of_any_form_is_answered_by_pubcomp(broker: Broker, form: dict[str, Any]) -> None:
    publisher = await broker.connected()
    await publisher.send(Publish(broker.topic(), b"x", 2, packet_id=1))
    await _answer(publisher, Pubrec, 1)
    await publisher.send(Pubrel(1, **form))
    await publisher.expect(Pubcomp, packet_id=1)


# -- PUBREL of nothing, and its flags


@case(v311("4.3.3-2"), v5("4.3.3-11"), needs=("qos-2",))
async def a_pubrel_of_an_unknown_message_is_answered_by_pubcomp(broker: Broker) -> None:
    """The code 0x92 is as good an answer as success (5.0 section 3.7.2.1)."""
    publisher = await broker.connected()
    await publisher.published(broker.topic(), b"x", qos=2)
    await publisher.send(Pubrel(4711))
    await publisher.expect(Pubcomp, packet_id=4711)


@case(
    v311("3.6.1-1"),
    v311("2.2.2-2"),
    v5("3.6.1-1"),
    v5("2.1.3-1"),
    needs=("qos-2",),
    rows={f"{flags:04b}": flags for flags in range(16) if flags != 0b0010},
)
async def a_pubrel_with_other_flags_than_0010_closes_the_connection(broker: Broker, flags: int) -> None:
    publisher = await broker.connected()
    await publisher.published(broker.topic(), b"good", qos=2)
    await publisher.send(Publish(broker.topic(), b"x", 2, packet_id=9))
    await _answer(publisher, Pubrec, 9)
    await publisher.send(Pubrel(9, flags=flags))
    await publisher.is_closed_by_broker(because=f"after a PUBREL with flags {flags:04b}")


@case(v311("3.6.1-1"), v311("2.2.2-1"), v5("3.6.1-1"), v5("2.1.3-1"), needs=("qos-2",))
async def the_pubrel_of_the_broker_has_flags_0010(broker: Broker) -> None:
    subscriber = await broker.subscriber(broker.topic(), qos=2)
    pubrel = await _released(broker, subscriber)
    if pubrel.flags is not None:
        subscriber.violated("PUBREL with flags 0010", f"flags {pubrel.flags:04b}")
