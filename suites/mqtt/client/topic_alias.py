"""Topic aliases: MQTT 5.0, sections 3.2.2.3.8 and 3.3.2.3.4."""

from __future__ import annotations

from typing import Any

from harness.case import case
from suites.mqtt import v5
from testbed.findings import Inconclusive
from testbed.mqtt import shim
from testbed.mqtt.client import Client
from testbed.mqtt.codec import describe
from testbed.mqtt.packets import Puback, Publish
from testbed.mqtt.properties import Property, get, props
from testbed.mqtt.scripted_broker import Connection

ALIAS, MAXIMUM = Property.TOPIC_ALIAS, Property.TOPIC_ALIAS_MAXIMUM
_SENDS = ("publish", "orders", "properties")
_RECEIVES = ("subscribe", "qos-1", "topic-alias-maximum", "orders")


# -- the client sends


async def _sends_no_alias(client: Client, connection: Connection, alias: int, highest: int) -> None:
    """Told to publish with `alias`, it sends none above `highest`; it may refuse, leave it out, or leave."""

    def above(packet: Publish) -> bool:
        sent = get(packet.properties, ALIAS)
        return sent is not None and not 0 < sent <= highest

    order = client.publish(payload=b"told", properties={ALIAS: alias})
    because = f"with a Topic Alias other than 1 to {highest}" if highest else "with a Topic Alias"
    await client.sends_no(connection, Publish, order, above, because=because)


@case(v5("3.2.2-18"), needs=_SENDS, rows={"absent": {}, "0": {MAXIMUM: 0}})
async def no_alias_is_sent_to_a_server_that_takes_none(client: Client, connack: dict[Property, Any]) -> None:
    connection = await client.connected(connack=connack)
    await _sends_no_alias(client, connection, 1, 0)


@case(v5("3.2.2-17"), v5("3.3.2-9"), needs=_SENDS, rows={"3 of 2": (3, 2), "65535 of 10": (65_535, 10)})
async def no_alias_above_the_maximum_of_the_server_is_sent(client: Client, pair: tuple[int, int]) -> None:
    alias, maximum = pair
    connection = await client.connected(connack={MAXIMUM: maximum})
    await _sends_no_alias(client, connection, alias, maximum)


@case(v5("3.3.2-8"), needs=_SENDS)
async def alias_0_is_never_sent(client: Client) -> None:
    connection = await client.connected(connack={MAXIMUM: 10})
    await _sends_no_alias(client, connection, 0, 10)


@case(v5("4.7.3-1"), needs=(*_SENDS, "qos-1", "session"))
async def what_is_sent_again_carries_its_topic_and_no_alias_of_the_old_connection(client: Client) -> None:
    """The alias was set on the old connection, and the message that used it is open; the new connection knows of no
    alias until a PUBLISH with topic and alias sets it, so a topic of no characters is none [section 3.3.2.3.4]."""
    connection = await client.connected(stored=True, connack={MAXIMUM: 10})
    first = await _publishes(client, connection, client.message(payload=b"sets", qos=1, properties={ALIAS: 1}))
    if not get(first.properties, ALIAS) or not first.topic:
        connection.unprepared(f"the client sets no alias: {describe(first)}")
    await connection.acknowledge(first)
    if client.told is not None:
        await client.done(client.told)
    await _uses(client, connection)
    connection.drop()
    again = await client.resumed(connack={MAXIMUM: 10})
    repeat = await again.maybe(Publish)
    if repeat is None:
        again.unprepared("the client sends nothing again")
    if not repeat.topic:
        again.violated("a PUBLISH with its topic, as no alias is set on this connection", describe(repeat))


async def _uses(client: Client, connection: Connection) -> Publish:
    """Its PUBLISH with the alias alone; with its topic, too, where the application must give both."""
    alone = client.message(payload=b"uses", qos=1, properties={ALIAS: 1})
    alone.topic = ""
    try:
        return await _publishes(client, connection, alone)
    except Inconclusive:
        return await _publishes(client, connection, client.message(payload=b"uses", qos=1, properties={ALIAS: 1}))


async def _publishes(client: Client, connection: Connection, told: shim.Publish) -> Publish:
    """Its PUBLISH; told without the alias where aliases are the library's own affair, which it uses by itself."""
    client.told = client.control.order(told)
    try:
        return await client.sent(connection, Publish)
    except Inconclusive:
        if not told.topic or connection.ended_at is not None:
            raise
    client.told = client.publish(payload=bytes.fromhex(told.payload), qos=told.qos)
    return await client.sent(connection, Publish)


# -- the client receives


async def _subscribed(client: Client, maximum: int) -> tuple[Connection, int]:
    """A connection with the highest alias that the client takes on it."""
    connection = await client.subscribed(qos=1, announcing={MAXIMUM: maximum})
    announced = connection.announced(MAXIMUM, 0)
    if not announced:
        raise Inconclusive("the client was told a Topic Alias Maximum, and takes no aliases")
    return connection, announced


async def _handed(client: Client, connection: Connection, payload: bytes, alias: int) -> None:
    """The message came to the application: under its topic, or with the alias where the library leaves it to the
    application to know what that stands for."""
    message = await client.control.until(lambda: _message(client, payload), client.trial.patience)
    if message is None:
        connection.violated(f"the message {payload!r} handed to the application", "nothing")
    known = message.topic == client.topic()
    if not known and (message.topic or message.properties.get("topic_alias") != alias):
        connection.violated(
            f"the message {payload!r} under {client.topic()!r}, for which alias {alias} stands", str(message)
        )


def _message(client: Client, payload: bytes) -> shim.Message | None:
    """What the client handed to its application with `payload`, under whatever topic."""
    for event in client.control.events:
        if isinstance(event, shim.Message) and event.payload == payload.hex():
            return event
    return None


@case(v5("3.3.2-10"), needs=_RECEIVES, rows={"1 of 1": (1, 1), "1 of 10": (1, 10), "10 of 10": (10, 10)})
async def every_alias_up_to_the_clients_maximum_is_taken(client: Client, pair: tuple[int, int]) -> None:
    alias, maximum = pair
    connection, announced = await _subscribed(client, maximum)
    if announced != maximum:
        raise Inconclusive(f"the client was told Topic Alias Maximum {maximum}, and takes {announced}")
    told = props({ALIAS: alias})
    for topic, payload in ((client.topic(), b"sets"), ("", b"uses")):
        await connection.send(Publish(topic, payload, 1, packet_id=connection.next_id(), properties=told))
        if await connection.maybe(Puback) is None:
            connection.violated(f"PUBACK for a PUBLISH with Topic Alias {alias}")
        await _handed(client, connection, payload, alias)


@case(v5("3.3.2-10"), needs=_RECEIVES)
async def many_aliases_are_told_apart_and_set_anew(client: Client) -> None:
    connection, announced = await _subscribed(client, 10)
    for alias in range(1, announced + 1):
        other = Publish(client.topic(f"other/{alias}"), b"sets", properties=props({ALIAS: alias}))
        await connection.send(other)
    last = props({ALIAS: announced})
    await connection.send(Publish(client.topic(), b"sets anew", properties=last))
    await connection.send(Publish("", b"uses", 1, packet_id=1, properties=last))
    await _handed(client, connection, b"uses", announced)


@case(v5("3.3.2-7"), needs=_RECEIVES)
async def an_alias_does_not_outlive_its_connection(client: Client) -> None:
    """The server uses it on the next connection without having set it there. The client may leave; it must not take
    the topic of the old connection."""
    connection, _ = await _subscribed(client, 10)
    await connection.send(Publish(client.topic(), b"sets", 1, packet_id=1, properties=props({ALIAS: 1})))
    await _handed(client, connection, b"sets", 1)
    connection.drop()
    again, _ = await _subscribed(client, 10)
    await again.send(Publish("", b"uses", 1, packet_id=1, properties=props({ALIAS: 1})))
    message = await client.handed(client.topic(), lambda one: one.payload == b"uses".hex(), within=client.trial.quiet)
    if message is not None:
        again.violated("no message under the topic that alias 1 stood for on an earlier connection", str(message))
    if again.ended_at is None:
        await again.settled()
