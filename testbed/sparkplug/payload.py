"""A Sparkplug B payload as frozen values (3.0, section 6.4). What is absent is None; nothing is filled in.

A value says what goes onto the wire, sensible or not. Text is str where it is well-formed UTF-8 and bytes where not.
`unknown` holds the fields the schema does not have, or has in another wire type: (number, wire type, data).
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from msgspec import Struct

from testbed.mqtt.wire import Text

#: Number, wire type (0 varint, 1 eight bytes, 2 length-delimited, 5 four bytes), and what stands there.
Unknown = tuple[int, int, int | bytes]


class DataType(enum.IntEnum):
    """Section 6.4.16: what a metric, a property or a column holds."""

    INT8 = 1
    INT16 = 2
    INT32 = 3
    INT64 = 4
    UINT8 = 5
    UINT16 = 6
    UINT32 = 7
    UINT64 = 8
    FLOAT = 9
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12
    DATETIME = 13
    TEXT = 14
    UUID = 15
    DATASET = 16
    BYTES = 17
    FILE = 18
    TEMPLATE = 19
    PROPERTY_SET = 20
    PROPERTY_SET_LIST = 21
    INT8_ARRAY = 22
    INT16_ARRAY = 23
    INT32_ARRAY = 24
    INT64_ARRAY = 25
    UINT8_ARRAY = 26
    UINT16_ARRAY = 27
    UINT32_ARRAY = 28
    UINT64_ARRAY = 29
    FLOAT_ARRAY = 30
    DOUBLE_ARRAY = 31
    BOOLEAN_ARRAY = 32
    STRING_ARRAY = 33
    DATETIME_ARRAY = 34


#: Types that properties, columns and template parameters may have.
BASIC = range(DataType.INT8, DataType.TEXT + 1)


class Value(NamedTuple):
    """One alternative of a value: `kind` is the name of the field without `_value`."""

    kind: str
    value: int | float | bool | Text | PropertySet | PropertySetList | DataSet | Template


class PropertyValue(Struct, frozen=True):
    """Section 6.4.9."""

    type: int | None = None
    is_null: bool | None = None
    value: Value | None = None
    unknown: tuple[Unknown, ...] = ()


class PropertySet(Struct, frozen=True):
    """Section 6.4.8."""

    keys: tuple[Text, ...] = ()
    values: tuple[PropertyValue, ...] = ()
    unknown: tuple[Unknown, ...] = ()


class PropertySetList(Struct, frozen=True):
    """Section 6.4.10."""

    propertyset: tuple[PropertySet, ...] = ()
    unknown: tuple[Unknown, ...] = ()


class DataSetValue(Struct, frozen=True):
    """Section 6.4.13."""

    value: Value | None = None
    unknown: tuple[Unknown, ...] = ()


class Row(Struct, frozen=True):
    """Section 6.4.12."""

    elements: tuple[DataSetValue, ...] = ()
    unknown: tuple[Unknown, ...] = ()


class DataSet(Struct, frozen=True):
    """Section 6.4.11."""

    num_of_columns: int | None = None
    columns: tuple[Text, ...] = ()
    types: tuple[int, ...] = ()
    rows: tuple[Row, ...] = ()
    unknown: tuple[Unknown, ...] = ()


class Parameter(Struct, frozen=True):
    """Section 6.4.15."""

    name: Text | None = None
    type: int | None = None
    value: Value | None = None
    unknown: tuple[Unknown, ...] = ()


class MetaData(Struct, frozen=True):
    """Section 6.4.7."""

    is_multi_part: bool | None = None
    content_type: Text | None = None
    size: int | None = None
    seq: int | None = None
    file_name: Text | None = None
    file_type: Text | None = None
    md5: Text | None = None
    description: Text | None = None
    unknown: tuple[Unknown, ...] = ()


class Metric(Struct, frozen=True):
    """Section 6.4.6. `timestamp` is in milliseconds since 1970, UTC."""

    name: Text | None = None
    alias: int | None = None
    timestamp: int | None = None
    datatype: int | None = None
    is_historical: bool | None = None
    is_transient: bool | None = None
    is_null: bool | None = None
    metadata: MetaData | None = None
    properties: PropertySet | None = None
    value: Value | None = None
    unknown: tuple[Unknown, ...] = ()


class Template(Struct, frozen=True):
    """Section 6.4.14."""

    version: Text | None = None
    metrics: tuple[Metric, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    template_ref: Text | None = None
    is_definition: bool | None = None
    unknown: tuple[Unknown, ...] = ()


class Payload(Struct, frozen=True):
    """Section 6.4.5. `timestamp` is in milliseconds since 1970, UTC."""

    timestamp: int | None = None
    metrics: tuple[Metric, ...] = ()
    seq: int | None = None
    uuid: Text | None = None
    body: bytes | None = None
    unknown: tuple[Unknown, ...] = ()

    def metric(self, name: str) -> Metric | None:
        """The first metric called `name`."""
        return next((metric for metric in self.metrics if metric.name == name), None)


class Unreadable(Struct, frozen=True):
    """Bytes that are no payload; `problem` is a phrase that says why."""

    raw: bytes
    problem: str


def is_definition(metric: Metric) -> bool:
    """Whether a metric is a template definition: it says so, or refers to no other template."""
    value = metric.value.value if metric.value else None
    return isinstance(value, Template) and (value.is_definition is True or value.template_ref is None)
