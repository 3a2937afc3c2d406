"""Rules on a host application's commands (sections 4.2.1.4, 4.2.2.4, 5.17, 6.4.23, 6.4.24)."""

from __future__ import annotations

from testbed.sparkplug.describing import named
from testbed.sparkplug.payload import DataType, Metric
from testbed.sparkplug.rules import carriage, metrics, timing
from testbed.sparkplug.rules.application import Application
from testbed.sparkplug.rules.node import REBIRTH
from testbed.sparkplug.rules.rule import Rule, Said, by_type
from testbed.sparkplug.topics import COMMANDS, NAMESPACE

_COMMANDS = "operational-behavior-data-commands"
_INT, _LONG = ("int",), ("int", "long")
#: Datatype -> the alternatives of a value that hold it. UInt32 has been written as either since the first libraries.
KINDS: dict[int, tuple[str, ...]] = {
    **dict.fromkeys((DataType.INT8, DataType.INT16, DataType.INT32, DataType.UINT8, DataType.UINT16), _INT),
    DataType.UINT32: _LONG,
    **dict.fromkeys((DataType.INT64, DataType.UINT64, DataType.DATETIME), ("long",)),
    DataType.FLOAT: ("float",),
    DataType.DOUBLE: ("double",),
    DataType.BOOLEAN: ("boolean",),
    **dict.fromkeys((DataType.STRING, DataType.TEXT, DataType.UUID), ("string",)),
    DataType.DATASET: ("dataset",),
    DataType.TEMPLATE: ("template",),
    **dict.fromkeys((DataType.BYTES, DataType.FILE), ("bytes",)),
    **dict.fromkeys(range(DataType.INT8_ARRAY, DataType.DATETIME_ARRAY + 1), ("bytes",)),
}


def _numbered(known: Application, said: Said) -> bool | str:
    return f"seq {said.payload.seq}" if said.payload.seq is not None else False


def _empty(known: Application, said: Said) -> bool | str:
    return "no metric" if not said.payload.metrics else False


def _malformed(known: Application, said: Said) -> bool | str:
    topic = said.topic
    has = topic.device is not None and topic.device != ""
    wrong = topic.namespace != NAMESPACE or has != (topic.type == "DCMD") or not topic.group or not topic.node
    return str(topic) if wrong else False


def _unknown_metric(known: Application, said: Said) -> bool | str:
    if known.born(said.topic) is None:
        return False
    found = (one for one in said.payload.metrics if known.meant(said.topic, one) is None and one.name != REBIRTH)
    return next((f"{named(one)}, which the birth did not have" for one in found), False)


def _unfit(known: Application, said: Said) -> bool | str:
    for one in said.payload.metrics:
        meant = known.meant(said.topic, one)
        if meant is not None and meant.datatype in KINDS and not _fits(one, KINDS[meant.datatype]):
            kind = one.value.kind if one.value else "no value"
            return f"{named(one)} of datatype {meant.datatype} with {kind}"
    return False


def _fits(metric: Metric, kinds: tuple[str, ...]) -> bool:
    return metric.is_null is True or (metric.value is not None and metric.value.kind in kinds)


def _alias_and_name(known: Application, said: Said) -> bool | str:
    for one in said.payload.metrics:
        meant = known.meant(said.topic, one)
        if one.name is not None and (one.alias is not None or (meant is not None and meant.alias is not None)):
            return f"{named(one)}, which has an alias, with its name"
    return False


def _rebirth_of_device(known: Application, said: Said) -> bool | str:
    return said.payload.metric(REBIRTH) is not None and f"{REBIRTH} in {said.topic}"


def _no_rebirth(known: Application, said: Said) -> bool | str:
    metric = said.payload.metric(REBIRTH)
    if metric is None:
        return False
    value = metric.value.value if metric.value else None
    return f"{REBIRTH} {value!r}" if value is not True else False


def _cased_otherwise(known: Application, said: Said) -> bool | str:
    """A name that only means to be the one that is asked for."""
    names = (one.name for one in said.payload.metrics if isinstance(one.name, str))
    alike = (name for name in names if name != REBIRTH and name.replace(" ", "").lower() == "nodecontrol/rebirth")
    return next((f"a metric {name!r}" for name in alike), False)


RULES = (
    Rule(
        "topic-structure-namespace-a",
        f"the namespace {NAMESPACE}",
        lambda known, said: said.topic.namespace != NAMESPACE,
    ),
    *by_type(
        {"NCMD": "topics-ncmd-topic", "DCMD": "topics-dcmd-topic"},
        f"{{type}} on {NAMESPACE}/group/{{type}}/node",
        _malformed,
    ),
    Rule(
        f"topic-structure-namespace-device-id-associated-message-types {_COMMANDS}-dcmd-verb",
        "a device in the topic of DCMD",
        lambda known, said: not said.topic.device and str(said.topic),
        ("DCMD",),
    ),
    Rule(
        f"topic-structure-namespace-device-id-non-associated-message-types {_COMMANDS}-ncmd-verb",
        "no device in the topic of NCMD",
        lambda known, said: said.topic.device is not None and str(said.topic),
        ("NCMD",),
    ),
    *carriage.COMMAND_RULES,
    *timing.COMMAND_RULES,
    *metrics.COMMAND_RULES,
    *by_type({"NCMD": "payloads-ncmd-seq", "DCMD": "payloads-dcmd-seq"}, "{type} without sequence number", _numbered),
    *by_type(
        {"NCMD": "topics-ncmd-payload", "DCMD": "topics-dcmd-payload"}, "{type} with metrics to be written", _empty
    ),
    *by_type(
        {"NCMD": f"{_COMMANDS}-ncmd-metric-name", "DCMD": f"{_COMMANDS}-dcmd-metric-name"},
        "{type} with metrics of the birth",
        _unknown_metric,
    ),
    *by_type(
        {"NCMD": f"{_COMMANDS}-ncmd-metric-value", "DCMD": f"{_COMMANDS}-dcmd-metric-value"},
        "{type} with values that fit their metrics",
        _unfit,
    ),
    Rule("payloads-alias-data-cmd-requirement", "the alias alone", _alias_and_name, COMMANDS),
    Rule(f"{_COMMANDS}-ncmd-rebirth-verb", "a rebirth asked for by NCMD", _rebirth_of_device, ("DCMD",)),
    Rule(f"{_COMMANDS}-ncmd-rebirth-name", f"the name {REBIRTH}", _cased_otherwise, ("NCMD",)),
    Rule(f"{_COMMANDS}-ncmd-rebirth-value", f"{REBIRTH} true", _no_rebirth, ("NCMD",)),
)
