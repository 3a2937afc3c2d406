"""Whether a shim keeps its format (docs/shims.md): each order tried against a small correct broker, what was ordered
compared with what went over the wire, and what must not upset it.

The library in the shim is not judged here: what it may do by the standard, it may do.
"""

from __future__ import annotations

from testbed.mqtt.shim_check.checking import check

__all__ = ["check"]
