"""The session that the client keeps: MQTT 3.1.1 and 5.0, sections 3.1.2.4 and 4.1. `redelivery` has what it sends
again, `discarded_session` what it throws away."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.client import Client
from testbed.mqtt.packets import Pubcomp, Publish, Pubrec, Pubrel
from testbed.mqtt.scripted_broker import Connection

_KEEPS = ("publish", "qos-1", "session", "orders")
#: The packet identifier of what the client receives; `deliver` counts from 1.
_ID = 4711


async def _recorded(client: Client, connection: Connection, payload: bytes) -> None:
    """Set-up: the client has answered our PUBLISH of QoS 2 with PUBREC."""
    await connection.send(Publish(client.topic(), payload, 2, packet_id=_ID))
    await connection.asked(Pubrec, lambda p: p.packet_id == _ID)


async def _released(connection: Connection) -> None:
    await connection.send(Pubrel(_ID))
    await connection.asked(Pubcomp, lambda p: p.packet_id == _ID)


async def _handed(client: Client, connection: Connection, payload: bytes) -> None:
    if await client.handed(client.topic(), lambda message: message.payload == payload.hex()) is None:
        connection.violated(f"the message {payload!r} handed to the application", "nothing")


# -- while the connection is open


@case(
    v311("4.1.0-1"),
    v311("4.1.0-2"),
    v5("4.1.0-1"),
    needs=("subscribe", "qos-2", "orders"),
)
async def a_message_received_and_not_released_is_remembered(client: Client) -> None:
    """Whatever else passes meanwhile: sent again, it is no new message."""
    connection = await client.subscribed(qos=2)
    connection.holds(2)
    await _recorded(client, connection, b"once")
    for number in range(20):
        await connection.deliver(client.topic(), b"other %d" % number, 1 + number % 2)
    await connection.send(Publish(client.topic(), b"once", 2, dup=True, packet_id=_ID))
    await connection.expect(Pubrec, packet_id=_ID, because="to the PUBLISH that came again")
    await _released(connection)
    await _handed(client, connection, b"once")
    await connection.settled()
    again = await client.handed(client.topic(), lambda message: message.payload == b"once".hex(), within=0.05)
    if again is not None:
        connection.violated("the message b'once' handed to the application once", "it was handed on twice")


@case(v311("4.1.0-1"), v311("4.1.0-2"), v5("4.1.0-1"), needs=("publish", "qos-2", "orders", "in-flight"))
async def a_message_sent_and_not_acknowledged_is_remembered(client: Client) -> None:
    """Whatever else passes meanwhile: its PUBREC is answered."""
    connection, open_ = await client.publishing(payload=b"open", qos=2)
    for number in range(10):
        order = client.publish(payload=b"other %d" % number, qos=1)
        await connection.acknowledge(await connection.asked(Publish))
        await client.done(order)
    await connection.send(Pubrec(open_.packet_id or 0))
    await connection.expect(Pubrel, packet_id=open_.packet_id, because="in answer to our PUBREC")


# -- after the connection has ended


@case(v311("3.1.2-4"), v311("4.1.0-1"), v5("3.1.2-23"), needs=_KEEPS)
async def the_session_outlives_a_broken_connection(client: Client) -> None:
    connection, open_ = await client.publishing(payload=b"open", qos=1, stored=True)
    connection.drop()
    again = await client.resumed()
    await again.expect(Publish, payload=b"open", packet_id=open_.packet_id, because="from the client's session")


@case(v311("3.1.2-4"), v311("4.1.0-1"), v5("3.1.2-23"), needs=_KEEPS)
async def the_session_outlives_a_disconnect(client: Client) -> None:
    """A client that waits for acknowledgements before it leaves loses the connection instead."""
    connection, open_ = await client.publishing(payload=b"open", qos=1, stored=True)
    await client.reply(client.disconnect(), within=1.0)
    connection.drop()
    again = await client.resumed()
    await again.expect(Publish, payload=b"open", packet_id=open_.packet_id, because="from the client's session")


@case(v311("3.1.2-4"), v311("4.1.0-1"), v5("3.1.2-23"), needs=("subscribe", "qos-2", "session", "orders"))
async def what_was_received_and_not_released_is_kept(client: Client) -> None:
    """Sent again on the next connection it is acknowledged, and not handed on twice."""
    connection = await client.subscribed(qos=2, stored=True)
    await _recorded(client, connection, b"once")
    connection.drop()
    again = await client.resumed()
    await again.send(Publish(client.topic(), b"once", 2, dup=True, packet_id=_ID))
    await again.expect(Pubrec, packet_id=_ID, because="to the PUBLISH that came again")
    await _released(again)
    await again.settled()
    count = 0
    while await client.handed(client.topic(), lambda message: message.payload == b"once".hex(), within=0.05):
        count += 1
    if count != 1:
        again.violated("the message b'once' handed to the application once", f"{count} times")
