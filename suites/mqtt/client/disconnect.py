"""DISCONNECT: MQTT 3.1.1 and 5.0, section 3.14."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.findings import Inconclusive
from testbed.mqtt.client import Client
from testbed.mqtt.codec import describe
from testbed.mqtt.packets import Disconnect
from testbed.mqtt.scripted_broker import Connection


async def _disconnecting(client: Client, code: int = 0, properties: object = ()) -> tuple[Connection, Disconnect]:
    """A connection on which the client was told to disconnect, and its DISCONNECT."""
    connection = await client.connected()
    client.told = client.disconnect(code, properties)
    return connection, await client.sent(connection, Disconnect)


@case(v311("3.14.4-1"), v5("3.14.4-2"), needs=("orders",))
async def it_closes_the_connection_after_disconnect(client: Client) -> None:
    connection, _ = await _disconnecting(client)
    if await connection.until(lambda: connection.ended_at) is None:
        connection.violated("the client to close the connection after its DISCONNECT")


@case(v311("3.14.4-2"), v5("3.14.4-1"), needs=("orders",))
async def it_sends_nothing_after_disconnect(client: Client) -> None:
    """Until the end of the connection, which shows that nothing is still to come."""
    connection, disconnect = await _disconnecting(client)
    await connection.until(lambda: connection.ended_at)
    said = [packet for _, packet in connection.received]
    later = said[said.index(disconnect) + 1 :]
    if later:
        connection.violated("nothing after the client's DISCONNECT", describe(later[0]))
    if connection.ended_at is None:
        raise Inconclusive("the client has not closed the connection, so more may come", cause="does not close")


@case(v5("3.14.4-2"), needs=("orders", "properties"), rows={"0x00": 0x00, "0x04": 0x04})
async def it_closes_whatever_it_says_in_parting(client: Client, code: int) -> None:
    await _closes(client, code)


@case(
    v5("4.13.2-1"),
    v5("3.14.4-2"),
    needs=("orders", "properties"),
    rows={"0x80": 0x80, "0x81": 0x81, "0x82": 0x82, "0x99": 0x99},
    aliases=("mqtt.client.disconnect.it_says_the_reason_it_was_told_and_closes",),
)
async def it_closes_when_it_says_an_error(client: Client, code: int) -> None:
    await _closes(client, code)


async def _closes(client: Client, code: int) -> None:
    connection, disconnect = await _disconnecting(client, code)
    if disconnect.code != code:
        raise Inconclusive(f"told to say 0x{code:02X}, it says 0x{disconnect.code:02X}", cause="says other codes")
    if await connection.until(lambda: connection.ended_at) is None:
        connection.violated(f"the client to close the connection after DISCONNECT 0x{code:02X}")


@case(v5("3.14.2-1"), needs=("orders", "properties"), rows={"0x03": 0x03, "0x7F": 0x7F, "0xFF": 0xFF})
async def it_never_says_a_reason_that_does_not_exist(client: Client, code: int) -> None:
    connection = await client.connected()
    order = client.disconnect(code)
    await client.sends_no(
        connection, Disconnect, order, lambda p: p.code == code, because=f"with 0x{code:02X}, which is no reason code"
    )


@case(
    v5("3.14.1-1"),
    needs=("subscribe", "qos-1"),
    rows={f"flags {bits:04b}": bits for bits in (1, 2, 4, 8, 15)},
)
async def disconnect_with_wrong_flags_closes_the_connection(client: Client, flags: int) -> None:
    """With DISCONNECT 0x81, if the client says anything."""
    connection = await client.subscribed(qos=1)
    await connection.deliver(client.topic(), b"twin", 1)
    await connection.send(Disconnect(0x8B, form="code", flags=flags))
    await connection.is_closed_by_client(reason=0x81, because=f"after a DISCONNECT with the flags {flags:04b}")
