"""Rules on timestamps (sections 4.2, 6.4.5, 6.4.6): there, in milliseconds, in UTC.

That a number is UTC is seen by comparing it with the tester's clock; a device whose clock is not set fails, as the
standard asks for clocks that are (5.5).
"""

from __future__ import annotations

from testbed.sparkplug.describing import named
from testbed.sparkplug.payload import Metric
from testbed.sparkplug.rules.rule import Rule, Said, by_type

#: Milliseconds by which a message's time may differ from the tester's: less than the least offset of a time zone.
APART = 10 * 60 * 1000
#: 2000-01-01, UTC: an earlier time of a metric is in seconds, or from a clock that was never set.
EARLIEST = 946_684_800_000


def _timeless(known: object, said: Said) -> bool:
    return said.payload.timestamp is None


def _not_now(known: object, said: Said) -> bool | str:
    at = said.payload.timestamp
    if at is None or abs(at - said.now) <= APART:
        return False
    return f"{at}, {(at - said.now) / 1000:+.0f} s from the tester's clock"


def _timeless_metric(known: object, said: Said) -> bool | str:
    return next((f"{named(one)} without timestamp" for one in said.payload.metrics if one.timestamp is None), False)


def _untimely_metric(known: object, said: Said) -> bool | str:
    """Measured values may be old, not of tomorrow."""
    return next(
        (f"{named(one)} of {one.timestamp}" for one in said.payload.metrics if _untimely(one, said.now)), False
    )


def _untimely(metric: Metric, now: float) -> bool:
    at = metric.timestamp
    return at is not None and not EARLIEST <= at <= now + APART


_SENT = "{type} with the time at which it was sent"
_UTC = Rule("payloads-timestamp-in-UTC", "a timestamp in milliseconds since 1970, UTC", _not_now)
_METRIC_UTC = Rule(
    "payloads-metric-timestamp-in-UTC", "metrics with a time in milliseconds since 1970, UTC", _untimely_metric
)

RULES = (
    *by_type(
        {
            type: f"topics-{type.lower()}-timestamp payloads-{type.lower()}-timestamp"
            for type in ("NBIRTH", "NDATA", "DBIRTH", "DDATA")
        }
        | {"DDEATH": "payloads-ddeath-timestamp"},
        _SENT,
        _timeless,
    ),
    Rule(_UTC.ids, _UTC.expected, _UTC.broken, ("NBIRTH", "NDATA", "DBIRTH", "DDATA", "DDEATH")),
    Rule(
        "payloads-name-birth-data-requirement",
        "a timestamp in every metric",
        _timeless_metric,
        ("NBIRTH", "NDATA", "DBIRTH", "DDATA"),
    ),
    _METRIC_UTC,
)

#: The same for what a host application sends.
COMMAND_RULES = (
    *by_type(
        {type: f"topics-{type.lower()}-timestamp payloads-{type.lower()}-timestamp" for type in ("NCMD", "DCMD")},
        _SENT,
        _timeless,
    ),
    _UTC,
    _METRIC_UTC,
)
