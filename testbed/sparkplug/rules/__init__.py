"""Passive rules: what every packet of an edge node or a host application must keep to, whatever the case is about.

Each rule is a row of a table beside the others of its subject; it cites the assertions that it judges. A rule is
silent where the device may have a reason that we do not see.
"""

from __future__ import annotations

import time

from testbed.findings import Breach
from testbed.mqtt.codec import decode
from testbed.mqtt.packets import Connect, Packet, Publish, Subscribe, Version
from testbed.sparkplug import codec
from testbed.sparkplug.describing import line
from testbed.sparkplug.payload import Unreadable
from testbed.sparkplug.rules import (
    carriage,
    certificates,
    commanding,
    connecting,
    metrics,
    naming,
    sequence,
    sets,
    templates,
    timing,
)
from testbed.sparkplug.rules.application import Application
from testbed.sparkplug.rules.node import Node
from testbed.sparkplug.rules.rule import Rule, Said, full, watched
from testbed.sparkplug.topics import COMMANDS, host_of, read
from testbed.trial import Trial

#: The rules on what an edge node publishes.
NODE_RULES: tuple[Rule, ...] = (
    *naming.RULES,
    *carriage.RULES,
    *sequence.RULES,
    *timing.RULES,
    *metrics.RULES,
    *sets.RULES,
    *templates.RULES,
)
_FIRST = "principles-birth-certificates-order host-topic-phid-birth-message"

#: What passive rules judge on each side: full ids.
WATCHED: dict[str, frozenset[str]] = {
    "edge": watched((*connecting.RULES, *NODE_RULES))
    | frozenset(
        full(f"{naming.SHAPE} {' '.join(naming.ILL_FORMED.values())} {' '.join(carriage.UNREADABLE.values())}")
    ),
    "host": watched((*certificates.CONNECT_RULES, *certificates.BIRTH_RULES, *certificates.DEATH_RULES))
    | watched(commanding.RULES)
    | frozenset(full(f"{naming.SHAPE} {_FIRST}")),
}


class _Watch:
    """What the watches of both sides share: the version of MQTT, and how a breach is told, once an assertion."""

    def __init__(self, trial: Trial) -> None:
        self._breaches = trial.breaches
        self._version = Version.V311
        self._told: set[str] = set()

    def _read(self, data: bytes) -> Packet:
        # A CONNECT that is read as 3.1.1 says of itself whether it is 5.0.
        packet = decode(data, self._version)
        if isinstance(packet, Connect):
            self._version = connecting.version_of(packet)
        return packet

    def _report(self, ids: str, expected: str, came: str, frame: int) -> None:
        for number in full(ids):
            if number not in self._told:
                self._told.add(number)
                self._breaches.append(Breach(number, expected, came, frame))

    def _judge(self, rules: tuple[Rule, ...], known: object, said: object, packet: Packet, frame: int) -> None:
        for rule in rules:
            broken = rule.broken(known, said)
            if broken:
                came = broken if isinstance(broken, str) else line(packet)
                self._report(rule.ids, rule.expected, came, frame)

    def closed(self, frame: int) -> None:
        """The connection is over. What had to be said before is for cases to ask."""


_OF_TYPE = {
    type: tuple(rule for rule in NODE_RULES if type in rule.types)
    for type in {one for rule in NODE_RULES for one in rule.types}
}
_OF_COMMAND = {type: tuple(rule for rule in commanding.RULES if type in rule.types) for type in COMMANDS}


class NodeWatch(_Watch):
    """Judges what an edge node under test sends on one connection (`testbed.trial.Watch`)."""

    def __init__(self, trial: Trial) -> None:
        super().__init__(trial)
        self.node = Node()
        self._devices = frozenset(str(trial.dut.parameter("devices", "")).split())

    def sent(self, data: bytes, frame: int) -> None:
        """A frame of the tester, who is the server and speaks for the host."""
        packet = self._read(data)
        topic = read(packet.topic) if isinstance(packet, Publish) else None
        if isinstance(packet, Publish) and topic is not None:
            payload = codec.decode(packet.payload)
            if not isinstance(payload, Unreadable):
                self.node.is_told(topic, payload)

    def received(self, data: bytes, frame: int) -> None:
        """A frame of the node: it is judged by what was said before, then noted itself."""
        packet = self._read(data)
        node = self.node
        if isinstance(packet, Connect) and node.connect is None:
            node.connects(packet, self._devices)
            self._judge(connecting.RULES, node, packet, packet, frame)
        elif isinstance(packet, Publish):
            self._published(packet, frame)
            node.published += 1

    def _published(self, packet: Publish, frame: int) -> None:
        topic = read(packet.topic)
        if topic is None:
            self._strange(packet, frame)
            return
        payload = codec.decode(packet.payload)
        if isinstance(payload, Unreadable):
            ids = carriage.UNREADABLE.get(topic.type, "")
            self._report(ids, f"{topic.type} with a Sparkplug payload", payload.problem, frame)
            return
        said = Said(topic, payload, packet, time.time() * 1000)
        self._judge(_OF_TYPE.get(topic.type, ()), self.node, said, packet, frame)
        self.node.says(said)

    def _strange(self, packet: Publish, frame: int) -> None:
        if naming.shapeless(packet):
            self._report(naming.SHAPE, "a topic namespace/group/type/node[/device]", line(packet), frame)
        if isinstance(packet.topic, bytes):
            for place, element in enumerate(packet.topic.split(b"/")):
                try:
                    element.decode()
                except UnicodeDecodeError:
                    ids = naming.ILL_FORMED.get(place, "")
                    self._report(ids, "an ID of well-formed UTF-8", f"{element!r}", frame)


class HostWatch(_Watch):
    """Judges what a host application under test sends on one connection."""

    def __init__(self, trial: Trial) -> None:
        super().__init__(trial)
        self.application = Application()

    def sent(self, data: bytes, frame: int) -> None:
        """A frame of the tester, who is the server and speaks for nodes."""
        packet = self._read(data)
        topic = read(packet.topic) if isinstance(packet, Publish) else None
        if isinstance(packet, Publish) and topic is not None:
            payload = codec.decode(packet.payload)
            if not isinstance(payload, Unreadable):
                self.application.is_told(topic, payload)

    def received(self, data: bytes, frame: int) -> None:
        """A frame of the host: it is judged by what was said before, then noted itself."""
        packet = self._read(data)
        known = self.application
        if isinstance(packet, Connect) and known.connect is None:
            known.connects(packet)
            self._judge(certificates.CONNECT_RULES, known, packet, packet, frame)
        elif isinstance(packet, Subscribe):
            known.subscribes(packet)
        elif isinstance(packet, Publish):
            self._published(packet, frame)
            known.publishes(packet)

    def _published(self, packet: Publish, frame: int) -> None:
        known, topic = self.application, read(packet.topic)
        states = host_of(packet.topic) is not None
        if not states and not known.published:
            self._report(_FIRST, "the STATE birth as the first message", line(packet), frame)
        if states:
            self._judge(certificates.state_rules(packet), known, packet, packet, frame)
        elif topic is None:
            self._report(naming.SHAPE, "a topic namespace/group/type/node[/device], or STATE", line(packet), frame)
        else:
            payload = codec.decode(packet.payload)
            if not isinstance(payload, Unreadable):
                said = Said(topic, payload, packet, time.time() * 1000)
                self._judge(_OF_COMMAND.get(topic.type, ()), known, said, packet, frame)


def watch_node(trial: Trial, link: int) -> NodeWatch:
    """The passive rules over connection `link` of a trial with an edge node."""
    return NodeWatch(trial)


def watch_host(trial: Trial, link: int) -> HostWatch:
    """The passive rules over connection `link` of a trial with a host application."""
    return HostWatch(trial)


def watched_on(side: str) -> frozenset[str]:
    """The assertions that passive rules judge on a side, without catalogue."""
    return frozenset(number.partition(":")[2] for number in WATCHED[side])
