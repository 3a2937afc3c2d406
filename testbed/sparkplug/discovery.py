"""What a Sparkplug client can do: what its description says that it can be made to do, and what its births show."""

from __future__ import annotations

from testbed.dut import Dut
from testbed.mqtt.packets import Version
from testbed.sparkplug import edge, host
from testbed.sparkplug.payload import DataSet, Payload, Template
from testbed.sparkplug.rules.sets import all_metrics
from testbed.sparkplug.serving import Session
from testbed.trial import Trial

#: Claims of the role sparkplug-edge.
EDGE_CLAIMS = {
    "devices": "has devices behind it (parameter devices: their IDs)",
    "primary-host": "waits for a primary host (parameter primary-host: its ID)",
    "node-commands": "reports a node's integer metric that was written (parameter node-metric: its name)",
    "device-commands": "reports a device's integer metric that was written (parameter device-metric: its name)",
    "device-loss": "loses its first device while a Boolean metric of the node is true (parameter device-loss-metric)",
    "leaves": "can be made to leave by its own will: a program, by SIGTERM",
    "aliases": "gives its metrics aliases",
    "properties": "gives metrics properties",
    "data-sets": "reports data sets",
    "templates": "reports templates",
    "mqtt-5": "speaks MQTT 5.0 (else 3.1.1)",
}
#: Claims of the role sparkplug-host.
HOST_CLAIMS = {
    "rebirth-requests": "asks a node for a rebirth whose messages it has missed",
    "reorder-timeout": "waits for messages out of order (parameter reorder-timeout: seconds)",
    "node-control": "writes a node's metric when another changes (parameters node-trigger and node-target)",
    "device-control": "writes a device's metric when another changes (parameters device-trigger and device-target)",
    "leaves": "can be made to leave by its own will: a program, by SIGTERM",
    "mqtt-5": "speaks MQTT 5.0 (else 3.1.1)",
}
#: Claim -> the parameter without which nothing can be asked of it.
_EDGE_PARAMETERS = {
    "devices": "devices",
    "primary-host": "primary-host",
    "node-commands": "node-metric",
    "device-commands": "device-metric",
    "device-loss": "device-loss-metric",
}
_HOST_PARAMETERS = {
    "reorder-timeout": "reorder-timeout",
    "node-control": "node-target",
    "device-control": "device-target",
}


async def ready(dut: Dut) -> None:
    """Returns at once: a device that comes to the tester has no address to be asked at."""


def _described(trial: Trial, parameters: dict[str, str]) -> dict[str, bool]:
    return {claim: bool(trial.dut.parameter(name, "")) for claim, name in parameters.items()}


def _mqtt5(session: Session) -> bool:
    return session.version >= Version.V5


async def discover_edge(trial: Trial) -> dict[str, bool]:
    """Claim -> whether it is there. Inconclusive when no births come."""
    async with edge.tester(trial) as node:
        session, births = await node.born()
        messages = [births.node, *births.devices.values()]
        found = _described(trial, _EDGE_PARAMETERS) | _carried([one.payload for one in messages])
        return found | {"leaves": _leaves(trial, node.control.stoppable), "mqtt-5": _mqtt5(session)}


def _carried(payloads: list[Payload]) -> dict[str, bool]:
    metrics = [metric for payload in payloads for metric in all_metrics(payload.metrics)]
    values = [metric.value.value for metric in metrics if metric.value]
    return {
        "aliases": any(metric.alias is not None for metric in metrics),
        "properties": any(metric.properties is not None for metric in metrics),
        "data-sets": any(isinstance(value, DataSet) for value in values),
        "templates": any(isinstance(value, Template) for value in values),
    }


async def discover_host(trial: Trial) -> dict[str, bool]:
    """Claim -> whether it is there. Inconclusive when it does not come online."""
    async with host.tester(trial) as application:
        session = await application.online()
        found = _described(trial, _HOST_PARAMETERS)
        return found | {"leaves": _leaves(trial, application.control.stoppable), "mqtt-5": _mqtt5(session)}


def _leaves(trial: Trial, stoppable: bool) -> bool:
    return stoppable and trial.dut.description.claims.get("leaves", True)
