"""The published schemas are what the types say, and what we write keeps them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from factory import make, quality
from jsonschema import Draft202012Validator

from harness.report import schema


@pytest.mark.parametrize("file", sorted(schema.FORMATS))
def test_a_schema_is_up_to_date(file: str) -> None:
    path = schema.folder() / file
    assert path.read_text(encoding="utf-8") == schema.text_of(file), "run python -m harness.report.schema"


@pytest.mark.parametrize(
    ("file", "sample"), [("results.schema.json", make()), ("quality.schema.json", quality(make()))]
)
def test_what_we_write_keeps_its_schema(file: str, sample: Any) -> None:
    validator = Draft202012Validator(json.loads((schema.folder() / file).read_text(encoding="utf-8")))
    validator.check_schema(validator.schema)
    data = json.loads(msgspec.json.encode(sample))
    validator.validate(data)
    assert not validator.is_valid({**data, "format": "another/1"})
    del data["format"]
    assert validator.is_valid(data)
