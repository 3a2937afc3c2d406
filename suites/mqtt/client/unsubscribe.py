"""UNSUBSCRIBE: MQTT 3.1.1 and 5.0, section 3.10."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt import shim
from testbed.mqtt.client import Client
from testbed.mqtt.codec import describe
from testbed.mqtt.packets import Malformed, Unsubscribe

_NEEDS = ("subscribe", "orders")


@case(v311("2.3.1-1"), v5("2.2.1-3"), needs=_NEEDS)
async def it_has_a_packet_identifier_above_0(client: Client) -> None:
    connection = await client.subscribed()
    unsubscribe = await client.unsubscribing(connection, client.topic())
    if not unsubscribe.packet_id:
        connection.violated("an UNSUBSCRIBE with a packet identifier above 0", describe(unsubscribe))


@case(v311("3.10.1-1"), v5("3.10.1-1"), needs=_NEEDS)
async def its_fixed_header_has_the_flags_0010(client: Client) -> None:
    connection = await client.subscribed()
    unsubscribe = await client.unsubscribing(connection, client.topic())
    if unsubscribe.flags is not None:
        connection.violated("an UNSUBSCRIBE with the flags 0010", describe(unsubscribe))


@case(v311("3.10.3-1"), v5("3.10.3-1"), needs=_NEEDS, rows={"ASCII": "a", "UTF-8": "é世🌍", "two levels": "a/b"})
async def its_filter_goes_out_as_utf_8(client: Client, level: str) -> None:
    connection = await client.subscribed(client.topic(level))
    client.unsubscribe(client.topic(level))
    unsubscribe = await connection.maybe((Unsubscribe, Malformed))
    if unsubscribe is None:
        connection.unprepared("the client was told to unsubscribe, and does not", cause="sends no UNSUBSCRIBE")
    if getattr(unsubscribe, "filters", ()) != (client.topic(level),):
        connection.violated(f"the filter {client.topic(level)!r} in UTF-8", describe(unsubscribe))


@case(v311("3.10.3-2"), v5("3.10.3-2"), needs=_NEEDS)
async def it_is_not_sent_without_a_filter(client: Client) -> None:
    connection = await client.subscribed()
    order = client.control.order(shim.Unsubscribe(0, []))
    await client.sends_no(connection, Unsubscribe, order, lambda p: not p.filters, because="without a topic filter")


@case(v311("4.7.3-1"), v5("4.7.3-1"), needs=_NEEDS)
async def it_is_not_sent_with_an_empty_filter(client: Client) -> None:
    connection = await client.subscribed()
    order = client.unsubscribe("")
    await client.sends_no(connection, Unsubscribe, order, lambda p: "" in p.filters, because="with an empty filter")


@case(v311("2.3.1-2"), v5("2.2.1-3"), needs=_NEEDS)
async def it_has_another_identifier_than_a_subscribe_that_is_not_answered(client: Client) -> None:
    connection, subscribe = await client.subscribing()
    client.told = client.unsubscribe(client.topic("other"))
    unsubscribe = await client.sent(connection, Unsubscribe)
    if unsubscribe.packet_id == subscribe.packet_id:
        connection.violated(f"another packet identifier than {subscribe.packet_id}", describe(unsubscribe))
