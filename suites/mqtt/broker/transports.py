"""One broker over every transport that its description names: MQTT 5.0 section 4.2, 3.1.1 section 7.1.1.

Which transport it is makes no difference to the packets: each must carry a message of every value of a byte, longer
than a segment or a record, in order and without loss.
"""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.findings import Inconclusive
from testbed.mqtt.broker import Broker
from testbed.mqtt.ways import linked

_PAYLOAD = bytes(n * 7 % 256 for n in range(256)) * 200


async def _carries_a_message(broker: Broker, way: str, **tls: str) -> None:
    client, stream = await linked(broker, way, tls=tls)
    spoken = stream.tls.version if stream.tls else ""
    if tls and spoken != f"TLSv{tls['maximum']}":
        raise Inconclusive(f"TLS {tls['maximum']} was asked for, and {spoken or 'none'} is spoken")
    await client.connect(broker.connect())
    await client.subscribed(broker.topic())
    await client.published(broker.topic(), _PAYLOAD)
    await client.delivered(broker.topic(), payload=_PAYLOAD)
    await client.unsubscribed(broker.topic())
    await client.is_alive()


@case(v311("7.1.1-1"), v5("4.2-1"), needs=("tls", "tls-1.2"))
async def tls_1_2_carries_what_is_said_byte_for_byte(broker: Broker) -> None:
    await _carries_a_message(broker, "tls", minimum="1.2", maximum="1.2")


@case(v311("7.1.1-1"), v5("4.2-1"), needs=("tls", "tls-1.3"))
async def tls_1_3_carries_what_is_said_byte_for_byte(broker: Broker) -> None:
    await _carries_a_message(broker, "tls", minimum="1.3", maximum="1.3")


@case(v311("7.1.1-1"), v5("4.2-1"), needs=("websocket",))
async def a_websocket_carries_what_is_said_byte_for_byte(broker: Broker) -> None:
    await _carries_a_message(broker, "websocket")


@case(v311("7.1.1-1"), v5("4.2-1"), needs=("unix",))
async def a_unix_socket_carries_what_is_said_byte_for_byte(broker: Broker) -> None:
    await _carries_a_message(broker, "unix")


@case(v311("7.1.1-1"), v5("4.2-1"), needs=("ipv6",))
async def ipv6_carries_what_is_said_byte_for_byte(broker: Broker) -> None:
    await _carries_a_message(broker, "ipv6")
