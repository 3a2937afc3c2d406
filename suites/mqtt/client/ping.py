"""PINGREQ and PINGRESP: MQTT 3.1.1 and 5.0, sections 3.12 and 3.13. When PINGREQ is due, `keep_alive` asks."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.client import Client
from testbed.mqtt.codec import describe
from testbed.mqtt.packets import Malformed, Pingreq, Pingresp
from testbed.mqtt.scripted_broker import Connection


def _seconds(client: Client) -> int:
    """A Keep Alive short enough to wait for, and not too short for the client, nor for a machine that is busy."""
    return max(3, int(client.parameter("shortest-keep-alive", 1)))


async def _silent(client: Client) -> Connection:
    """A connection on which the client has nothing left to do."""
    if client.control.orders or not client.claims("subscribe"):
        return await client.connected(keep_alive=_seconds(client))
    return await client.subscribed(keep_alive=_seconds(client))


async def _pinged(connection: Connection, within: float | None = None) -> None:
    """A PINGREQ as it has to be comes, and is answered."""
    packet = await connection.maybe((Pingreq, Malformed), lambda p: p.type == Pingreq.type, within=within)
    if packet is None:
        connection.unprepared("the client sent no PINGREQ", cause="sends no PINGREQ")
    if isinstance(packet, Malformed) or packet.flags is not None:
        connection.violated("PINGREQ with flags 0000 and nothing behind its fixed header", describe(packet))
    await connection.send(Pingresp())


@case(v311("2.2.2-1"), v5("2.1.3-1"), needs=("ping",))
async def pingreq_has_flags_0000_and_no_body(client: Client) -> None:
    connection = await client.connected()
    order = client.ping()
    await _pinged(connection)
    await client.done(order)


@case(v311("2.2.2-1"), v5("2.1.3-1"), needs=("keep-alive",), lasts=4.0)
async def the_pingreq_of_a_silent_client_has_flags_0000_and_no_body(client: Client) -> None:
    connection = await _silent(client)
    await _pinged(connection, within=12.0)


@case(
    v311("2.2.2-2"),
    needs=("subscribe", "qos-1", "keep-alive"),
    lasts=4.0,
    rows={f"flags {bits:04b}": bits for bits in (1, 8)},
)
async def pingresp_with_wrong_flags_closes_the_connection(client: Client, flags: int) -> None:
    """In answer to its PINGREQ."""
    connection = await client.subscribed(qos=1, keep_alive=_seconds(client))
    await connection.deliver(client.topic(), b"twin", 1)
    if await connection.maybe(Pingreq, within=12.0) is None:
        connection.unprepared("the client sent no PINGREQ", cause="sends no PINGREQ")
    await connection.send(Pingresp(flags=flags))
    await connection.is_closed_by_client(because=f"as PINGRESP has the flags {flags:04b}")


@case(v311("4.8.0-1"), needs=("subscribe", "qos-1", "keep-alive"), lasts=4.0)
async def pingresp_with_a_body_closes_the_connection(client: Client) -> None:
    """In answer to its PINGREQ."""
    connection = await client.subscribed(qos=1, keep_alive=_seconds(client))
    await connection.deliver(client.topic(), b"twin", 1)
    if await connection.maybe(Pingreq, within=12.0) is None:
        connection.unprepared("the client sent no PINGREQ", cause="sends no PINGREQ")
    await connection.send(b"\xd0\x01\x00")
    await connection.is_closed_by_client(because="as PINGRESP has a body")
