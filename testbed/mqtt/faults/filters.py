"""Faults in what a SUBSCRIBE may ask for: malformed filters and options, mended on their way to the broker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from testbed.mqtt.faults.changes import alter
from testbed.mqtt.faults.strings import in_filters
from testbed.mqtt.faults.tap import Make, PacketTap, Plan, asks
from testbed.mqtt.packets import Packet, Subscribe, Subscription, Unsubscribe


def _options(mend: Callable[[Subscription], Subscription]) -> Make:
    def change(packet: Any, tap: PacketTap) -> Packet:
        wanted = tuple(mend(one) for one in packet.subscriptions)
        return packet if wanted == packet.subscriptions else alter(packet, subscriptions=wanted)

    return asks(Subscribe, change)


def _no_reserved(one: Subscription) -> Subscription:
    return one if one.options is None else alter(one, options=None)


def _qos_listed(one: Subscription) -> Subscription:
    return alter(one, qos=2, options=None) if one.qos == 3 else one


def _handling_listed(one: Subscription) -> Subscription:
    return alter(one, retain_handling=0, options=None) if one.retain_handling == 3 else one


def _shared(given: Any) -> bool:
    return isinstance(given, str) and given.startswith("$share/")


def _local_when_shared(one: Subscription) -> Subscription:
    return alter(one, no_local=False) if _shared(one.filter) and one.no_local else one


def _sharp_last(given: Any) -> Any:
    """`#` where it may not stand becomes an ordinary character."""
    if not isinstance(given, str):
        return given
    levels = given.split("/")
    inner = [level.replace("#", "_") for level in levels[:-1]]
    return "/".join([*inner, levels[-1] if levels[-1] == "#" else levels[-1].replace("#", "_")])


def _plus_whole(given: Any) -> Any:
    """`+` beside other characters becomes an ordinary one."""
    if not isinstance(given, str):
        return given
    return "/".join(level if level == "+" else level.replace("+", "_") for level in given.split("/"))


def _with_group(given: Any) -> Any:
    """A shared subscription without a group gets one."""
    return given.replace("$share//", "$share/_/", 1) if _shared(given) and given.startswith("$share//") else given


def _with_filter(given: Any) -> Any:
    """A shared subscription without a filter gets one."""
    if not isinstance(given, str) or not given.startswith("$share"):
        return given
    _, group, inner = [*given.split("/", 2), "", ""][:3]
    return given if inner else f"$share/{group or '_'}/_"


def _tame_group(given: Any) -> Any:
    """The name of the group loses its wildcards."""
    if not _shared(given):
        return given
    _, group, *inner = given.split("/", 2)
    return "/".join(["$share", group.replace("+", "_").replace("#", "_"), *inner])


_BOTH = (Subscribe, Unsubscribe)

PLANS = (
    Plan(
        "takes-reserved-option-bits",
        "takes reserved bits in the options of a filter",
        _options(_no_reserved),
        "3.8.3-4",
        "3.8.3-5",
    ),
    Plan("takes-filter-at-qos-3", "takes a filter at QoS 3", _options(_qos_listed), "3.8.3-4", "4.13.1-1"),
    Plan("takes-retain-handling-3", "takes Retain Handling 3", _options(_handling_listed), "", "4.13.1-1"),
    Plan(
        "takes-no-local-when-shared",
        "takes No Local on a shared subscription",
        _options(_local_when_shared),
        "",
        "3.8.3-4",
    ),
    Plan(
        "takes-sharp-anywhere",
        "takes # in a filter wherever it stands",
        asks(_BOTH, in_filters(_sharp_last)),
        "4.7.1-2",
        "4.7.1-1",
    ),
    Plan(
        "takes-plus-anywhere",
        "takes + beside other characters",
        asks(_BOTH, in_filters(_plus_whole)),
        "4.7.1-3",
        "4.7.1-2",
    ),
    Plan(
        "takes-share-without-group",
        "takes $share with an empty group",
        asks(_BOTH, in_filters(_with_group)),
        "",
        "4.8.2-1",
    ),
    Plan(
        "takes-share-without-filter",
        "takes $share without a filter",
        asks(_BOTH, in_filters(_with_filter)),
        "",
        "4.8.2-2",
    ),
    Plan(
        "takes-wild-group",
        "takes a wildcard in the name of a group",
        asks(_BOTH, in_filters(_tame_group)),
        "",
        "4.8.2-2",
    ),
)
