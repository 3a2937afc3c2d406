"""What a name means: a case, a requirement, a profile, a peer, a role or a suite, and everything known of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

import msgspec

from harness import inventory, suite
from harness import profile as profile_module
from harness.case import Case
from harness.inventory import PeerEntry, RequirementEntry, RoleEntry, SuiteEntry
from harness.profile import Profile
from harness.results import Level
from testbed.dut import Description, Launch, Scalar
from testbed.launch import peers
from testbed.launch.identity import identify
from testbed.protocol import roles

#: Candidates that a message lists.
MOST = 12


class CaseShown(msgspec.Struct, frozen=True):
    """A case and what it cites."""

    id: str
    sentence: str
    text: str
    role: str
    requirements: list[RequirementEntry]
    needs: list[str]
    exclusive: bool
    #: Seconds of the protocol's own waiting.
    lasts: float
    #: Row -> its value as Python writes it, cut after 200 characters.
    rows: dict[str, str]
    aliases: list[str]
    place: str
    #: What runs it.
    commands: list[str]


class RequirementShown(msgspec.Struct, frozen=True):
    """A requirement, the cases that cite it and where they stand."""

    row: RequirementEntry
    #: Case -> file and line.
    places: dict[str, str]
    commands: list[str]


class ProfileShown(msgspec.Struct, frozen=True):
    """A profile with its ancestors folded in, and what it selects."""

    name: str
    version: str
    title: str
    role: str
    edition: str
    levels: list[Level]
    required: dict[str, str]
    parameters: dict[str, Scalar]
    valid_days: int
    cases: list[str]
    file: str
    digest: str
    commands: list[str]


class PeerShown(msgspec.Struct, frozen=True):
    """A peer, its identity on this machine, and how it is started."""

    entry: PeerEntry
    vendor: str
    homepage: str
    digest: str
    endpoints: dict[str, str]
    claims: dict[str, bool]
    parameters: dict[str, Scalar]
    launch: list[str]
    file: str
    commands: list[str]


class Shown(msgspec.Struct):
    """The output of `testbed show --json`. A number without its edition means the row of every edition."""

    cases: list[CaseShown] = []
    requirements: list[RequirementShown] = []
    profiles: list[ProfileShown] = []
    peers: list[PeerShown] = []
    roles: list[RoleEntry] = []
    suites: list[SuiteEntry] = []
    format: str = "iot-testbed-show/1"


def find(name: str, paths: Sequence[Path] = ()) -> Shown:
    """What `name` means. LookupError lists the candidates when it could mean several things, and close ones when
    it means nothing."""
    if name in profile_module.places(paths):
        return Shown(profiles=[_profile(profile_module.load(name, paths))])
    if name in peers.known():
        return Shown(peers=[_peer(peers.find(name), paths)])
    if name in roles():
        return Shown(roles=[inventory.role_entry(roles()[name])])
    if name in suite.suites():
        return Shown(suites=[inventory.suite_entry(name)])
    rows = _rows(name)
    if rows:
        return Shown(requirements=[_requirement(row, paths) for row in rows])
    found = _cases(name)
    if found:
        return Shown(cases=[_case(one, paths) for one in found])
    known = [*profile_module.places(paths), *peers.known(), *roles(), *suite.suites()]
    known += [word for one in inventory.all_cases() for word in (one.id, one.name)]
    known += [word for row in inventory.all_requirements() for word in _names(row.id)]
    close = list(dict.fromkeys(get_close_matches(name, known, 4, 0.6)))
    hint = f"did you mean {', '.join(close)}?" if close else "`testbed list` names what there is"
    raise LookupError(f"nothing is called {name!r}; {hint}")


def _names(id: str) -> tuple[str, str, str]:
    """A requirement's full id, its number, and its number without the catalogue's prefix."""
    number = id.partition(":")[2]
    return id, number, number.partition("-")[2] or number


def _rows(name: str) -> list[RequirementEntry]:
    edition, _, short = name.partition(":")
    found = [
        row
        for row in inventory.all_requirements()
        if name in _names(row.id) or (short and row.id.startswith(f"{edition}:") and short in _names(row.id))
    ]
    _one(name, "requirement", {_names(row.id)[1] for row in found})
    return found


def _cases(name: str) -> list[Case]:
    """The case that `name` means; a cell's id or a row in brackets is its case."""
    wanted = name.partition("[")[0]
    known = inventory.all_cases()
    for fits in (
        lambda one: wanted == one.id or wanted in one.aliases,
        lambda one: one.id.endswith(f".{wanted}") or any(old.endswith(f".{wanted}") for old in one.aliases),
        lambda one: bool(wanted) and one.id.endswith(wanted),
    ):
        found = [one for one in known if fits(one)]
        if found:
            _one(name, "case", [one.id for one in found])
            return found
    return []


def _one(name: str, what: str, candidates: Iterable[str]) -> None:
    """LookupError when there is more than one candidate."""
    names = sorted(candidates)
    if len(names) > 1:
        more = f"\n  and {len(names) - MOST} more" if len(names) > MOST else ""
        listed = "".join(f"\n  {one}" for one in names[:MOST])
        raise LookupError(f"{name!r} could be any of {len(names)} {what}s; write one of them:{listed}{more}")


def _case(one: Case, paths: Sequence[Path]) -> CaseShown:
    role = suite.role_of(one).name
    rows = {row.id: row for row in inventory.all_requirements()}
    takers = [p for p in inventory.profiles_for(role, one.editions(), paths) if p.takes(one)]
    return CaseShown(
        one.id,
        one.sentence,
        one.text,
        role,
        [rows[citation.id] for citation in one.cites],
        list(one.needs),
        bool(one.exclusive),
        one.lasts,
        {row: repr(value)[:200] for row, value in one.rows.items()},
        list(one.aliases),
        inventory.source(one),
        [f"testbed run {taker.name} --dut DUT --case {one.id}" for taker in takers],
    )


def _requirement(row: RequirementEntry, paths: Sequence[Path]) -> RequirementShown:
    citing = [one for one in inventory.all_cases() if one.id in row.cases]
    edition, _, number = row.id.partition(":")
    names = [
        taker.name
        for role in dict.fromkeys(suite.role_of(one).name for one in citing)
        for taker in inventory.profiles_for(role, [edition], paths)
        if any(taker.takes(one) for one in citing)
    ]
    return RequirementShown(
        row,
        {one.id: inventory.source(one) for one in citing},
        [f"testbed run {name} --dut DUT --requirement {number}" for name in names],
    )


def _profile(one: Profile) -> ProfileShown:
    names = one.select.suites or list(suite.suites())
    unknown = sorted(set(names) - set(suite.suites()))
    if unknown:
        raise LookupError(f"{one.name} selects from suites that are not installed: {', '.join(unknown)}")
    taken = [
        case.id
        for name in names
        for case in suite.cases(name)
        if suite.role_of(case).name == one.role and one.takes(case)
    ]
    fitting = [
        peer.name
        for peer in sorted(inventory.all_peers(), key=lambda peer: not peer.installed)
        if peer.role == one.role and one.edition in peer.editions
    ]
    return ProfileShown(
        one.name,
        one.version,
        one.title,
        one.role,
        one.edition,
        list(one.levels),
        one.required,
        one.parameters,
        one.valid_days,
        taken,
        inventory.place(one.path),
        one.digest,
        [f"testbed run {one.name} --dut {target}" for target in ("host:port", "dut.toml", *fitting[:1])],
    )


def _peer(one: Description, paths: Sequence[Path]) -> PeerShown:
    entry = inventory.peer_entry(one)
    version, digest = asyncio.run(identify(one, {})) if entry.installed else ("", "")
    fitting = inventory.usual_profiles(one.role, list(one.endpoints), paths)
    return PeerShown(
        msgspec.structs.replace(entry, version=version or entry.version),
        one.vendor,
        one.homepage,
        digest,
        one.endpoints,
        one.claims,
        one.parameters,
        list(one.launch.command) if isinstance(one.launch, Launch) else [],
        inventory.place(peers.known()[one.name]),
        [f"testbed run {' '.join(fitting)} --dut {one.name}"] if fitting else [],
    )
