"""Keep Alive: MQTT 3.1.1 and 5.0, section 3.1.2.10, and Server Keep Alive in 5.0, section 3.2.2.3.14.

Judged by the Keep Alive that the CONNECT carries, from arrival times. A client whose timer is coarse, on a machine
that is busy, is some way beyond it; it fails where a server may give it up, after one and a half times as long.
"""

from __future__ import annotations

import asyncio
from typing import Any

from harness.case import case
from suites.mqtt import v5, v311
from testbed.findings import Inconclusive
from testbed.mqtt.client import Client
from testbed.mqtt.packets import (
    Auth,
    Disconnect,
    Pingreq,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Subscribe,
    Unsubscribe,
)
from testbed.mqtt.properties import Property
from testbed.mqtt.scripted_broker import Connection

#: What of a Keep Alive a packet may come too late: servers wait for one and a half times [MQTT-3.1.2-24; 5.0: -22].
LATE = 0.5
#: Seconds on top of that for a machine that is busy; some timers are as coarse as that half itself.
BUSY = 1.0
#: What a client may say after its CONNECT.
_OF_CLIENTS = (Pingreq, Publish, Puback, Pubrec, Pubrel, Pubcomp, Subscribe, Unsubscribe, Disconnect, Auth)
#: Seconds of the Keep Alive that is tried: half of it is more than the tick of a coarse timer.
TRIED = 4
#: Seconds of a Keep Alive that is still waited for.
LONGEST = 10


async def _speaks_in_time(connection: Connection, seconds: int) -> None:
    """PINGREQ, or another packet, comes within `seconds` of the packet before it."""
    await _answer(connection)
    last, count = connection.received[-1][0], len(connection.received)
    latest = last + seconds * (1 + LATE) + BUSY
    within = latest - asyncio.get_running_loop().time()
    came = await connection.until(
        lambda: connection.received[count][0] if len(connection.received) > count else None, within
    )
    if came is None and connection.ended_at is not None:
        connection.unprepared("PINGREQ was awaited")
    if came is not None and not isinstance(connection.received[count][1], _OF_CLIENTS):
        connection.unprepared("the client says what no client may say")
    if came is None or came > latest:
        late = f"a packet {came - last:.2f} s after the one before it" if came is not None else ""
        wanted = f"PINGREQ, or another packet, {seconds} s after the one before it, at the latest {latest - last:g} s"
        connection.violated(wanted, late)
    await _answer(connection)


async def _answer(connection: Connection) -> None:
    """Answer what PINGREQ came: some clients leave when nobody does."""
    while connection.take(Pingreq) is not None:
        await connection.send(Pingresp())


async def _connected(client: Client, **options: Any) -> Connection:
    """A connection on which the client has nothing left to do."""
    if client.control.orders or not client.claims("subscribe"):
        return await client.connected(**options)
    return await client.subscribed(**options)


def _shortest(client: Client, seconds: int) -> int:
    """`seconds`, or the shortest Keep Alive that the client takes (parameter `shortest-keep-alive`)."""
    return max(seconds, int(client.parameter("shortest-keep-alive", 1)))


def _announced(connection: Connection) -> int:
    """The Keep Alive of its CONNECT. Inconclusive when it is too long to wait for."""
    seconds = connection.connect.keep_alive if connection.connect else 0
    if not 0 < seconds <= LONGEST:
        raise Inconclusive(f"the client has a Keep Alive of {seconds} s, not 1 to {LONGEST}")
    return seconds


@case(v311("3.1.2-23"), v5("3.1.2-20"), needs=("keep-alive",), lasts=2 * TRIED)
async def a_silent_client_sends_pingreq_within_the_keep_alive(client: Client) -> None:
    """Twice: PINGREQ counts from the packet before it, and after PINGRESP it goes on."""
    connection = await _connected(client, keep_alive=_shortest(client, TRIED))
    announced = _announced(connection)
    for _ in range(2):
        await _speaks_in_time(connection, announced)


@case(v311("3.1.2-23"), v5("3.1.2-20"), needs=("keep-alive", "subscribe"), lasts=TRIED)
async def what_the_client_receives_does_not_replace_pingreq(client: Client) -> None:
    """Messages of QoS 0 come all the time, which it answers with nothing."""
    connection = await client.subscribed(keep_alive=_shortest(client, TRIED))
    announced = _announced(connection)
    await _answer(connection)
    last, count = connection.received[-1][0], len(connection.received)
    while len(connection.received) == count and connection.ended_at is None:
        await connection.send(Publish(client.topic(), b"x"))
        await connection.until(lambda: len(connection.received) > count or None, 0.2)
        if asyncio.get_running_loop().time() > last + announced * (1 + LATE) + BUSY:
            longest = announced * (1 + LATE) + BUSY
            wanted = f"PINGREQ within {announced} s of the last packet of the client ({longest:g} s at the latest)"
            connection.violated(wanted)
    if connection.take(Pingreq) is None:
        connection.unprepared("PINGREQ was to come")


@case(v5("3.1.2-21"), v5("3.2.2-21"), lasts=TRIED)
async def server_keep_alive_replaces_the_keep_alive(client: Client) -> None:
    """A shorter one than the client asked for."""
    connection = await _connected(client, keep_alive=60, connack={Property.SERVER_KEEP_ALIVE: TRIED})
    if connection.connect is not None and 0 < connection.connect.keep_alive <= TRIED:
        raise Inconclusive(f"the client has a Keep Alive of {connection.connect.keep_alive} s anyway")
    await _speaks_in_time(connection, TRIED)


@case(v5("3.1.2-21"), v5("3.2.2-21"), needs=("keep-alive", "orders"), lasts=TRIED)
async def server_keep_alive_counts_although_the_client_asked_for_none(client: Client) -> None:
    connection = await client.connected(keep_alive=0, connack={Property.SERVER_KEEP_ALIVE: TRIED})
    if connection.connect is not None and connection.connect.keep_alive:
        raise Inconclusive(f"the client was told Keep Alive 0, and has {connection.connect.keep_alive} s")
    await _speaks_in_time(connection, TRIED)
