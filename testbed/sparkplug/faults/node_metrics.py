"""Faults in an edge node's metrics."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from testbed.sparkplug.faults.tap import Plan, metrics, payloads
from testbed.sparkplug.payload import (
    Metric,
    Payload,
    Value,
)
from testbed.sparkplug.rules.node import BDSEQ, REBIRTH
from testbed.sparkplug.topics import BIRTHS, DATA

_COMMANDS = "operational-behavior-data-commands"
_PUBLISH = "operational-behavior-data-publish"
#: A field of the datatype's number that holds bytes.
_NO_NUMBER = ((4, 2, b"three"),)


def _plain(metric: Metric) -> bool:
    return metric.name not in (BDSEQ, REBIRTH)


def _others(change: Callable[[Metric], Metric]) -> Callable[[Metric], Metric]:
    """The change for metrics but those that the standard names."""
    return lambda metric: change(metric) if _plain(metric) else metric


def _without(name: str) -> Callable[[Payload], Payload]:
    return lambda payload: replace(payload, metrics=tuple(one for one in payload.metrics if one.name != name))


def with_more(*more: Metric) -> Callable[[Payload], Payload]:
    """The change that adds metrics to a payload."""
    return lambda payload: replace(payload, metrics=(*payload.metrics, *more))


def _aliased_twice(payload: Payload) -> Payload:
    return replace(payload, metrics=tuple(replace(one, alias=5) if _plain(one) else one for one in payload.metrics))


def _said_twice(payload: Payload) -> Payload:
    now = payload.timestamp or 0
    pair = [Metric("Twice", None, at, 3, value=Value("int", 1)) for at in (now, now - 1000)]
    return replace(payload, metrics=(*payload.metrics, *pair))


def _dull(metric: Metric) -> Metric:
    return metric if metric.datatype is None else replace(metric, value=None, is_null=None)


PLANS = (
    Plan(
        "metric-without-name",
        "payloads-name-requirement",
        "a metric has neither name nor alias",
        metrics(_others(lambda one: replace(one, name=None, alias=None)), "NDATA"),
    ),
    Plan(
        "metric-without-value",
        "topics-nbirth-metrics",
        "a metric of NBIRTH has no value",
        metrics(_others(_dull), "NBIRTH", first=True),
    ),
    Plan(
        "device-metric-without-value",
        "topics-dbirth-metrics",
        "a metric of DBIRTH has no value",
        metrics(_dull, "DBIRTH", first=True),
    ),
    Plan(
        "null-with-value",
        f"{_PUBLISH}-nbirth-values",
        "a metric of NBIRTH is null and has a value",
        metrics(_others(lambda one: replace(one, is_null=True)), "NBIRTH", first=True),
    ),
    Plan(
        "device-null-with-value",
        f"{_PUBLISH}-dbirth-values",
        "a metric of DBIRTH is null and has a value",
        metrics(lambda one: replace(one, is_null=True), "DBIRTH", first=True),
    ),
    Plan(
        "no-datatype",
        "payloads-metric-datatype-req",
        "metrics of births have no datatype",
        metrics(lambda one: replace(one, datatype=None), *BIRTHS),
    ),
    Plan(
        "unknown-datatype",
        "payloads-metric-datatype-value",
        "a metric has the datatype 99",
        metrics(_others(lambda one: replace(one, datatype=99)), *BIRTHS, first=True),
    ),
    Plan(
        "datatype-no-number",
        "payloads-metric-datatype-value-type",
        "a datatype is a text",
        metrics(_others(lambda one: replace(one, datatype=None, unknown=_NO_NUMBER)), *BIRTHS, first=True),
    ),
    Plan(
        "datatype-in-data",
        "payloads-metric-datatype-not-req",
        "data repeats the datatype",
        metrics(lambda one: replace(one, datatype=3), *DATA),
    ),
    Plan(
        "alias-twice", "payloads-alias-uniqueness", "two metrics have one alias", payloads(_aliased_twice, "NBIRTH")
    ),
    Plan(
        "alias-alone-in-birth",
        "payloads-alias-birth-requirement",
        "a metric of NBIRTH has an alias and no name",
        metrics(_others(lambda one: replace(one, name=None, alias=one.alias or 9)), "NBIRTH", first=True),
    ),
    Plan(
        "name-beside-alias",
        "payloads-alias-data-cmd-requirement",
        "data has name and alias",
        metrics(lambda one: replace(one, name=one.name or "Setpoint", alias=one.alias or 7), *DATA),
    ),
    Plan(
        "names-that-differ-in-case",
        "case-sensitivity-metric-names",
        "metrics differ in case only",
        payloads(
            with_more(Metric("Volume", None, 1, 3, value=Value("int", 1)), Metric("VOLUME", None, 1, 3)), "NBIRTH"
        ),
    ),
    Plan(
        "unannounced-metric",
        "topics-nbirth-metric-reqs",
        "NDATA has a metric that NBIRTH had not",
        payloads(with_more(Metric("New", value=Value("int", 1))), "NDATA"),
    ),
    Plan(
        "unannounced-device-metric",
        "topics-dbirth-metric-reqs",
        "DDATA has a metric that DBIRTH had not",
        payloads(with_more(Metric("New", value=Value("int", 1))), "DDATA"),
    ),
    Plan(
        "values-out-of-order",
        f"{_PUBLISH}-nbirth-order",
        "a later value stands before an earlier one",
        payloads(_said_twice, "NBIRTH"),
    ),
    Plan(
        "device-values-out-of-order",
        f"{_PUBLISH}-dbirth-order",
        "a later value stands before an earlier one",
        payloads(_said_twice, "DBIRTH"),
    ),
    Plan(
        "no-rebirth-metric",
        f"{_COMMANDS}-rebirth-name",
        f"NBIRTH has no {REBIRTH}",
        payloads(_without(REBIRTH), "NBIRTH"),
    ),
    Plan(
        "rebirth-metric-aliased",
        f"{_COMMANDS}-rebirth-name-aliases",
        f"{REBIRTH} has an alias",
        metrics(lambda one: replace(one, alias=1), "NBIRTH", named=REBIRTH),
    ),
    Plan(
        "rebirth-metric-a-number",
        f"{_COMMANDS}-rebirth-datatype",
        f"{REBIRTH} is an Int32",
        metrics(lambda one: replace(one, datatype=3), "NBIRTH", named=REBIRTH),
    ),
    Plan(
        "rebirth-metric-true",
        f"{_COMMANDS}-rebirth-value",
        f"{REBIRTH} is true",
        metrics(lambda one: replace(one, value=Value("boolean", True)), "NBIRTH", named=REBIRTH),
    ),
    Plan(
        "rebirth-metric-null",
        "payloads-nbirth-rebirth-req",
        f"{REBIRTH} has no value",
        metrics(lambda one: replace(one, value=None, is_null=True), "NBIRTH", named=REBIRTH),
    ),
)
