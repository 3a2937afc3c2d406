"""Suites: packages of cases and the catalogues they cite, found through entry points `testbed.suites`."""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from importlib.resources import files

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


@cache
def suites() -> dict[str, Suite]:
    """Every installed suite, by name."""
    return {e.name: e.load() for e in sorted(entry_points(group="testbed.suites"), key=lambda e: e.name)}


@cache
def catalogue(edition: str) -> dict[str, Requirement]:
    """The rows of an edition by number, from every suite that has some. LookupError when none has; SuiteError when
    two of them use one number."""
    rows: dict[str, Requirement] = {}
    for suite in suites().values():
        if edition in suite.catalogues:
            more = read_catalogue(edition, files(suite.package).joinpath(suite.catalogues[edition]))
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
    todo = [("", files(suites()[suite].package))]
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
