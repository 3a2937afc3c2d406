"""What a subscription asks for beside its filter: MQTT 5.0 sections 3.8.2.1 and 3.8.3.1, MQTT 3.1.1 section 3.8.3."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.broker import Broker
from testbed.mqtt.packets import Publish, Subscribe, Subscription
from testbed.mqtt.properties import Properties, Property


@case(
    v311("3.8.3-4"),
    rows={
        f"0x{options:02X}": options for options in (0x03, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0x05, 0x06, 0x07, 0xFC)
    },
)
async def a_qos_byte_beyond_2_closes_the_connection(broker: Broker, options: int) -> None:
    client = await broker.subscriber(broker.topic("good"))
    await client.send(Subscribe(client.next_id(), (Subscription(broker.topic(), options=options),)))
    await client.is_closed_by_broker(because=f"after a SUBSCRIBE with 0x{options:02X} as QoS")


@case(
    v5("3.8.3-5"),
    v5("4.13.1-1"),
    rows={f"0x{options:02X}": options for options in (0x40, 0x80, 0xC0, 0x41, 0x81)},
)
async def reserved_option_bits_close_the_connection(broker: Broker, options: int) -> None:
    client = await broker.subscriber(broker.topic("good"))
    await client.send(Subscribe(client.next_id(), (Subscription(broker.topic(), options=options),)))
    await client.is_closed_by_broker(because=f"after a SUBSCRIBE with the options 0x{options:02X}")


@case(v311("3.8.3-4"), v5("3.8.3-5"))
async def bad_options_on_a_later_filter_close_the_connection(broker: Broker) -> None:
    client = await broker.subscriber(broker.topic("good"), broker.topic("better"))
    bad = Subscription(broker.topic("b"), options=0x80)
    await client.send(Subscribe(client.next_id(), (Subscription(broker.topic("a")), bad)))
    await client.is_closed_by_broker(because="after a SUBSCRIBE whose second filter has the options 0x80")


@case(v5("4.13.1-1"), rows={"QoS 3": 0x03, "Retain Handling 3": 0x30})
async def an_option_out_of_range_closes_the_connection(broker: Broker, options: int) -> None:
    """Protocol Errors by section 3.8.3.1."""
    client = await broker.subscriber(broker.topic("good"))
    await client.send(Subscribe(client.next_id(), (Subscription(broker.topic(), options=options),)))
    await client.is_closed_by_broker(because=f"after a SUBSCRIBE with the options 0x{options:02X}")


@case(
    v5("4.13.1-1"),
    needs=("subscription-identifiers",),
    rows={
        "zero": ((Property.SUBSCRIPTION_IDENTIFIER, 0),),
        "twice": ((Property.SUBSCRIPTION_IDENTIFIER, 1), (Property.SUBSCRIPTION_IDENTIFIER, 2)),
    },
)
async def an_improper_subscription_identifier_closes_the_connection(broker: Broker, row: Properties) -> None:
    """Zero, or more than one, is a Protocol Error by section 3.8.2.1.2."""
    client = await broker.subscriber(broker.topic("good"), properties={Property.SUBSCRIPTION_IDENTIFIER: 1})
    await client.send(Subscribe(client.next_id(), (Subscription(broker.topic()),), row))
    await client.is_closed_by_broker(because="after a SUBSCRIBE with an improper Subscription Identifier")


@case(v5("3.8.3-3"), rows={"exact filter": "t", "with a wildcard": "#"})
async def no_local_keeps_a_clients_own_messages_away(broker: Broker, name: str) -> None:
    topic = broker.topic()
    client = await broker.subscriber(Subscription(broker.topic(name), no_local=True))
    other = await broker.connected()
    await client.send(Publish(topic, b"own"))
    await client.settled()
    await other.published(topic, b"another's")
    await client.message(topic, payload=b"another's", because="from another client, and nothing of its own")
    await client.receives_no(because="from the client itself, as it subscribed with No Local")


@case(v5("3.8.3-3"), needs=("qos-1",))
async def no_local_holds_for_acknowledged_messages(broker: Broker) -> None:
    topic = broker.topic()
    client = await broker.subscriber(Subscription(topic, 1, no_local=True))
    other = await broker.connected()
    await client.published(topic, b"own", qos=1)
    await other.published(topic, b"another's", qos=1)
    await client.message(topic, payload=b"another's", because="from another client, and nothing of its own")
    await client.receives_no(because="from the client itself, as it subscribed with No Local")


@case(v5("3.8.3-3"), needs=("session-expiry", "qos-1"))
async def no_local_holds_over_a_reconnection(broker: Broker) -> None:
    """The rule is about equal ClientIDs, not about connections."""
    topic = broker.topic()
    before = await broker.subscriber(Subscription(topic, 1, no_local=True), stored=True)
    await before.disconnect()
    client = await broker.connected(before.id, stored=True)
    if client.connack is None or not client.connack.session_present:
        client.unprepared("the session was not kept")
    other = await broker.connected()
    await client.published(topic, b"own", qos=1)
    await other.published(topic, b"another's", qos=1)
    await client.message(topic, payload=b"another's", because="from another client, and nothing of its own")
    await client.receives_no(because="from the client itself, as it subscribed with No Local")


@case(v5("3.8.3-4"), needs=("shared-subscriptions",))
async def no_local_on_a_shared_subscription_closes_the_connection(broker: Broker) -> None:
    client = await broker.subscriber(f"$share/{broker.trial.scope}good/{broker.topic()}")
    shared = f"$share/{broker.trial.scope}/{broker.topic()}"
    await client.send(Subscribe(client.next_id(), (Subscription(shared, no_local=True),)))
    await client.is_closed_by_broker(because="after No Local on a shared subscription, a Protocol Error")
