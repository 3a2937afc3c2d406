"""Requirement catalogues: one TSV per edition of a standard, in our own words.

Columns: `id side level clause status text untried`.
`side` is that of a role (`server`, `edge`), several separated by commas, or `both` for all there are.
`status` is `checked` (read against the standard) or `provisional` (reported, never able to fail a profile).
`untried` gives, for a side, the one-line reason why no case can try the row from outside: `server=reason`,
several separated by ` | `.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import cast, get_args

from harness.results import Level
from testbed.files import FileError

#: The side of a row that binds both.
BOTH = "both"

COLUMNS = ("id", "side", "level", "clause", "status", "text", "untried")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One numbered sentence of a standard."""

    catalogue: str
    number: str
    side: str
    level: Level
    clause: str
    text: str
    provisional: bool
    #: Side -> reason.
    untried: dict[str, str]

    @property
    def id(self) -> str:
        """Catalogue and number, `mqtt-5.0:MQTT-3.1.0-2`."""
        return f"{self.catalogue}:{self.number}"

    def binds(self, side: str) -> bool:
        """Whether it binds `side`."""
        return self.side == BOTH or side in self.sides

    @property
    def sides(self) -> tuple[str, ...]:
        """The sides it names; of a row that binds both there is only that word."""
        return tuple(self.side.split(","))


@dataclass(frozen=True, slots=True)
class Citation:
    """A case's claim to try a requirement."""

    catalogue: str
    number: str

    @property
    def id(self) -> str:
        return f"{self.catalogue}:{self.number}"


def read_catalogue(name: str, file: Traversable) -> dict[str, Requirement]:
    """The catalogue `name` from its TSV, by number, in the file's order. FileError names file and line."""
    rows: dict[str, Requirement] = {}
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise FileError(str(file), f"cannot be read ({error.strerror})", "reinstall iot-testbed") from None
    lines = text.splitlines()
    if not lines or tuple(lines[0].split("\t")) != COLUMNS:
        raise FileError(str(file), "has another header", f"the first line must be {chr(9).join(COLUMNS)}", line=1)
    for line, row in enumerate(lines[1:], 2):
        cells = row.split("\t")
        if len(cells) != len(COLUMNS):
            problem = f"has {len(cells)} columns, not {len(COLUMNS)}"
            raise FileError(str(file), problem, "separate the columns by single tabs", line=line)
        number, side, level, clause, status, words, untried = cells
        if level not in get_args(Level):
            raise FileError(str(file), f"unknown level {level!r}", f"use one of {get_args(Level)}", line=line)
        if status not in ("checked", "provisional"):
            raise FileError(str(file), f"unknown status {status!r}", "use checked or provisional", line=line)
        if number in rows:
            raise FileError(str(file), f"{number} stands twice", "delete one row", line=line)
        reasons: dict[str, str] = {}
        for part in filter(None, untried.split(" | ")):
            bound, _, reason = part.partition("=")
            reasons[bound] = reason
        rows[number] = Requirement(
            name, number, side, cast(Level, level), clause, words, status == "provisional", reasons
        )
    return rows
