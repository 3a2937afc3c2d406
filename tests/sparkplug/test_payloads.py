"""Payloads: everything comes through the runtime and back, and nothing that comes is an exception."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.sparkplug import codec
from testbed.sparkplug.payload import (
    DataSet,
    DataSetValue,
    MetaData,
    Metric,
    Parameter,
    Payload,
    PropertySet,
    PropertySetList,
    PropertyValue,
    Row,
    Template,
    Unreadable,
    Value,
)
from testbed.sparkplug.schema import NUMBERS, TABLE

numbers = st.none() | st.integers(0, 2**64 - 1)
booleans = st.none() | st.booleans()
texts = st.text(max_size=8) | st.just(b"\xff\xfe")
some_text = st.none() | texts
doubles = st.floats(allow_nan=False)
scalars = st.one_of(
    st.builds(Value, st.sampled_from(["int", "long"]), st.integers(0, 2**64 - 1)),
    st.builds(Value, st.just("double"), doubles),
    st.builds(Value, st.just("float"), st.floats(width=32, allow_nan=False)),
    st.builds(Value, st.just("boolean"), st.booleans()),
    st.builds(Value, st.just("string"), texts),
)
#: Fields of no schema: of an extension, or of a known number in another wire type.
strange = st.lists(
    st.tuples(st.just(90), st.just(2), st.binary(max_size=4)) | st.tuples(st.just(91), st.just(0), st.integers(0, 9)),
    max_size=2,
).map(tuple)


def _many(one: st.SearchStrategy) -> st.SearchStrategy:
    return st.lists(one, max_size=3).map(tuple)


plain_properties = st.builds(PropertyValue, numbers, booleans, st.none() | scalars, strange)
property_sets = st.builds(PropertySet, _many(texts), _many(plain_properties), strange)
properties = st.builds(
    PropertySet,
    _many(texts),
    _many(
        plain_properties
        | st.builds(PropertyValue, numbers, booleans, st.builds(Value, st.just("propertyset"), property_sets))
        | st.builds(
            PropertyValue,
            numbers,
            booleans,
            st.builds(Value, st.just("propertysets"), st.builds(PropertySetList, _many(property_sets))),
        )
    ),
)
cells = st.builds(DataSetValue, st.none() | scalars)
data_sets = st.builds(
    DataSet, numbers, _many(texts), _many(st.integers(0, 2**33)), _many(st.builds(Row, _many(cells)))
)
parameters = st.builds(Parameter, some_text, numbers, st.none() | scalars)


def _metrics(values: st.SearchStrategy) -> st.SearchStrategy:
    meta = st.none() | st.builds(MetaData, booleans, some_text, numbers, numbers, description=some_text)
    return st.builds(
        Metric,
        some_text,
        numbers,
        numbers,
        numbers,
        booleans,
        booleans,
        booleans,
        meta,
        st.none() | properties,
        st.none() | values,
        strange,
    )


templates = st.builds(Template, some_text, _many(_metrics(scalars)), _many(parameters), some_text, booleans)
metrics = _metrics(
    scalars
    | st.builds(Value, st.just("bytes"), st.binary(max_size=5))
    | st.builds(Value, st.just("dataset"), data_sets)
    | st.builds(Value, st.just("template"), templates)
)
payloads = st.builds(Payload, numbers, _many(metrics), numbers, some_text, st.none() | st.binary(max_size=5), strange)


@settings(max_examples=60, deadline=None)
@given(payloads)
def test_every_payload_comes_back_as_it_was(payload: Payload) -> None:
    assert codec.decode(codec.encode(payload)) == payload


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_are_an_exception(data: bytes) -> None:
    assert isinstance(codec.decode(data), Payload | Unreadable)


def test_a_payload_in_bytes_worked_out_by_hand() -> None:
    # timestamp 1; one metric: name "a", datatype 3, int_value 7; seq 2.
    wire = bytes.fromhex("0801 1207 0a0161 2003 5007 1802")
    assert codec.decode(wire) == Payload(1, (Metric("a", datatype=3, value=Value("int", 7)),), 2)


def test_another_wire_type_is_kept_and_not_taken_for_the_field() -> None:
    wire = bytes.fromhex("1205 2203") + b"abc"
    found = codec.decode(wire)
    assert isinstance(found, Payload)
    assert found.metrics[0].datatype is None
    assert found.metrics[0].unknown == ((4, 2, b"abc"),)


def test_a_number_of_more_than_32_bits_is_not_cut_off() -> None:
    found = codec.decode(codec.encode(Payload(metrics=(Metric(datatype=2**40),))))
    assert isinstance(found, Payload)
    assert found.metrics[0].datatype == 2**40


def test_too_many_messages_are_unreadable() -> None:
    found = codec.decode(b"\x12\x00" * (codec.MOST_MESSAGES + 1))
    assert isinstance(found, Unreadable)
    assert str(codec.MOST_MESSAGES) in found.problem


def test_too_deep_a_payload_is_unreadable() -> None:
    inner = b""
    for _ in range(codec.DEEPEST):
        template = b"\x12" + codec._varint(len(inner)) + inner
        value = b"\x92\x01" + codec._varint(len(template)) + template
        inner = value
    found = codec.decode(b"\x12" + codec._varint(len(inner)) + inner)
    assert isinstance(found, Unreadable)


@pytest.mark.parametrize("name", TABLE)
def test_every_field_number_is_given_once(name: str) -> None:
    assert len(NUMBERS[name]) == len(TABLE[name])
