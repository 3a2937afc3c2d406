"""Planted faults: a client that breaks one numbered requirement, made of a sound one and a tap.

The same taps as for brokers (`testbed.mqtt.faults`), on the other side of the wire: what the client says is changed
on its way to the tester, what the tester says on its way to the client. By subject, a table in each module.
"""

from __future__ import annotations

from testbed.mqtt.client_faults import (
    acknowledging,
    authenticating,
    connecting,
    leaving,
    limits,
    publishing,
    reading,
    resuming,
    subscribing,
    websocket,
    wire,
)
from testbed.mqtt.faults.tap import Plan
from testbed.protocol import Fault

_SUBJECTS = (
    connecting,
    authenticating,
    resuming,
    publishing,
    acknowledging,
    subscribing,
    leaving,
    limits,
    reading,
    wire,
    websocket,
)

PLANS: tuple[Plan, ...] = tuple(plan for subject in _SUBJECTS for plan in subject.PLANS)


def faults(edition: str) -> tuple[Fault, ...]:
    """Every fault of an edition; no two of them share a name."""
    return tuple(fault for plan in PLANS for fault in plan.faults() if fault.edition == edition)
