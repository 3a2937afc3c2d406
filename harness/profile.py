"""Profiles: what a programme asks of which role.

A profile is a TOML file; it may extend another, is found by name in the packages of the entry-point group
`testbed.profiles` and in folders named with `--profile-path`, and never changes once released.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from importlib.metadata import entry_points
from importlib.resources import as_file, files
from pathlib import Path

import msgspec

from harness.case import Case
from harness.results import Level
from testbed.dut import Scalar, is_duration
from testbed.files import FileError, convert, line_of, parse_toml, read_text


class Selection(msgspec.Struct, forbid_unknown_fields=True):
    """Which cases: glob patterns over case ids and requirement numbers; a case is in when it matches one of
    `cases` and one of `requirements`, and none of `without`."""

    suites: list[str] = []
    cases: list[str] = msgspec.field(default_factory=lambda: ["*"])
    requirements: list[str] = msgspec.field(default_factory=lambda: ["*"])
    without: list[str] = []


class ProfileFile(msgspec.Struct, forbid_unknown_fields=True):
    """`profile.toml`."""

    name: str
    version: str
    title: str = ""
    extends: str = ""
    role: str = ""
    edition: str = ""
    select: Selection | msgspec.UnsetType = msgspec.UNSET
    #: Claim -> number of the requirement that its absence breaks (empty: of none).
    required: dict[str, str] = {}
    parameters: dict[str, Scalar] = {}
    #: Levels whose failures fail the profile.
    levels: list[Level] | msgspec.UnsetType = msgspec.UNSET
    #: Days a verdict stays good; 0: no limit.
    valid_days: int | msgspec.UnsetType = msgspec.UNSET
    released: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile with its ancestors folded in."""

    name: str
    version: str
    title: str
    role: str
    edition: str
    select: Selection
    required: dict[str, str]
    parameters: dict[str, Scalar]
    levels: tuple[Level, ...]
    valid_days: int
    digest: str
    path: Path

    def takes(self, case: Case) -> bool:
        """Whether it selects `case`."""
        numbers = [c.number for c in case.cites if c.catalogue == self.edition]
        chosen = self.select
        return (
            bool(numbers)
            and any(fnmatchcase(case.id, pattern) for pattern in chosen.cases)
            and any(fnmatchcase(number, pattern) for number in numbers for pattern in chosen.requirements)
            and not any(fnmatchcase(name, pattern) for name in (case.id, *numbers) for pattern in chosen.without)
        )


def places(extra: Sequence[Path] = ()) -> dict[str, Path]:
    """Every profile file by the name of its file, folders of the user first."""
    found: dict[str, Path] = {}
    for entry in entry_points(group="testbed.profiles"):
        for item in files(entry.value).iterdir():
            if item.name.endswith(".toml"):
                with as_file(item) as path:
                    found[path.stem] = path
    for folder in extra:
        if not folder.is_dir():
            raise FileError(folder, "is no folder", "give --profile-path a folder with profile files")
        found |= {path.stem: path for path in sorted(folder.glob("*.toml"))}
    return dict(sorted(found.items()))


def load(name: str, extra: Sequence[Path] = ()) -> Profile:
    """The profile called `name`, or in the file `name` when it ends in `.toml`."""
    known = places(extra)
    path = Path(name) if name.endswith(".toml") else known.get(name)
    if path is None:
        close = get_close_matches(name, known, 1, 0.5)
        hint = f"did you mean {close[0]}? " if close else ""
        raise FileError(name, "is no profile", f"{hint}`testbed list profiles` names them all")
    chain: list[ProfileFile] = []
    digests = hashlib.sha256()
    here: Path | None = path
    seen: list[Path] = []
    while here is not None:
        if here in seen:
            line = line_of(read_text(here), ["extends"])
            loop = " -> ".join(p.stem for p in [*seen, here])
            raise FileError(here, f"inherits itself ({loop})", "break the circle", line=line, key="extends")
        seen.append(here)
        text = read_text(here)
        one = convert(parse_toml(text, here), ProfileFile, text, here)
        digests.update(text.encode())
        chain.append(one)
        parent, here = here, None
        if one.extends:
            here = known.get(one.extends) or (parent.parent / f"{one.extends}.toml")
            if not here.is_file():
                line = line_of(text, ["extends"])
                raise FileError(
                    parent,
                    f"extends {one.extends!r}, which is nowhere",
                    "correct the name",
                    line=line,
                    key="extends",
                )
    return _fold(chain, f"sha256:{digests.hexdigest()}", path)


def _fold(chain: list[ProfileFile], digest: str, path: Path) -> Profile:
    """The chain from the youngest to the eldest as one profile: the younger word wins, tables are joined."""

    def first(name: str, default: object) -> object:
        for one in chain:
            value = getattr(one, name)
            if value is not msgspec.UNSET and value != "":
                return value
        return default

    required: dict[str, str] = {}
    parameters: dict[str, Scalar] = {}
    for one in reversed(chain):
        required |= one.required
        parameters |= one.parameters
    role, edition = first("role", ""), first("edition", "")
    for key, value in (("role", role), ("edition", edition)):
        if not value:
            raise FileError(path, f"says no {key}", f'add {key} = "..." or extends = "..."', key=key)
    for key in ("patience", "quiet"):
        if key in parameters and not is_duration(parameters[key]):
            problem = f"{parameters[key]!r} is no time"
            raise FileError(path, problem, "write seconds, a number above 0", key=f"parameters.{key}")
    return Profile(
        name=chain[0].name,
        version=chain[0].version,
        title=str(first("title", chain[0].name)),
        role=str(role),
        edition=str(edition),
        select=first("select", Selection()),  # type: ignore[arg-type]
        required=required,
        parameters=parameters,
        levels=tuple(first("levels", ["MUST"])),  # type: ignore[arg-type]
        valid_days=first("valid_days", 0),  # type: ignore[arg-type]
        digest=digest,
        path=path,
    )
