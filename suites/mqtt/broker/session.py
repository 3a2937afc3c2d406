"""Sessions: how long they last, and whether the server says that it has one: MQTT 3.1.1 sections 3.1.2.4, 3.2.2.2
and 4.1, MQTT 5.0 sections 3.1.2.4, 3.1.2.11.2, 3.2.2.1.1 and 4.1. What they hold is in `session_state`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.broker import Broker
from testbed.mqtt.packets import Connack, Disconnect
from testbed.mqtt.properties import Property
from testbed.mqtt.scripted_client import Client

KEPT = ("session-expiry",)


async def _says(broker: Broker, id: str, session_present: bool, because: str, **options: Any) -> Client:
    """A client that connected as `id`; CONNACK must accept it with this Session Present."""
    client = await broker.linked()
    await client.send(broker.connect(id, **options))
    client.id = id
    client.connack = await client.expect(Connack, code=0, session_present=session_present, because=because)
    return client


# -- Session Present


@case(v311("3.2.2-1"), v5("3.2.2-2"))
async def a_clean_start_has_no_session_present(broker: Broker) -> None:
    await _says(broker, broker.client_id(), False, "to a clean start")


@case(v311("3.2.2-3"), v311("3.1.2-4"), v5("3.2.2-3"), v5("3.1.2-6"))
async def without_stored_state_no_session_is_present(broker: Broker) -> None:
    client = await _says(broker, broker.client_id(), False, "to a client id that was never here", stored=True)
    await client.is_alive()


@case(
    v311("3.2.2-2"),
    v311("3.1.2-4"),
    v311("4.1.0-1"),
    v5("3.2.2-3"),
    v5("3.1.2-5"),
    v5("3.1.2-23"),
    needs=KEPT,
    rows={"nothing-but-itself": False, "a-subscription": True},
)
async def with_stored_state_a_session_is_present(broker: Broker, subscribed: bool) -> None:
    """That the session exists is state, even if it holds nothing."""
    first = await broker.connected(stored=True)
    if subscribed:
        await first.subscribed(broker.topic())
    await first.disconnect()
    await _says(broker, first.id, True, "to a client whose session was to be kept", stored=True)


@case(v311("3.2.2-2"), v311("3.1.2-4"), v5("3.2.2-3"), v5("3.1.2-5"), needs=(*KEPT, "qos-1"))
async def a_session_with_a_subscription_at_qos_1_is_present(broker: Broker) -> None:
    first = await broker.subscriber(broker.topic(), qos=1, stored=True)
    await first.disconnect()
    await _says(broker, first.id, True, "to a client whose session was to be kept", stored=True)


@case(v311("3.2.2-2"), v311("3.1.2-4"), v5("3.2.2-3"), v5("3.1.2-23"), needs=(*KEPT, "qos-1"))
async def a_session_survives_a_broken_connection(broker: Broker) -> None:
    first = await broker.subscriber(broker.topic(), qos=1, stored=True)
    first.drop()
    await _says(broker, first.id, True, "to a client whose session was to be kept", stored=True)


@case(v311("3.2.2-2"), v311("3.1.2-4"), v5("3.2.2-3"), v5("3.1.2-5"), needs=(*KEPT, "qos-1"))
async def a_take_over_finds_the_session_present(broker: Broker) -> None:
    first = await broker.subscriber(broker.topic(), qos=1, stored=True)
    await _says(broker, first.id, True, "to a client that takes its own connection over", stored=True)


@case(v311("3.2.2-1"), v311("3.1.2-6"), v311("3.1.4-3"), v5("3.2.2-2"), v5("3.1.2-4"), v5("3.1.4-4"), needs=KEPT)
async def a_clean_start_discards_the_stored_session(broker: Broker) -> None:
    """First it is not present, then it is not there: the clean one ends with its connection."""
    first = await broker.connected(stored=True)
    await first.disconnect()
    second = await _says(broker, first.id, False, "to a clean start, whatever is stored")
    await second.disconnect()
    await _says(broker, first.id, False, "as the clean start discarded the session", stored=True)


@case(v311("3.1.2-6"), v311("3.2.2-3"), v5("4.1.0-2"), v5("3.2.2-3"))
async def a_session_that_is_not_to_be_kept_ends_with_its_connection(broker: Broker) -> None:
    """Clean Session 1 in 3.1.1, no Session Expiry Interval in 5.0."""
    first = await broker.connected()
    await first.subscribed(broker.topic())
    await first.disconnect()
    await _says(broker, first.id, False, "as the session ended with its connection", stored=True)


@case(v5("4.1.0-2"))
async def a_session_expiry_interval_of_0_ends_the_session_with_its_connection(broker: Broker) -> None:
    zero = {Property.SESSION_EXPIRY_INTERVAL: 0}
    first = await broker.connected(clean=False, properties=zero)
    await first.disconnect()
    await _says(broker, first.id, False, "as the session ended with its connection", clean=False, properties=zero)


@case(v5("3.1.2-23"), v5("3.2.2-3"), needs=KEPT)
async def a_session_that_started_clean_can_be_kept(broker: Broker) -> None:
    """In 5.0 how a session starts and how long it lasts are two matters."""
    first = await broker.connected(clean=True, properties={Property.SESSION_EXPIRY_INTERVAL: 60})
    await first.disconnect()
    await _says(broker, first.id, True, "as its Session Expiry Interval has not passed", stored=True)


@case(v5("3.1.2-23"), needs=KEPT, rows={"a-minute": 60, "for-ever": 0xFFFFFFFF})
async def a_session_is_kept_for_its_expiry_interval(broker: Broker, seconds: int) -> None:
    kept = {Property.SESSION_EXPIRY_INTERVAL: seconds}
    first = await broker.connected(clean=False, properties=kept)
    await first.disconnect()
    await _says(broker, first.id, True, f"within the {seconds} s of its session", clean=False, properties=kept)
    # Leave nothing behind.
    await broker.connected(first.id)


# -- expiry


@case(v5("4.1.0-2"), needs=KEPT, lasts=8.5, rows={"after-disconnect": False, "after-a-broken-connection": True})
async def an_expired_session_is_discarded(broker: Broker, broken: bool) -> None:
    """A Session Expiry Interval of 1 s. A server that is late gets one more, longer chance: coming back restarts
    the interval."""
    second = {Property.SESSION_EXPIRY_INTERVAL: 1}
    first = await broker.connected(clean=False, properties=second)
    for wait in (2.5, 6.0):
        if broken:
            first.drop()
        else:
            await first.send(Disconnect())
            first.close()
        await asyncio.sleep(wait)
        first = await broker.connected(first.id, clean=False, properties=second)
        if first.connack is not None and not first.connack.session_present:
            return
    first.violated("Session Present 0, as the session expired 1 s after its connection ended, 5 s ago")


@case(v5("4.1.0-1"), v5("3.1.2-5"), needs=KEPT, lasts=3.2)
async def the_expiry_interval_does_not_run_while_connected(broker: Broker) -> None:
    """2 s, since a broker whose clock counts whole seconds may let 1 s pass at once."""
    topic = broker.topic()
    client = await broker.connected(clean=False, properties={Property.SESSION_EXPIRY_INTERVAL: 2})
    await client.subscribed(topic)
    await asyncio.sleep(3.2)
    other = await broker.connected()
    await other.published(topic, b"still subscribed")
    await client.message(topic, payload=b"still subscribed")
    client.drop()
    await _says(broker, client.id, True, "at once after the connection ended", stored=True)


@case(v311("4.1.0-2"), v5("4.1.0-1"))
async def a_session_lasts_as_long_as_its_connection(broker: Broker) -> None:
    """Also one that is not to be kept, while the client speaks and others come and go."""
    topic = broker.topic()
    client = await broker.subscriber(topic)
    for _ in range(3):
        other = await broker.subscriber(topic)
        await other.disconnect()
        await client.settled()
    last = await broker.connected()
    await last.published(topic, b"still subscribed")
    await client.message(topic, payload=b"still subscribed")
