"""Faults in an edge node's CONNECT and death certificate."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from testbed.mqtt.packets import Connect, Disconnect, Packet, Publish, Version
from testbed.mqtt.properties import Property
from testbed.sparkplug.faults.tap import Passage, Plan, metrics, payloads, publishes, will_payloads, wills
from testbed.sparkplug.payload import Metric, Payload, Value
from testbed.sparkplug.rules.node import BDSEQ

_WILL = "message-flow-edge-node-birth-publish-will-message"


def _without_will(packet: Any, tap: Passage) -> Packet:
    return replace(packet, will=None) if isinstance(packet, Connect) and packet.will else packet


def _keeps_session(packet: Any, tap: Passage) -> Packet:
    is_old = isinstance(packet, Connect) and tap.version < Version.V5
    return replace(packet, clean_start=False) if is_old and packet.clean_start else packet


def _expires_later(packet: Any, tap: Passage) -> Packet:
    if not isinstance(packet, Connect) or tap.version < Version.V5:
        return packet
    name = int(Property.SESSION_EXPIRY_INTERVAL)
    others = tuple(one for one in packet.properties if one[0] != name)
    return replace(packet, properties=(*others, (name, 3600)))


def _bdseq(change: Any) -> Any:
    def other(payload: Payload) -> Payload:
        found = tuple(change(one) if one.name == BDSEQ else one for one in payload.metrics)
        return replace(payload, metrics=found)

    return other


def _stuck(metric: Metric) -> Metric:
    return replace(metric, value=Value("long", 3))


def _leaves_silently(packet: Any, tap: Passage) -> Any:
    return [] if isinstance(packet, Publish) and "/NDEATH/" in str(packet.topic) else packet


def _leaves_plainly(packet: Any, tap: Passage) -> Packet:
    if not isinstance(packet, Disconnect) or tap.version < Version.V5 or packet.code == 0:
        return packet
    return Disconnect()


PLANS = (
    Plan("no-will", f"{_WILL}", "it connects without a will", _without_will),
    Plan(
        "will-elsewhere",
        f"{_WILL}-topic",
        "its will is on another topic",
        wills(lambda will: replace(will, topic=str(will.topic).replace("/NDEATH/", "/DEATH/"))),
    ),
    Plan("will-at-qos-0", f"{_WILL}-qos", "its will is at QoS 0", wills(lambda will: replace(will, qos=0))),
    Plan(
        "will-retained",
        "payloads-ndeath-will-message-retain",
        "its will is to be retained",
        wills(lambda will: replace(will, retain=True)),
    ),
    Plan(
        "will-of-text",
        f"{_WILL}-payload",
        "its will is a text",
        wills(lambda will: replace(will, payload=b"offline, sorry")),
    ),
    Plan(
        "will-without-bdseq",
        f"{_WILL}-payload-bdSeq",
        "its will has no bdSeq",
        will_payloads(lambda payload: replace(payload, metrics=())),
    ),
    Plan(
        "will-bdseq-of-another-type",
        f"{_WILL}-payload-bdSeq",
        "bdSeq of its will is a UInt8",
        will_payloads(_bdseq(lambda metric: replace(metric, datatype=5))),
    ),
    Plan(
        "will-with-sequence-number",
        "topics-ndeath-seq",
        "its will has a sequence number",
        will_payloads(lambda payload: replace(payload, seq=0)),
    ),
    Plan(
        "will-with-another-metric",
        "topics-ndeath-payload",
        "its will has a metric besides bdSeq",
        will_payloads(lambda payload: replace(payload, metrics=(*payload.metrics, Metric("Reason")))),
    ),
    Plan("keeps-session", "principles-persistence-clean-session-311", "CONNECT has Clean Session 0", _keeps_session),
    Plan("keeps-session-v5", "principles-persistence-clean-session-50", "its session expires later", _expires_later),
    Plan(
        "bdseq-stuck",
        "topics-nbirth-bdseq-increment",
        "bdSeq is the same at every CONNECT",
        will_payloads(_bdseq(_stuck)),
    ),
    Plan(
        "birth-with-another-bdseq",
        "topics-nbirth-bdseq-matching",
        "bdSeq of NBIRTH is not that of the will",
        metrics(lambda metric: replace(metric, value=Value("long", 77)), "NBIRTH", named=BDSEQ),
    ),
    Plan(
        "birth-without-bdseq",
        "payloads-nbirth-bdseq",
        "NBIRTH has no bdSeq",
        payloads(
            lambda payload: replace(payload, metrics=tuple(one for one in payload.metrics if one.name != BDSEQ)),
            "NBIRTH",
        ),
    ),
    Plan(
        "birth-bdseq-of-another-type",
        "message-flow-edge-node-birth-publish-nbirth-payload-bdSeq",
        "bdSeq of NBIRTH is an Int8",
        metrics(lambda metric: replace(metric, datatype=1), "NBIRTH", named=BDSEQ),
    ),
    Plan(
        "leaves-silently",
        "operational-behavior-edge-node-intentional-disconnect-ndeath",
        "it leaves without NDEATH",
        _leaves_silently,
    ),
    Plan(
        "disconnects-without-ndeath",
        "payloads-ndeath-will-message-publisher-disconnect-mqtt311",
        "it says DISCONNECT without NDEATH before",
        _leaves_silently,
    ),
    Plan(
        "disconnects-plainly",
        "payloads-ndeath-will-message-publisher-disconnect-mqtt50",
        "DISCONNECT of MQTT 5.0 has the reason code 0",
        _leaves_plainly,
    ),
    Plan(
        "ndeath-numbered",
        "payloads-ndeath-seq",
        "the NDEATH it publishes has a sequence number",
        payloads(lambda payload: replace(payload, seq=9), "NDEATH"),
    ),
    Plan(
        "ndeath-with-another-bdseq",
        "payloads-ndeath-bdseq",
        "the NDEATH it publishes has another bdSeq",
        metrics(lambda metric: replace(metric, value=Value("long", 78)), "NDEATH", named=BDSEQ),
    ),
    Plan(
        "ndeath-of-a-device",
        "topics-ndeath-topic",
        "the NDEATH it publishes names a device",
        publishes(lambda packet, topic: replace(packet, topic=f"{packet.topic}/x"), "NDEATH"),
    ),
)
