"""WebSocket as the client's network connection: MQTT 3.1.1 and 5.0, chapter 6."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.dut import Endpoint
from testbed.findings import Inconclusive
from testbed.link.websocket import MQTT, Framing, WebSocket
from testbed.mqtt.client import Client
from testbed.mqtt.packets import Connack, Puback, Publish, Suback, Subscribe
from testbed.mqtt.scripted_broker import Connection

NEEDS = ("websocket",)


async def _offered(client: Client) -> None:
    await client.offer(Endpoint("ws", "127.0.0.1", 0, "/mqtt"))


def _layer(connection: Connection) -> WebSocket:
    websocket = connection.stream.websocket
    if websocket is None:
        raise Inconclusive("the client did not come over WebSocket")
    return websocket


@case(v311("6.0.0-3"), v5("6.0.0-3"), needs=NEEDS)
async def it_offers_the_subprotocol_mqtt(client: Client) -> None:
    await _offered(client)
    connection = await client.opens()
    offered = _layer(connection).offered
    if MQTT not in offered:
        connection.violated("the subprotocol mqtt among those offered", ", ".join(offered) or "none offered")


@case(v311("6.0.0-1"), v5("6.0.0-1"), needs=(*NEEDS, "publish", "qos-1", "told"))
async def it_sends_binary_frames_alone(client: Client) -> None:
    await _offered(client)
    connection, publish = await client.publishing(payload=bytes(70_000), qos=1)
    await connection.acknowledge(publish)
    for frame in _layer(connection).arrived:
        if frame.kind == "text":
            connection.violated("every packet in binary frames", f"a text frame of {frame.size} B")


@case(v311("6.0.0-1"), v5("6.0.0-1"), needs=(*NEEDS, "subscribe", "qos-1"))
async def a_text_frame_closes_the_connection(client: Client) -> None:
    """Once the same packet in a binary frame was taken; of QoS 0, so that nothing is owed for what is passed over."""
    await _offered(client)
    connection = await client.subscribed(qos=1)
    await connection.deliver(client.topic(), b"x")
    await connection.settled()
    websocket = _layer(connection)
    websocket.framing = Framing("text")
    await connection.send(Publish(client.topic(), b"x"))
    # On a slow line the packet has not become a frame yet.
    await connection.until(lambda: connection.ended_at, client.trial.quiet)
    websocket.framing = Framing()
    await connection.is_closed_by_client(because="after a packet in a text frame")


_CUT = {
    "frames of 1 byte": Framing(every=1),
    "frames of 3 bytes": Framing(every=3),
    "frames of 40 bytes": Framing(every=40),
    "a message of fragments of 3 bytes": Framing(every=3, fragmented=True),
}


@case(v311("6.0.0-2"), v5("6.0.0-2"), needs=(*NEEDS, "subscribe", "qos-1"), rows=_CUT)
async def packets_cut_over_frames_are_put_together(client: Client, framing: Framing) -> None:
    """After the same packets in whole frames were taken, on a connection of its own."""
    await _offered(client)
    twin = await client.subscribed(qos=1)
    await twin.deliver(client.topic(), b"whole", 1)
    connection = await client.opens(client.subscription(qos=1))
    _layer(connection).framing = framing
    await _talk(client, connection)


@case(v311("6.0.0-2"), v5("6.0.0-2"), needs=(*NEEDS, "subscribe", "qos-1"))
async def several_packets_in_one_frame_are_all_taken(client: Client) -> None:
    await _offered(client)
    connection = await client.subscribed(qos=1)
    connection.holds(3)
    websocket = _layer(connection)
    websocket.hold()
    for number in (11, 12, 13):
        await connection.send(Publish(client.topic(), b"x", 1, packet_id=number))
    websocket.release()
    for number in (11, 12, 13):
        await connection.expect(Puback, packet_id=number, because="for each packet of the frame")


async def _talk(client: Client, connection: Connection) -> None:
    """CONNACK, SUBACK and a message, all in frames as they are set now."""
    await connection.send(Connack())
    if client.control.orders and client.told is not None:
        reply = await client.reply(client.told)
        if reply is None or not reply.ok:
            connection.violated("a CONNACK taken though it is cut over frames", reply.error if reply else "")
        client.subscribe(client.topic(), qos=1)
    subscribe = await connection.expect(Subscribe, because="after a CONNACK cut over frames")
    await connection.send(Suback(subscribe.packet_id, (1,)))
    await connection.send(Publish(client.topic(), b"cut", 1, packet_id=77))
    await connection.expect(Puback, packet_id=77, because="for a message cut over frames")
