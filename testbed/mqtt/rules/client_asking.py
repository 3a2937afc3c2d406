"""Rules on the client's SUBSCRIBE and UNSUBSCRIBE (sections 3.8, 3.10, 4.7, and 4.8.2 of 5.0)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from testbed.mqtt.packets import Subscribe, Unsubscribe, Version
from testbed.mqtt.rules.known import Known, Needs
from testbed.mqtt.rules.rule import Rule
from testbed.mqtt.wire import Text

_ASKING = (Subscribe, Unsubscribe)
_SHARE = "$share/"


def _filters(packet: Subscribe | Unsubscribe) -> tuple[Text, ...]:
    return packet.filters if isinstance(packet, Unsubscribe) else tuple(one.filter for one in packet.subscriptions)


def id_zero(known: Known, packet: Any) -> bool:
    return packet.packet_id == 0


def id_taken(known: Known, packet: Any) -> bool:
    """A request that is sent again as it was, under its own identifier, is no new one."""
    number = packet.packet_id
    if number in known.client.open:
        return True
    waiting = [*known.subscribes.get(number, ()), *known.unsubscribes.get(number, ())]
    return bool(waiting) and packet not in waiting


def no_filter(known: Known, packet: Any) -> bool:
    return not _filters(packet)


def ill_filter(known: Known, packet: Any) -> bool:
    return any(isinstance(one, bytes) for one in _filters(packet))


def _some(wrong: Callable[[str], bool], *, unshared: bool = False) -> Callable[[Known, Any], bool]:
    """Some filter is `wrong`; with `unshared`, what a shared one of 5.0 has after its ShareName."""

    def broken(known: Known, packet: Any) -> bool:
        for one in _filters(packet):
            if isinstance(one, bytes):
                continue
            if unshared and known.version >= Version.V5 and one.startswith(_SHARE):
                one = one.removeprefix(_SHARE).partition("/")[2]
            if wrong(one):
                return True
        return False

    return broken


def misplaced_hash(given: str) -> bool:
    """`#` beside other characters of its level, or before another level."""
    return "#" in given and (given.index("#") != len(given) - 1 or given[-2:-1] not in ("", "/"))


def misplaced_plus(given: str) -> bool:
    """`+` beside other characters of its level; a `#` there is a fault of its own."""
    return "+" in given and any("+" in level and level != "+" for level in given.replace("#", "").split("/"))


def _share_name(given: str) -> str | None:
    return given.removeprefix(_SHARE).partition("/")[0] if given.startswith(_SHARE) else None


def no_share_name(given: str) -> bool:
    return _share_name(given) == ""


def ill_share_name(given: str) -> bool:
    name = _share_name(given)
    if not name:
        return False
    return "+" in name or "#" in name or not given.removeprefix(_SHARE).partition("/")[2]


def no_local_shared(known: Known, packet: Subscribe) -> bool:
    return any(
        one.no_local and isinstance(one.filter, str) and one.filter.startswith(_SHARE) for one in packet.subscriptions
    )


_ALONE = Needs.CONNECT
_UTF8 = "filters of well-formed UTF-8"

RULES = (
    Rule(_ASKING, "2.3.1-1", "2.2.1-3", _ALONE, "a packet identifier other than 0", id_zero),
    Rule(_ASKING, "2.3.1-2", "2.2.1-3", Needs.TALK, "an unused packet identifier", id_taken),
    Rule((Subscribe,), "3.8.3-3", "3.8.3-2", _ALONE, "at least one filter with its options", no_filter),
    Rule((Unsubscribe,), "3.10.3-2", "3.10.3-2", _ALONE, "at least one filter", no_filter),
    Rule((Subscribe,), "3.8.3-1", "3.8.3-1", _ALONE, _UTF8, ill_filter),
    Rule((Unsubscribe,), "3.10.3-1", "3.10.3-1", _ALONE, _UTF8, ill_filter),
    Rule(
        _ASKING,
        "4.7.1-2",
        "4.7.1-1",
        _ALONE,
        "# alone or after /, and at the end of the filter",
        _some(misplaced_hash, unshared=True),
    ),
    Rule(
        _ASKING,
        "4.7.1-3",
        "4.7.1-2",
        _ALONE,
        "+ as a whole level of the filter",
        _some(misplaced_plus, unshared=True),
    ),
    Rule(_ASKING, "4.7.3-1", "4.7.3-1", _ALONE, "filters of one character or more", _some(lambda one: not one)),
    Rule(_ASKING, "4.7.3-2", "4.7.3-2", _ALONE, "no U+0000 in a filter", _some(lambda one: "\0" in one)),
    Rule(_ASKING, "", "4.8.2-1", _ALONE, "a ShareName of one character or more", _some(no_share_name)),
    Rule(
        _ASKING,
        "",
        "4.8.2-2",
        _ALONE,
        "a ShareName without wildcards, then / and a filter",
        _some(ill_share_name),
    ),
    Rule((Subscribe,), "", "3.8.3-4", _ALONE, "no No Local on a shared subscription", no_local_shared),
)
