"""Faults in how an edge node's messages travel: topics, QoS, RETAIN, sequence numbers, timestamps."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from testbed.mqtt.packets import Publish
from testbed.sparkplug.faults.tap import Passage, Plan, metrics, payloads, publishes
from testbed.sparkplug.payload import Metric, Payload
from testbed.sparkplug.topics import BIRTHS, DATA, OF_DEVICE, TYPES, Topic

_NODE, _DEVICE = "message-flow-edge-node-birth-publish-nbirth", "message-flow-device-birth-publish"
#: The messages of nodes and devices but NDEATH.
_LIVING = ("NBIRTH", "NDATA", "DBIRTH", "DDATA", "DDEATH")
_HOUR = 3_600_000


def _at_qos_1(packet: Publish, topic: Topic) -> Publish:
    return packet if packet.qos else replace(packet, qos=1, packet_id=4711)


def _retained(packet: Publish, topic: Topic) -> Publish:
    return replace(packet, retain=True)


def _renamed(change: Any) -> Any:
    return lambda packet, topic: replace(packet, topic=change(topic))


def _on(topic: Topic, **other: Any) -> str:
    return str(replace(topic, **other))


def _skipping(payload: Payload) -> Payload:
    return payload if payload.seq is None else replace(payload, seq=(payload.seq + 5) % 256)


def _hours_away(payload: Payload) -> Payload:
    return payload if payload.timestamp is None else replace(payload, timestamp=payload.timestamp + 2 * _HOUR)


def _tomorrow(metric: Metric) -> Metric:
    return metric if metric.timestamp is None else replace(metric, timestamp=metric.timestamp + 24 * _HOUR)


_wrapping = payloads(lambda payload: replace(payload, seq=256) if payload.seq == 0 else payload, "NDATA", "DDATA")


def _data_first(packet: Any, tap: Passage) -> Any:
    """An empty NDATA before the first NBIRTH."""
    if not isinstance(packet, Publish) or "/NBIRTH/" not in str(packet.topic) or tap.times("birth") > 1:
        return packet
    topic = str(packet.topic).replace("/NBIRTH/", "/NDATA/")
    return [replace(packet, topic=topic, payload=b"\x08\x01\x18\x00"), packet]


def _device_first(packet: Any, tap: Passage) -> Any:
    if not isinstance(packet, Publish) or "/NBIRTH/" not in str(packet.topic) or tap.times("birth") > 1:
        return packet
    topic = f"{str(packet.topic).replace('/NBIRTH/', '/DBIRTH/')}/early"
    return [replace(packet, topic=topic, payload=b"\x08\x01\x18\x00"), packet]


def _data_between(packet: Any, tap: Passage) -> Any:
    """NDATA between NBIRTH and the first DBIRTH."""
    if not isinstance(packet, Publish) or "/NBIRTH/" not in str(packet.topic):
        return packet
    topic = str(packet.topic).replace("/NBIRTH/", "/NDATA/")
    return [packet, replace(packet, topic=topic, payload=b"\x08\x01\x18\x01")]


def _device_data_between(packet: Any, tap: Passage) -> Any:
    if not isinstance(packet, Publish) or "/DBIRTH/" not in str(packet.topic):
        return packet
    topic = str(packet.topic).replace("/DBIRTH/", "/DDATA/")
    return [replace(packet, topic=topic, payload=b"\x08\x01\x18\x01"), packet]


def _kept_to_itself(packet: Any, tap: Passage) -> Any:
    return [] if isinstance(packet, Publish) and "/DDEATH/" in str(packet.topic) else packet


_FORMS = {
    "NBIRTH": "topics-nbirth-topic",
    "NDATA": "topics-ndata-topic",
    "DBIRTH": "topics-dbirth-topic",
    "DDATA": "topics-ddata-topic",
    "DDEATH": "topics-ddeath-topic",
}

PLANS = (
    *(
        Plan(
            f"{type.lower()}-at-qos-1",
            "topics-ddeath-mqtt" if type == "DDEATH" else f"payloads-{type.lower()}-qos",
            f"{type} is at QoS 1",
            publishes(_at_qos_1, type),
        )
        for type in _LIVING
    ),
    *(
        Plan(
            f"{type.lower()}-retained",
            "topics-ddeath-mqtt" if type == "DDEATH" else f"payloads-{type.lower()}-retain",
            f"{type} is retained",
            publishes(_retained, type),
        )
        for type in _LIVING
    ),
    *(
        Plan(
            f"{type.lower()}-of-another-node",
            form,
            f"{type} is on the topic of another node",
            publishes(_renamed(lambda topic: _on(topic, node=f"{topic.node}x")), type),
        )
        for type, form in _FORMS.items()
    ),
    *(
        Plan(
            f"{type.lower()}-without-time",
            f"payloads-{type.lower()}-timestamp",
            f"{type} has no timestamp",
            payloads(lambda payload: replace(payload, timestamp=None), type),
        )
        for type in _LIVING
    ),
    *(
        Plan(
            f"{type.lower()}-unnumbered",
            f"payloads-{type.lower()}-seq",
            f"{type} has no sequence number",
            payloads(lambda payload: replace(payload, seq=None), type),
        )
        for type in _LIVING
    ),
    *(
        Plan(
            f"{type.lower()}-skips-numbers",
            f"payloads-{type.lower()}-seq-inc",
            f"{type} leaves sequence numbers out",
            payloads(_skipping, type),
        )
        for type in _LIVING
        if type != "NBIRTH"
    ),
    Plan(
        "nbirth-from-1",
        "topics-nbirth-seq-num",
        "NBIRTH has the sequence number 1",
        payloads(lambda payload: replace(payload, seq=1), "NBIRTH"),
    ),
    Plan(
        "nbirth-beyond-255",
        "payloads-sequence-num-req-nbirth",
        "NBIRTH has the sequence number 256",
        payloads(lambda payload: replace(payload, seq=256), "NBIRTH"),
    ),
    Plan(
        "counts-to-256",
        "payloads-sequence-num-incrementing",
        "after 255 comes 256",
        _wrapping,
    ),
    Plan(
        "all-unnumbered",
        "payloads-sequence-num-always-included",
        "no message has a sequence number",
        payloads(lambda payload: replace(payload, seq=None), *_LIVING),
    ),
    Plan("local-time", "payloads-timestamp-in-UTC", "timestamps are two hours off", payloads(_hours_away, *_LIVING)),
    Plan(
        "local-time-of-metrics",
        "payloads-metric-timestamp-in-UTC",
        "metrics are of tomorrow",
        metrics(_tomorrow, *BIRTHS, *DATA),
    ),
    Plan(
        "metrics-without-time",
        "payloads-name-birth-data-requirement",
        "metrics of DBIRTH have no timestamp",
        metrics(lambda metric: replace(metric, timestamp=None), "DBIRTH"),
    ),
    Plan(
        "another-namespace",
        "topic-structure-namespace-a",
        "the namespace is spBv2.0",
        publishes(_renamed(lambda topic: _on(topic, namespace="spBv2.0")), *TYPES),
    ),
    Plan(
        "topic-too-long",
        "topic-structure",
        "topics have a level too many",
        publishes(lambda packet, topic: replace(packet, topic=f"{packet.topic}/a/b"), "NBIRTH", "NDATA"),
    ),
    Plan(
        "device-not-named",
        "topic-structure-namespace-device-id-associated-message-types",
        "messages of devices name no device",
        publishes(_renamed(lambda topic: _on(topic, device=None)), *OF_DEVICE),
    ),
    Plan(
        "device-named-by-node",
        "topic-structure-namespace-device-id-non-associated-message-types",
        "messages of the node name a device",
        publishes(_renamed(lambda topic: _on(topic, device="x")), "NBIRTH", "NDATA"),
    ),
    Plan(
        "group-with-plus",
        "topic-structure-namespace-valid-group-id",
        "the group ID has a +",
        publishes(_renamed(lambda topic: _on(topic, group=f"{topic.group}+")), *TYPES),
    ),
    Plan(
        "node-with-number-sign",
        "topic-structure-namespace-valid-edge-node-id",
        "the node ID has a #",
        publishes(_renamed(lambda topic: _on(topic, node=f"{topic.node}#")), *TYPES),
    ),
    Plan(
        "device-with-plus",
        "topic-structure-namespace-valid-device-id",
        "the device ID has a +",
        publishes(_renamed(lambda topic: _on(topic, device=f"{topic.device}+")), *OF_DEVICE),
    ),
    Plan(
        "group-of-other-bytes",
        "intro-group-id-string",
        "the group ID is no UTF-8",
        publishes(lambda packet, topic: replace(packet, topic=_ill(topic, 1)), *TYPES),
    ),
    Plan(
        "node-of-other-bytes",
        "intro-edge-node-id-string",
        "the node ID is no UTF-8",
        publishes(lambda packet, topic: replace(packet, topic=_ill(topic, 3)), *TYPES),
    ),
    Plan(
        "device-of-other-bytes",
        "intro-device-id-string",
        "the device ID is no UTF-8",
        publishes(lambda packet, topic: replace(packet, topic=_ill(topic, 4)), "DDATA", "DDEATH"),
    ),
    Plan(
        "device-called-like-node",
        "case-sensitivity-sparkplug-ids",
        "a device is called like its node, in capitals",
        publishes(_renamed(lambda topic: _on(topic, device=topic.node.upper())), "DDATA", "DDEATH"),
    ),
    Plan("data-first", "principles-birth-certificates-order", "NDATA comes before NBIRTH", _data_first),
    Plan(
        "device-first",
        f"{_DEVICE}-nbirth-wait",
        "a DBIRTH comes before NBIRTH",
        _device_first,
    ),
    Plan("data-between-births", "payloads-dbirth-order", "NDATA comes between the births", _data_between),
    Plan("data-before-births-end", "payloads-ndata-order", "NDATA comes before the DBIRTHs", _data_between),
    Plan("device-data-first", "payloads-ddata-order", "DDATA comes before the DBIRTH", _device_data_between),
    Plan(
        "device-of-another-node",
        f"{_DEVICE}-dbirth-match-edge-node-topic",
        "DBIRTH names another node than NBIRTH",
        publishes(_renamed(lambda topic: _on(topic, node="other")), "DBIRTH"),
    ),
    Plan("lost-device-kept-secret", "operational-behavior-device-ddeath", "no DDEATH comes", _kept_to_itself),
    Plan(
        "nbirth-of-text",
        f"{_NODE}-payload",
        "NBIRTH is JSON",
        publishes(lambda packet, topic: replace(packet, payload=b'{"timestamp":1}'), "NBIRTH"),
    ),
    Plan(
        "dbirth-of-text",
        f"{_DEVICE}-dbirth-payload",
        "DBIRTH is JSON",
        publishes(lambda packet, topic: replace(packet, payload=b'{"timestamp":1}'), "DBIRTH"),
    ),
)


def _ill(topic: Topic, place: int) -> bytes:
    """The topic with an element that is no UTF-8."""
    parts = [part.encode() for part in str(topic).split("/")]
    if place < len(parts):
        parts[place] += b"\xff"
    return b"/".join(parts)
