"""QoS 2, the client receives: MQTT 3.1.1 and 5.0, section 4.3.3."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.client import Client
from testbed.mqtt.packets import Pubcomp, Publish, Pubrec, Pubrel
from testbed.mqtt.properties import Property, props
from testbed.mqtt.scripted_broker import Connection


async def _received(connection: Connection, topic: str, number: int, payload: bytes = b"x") -> None:
    """The first half of the handshake: the client has answered with PUBREC."""
    await connection.send(Publish(topic, payload, 2, packet_id=number))
    if await connection.maybe(Pubrec, lambda p: p.packet_id == number) is None:
        connection.unprepared("PUBLISH with QoS 2 was not answered by PUBREC", cause="no answer to QoS 2")


async def _handed_once(client: Client, connection: Connection, payload: bytes) -> None:
    """The application has got `payload`, and got it once, whatever it gets now that the client lives on."""
    topic = client.topic()

    def same(message: object) -> bool:
        return getattr(message, "payload", None) == payload.hex()

    if await client.handed(topic, same) is None:
        connection.violated(f"the message {payload!r} handed to the application", "nothing")
    await connection.settled()
    if await client.handed(topic, same, within=0.05) is not None:
        connection.violated(f"the message {payload!r} handed to the application once", "it was handed on twice")


@case(v311("4.3.3-2"), v311("3.3.4-1"), v5("4.3.3-8"), v5("3.3.4-1"), needs=("subscribe", "qos-2"))
async def a_message_is_answered_by_pubrec_with_its_identifier(client: Client) -> None:
    connection = await client.subscribed(qos=2)
    await connection.send(Publish(client.topic(), b"x", 2, packet_id=4711))
    await connection.expect(Pubrec, packet_id=4711, because="in answer to our PUBLISH")


@case(v311("4.3.3-2"), v5("4.3.3-11"), needs=("subscribe", "qos-2"))
async def pubrel_is_answered_by_pubcomp_with_its_identifier(client: Client) -> None:
    connection = await client.subscribed(qos=2)
    await _received(connection, client.topic(), 4711)
    await connection.send(Pubrel(4711))
    await connection.expect(Pubcomp, packet_id=4711, because="in answer to our PUBREL")


@case(v311("4.3.3-2"), needs=("subscribe", "qos-2", "session"))
async def pubrel_for_what_it_does_not_know_is_answered_by_pubcomp(client: Client) -> None:
    """What was completed before: the PUBCOMP may have been lost, so a PUBREL comes again on the next connection."""
    connection = await client.subscribed(qos=2, stored=True)
    await _received(connection, client.topic(), 5)
    await connection.send(Pubrel(5))
    await connection.maybe(Pubcomp)
    connection.drop()
    again = await client.resumed()
    await again.send(Pubrel(5))
    await again.expect(Pubcomp, packet_id=5, because="in answer to the PUBREL that came again")


@case(v311("4.3.3-2"), v5("4.3.3-10"), needs=("subscribe", "qos-2", "orders", "session"))
async def a_message_that_comes_again_is_acknowledged_and_not_handed_on_again(client: Client) -> None:
    """The connection breaks between PUBREC and PUBREL, and the server, which has not read the PUBREC, repeats."""
    connection = await client.subscribed(qos=2, stored=True)
    await _received(connection, client.topic(), 6, b"once")
    connection.drop()
    again = await client.resumed()
    await again.send(Publish(client.topic(), b"once", 2, dup=True, packet_id=6))
    await again.expect(Pubrec, packet_id=6, because="in answer to the PUBLISH that came again")
    await again.send(Pubrel(6))
    await again.expect(Pubcomp, packet_id=6, because="in answer to our PUBREL")
    await _handed_once(client, again, b"once")


@case(v5("4.3.3-12"), v311("4.3.3-2"), needs=("subscribe", "qos-2", "orders"))
async def after_its_pubcomp_the_same_identifier_is_a_new_message(client: Client) -> None:
    connection = await client.subscribed(qos=2)
    for payload in (b"one", b"two"):
        await _received(connection, client.topic(), 7, payload)
        await connection.send(Pubrel(7))
        await connection.expect(Pubcomp, packet_id=7, because=f"for {payload.decode()!r}")
        await _handed_once(client, connection, payload)


@case(v5("4.3.3-13"), needs=("subscribe", "qos-2"), lasts=1.2)
async def a_handshake_is_finished_although_the_message_has_expired(client: Client) -> None:
    """One second of Message Expiry Interval passes between PUBREC and PUBREL."""
    connection = await client.subscribed(qos=2)
    expiry = props({Property.MESSAGE_EXPIRY_INTERVAL: 1})
    await connection.send(Publish(client.topic(), b"x", 2, packet_id=8, properties=expiry))
    if await connection.maybe(Pubrec) is None:
        connection.unprepared("PUBLISH with QoS 2 was not answered by PUBREC", cause="no answer to QoS 2")
    await connection.receives_no(Pubcomp, for_=1.1, because="before our PUBREL")
    await connection.send(Pubrel(8))
    await connection.expect(Pubcomp, packet_id=8, because="although the message has expired")


@case(v311("4.3.3-2"), v5("4.3.3-8"), needs=("subscribe", "qos-2"))
async def several_messages_at_once_are_all_carried_through(client: Client) -> None:
    connection = await client.subscribed(qos=2)
    numbers = (1, 300, 65_535)
    connection.holds(len(numbers))
    await connection.send(*(Publish(client.topic(), b"%d" % n, 2, packet_id=n) for n in numbers))
    for number in numbers:
        await connection.expect(Pubrec, lambda p, n=number: p.packet_id == n, because=f"for {number}")
    await connection.send(*(Pubrel(n) for n in reversed(numbers)))
    for number in numbers:
        await connection.expect(Pubcomp, lambda p, n=number: p.packet_id == n, because=f"for {number}")
