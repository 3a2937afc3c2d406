"""Faults in what an edge node does: subscriptions, commands, rebirth, its primary host."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec.structs import replace

from testbed.mqtt.packets import Connect, Packet, Publish, Suback, Subscribe
from testbed.sparkplug import codec, state
from testbed.sparkplug.faults.tap import Passage, Plan
from testbed.sparkplug.payload import Payload
from testbed.sparkplug.rules.node import REBIRTH
from testbed.sparkplug.topics import host_of, read

_REBIRTH = "operational-behavior-data-commands-rebirth"
_WAIT = "message-flow-edge-node-birth-publish-phid-wait"
_OFFLINE = "operational-behavior-edge-node-termination-host-offline"
_SERVERS = "operational-behavior-primary-application-state-with-multiple-servers"
#: Seconds by which a fault keeps a rebirth back while data goes on.
HELD = 1.5


def _subscribes_at_0(element: str) -> Any:
    def twist(packet: Any, tap: Passage) -> Packet:
        if not isinstance(packet, Subscribe) or not any(element in str(one.filter) for one in packet.subscriptions):
            return packet
        return replace(packet, subscriptions=tuple(replace(one, qos=0) for one in packet.subscriptions))

    return twist


def _deaf_to_state(packet: Any, tap: Passage) -> Any:
    """It subscribes to no STATE; the server's answer to that never was."""
    if not isinstance(packet, Subscribe):
        return packet
    kept = tuple(one for one in packet.subscriptions if host_of(one.filter) is None)
    if len(kept) == len(packet.subscriptions):
        return packet
    tap.tell(Suback(packet.packet_id, (1,) * len(packet.subscriptions)))
    return []


def _command(packet: Any) -> Payload | None:
    topic = read(packet.topic) if isinstance(packet, Publish) else None
    payload = codec.decode(packet.payload) if topic is not None and topic.type in ("NCMD", "DCMD") else None
    return payload if isinstance(payload, Payload) else None


def _asks_rebirth(packet: Any) -> bool:
    payload = _command(packet)
    return payload is not None and payload.metric(REBIRTH) is not None


def _deaf_to_rebirth(packet: Any, tap: Passage) -> Any:
    return [] if _asks_rebirth(packet) else packet


def _drops_data(type: str) -> Any:
    def twist(packet: Any, tap: Passage) -> Any:
        topic = read(packet.topic) if isinstance(packet, Publish) else None
        return [] if topic is not None and topic.type == type else packet

    return twist


def _device_forgotten(packet: Any, tap: Passage) -> Any:
    """A rebirth without DBIRTH."""
    topic = read(packet.topic) if isinstance(packet, Publish) else None
    return [] if topic is not None and topic.type == "DBIRTH" and tap.times("dbirth") > 1 else packet


def _rebirth_with_another_bdseq(packet: Any, tap: Passage) -> Any:
    topic = read(packet.topic) if isinstance(packet, Publish) else None
    if topic is None or topic.type != "NBIRTH" or tap.times("nbirth") < 2:
        return packet
    payload = codec.decode(packet.payload)
    if not isinstance(payload, Payload):
        return packet
    found = tuple(
        replace(one, value=one.value._replace(value=99)) if one.name == "bdSeq" and one.value else one
        for one in payload.metrics
    )
    return replace(packet, payload=codec.encode(replace(payload, metrics=found)))


def _goes_on(packet: Any, tap: Passage) -> Any:
    """The births of a rebirth come late, and data meanwhile."""
    topic = read(packet.topic) if isinstance(packet, Publish) else None
    if topic is None or topic.type not in ("NBIRTH", "DBIRTH"):
        return packet
    count = tap.times(topic.type)
    if count < 2:
        return packet
    loop = asyncio.get_running_loop()
    if topic.type == "NBIRTH":
        data = replace(packet, topic=str(topic.of("NDATA")))
        loop.call_later(HELD, lambda: tap.say(data))
    loop.call_later(HELD + 0.1, lambda: tap.say(packet))
    return []


def _said_of_host(packet: Any) -> state.State | None:
    if not isinstance(packet, Publish) or host_of(packet.topic) is None:
        return None
    found = state.read(packet.payload)
    return found if isinstance(found, state.State) else None


def _states(change: Any) -> Any:
    """What the node seems to hear of its host."""

    def twist(packet: Any, tap: Passage) -> Packet:
        found = _said_of_host(packet)
        if found is None:
            return packet
        changed = change(found)
        return packet if changed == found else replace(packet, payload=changed.encoded())

    return twist


def _hasty(packet: Any, tap: Passage) -> Any:
    """The node subscribes to STATE, and is told at once that its host is online."""
    if not isinstance(packet, Subscribe):
        return packet
    hosts = [str(one.filter) for one in packet.subscriptions if host_of(one.filter) is not None]
    if not hosts or tap.times("subscribe") > 1:
        return packet
    tap.damage()
    asyncio.get_running_loop().call_later(0.2, lambda: tap.tell(Publish(hosts[0], state.State(True, 1).encoded())))
    return packet


def _stays(packet: Any, tap: Passage) -> Any:
    """A host that goes offline is not heard of."""
    found = _said_of_host(packet)
    return packet if found is None or found.online else []


def _dies_silently(packet: Any, tap: Passage) -> Any:
    topic = read(packet.topic) if isinstance(packet, Publish) else None
    return [] if topic is not None and topic.type == "NDEATH" else packet


def _gives_up(packet: Any, tap: Passage) -> Any:
    """After the first connection it never connects again."""
    if not isinstance(packet, Connect):
        return packet
    count = tap.planted.memory.get("connects", 0) + 1
    tap.planted.memory["connects"] = count
    return packet if count < 2 else []


def _born_before_connack(packet: Any, tap: Passage) -> Any:
    """Right behind CONNECT it publishes."""
    if not isinstance(packet, Connect) or packet.will is None:
        return packet
    topic = str(packet.will.topic).replace("/NDEATH/", "/NBIRTH/")
    return [packet, Publish(topic, b"\x08\x01\x18\x00")]


def _periodic(packet: Any, tap: Passage) -> Any:
    """The last data of the device comes again and again, as it was."""
    topic = read(packet.topic) if isinstance(packet, Publish) else None
    if topic is None or topic.type not in ("NBIRTH", "DBIRTH") or tap.times(topic.type) > 1:
        return packet
    payload = codec.decode(packet.payload)
    if not isinstance(payload, Payload) or not payload.metrics:
        return packet
    again = replace(payload, metrics=payload.metrics[-1:], seq=(payload.seq or 0) + 1)
    type = "NDATA" if topic.type == "NBIRTH" else "DDATA"
    data = replace(packet, topic=str(topic.of(type, topic.device)), payload=codec.encode(again))
    asyncio.get_running_loop().call_later(0.5, lambda: tap.say(data))
    tap.damage()
    return packet


PLANS = (
    Plan(
        "ncmd-at-qos-0",
        "message-flow-edge-node-ncmd-subscribe",
        "it subscribes to NCMD at QoS 0",
        _subscribes_at_0("/NCMD/"),
    ),
    Plan(
        "dcmd-at-qos-0",
        "message-flow-device-dcmd-subscribe",
        "it subscribes to DCMD at QoS 0",
        _subscribes_at_0("/DCMD/"),
    ),
    Plan("ignores-node-command", "topics-ndata-payload", "it does not report what was written", _drops_data("NDATA")),
    Plan(
        "ignores-device-command",
        "topics-ddata-payload",
        "it does not report what was written to a device",
        _drops_data("DDATA"),
    ),
    Plan(
        "no-rebirth",
        f"{_REBIRTH}-action-2",
        "it does not answer a request for a rebirth",
        _deaf_to_rebirth,
        told=True,
    ),
    Plan("rebirth-without-devices", f"{_REBIRTH}-action-2", "a rebirth has no DBIRTH", _device_forgotten),
    Plan(
        "rebirth-with-another-bdseq",
        f"{_REBIRTH}-action-3",
        "a rebirth has another bdSeq",
        _rebirth_with_another_bdseq,
    ),
    Plan("data-goes-on", f"{_REBIRTH}-action-1", "data goes on after a request for a rebirth", _goes_on),
    Plan(
        "born-before-connack",
        "message-flow-edge-node-birth-publish-connect",
        "it publishes before CONNACK",
        _born_before_connack,
    ),
    Plan(
        "reports-by-the-clock",
        "operational-behavior-data-publish-nbirth-change",
        "it reports what has not changed",
        _periodic,
    ),
    Plan(
        "devices-report-by-the-clock",
        "operational-behavior-data-publish-dbirth-change",
        "a device reports what has not changed",
        _periodic,
    ),
    Plan("unasked-reports", "principles-rbe-recommended", "it reports what has not changed", _periodic),
    Plan("deaf-to-state", f"{_SERVERS}-state-subs", "it does not subscribe to STATE", _deaf_to_state),
    Plan("waits-for-nobody", _WAIT, "it is born before its host is online", _hasty),
    Plan(
        "births-do-not-wait",
        "operational-behavior-edge-node-birth-sequence-wait",
        "it is born before its host is online",
        _hasty,
    ),
    Plan("heeds-another-host", f"{_WAIT}-id", "it takes another host for its own", _hasty),
    Plan(
        "offline-taken-for-online",
        f"{_WAIT}-online",
        "a host that is offline is taken for online",
        _states(lambda one: state.State(True, one.timestamp)),
        told=True,
    ),
    Plan(
        "old-state-believed",
        f"{_WAIT}-timestamp",
        "an older STATE is believed",
        _states(lambda one: state.State(one.online, one.timestamp + 10_000) if one.online else one),
        told=True,
    ),
    Plan(
        "old-death-believed",
        f"{_OFFLINE}-timestamp",
        "a STATE of an earlier session is believed",
        _states(lambda one: one if one.online else state.State(False, one.timestamp + 10_000)),
        told=True,
    ),
    Plan("stays-without-host", _OFFLINE, "it stays when its host goes offline", _stays, told=True),
    Plan("walks-nowhere", f"{_SERVERS}-walk", "it stays at a server without its host", _stays, told=True),
    Plan(
        "dies-silently",
        "message-flow-edge-node-birth-publish-phid-offline",
        "it leaves without NDEATH",
        _dies_silently,
    ),
    Plan("never-returns", f"{_OFFLINE}-reconnect", "it does not connect again", _gives_up),
)
