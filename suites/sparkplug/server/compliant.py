"""A Sparkplug Compliant MQTT Server: section 10.1.3. The suite mqtt asks a broker far more."""

from __future__ import annotations

from harness.case import case
from suites.sparkplug import spb
from testbed.mqtt.packets import Will
from testbed.sparkplug.server import SparkplugServer
from testbed.sparkplug.state import State


async def _passes_on(server: SparkplugServer, qos: int) -> None:
    topic = server.node_topic("NDATA")
    host = await server.subscriber(topic, qos=qos)
    node = await server.connected()
    await node.published(topic, server.birth(1), qos=qos)
    await host.message(topic, qos=qos)


async def _says_wills(server: SparkplugServer) -> None:
    """A host's death is said to nodes that listen, and kept for those that come later."""
    topic = server.topic("spBv1.0/STATE/scada")
    death = State(False, 1).encoded()
    node = await server.subscriber(topic, qos=1)
    host = await server.connected(will=Will(topic, death, 1, True))
    host.drop()
    await node.message(topic, payload=death, qos=1)
    later = await server.subscriber(topic, qos=1)
    await later.message(topic, payload=death, qos=1, retain=True)


async def _retains(server: SparkplugServer) -> None:
    topic = server.topic("spBv1.0/STATE/scada")
    birth = State(True, 1).encoded()
    host = await server.connected()
    await host.published(topic, birth, qos=1, retain=True)
    node = await server.subscriber(topic, qos=1)
    await node.message(topic, payload=birth, retain=True)


@case(*spb("conformance-mqtt-qos0"))
async def messages_pass_at_qos_0(server: SparkplugServer) -> None:
    await _passes_on(server, 0)


@case(*spb("conformance-mqtt-qos1"))
async def messages_pass_at_qos_1(server: SparkplugServer) -> None:
    await _passes_on(server, 1)


@case(*spb("conformance-mqtt-will-messages"))
async def wills_are_said_and_retained(server: SparkplugServer) -> None:
    await _says_wills(server)


@case(*spb("conformance-mqtt-retained"))
async def state_is_retained(server: SparkplugServer) -> None:
    await _retains(server)


@case(*spb("conformance-mqtt-aware-basic"), needs=("aware",))
async def an_aware_server_does_what_a_compliant_one_does(server: SparkplugServer) -> None:
    for qos in (0, 1):
        await _passes_on(server, qos)
    await _says_wills(server)
    await _retains(server)
