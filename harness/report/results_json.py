"""`results.json`: the run as it is, for programs. Its schema is `schemas/formats/results.schema.json`."""

from __future__ import annotations

from pathlib import Path

import msgspec

from harness.results import FORMAT, Results


class UnreadableResults(ValueError):
    """A file is not the results of a run. The text says what was expected, what came and what to do."""


def write(results: Results, path: Path) -> Path:
    """Write `results` to the file `path`, indented by one space so that two runs can be compared by line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")
    return path


def read(path: Path) -> Results:
    """The results in the file `path`; `UnreadableResults` when they are none."""
    again = "make it again from the journal with `testbed report`"
    try:
        results = msgspec.json.decode(path.read_bytes(), type=Results)
    except OSError as error:
        raise UnreadableResults(f"{path}: cannot be read ({error.strerror}); {again}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableResults(f"{path}: expected {FORMAT}; came something else ({error}); {again}") from None
    if results.format != FORMAT:
        raise UnreadableResults(f"{path}: expected {FORMAT}; came {results.format[:60]!r}; {again}")
    return results
