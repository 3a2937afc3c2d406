"""SUBSCRIBE: MQTT 3.1.1 and 5.0, section 3.8; topic filters in section 4.7."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt import shim
from testbed.mqtt.client import Client
from testbed.mqtt.codec import describe
from testbed.mqtt.packets import Subscribe, Subscription


@case(v311("2.3.1-1"), v5("2.2.1-3"), needs=("subscribe",))
async def it_has_a_packet_identifier_above_0(client: Client) -> None:
    connection, subscribe = await client.subscribing()
    if not subscribe.packet_id:
        connection.violated("a SUBSCRIBE with a packet identifier above 0", describe(subscribe))


@case(v311("3.8.1-1"), v5("3.8.1-1"), v5("2.1.3-1"), v311("2.2.2-1"), needs=("subscribe",))
async def its_fixed_header_has_the_flags_0010(client: Client) -> None:
    connection, subscribe = await client.subscribing()
    if subscribe.flags is not None:
        connection.violated("a SUBSCRIBE with the flags 0010", describe(subscribe))


@case(v311("3.8.3-3"), v5("3.8.3-2"), needs=("subscribe", "told"))
async def it_holds_the_filter_it_was_told(client: Client) -> None:
    connection, subscribe = await client.subscribing(client.topic("a/b"))
    if not subscribe.subscriptions:
        connection.violated(f"a SUBSCRIBE with the filter {client.topic('a/b')}", describe(subscribe))
    if all(one.filter != client.topic("a/b") for one in subscribe.subscriptions):
        connection.unprepared("the client does not subscribe to what it was told", cause="subscribes elsewhere")


@case(v311("3.8.3-3"), v5("3.8.3-2"), needs=("subscribe", "orders"))
async def it_is_not_sent_without_a_filter(client: Client) -> None:
    connection = await client.connected()
    order = client.control.order(shim.Subscribe(0, []))
    await client.sends_no(
        connection, Subscribe, order, lambda p: not p.subscriptions, because="without a topic filter"
    )


@case(
    v311("3.8.3-1"),
    v5("3.8.3-1"),
    needs=("subscribe", "told"),
    rows={"two bytes": "é", "three bytes": "世界", "four bytes": "🌍", "U+FEFF": "\ufeffx", "highest": "\U0010fffd"},
)
async def a_filter_goes_out_as_utf_8(client: Client, level: str) -> None:
    connection, subscribe = await client.subscribing(client.topic(level))
    if [one.filter for one in subscribe.subscriptions] != [client.topic(level)]:
        connection.violated(f"the filter {client.topic(level)!r} in UTF-8", describe(subscribe))


@case(v311("4.7.1-2"), v5("4.7.1-1"), needs=("subscribe", "told"), rows={"alone": "#", "last": "{}/a/#"})
async def a_filter_with_a_proper_hash_sign_goes_out_as_it_is(client: Client, pattern: str) -> None:
    await _goes_out(client, pattern)


@case(
    v311("4.7.1-3"),
    v5("4.7.1-2"),
    needs=("subscribe", "told"),
    rows={"first": "+/{}", "amidst": "{}/+/b", "last": "{}/+"},
)
async def a_filter_with_a_proper_plus_sign_goes_out_as_it_is(client: Client, pattern: str) -> None:
    await _goes_out(client, pattern)


async def _goes_out(client: Client, pattern: str) -> None:
    filter = pattern.format(client.trial.scope)
    connection, subscribe = await client.subscribing(filter)
    if [one.filter for one in subscribe.subscriptions] != [filter]:
        connection.violated(f"the filter {filter!r} as it is", describe(subscribe))


@case(
    v311("4.7.1-2"),
    v5("4.7.1-1"),
    needs=("subscribe", "orders"),
    rows={"amidst": "{}/#/b", "within a level": "{}/a#", "twice": "#/{}/#"},
)
async def a_filter_with_a_misplaced_hash_sign_is_not_sent(client: Client, pattern: str) -> None:
    await _is_not_sent(client, pattern.format(client.trial.scope), "with a misplaced #")


@case(
    v311("4.7.1-3"),
    v5("4.7.1-2"),
    needs=("subscribe", "orders"),
    rows={"behind letters": "{}/a+", "before letters": "{}/+a", "between": "{}/a+b/c"},
)
async def a_filter_with_a_misplaced_plus_sign_is_not_sent(client: Client, pattern: str) -> None:
    await _is_not_sent(client, pattern.format(client.trial.scope), "with a + that is no whole level")


@case(v311("4.7.3-1"), v5("4.7.3-1"), needs=("subscribe", "orders"))
async def an_empty_filter_is_not_sent(client: Client) -> None:
    await _is_not_sent(client, "", "with an empty topic filter")


@case(v311("4.7.3-2"), v311("1.5.3-2"), v5("4.7.3-2"), v5("1.5.4-2"), needs=("subscribe", "orders"))
async def a_filter_with_u_0000_is_not_sent(client: Client) -> None:
    await _is_not_sent(client, client.topic("a\0b"), "with U+0000 in its topic filter")


@case(v311("4.7.3-3"), v5("4.7.3-3"), needs=("subscribe", "orders"))
async def of_a_filter_of_65_536_bytes_nothing_is_sent(client: Client) -> None:
    """It has no wire form: what a client makes of it is another filter, or a packet that cannot be read."""
    connection = await client.connected()
    order = client.subscribe("x" * 65_536)
    await client.sends_no(connection, Subscribe, order, because="for a topic filter of 65,536 bytes")


@case(v311("4.7.3-3"), v5("4.7.3-3"), needs=("subscribe", "told"))
async def a_filter_of_65_535_bytes_goes_out_whole(client: Client) -> None:
    connection, subscribe = await client.subscribing("x" * 65_535)
    if [one.filter for one in subscribe.subscriptions] != ["x" * 65_535]:
        connection.violated("the filter of 65,535 bytes, whole", describe(subscribe))


async def _is_not_sent(client: Client, filter: str, because: str) -> None:
    """First its good twin is."""
    connection = await client.subscribed()
    order = client.subscribe(filter)
    await client.sends_no(
        connection, Subscribe, order, lambda p: any(one.filter == filter for one in p.subscriptions), because=because
    )


# -- options (5.0)


@case(
    v5("3.8.3-2"),
    needs=("subscribe", "subscription-options", "told"),
    rows={
        "No Local": shim.Filter("{}", 0, no_local=True),
        "Retain As Published": shim.Filter("{}", 1, retain_as_published=True),
        "Retain Handling 1": shim.Filter("{}", 0, retain_handling=1),
        "Retain Handling 2": shim.Filter("{}", 2, retain_handling=2),
        "all of them": shim.Filter("{}", 2, True, True, 2),
    },
    aliases=("mqtt.client.subscribe.subscription_options_go_out_as_told",),
)
async def subscription_options_go_out_with_their_filter(client: Client, told: shim.Filter) -> None:
    """That the options are those told is no sentence of the standard, but without it nothing was shown."""
    wanted = Subscription(client.topic(), told.qos, told.no_local, told.retain_as_published, told.retain_handling)
    filter = shim.Filter(client.topic(), told.qos, told.no_local, told.retain_as_published, told.retain_handling)
    connection, subscribe = await client.subscribing(filter)
    if not subscribe.subscriptions:
        connection.violated(f"the subscription {wanted}", describe(subscribe))
    if wanted not in subscribe.subscriptions:
        connection.unprepared(f"the client was told {wanted}", cause="says other subscription options")


@case(v5("3.8.3-4"), needs=("subscribe", "orders", "subscription-options"))
async def no_local_is_not_sent_for_a_shared_subscription(client: Client) -> None:
    connection = await client.subscribed(f"$share/g/{client.topic('twin')}")
    order = client.subscribe(shim.Filter(f"$share/g/{client.topic()}", 0, no_local=True))
    await client.sends_no(
        connection,
        Subscribe,
        order,
        lambda p: any(one.no_local for one in p.subscriptions),
        because="with No Local on a shared subscription",
    )


@case(
    v5("4.8.2-1"),
    needs=("subscribe", "orders"),
    rows={"without name": "$share//{}/t"},
)
async def a_shared_subscription_without_a_name_is_not_sent(client: Client, pattern: str) -> None:
    await _is_not_sent(client, pattern.format(client.trial.scope), "without a ShareName")


@case(
    v5("4.8.2-2"),
    needs=("subscribe", "orders"),
    rows={"+ in the name": "$share/g+/{}/t", "# in the name": "$share/g#/{}/t", "without filter": "$share/g"},
)
async def a_shared_subscription_with_a_wrong_name_is_not_sent(client: Client, pattern: str) -> None:
    await _is_not_sent(client, pattern.format(client.trial.scope), "with a wrong ShareName, or without a filter")
