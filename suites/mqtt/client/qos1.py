"""QoS 1: MQTT 3.1.1 and 5.0, section 4.3.2."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.client import Client
from testbed.mqtt.packets import Puback, Publish


@case(v311("4.3.2-1"), v5("4.3.2-2"), needs=("publish", "qos-1"))
async def a_message_goes_out_with_an_identifier_and_dup_0(client: Client) -> None:
    connection, publish = await client.publishing(qos=1)
    if not publish.packet_id or publish.dup:
        connection.violated("a packet identifier above 0 and DUP 0", f"{publish}")


@case(v311("4.3.2-2"), v5("4.3.2-4"), needs=("subscribe", "qos-1"))
async def a_message_is_answered_by_puback_with_its_identifier(client: Client) -> None:
    connection = await client.subscribed(qos=1)
    await connection.send(Publish(client.topic(), b"x", 1, packet_id=4711))
    await connection.expect(Puback, packet_id=4711, because="in answer to our PUBLISH")
