"""Sparkplug topics (3.0, chapter 4): `spBv1.0/group/type/node[/device]` and `spBv1.0/STATE/host`."""

from __future__ import annotations

from msgspec import Struct

from testbed.mqtt.wire import Text

NAMESPACE = "spBv1.0"
#: Message types of a node itself, and of a device behind it.
OF_NODE = ("NBIRTH", "NDEATH", "NDATA", "NCMD")
OF_DEVICE = ("DBIRTH", "DDEATH", "DDATA", "DCMD")
TYPES = (*OF_NODE, *OF_DEVICE)
BIRTHS, DATA, COMMANDS = ("NBIRTH", "DBIRTH"), ("NDATA", "DDATA"), ("NCMD", "DCMD")


class Topic(Struct, frozen=True):
    """The topic of a node's or a device's message, sensible or not: `device` is None where the topic has none."""

    group: str
    type: str
    node: str
    device: str | None = None
    namespace: str = NAMESPACE

    def __str__(self) -> str:
        parts = [self.namespace, self.group, self.type, self.node]
        return "/".join(parts if self.device is None else [*parts, self.device])

    def of(self, type: str, device: str | None = None) -> Topic:
        """Another topic of the same node."""
        return Topic(self.group, type, self.node, device, self.namespace)


def read(topic: Text) -> Topic | None:
    """A topic of four or five elements whose third is a message type, in whatever namespace; None for any other."""
    if not isinstance(topic, str):
        return None
    parts = topic.split("/")
    if len(parts) not in (4, 5) or parts[2] not in TYPES:
        return None
    return Topic(parts[1], parts[2], parts[3], parts[4] if len(parts) == 5 else None, parts[0])


def state_topic(host: str) -> str:
    """Where the host application `host` says whether it is online."""
    return f"{NAMESPACE}/STATE/{host}"


def host_of(topic: Text) -> str | None:
    """The host application whose STATE topic this is; None when it is none."""
    if not isinstance(topic, str) or not topic.startswith(f"{NAMESPACE}/STATE/"):
        return None
    return topic.removeprefix(f"{NAMESPACE}/STATE/")
