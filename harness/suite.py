"""Suites: packages of cases and the catalogues they cite, found through entry points `testbed.suites`."""

from __future__ import annotations

import hashlib
import importlib
import importlib.machinery
import importlib.util
import pkgutil
import sys
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from harness.case import Case, cases_of
from harness.requirement import Citation, Requirement, read_catalogue
from testbed.protocol import Role, roles


class SuiteError(Exception):
    """A suite contradicts itself; its text says where and what to do."""


@dataclass(frozen=True, slots=True)
class Suite:
    """A package of cases. `catalogues` maps an edition to its TSV, relative to the package; several suites may have
    rows for one edition."""

    name: str
    package: str
    catalogues: dict[str, str]
    title: str = ""

    def cite(self, edition: str, prefix: str) -> Cite:
        """What cases use to cite: `v5 = SUITE.cite("mqtt-5.0", "MQTT-")`, then `@case(v5("3.1.0-2"))`."""
        return Cite(edition, prefix)


@dataclass(frozen=True, slots=True)
class Cite:
    """Makes citations of one catalogue."""

    edition: str
    prefix: str

    def __call__(self, number: str) -> Citation:
        return Citation(self.edition, self.prefix + number)


#: Folders with cases that were named for this run, by the name of the folder.
_FOLDERS: dict[str, Path] = {}


def suites() -> dict[str, Suite]:
    """Every installed suite, and those of folders, by name."""
    return _installed() | {name: Suite(name, name, {}, str(folder)) for name, folder in _FOLDERS.items()}


@cache
def _installed() -> dict[str, Suite]:
    return {e.name: e.load() for e in sorted(entry_points(group="testbed.suites"), key=lambda e: e.name)}


def folders() -> dict[str, Path]:
    """The folders that were added as suites, by name. Every profile of the role and edition selects their cases."""
    return dict(_FOLDERS)


def add_folder(folder: Path) -> None:
    """Take the modules (`*.py`) of a folder as one more suite, called as the folder is. SuiteError says what is in
    the way, or wrong with a module."""
    folder = folder.absolute()
    name = folder.name
    if not folder.is_dir():
        raise SuiteError(f"{folder} is no folder: give --suite-path a folder with modules of cases")
    if _FOLDERS.get(name) == folder:
        return
    if not name.isidentifier() or name in suites() or _is_taken(name, folder):
        raise SuiteError(
            f"{folder}: a suite cannot be called {name!r}, which is no name for Python or taken; rename the folder"
        )
    spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    sys.modules[name] = importlib.util.module_from_spec(spec)
    _FOLDERS[name] = folder
    try:
        found = cases(name)
    except SuiteError:
        del _FOLDERS[name], sys.modules[name]
        raise
    except Exception as error:
        # Whatever a module of somebody else's throws is its author's to mend.
        del _FOLDERS[name], sys.modules[name]
        raise SuiteError(f"{folder}: a module cannot be loaded: {type(error).__name__}: {error}") from None
    if not found:
        raise SuiteError(f"{folder}: no module in it has a case; `testbed new case` writes one")


def _is_taken(name: str, folder: Path) -> bool:
    """Whether `import name` finds something else than `folder`."""
    found = importlib.util.find_spec(name)
    return found is not None and str(folder) not in [
        str(Path(place).absolute()) for place in found.submodule_search_locations or ()
    ]


@cache
def catalogue(edition: str) -> dict[str, Requirement]:
    """The rows of an edition by number, from every suite that has some. LookupError when none has; SuiteError when
    two of them use one number."""
    rows: dict[str, Requirement] = {}
    for suite in suites().values():
        if edition in suite.catalogues:
            more = own_catalogue(suite.name, edition)
            twice = sorted(rows.keys() & more.keys())
            if twice:
                raise SuiteError(
                    f"the suite {suite.name} has rows for {edition} that another suite has: {', '.join(twice[:5])}; "
                    f"give them numbers with a prefix of their own"
                )
            rows |= more
    if not rows:
        raise LookupError(f"no installed suite has a catalogue {edition!r}")
    return rows


def editions() -> list[str]:
    """Every edition that some suite has rows for, once."""
    return list(dict.fromkeys(edition for suite in suites().values() for edition in suite.catalogues))


@cache
def own_catalogue(suite: str, edition: str) -> dict[str, Requirement]:
    """The rows that one suite has for an edition, by number."""
    found = suites()[suite]
    return read_catalogue(edition, files(found.package).joinpath(found.catalogues[edition]))


def requirement(id: str) -> Requirement:
    """By full id, `mqtt-5.0:MQTT-3.1.0-2`. LookupError when there is none."""
    edition, _, number = id.partition(":")
    found = catalogue(edition).get(number)
    if found is None:
        raise LookupError(f"the catalogue {edition} has no {number}")
    return found


def modules(package: str) -> list[str]:
    """The names of all modules in a suite's package, sorted."""
    root = importlib.import_module(package)
    return sorted(m.name for m in pkgutil.walk_packages(root.__path__, package + "."))


def role_of(case: Case) -> Role:
    """The role a case tests, by the annotation of its handle."""
    handle = case.handle()
    for role in roles().values():
        if role.handle is handle:
            return role
    raise SuiteError(f"{case.id}: no installed protocol has a role with the handle {handle.__name__}")


@cache
def cases(suite: str) -> tuple[Case, ...]:
    """All cases of a suite, each citation checked against its catalogue."""
    found: list[Case] = []
    for name in modules(suites()[suite].package):
        found += cases_of(importlib.import_module(name))
    for case in found:
        check(case)
    return tuple(found)


def check(case: Case) -> None:
    """SuiteError when a case cites what is in no catalogue, or what does not bind its role."""
    role = role_of(case)
    for citation in case.cites:
        file, line = case.place
        try:
            row = requirement(citation.id)
        except LookupError as error:
            raise SuiteError(f"{file}:{line}: {case.name} cites {citation.id}: {error}") from None
        if not row.binds(role.side):
            raise SuiteError(
                f"{file}:{line}: {case.name} cites {citation.id}, which binds the {row.side}, not the {role.side}"
            )


def digest(suite: str) -> str:
    """SHA-256 over every file of the suite's package, by name."""
    total = hashlib.sha256()
    todo: list[tuple[str, Traversable]] = [("", _FOLDERS.get(suite) or files(suites()[suite].package))]
    while todo:
        prefix, folder = todo.pop()
        for entry in sorted(folder.iterdir(), key=lambda e: e.name):
            name = f"{prefix}/{entry.name}"
            if entry.is_dir():
                if entry.name != "__pycache__":
                    todo.append((name, entry))
            elif not entry.name.endswith(".pyc"):
                total.update(name.encode() + b"\0" + hashlib.sha256(entry.read_bytes()).digest())
    return f"sha256:{total.hexdigest()}"
