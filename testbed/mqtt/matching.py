"""Whether a topic filter takes in a topic (section 4.7)."""

from __future__ import annotations

from collections.abc import Sequence

from testbed.mqtt.wire import Text


def matches(filter: Text, topic: Text, *, hidden: bool = False) -> bool:
    """Whether `filter` (of a shared subscription: its inner one) takes in `topic`. A leading wildcard reaches no
    topic that begins with $ [MQTT-4.7.2-1], unless `hidden`. Ill-formed ones match nothing."""
    if not isinstance(filter, str) or not isinstance(topic, str):
        return False
    if filter.startswith("$share/"):
        filter = filter.split("/", 2)[-1]
    return levels_match(filter.split("/"), topic.split("/"), hidden)


def levels_match(wanted: Sequence[str], levels: Sequence[str], hidden: bool = False) -> bool:
    """The same of a filter and a topic that are split into their levels."""
    if levels[0].startswith("$") and wanted[0] in ("+", "#") and not hidden:
        return False
    for index, level in enumerate(wanted):
        if level == "#":
            return True
        if index == len(levels) or (level != "+" and level != levels[index]):
            return False
    return len(wanted) == len(levels)
