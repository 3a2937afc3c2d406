"""What planted faults are made of: a tap that sees Sparkplug messages, a table that ties each to what it breaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from testbed.link.tap import Tap
from testbed.mqtt.faults.tap import Out, PacketTap
from testbed.mqtt.packets import Connect, Packet, Publish, Version, Will
from testbed.protocol import Fault, Planted
from testbed.sparkplug import codec
from testbed.sparkplug.payload import Metric, Payload
from testbed.sparkplug.rules.connecting import version_of
from testbed.sparkplug.rules.rule import EDITION, PREFIX
from testbed.sparkplug.topics import Topic, read


class Passage(PacketTap):
    """A connection of a client under test: `answer` sees what the client says, `ask` what it is told. The version of
    MQTT is that of its CONNECT."""

    def __init__(self, planted: Planted, version: Version) -> None:
        super().__init__(planted, version)
        #: The client's CONNECT.
        self.said: Connect | None = None
        self._counts: dict[str, int] = {}

    def _answered(self, packet: Packet) -> Out:
        if isinstance(packet, Connect):
            self.version = version_of(packet)
            self.said = packet
        return super()._answered(packet)

    def times(self, name: str) -> int:
        """How often this was asked for `name` on this connection, this time included."""
        self._counts[name] = self._counts.get(name, 0) + 1
        return self._counts[name]


#: What becomes of a packet: itself for nothing to break.
Twist = Callable[[Any, Passage], Packet | bytes | Out]


class _Twisted(Passage):
    def __init__(self, planted: Planted, twist: Twist, told: bool) -> None:
        super().__init__(planted, Version.V311)
        self._twist, self._told = twist, told

    def answer(self, packet: Packet) -> Out:
        return [packet] if self._told else self._through(packet)

    def ask(self, packet: Packet) -> Out:
        return self._through(packet) if self._told else [packet]

    def _through(self, packet: Packet) -> Out:
        out = self._twist(packet, self)
        if out is packet:
            return [packet]
        self.damage()
        return out if isinstance(out, list) else [out]


@dataclass(frozen=True, slots=True)
class Plan:
    """A fault: its name, the assertion it breaks (without `tck-id-`), what the device seems to do, and the twist of
    its packets; `told` when it is what the device is told that is twisted."""

    name: str
    breaks: str
    text: str
    twist: Twist
    told: bool = False

    def fault(self) -> Fault:
        """The fault as the harness plants it."""
        return Fault(self.name, EDITION, PREFIX + self.breaks, self.text, self._tap)

    def _tap(self, planted: Planted) -> Tap:
        return _Twisted(planted, self.twist, self.told)


# -- twists


def publishes(change: Callable[[Publish, Topic], Packet | bytes | Out], *types: str) -> Twist:
    """Twist the PUBLISH packets of messages of `types`."""

    def twist(packet: Any, tap: Passage) -> Packet | bytes | Out:
        if not isinstance(packet, Publish):
            return packet
        topic = read(packet.topic)
        return change(packet, topic) if topic is not None and topic.type in types else packet

    return twist


def payloads(change: Callable[[Payload], Payload], *types: str) -> Twist:
    """Twist the payloads of messages of `types`."""

    def other(packet: Publish, topic: Topic) -> Packet:
        payload = codec.decode(packet.payload)
        if not isinstance(payload, Payload):
            return packet
        changed = change(payload)
        return packet if changed is payload else replace(packet, payload=codec.encode(changed))

    return publishes(other, *types)


def metrics(change: Callable[[Metric], Metric], *types: str, named: str = "", first: bool = False) -> Twist:
    """Twist the metrics (called `named`, or the `first` that can be) of messages of `types`."""

    def other(payload: Payload) -> Payload:
        out: list[Metric] = []
        done = False
        for metric in payload.metrics:
            mine = not named or metric.name == named
            changed = change(metric) if mine and not (first and done) else metric
            done = done or changed is not metric
            out.append(changed)
        return replace(payload, metrics=tuple(out)) if done else payload

    return payloads(other, *types)


def wills(change: Callable[[Will], Will | None]) -> Twist:
    """Twist the will of CONNECT."""

    def twist(packet: Any, tap: Passage) -> Packet:
        if not isinstance(packet, Connect) or packet.will is None:
            return packet
        will = change(packet.will)
        return packet if will is packet.will else replace(packet, will=will)

    return twist


def will_payloads(change: Callable[[Payload], Payload]) -> Twist:
    """Twist the Sparkplug payload of the will."""

    def other(will: Will) -> Will:
        payload = codec.decode(will.payload)
        return replace(will, payload=codec.encode(change(payload))) if isinstance(payload, Payload) else will

    return wills(other)
