"""Overlapping subscriptions of one client: MQTT 3.1.1, section 3.3.5; MQTT 5.0, section 3.3.4.

A broker may send one copy, or one for each subscription; either is right.
"""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.broker import Broker
from testbed.mqtt.packets import Publish, Subscription
from testbed.mqtt.properties import Property, get_all
from testbed.mqtt.scripted_client import Client

FILTERS = ("a/b", "a/+", "a/#")


async def _copies(broker: Broker, client: Client, qos: int) -> list[Publish]:
    """Every copy that `client` gets of one message to a/b at `qos`; Inconclusive when there is none."""
    publisher = await broker.connected()
    await publisher.published(broker.topic("a/b"), b"x", qos=qos)
    first = await client.delivered(broker.topic("a/b"))
    await client.accept(first)
    return [first, *(copy for copy in await client.all_messages() if copy.topic == first.topic)]


def _ids(message: Publish) -> list[int]:
    return sorted(get_all(message.properties, Property.SUBSCRIPTION_IDENTIFIER))


# -- the QoS


@case(v311("3.3.5-1"), v5("3.3.4-2"), needs=("qos-1", "wildcards"))
async def the_highest_qos_of_all_is_kept_for_qos_1(broker: Broker) -> None:
    await _keeps_the_highest(broker, 1)


@case(v311("3.3.5-1"), v5("3.3.4-2"), needs=("qos-2", "wildcards"))
async def the_highest_qos_of_all_is_kept_for_qos_2(broker: Broker) -> None:
    await _keeps_the_highest(broker, 2)


async def _keeps_the_highest(broker: Broker, highest: int) -> None:
    """Whichever of the filters has it: the first, the last, the one without a wildcard."""
    for best in FILTERS:
        client = await broker.connected()
        for filter in FILTERS:
            await client.subscribed(broker.topic(filter), qos=highest if filter == best else 0)
        found = sorted(copy.qos for copy in await _copies(broker, client, highest))
        if found[-1] != highest:
            client.violated(f"a copy with QoS {highest}, which {best} was granted, the others QoS 0", f"QoS {found}")
        await client.disconnect()


@case(v311("3.3.5-1"), v5("3.3.4-2"), needs=("qos-1", "wildcards"))
async def there_is_at_most_one_copy_for_each_subscription(broker: Broker) -> None:
    client = await broker.connected()
    for filter in FILTERS:
        await client.subscribed(broker.topic(filter), qos=1)
    copies = await _copies(broker, client, 1)
    if len(copies) > len(FILTERS):
        client.violated("at most one copy for each matching subscription", f"{len(copies)} copies")


@case(v311("3.3.5-1"), v5("3.3.4-2"), needs=("qos-2", "wildcards"))
async def further_copies_keep_to_the_qos_of_their_subscriptions(broker: Broker) -> None:
    client = await broker.connected()
    for qos, filter in enumerate(FILTERS):
        await client.subscribed(broker.topic(filter), qos=qos)
    found = sorted(copy.qos for copy in await _copies(broker, client, 2))
    if found[-1] != 2 or len(set(found)) != len(found):
        client.violated("one copy with QoS 2, further ones with QoS 0 and QoS 1 at most once each", f"QoS {found}")


# -- the Subscription Identifiers


@case(v5("3.3.4-3"), needs=("subscription-identifiers",))
async def a_message_carries_the_identifier_of_its_subscription(broker: Broker) -> None:
    topic = broker.topic()
    client = await broker.subscriber(topic, properties={Property.SUBSCRIPTION_IDENTIFIER: 1234})
    publisher = await broker.connected()
    await publisher.published(topic, b"x")
    message = await client.delivered(topic)
    if _ids(message) != [1234]:
        client.violated("Subscription Identifier 1234", f"{_ids(message)}")


@case(v5("3.3.4-3"), needs=("subscription-identifiers",), rows={"127": 127, "128": 128, "largest": 268_435_455})
async def an_identifier_of_any_length_comes_back(broker: Broker, number: int) -> None:
    topic = broker.topic()
    client = await broker.subscriber(topic, properties={Property.SUBSCRIPTION_IDENTIFIER: number})
    publisher = await broker.connected()
    await publisher.published(topic, b"x")
    message = await client.delivered(topic)
    if _ids(message) != [number]:
        client.violated(f"Subscription Identifier {number}", f"{_ids(message)}")


@case(v5("3.3.4-3"), v5("3.3.4-4"), v5("3.3.4-5"), needs=("subscription-identifiers", "wildcards"))
async def overlapping_subscriptions_each_find_their_identifier(broker: Broker) -> None:
    """One copy with all identifiers, or several that carry each identifier once."""
    client = await broker.connected()
    for number, filter in enumerate(FILTERS, 11):
        await client.subscribed(broker.topic(filter), properties={Property.SUBSCRIPTION_IDENTIFIER: number})
    copies = await _copies(broker, client, 0)
    found = sorted(_ids(copy) for copy in copies)
    numbers = sorted(number for ids in found for number in ids)
    if numbers != [11, 12, 13] or [] in found:
        client.violated("identifiers 11, 12, 13 in one copy, or each in a copy of its own", f"{found}")


@case(v5("3.3.4-4"), v5("3.3.4-5"), needs=("subscription-identifiers", "wildcards"))
async def a_subscription_without_identifier_adds_none(broker: Broker) -> None:
    client = await broker.connected()
    await client.subscribed(broker.topic("a/+"))
    await client.subscribed(broker.topic("a/b"), properties={Property.SUBSCRIPTION_IDENTIFIER: 21})
    copies = await _copies(broker, client, 0)
    found = sorted(_ids(copy) for copy in copies)
    if found not in ([[21]], [[], [21]]):
        client.violated("identifier 21 in one copy alone", f"{found}")


@case(v5("3.3.4-3"), needs=("subscription-identifiers",))
async def filters_of_one_subscribe_share_its_identifier(broker: Broker) -> None:
    client = await broker.connected()
    wanted = tuple(Subscription(broker.topic(name)) for name in ("a", "b"))
    await client.subscribed(*wanted, properties={Property.SUBSCRIPTION_IDENTIFIER: 31})
    publisher = await broker.connected()
    for name in ("a", "b"):
        await publisher.published(broker.topic(name), b"x")
        message = await client.delivered(broker.topic(name))
        if _ids(message) != [31]:
            client.violated("Subscription Identifier 31", f"{_ids(message)}")
