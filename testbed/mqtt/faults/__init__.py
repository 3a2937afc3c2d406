"""Planted faults: a broker that breaks one numbered requirement, made of a sound one and a tap.

By subject, a table in each module; `faults(edition)` is all of them.
"""

from __future__ import annotations

from testbed.mqtt.faults import (
    acknowledgements,
    announcements,
    authentication,
    closing,
    delivery,
    filters,
    forwarding,
    frames,
    groups,
    handshakes,
    limits,
    opening,
    ordering,
    retained,
    sessions,
    strings,
    subscriptions,
    takeover,
    tolerance,
    unsubscribing,
    values,
    websocket,
    wills,
)
from testbed.mqtt.faults.tap import Plan
from testbed.protocol import Fault

_SUBJECTS = (
    opening,
    announcements,
    authentication,
    closing,
    takeover,
    sessions,
    wills,
    retained,
    delivery,
    ordering,
    handshakes,
    acknowledgements,
    subscriptions,
    unsubscribing,
    groups,
    filters,
    forwarding,
    limits,
    values,
    strings,
    frames,
    tolerance,
    websocket,
)

PLANS: tuple[Plan, ...] = tuple(plan for subject in _SUBJECTS for plan in subject.PLANS)


def faults(edition: str) -> tuple[Fault, ...]:
    """Every fault of an edition; no two of them share a name."""
    return tuple(fault for plan in PLANS for fault in plan.faults() if fault.edition == edition)
