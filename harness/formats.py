"""Every format that people or programs read or write, and its JSON Schema.

`python -m harness.formats` makes the files in `schemas/formats/` anew. The schemas of `dut.toml`, `profile.toml`
and `expected.toml` are of the TOML's values; editors that know JSON Schema complete and check such files by them.
The comments of the fields become their descriptions.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from pathlib import Path
from typing import Any, get_args

import msgspec

from harness.coverage import Coverage
from harness.doctor import Diagnosis
from harness.expected import Expected
from harness.inventory import Inventory
from harness.lookup import Shown
from harness.profile import ProfileFile
from harness.report.schema import FORMATS as RESULTS
from harness.report.schema import folder, schema_of
from harness.shims import Checked
from harness.trace import FORMAT as TRACE_FORMAT
from harness.trace import Trace
from testbed.dut import Description
from testbed.protocol import Format, rooms

#: Schema -> (type, the file that people write).
WRITTEN: dict[str, tuple[type[msgspec.Struct], str]] = {
    "dut.schema.json": (Description, "dut.toml"),
    "profile.schema.json": (ProfileFile, "profile.toml"),
    "expected.schema.json": (Expected, "expected.toml"),
}

#: Schema -> (type, value of its `format`) of what commands print with `--json`, and of results.
PRINTED: dict[str, tuple[type[msgspec.Struct], str]] = {
    **RESULTS,
    "trace.schema.json": (Trace, TRACE_FORMAT),
    "list.schema.json": (Inventory, "iot-testbed-list/1"),
    "show.schema.json": (Shown, "iot-testbed-show/1"),
    "coverage.schema.json": (Coverage, "iot-testbed-coverage/1"),
    "doctor.schema.json": (Diagnosis, "iot-testbed-doctor/1"),
    "check-shim.schema.json": (Checked, "iot-testbed-shim-check/1"),
}


def announced() -> dict[str, Format]:
    """The formats of protocol rooms, which others than we read and write, by schema."""
    return {one.file: one for room in rooms() for one in room.formats}


def files() -> list[str]:
    """Every schema."""
    return [*WRITTEN, *PRINTED, *announced()]


def schema(file: str) -> dict[str, Any]:
    """The schema that stands in `schemas/formats/<file>`."""
    if file in PRINTED:
        return schema_of(*PRINTED[file])
    if file in WRITTEN:
        kind, name = WRITTEN[file]
        made = msgspec.json.schema(kind)
        _describe(made["$defs"], kind)
    else:
        name, kinds = announced()[file].title, announced()[file].kinds
        either, definitions = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
        for kind in (one for many in kinds for one in get_args(many) or (many,)):
            _describe(definitions, kind)
        made = {**(either[0] if len(either) == 1 else {"anyOf": list(either)}), "$defs": definitions}
    urn = f"urn:iot-testbed:{file.partition('.')[0]}"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": urn, "title": name, **made}


def text_of(file: str) -> str:
    """The text that the schema `file` must have."""
    return json.dumps(schema(file), indent=1, ensure_ascii=False) + "\n"


def write(target: Path) -> list[Path]:
    """Write every schema into the folder `target`."""
    target.mkdir(parents=True, exist_ok=True)
    paths = [target / file for file in files()]
    for path in paths:
        path.write_text(text_of(path.name), encoding="utf-8")
    return paths


def _describe(definitions: dict[str, Any], kind: type[msgspec.Struct]) -> None:
    """Put the comment of each field beside its type, and docstrings on one line."""
    module = vars(sys.modules[kind.__module__])
    for name, definition in definitions.items():
        if "description" in definition:
            definition["description"] = " ".join(definition["description"].split())
        for field, comment in comments(module[name]).items():
            definition["properties"][field]["description"] = comment


def comments(kind: type) -> dict[str, str]:
    """The `#:` comment above each field of a class, as one line."""
    found: dict[str, str] = {}
    above: list[str] = []
    for line in inspect.getsource(kind).splitlines():
        comment = re.match(r"\s*#: ?(.*)", line)
        field = re.match(r"    (\w+):", line)
        if comment:
            above.append(comment[1])
            continue
        if field and above:
            found[field[1]] = " ".join(above)
        above = []
    return found


if __name__ == "__main__":
    for path in write(folder()):
        print(path)
