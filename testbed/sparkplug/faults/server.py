"""Faults in the MQTT server of a Sparkplug infrastructure."""

from __future__ import annotations

from msgspec.structs import replace

from testbed.link.tap import Tap
from testbed.mqtt.faults.tap import Make, Where, answers, asks
from testbed.mqtt.packets import Connect, Publish, Version
from testbed.protocol import Fault, Planted
from testbed.sparkplug.rules.rule import EDITION, PREFIX


def _fault(name: str, breaks: str, text: str, make: Make) -> Fault:
    def tap(planted: Planted) -> Tap:
        return make(planted, Version.V311)

    return Fault(name, EDITION, f"{PREFIX}conformance-mqtt-{breaks}", text, tap)


def _at(qos: int) -> Where:
    return lambda packet, tap: packet.qos == qos


FAULTS: tuple[Fault, ...] = (
    _fault("loses-qos-0", "qos0", "it does not deliver at QoS 0", answers(Publish, lambda p, tap: [], _at(0))),
    _fault("loses-qos-1", "qos1", "it does not deliver at QoS 1", answers(Publish, lambda p, tap: [], _at(1))),
    _fault(
        "forgets-wills",
        "will-messages",
        "it says no wills",
        asks(Connect, lambda p, tap: replace(p, will=None), lambda p, tap: p.will is not None),
    ),
    _fault(
        "retains-nothing",
        "retained",
        "it retains nothing",
        asks(Publish, lambda p, tap: replace(p, retain=False), lambda p, tap: p.retain),
    ),
)
