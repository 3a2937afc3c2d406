"""The session that the client throws away: it starts clean (MQTT 3.1.1 and 5.0, section 3.1.2.4), or the server has
none (5.0 section 3.2.2.1.1).

A library that publishes what was open anew, with DUP 0 and another packet identifier, has thrown the session away.
"""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.client import Client
from testbed.mqtt.codec import describe
from testbed.mqtt.packets import Pubcomp, Publish, Pubrec, Pubrel, Subscribe
from testbed.mqtt.scripted_broker import Connection

_SENDS = {"QoS 1": 1, "QoS 2": 2}
_NEEDS = ("publish", "qos-1", "qos-2", "session", "orders")
_RECEIVES = ("subscribe", "qos-2", "session", "orders")


async def _open(client: Client, qos: int) -> tuple[Connection, Publish]:
    """Set-up: a message that is sent and not acknowledged, behind some that are. Its packet identifier is none that a
    client which begins to count anew would come to."""
    connection = await client.connected(stored=True)
    for _ in range(3):
        order = client.publish(payload=b"over", qos=1)
        await connection.acknowledge(await connection.asked(Publish))
        await client.done(order)
    client.publish(payload=b"of the old session", qos=qos)
    return connection, await connection.asked(Publish)


async def _broken(client: Client, qos: int) -> Publish:
    """Set-up: the connection broke before the acknowledgement."""
    connection, publish = await _open(client, qos)
    connection.drop()
    return publish


async def _released(client: Client) -> Publish:
    """Set-up: the connection broke between PUBREL and PUBCOMP."""
    connection, publish = await _open(client, 2)
    await connection.send(Pubrec(publish.packet_id or 0))
    await connection.asked(Pubrel)
    connection.drop()
    return publish


async def _recorded(client: Client) -> None:
    """Set-up: the connection broke between PUBREC and PUBREL, and the client was receiving 7."""
    connection = await client.subscribed(qos=2, stored=True)
    await connection.send(Publish(client.topic(), b"old", 2, packet_id=7))
    await connection.asked(Pubrec)
    connection.drop()


async def _repeats_nothing(connection: Connection, old: Publish, because: str) -> None:
    """Neither the PUBLISH nor its PUBREL comes again. The client may leave, or publish the message anew."""

    def repeated(packet: Publish | Pubrel) -> bool:
        if isinstance(packet, Pubrel):
            return packet.packet_id == old.packet_id
        return packet.payload == old.payload and (packet.dup or packet.packet_id == old.packet_id)

    packet = await connection.maybe((Publish, Pubrel), repeated, within=connection.trial.quiet)
    if packet is not None:
        connection.violated(f"nothing sent again {because}", describe(packet))
    if connection.ended_at is not None:
        return
    # Some clients publish nothing else before that is acknowledged.
    anew = connection.take(Publish)
    if anew is not None:
        await connection.acknowledge(anew)
    await connection.receives_no((Publish, Pubrel), repeated, for_=0.0, because=because)


async def _is_new(client: Client, connection: Connection) -> None:
    """A message under the identifier 7, which the old session had open, is handed on like any other."""
    client.told = client.subscribe(qos=2)
    await connection.grant(await client.sent(connection, Subscribe))
    await connection.send(Publish(client.topic(), b"new", 2, packet_id=7))
    await connection.asked(Pubrec)
    await connection.send(Pubrel(7))
    await connection.asked(Pubcomp)
    if await client.handed(client.topic(), lambda message: message.payload == b"new".hex()) is None:
        connection.violated("the message b'new' handed to the application", "nothing")


# -- the client starts clean


_CLEAN = "after Clean Session 1, or Clean Start 1"


@case(v311("3.1.2-6"), v5("3.1.2-4"), v5("4.4.0-1"), needs=_NEEDS, rows=_SENDS)
async def a_client_that_starts_clean_sends_nothing_again(client: Client, qos: int) -> None:
    old = await _broken(client, qos)
    again = await client.opens(clean=True)
    await again.accept()
    await _repeats_nothing(again, old, _CLEAN)


@case(v311("3.1.2-6"), v5("3.1.2-4"), v5("4.4.0-1"), needs=_NEEDS)
async def a_client_that_starts_clean_sends_no_pubrel_again(client: Client) -> None:
    old = await _released(client)
    again = await client.opens(clean=True)
    await again.accept()
    await _repeats_nothing(again, old, _CLEAN)


@case(v311("3.1.2-6"), v5("3.1.2-4"), needs=_RECEIVES)
async def a_client_that_starts_clean_has_received_nothing(client: Client) -> None:
    await _recorded(client)
    again = await client.connected(clean=True)
    await _is_new(client, again)


# -- the server has no session


_ABSENT = "as the server has no session (Session Present 0)"


@case(v5("3.2.2-5"), v5("4.4.0-1"), needs=_NEEDS, rows=_SENDS)
async def without_a_session_at_the_server_nothing_is_sent_again(client: Client, qos: int) -> None:
    old = await _broken(client, qos)
    again = await client.opens(stored=True)
    await again.accept(session_present=False)
    await _repeats_nothing(again, old, _ABSENT)


@case(v5("3.2.2-5"), v5("4.4.0-1"), needs=_NEEDS)
async def without_a_session_at_the_server_no_pubrel_is_sent_again(client: Client) -> None:
    old = await _released(client)
    again = await client.opens(stored=True)
    await again.accept(session_present=False)
    await _repeats_nothing(again, old, _ABSENT)


@case(v5("3.2.2-5"), needs=_RECEIVES)
async def without_a_session_at_the_server_nothing_has_been_received(client: Client) -> None:
    await _recorded(client)
    again = await client.connected(stored=True, session_present=False)
    await _is_new(client, again)
