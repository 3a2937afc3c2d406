"""Files people write: TOML read into one typed definition, with errors that name file, line, key and remedy."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

#: No file that a person writes for us is longer; a longer one is refused unread.
LARGEST = 1 << 20


class FileError(Exception):
    """A file is not what it must be. Its text is complete: file, line, key, what is wrong, what to do."""

    def __init__(self, path: Path | str, problem: str, remedy: str, *, line: int = 0, key: str = "") -> None:
        place = f"{path}:{line}" if line else str(path)
        subject = f"{key}: " if key else ""
        super().__init__(f"{place}: {subject}{problem}\n  remedy: {remedy}")
        self.path, self.line, self.key, self.problem, self.remedy = path, line, key, problem, remedy


def read_text(path: Path) -> str:
    """The text of `path`, at most `LARGEST` bytes of UTF-8."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise FileError(path, f"cannot be read ({error.strerror})", "check the name and the permissions") from None
    if len(data) > LARGEST:
        raise FileError(path, f"is larger than {LARGEST} bytes", "check that this is the right file")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise FileError(path, "is not UTF-8", "save it as UTF-8", line=line) from None


def parse_toml(text: str, path: Path | str) -> dict[str, Any]:
    """A TOML document as plain values."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column \d+\)|\(at end of document\)", str(error))
        line = int(found[1]) if found and found[1] else text.count("\n") + 1
        problem = str(error).split(" (at ")[0]
        raise FileError(path, f"is not TOML: {problem}", "correct the line", line=line) from None
    except ValueError:
        raise FileError(path, "is not TOML: a number has too many digits", "shorten it") from None
    except RecursionError:
        raise FileError(path, "is nested too deeply", "flatten the tables") from None


def read_toml(path: Path, kind: type[T]) -> T:
    """`path` as a `kind`."""
    text = read_text(path)
    return convert(parse_toml(text, path), kind, text, path)


def convert(data: Any, kind: type[T], text: str, path: Path | str) -> T:
    """Plain values as a `kind`; `text` is the TOML they came from, searched for the line of a wrong key."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        problem, _, where = str(error).partition(" - at `")
        keys = _keys(where.rstrip("`"))
        unknown = re.search(r"unknown field `([^`]*)`", problem)
        if unknown:
            keys = [*keys, unknown[1]]
        remedy = "see schemas/formats/ for the keys and their types"
        if unknown:
            remedy = f"delete the key or correct its spelling; {remedy}"
        named = ".".join(key for key in keys if isinstance(key, str))
        raise FileError(path, problem, remedy, line=line_of(text, keys), key=named) from None


def _keys(path: str) -> list[str | int]:
    """`$.known[3].reason` as `["known", 3, "reason"]`; a key that msgspec does not name is left out."""
    found = re.findall(r"[^.\[\]]+|\[\d+\]", path.removeprefix("$").replace("[...]", ""))
    return [int(key[1:-1]) if key.startswith("[") else key for key in found]


_HEADER = re.compile(r"\s*(\[{1,2})([^\[\]]+)\]")
_PART = re.compile(r"""\s*("[^"]*"|'[^']*'|[^.\s]+)\s*\.?""")
_ENTRY = re.compile(r"""\s*("[^"]*"|'[^']*'|[A-Za-z0-9_.-]+)\s*=""")


def line_of(text: str, keys: Sequence[str | int]) -> int:
    """The line, from 1, on which the innermost known key of the path `keys` stands; 0 when none does. A number in
    the path is the place of a table in its list, from 0. Takes time linear in `text`."""
    best = depth = 0
    table: list[str | int] = []
    entries: Counter[str] = Counter()
    quote = ""
    for number, line in enumerate(text.splitlines(), 1):
        if quote:
            quote = "" if quote in line else quote
            continue
        header = _HEADER.match(line)
        if header:
            table = [part.strip("\"'") for part in _PART.findall(header[2])]
            if header[1] == "[[":
                table.append(entries[header[2].strip()])
                entries[header[2].strip()] += 1
            here = table
        else:
            quote = next((mark for mark in ('"""', "'''") if line.count(mark) % 2), "")
            entry = _ENTRY.match(line)
            if not entry:
                continue
            name = entry[1]
            here = table + ([name[1:-1]] if name[0] in "\"'" else name.split("."))
        # A list that is meant as a whole begins with its first table.
        known = here[:-1] if here and here[-1] == 0 and len(here) > len(keys) else here
        if len(known) > depth and known == list(keys[: len(known)]):
            best, depth = number, len(known)
    return best


def file_name(name: str) -> str:
    """`name` as the beginning of the name of a file: no separators, nothing that a shell or a person would trip
    over, at most 60 characters."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name)[:60] or "dut"
