"""Keep Alive: MQTT 3.1.1 and 5.0, section 3.1.2.10 (and 5.0 section 3.2.2.3.14).

A broker may be late: it has `keep-alive-grace` seconds (a parameter of the device) beyond 1.5 times Keep Alive.
"""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from harness.case import case
from suites.mqtt import v5, v311
from testbed.findings import Inconclusive
from testbed.mqtt.broker import Broker
from testbed.mqtt.packets import Pingreq, Publish, Will
from testbed.mqtt.properties import Property
from testbed.mqtt.scripted_client import Client

#: Seconds.
KEEP_ALIVE = 1
GRACE = 10.0
LASTS = 1.5 * KEEP_ALIVE + GRACE
#: A server may give its own Keep Alive; we do not wait for a longer one than this.
LONGEST = 4


def _in_force(client: Client) -> int:
    """Seconds of Keep Alive for this connection: the server's, if it gave one."""
    seconds = client.announced(Property.SERVER_KEEP_ALIVE, KEEP_ALIVE)
    if not 0 < seconds <= LONGEST:
        raise Inconclusive(f"the broker turns a Keep Alive of {KEEP_ALIVE} s into one of {seconds} s")
    return seconds


def _limit(broker: Broker, client: Client) -> float:
    return 1.5 * _in_force(client) + float(broker.parameter("keep-alive-grace", GRACE))


@case(v311("3.1.2-24"), v5("3.1.2-22"), lasts=LASTS)
async def a_silent_client_is_disconnected(broker: Broker) -> None:
    client = await broker.connected(keep_alive=KEEP_ALIVE)
    limit = _limit(broker, client)
    await client.is_closed_by_broker(within=limit, because=f"after {limit:g} s of silence with Keep Alive 1 s")
    if client.ended_at is not None and client.ended_at - client.sent_at < 0.9 * KEEP_ALIVE:
        raise Inconclusive("the connection was closed before Keep Alive had passed, so for another reason")


@case(v311("3.1.2-24"), v5("3.1.2-22"), lasts=LASTS)
async def a_client_that_falls_silent_is_disconnected(broker: Broker) -> None:
    """Keep Alive runs from the last packet, not only from CONNECT."""
    client = await broker.connected(keep_alive=KEEP_ALIVE)
    limit = _limit(broker, client)
    await client.settled()
    await client.published(broker.topic(), b"last words")
    await client.is_closed_by_broker(within=limit, because=f"after {limit:g} s of silence with Keep Alive 1 s")


@case(v311("3.1.2-24"), v5("3.1.2-22"), lasts=LASTS)
async def packets_to_a_silent_client_do_not_keep_it_connected(broker: Broker) -> None:
    """What counts is what the server receives."""
    topic = broker.topic()
    client = await broker.connected(keep_alive=KEEP_ALIVE)
    limit = _limit(broker, client)
    await client.subscribed(topic)
    other = await broker.connected()
    end = asyncio.get_running_loop().time() + limit
    while client.ended_at is None and asyncio.get_running_loop().time() < end:
        await other.send(Publish(topic, b"news"))
        await client.until(lambda: client.ended_at, within=0.4)
    await client.is_closed_by_broker(within=0.1, because=f"after {limit:g} s of silence with Keep Alive 1 s")
    if client.take(Publish) is None:
        client.unprepared("the messages did not come")


@case(v311("3.1.2-24"), v5("3.1.2-22"), lasts=LASTS)
async def the_will_of_a_silent_client_is_published(broker: Broker) -> None:
    """The connection ends as if the network had failed."""
    topic = broker.topic()
    watcher = await broker.subscriber(topic)
    client = await broker.connected(keep_alive=KEEP_ALIVE, will=Will(topic, b"gone"))
    limit = _limit(broker, client)
    await watcher.message(topic, payload=b"gone", within=limit, because="as the will of a silent client")


@case(
    v311("3.1.2-24"),
    v5("3.1.2-22"),
    lasts=4.0,
    rows={"pingreq": Pingreq(), "publish": Publish("", b"x")},
)
async def a_client_that_speaks_in_time_stays_connected(broker: Broker, packet: Pingreq | Publish) -> None:
    """Any packet will do. Keep Alive 2 s, a packet every 0.8 s."""
    client = await broker.connected(keep_alive=2)
    word = packet if isinstance(packet, Pingreq) else replace(packet, topic=broker.topic())
    now = asyncio.get_running_loop().time
    for _ in range(5):
        await client.until(lambda: client.ended_at, within=0.8)
        if now() - client.sent_at > 1.8:
            raise Inconclusive("the tester was late itself")
        await client.send(word)
    await client.is_alive()


@case(v5("3.2.2-22"), lasts=LASTS)
async def without_server_keep_alive_that_of_the_client_holds(broker: Broker) -> None:
    """Not before 1 s, and in the end; the server's own Keep Alive would be told in CONNACK."""
    client = await broker.connected(keep_alive=KEEP_ALIVE)
    limit = _limit(broker, client)
    await client.is_closed_by_broker(within=limit, because=f"after {limit:g} s of silence with Keep Alive 1 s")
    if client.ended_at is not None and client.ended_at - client.sent_at < 0.9 * KEEP_ALIVE:
        client.violated("the connection open until Keep Alive has passed", "it was closed before 0.9 s were over")


@case(v5("3.2.2-22"), lasts=3.0)
async def a_keep_alive_of_0_never_runs_out(broker: Broker) -> None:
    client = await broker.connected(keep_alive=0)
    if 0 < client.announced(Property.SERVER_KEEP_ALIVE, 0) <= LONGEST:
        raise Inconclusive("the broker gives a short Keep Alive of its own")
    await client.until(lambda: client.ended_at, within=3.0)
    await client.is_alive()
