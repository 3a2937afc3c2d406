"""Topic aliases: MQTT 5.0 section 3.3.2.3.4, Topic Alias Maximum in section 3.1.2.11.5."""

from __future__ import annotations

from collections.abc import Callable

from harness.case import case
from suites.mqtt import v5
from testbed.findings import Inconclusive
from testbed.mqtt.broker import Broker
from testbed.mqtt.codec import describe
from testbed.mqtt.packets import Publish
from testbed.mqtt.properties import Property, get, props
from testbed.mqtt.scripted_client import Client

ALIAS = Property.TOPIC_ALIAS
MAXIMUM = Property.TOPIC_ALIAS_MAXIMUM


def _publish(topic: str, payload: bytes, alias: int) -> Publish:
    return Publish(topic, payload, properties=props({ALIAS: alias}))


def _maximum(client: Client) -> int:
    return client.announced(MAXIMUM, 0)


# -- aliases of the client


@case(
    v5("3.3.2-12"),
    needs=("topic-alias",),
    rows={
        "the lowest": lambda maximum: 1,
        "the middle": lambda maximum: (maximum + 1) // 2,
        "the highest": lambda maximum: maximum,
    },
)
async def every_alias_up_to_the_brokers_maximum_is_accepted(broker: Broker, pick: Callable[[int], int]) -> None:
    subscriber = await broker.subscriber(broker.topic())
    publisher = await broker.connected()
    alias = pick(_maximum(publisher))
    await publisher.send(_publish(broker.topic(), b"sets", alias), _publish("", b"uses", alias))
    await subscriber.message(broker.topic(), payload=b"sets", because=f"with a new alias {alias}")
    await subscriber.message(broker.topic(), payload=b"uses", because=f"by the alias {alias} alone")


@case(v5("3.3.2-12"), needs=("topic-alias",))
async def all_aliases_are_held_at_once(broker: Broker) -> None:
    """As many as the broker allows, at most 20: each stands for its own topic."""
    publisher = await broker.connected()
    aliases = range(1, min(_maximum(publisher), 20) + 1)
    subscriber = await broker.subscriber(*[broker.topic(f"t{alias}") for alias in aliases])
    await publisher.send(*(_publish(broker.topic(f"t{alias}"), b"sets", alias) for alias in aliases))
    await publisher.send(*(_publish("", b"%d" % alias, alias) for alias in aliases))
    for alias in aliases:
        topic = broker.topic(f"t{alias}")
        await subscriber.expect(
            Publish, lambda p, n=alias: p.payload == b"%d" % n, topic=topic, because="by its alias"
        )


@case(v5("3.3.2-12"), needs=("topic-alias",))
async def an_alias_set_again_stands_for_the_new_topic(broker: Broker) -> None:
    old, new = broker.topic("old"), broker.topic("new")
    subscriber = await broker.subscriber(old, new)
    publisher = await broker.connected()
    await publisher.send(_publish(old, b"1", 1), _publish(new, b"2", 1), _publish("", b"3", 1))
    for topic, payload in ((old, b"1"), (new, b"2"), (new, b"3")):
        await subscriber.expect(Publish, lambda p, one=payload: p.payload == one, topic=topic)


@case(v5("3.3.2-12"), needs=("topic-alias", "qos-2"), rows={"QoS 1": 1, "QoS 2": 2})
async def an_alias_serves_every_qos(broker: Broker, qos: int) -> None:
    subscriber = await broker.subscriber(broker.topic(), qos=qos)
    publisher = await broker.connected()
    await publisher.published(broker.topic(), b"sets", qos=qos, properties={ALIAS: 1})
    await subscriber.message(broker.topic(), payload=b"sets")
    number = publisher.next_id()
    await publisher.send(Publish("", b"uses", qos, packet_id=number, properties=props({ALIAS: 1})))
    await publisher.handshaken(number, qos)
    await subscriber.message(broker.topic(), payload=b"uses", because="by the alias alone")


@case(v5("3.3.2-7"), needs=("topic-alias",))
async def each_connection_has_aliases_of_its_own(broker: Broker) -> None:
    """Two clients set alias 1 to different topics, then both use it."""
    topics = [broker.topic("a"), broker.topic("b")]
    subscriber = await broker.subscriber(*topics)
    publishers = [await broker.connected(), await broker.connected()]
    for publisher, topic in zip(publishers, topics, strict=True):
        await publisher.send(_publish(topic, b"sets", 1))
        await subscriber.message(topic, payload=b"sets")
    for publisher, topic in zip(publishers, topics, strict=True):
        await publisher.send(_publish("", topic.encode(), 1))
        await subscriber.expect(
            Publish, lambda p, t=topic: p.payload == t.encode(), topic=topic, because="by the alias of its connection"
        )


@case(
    v5("3.3.2-7"),
    v5("4.13.1-1"),
    needs=("topic-alias",),
    rows={"new session": False, "stored session": True},
)
async def an_alias_does_not_outlive_its_connection(broker: Broker, stored: bool) -> None:
    """On the next connection it stands for nothing, which is a Protocol Error (section 3.3.2.3.4)."""
    name = broker.client_id("alias")
    subscriber = await broker.subscriber(broker.topic())
    first = await broker.connected(name, stored=stored)
    await first.send(_publish(broker.topic(), b"sets", 1), _publish("", b"uses", 1))
    for payload in (b"sets", b"uses"):
        if await subscriber.maybe(Publish, lambda p, one=payload: p.payload == one) is None:
            subscriber.unprepared(f"the message that {payload.decode()} an alias was to arrive")
    await first.disconnect()
    again = await broker.connected(name, stored=stored)
    await again.send(_publish("", b"stale", 1))
    await again.is_closed_by_broker(because="after a topic alias that was set on an earlier connection")
    await subscriber.receives_no(because="by an alias of an earlier connection")


@case(v5("3.3.2-8"), v5("4.13.1-1"))
async def alias_0_closes_the_connection(broker: Broker) -> None:
    client = await broker.connected()
    await client.published(broker.topic(), b"x")
    await client.send(_publish(broker.topic(), b"x", 0))
    await client.is_closed_by_broker(because="after a Topic Alias of 0")


@case(v5("4.13.1-1"), needs=("alias-limit",))
async def an_alias_above_the_brokers_maximum_closes_the_connection(broker: Broker) -> None:
    """A broker that announces no maximum takes none, not even 1 (sections 3.2.2.3.8 and 3.3.2.3.4)."""
    client = await broker.connected()
    maximum = _maximum(client)
    await client.published(broker.topic(), b"x")
    await client.send(_publish(broker.topic(), b"x", maximum + 1))
    await client.is_closed_by_broker(because=f"after Topic Alias {maximum + 1}, above its maximum of {maximum}")


@case(v5("4.13.1-1"), needs=("topic-alias",))
async def an_alias_that_was_never_set_closes_the_connection(broker: Broker) -> None:
    subscriber = await broker.subscriber(broker.topic())
    client = await broker.connected()
    maximum = _maximum(client)
    if maximum < 2:
        raise Inconclusive("the twin needs a second alias")
    await client.send(_publish(broker.topic(), b"sets", 1), _publish("", b"uses", 1))
    if await subscriber.maybe(Publish, lambda p: p.payload == b"uses") is None:
        subscriber.unprepared("the alias that was set was to work")
    await client.send(_publish("", b"x", 2))
    await client.is_closed_by_broker(because="after an empty Topic Name with an alias that was never set")


@case(v5("4.13.1-1"))
async def an_empty_topic_without_an_alias_closes_the_connection(broker: Broker) -> None:
    client = await broker.connected()
    await client.published(broker.topic(), b"x")
    await client.send(Publish("", b"x"))
    await client.is_closed_by_broker(because="after an empty Topic Name without a Topic Alias")


# -- aliases of the broker


async def _many_messages(broker: Broker, maximum: int | None) -> tuple[Client, list[Publish]]:
    """Ten topics three times over, which invites aliases; each message's payload is its topic."""
    topics = [broker.topic(f"t{number}") for number in range(10)]
    subscriber = await broker.connected(properties={} if maximum is None else {MAXIMUM: maximum})
    await subscriber.subscribed(*topics)
    publisher = await broker.connected()
    for topic in topics * 3:
        await publisher.send(Publish(topic, topic.encode()))
    messages = []
    for _ in range(30):
        message = await subscriber.maybe(Publish)
        if message is None:
            subscriber.unprepared(f"30 messages were to be delivered, {len(messages)} were")
        messages.append(message)
    return subscriber, messages


@case(v5("3.1.2-27"), v5("3.3.2-11"), rows={"no maximum": None, "maximum 0": 0})
async def the_broker_sends_no_alias_without_leave(broker: Broker, maximum: int | None) -> None:
    subscriber, messages = await _many_messages(broker, maximum)
    for message in messages:
        if get(message.properties, ALIAS) is not None:
            subscriber.violated("PUBLISH without Topic Alias, as the client allows none", describe(message))


@case(
    v5("3.1.2-26"),
    v5("3.3.2-11"),
    v5("3.3.2-8"),
    rows={"maximum 1": 1, "maximum 3": 3, "maximum 65535": 65_535},
)
async def the_brokers_aliases_stay_within_the_clients_maximum(broker: Broker, maximum: int) -> None:
    """And each stands for the topic it was sent with; to use none is allowed."""
    subscriber, messages = await _many_messages(broker, maximum)
    topics: dict[int, str | bytes] = {}
    for message in messages:
        alias = get(message.properties, ALIAS)
        if alias is not None and not 1 <= alias <= maximum:
            subscriber.violated(f"a Topic Alias from 1 to {maximum}", describe(message))
        if alias is not None and message.topic:
            topics[alias] = message.topic
        topic = message.topic or topics.get(alias or 0, "")
        if topic != message.payload.decode():
            came = f"{describe(message)}, the alias standing for {topic!r}"
            subscriber.violated(f"a message on {message.payload.decode()}", came)


@case(v5("3.3.2-7"), v5("3.3.2-8"))
async def the_broker_sets_its_aliases_anew_on_each_connection(broker: Broker) -> None:
    """A stored session with subscriptions, in which the broker may have used aliases, is taken up again."""
    name = broker.client_id("alias")
    topics = [broker.topic(f"t{number}") for number in range(3)]
    publisher = await broker.connected()
    for round_ in range(2):
        client = await broker.connected(name, stored=True, properties={MAXIMUM: 10})
        if round_ == 0 or not (client.connack and client.connack.session_present):
            await client.subscribed(*topics)
        known: set[int] = set()
        for topic in topics * 2:
            await publisher.send(Publish(topic, topic.encode()))
            message = await client.maybe(Publish)
            if message is None:
                client.unprepared(f"a message on {topic} was to be delivered")
            alias = get(message.properties, ALIAS)
            if not message.topic and alias not in known:
                client.violated("the Topic Name with an alias's first use on a connection", describe(message))
            known.add(alias or 0)
        await client.disconnect()
