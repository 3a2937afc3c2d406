"""The network connection: MQTT 3.1.1 sections 7.0 and 7.1.2, MQTT 5.0 section 4.2."""

from __future__ import annotations

from tempfile import TemporaryDirectory

from harness.case import case
from suites.mqtt import v5, v311
from testbed.dut import Endpoint
from testbed.mqtt.client import Client
from testbed.mqtt.codec import describe
from testbed.mqtt.packets import Malformed, Puback, Publish

#: No two of its parts are alike, so that nothing can be lost or moved without a trace.
_LONG = b"".join(number.to_bytes(3, "big") for number in range(30_000))


@case(v311("7.1.2-1"), v5("4.2-1"), needs=("publish", "qos-1", "orders"))
async def a_long_message_goes_out_whole_and_in_order(client: Client) -> None:
    connection, publish = await client.publishing(payload=_LONG, qos=1)
    if publish.payload != _LONG:
        connection.violated(f"all {len(_LONG):,} bytes of the message, in order", describe(publish))


@case(v311("7.1.2-1"), v5("4.2-1"), needs=("subscribe", "qos-1"))
async def packets_that_come_in_small_pieces_are_put_together(client: Client) -> None:
    """A byte stream has no borders: a PUBLISH in pieces of 1 to 7 bytes, its twin in one piece before."""
    connection = await client.subscribed(qos=1)
    await connection.deliver(client.topic(), b"twin", 1)
    await connection.in_pieces(Publish(client.topic(), b"in pieces", 1, packet_id=77))
    await connection.expect(Puback, packet_id=77, because="in answer to a PUBLISH that came in pieces")


@case(v311("7.0.0-2"), needs=("subscribe", "publish", "qos-1", "orders"))
async def nothing_beyond_the_standard_is_needed(client: Client) -> None:
    """A whole talk of subscribing, receiving and publishing, every packet of which the standard has."""
    connection = await client.subscribed(qos=1)
    await connection.deliver(client.topic(), b"x", 1)
    client.told = client.publish(client.topic("other"), qos=1)
    publish = await client.sent(connection, Publish)
    await connection.acknowledge(publish)
    for _, packet in connection.received:
        if isinstance(packet, Malformed):
            connection.violated("packets of MQTT 3.1.1 alone", describe(packet))


@case(
    v5("1.5.5-1"),
    needs=("publish", "told"),
    rows={f"about {size:,} bytes": size for size in (100, 128, 16_383, 16_500)},
)
async def lengths_are_in_as_few_bytes_as_they_need(client: Client, size: int) -> None:
    """Remaining Length and Property Length: with a byte too many the packet could not be read."""
    connection = await client.connected(client.message(payload=b"x" * size))
    if client.control.orders:
        client.publish(payload=b"x" * size)
    await connection.expect(Publish, payload=b"x" * size, because="with lengths in their shortest form")


@case(v311("7.1.2-1"), v5("4.2-1"), needs=("ipv6", "told", "publish", "qos-1"))
async def it_talks_over_ipv6(client: Client) -> None:
    await client.offer(Endpoint("tcp", "::1", 0))
    await _talks(client)


@case(v311("7.1.2-1"), v5("4.2-1"), needs=("unix", "publish", "qos-1"))
async def it_talks_over_a_unix_socket(client: Client) -> None:
    # The path of a socket holds 107 bytes, less than many a folder for temporary files needs.
    with TemporaryDirectory(prefix="mqtt-") as folder:
        await client.offer(Endpoint("unix", "", 0, f"{folder}/s"))
        await _talks(client)


async def _talks(client: Client) -> None:
    connection, publish = await client.publishing(payload=b"over", qos=1)
    if publish.payload != b"over":
        connection.violated("the message as it was told", describe(publish))
    await connection.acknowledge(publish)
