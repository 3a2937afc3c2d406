"""Devices that are lost and nodes that leave: sections 4.2.2.3, 5.5, 5.7, 6.4.25 and 6.4.26."""

from __future__ import annotations

from harness.case import case
from suites.sparkplug import spb
from testbed.findings import Inconclusive, Violation
from testbed.mqtt.packets import Version
from testbed.mqtt.reasons import Reason
from testbed.sparkplug.edge import Births, Edge
from testbed.sparkplug.payload import Value
from testbed.sparkplug.serving import Message, Session

_LOSS = ("devices", "device-loss")
_LEAVING = "operational-behavior-edge-node-intentional-disconnect"
_PUBLISHER = "payloads-ndeath-will-message-publisher"


async def _lost(edge: Edge) -> tuple[Session, Births, Message]:
    """The DDEATH of the first device, which the node was made to lose."""
    session, births = await edge.born()
    device, before = edge.devices[0], session.last
    await edge.command(session, births, str(edge.parameter("device-loss-metric", "")), Value("boolean", True))
    death = await session.message("DDEATH", device=device, after=before)
    if death is None:
        raise Violation(f"DDEATH of {device}, which the node has lost", session.what_came())
    return session, births, death


@case(*spb("operational-behavior-device-ddeath topics-ddeath-topic topics-ddeath-mqtt"), needs=_LOSS)
async def a_lost_device_is_said_to_be_dead(edge: Edge) -> None:
    await _lost(edge)


@case(
    *spb(
        "topics-ddeath-seq-num payloads-ddeath-seq payloads-ddeath-seq-inc payloads-ddeath-seq-number"
        " payloads-ddeath-timestamp"
    ),
    needs=_LOSS,
)
async def the_death_of_a_device_is_numbered_and_timed(edge: Edge) -> None:
    await _lost(edge)


@case(*spb("payloads-ddata-order payloads-sequence-num-incrementing"), needs=_LOSS)
async def a_device_that_returns_is_born_again(edge: Edge) -> None:
    session, births, death = await _lost(edge)
    await edge.command(session, births, str(edge.parameter("device-loss-metric", "")), Value("boolean", False))
    if await session.message("DBIRTH", device=edge.devices[0], after=death.index) is None:
        session.unprepared("the device did not return", cause="device does not return")


async def _leaves(edge: Edge) -> tuple[Session, Births, Message | None]:
    """A node that was made to leave, and its NDEATH."""
    session, births = await edge.born()
    before = session.last
    edge.leave()
    death = await session.message("NDEATH", after=before)
    if await session.until(lambda: session.ended_at) is None and session.ended_at is None:
        raise Inconclusive("the node did not leave", cause="does not leave")
    return session, births, death


@case(
    *spb(
        f"{_LEAVING}-ndeath {_PUBLISHER} topics-ndeath-topic topics-ndeath-payload topics-ndeath-seq"
        " payloads-ndeath-bdseq"
    ),
    needs=("leaves",),
)
async def a_node_that_leaves_says_so(edge: Edge) -> None:
    session, _, death = await _leaves(edge)
    if death is None:
        raise Violation("NDEATH before the node leaves", session.what_came())


@case(*spb(f"{_PUBLISHER}-disconnect-mqtt311"), needs=("leaves", "not mqtt-5"))
async def ndeath_comes_before_disconnect(edge: Edge) -> None:
    session, _, death = await _leaves(edge)
    if session.disconnect is not None and death is None:
        raise Violation("NDEATH before DISCONNECT", "DISCONNECT alone")
    if session.disconnect is None:
        session.unprepared("the node left without DISCONNECT", cause="leaves without DISCONNECT")


@case(*spb(f"{_PUBLISHER}-disconnect-mqtt50"), needs=("leaves", "mqtt-5"))
async def disconnect_of_mqtt_5_leaves_the_will_in_force(edge: Edge) -> None:
    session, _, _ = await _leaves(edge)
    if session.version < Version.V5 or session.disconnect is None:
        session.unprepared("the node left without DISCONNECT of MQTT 5.0", cause="leaves without DISCONNECT")
    wanted = int(Reason.DISCONNECT_WITH_WILL_MESSAGE)
    if session.disconnect.code != wanted:
        raise Violation(f"DISCONNECT with 0x{wanted:02X}", f"DISCONNECT with 0x{session.disconnect.code:02X}")
