"""Session Present in the CONNACK: MQTT 5.0, section 3.2.2.1.1. MQTT 3.1.1 leaves it to the client what it does about
one that it does not expect."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5
from testbed.findings import Inconclusive
from testbed.mqtt.client import Client
from testbed.mqtt.codec import describe
from testbed.mqtt.packets import Disconnect, Packet

_WHY = "as the server tells of a session that the client does not have"


@case(v5("3.2.2-4"), needs=("orders",), rows={"Clean Start 1": True, "Clean Start 0": False})
async def a_session_that_the_client_does_not_have_ends_the_connection(client: Client, clean: bool) -> None:
    """The client has taken a CONNACK with Session Present 0 before, under another name."""
    twin = await client.connected(client_id=client.client_id("twin"), clean=clean)
    await twin.settled()
    connection = await client.opens(clean=clean)
    if connection.connect is not None and connection.connect.clean_start is not clean:
        connection.unprepared(f"the client was told Clean Start {int(clean)}")
    await connection.accept(session_present=True)
    await connection.is_closed_by_client(because=_WHY)
    _said_nothing(connection.inbox)


@case(v5("3.2.2-4"), needs=("not orders", "subscribe"))
async def a_client_that_starts_clean_takes_no_old_session(client: Client) -> None:
    """It subscribes on the connection before."""
    twin = await client.subscribed()
    twin.drop()
    connection = await client.opens()
    if connection.connect is not None and not connection.connect.clean_start:
        raise Inconclusive("the client does not start clean")
    await connection.accept(session_present=True)
    await connection.is_closed_by_client(because=_WHY)
    _said_nothing(connection.inbox)


def _said_nothing(packets: list[Packet]) -> None:
    """Nothing but a DISCONNECT came before the end."""
    for packet in packets:
        if not isinstance(packet, Disconnect):
            raise Inconclusive(f"the client said {describe(packet)} before it left, so nobody can tell why it did")
