"""Faults in the SUBSCRIBE and UNSUBSCRIBE packets of a client."""

from __future__ import annotations

from typing import Any

from testbed.mqtt.faults.changes import alter, having
from testbed.mqtt.faults.tap import Change, Plan, says
from testbed.mqtt.packets import Subscribe, Unsubscribe


def _filter(make: Any) -> Change:
    """Every filter of a SUBSCRIBE, changed."""

    def changed(packet: Any, tap: Any) -> Any:
        return alter(packet, subscriptions=tuple(alter(one, filter=make(one.filter)) for one in packet.subscriptions))

    return changed


def _option(**fields: Any) -> Change:
    def changed(packet: Any, tap: Any) -> Any:
        return alter(packet, subscriptions=tuple(alter(one, **fields) for one in packet.subscriptions))

    return changed


def _first(make: Any) -> Change:
    """Every filter of an UNSUBSCRIBE, changed."""
    return lambda packet, tap: alter(packet, filters=tuple(map(make, packet.filters)))


PLANS = (
    Plan(
        "subscribe-id-zero",
        "subscribes with identifier 0",
        says(Subscribe, having(packet_id=0)),
        "2.3.1-1",
        "2.2.1-3",
    ),
    Plan(
        "unsubscribe-id-zero",
        "unsubscribes with identifier 0",
        says(Unsubscribe, having(packet_id=0)),
        "2.3.1-1",
        "2.2.1-3",
    ),
    Plan(
        "subscribe-flags",
        "sends SUBSCRIBE with the flags 0000",
        says(Subscribe, having(flags=0)),
        "3.8.1-1",
        "3.8.1-1",
    ),
    Plan(
        "unsubscribe-flags",
        "sends UNSUBSCRIBE with the flags 0000",
        says(Unsubscribe, having(flags=0)),
        "3.10.1-1",
        "3.10.1-1",
    ),
    Plan(
        "subscribes-to-nothing",
        "subscribes to nothing",
        says(Subscribe, having(subscriptions=())),
        "3.8.3-3",
        "3.8.3-2",
    ),
    Plan(
        "unsubscribes-nothing", "unsubscribes nothing", says(Unsubscribe, having(filters=())), "3.10.3-2", "3.10.3-2"
    ),
    Plan(
        "filter-ill-formed",
        "subscribes in ill-formed UTF-8",
        says(Subscribe, _filter(lambda filter: b"a\xff")),
        "3.8.3-1",
        "3.8.3-1",
    ),
    Plan(
        "filter-ill-formed-at-the-end",
        "unsubscribes in ill-formed UTF-8",
        says(Unsubscribe, _first(lambda filter: b"a\xff")),
        "3.10.3-1",
        "3.10.3-1",
    ),
    Plan(
        "hash-amidst", "puts # amidst a filter", says(Subscribe, _filter(lambda f: f"{f}/#/b")), "4.7.1-2", "4.7.1-1"
    ),
    Plan(
        "hash-in-a-level", "puts # behind letters", says(Subscribe, _filter(lambda f: f"{f}#")), "4.7.1-2", "4.7.1-1"
    ),
    Plan(
        "plus-in-a-level", "puts + behind letters", says(Subscribe, _filter(lambda f: f"{f}+")), "4.7.1-3", "4.7.1-2"
    ),
    Plan(
        "filter-empty", "subscribes to an empty filter", says(Subscribe, _filter(lambda f: "")), "4.7.3-1", "4.7.3-1"
    ),
    Plan("filter-null", "subscribes to U+0000", says(Subscribe, _filter(lambda f: f"{f}\0")), "4.7.3-2", "4.7.3-2"),
    Plan(
        "filter-cut-short",
        "cuts long filters short",
        says(Subscribe, _filter(lambda f: f[:60_000])),
        "4.7.3-3",
        "4.7.3-3",
    ),
    Plan(
        "share-without-name",
        "subscribes to a share without name",
        says(Subscribe, _filter(lambda f: f"$share//{f}")),
        "",
        "4.8.2-1",
    ),
    Plan(
        "share-with-wildcard",
        "subscribes to a share with a wildcard in its name",
        says(Subscribe, _filter(lambda f: f"$share/a+/{f}")),
        "",
        "4.8.2-2",
    ),
    Plan(
        "share-no-local",
        "asks a share for No Local",
        says(
            Subscribe,
            lambda packet, tap: _option(no_local=True)(
                _filter(lambda f: f if str(f).startswith("$share/") else f"$share/g/{f}")(packet, tap), tap
            ),
        ),
        "",
        "3.8.3-4",
    ),
)
