"""A Sparkplug Aware MQTT Server: section 10.1.4."""

from __future__ import annotations

from harness.case import case
from suites.sparkplug import spb
from testbed.findings import Violation
from testbed.mqtt.packets import Will
from testbed.sparkplug import codec
from testbed.sparkplug.payload import DataType, Metric, Payload, Value
from testbed.sparkplug.rules.timing import APART
from testbed.sparkplug.server import CERTIFICATES, SparkplugServer
from testbed.sparkplug.serving import now_ms

_AWARE = "conformance-mqtt-aware"


async def _kept(server: SparkplugServer, type: str, device: str | None = None) -> None:
    """A birth is there for who subscribes later, as it was said, and retained."""
    topic = server.node_topic(type, device)
    payload = server.birth(0 if device is None else 1)
    node = await server.connected()
    await node.published(topic, payload)
    await node.settled()
    reader = await server.certificate(topic)
    await reader.message(f"{CERTIFICATES}/{topic}", payload=payload, retain=True)


@case(*spb(f"{_AWARE}-store {_AWARE}-nbirth-mqtt-topic {_AWARE}-nbirth-mqtt-retain"), needs=("aware",))
async def the_birth_of_a_node_is_kept(server: SparkplugServer) -> None:
    await _kept(server, "NBIRTH")


@case(*spb(f"{_AWARE}-store {_AWARE}-dbirth-mqtt-topic {_AWARE}-dbirth-mqtt-retain"), needs=("aware",))
async def the_birth_of_a_device_is_kept(server: SparkplugServer) -> None:
    await _kept(server, "DBIRTH", "d1")


@case(*spb(f"{_AWARE}-ndeath-timestamp"), needs=("aware",))
async def the_time_of_a_death_is_left_or_that_of_its_delivery(server: SparkplugServer) -> None:
    topic = server.node_topic("NDEATH")
    metric = Metric("bdSeq", None, None, DataType.INT64, value=Value("long", 0))
    said = 1_000_000_000_000
    host = await server.subscriber(topic, qos=1)
    node = await server.connected(will=Will(topic, codec.encode(Payload(said, (metric,))), 1))
    node.drop()
    death = codec.decode((await host.message(topic)).payload)
    timestamp = death.timestamp if isinstance(death, Payload) else None
    if timestamp != said and (timestamp is None or abs(timestamp - now_ms()) > APART):
        raise Violation("NDEATH with its own timestamp, or that of its delivery", f"timestamp {timestamp}")
