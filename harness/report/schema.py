"""JSON Schemas of what we write: `python -m harness.report.schema` makes the files in `schemas/formats/` anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

import schemas
from harness.results import FORMAT, Quality, Results

#: File -> (type, value of its `format`).
FORMATS: dict[str, tuple[type[msgspec.Struct], str]] = {
    "results.schema.json": (Results, FORMAT),
    "quality.schema.json": (Quality, "iot-testbed-quality/1"),
}


def folder() -> Path:
    """Where the published schemas are."""
    return Path(schemas.__path__[0]) / "formats"


def schema_of(kind: type[msgspec.Struct], name: str) -> dict[str, Any]:
    """The schema of one format; `format` must say its name, so that a reader refuses a later one."""
    made = msgspec.json.schema(kind)
    made["$defs"][kind.__name__]["properties"]["format"] = {"const": name, "default": name}
    urn = f"urn:{name.replace('/', ':')}"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": urn, "title": name, **made}


def text_of(file: str) -> str:
    """The text that the schema `file` must have."""
    return json.dumps(schema_of(*FORMATS[file]), indent=1, ensure_ascii=False) + "\n"


def write(target: Path) -> list[Path]:
    """Write every schema into the folder `target`."""
    target.mkdir(parents=True, exist_ok=True)
    paths = [target / file for file in FORMATS]
    for path in paths:
        path.write_text(text_of(path.name), encoding="utf-8")
    return paths


if __name__ == "__main__":
    for path in write(folder()):
        print(path)
