"""Rules on property sets and data sets (sections 6.4.8 to 6.4.13)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from testbed.sparkplug.describing import named
from testbed.sparkplug.payload import (
    BASIC,
    DataSet,
    DataType,
    Metric,
    PropertySet,
    PropertySetList,
    PropertyValue,
    Template,
)
from testbed.sparkplug.rules.metrics import mistyped
from testbed.sparkplug.rules.rule import Rule, Said
from testbed.sparkplug.topics import BIRTHS

_PROPERTY_TYPES = (*BASIC, DataType.PROPERTY_SET, DataType.PROPERTY_SET_LIST)
QUALITY = "Quality"
_QUALITIES = (0, 192, 500)


def all_metrics(metrics: tuple[Metric, ...]) -> Iterator[Metric]:
    """Metrics and, below them, the members of templates."""
    for metric in metrics:
        yield metric
        value = metric.value.value if metric.value else None
        if isinstance(value, Template):
            yield from all_metrics(value.metrics)


def _sets(said: Said) -> Iterator[tuple[Metric, PropertySet]]:
    for metric in all_metrics(said.payload.metrics):
        if metric.properties is not None:
            for one in _below(metric.properties):
                yield metric, one


def _below(properties: PropertySet) -> Iterator[PropertySet]:
    yield properties
    for one in properties.values:
        value = one.value.value if one.value else None
        if isinstance(value, PropertySet):
            yield from _below(value)
        elif isinstance(value, PropertySetList):
            for more in value.propertyset:
                yield from _below(more)


def _properties(said: Said) -> Iterator[tuple[Metric, object, PropertyValue]]:
    for metric, one in _sets(said):
        for index, value in enumerate(one.values):
            yield metric, one.keys[index] if index < len(one.keys) else "?", value


def _data_sets(said: Said) -> Iterator[tuple[Metric, DataSet]]:
    for metric in all_metrics(said.payload.metrics):
        value = metric.value.value if metric.value else None
        if isinstance(value, DataSet):
            yield metric, value


def _sizes(known: object, said: Said) -> bool | str:
    for metric, one in _sets(said):
        if len(one.keys) != len(one.values):
            return f"{len(one.keys)} keys and {len(one.values)} values at {named(metric)}"
    return False


def _property(
    ill: Callable[[PropertyValue], bool], what: str, only: str = ""
) -> Callable[[object, Said], bool | str]:
    def broken(known: object, said: Said) -> bool | str:
        for metric, key, value in _properties(said):
            if (not only or key == only) and ill(value):
                return f"property {key!r} of {named(metric)}: {what} {value.type}"
        return False

    return broken


def _ill_quality(value: PropertyValue) -> bool:
    given = value.value
    return given is None or given.kind != "int" or given.value not in _QUALITIES


def _wide(value: PropertyValue) -> bool:
    return mistyped(value.unknown, 1) or (value.type is not None and value.type > 0xFFFFFFFF)


def _set(ill: Callable[[DataSet], bool], what: str) -> Callable[[object, Said], bool | str]:
    def broken(known: object, said: Said) -> bool | str:
        return next((f"{named(metric)} with {what}" for metric, one in _data_sets(said) if ill(one)), False)

    return broken


def _miscounted(one: DataSet) -> bool:
    return mistyped(one.unknown, 1) or one.num_of_columns != len(one.columns)


def _foreign_cell(one: DataSet) -> bool:
    cells = (cell for row in one.rows for cell in row.elements)
    return any(cell.unknown or (cell.value is not None and cell.value.kind == "extension") for cell in cells)


def _wide_types(one: DataSet) -> bool:
    return mistyped(one.unknown, 3) or any(type > 0xFFFFFFFF for type in one.types)


RULES = (
    Rule(
        "payloads-propertyset-keys-array-size payloads-propertyset-values-array-size",
        "as many keys as values in a property set",
        _sizes,
    ),
    Rule(
        "payloads-metric-propertyvalue-type-type",
        "a property's type as an unsigned 32-bit number",
        _property(_wide, "type"),
    ),
    Rule(
        "payloads-metric-propertyvalue-type-value",
        "a property's type that there is",
        _property(lambda one: one.type is not None and one.type not in _PROPERTY_TYPES, "type"),
    ),
    Rule(
        "payloads-metric-propertyvalue-type-req",
        "a property with its type",
        _property(lambda one: one.type is None and not mistyped(one.unknown, 1), "type"),
        BIRTHS,
    ),
    Rule(
        "payloads-propertyset-quality-value-type",
        "Quality as Int32",
        _property(lambda one: one.type not in (None, DataType.INT32), "type", QUALITY),
    ),
    Rule(
        "payloads-propertyset-quality-value-value",
        "Quality of 0, 192 or 500",
        _property(_ill_quality, "another value; type", QUALITY),
    ),
    Rule("payloads-dataset-column-size", "the number of columns", _set(_miscounted, "another number of columns")),
    Rule(
        "payloads-dataset-column-num-headers payloads-dataset-types-num",
        "as many column names as types in a data set",
        _set(lambda one: len(one.columns) != len(one.types), "more or fewer column names than types"),
    ),
    Rule(
        "payloads-dataset-parameter-type-req",
        "a data set with the types of its columns",
        _set(lambda one: not one.types and bool(one.columns), "no types"),
    ),
    Rule(
        "payloads-dataset-types-def payloads-dataset-types-type",
        "the types of columns as unsigned 32-bit numbers",
        _set(_wide_types, "types of another kind"),
    ),
    Rule(
        "payloads-dataset-types-value",
        "columns of basic types",
        _set(lambda one: any(type not in BASIC for type in one.types), "a column of no basic type"),
    ),
    Rule(
        "payloads-template-dataset-value",
        "values of basic kinds in a data set",
        _set(_foreign_cell, "a value of another kind"),
    ),
)
