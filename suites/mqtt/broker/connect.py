"""CONNECT: MQTT 3.1.1 and 5.0, section 3.1: what is said first, what opens a connection, and what takes one over.

Improper ones are in `malformed_connect` and `connect_properties`.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from harness.case import case
from suites.mqtt import v5, v311
from testbed.findings import Inconclusive
from testbed.mqtt.broker import Broker
from testbed.mqtt.codec import describe
from testbed.mqtt.packets import (
    Connack,
    Malformed,
    Packet,
    Pingreq,
    Pingresp,
    Publish,
    Suback,
    Subscribe,
    Subscription,
    Will,
)
from testbed.mqtt.properties import Property
from testbed.mqtt.reasons import Reason, ReturnCode
from testbed.mqtt.scripted_client import Client


@case(v311("3.1.0-2"), v5("3.1.0-2"))
async def a_second_connect_closes_the_connection(broker: Broker) -> None:
    client = await broker.connected()
    await client.send(broker.connect(client.id))
    await client.is_closed_by_broker(because="after a second CONNECT")


@case(v311("3.1.0-2"), v5("3.1.0-2"))
async def a_second_connect_under_another_client_id_closes_the_connection(broker: Broker) -> None:
    client = await broker.connected()
    await client.send(broker.connect())
    await client.is_closed_by_broker(because="after a second CONNECT")


# -- what the server says first


@case(
    v311("3.2.0-1"),
    v5("3.2.0-1"),
    rows={
        "pingreq": lambda topic: Pingreq(),
        "subscribe": lambda topic: Subscribe(1, (Subscription(topic),)),
        "publish": lambda topic: Publish(topic, b"x", 1, packet_id=1),
    },
)
async def nothing_is_answered_before_connect(broker: Broker, early: Any) -> None:
    """Whatever the server sends to a client that has not said CONNECT would be sent before CONNACK."""
    client = await broker.opened()
    await client.send(early(broker.topic()))
    await client.until(lambda: client.inbox or None, within=client.trial.quiet)
    if client.inbox:
        client.violated("nothing, or the end of the connection: CONNACK is the first packet that a server sends")
    await broker.connected()


@case(v311("3.2.0-1"), v5("3.2.0-1"))
async def connack_comes_before_the_answers_to_what_follows_connect(broker: Broker) -> None:
    """A client may speak on without waiting for CONNACK (section 3.1.4)."""
    client = await broker.opened()
    early = Subscribe(1, (Subscription(broker.topic()),))
    await client.send(broker.connect(), early, Pingreq())
    await client.expect(Connack, code=0, because="as the answer to CONNECT")
    if await client.maybe(Suback) is None or await client.maybe(Pingresp) is None:
        client.unprepared("what was sent behind CONNECT was not answered")
    first = client.received[0][1]
    if not isinstance(first, Connack):
        client.violated("CONNACK as the first packet", describe(first))


@case(v311("3.2.0-1"), v5("3.2.0-1"), needs=("qos-1", "session-expiry"))
async def connack_comes_before_the_messages_of_a_resumed_session(broker: Broker) -> None:
    topic = broker.topic()
    away = await broker.subscriber(topic, qos=1, stored=True)
    await away.disconnect()
    other = await broker.connected()
    await other.published(topic, b"kept", qos=1)
    back = await broker.linked()
    await back.send(broker.connect(away.id, stored=True))
    if await back.maybe(Publish, lambda p: p.topic == topic) is None:
        back.unprepared("the message for the resumed session did not come")
    first = back.received[0][1]
    if not isinstance(first, Connack):
        back.violated("CONNACK as the first packet", describe(first))


# -- what is accepted


async def _is_answered(client: Client) -> None:
    """By CONNACK. A server may refuse for reasons of its own, but not call a proper packet improper."""
    connack = await client.expect(Connack, because="as the answer to a proper CONNECT")
    if connack.code in (Reason.MALFORMED_PACKET, Reason.PROTOCOL_ERROR):
        client.violated("no refusal for malformation, as the CONNECT is proper", describe(connack))
    if connack.code == 0:
        await client.is_alive()


@case(v311("3.1.4-4"), v5("3.1.4-5"))
async def a_proper_connect_is_acknowledged(broker: Broker) -> None:
    client = await broker.linked()
    await client.send(broker.connect())
    await client.expect(Connack, code=0, because="as the answer to a proper CONNECT")
    await client.is_alive()


@case(
    v311("3.1.4-4"),
    v5("3.1.4-5"),
    rows={
        "session-to-be-kept": {"stored": True},
        "longest-keep-alive": {"keep_alive": 0xFFFF},
        "no-keep-alive": {"keep_alive": 0},
        "will": {"will": Will("will", b"gone")},
        "will-without-payload": {"will": Will("will")},
        "will-topic-with-utf-8-of-four-bytes": {"will": Will("\U0001f4e1", b"gone")},
    },
)
async def every_proper_connect_is_answered(broker: Broker, fields: dict[str, Any]) -> None:
    will = fields.get("will")
    if will is not None:
        fields = {**fields, "will": replace(will, topic=broker.topic(will.topic))}
    client = await broker.opened()
    await client.send(broker.connect(**fields))
    await _is_answered(client)


# -- protocol name and level


@case(
    v311("3.1.2-1"),
    v5("3.1.2-1"),
    rows={"lower-case": "mqtt", "longer": "MQTTX", "shorter": "MQT", "other": "AMQP", "empty": ""},
)
async def a_wrong_protocol_name_is_not_accepted(broker: Broker, name: str) -> None:
    """3.1.1 lets the server close or serve another protocol, 5.0 leaves only the close."""
    client = await broker.opened()
    await client.send(broker.connect(protocol_name=name))
    if broker.v5:
        await client.is_refused(because=f"with protocol name {name!r}")
        return
    connack = await client.maybe(Connack)
    if connack is not None and connack.code == 0:
        client.violated(f"a CONNECT with protocol name {name!r} not accepted as MQTT 3.1.1", describe(connack))
    await broker.connected()


def _refuses_the_level(packet: Packet) -> bool:
    """CONNACK with code 0x01, or in the format of 5.0 with 0x84, which a server of both editions may choose for a
    level above 5."""
    if isinstance(packet, Malformed):
        return packet.raw[:1] == b"\x20" and packet.raw[3:4] == bytes((Reason.UNSUPPORTED_PROTOCOL_VERSION,))
    accepted = (ReturnCode.UNACCEPTABLE_PROTOCOL_VERSION, Reason.UNSUPPORTED_PROTOCOL_VERSION)
    return isinstance(packet, Connack) and packet.code in accepted


@case(v311("3.1.2-2"), rows={"0": 0, "1": 1, "2": 2})
async def a_protocol_level_below_3_1_is_answered_by_return_code_1(broker: Broker, level: int) -> None:
    client = await broker.opened()
    await client.send(broker.connect(protocol_level=level))
    code = ReturnCode.UNACCEPTABLE_PROTOCOL_VERSION
    await client.is_refused({code}, must_answer=True, because=f"with protocol level {level}")


@case(v311("3.1.2-2"), rows={"6": 6, "127": 127})
async def a_protocol_level_above_5_is_answered_by_a_refusal(broker: Broker, level: int) -> None:
    client = await broker.opened()
    await client.send(broker.connect(protocol_level=level))
    await client.until(lambda: client.inbox or None)
    if not client.inbox or not _refuses_the_level(client.inbox[0]):
        client.violated(f"CONNACK with return code 0x01 to a CONNECT with protocol level {level}")
    if await client.until(lambda: client.ended_at) is None and client.ended_at is None:
        client.violated("the broker to close the connection after it refused the protocol level")


@case(v5("3.1.2-2"), rows={"0": 0, "1": 1, "2": 2, "6": 6, "127": 127})
async def an_unknown_protocol_version_is_refused(broker: Broker, level: int) -> None:
    client = await broker.opened()
    await client.send(broker.connect(protocol_level=level))
    await client.is_refused(because=f"with protocol version {level}")


# -- what follows a rejected CONNECT


@case(
    v311("3.1.4-5"),
    v5("3.1.4-6"),
    rows={"reserved-flag": {"reserved": True}, "protocol-level": {"protocol_level": 6}},
)
async def what_follows_a_rejected_connect_is_not_processed(broker: Broker, flaw: dict[str, Any]) -> None:
    """The twin shows that the same PUBLISH right behind a proper CONNECT is delivered."""
    topic = broker.topic()
    watcher = await broker.subscriber(topic)
    twin = await broker.linked()
    await twin.send(broker.connect(), Publish(topic, b"behind a proper CONNECT"))
    if await watcher.maybe(Publish, lambda p: p.topic == topic) is None:
        watcher.unprepared("a PUBLISH right behind a proper CONNECT was not delivered")
    client = await broker.linked()
    await client.send(broker.connect(**flaw), Publish(topic, b"behind a rejected CONNECT"))
    connack = await client.maybe(Connack)
    if connack is not None and connack.code == 0:
        raise Inconclusive("the broker accepted a CONNECT that it must reject")
    await watcher.receives_no(because="that was sent behind a rejected CONNECT")


# -- take-over


@case(v311("3.1.4-2"), v5("3.1.4-3"), rows={"clean": False, "session-kept": True})
async def the_same_client_id_takes_the_connection_over(broker: Broker, stored: bool) -> None:
    first = await broker.connected(stored=stored)
    second = await broker.linked()
    await second.send(broker.connect(first.id, stored=stored))
    await first.is_closed_by_broker(reason=Reason.SESSION_TAKEN_OVER, because="whose client id connected again")
    await second.expect(Connack, code=0, because="as the newer connection goes on")
    await second.is_alive()


@case(v311("3.1.4-2"), v311("3.1.3-2"), v5("3.1.4-3"), v5("3.1.3-2"))
async def client_ids_that_differ_only_in_case_do_not_take_over(broker: Broker) -> None:
    """The new connection of a client id ends the connection of that id, and of no other."""
    name = broker.client_id("Aa")
    first = await broker.connected(name)
    await broker.connected(name.swapcase())
    await first.is_alive()
    await broker.connected(name)
    await first.is_closed_by_broker(because="whose client id connected again")


@case(v311("3.1.4-2"), v5("3.1.4-3"), needs=("qos-1", "session-expiry"))
async def the_connection_that_takes_over_gets_the_messages(broker: Broker) -> None:
    topic = broker.topic()
    first = await broker.subscriber(topic, qos=1, stored=True)
    second = await broker.resumed(first.id)
    await first.is_closed_by_broker(because="whose client id connected again")
    other = await broker.connected()
    await other.published(topic, b"for the second", qos=1)
    await second.message(topic, payload=b"for the second")
    if first.take(Publish):
        first.violated("nothing on the connection that was taken over")


@case(v5("3.1.4-3"), v5("3.1.2-8"))
async def a_take_over_publishes_the_will_of_the_connection_that_ends(broker: Broker) -> None:
    """With no Will Delay Interval there is nothing to wait for, and no DISCONNECT 0x00 deleted the will."""
    topic = broker.topic()
    watcher = await broker.subscriber(topic)
    first = await broker.connected(will=Will(topic, b"taken over"))
    await broker.connected(first.id)
    await first.is_closed_by_broker(because="whose client id connected again")
    await watcher.message(topic, payload=b"taken over", because="as the will of the connection taken over")


@case(v5("3.1.4-5"))
async def a_connect_with_every_property_is_answered(broker: Broker) -> None:
    client = await broker.opened()
    properties = {
        Property.SESSION_EXPIRY_INTERVAL: 0xFFFFFFFF,
        Property.RECEIVE_MAXIMUM: 0xFFFF,
        Property.MAXIMUM_PACKET_SIZE: 0xFFFFFFFF,
        Property.TOPIC_ALIAS_MAXIMUM: 0xFFFF,
        Property.REQUEST_RESPONSE_INFORMATION: 1,
        Property.REQUEST_PROBLEM_INFORMATION: 1,
        Property.USER_PROPERTY: [("name", "1"), ("name", "2"), ("", "")],
    }
    await client.send(broker.connect(properties=properties))
    await _is_answered(client)
