"""CONNACK: MQTT 3.1.1 and 5.0, section 3.2. Session Present is in `session`."""

from __future__ import annotations

from typing import Any

from harness.case import case
from suites.mqtt import v5, v311
from testbed.findings import Inconclusive
from testbed.mqtt.broker import Broker
from testbed.mqtt.codec import describe, encode
from testbed.mqtt.packets import (
    Connack,
    Connect,
    Malformed,
    Puback,
    Publish,
    Pubrec,
    Raw,
    Suback,
    Subscribe,
    Subscription,
    Will,
)
from testbed.mqtt.properties import Property, props
from testbed.mqtt.reasons import allowed
from testbed.mqtt.scripted_client import Client

#: CONNECTs of 5.0 that no server may accept, and may refuse in words.
IMPROPER_V5: dict[str, dict[str, Any]] = {
    "reserved-flag": {"reserved": True},
    "will-qos-3": {"will": Will("will", b"gone", qos=3)},
    "receive-maximum-0": {"properties": props({Property.RECEIVE_MAXIMUM: 0})},
    "maximum-packet-size-0": {"properties": props({Property.MAXIMUM_PACKET_SIZE: 0})},
    "property-twice": {"properties": props({Property.TOPIC_ALIAS_MAXIMUM: [1, 1]})},
    "property-of-another-packet": {"properties": props({Property.TOPIC_ALIAS: 1})},
    "authentication-method-unknown": {"properties": props({Property.AUTHENTICATION_METHOD: "no-such-method"})},
}


async def _refused_in_words(broker: Broker, id: str) -> tuple[Client, Connack]:
    """A client with id `id` whose CONNECT was refused by CONNACK. Inconclusive when the broker refuses all of ours
    without a word, as 5.0 allows."""
    improper: list[Connect] = [broker.connect(id, clean=False, protocol_level=1), broker.connect("", clean=False)]
    if broker.v5:
        improper = [broker.connect(id, **{"clean": False, **fields}) for fields in IMPROPER_V5.values()]
    for connect in improper:
        client = await broker.linked()
        await client.send(connect)
        connack = await client.maybe(Connack)
        if connack is not None and connack.code:
            return client, connack
    raise Inconclusive("this broker refuses without CONNACK", cause="refuses without CONNACK")


# -- the first byte


@case(v5("3.2.2-1"))
async def the_reserved_flags_of_connack_are_0(broker: Broker) -> None:
    """For a new session and for one that is resumed."""
    first = await broker.connected(stored=True)
    _has_no_reserved_flags(first)
    await first.disconnect()
    _has_no_reserved_flags(await broker.connected(first.id, stored=True))


def _has_no_reserved_flags(client: Client) -> None:
    connack = client.connack
    if connack is None or (connack.acknowledge_flags or 0) & 0xFE:
        client.violated(
            "a CONNACK whose flag bits 7 to 1 are 0", describe(connack) if connack else client.what_came()
        )


@case(v311("3.2.2-4"), v5("3.2.2-6"), needs=("session-expiry",))
async def a_refusal_never_says_session_present(broker: Broker) -> None:
    """Not even to a client id with a stored session."""
    keeper = await broker.connected(stored=True)
    await keeper.disconnect()
    client, connack = await _refused_in_words(broker, keeper.id)
    if connack.session_present:
        client.violated("Session Present 0 beside a code other than 0", describe(connack))


@case(v311("3.2.2-5"), v5("3.2.2-7"))
async def a_refusal_ends_the_connection(broker: Broker) -> None:
    client, _ = await _refused_in_words(broker, broker.client_id())
    await client.is_closed_by_broker(because="after CONNACK refused")


# -- codes


@case(v5("3.2.2-8"), rows=IMPROPER_V5)
async def connack_has_one_of_the_connect_reason_codes(broker: Broker, fields: dict[str, Any]) -> None:
    """Whether to accept, and whether to refuse in words, are other matters. A proper CONNECT is answered before."""
    client = await broker.opened()
    await client.send(broker.connect(**fields))
    await client.until(lambda: client.inbox or None)
    for packet in client.inbox:
        if isinstance(packet, Connack) and packet.code not in allowed("CONNACK", "server"):
            client.violated("a Connect Reason Code of table 3-1", describe(packet))
        if isinstance(packet, Malformed) and packet.type == Connack.type:
            client.violated("CONNACK with a Connect Reason Code", describe(packet))


@case(
    v311("3.2.2-6"),
)
async def where_no_return_code_fits_there_is_no_connack(broker: Broker) -> None:
    """None of the codes 1 to 5 says that a CONNECT ends in the middle of its client id."""
    connect = encode(broker.connect(), broker.version)
    client = await broker.opened()
    await client.send(Raw(0x10, connect[2:14]))
    await client.is_closed_by_broker(because="after a CONNECT that is cut short")
    connack = client.take(Connack)
    if connack is not None:
        client.violated("no CONNACK, as no return code says malformed", describe(connack))


# -- how many


@case(v5("3.2.0-2"))
async def there_is_one_connack_to_a_connection(broker: Broker) -> None:
    client = await broker.connected()
    await client.subscribed(broker.topic())
    await client.published(broker.topic(), b"x")
    await client.receives_no(Connack, because="after the first")


@case(v5("3.2.0-2"))
async def a_second_connect_is_not_answered_by_connack(broker: Broker) -> None:
    client = await broker.connected()
    await client.send(broker.connect(client.id))
    await client.until(lambda: client.ended_at)
    connack = client.take(Connack)
    if connack is not None:
        client.violated("no second CONNACK", describe(connack))
    await broker.connected()


# -- what the server lacks, and says so


@case(v5("3.2.2-9"))
async def a_qos_that_is_not_supported_is_announced(broker: Broker) -> None:
    """A server that announces no Maximum QoS below them acknowledges QoS 1 and QoS 2."""
    client = await broker.connected()
    best = client.announced(Property.MAXIMUM_QOS, 2)
    for qos, kind in ((1, Puback), (2, Pubrec)):
        if qos <= best:
            await client.send(Publish(broker.topic(), b"x", qos, packet_id=qos))
            await client.expect(kind, because=f"to QoS {qos}, as the Maximum QoS of this server is {best}")
    await client.is_alive()


@case(v5("3.2.2-9"), needs=("not qos-2",))
async def a_server_without_qos_2_announces_its_maximum_qos(broker: Broker) -> None:
    client = await broker.connected()
    if client.announced(Property.MAXIMUM_QOS) not in (0, 1):
        client.violated("CONNACK with Maximum QoS 0 or 1", describe(client.connack))  # type: ignore[arg-type]


@case(v5("3.2.2-10"), rows={"0": 0, "1": 1, "2": 2})
async def subscriptions_of_every_qos_are_accepted(broker: Broker, qos: int) -> None:
    """Whatever the Maximum QoS is."""
    client = await broker.connected()
    await client.send(Subscribe(1, (Subscription(broker.topic(), qos),)))
    suback = await client.expect(Suback, because=f"to a subscription at QoS {qos}")
    if len(suback.codes) != 1 or suback.codes[0] > qos:
        best = client.announced(Property.MAXIMUM_QOS, 2)
        client.violated(f"a granted QoS of at most {qos}, with Maximum QoS {best}", describe(suback))


@case(v5("3.2.2-12"))
async def a_will_beyond_the_maximum_qos_is_refused(broker: Broker) -> None:
    """Of QoS 0, 1 and 2, those up to the Maximum QoS are accepted, to show that it is the QoS that is refused."""
    best = (await broker.connected()).announced(Property.MAXIMUM_QOS, 2)
    for qos in (0, 1, 2):
        will = Will(broker.topic("will"), b"gone", qos=qos)
        if qos <= best:
            await (await broker.connected(will=will)).disconnect()
            continue
        client = await broker.linked()
        await client.send(broker.connect(will=will))
        await client.is_refused(because=f"whose will has QoS {qos}, beyond the Maximum QoS {best}")


@case(v5("3.2.2-13"))
async def a_retained_will_is_refused_where_nothing_is_retained(broker: Broker) -> None:
    """And accepted where Retain Available is not 0."""
    plain = await broker.connected(will=Will(broker.topic("will"), b"gone"))
    available = plain.announced(Property.RETAIN_AVAILABLE, 1)
    await plain.disconnect()
    retained = Will(broker.topic("will"), b"gone", retain=True)
    if available:
        await (await broker.connected(will=retained)).disconnect()
        return
    client = await broker.linked()
    await client.send(broker.connect(will=retained))
    await client.is_refused(because="whose will is to be retained, with Retain Available 0")


# -- what fits into the Maximum Packet Size of the client

_SPOKEN = (Property.REASON_STRING, Property.USER_PROPERTY)


async def _connack_says_no_more_than_fits(broker: Broker, spoken: Property) -> None:
    """In the answer to a plain CONNECT, and to one that a server may want to explain why it refuses (or refuse
    without a word)."""
    for fields in ({}, {Property.AUTHENTICATION_METHOD: "no-such-method"}):
        free = await broker.linked()
        await free.send(broker.connect(properties=fields))
        answer = await free.maybe(Connack)
        if answer is None and not fields:
            free.unprepared("CONNECT was not answered by CONNACK", cause="no connection")
        if answer is None:
            return
        # The answer to the same CONNECT without a limit, less what it says in words, is the limit.
        wordless = tuple(one for one in answer.properties if one[0] not in _SPOKEN)
        limit = len(encode(Connack(answer.session_present, answer.code, wordless), broker.version))
        client = await broker.linked()
        await client.send(broker.connect(properties={**fields, Property.MAXIMUM_PACKET_SIZE: limit}))
        connack = await client.maybe(Connack)
        if connack is None:
            client.unprepared(f"CONNECT with Maximum Packet Size {limit} was not answered by CONNACK")
        size = len(encode(connack, broker.version))
        if size > limit and any(name == spoken for name, _ in connack.properties):
            client.violated(f"CONNACK of at most {limit} bytes", f"one of {size} bytes: {describe(connack)}")


@case(v5("3.2.2-19"))
async def connack_has_no_reason_string_that_does_not_fit(broker: Broker) -> None:
    await _connack_says_no_more_than_fits(broker, Property.REASON_STRING)


@case(v5("3.2.2-20"))
async def connack_has_no_user_property_that_does_not_fit(broker: Broker) -> None:
    await _connack_says_no_more_than_fits(broker, Property.USER_PROPERTY)
