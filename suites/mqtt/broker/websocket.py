"""WebSocket as the network connection: MQTT 3.1.1 and 5.0, chapter 6.

The description names the broker's WebSocket: `endpoints.websocket = "ws://host:port/path"`.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.case import case
from suites.mqtt import v5, v311
from suites.mqtt.broker.byte_stream import is_served, whole_talk
from testbed.findings import Inconclusive, Violation
from testbed.link.websocket import MQTT, Framing, WebSocket
from testbed.mqtt.broker import Broker
from testbed.mqtt.packets import Connack, Publish
from testbed.mqtt.scripted_client import Client
from testbed.mqtt.ways import linked

NEEDS = ("websocket",)


async def _linked(broker: Broker, offer: Sequence[str] = (MQTT,)) -> tuple[Client, WebSocket]:
    client, stream = await linked(broker, "websocket", offer=offer)
    if stream.websocket is None:
        raise Inconclusive(f"the endpoint {broker.trial.way('websocket')} is no WebSocket")
    return client, stream.websocket


async def _ready(broker: Broker) -> tuple[Client, WebSocket]:
    """As `_linked`, once the whole talk was served with each packet in a frame of its own: what is not served then
    is not served for its frames."""
    first, _ = await _linked(broker)
    for packet in whole_talk(broker):
        await first.send(packet)
    try:
        await is_served(first, broker, "each in a frame of its own")
    except Violation as failure:
        raise Inconclusive(f"the twin of it in whole frames was not served: {failure}") from None
    return await _linked(broker)


async def _connected(broker: Broker) -> tuple[Client, WebSocket]:
    client, websocket = await _linked(broker)
    await client.connect(broker.connect())
    return client, websocket


@case(
    v311("6.0.0-4"),
    v5("6.0.0-4"),
    needs=NEEDS,
    rows={"mqtt alone": (MQTT,), "mqtt first": (MQTT, "chat.example"), "mqtt last": ("chat.example", MQTT)},
)
async def the_subprotocol_selected_is_mqtt(broker: Broker, offer: tuple[str, ...]) -> None:
    client, websocket = await _linked(broker, offer)
    if websocket.subprotocol != MQTT:
        named = "none" if websocket.subprotocol is None else repr(websocket.subprotocol)
        client.violated(f"the subprotocol mqtt selected, of {', '.join(offer)} offered", f"{named} selected")
    await client.connect(broker.connect())


@case(v311("6.0.0-1"), v5("6.0.0-1"), needs=NEEDS)
async def the_broker_sends_binary_frames_alone(broker: Broker) -> None:
    """Its answers of several kinds, and a message longer than many a frame."""
    client, websocket = await _connected(broker)
    await client.subscribed(broker.topic())
    await client.published(broker.topic(), bytes(70_000))
    await client.delivered(broker.topic())
    for frame in websocket.arrived:
        if frame.kind == "text":
            client.violated("every packet in binary frames", f"a text frame of {frame.size} B")


@case(v311("6.0.0-1"), v5("6.0.0-1"), needs=NEEDS, rows={"CONNECT": True, "PUBLISH": False})
async def a_text_frame_closes_the_connection(broker: Broker, first: bool) -> None:
    """Once the same packet in a binary frame was accepted."""
    client, websocket = await _connected(broker)
    await client.send(Publish(broker.topic(), b"x"))
    await client.is_alive()
    if first:
        client, websocket = await _linked(broker)
    websocket.framing = Framing("text")
    await client.send(broker.connect() if first else Publish(broker.topic(), b"x"))
    await client.is_closed_by_broker(because="after a packet in a text frame")


@case(
    v311("6.0.0-2"),
    v5("6.0.0-2"),
    needs=NEEDS,
    rows={
        "frames of 1 byte": Framing(every=1),
        "frames of 2 bytes": Framing(every=2),
        "frames of 7 bytes": Framing(every=7),
        "frames of 40 bytes": Framing(every=40),
        "a message of fragments of 3 bytes": Framing(every=3, fragmented=True),
    },
)
async def packets_cut_over_frames_are_put_together(broker: Broker, framing: Framing) -> None:
    client, websocket = await _ready(broker)
    websocket.framing = framing
    await client.send(*whole_talk(broker))
    await is_served(client, broker, "though its packets were cut over frames")


@case(v311("6.0.0-2"), v5("6.0.0-2"), needs=NEEDS)
async def several_packets_in_one_frame_are_all_answered(broker: Broker) -> None:
    client, websocket = await _ready(broker)
    websocket.hold()
    for packet in whole_talk(broker):
        await client.send(packet)
    websocket.release()
    await is_served(client, broker, "though its packets came in one frame")


@case(v311("6.0.0-2"), v5("6.0.0-2"), needs=NEEDS)
async def the_rest_of_a_packet_may_come_with_the_next_one(broker: Broker) -> None:
    """One frame ends within CONNECT, the next one within the packet that follows it."""
    client, websocket = await _ready(broker)
    websocket.hold()
    for packet in whole_talk(broker):
        await client.send(packet)
    websocket.framing = Framing(every=11)
    websocket.release()
    await is_served(client, broker, "though frames end within packets")
    if client.take(Connack) is not None:
        client.violated("one CONNACK", "a second one")
