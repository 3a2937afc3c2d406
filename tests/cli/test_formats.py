"""Given the published schemas, then they are those of the code, and what we ship and print keeps them."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from harness import formats
from harness.profile import places
from testbed.launch import peers
from tests.command import run_testbed

FILES = formats.files()


def validator(file: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((formats.folder() / file).read_text(encoding="utf-8")))


@pytest.mark.parametrize("file", FILES)
def test_a_schema_is_up_to_date_and_sound(file: str) -> None:
    published = (formats.folder() / file).read_text(encoding="utf-8")
    assert published == formats.text_of(file), "make it anew: python -m harness.formats"
    Draft202012Validator.check_schema(json.loads(published))


def test_no_schema_is_published_that_nobody_makes(tmp_path: Path) -> None:
    written = {path.name for path in formats.write(tmp_path)}
    assert written == set(FILES) == {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize("path", peers.known().values(), ids=lambda path: path.stem)
def test_every_known_peer_keeps_the_schema_of_dut_toml(path: Path) -> None:
    validator("dut.schema.json").validate(tomllib.loads(path.read_text()))


@pytest.mark.parametrize("path", places().values(), ids=lambda path: path.stem)
def test_every_profile_keeps_the_schema_of_profile_toml(path: Path) -> None:
    validator("profile.schema.json").validate(tomllib.loads(path.read_text()))


@pytest.mark.parametrize(
    ("file", "value"),
    [
        ("dut.schema.json", {"name": "a", "role": "r"}),
        ("dut.schema.json", {"name": "a", "role": "r", "endpoints": {}, "colour": "red"}),
        ("dut.schema.json", {"name": "a", "role": "r", "endpoints": {}, "launch": {"how": "by magic"}}),
        ("profile.schema.json", {"name": "a", "version": 1}),
        ("profile.schema.json", {"name": "a", "version": "1", "levels": ["OUGHT"]}),
        ("expected.schema.json", {"known": [{"case": "*"}]}),
    ],
)
def test_a_wrong_file_does_not_keep_its_schema(file: str, value: Any) -> None:
    assert not validator(file).is_valid(value)


def test_comments_of_fields_are_in_the_schema() -> None:
    made = formats.schema("dut.schema.json")["$defs"]
    assert made["Description"]["properties"]["claims"]["description"].startswith("Feature -> whether the vendor")
    assert made["Launch"]["properties"]["ready"]["description"] == "Seconds until it must answer as its role does."


@pytest.mark.parametrize(
    ("file", "arguments"),
    [
        ("list.schema.json", ["list"]),
        ("list.schema.json", ["list", "cases", "requirements"]),
        ("show.schema.json", ["show", "3.1.0-2"]),
        ("show.schema.json", ["show", "a_second_connect_closes_the_connection"]),
        ("show.schema.json", ["show", "mqtt-broker-3.1.1"]),
        ("show.schema.json", ["show", "ejabberd"]),
        ("show.schema.json", ["show", "mqtt-broker"]),
        ("coverage.schema.json", ["coverage"]),
        ("doctor.schema.json", ["doctor"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_commands_print_keeps_its_schema(file: str, arguments: list[str], tmp_path: Path) -> None:
    done = run_testbed(*arguments, "--json", cwd=tmp_path)
    validator(file).validate(json.loads(done.stdout))
