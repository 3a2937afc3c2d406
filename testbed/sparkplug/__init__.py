"""Sparkplug B 3.0: edge nodes and host applications, of which the tester is server and counterpart; and servers."""

from __future__ import annotations

from testbed.mqtt.cutting import Cutter
from testbed.protocol import Fault, ProtocolRoom, Role
from testbed.sparkplug import discovery, edge, host, rules, server
from testbed.sparkplug.dissecting import dissect
from testbed.sparkplug.rules.rule import EDITION


def edge_faults(edition: str) -> tuple[Fault, ...]:
    """Planted faults of edge nodes, which only a qualification of the suite needs."""
    from testbed.sparkplug.faults import edge_faults as planted

    return planted()


def host_faults(edition: str) -> tuple[Fault, ...]:
    """Planted faults of host applications."""
    from testbed.sparkplug.faults import host_faults as planted

    return planted()


def server_faults(edition: str) -> tuple[Fault, ...]:
    """Planted faults of MQTT servers."""
    from testbed.sparkplug.faults.server import FAULTS

    return FAULTS


PROTOCOL = ProtocolRoom(
    name="sparkplug",
    roles=(
        Role(
            name="sparkplug-edge",
            side="edge",
            text="a Sparkplug edge node with its devices",
            editions=(EDITION,),
            handle=edge.Edge,
            tester=edge.tester,
            ready=discovery.ready,
            discover=discovery.discover_edge,
            claims=discovery.EDGE_CLAIMS,
            watch=rules.watch_node,
            cutter=Cutter,
            dissect=dissect,
            faults=edge_faults,
            port=1883,
            probe=None,
            watched=lambda edition: rules.watched_on("edge"),
        ),
        Role(
            name="sparkplug-host",
            side="host",
            text="a Sparkplug host application",
            editions=(EDITION,),
            handle=host.Host,
            tester=host.tester,
            ready=discovery.ready,
            discover=discovery.discover_host,
            claims=discovery.HOST_CLAIMS,
            watch=rules.watch_host,
            cutter=Cutter,
            dissect=dissect,
            faults=host_faults,
            port=1883,
            probe=None,
            watched=lambda edition: rules.watched_on("host"),
        ),
        Role(
            name="sparkplug-server",
            side="server",
            text="the MQTT server of a Sparkplug infrastructure",
            editions=(EDITION,),
            handle=server.SparkplugServer,
            tester=server.tester,
            ready=server.ready,
            discover=server.discover,
            claims=server.CLAIMS,
            watch=None,
            cutter=Cutter,
            dissect=dissect,
            faults=server_faults,
            port=1883,
            probe=server.probe,
        ),
    ),
)
