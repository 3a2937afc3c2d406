"""Coverage: for each edition and role, which requirements have a case, which only a passive rule, which a reason,
which nothing; and how many statements of a catalogue are accounted for on every side that they bind."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

import msgspec

from harness import suite
from harness.catalogue import citing
from harness.profile import Profile
from harness.requirement import BOTH, Requirement
from harness.results import Level
from testbed.protocol import Role, roles


class Statement(msgspec.Struct, frozen=True):
    """A requirement of which something must be said."""

    id: str
    level: Level
    clause: str
    text: str
    #: Why it is said not to be tried.
    reason: str = ""
    cases: list[str] = []
    #: Whether a passive rule watches it in every case.
    watched: bool = False


class Count(msgspec.Struct, frozen=True):
    """Requirements of one clause or one level."""

    name: str
    #: All that bind the role's side: `tried` + `watched` + `untried` + `neither`.
    rows: int
    #: With a case.
    tried: int
    #: Without a case, with a passive rule.
    watched: int
    #: Without case and rule, with a reason.
    untried: int
    #: With none of them.
    neither: int


class Table(msgspec.Struct, frozen=True):
    """One role in one edition, as a profile selects it or whole."""

    edition: str
    role: str
    #: Empty when no profile narrows it.
    profile: str
    #: With a case or a rule / testable (all but those with a reason only), rounded down to a tenth of a percent.
    percent: float
    clauses: list[Count]
    levels: list[Count]
    total: Count
    #: With a case.
    covered: list[Statement]
    #: Without a case, with a passive rule.
    watched: list[Statement]
    #: Without case and rule, with a reason.
    untried: list[Statement]
    #: With none of them.
    missing: list[Statement]
    #: With a case, and with a reason why there is none; these are in `covered` too.
    contradictions: list[Statement]


class Account(msgspec.Struct, frozen=True):
    """The statements of one catalogue, whichever side they bind."""

    suite: str
    catalogue: str
    statements: int
    #: Those that have a case, a passive rule or a reason for every side they bind.
    accounted: int


class Coverage(msgspec.Struct):
    """The output of `testbed coverage --json`."""

    tables: list[Table]
    #: One of each catalogue of each suite; none when profiles narrow the tables.
    accounts: list[Account] = []
    format: str = "iot-testbed-coverage/1"


def whole() -> Coverage:
    """Every role in every edition that has a catalogue."""
    known = suite.editions()
    tables = [table(role, edition) for role in roles().values() for edition in role.editions if edition in known]
    accounts = [account(one.name, edition, tables) for one in suite.suites().values() for edition in one.catalogues]
    return Coverage(tables, accounts)


def account(name: str, edition: str, tables: Sequence[Table]) -> Account:
    """How many statements of one suite's catalogue all of its `tables` account for. For a side that no installed role
    plays, only a reason does."""
    missing: dict[str, set[str]] = {}
    for one in tables:
        if one.edition == edition:
            missing.setdefault(roles()[one.role].side, set()).update(statement.id for statement in one.missing)
    rows = suite.own_catalogue(name, edition).values()
    sides = {side for row in rows if row.side != BOTH for side in row.sides} | missing.keys()

    def accounted(row: Requirement, side: str) -> bool:
        return row.id not in missing[side] if side in missing else side in row.untried

    done = [row for row in rows if all(accounted(row, side) for side in sides if row.binds(side))]
    return Account(name, edition, len(rows), len(done))


def of(profiles: Sequence[Profile]) -> Coverage:
    """Each of `profiles`, its selection of requirements and cases applied. LookupError when its role or its
    edition is not installed."""
    tables = []
    for profile in profiles:
        role = roles().get(profile.role)
        if role is None:
            known = ", ".join(roles())
            raise LookupError(f"{profile.name}: no installed protocol has the role {profile.role!r}; known: {known}")
        tables.append(table(role, profile.edition, profile))
    return Coverage(tables)


def table(role: Role, edition: str, profile: Profile | None = None) -> Table:
    """The figures of one role in one edition."""
    cases = citing(role) if profile is None else _taken(role, profile)
    watched = role.watched(edition)
    statements = [
        Statement(
            row.id,
            row.level,
            row.clause,
            row.text,
            row.untried.get(role.side, ""),
            cases.get(row.id, []),
            row.number in watched,
        )
        for row in suite.catalogue(edition).values()
        if row.binds(role.side) and (profile is None or _wants(profile, row))
    ]
    total = _count("all", statements)
    testable = total.rows - total.untried
    return Table(
        edition,
        role.name,
        profile.name if profile else "",
        math.floor(1000 * (total.tried + total.watched) / testable) / 10 if testable else 100.0,
        _by(statements, lambda one: group(one.clause)),
        _by(statements, lambda one: one.level),
        total,
        [one for one in statements if one.cases],
        [one for one in statements if one.watched and not one.cases],
        [one for one in statements if one.reason and not one.cases and not one.watched],
        [one for one in statements if not one.cases and not one.watched and not one.reason],
        [one for one in statements if one.cases and one.reason],
    )


def _wants(profile: Profile, row: Requirement) -> bool:
    chosen = profile.select
    return any(fnmatchcase(row.number, pattern) for pattern in chosen.requirements) and not any(
        fnmatchcase(row.number, pattern) for pattern in chosen.without
    )


def _taken(role: Role, profile: Profile) -> dict[str, list[str]]:
    """Requirement id -> ids of the cases that the profile takes."""
    found: dict[str, list[str]] = {}
    for name in profile.select.suites or suite.suites():
        if name not in suite.suites():
            raise LookupError(f"{profile.name} selects from the suite {name!r}, which is not installed")
        for case in suite.cases(name):
            if suite.role_of(case) is role and profile.takes(case):
                for citation in case.cites:
                    found.setdefault(citation.id, []).append(case.id)
    return found


def group(clause: str) -> str:
    """The first two numbers of a clause: 3.1.2.11 belongs to 3.1."""
    return ".".join(clause.split(".")[:2])


def _by(statements: Sequence[Statement], key: Callable[[Statement], str]) -> list[Count]:
    """Counts in the order in which the names come first."""
    groups: dict[str, list[Statement]] = {}
    for one in statements:
        groups.setdefault(key(one), []).append(one)
    return [_count(name, members) for name, members in groups.items()]


def _count(name: str, statements: Sequence[Statement]) -> Count:
    tried = sum(bool(one.cases) for one in statements)
    watched = sum(one.watched and not one.cases for one in statements)
    untried = sum(bool(one.reason) and not one.cases and not one.watched for one in statements)
    return Count(name, len(statements), tried, watched, untried, len(statements) - tried - watched - untried)


def holes(one: Table, fail_under: float = 100.0) -> bool:
    """Whether a table must fail a gate: a contradiction in any case, and a statement with nothing unless the
    figure keeps `fail_under` percent (below 100)."""
    if one.contradictions:
        return True
    return bool(one.missing) if fail_under >= 100 else one.percent < fail_under
