"""Planted faults: an edge node or a host application that breaks one assertion, made of a sound one and a tap.

By subject, a table in each module.
"""

from __future__ import annotations

from testbed.protocol import Fault
from testbed.sparkplug.faults import (
    host_certificates,
    host_commands,
    node_acts,
    node_connects,
    node_metrics,
    node_payloads,
    node_says,
)
from testbed.sparkplug.faults.tap import Plan

EDGE_PLANS: tuple[Plan, ...] = (
    *node_connects.PLANS,
    *node_says.PLANS,
    *node_metrics.PLANS,
    *node_payloads.PLANS,
    *node_acts.PLANS,
)
HOST_PLANS: tuple[Plan, ...] = (*host_certificates.PLANS, *host_commands.PLANS)


def edge_faults() -> tuple[Fault, ...]:
    """Every fault of edge nodes; no two of them share a name."""
    return tuple(plan.fault() for plan in EDGE_PLANS)


def host_faults() -> tuple[Fault, ...]:
    """Every fault of host applications."""
    return tuple(plan.fault() for plan in HOST_PLANS)
