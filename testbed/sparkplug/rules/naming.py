"""Rules on topics: their form and what their elements may be made of (chapter 4)."""

from __future__ import annotations

from testbed.mqtt.packets import Publish
from testbed.sparkplug.rules.node import Node
from testbed.sparkplug.rules.rule import Rule, Said
from testbed.sparkplug.topics import NAMESPACE, OF_DEVICE, OF_NODE, TYPES, read

_RESERVED = "+#\0"


def shapeless(publish: Publish) -> bool:
    """Whether a topic has not the form of the namespace."""
    topic = publish.topic
    if isinstance(topic, bytes):
        return b"/" not in topic
    return read(topic) is None


def _elsewhere(node: Node, said: Said) -> bool | str:
    """The topic names another node than the will does."""
    known = node.identity
    topic = said.topic
    if known is None or (topic.group, topic.node) == (known.group, known.node):
        return False
    return f"{topic}, from the node {known.group}/{known.node}"


def _other_node_than_born(node: Node, said: Said) -> bool | str:
    born, topic = node.born, said.topic
    if born is None or (topic.group, topic.node) == (born.group, born.node):
        return False
    return f"{topic} after {born}"


def _other_namespace(node: Node, said: Said) -> bool | str:
    return str(said.topic) if said.topic.namespace != NAMESPACE else False


def _without_device(node: Node, said: Said) -> bool | str:
    return False if said.topic.device else str(said.topic)


def _with_device(node: Node, said: Said) -> bool | str:
    return str(said.topic) if said.topic.device is not None else False


def _malformed(node: Node, said: Said) -> bool | str:
    """Another form than the type demands: a device too few or too many, another namespace, or another node's."""
    form = _without_device if said.topic.type in OF_DEVICE else _with_device
    return form(node, said) or _other_namespace(node, said) or _elsewhere(node, said)


def _ill(text: str) -> bool:
    return not text or any(letter in text for letter in _RESERVED)


def _ill_group(node: Node, said: Said) -> bool | str:
    return f"the group {said.topic.group!r}" if _ill(said.topic.group) else False


def _ill_node(node: Node, said: Said) -> bool | str:
    return f"the node {said.topic.node!r}" if _ill(said.topic.node) else False


def _ill_device(node: Node, said: Said) -> bool | str:
    device = said.topic.device
    return f"the device {device!r}" if device is not None and _ill(device) else False


def _alike(node: Node, said: Said) -> bool | str:
    """IDs of one node and its devices that differ in case only."""
    topic = said.topic
    ids = {topic.group, topic.node, *node.devices} | ({topic.device} if topic.device else set())
    lower: dict[str, str] = {}
    for one in sorted(ids):
        other = lower.setdefault(one.lower(), one)
        if other != one:
            return f"{other!r} and {one!r}"
    return False


#: Topic whose element is no UTF-8 -> the assertions it breaks, by the element's place.
ILL_FORMED = {
    1: "intro-group-id-string topic-structure-namespace-valid-group-id",
    3: "intro-edge-node-id-string topic-structure-namespace-valid-edge-node-id",
    4: "intro-device-id-string topic-structure-namespace-valid-device-id",
}
SHAPE = "topic-structure"

_FORMS = {
    "NBIRTH": "topics-nbirth-topic message-flow-edge-node-birth-publish-nbirth-topic",
    "NDATA": "topics-ndata-topic",
    "NDEATH": "topics-ndeath-topic",
    "DBIRTH": "topics-dbirth-topic message-flow-device-birth-publish-dbirth-topic",
    "DDATA": "topics-ddata-topic",
    "DDEATH": "topics-ddeath-topic",
}

RULES = (
    Rule("topic-structure-namespace-a", f"the namespace {NAMESPACE}", _other_namespace, TYPES),
    *(
        Rule(ids, f"{type} on {NAMESPACE}/group/{type}/node{'/device' * (type in OF_DEVICE)}", _malformed, (type,))
        for type, ids in _FORMS.items()
    ),
    Rule(
        "topic-structure-namespace-device-id-associated-message-types",
        "a device in the topic of a device's message",
        _without_device,
        OF_DEVICE,
    ),
    Rule(
        "topic-structure-namespace-device-id-non-associated-message-types",
        "no device in the topic of a node's message",
        _with_device,
        OF_NODE,
    ),
    Rule(
        "message-flow-device-birth-publish-dbirth-match-edge-node-topic",
        "DBIRTH with the group and node of the NBIRTH",
        _other_node_than_born,
        ("DBIRTH",),
    ),
    Rule(
        "intro-group-id-chars topic-structure-namespace-valid-group-id",
        "a Group ID without + / #, and not empty",
        _ill_group,
    ),
    Rule(
        "intro-edge-node-id-chars topic-structure-namespace-valid-edge-node-id",
        "an Edge Node ID without + / #, and not empty",
        _ill_node,
    ),
    Rule(
        "intro-device-id-chars topic-structure-namespace-valid-device-id",
        "a Device ID without + / #, and not empty",
        _ill_device,
    ),
    Rule("case-sensitivity-sparkplug-ids", "IDs that differ in more than case", _alike),
)
