"""The protobuf schema of a Sparkplug B payload (3.0, 6.4.1): a table from which the runtime builds its messages.

It differs from the published one where that would lose what a device said: strings are bytes, because the runtime
refuses ill-formed UTF-8, and 32-bit numbers are 64 bits wide, because it cuts larger ones off. On the wire the two
are the same. Extension points have no fields here; what stands there is kept as unknown.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE = "testbed.sparkplug"
_TYPE = descriptor_pb2.FieldDescriptorProto

#: Message -> its fields: number, name, type (a scalar or another message), and `*` for a repeated one, `|` for one of
#: the alternatives of its value.
TABLE: dict[str, tuple[tuple[int, str, str, str], ...]] = {
    "Payload": (
        (1, "timestamp", "number", ""),
        (2, "metrics", "Metric", "*"),
        (3, "seq", "number", ""),
        (4, "uuid", "text", ""),
        (5, "body", "text", ""),
    ),
    "Metric": (
        (1, "name", "text", ""),
        (2, "alias", "number", ""),
        (3, "timestamp", "number", ""),
        (4, "datatype", "number", ""),
        (5, "is_historical", "bool", ""),
        (6, "is_transient", "bool", ""),
        (7, "is_null", "bool", ""),
        (8, "metadata", "MetaData", ""),
        (9, "properties", "PropertySet", ""),
        (10, "int_value", "number", "|"),
        (11, "long_value", "number", "|"),
        (12, "float_value", "float", "|"),
        (13, "double_value", "double", "|"),
        (14, "boolean_value", "bool", "|"),
        (15, "string_value", "text", "|"),
        (16, "bytes_value", "text", "|"),
        (17, "dataset_value", "DataSet", "|"),
        (18, "template_value", "Template", "|"),
        (19, "extension_value", "text", "|"),
    ),
    "MetaData": (
        (1, "is_multi_part", "bool", ""),
        (2, "content_type", "text", ""),
        (3, "size", "number", ""),
        (4, "seq", "number", ""),
        (5, "file_name", "text", ""),
        (6, "file_type", "text", ""),
        (7, "md5", "text", ""),
        (8, "description", "text", ""),
    ),
    "PropertySet": (
        (1, "keys", "text", "*"),
        (2, "values", "PropertyValue", "*"),
    ),
    "PropertySetList": ((1, "propertyset", "PropertySet", "*"),),
    "PropertyValue": (
        (1, "type", "number", ""),
        (2, "is_null", "bool", ""),
        (3, "int_value", "number", "|"),
        (4, "long_value", "number", "|"),
        (5, "float_value", "float", "|"),
        (6, "double_value", "double", "|"),
        (7, "boolean_value", "bool", "|"),
        (8, "string_value", "text", "|"),
        (9, "propertyset_value", "PropertySet", "|"),
        (10, "propertysets_value", "PropertySetList", "|"),
        (11, "extension_value", "text", "|"),
    ),
    "DataSet": (
        (1, "num_of_columns", "number", ""),
        (2, "columns", "text", "*"),
        (3, "types", "number", "*"),
        (4, "rows", "Row", "*"),
    ),
    "Row": ((1, "elements", "DataSetValue", "*"),),
    "DataSetValue": (
        (1, "int_value", "number", "|"),
        (2, "long_value", "number", "|"),
        (3, "float_value", "float", "|"),
        (4, "double_value", "double", "|"),
        (5, "boolean_value", "bool", "|"),
        (6, "string_value", "text", "|"),
        (7, "extension_value", "text", "|"),
    ),
    "Template": (
        (1, "version", "text", ""),
        (2, "metrics", "Metric", "*"),
        (3, "parameters", "Parameter", "*"),
        (4, "template_ref", "text", ""),
        (5, "is_definition", "bool", ""),
    ),
    "Parameter": (
        (1, "name", "text", ""),
        (2, "type", "number", ""),
        (3, "int_value", "number", "|"),
        (4, "long_value", "number", "|"),
        (5, "float_value", "float", "|"),
        (6, "double_value", "double", "|"),
        (7, "boolean_value", "bool", "|"),
        (8, "string_value", "text", "|"),
        (9, "extension_value", "text", "|"),
    ),
}

_SCALARS = {
    "number": _TYPE.TYPE_UINT64,
    "bool": _TYPE.TYPE_BOOL,
    "float": _TYPE.TYPE_FLOAT,
    "double": _TYPE.TYPE_DOUBLE,
    "text": _TYPE.TYPE_BYTES,
}


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="testbed/sparkplug.proto", package=_PACKAGE, syntax="proto2")
    for name, fields in TABLE.items():
        message = file.message_type.add(name=name)
        if any(mark == "|" for *_, mark in fields):
            message.oneof_decl.add(name="value")
        for number, field, kind, mark in fields:
            added = message.field.add(name=field, number=number)
            added.label = _TYPE.LABEL_REPEATED if mark == "*" else _TYPE.LABEL_OPTIONAL
            if kind in _SCALARS:
                added.type = _SCALARS[kind]
            else:
                added.type = _TYPE.TYPE_MESSAGE
                added.type_name = f".{_PACKAGE}.{kind}"
            if mark == "|":
                added.oneof_index = 0
    return file


def _classes() -> dict[str, Any]:
    pool = descriptor_pool.DescriptorPool()
    pool.Add(_file())
    named = {name: pool.FindMessageTypeByName(f"{_PACKAGE}.{name}") for name in TABLE}
    return {name: message_factory.GetMessageClass(found) for name, found in named.items()}


#: Message -> its class in the protobuf runtime.
CLASSES: dict[str, Any] = _classes()
#: Message -> number -> name of the field.
NUMBERS: dict[str, dict[int, str]] = {
    name: {number: field for number, field, *_ in fields} for name, fields in TABLE.items()
}
