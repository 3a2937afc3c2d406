"""QoS 0: MQTT 3.1.1 and 5.0, section 4.3.1."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.client import Client
from testbed.mqtt.codec import describe
from testbed.mqtt.packets import Puback, Publish, Pubrec


@case(v311("4.3.1-1"), v5("4.3.1-1"), needs=("publish",))
async def a_message_goes_out_with_qos_0_and_dup_0(client: Client) -> None:
    connection, publish = await client.publishing(qos=0)
    if publish.dup:
        connection.violated("a PUBLISH with DUP 0", describe(publish))


@case(v311("2.3.1-5"), v5("2.2.1-2"), needs=("publish", "told"))
async def a_message_with_qos_0_has_no_packet_identifier(client: Client) -> None:
    """Its payload is all that follows the topic (and, in 5.0, the properties)."""
    connection, publish = await client.publishing(payload=b"whole", qos=0)
    if publish.packet_id is not None or publish.payload != b"whole":
        connection.violated("topic and payload with no packet identifier between them", describe(publish))


@case(v311("3.3.4-1"), v5("3.3.4-1"), needs=("subscribe", "qos-1"))
async def a_message_with_qos_0_is_not_acknowledged(client: Client) -> None:
    """The message with QoS 1 behind it is, and acknowledgements keep the order of the messages."""
    connection = await client.subscribed(qos=1)
    await connection.send(Publish(client.topic(), b"x"), Publish(client.topic(), b"x", 1, packet_id=9))
    await connection.until(lambda: connection.take(Puback, lambda p: p.packet_id == 9))
    answer = connection.take((Puback, Pubrec))
    if answer is not None:
        connection.violated("no acknowledgement of QoS 0", describe(answer))
    await connection.settled()
