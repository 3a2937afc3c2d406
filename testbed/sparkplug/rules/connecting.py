"""Rules on an edge node's CONNECT: its will is NDEATH, its session ends with the connection (2.5, 5.4, 6.4.25)."""

from __future__ import annotations

from testbed.mqtt.packets import Connect, Version, Will, connect_version
from testbed.mqtt.properties import Property, get
from testbed.sparkplug.payload import DataType, Payload
from testbed.sparkplug.rules.node import BDSEQ, Node, bdseq
from testbed.sparkplug.rules.rule import Rule

_FLOW = "message-flow-edge-node-birth-publish-will-message"


def version_of(connect: Connect) -> Version:
    """The version of MQTT that a CONNECT speaks."""
    return connect_version(connect.protocol_level, Version.V311)


def _keeps_session(node: Node, connect: Connect) -> bool:
    return version_of(connect) < Version.V5 and not connect.clean_start


def _keeps_session_v5(node: Node, connect: Connect) -> bool:
    expiry = get(connect.properties, Property.SESSION_EXPIRY_INTERVAL)
    return version_of(connect) >= Version.V5 and (not connect.clean_start or bool(expiry))


def _without_will(node: Node, connect: Connect) -> bool:
    return connect.will is None


def _death(node: Node) -> Payload | None:
    return node.death if isinstance(node.death, Payload) else None


def _bad_topic(node: Node, connect: Connect) -> bool | str:
    will = connect.will
    if will is None:
        return False
    topic = node.death_topic
    good = topic is not None and topic.type == "NDEATH" and topic.device is None and topic.namespace == "spBv1.0"
    return False if good else f"a will on {will.topic!r}"


def _no_payload(node: Node, connect: Connect) -> bool | str:
    will = connect.will
    if will is None or _death(node) is not None:
        return False
    return f"a will of {len(will.payload)} bytes that are no payload"


def _bdseq(node: Node, connect: Connect) -> bool | str:
    death = _death(node)
    if death is None:
        return False
    metric = death.metric(BDSEQ)
    if metric is None:
        return "a will without bdSeq"
    if metric.datatype != DataType.INT64:
        return f"bdSeq of datatype {metric.datatype}"
    number = bdseq(death)
    if number is None:
        return "bdSeq without a number"
    return f"bdSeq {number}" if number > 255 else False


def _not_alone(node: Node, connect: Connect) -> bool | str:
    death = _death(node)
    if death is None or [metric.name for metric in death.metrics] == [BDSEQ]:
        return False
    return f"a will with the metrics {[metric.name for metric in death.metrics][:5]}"


def _sequence(node: Node, connect: Connect) -> bool | str:
    death = _death(node)
    return f"a will with seq {death.seq}" if death is not None and death.seq is not None else False


def _qos(node: Node, connect: Connect) -> bool | str:
    will: Will | None = connect.will
    return f"a will at QoS {will.qos}" if will is not None and will.qos != 1 else False


def _retained(node: Node, connect: Connect) -> bool | str:
    return "a will to be retained" if connect.will is not None and connect.will.retain else False


#: Their `types` mean nothing: they judge CONNECT.
RULES = (
    Rule("principles-persistence-clean-session-311", "CONNECT with Clean Session 1", _keeps_session),
    Rule(
        "principles-persistence-clean-session-50",
        "CONNECT with Clean Start 1 and Session Expiry Interval 0",
        _keeps_session_v5,
    ),
    Rule(f"{_FLOW} payloads-ndeath-will-message", "CONNECT with a will", _without_will),
    Rule(f"{_FLOW}-topic topics-ndeath-topic", "a will on spBv1.0/group/NDEATH/node", _bad_topic),
    Rule(f"{_FLOW}-payload", "a will that is a Sparkplug payload", _no_payload),
    Rule(f"{_FLOW}-payload-bdSeq", "a will with bdSeq, Int64, 0 to 255", _bdseq),
    Rule("topics-ndeath-payload", "a will with the metric bdSeq alone", _not_alone),
    Rule("topics-ndeath-seq payloads-ndeath-seq", "a will without sequence number", _sequence),
    Rule(f"{_FLOW}-qos payloads-ndeath-will-message-qos", "a will at QoS 1", _qos),
    Rule(f"{_FLOW}-will-retained payloads-ndeath-will-message-retain", "a will that is not retained", _retained),
)
