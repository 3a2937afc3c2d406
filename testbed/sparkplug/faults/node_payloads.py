"""Faults in what payloads of an edge node hold: property sets, data sets and templates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from testbed.sparkplug.faults.node_metrics import with_more
from testbed.sparkplug.faults.tap import Plan, Twist, metrics, payloads
from testbed.sparkplug.payload import (
    DataSet,
    DataSetValue,
    Metric,
    Parameter,
    PropertySet,
    Row,
    Template,
    Value,
)
from testbed.sparkplug.topics import BIRTHS, DATA


def _properties(change: Callable[[PropertySet], PropertySet]) -> Twist:
    def other(metric: Metric) -> Metric:
        return replace(metric, properties=change(metric.properties)) if metric.properties else metric

    return metrics(other, *BIRTHS)


def _property(**fields: Any) -> Twist:
    def other(one: PropertySet) -> PropertySet:
        return replace(one, values=tuple(replace(value, **fields) for value in one.values))

    return _properties(other)


def _data_sets(change: Callable[[DataSet], DataSet]) -> Twist:
    def other(metric: Metric) -> Metric:
        value = metric.value.value if metric.value else None
        return replace(metric, value=Value("dataset", change(value))) if isinstance(value, DataSet) else metric

    return metrics(other, *BIRTHS)


def _templates(change: Callable[[Template], Template], *, definitions: bool | None = None) -> Twist:
    """Change templates: definitions, instances, or (None) both."""

    def other(metric: Metric) -> Metric:
        value = metric.value.value if metric.value else None
        if not isinstance(value, Template) or definitions not in (None, value.template_ref is None):
            return metric
        return replace(metric, value=Value("template", change(value)))

    return metrics(other, *BIRTHS, *DATA)


def _parameters(**fields: Any) -> Twist:
    def other(one: Template) -> Template:
        given = one.parameters or (Parameter("unit", 12, Value("string", "m")),)
        return replace(one, parameters=tuple(replace(parameter, **fields) for parameter in given))

    return _templates(other)


_OTHER_CELL = Row((DataSetValue(Value("extension", b"")),))
_DEFINITION = Value("template", Template(is_definition=True, metrics=(Metric("x", datatype=10),)))

_SETS = (
    Plan(
        "property-without-key",
        "payloads-propertyset-keys-array-size",
        "a property has no key",
        _properties(lambda one: replace(one, keys=())),
    ),
    Plan(
        "property-without-value",
        "payloads-propertyset-values-array-size",
        "a key has no property",
        _properties(lambda one: replace(one, values=())),
    ),
    Plan(
        "property-without-type",
        "payloads-metric-propertyvalue-type-req",
        "a property has no type",
        _property(type=None),
    ),
    Plan(
        "property-of-unknown-type",
        "payloads-metric-propertyvalue-type-value",
        "a property has the type 15",
        _property(type=15),
    ),
    Plan(
        "property-type-no-number",
        "payloads-metric-propertyvalue-type-type",
        "a property's type is a text",
        _property(type=None, unknown=((1, 2, b"Int32"),)),
    ),
    Plan(
        "quality-of-another-type", "payloads-propertyset-quality-value-type", "Quality is an Int64", _property(type=4)
    ),
    Plan(
        "quality-unknown",
        "payloads-propertyset-quality-value-value",
        "Quality is 42",
        _property(value=Value("int", 42)),
    ),
    Plan(
        "columns-miscounted",
        "payloads-dataset-column-size",
        "a data set has another number of columns",
        _data_sets(lambda one: replace(one, num_of_columns=9)),
    ),
    Plan(
        "column-without-name",
        "payloads-dataset-column-num-headers",
        "a column has no name",
        _data_sets(lambda one: replace(one, columns=one.columns[:1])),
    ),
    Plan(
        "column-without-type",
        "payloads-dataset-types-num",
        "a column has no type",
        _data_sets(lambda one: replace(one, types=one.types[:1])),
    ),
    Plan(
        "no-column-types",
        "payloads-dataset-parameter-type-req",
        "a data set has no types",
        _data_sets(lambda one: replace(one, types=())),
    ),
    Plan(
        "column-type-no-number",
        "payloads-dataset-types-type",
        "a column's type is too large",
        _data_sets(lambda one: replace(one, types=(2**40, *one.types[1:]))),
    ),
    Plan(
        "column-of-unknown-type",
        "payloads-dataset-types-value",
        "a column has the type 16",
        _data_sets(lambda one: replace(one, types=(16, *one.types[1:]))),
    ),
    Plan(
        "cell-of-another-kind",
        "payloads-template-dataset-value",
        "a cell holds an extension",
        _data_sets(lambda one: replace(one, rows=(*one.rows, _OTHER_CELL))),
    ),
)

_TEMPLATES = (
    Plan(
        "definition-in-dbirth",
        "payloads-template-definition-nbirth-only",
        "DBIRTH defines a template",
        payloads(with_more(Metric("Late", None, 1, 19, value=_DEFINITION)), "DBIRTH"),
    ),
    Plan(
        "template-without-flag",
        "payloads-template-is-definition",
        "templates do not say what they are",
        _templates(lambda one: replace(one, is_definition=None)),
    ),
    Plan(
        "definition-denied",
        "payloads-template-definition-is-definition",
        "a definition says that it is none",
        _templates(lambda one: replace(one, is_definition=False), definitions=True),
    ),
    Plan(
        "instance-denied",
        "payloads-template-instance-is-definition",
        "an instance says that it is a definition",
        _templates(lambda one: replace(one, is_definition=True), definitions=False),
    ),
    Plan(
        "definition-with-reference",
        "payloads-template-definition-ref",
        "a definition refers to another",
        _templates(lambda one: replace(one, template_ref="Other"), definitions=True),
    ),
    Plan(
        "instance-without-reference",
        "payloads-template-instance-ref",
        "an instance refers to no definition",
        _templates(lambda one: replace(one, template_ref=None), definitions=False),
    ),
    Plan(
        "reference-of-other-bytes",
        "payloads-template-ref-instance",
        "template_ref is no UTF-8",
        _templates(lambda one: replace(one, template_ref=b"\xff"), definitions=False),
    ),
    Plan(
        "undefined-template",
        "topics-nbirth-templates",
        "an instance is of a template that is not defined",
        _templates(lambda one: replace(one, template_ref="Nowhere"), definitions=False),
    ),
    Plan(
        "member-unknown",
        "payloads-template-instance-members",
        "an instance has another member",
        _templates(lambda one: replace(one, metrics=(*one.metrics, Metric("extra"))), definitions=False),
    ),
    Plan(
        "member-undefined",
        "payloads-template-definition-members",
        "a definition lacks a member",
        _templates(lambda one: replace(one, metrics=one.metrics[1:]), definitions=True),
    ),
    Plan(
        "member-missing",
        "payloads-template-instance-members-birth",
        "an instance in a birth lacks a member",
        _templates(lambda one: replace(one, metrics=one.metrics[1:]), definitions=False),
    ),
    Plan(
        "parameter-unknown",
        "payloads-template-definition-parameters",
        "an instance has another parameter",
        _templates(lambda one: replace(one, parameters=(Parameter("extra", 3),)), definitions=False),
    ),
    Plan(
        "version-of-other-bytes",
        "payloads-template-version",
        "a template's version is no UTF-8",
        _templates(lambda one: replace(one, version=b"\xff")),
    ),
    Plan(
        "parameter-without-name",
        "payloads-template-parameter-name-required",
        "a parameter has no name",
        _parameters(name=None),
    ),
    Plan(
        "parameter-of-other-bytes",
        "payloads-template-parameter-name-type",
        "a parameter's name is no UTF-8",
        _parameters(name=b"\xff"),
    ),
    Plan(
        "parameter-type-no-number",
        "payloads-template-parameter-value-type",
        "a parameter's type is too large",
        _parameters(type=2**40),
    ),
    Plan(
        "parameter-of-unknown-type",
        "payloads-template-parameter-type-value",
        "a parameter has the type 30",
        _parameters(type=30),
    ),
    Plan(
        "parameter-without-type",
        "payloads-template-parameter-type-req",
        "a parameter has no type",
        _parameters(type=None),
    ),
    Plan(
        "parameter-of-another-kind",
        "payloads-template-parameter-value",
        "a parameter holds an extension",
        _parameters(value=Value("extension", b"")),
    ),
)

PLANS = (*_SETS, *_TEMPLATES)
