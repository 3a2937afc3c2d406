"""QoS 2, the client sends: MQTT 3.1.1 and 5.0, section 4.3.3."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.client import Client
from testbed.mqtt.codec import describe
from testbed.mqtt.packets import Pubcomp, Publish, Pubrec, Pubrel

_NEEDS = ("publish", "qos-2")


@case(v311("4.3.3-1"), v5("4.3.3-1"), v5("4.3.3-2"), needs=_NEEDS)
async def a_message_goes_out_with_an_identifier_and_dup_0(client: Client) -> None:
    connection, publish = await client.publishing(qos=2)
    if not publish.packet_id or publish.dup:
        connection.violated("a PUBLISH with a packet identifier above 0 and DUP 0", describe(publish))


@case(v311("4.3.3-1"), v5("4.3.3-4"), needs=_NEEDS)
async def pubrec_is_answered_by_pubrel_with_its_identifier(client: Client) -> None:
    connection, publish = await client.publishing(qos=2)
    await connection.send(Pubrec(publish.packet_id or 0))
    await connection.expect(Pubrel, packet_id=publish.packet_id, because="in answer to our PUBREC")


@case(v311("4.3.3-1"), needs=_NEEDS)
async def no_pubrel_goes_out_before_our_pubrec(client: Client) -> None:
    """Nothing but silence proves it; whether the client lives shows its PUBREL, once it has the PUBREC."""
    connection, publish = await client.publishing(qos=2)
    early = await connection.maybe(Pubrel, within=client.trial.quiet)
    if early is not None:
        connection.violated("no PUBREL before our PUBREC", describe(early))
    await connection.send(Pubrec(publish.packet_id or 0))
    await connection.asked(Pubrel)


@case(v311("4.3.3-1"), v5("4.3.3-1"), v5("4.3.3-3"), v5("4.3.3-5"), needs=(*_NEEDS, "orders", "in-flight"))
async def an_identifier_is_not_used_again_before_its_pubcomp(client: Client) -> None:
    connection, first = await client.publishing(qos=2)
    number = first.packet_id or 0
    client.publish(payload=b"waits for PUBREC", qos=2)
    second = await connection.asked(Publish)
    await connection.send(Pubrec(number))
    await connection.asked(Pubrel)
    client.publish(payload=b"waits for PUBCOMP", qos=2)
    third = await connection.asked(Publish)
    for later in (second, third):
        if later.packet_id == number:
            connection.violated(f"another packet identifier than {number}, which is in use", describe(later))


@case(v5("4.3.3-4"), needs=_NEEDS, rows={"0x00": 0x00, "0x10": 0x10})
async def pubrec_with_any_code_below_0x80_is_answered_by_pubrel(client: Client, code: int) -> None:
    connection, publish = await client.publishing(qos=2)
    await connection.send(Pubrec(publish.packet_id or 0, code))
    await connection.expect(Pubrel, packet_id=publish.packet_id, because=f"in answer to PUBREC 0x{code:02X}")


@case(v311("4.3.3-1"), v5("4.3.3-6"), needs=(*_NEEDS, "orders", "session"))
async def what_was_released_is_not_published_again(client: Client) -> None:
    """The connection breaks between PUBREL and PUBCOMP: on the next one PUBREL comes again, and no PUBLISH."""
    connection, publish = await client.publishing(qos=2, stored=True)
    number = publish.packet_id or 0
    await connection.send(Pubrec(number))
    await connection.asked(Pubrel)
    connection.drop()
    again = await client.resumed()
    packet = await again.maybe((Pubrel, Publish), lambda p: p.packet_id == number)
    if packet is None:
        again.unprepared(f"PUBREL {number} was not sent again", cause="sends nothing again")
    if not isinstance(packet, Pubrel):
        again.violated(f"no PUBLISH {number} after its PUBREL", describe(packet))
    await again.send(Pubcomp(number))
