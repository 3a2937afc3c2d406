"""MQTT 3.1.1 and 5.0: packets, rules, testers and faults."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path

from testbed.dut import Shim
from testbed.mqtt import broker, client, client_discovery, discovery, rules, shim
from testbed.mqtt.codec import decode, describe
from testbed.mqtt.cutting import Cutter
from testbed.mqtt.detection import detect, introduces
from testbed.mqtt.framing import LARGEST_FRAME
from testbed.mqtt.games import BROKER_GAMES
from testbed.mqtt.handle import VERSIONS
from testbed.protocol import Fault, Format, ProtocolRoom, Role, ShimCheck


def dissect(edition: str, frame: bytes) -> str:
    """One frame as a line of text."""
    return describe(decode(frame, VERSIONS[edition]))


def faults(edition: str) -> tuple[Fault, ...]:
    """Planted faults, which only a qualification of the suite needs."""
    from testbed.mqtt.faults import faults as of_edition

    return of_edition(edition)


def client_faults(edition: str) -> tuple[Fault, ...]:
    """Planted faults of clients."""
    from testbed.mqtt.client_faults import faults as of_edition

    return of_edition(edition)


def check_shim(name: str, launch: Shim, values: Mapping[str, str], work: Path, log: Path) -> AsyncIterator[ShimCheck]:
    """Whether a shim keeps its format, which only who writes one wants to know."""
    from testbed.mqtt.shim_check import check

    return check(name, launch, values, work, log)


PROTOCOL = ProtocolRoom(
    name="mqtt",
    roles=(
        Role(
            name="mqtt-broker",
            side="server",
            text="an MQTT server",
            editions=tuple(VERSIONS),
            handle=broker.Broker,
            tester=broker.tester,
            ready=discovery.ready,
            discover=discovery.discover,
            claims=discovery.CLAIMS,
            watch=rules.watch_server,
            cutter=Cutter,
            dissect=dissect,
            faults=faults,
            port=1883,
            probe=discovery.probe,
            watched=partial(rules.watched, side="server"),
            games=BROKER_GAMES,
        ),
        Role(
            name="mqtt-client",
            side="client",
            text="an MQTT client",
            editions=tuple(VERSIONS),
            handle=client.Client,
            tester=client.tester,
            ready=client_discovery.ready,
            discover=client_discovery.discover,
            claims=client_discovery.CLAIMS,
            watch=rules.watch_client,
            cutter=Cutter,
            dissect=dissect,
            faults=client_faults,
            port=1883,
            probe=None,
            watched=partial(rules.watched, side="client"),
            check_shim=check_shim,
        ),
    ),
    detect=detect,
    introduces=introduces,
    formats=(
        Format("shim-order.schema.json", "an order to an MQTT shim", (shim.Orders,)),
        Format("shim-said.schema.json", "what an MQTT shim says", (shim.Reply, shim.Events)),
    ),
    cutter=partial(Cutter, LARGEST_FRAME),
)
