"""What the messages of one connection have established of an edge node, its devices and their metrics."""

from __future__ import annotations

from dataclasses import dataclass, field

from testbed.mqtt.packets import Connect
from testbed.mqtt.wire import Text
from testbed.sparkplug.codec import decode
from testbed.sparkplug.payload import Metric, Payload, Template, Unreadable, Value, is_definition
from testbed.sparkplug.rules.rule import Said
from testbed.sparkplug.topics import BIRTHS, COMMANDS, DATA, Topic, read

#: Name of the metric that ties NBIRTH and NDEATH together, and of the one that asks for a rebirth.
BDSEQ = "bdSeq"
REBIRTH = "Node Control/Rebirth"
#: Metrics of which a node's last value is remembered.
MOST_METRICS = 20_000


@dataclass(slots=True)
class Node:
    """One edge node on one connection. A device is known by its ID, the node itself by None."""

    connect: Connect | None = None
    #: The will, read.
    death_topic: Topic | None = None
    death: Payload | Unreadable | None = None
    #: How many messages it has published on this connection.
    published: int = 0
    #: The topic of its NBIRTH, once it has said it.
    born: Topic | None = None
    #: Devices that are online since the last NBIRTH, and those that the last NBIRTH made wait for their DBIRTH.
    alive: set[str] = field(default_factory=set)
    awaited: set[str] = field(default_factory=set)
    #: Every device ever named.
    devices: set[str] = field(default_factory=set)
    last_seq: int | None = None
    #: Who -> metrics of the last birth, by name.
    metrics: dict[str | None, dict[Text, Metric]] = field(default_factory=dict)
    #: Alias -> who, and the name of the metric.
    aliases: dict[int, tuple[str | None, Text | None]] = field(default_factory=dict)
    #: Who and name -> the last value and what the tester has told it to be.
    values: dict[tuple[str | None, Text], Value | None] = field(default_factory=dict)
    commanded: set[tuple[str | None, Text]] = field(default_factory=set)
    #: Name of a template -> its definition.
    templates: dict[Text, Template] = field(default_factory=dict)

    # -- questions of the rules

    @property
    def identity(self) -> Topic | None:
        """Group and node as the will names them, else as the last NBIRTH does."""
        return self.death_topic or self.born

    @property
    def bdseq(self) -> int | None:
        """bdSeq of the will."""
        return bdseq(self.death) if isinstance(self.death, Payload) else None

    def name_of(self, who: str | None, metric: Metric) -> Text | None:
        """What a metric is called, its alias looked up; None when that is not known."""
        if metric.name is not None:
            return metric.name
        owner, name = self.aliases.get(metric.alias, (None, None)) if metric.alias is not None else (None, None)
        return name if owner == who else None

    # -- what is said

    def connects(self, connect: Connect, expected: frozenset[str]) -> None:
        """CONNECT; `expected` are the devices that its description says are behind the node."""
        self.connect = connect
        self.awaited = set(expected)
        if connect.will is not None:
            self.death_topic = read(connect.will.topic)
            self.death = decode(connect.will.payload)

    def says(self, said: Said) -> None:
        """A message of the node."""
        topic, payload = said.topic, said.payload
        who = topic.device
        if who is not None:
            self.devices.add(who)
        if payload.seq is not None:
            self.last_seq = payload.seq
        if topic.type == "NBIRTH":
            self.awaited |= self.alive
            self.alive.clear()
            self.born = topic
            self.metrics.clear()
            self.aliases.clear()
            self.templates.clear()
        elif topic.type == "DBIRTH" and who is not None:
            self.alive.add(who)
            self.awaited.discard(who)
        elif topic.type == "DDEATH" and who is not None:
            self.alive.discard(who)
            self.awaited.discard(who)
        if topic.type in BIRTHS:
            self._birth(who, payload)
        if topic.type in (*BIRTHS, *DATA):
            self._values(who, payload)

    def _birth(self, who: str | None, payload: Payload) -> None:
        mine: dict[Text, Metric] = {}
        for metric in payload.metrics[:MOST_METRICS]:
            if metric.name is not None:
                mine[metric.name] = metric
            if metric.alias is not None:
                self.aliases[metric.alias] = (who, metric.name)
            template = metric.value.value if metric.value else None
            if isinstance(template, Template) and metric.name is not None and is_definition(metric):
                self.templates[metric.name] = template
        self.metrics[who] = mine

    def _values(self, who: str | None, payload: Payload) -> None:
        for metric in payload.metrics:
            name = self.name_of(who, metric)
            if name is None or metric.is_historical:
                continue
            if (who, name) in self.values or len(self.values) < MOST_METRICS:
                self.values[who, name] = None if metric.is_null else metric.value

    def is_told(self, topic: Topic, payload: Payload) -> None:
        """A command of the tester."""
        if topic.type in COMMANDS:
            for metric in payload.metrics:
                name = self.name_of(topic.device, metric)
                if name is not None:
                    self.commanded.add((topic.device, name))


def bdseq(payload: Payload) -> int | None:
    """The value of bdSeq in a payload; None when it is not there as a number."""
    metric = payload.metric(BDSEQ)
    value = metric.value.value if metric and metric.value else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
