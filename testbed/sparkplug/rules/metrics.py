"""Rules on an edge node's metrics: names, aliases, datatypes, values, and what births owe (5.16, 5.17, 6.4.6)."""

from __future__ import annotations

from testbed.mqtt.wire import Text
from testbed.sparkplug.describing import named
from testbed.sparkplug.payload import DataType, Metric
from testbed.sparkplug.rules.node import REBIRTH, Node
from testbed.sparkplug.rules.rule import Rule, Said, by_type
from testbed.sparkplug.topics import BIRTHS, COMMANDS, DATA

_NBIRTH, _DBIRTH = ("NBIRTH",), ("DBIRTH",)
#: Numbers of the datatypes there are.
TYPES = range(DataType.INT8, DataType.DATETIME_ARRAY + 1)
_REBIRTH = "operational-behavior-data-commands-rebirth"


def mistyped(unknown: tuple[tuple[int, int, object], ...], number: int) -> bool:
    """Whether field `number`, which the schema has, came in another wire type."""
    return any(one[0] == number for one in unknown)


# -- names and aliases


def nameless(known: object, said: Said) -> bool | str:
    return any(one.name is None and one.alias is None for one in said.payload.metrics) and "a metric without either"


def _alias_alone(node: Node, said: Said) -> bool | str:
    found = (one for one in said.payload.metrics if one.name is None and one.alias is not None)
    return next((f"a metric with the alias {one.alias} alone" for one in found), False)


def _alias_twice(node: Node, said: Said) -> bool | str:
    taken = {} if said.topic.type == "NBIRTH" else dict(node.aliases)
    who = said.topic.device
    for alias in [alias for alias, (owner, _) in taken.items() if owner == who]:
        del taken[alias]
    for one in said.payload.metrics:
        if one.alias is None:
            continue
        if one.alias in taken:
            return f"alias {one.alias} of {taken[one.alias][1]!r} and of {named(one)}"
        taken[one.alias] = (who, one.name)
    return False


def name_beside_alias(node: Node, said: Said) -> bool | str:
    """A metric that has an alias comes with it alone: both, or the name alone, is too much."""
    known = node.metrics.get(said.topic.device, {})
    for one in said.payload.metrics:
        if one.name is None:
            continue
        born = known.get(one.name)
        if one.alias is not None or (born is not None and born.alias is not None):
            return f"{named(one)}, whose alias is {born.alias if born else one.alias}, with its name"
    return False


def _same_but_case(node: Node, said: Said) -> bool | str:
    lower: dict[str, Text] = {}
    for one in said.payload.metrics:
        if isinstance(one.name, str):
            other = lower.setdefault(one.name.lower(), one.name)
            if other != one.name:
                return f"{other!r} and {one.name!r}"
    return False


# -- datatypes and values


def datatype_of_other_kind(known: object, said: Said) -> bool | str:
    for one in said.payload.metrics:
        if mistyped(one.unknown, 4) or (one.datatype is not None and one.datatype > 0xFFFFFFFF):
            return f"{named(one)} with a datatype of another kind"
    return False


def unknown_datatype(known: object, said: Said) -> bool | str:
    for one in said.payload.metrics:
        if one.datatype is not None and one.datatype not in TYPES:
            return f"{named(one)} with datatype {one.datatype}"
    return False


def _no_datatype(node: Node, said: Said) -> bool | str:
    return next((f"{named(one)} without datatype" for one in said.payload.metrics if one.datatype is None), False)


def needless_datatype(known: object, said: Said) -> bool | str:
    return next(
        (f"{named(one)} with its datatype" for one in said.payload.metrics if one.datatype is not None), False
    )


def _valueless(one: Metric) -> bool:
    return one.value is None and not one.is_null


def _incomplete(node: Node, said: Said) -> bool | str:
    for one in said.payload.metrics:
        if one.name is None or (one.datatype is None and not mistyped(one.unknown, 4)) or _valueless(one):
            lacks = "name" if one.name is None else "datatype" if one.datatype is None else "value"
            return f"{named(one)} without {lacks}"
    return False


def _ill_value(node: Node, said: Said) -> bool | str:
    for one in said.payload.metrics:
        if _valueless(one):
            return f"{named(one)} without value and not null"
        if one.is_null and one.value is not None:
            return f"{named(one)} with a value and null"
    return False


# -- what births owe


def _unannounced(node: Node, said: Said) -> bool | str:
    if said.topic.device not in node.metrics:
        return False
    known = node.metrics[said.topic.device]
    for one in said.payload.metrics:
        name = node.name_of(said.topic.device, one)
        if one.name is None and one.alias is None:
            continue
        if name is None or name not in known:
            return f"{named(one)}, which the birth did not have"
    return False


def _unordered(node: Node, said: Said) -> bool | str:
    last: dict[Text | int, int] = {}
    for one in said.payload.metrics:
        key = one.name if one.name is not None else one.alias
        if key is None or one.is_historical or one.timestamp is None:
            continue
        if one.timestamp < last.get(key, 0):
            return f"{named(one)} of {one.timestamp} after one of {last[key]}"
        last[key] = one.timestamp
    return False


def _unchanged(node: Node, said: Said) -> bool | str:
    """Nothing in the message is other than it was last said to be. What the tester wrote may be said again."""
    who = said.topic.device
    metrics = said.payload.metrics
    for one in metrics:
        key = (who, name) if (name := node.name_of(who, one)) is not None else None
        if key is None or key not in node.values or key in node.commanded or one.is_historical:
            return False
        if (None if one.is_null else one.value) != node.values[key]:
            return False
    return f"{named(metrics[0])} as it was" if metrics else False


# -- Node Control/Rebirth


def _no_rebirth(node: Node, said: Said) -> bool:
    return said.payload.metric(REBIRTH) is None


def _rebirth_alias(node: Node, said: Said) -> bool | str:
    metric = said.payload.metric(REBIRTH)
    return f"alias {metric.alias}" if metric is not None and metric.alias is not None else False


def _rebirth_type(node: Node, said: Said) -> bool | str:
    metric = said.payload.metric(REBIRTH)
    return f"datatype {metric.datatype}" if metric is not None and metric.datatype != DataType.BOOLEAN else False


def _rebirth_value(node: Node, said: Said) -> bool | str:
    metric = said.payload.metric(REBIRTH)
    if metric is None:
        return False
    value = metric.value.value if metric.value else None
    return f"{value!r}" if value is not False else False


def _rebirth_ill(node: Node, said: Said) -> bool | str:
    if _no_rebirth(node, said):
        return f"no {REBIRTH}"
    return _rebirth_type(node, said) or _rebirth_value(node, said)


RULES = (
    Rule("payloads-name-requirement", "a metric with a name or an alias", nameless, (*BIRTHS, *DATA)),
    Rule("payloads-alias-birth-requirement", "metrics with name and alias", _alias_alone, BIRTHS),
    Rule("payloads-alias-uniqueness", "every alias once", _alias_twice, BIRTHS),
    Rule("payloads-alias-data-cmd-requirement", "the alias alone", name_beside_alias, DATA),
    Rule("case-sensitivity-metric-names", "metric names that differ in more than case", _same_but_case, BIRTHS),
    Rule("payloads-metric-datatype-value-type", "datatype as an unsigned 32-bit number", datatype_of_other_kind),
    Rule("payloads-metric-datatype-value", "a datatype that there is", unknown_datatype),
    Rule("payloads-metric-datatype-req", "a datatype in every metric", _no_datatype, BIRTHS),
    Rule("payloads-metric-datatype-not-req", "metrics without datatype", needless_datatype, DATA),
    Rule("topics-nbirth-metrics", "metrics with name, datatype and value", _incomplete, _NBIRTH),
    Rule("topics-dbirth-metrics", "metrics with name, datatype and value", _incomplete, _DBIRTH),
    Rule("operational-behavior-data-publish-nbirth-values", "a value, or null and none", _ill_value, _NBIRTH),
    Rule("operational-behavior-data-publish-dbirth-values", "a value, or null and none", _ill_value, _DBIRTH),
    *by_type(
        {
            "NDATA": "topics-nbirth-metric-reqs operational-behavior-data-publish-nbirth",
            "DDATA": "topics-dbirth-metric-reqs operational-behavior-data-publish-dbirth",
        },
        "{type} with metrics of the birth",
        _unannounced,
    ),
    Rule("operational-behavior-data-publish-nbirth-order", "values by time", _unordered, ("NBIRTH", "NDATA")),
    Rule("operational-behavior-data-publish-dbirth-order", "values by time", _unordered, ("DBIRTH", "DDATA")),
    *by_type(
        {
            "NDATA": "principles-rbe-recommended operational-behavior-data-publish-nbirth-change",
            "DDATA": "principles-rbe-recommended operational-behavior-data-publish-dbirth-change",
        },
        "{type} because something has changed",
        _unchanged,
    ),
    Rule(f"{_REBIRTH}-name", f"the metric {REBIRTH}", _no_rebirth, _NBIRTH),
    Rule(f"{_REBIRTH}-name-aliases", f"{REBIRTH} without alias", _rebirth_alias, _NBIRTH),
    Rule(f"{_REBIRTH}-datatype", f"{REBIRTH} as a Boolean", _rebirth_type, _NBIRTH),
    Rule(f"{_REBIRTH}-value", f"{REBIRTH} with the value false", _rebirth_value, _NBIRTH),
    Rule(
        "topics-nbirth-rebirth-metric payloads-nbirth-rebirth-req",
        f"{REBIRTH}, Boolean, false",
        _rebirth_ill,
        _NBIRTH,
    ),
)

#: The same for what a host application sends.
COMMAND_RULES = (
    Rule("payloads-name-requirement", "a metric with a name or an alias", nameless, COMMANDS),
    Rule("payloads-metric-datatype-value-type", "datatype as an unsigned 32-bit number", datatype_of_other_kind),
    Rule("payloads-metric-datatype-value", "a datatype that there is", unknown_datatype),
    Rule("payloads-metric-datatype-not-req", "metrics without datatype", needless_datatype, COMMANDS),
)
