"""MQTT 3.1.1 and 5.0: packets, rules, testers and faults."""

from __future__ import annotations

from testbed.mqtt import broker, discovery, rules
from testbed.mqtt.codec import decode, describe
from testbed.mqtt.cutting import Cutter
from testbed.mqtt.detection import detect, introduces
from testbed.protocol import Fault, ProtocolRoom, Role


def dissect(edition: str, frame: bytes) -> str:
    """One frame as a line of text."""
    return describe(decode(frame, broker.VERSIONS[edition]))


def faults(edition: str) -> tuple[Fault, ...]:
    """Planted faults, which only a qualification of the suite needs."""
    from testbed.mqtt.faults import faults as of_edition

    return of_edition(edition)


PROTOCOL = ProtocolRoom(
    name="mqtt",
    roles=(
        Role(
            name="mqtt-broker",
            side="server",
            text="an MQTT server",
            editions=tuple(broker.VERSIONS),
            handle=broker.Broker,
            tester=broker.tester,
            ready=discovery.ready,
            discover=discovery.discover,
            claims=discovery.CLAIMS,
            watch=rules.watch,
            cutter=Cutter,
            dissect=dissect,
            faults=faults,
            port=1883,
            probe=discovery.probe,
        ),
    ),
    detect=detect,
    introduces=introduces,
)
