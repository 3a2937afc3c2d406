"""Faults in what a host application asks of nodes and devices."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec.structs import replace

from testbed.mqtt.packets import Publish
from testbed.sparkplug import codec
from testbed.sparkplug.faults.tap import Passage, Plan, metrics, payloads, publishes
from testbed.sparkplug.payload import Metric, Payload, Value
from testbed.sparkplug.rules.node import REBIRTH
from testbed.sparkplug.topics import COMMANDS, read

_COMMANDS = "operational-behavior-data-commands"
_ORDER = "operational-behavior-host-reordering"
_HOUR = 3_600_000
_BOTH = (("NCMD", "ncmd"), ("DCMD", "dcmd"))


def _rebirths(packet: Any) -> bool:
    topic = read(packet.topic) if isinstance(packet, Publish) else None
    payload = codec.decode(packet.payload) if topic is not None and topic.type == "NCMD" else None
    return isinstance(payload, Payload) and payload.metric(REBIRTH) is not None


def _no_rebirth(packet: Any, tap: Passage) -> Any:
    return [] if _rebirths(packet) else packet


def _rebirth_by_device(packet: Any, tap: Passage) -> Any:
    if not _rebirths(packet):
        return packet
    return [replace(packet, topic=f"{str(packet.topic).replace('/NCMD/', '/DCMD/')}/d1"), packet]


def _at_once(packet: Any, tap: Passage) -> Any:
    """A message out of order is answered by a request for a rebirth, whatever comes after it."""
    topic = read(packet.topic) if isinstance(packet, Publish) else None
    if topic is None or topic.type != "NDATA":
        return packet
    payload = codec.decode(packet.payload)
    last = tap.planted.memory.get("seq", 0)
    if not isinstance(payload, Payload) or payload.seq is None:
        return packet
    tap.planted.memory["seq"] = payload.seq
    if payload.seq == (last + 1) % 256:
        return packet
    tap.damage()
    asked = Payload(payload.timestamp, (Metric(REBIRTH, value=Value("boolean", True)),))
    request = Publish(str(topic.of("NCMD")), codec.encode(asked))
    asyncio.get_running_loop().call_soon(lambda: tap.say(request))
    return packet


PLANS = (
    *(
        plan
        for type, name in _BOTH
        for plan in (
            Plan(
                f"{name}-at-qos-1",
                f"payloads-{name}-qos",
                f"{type} is at QoS 1",
                publishes(lambda packet, topic: replace(packet, qos=1, packet_id=4711), type),
            ),
            Plan(
                f"{name}-retained",
                f"payloads-{name}-retain",
                f"{type} is retained",
                publishes(lambda packet, topic: replace(packet, retain=True), type),
            ),
            Plan(
                f"{name}-without-time",
                f"payloads-{name}-timestamp",
                f"{type} has no timestamp",
                payloads(lambda payload: replace(payload, timestamp=None), type),
            ),
            Plan(
                f"{name}-numbered",
                f"payloads-{name}-seq",
                f"{type} has a sequence number",
                payloads(lambda payload: replace(payload, seq=1), type),
            ),
            Plan(
                f"{name}-empty",
                f"topics-{name}-payload",
                f"{type} writes nothing",
                payloads(lambda payload: replace(payload, metrics=()), type),
            ),
            Plan(
                f"{name}-unknown-metric",
                f"{_COMMANDS}-{name}-metric-name",
                f"{type} writes a metric that the birth had not",
                metrics(lambda one: replace(one, name="Nothing", alias=None), type),
            ),
            Plan(
                f"{name}-unfit-value",
                f"{_COMMANDS}-{name}-metric-value",
                f"{type} writes a text to a number",
                metrics(lambda one: replace(one, value=Value("string", "much")), type),
            ),
            Plan(
                f"{name}-elsewhere",
                f"topics-{name}-topic",
                f"{type} is in another namespace",
                publishes(
                    lambda packet, topic: replace(packet, topic=str(replace(topic, namespace="spBv2.0"))), type
                ),
            ),
        )
    ),
    Plan(
        "another-namespace",
        "topic-structure-namespace-a",
        "commands are in another namespace",
        publishes(lambda packet, topic: replace(packet, topic=str(replace(topic, namespace="spBv2.0"))), *COMMANDS),
    ),
    Plan(
        "device-named-in-ncmd",
        "topic-structure-namespace-device-id-non-associated-message-types",
        "NCMD names a device",
        publishes(lambda packet, topic: replace(packet, topic=f"{packet.topic}/x"), "NCMD"),
    ),
    Plan(
        "node-written-by-dcmd",
        f"{_COMMANDS}-ncmd-verb",
        "a node is written by DCMD",
        publishes(lambda packet, topic: replace(packet, topic=str(replace(topic, type="DCMD"))), "NCMD"),
    ),
    Plan(
        "device-not-named-in-dcmd",
        "topic-structure-namespace-device-id-associated-message-types",
        "DCMD names no device",
        publishes(lambda packet, topic: replace(packet, topic=str(topic.of("DCMD"))), "DCMD"),
    ),
    Plan(
        "device-written-by-ncmd",
        f"{_COMMANDS}-dcmd-verb",
        "a device is written by NCMD",
        publishes(lambda packet, topic: replace(packet, topic=str(topic.of("NCMD"))), "DCMD"),
    ),
    Plan(
        "topic-too-long",
        "topic-structure",
        "commands have a level too many",
        publishes(lambda packet, topic: replace(packet, topic=f"{packet.topic}/a/b"), *COMMANDS),
    ),
    Plan(
        "local-time",
        "payloads-timestamp-in-UTC",
        "commands are two hours off",
        payloads(lambda payload: replace(payload, timestamp=(payload.timestamp or 0) + 2 * _HOUR), *COMMANDS),
    ),
    Plan(
        "local-time-of-metrics",
        "payloads-metric-timestamp-in-UTC",
        "metrics of commands are of tomorrow",
        metrics(lambda one: replace(one, timestamp=4_000_000_000_000), *COMMANDS),
    ),
    Plan(
        "metric-without-name",
        "payloads-name-requirement",
        "a command's metric has neither name nor alias",
        metrics(lambda one: replace(one, name=None, alias=None), *COMMANDS),
    ),
    Plan(
        "name-beside-alias",
        "payloads-alias-data-cmd-requirement",
        "a command has name and alias",
        metrics(lambda one: replace(one, name="Target", alias=one.alias or 4), *COMMANDS),
    ),
    Plan(
        "unknown-datatype",
        "payloads-metric-datatype-value",
        "a command has the datatype 99",
        metrics(lambda one: replace(one, datatype=99), *COMMANDS),
    ),
    Plan(
        "datatype-no-number",
        "payloads-metric-datatype-value-type",
        "a command's datatype is a text",
        metrics(lambda one: replace(one, datatype=None, unknown=((4, 2, b"three"),)), *COMMANDS),
    ),
    Plan(
        "datatype-in-command",
        "payloads-metric-datatype-not-req",
        "a command has the datatype",
        metrics(lambda one: replace(one, datatype=3), *COMMANDS),
    ),
    Plan(
        "rebirth-false",
        f"{_COMMANDS}-ncmd-rebirth-value",
        "a request for a rebirth says false",
        metrics(lambda one: replace(one, value=Value("boolean", False)), "NCMD", named=REBIRTH),
    ),
    Plan(
        "rebirth-misspelt",
        f"{_COMMANDS}-ncmd-rebirth-name",
        "a request for a rebirth is misspelt",
        metrics(lambda one: replace(one, name="Node Control/rebirth"), "NCMD", named=REBIRTH),
    ),
    Plan("rebirth-by-device", f"{_COMMANDS}-ncmd-rebirth-verb", "a rebirth is asked for by DCMD", _rebirth_by_device),
    Plan("no-rebirth", f"{_ORDER}-rebirth", "it asks for no rebirth", _no_rebirth),
    Plan("no-timer", f"{_ORDER}-start", "it does not wait for the missing message", _at_once, told=True),
    Plan("timer-not-ended", f"{_ORDER}-success", "it asks for a rebirth although all has come", _at_once, told=True),
)
