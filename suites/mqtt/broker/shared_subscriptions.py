"""Shared subscriptions: MQTT 5.0, section 4.8.2."""

from __future__ import annotations

import asyncio

from harness.case import case
from suites.mqtt import v5
from testbed.mqtt.broker import Broker
from testbed.mqtt.codec import describe
from testbed.mqtt.packets import Puback, Pubcomp, Publish, Pubrec, Pubrel, Suback, Subscribe, Subscription
from testbed.mqtt.properties import Property
from testbed.mqtt.reasons import Reason
from testbed.mqtt.scripted_client import Client

REFUSALS = {
    f"0x{code:02X}": int(code)
    for code in (
        Reason.UNSPECIFIED_ERROR,
        Reason.IMPLEMENTATION_SPECIFIC_ERROR,
        Reason.NOT_AUTHORIZED,
        Reason.QUOTA_EXCEEDED,
        Reason.PAYLOAD_FORMAT_INVALID,
    )
}


def _shared(broker: Broker, name: str = "t") -> str:
    """The shared form of a topic filter of the cell, in a group that no other cell shares."""
    return f"$share/{broker.trial.scope}/{broker.topic(name)}"


async def _group(broker: Broker, qos: int, **options: object) -> tuple[Client, Client]:
    """Two members of the cell's group, subscribed to its topic."""
    return (
        await broker.subscriber(_shared(broker), qos=qos, **options),
        await broker.subscriber(_shared(broker), qos=qos, **options),
    )


async def _chosen(members: tuple[Client, Client]) -> tuple[Client, Client, int]:
    """The member to which the broker sends its next message, the other one, and the message's packet identifier."""
    waiting = {asyncio.ensure_future(member.maybe(Publish)): member for member in members}
    done, late = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    task = done.pop()
    message = task.result()
    if message is None or message.packet_id is None:
        members[0].unprepared("no member of the group received the message")
    chosen = waiting[task]
    return chosen, members[members[0] is chosen], message.packet_id


@case(v5("4.8.2-1"), needs=("shared-subscriptions",), rows={"exact filter": "t", "with a wildcard": "#"})
async def a_filter_of_the_shared_form_makes_a_shared_subscription(broker: Broker, name: str) -> None:
    """Of each message the group gets one copy, whoever in it: two plain subscriptions would get two."""
    topic = broker.topic()
    members = [await broker.subscriber(_shared(broker, name)) for _ in range(2)]
    publisher = await broker.connected()
    sent = [b"%d" % n for n in range(10)]
    for payload in sent:
        await publisher.published(topic, payload)
    came = [m.payload for messages in await asyncio.gather(*(m.all_messages() for m in members)) for m in messages]
    if sorted(came) != sent:
        members[0].violated(f"{len(sent)} messages in the group, each to one member", f"{len(came)} messages")


@case(v5("4.8.2-1"), needs=("shared-subscriptions",))
async def groups_of_different_names_each_get_every_message(broker: Broker) -> None:
    topic, scope = broker.topic(), broker.trial.scope
    clients = [await broker.subscriber(f"$share/{scope}{group}/{topic}") for group in "ab"]
    clients.append(await broker.subscriber(topic))
    publisher = await broker.connected()
    for payload in (b"1", b"2"):
        await publisher.published(topic, payload)
        for client in clients:
            await client.message(topic, payload=payload, because="to each group and to a plain subscription")


@case(
    v5("4.8.2-2"),
    needs=("shared-subscriptions",),
    rows={"blank": "a b", "dot": "a.b", "letters beyond ASCII": "\u00e9\u6f22", "dollar": "$a", "one letter": "g"},
)
async def a_share_name_may_hold_any_other_character(broker: Broker, name: str) -> None:
    topic = broker.topic()
    client = await broker.subscriber(f"$share/{name}/{topic}")
    publisher = await broker.connected()
    await publisher.published(topic, b"x")
    await client.message(topic, because=f"with the share name {name!r}")


@case(v5("4.8.2-1"), needs=("shared-subscriptions",))
async def a_share_name_without_a_character_is_refused(broker: Broker) -> None:
    client = await broker.subscriber(_shared(broker))
    await client.is_not_granted(Subscription(f"$share//{broker.topic()}"), because="as the share name is empty")


@case(
    v5("4.8.2-2"),
    needs=("shared-subscriptions",),
    rows={
        "+ alone": "$share/+/~/t",
        "+ inside": "$share/g+h/~/t",
        "# alone": "$share/#/~/t",
        "# inside": "$share/g#/~/t",
        "no slash": "$share/~",
        "no filter": "$share/~/",
    },
)
async def an_improper_shared_filter_is_refused(broker: Broker, form: str) -> None:
    """A share name with a wildcard, or nothing behind it."""
    client = await broker.subscriber(_shared(broker))
    await client.is_not_granted(
        Subscription(form.replace("~", broker.trial.scope)), because=f"as {form} is no filter"
    )


@case(v5("4.8.2-3"), needs=("shared-subscriptions", "qos-1"), rows={"asked for 0": 0, "asked for 1": 1})
async def a_shared_subscription_keeps_to_the_qos_granted(broker: Broker, asked: int) -> None:
    await _is_shared_at(broker, 1, asked)


@case(v5("4.8.2-3"), needs=("shared-subscriptions", "qos-1", "qos-2"), rows={f"asked for {q}": q for q in (0, 1, 2)})
async def a_shared_subscription_keeps_to_the_qos_granted_for_qos_2(broker: Broker, asked: int) -> None:
    await _is_shared_at(broker, 2, asked)


async def _is_shared_at(broker: Broker, published: int, asked: int) -> None:
    """The broker may grant less to a shared subscription than was asked for."""
    client = await broker.connected()
    await client.send(Subscribe(client.next_id(), (Subscription(_shared(broker), asked),)))
    suback = await client.maybe(Suback)
    if suback is None or suback.codes not in ((0,), (1,), (2,)):
        client.unprepared("the shared subscription was not granted")
    (granted,) = suback.codes
    publisher = await broker.connected()
    await publisher.published(broker.topic(), b"x", qos=published)
    await client.message(broker.topic(), qos=min(published, granted), because=f"as QoS {granted} was granted")


@case(v5("4.8.2-3"), needs=("shared-subscriptions", "qos-1"))
async def each_member_gets_its_messages_at_its_own_qos(broker: Broker) -> None:
    topic = broker.topic()
    members = [await broker.subscriber(_shared(broker), qos=qos) for qos in (0, 1)]
    publisher = await broker.connected()
    for n in range(6):
        await publisher.published(topic, b"%d" % n, qos=1)
    came = await asyncio.gather(*(member.all_messages() for member in members))
    if not any(came):
        members[0].unprepared("no member of the group received a message")
    for granted, (member, messages) in enumerate(zip(members, came, strict=True)):
        for message in messages:
            if message.qos != granted:
                member.violated(f"messages at QoS {granted}, as granted to this member", describe(message))


@case(
    v5("4.8.2-4"),
    needs=("shared-subscriptions", "qos-2", "session-expiry"),
    rows={"before PUBREC": False, "after PUBREC": True},
)
async def a_qos_2_delivery_is_completed_to_the_same_member(broker: Broker, answered: bool) -> None:
    """Its connection breaks half way; when it is back the delivery goes on."""
    members = await _group(broker, 2, stored=True)
    publisher = await broker.connected()
    await publisher.published(broker.topic(), b"x", qos=2)
    member, _, number = await _chosen(members)
    if answered:
        await member.send(Pubrec(number))
        if await member.maybe(Pubrel) is None:
            member.unprepared("PUBREC was not answered by PUBREL")
    member.drop()
    again = await broker.connected(member.id, stored=True)
    if again.connack is None or not again.connack.session_present:
        again.unprepared("the session was not kept")
    if answered:
        await again.expect(Pubrel, packet_id=number, because="which the member had not answered before")
        await again.send(Pubcomp(number))
        await again.is_alive()
        return
    await again.message(broker.topic(), qos=2, packet_id=number, because="which the member had not answered before")


@case(v5("4.8.2-5"), needs=("shared-subscriptions", "qos-2"), rows={"breaks off": True, "says DISCONNECT": False})
async def a_qos_2_message_of_an_ended_session_goes_to_nobody_else(broker: Broker, breaks: bool) -> None:
    """The session ends with the connection, in the middle of a delivery."""
    members = await _group(broker, 2)
    publisher = await broker.connected()
    await publisher.published(broker.topic(), b"x", qos=2)
    member, other, _ = await _chosen(members)
    if breaks:
        member.drop()
    else:
        await member.disconnect()
    await other.receives_no(because="that the broker had begun to send to another member")
    await _still_gets_messages(broker, (other,), 2)


@case(v5("4.8.2-6"), needs=("shared-subscriptions", "qos-1"), rows=REFUSALS)
async def a_message_refused_by_puback_goes_to_nobody_else(broker: Broker, code: int) -> None:
    members = await _group(broker, 1)
    publisher = await broker.connected()
    await publisher.published(broker.topic(), b"x", qos=1)
    member, other, number = await _chosen(members)
    await member.send(Puback(number, code))
    await _is_discarded(broker, member, other, 1)


@case(v5("4.8.2-6"), needs=("shared-subscriptions", "qos-2"), rows=REFUSALS)
async def a_message_refused_by_pubrec_goes_to_nobody_else(broker: Broker, code: int) -> None:
    members = await _group(broker, 2)
    publisher = await broker.connected()
    await publisher.published(broker.topic(), b"x", qos=2)
    member, other, number = await _chosen(members)
    await member.send(Pubrec(number, code))
    await _is_discarded(broker, member, other, 2)


async def _is_discarded(broker: Broker, member: Client, other: Client, qos: int) -> None:
    """Neither the member that refused the message nor the other gets it again; later messages still come."""
    await asyncio.gather(
        other.receives_no(because="that another member refused"),
        member.receives_no(because="that it had refused"),
    )
    await _still_gets_messages(broker, (member, other), qos)


async def _still_gets_messages(broker: Broker, members: tuple[Client, ...], qos: int) -> None:
    """Proof that the silence before was that of working members. Inconclusive otherwise."""
    publisher = await broker.connected()
    await publisher.published(broker.topic(), b"later", qos=qos)
    for member in members:
        if await member.maybe(Publish, within=member.trial.patience / len(members)):
            return
    members[0].unprepared("a later message reached no member of the group")


@case(v5("3.10.4-1"), needs=("shared-subscriptions",))
async def unsubscribing_from_the_plain_filter_leaves_the_shared_one(broker: Broker) -> None:
    topic = broker.topic()
    client = await broker.subscriber(_shared(broker))
    await client.unsubscribed(topic)
    publisher = await broker.connected()
    await publisher.published(topic, b"x")
    await client.message(topic, because="as the shared filter was not unsubscribed from")


@case(v5("3.10.4-1"), v5("3.10.4-2"), needs=("shared-subscriptions",))
async def a_shared_filter_can_be_unsubscribed(broker: Broker) -> None:
    topic = broker.topic()
    client = await broker.subscriber(_shared(broker))
    publisher = await broker.connected()
    await publisher.published(topic, b"before")
    if await client.maybe(Publish) is None:
        client.unprepared("the message before the UNSUBSCRIBE did not come")
    await client.unsubscribed(_shared(broker))
    await publisher.published(topic, b"after")
    await client.receives_no(because="on a filter we unsubscribed from")


@case(v5("4.13.1-1"), needs=("not shared-subscriptions",))
async def a_shared_subscription_where_there_are_none_is_refused(broker: Broker) -> None:
    """A Protocol Error by section 3.2.2.3.13; a SUBACK with 0x9E is as good."""
    client = await broker.subscriber(broker.topic())
    if client.announced(Property.SHARED_SUBSCRIPTION_AVAILABLE, 1):
        client.unprepared("CONNACK does not say that there are no shared subscriptions")
    await client.is_not_granted(Subscription(_shared(broker)), because="as the broker announced that it has none")
