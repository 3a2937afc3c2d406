"""What there is: profiles, suites, roles, peers, cases and requirements, as values that can be printed or sent."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from harness import profile as profile_module
from harness import suite
from harness.case import Case
from harness.catalogue import citing
from harness.requirement import Requirement
from harness.results import Level
from testbed.dut import Description
from testbed.files import FileError
from testbed.launch import peers
from testbed.protocol import Role, roles


class ProfileEntry(msgspec.Struct, frozen=True):
    """A programme. When its file is wrong, `problem` says how and all else but name and file is empty."""

    name: str
    file: str
    version: str = ""
    title: str = ""
    role: str = ""
    edition: str = ""
    problem: str = ""


class SuiteEntry(msgspec.Struct, frozen=True):
    """A package of cases."""

    name: str
    title: str
    cases: int
    #: Edition -> number of requirements.
    catalogues: dict[str, int]


class RoleEntry(msgspec.Struct, frozen=True):
    """What a device under test can play."""

    name: str
    text: str
    editions: list[str]
    port: int
    #: Claim -> what it means.
    claims: dict[str, str]


class PeerEntry(msgspec.Struct, frozen=True):
    """A known third-party implementation."""

    name: str
    title: str
    role: str
    editions: list[str]
    #: The version that is or would be installed; empty when a system package is not installed.
    version: str
    installed: bool
    #: What this machine lacks.
    missing: list[str]
    #: What installs it.
    command: str


class CaseEntry(msgspec.Struct, frozen=True):
    """A case."""

    id: str
    role: str
    requirements: list[str]
    needs: list[str]
    #: Cells that it makes for one device in one edition.
    rows: int
    #: File and line.
    place: str


class RequirementEntry(msgspec.Struct, frozen=True):
    """A row of a catalogue."""

    id: str
    side: str
    level: Level
    clause: str
    text: str
    provisional: bool
    #: Side -> why it is not tried there.
    untried: dict[str, str]
    #: Cases that cite it.
    cases: list[str]


class Inventory(msgspec.Struct, omit_defaults=True):
    """The output of `testbed list --json`; a section that was not asked for is absent."""

    profiles: list[ProfileEntry] = []
    suites: list[SuiteEntry] = []
    roles: list[RoleEntry] = []
    peers: list[PeerEntry] = []
    cases: list[CaseEntry] = []
    requirements: list[RequirementEntry] = []
    #: From a factory, so that `omit_defaults` never leaves it out.
    format: str = msgspec.field(default_factory=lambda: "iot-testbed-list/1")


#: Sections in the order in which they are printed, and whether they are printed unasked.
SECTIONS = {"profiles": True, "suites": True, "roles": True, "peers": True, "cases": False, "requirements": False}


def take(sections: Sequence[str], paths: Sequence[Path] = ()) -> Inventory:
    """The inventory of the named sections. FileError when a folder of `paths` is none."""
    makers: dict[str, Callable[[], list[object]]] = {
        "profiles": lambda: [profile_entry(name, paths) for name in profile_module.places(paths)],
        "suites": lambda: [suite_entry(name) for name in suite.suites()],
        "roles": lambda: [role_entry(role) for role in roles().values()],
        "peers": lambda: list(all_peers()),
        "cases": lambda: [case_entry(case) for case in all_cases()],
        "requirements": lambda: list(all_requirements()),
    }
    return Inventory(**{section: makers[section]() for section in sections})  # type: ignore[arg-type]


def profile_entry(name: str, paths: Sequence[Path]) -> ProfileEntry:
    """The profile `name`, or what is wrong with it."""
    file = place(profile_module.places(paths)[name])
    try:
        found = profile_module.load(name, paths)
    except FileError as error:
        return ProfileEntry(name, file, problem=str(error))
    return ProfileEntry(name, file, found.version, found.title, found.role, found.edition)


def profiles_for(role: str, editions: Sequence[str], paths: Sequence[Path] = ()) -> list[profile_module.Profile]:
    """The sound profiles of a role in any of `editions`."""
    found = []
    for name in profile_module.places(paths):
        try:
            one = profile_module.load(name, paths)
        except FileError:
            continue  # `list profiles` says what is wrong with it
        if one.role == role and one.edition in editions:
            found.append(one)
    return found


def usual_profiles(role: str, editions: Sequence[str], paths: Sequence[Path] = ()) -> list[str]:
    """The name of one profile of a role for each of `editions`: they can be run together."""
    names: dict[str, str] = {}
    for one in profiles_for(role, editions, paths):
        names.setdefault(one.edition, one.name)
    return list(names.values())


def suite_entry(name: str) -> SuiteEntry:
    """The suite `name` with its numbers."""
    found = suite.suites()[name]
    catalogues = {edition: len(suite.own_catalogue(name, edition)) for edition in found.catalogues}
    return SuiteEntry(name, found.title, len(suite.cases(name)), catalogues)


def role_entry(role: Role) -> RoleEntry:
    """A role as it is printed."""
    return RoleEntry(role.name, role.text, list(role.editions), role.port, dict(role.claims))


def all_peers() -> list[PeerEntry]:
    """Every known peer. Their versions come from the descriptions and from one question to dpkg, not from
    starting them."""
    known = [peers.find(name) for name in peers.known()]
    installs = [peer.install for peer in known if peer.install and peer.install.registry == "debian"]
    system = _debian_versions([name for install in installs for name in install.packages])
    return [peer_entry(peer, system) for peer in known]


def peer_entry(peer: Description, system: dict[str, str] | None = None) -> PeerEntry:
    """A peer as it is printed; `system` are the versions of installed system packages."""
    version = peer.identity.version
    if peer.install and peer.install.packages:
        first = peer.install.packages[0]
        if peer.install.registry == "debian":
            found = _debian_versions(peer.install.packages) if system is None else system
            version = found.get(first, version)
        else:
            version = version or _pinned(first)
    missing = peers.installed(peer)
    return PeerEntry(
        peer.name,
        peer.title or peer.name,
        peer.role,
        list(peer.endpoints),
        version,
        not missing,
        missing,
        peers.command(peer),
    )


def _pinned(package: str) -> str:
    """`name==1.2`, `name@v1.2` and `group:name:1.2` end in a version."""
    for mark in ("==", "@", ":"):
        head, found, tail = package.rpartition(mark)
        if found and head and tail[:1].isalnum():
            return tail.removeprefix("v")
    return ""


def _debian_versions(packages: Sequence[str]) -> dict[str, str]:
    """Upstream versions of those of `packages` that are installed; none on a system without dpkg."""
    if not packages or shutil.which("dpkg-query") is None:
        return {}
    asked = ["dpkg-query", "-W", "-f", "${Package}\t${source:Upstream-Version}\t${db:Status-Status}\n", *packages]
    listed = subprocess.run(asked, capture_output=True, check=False, timeout=30).stdout.decode(errors="replace")
    rows = [line.split("\t") for line in listed.splitlines()]
    return {row[0]: row[1] for row in rows if len(row) == 3 and row[2] == "installed"}


def all_cases() -> list[Case]:
    """The cases of every suite, in the order of their ids."""
    return sorted((case for name in suite.suites() for case in suite.cases(name)), key=lambda case: case.id)


def case_entry(case: Case) -> CaseEntry:
    """A case as it is printed."""
    cited = [citation.id for citation in case.cites]
    return CaseEntry(case.id, suite.role_of(case).name, cited, list(case.needs), len(case.rows) or 1, source(case))


def all_requirements() -> list[RequirementEntry]:
    """Every row of every catalogue."""
    cited: dict[str, list[str]] = {}
    for role in roles().values():
        for id, cases in citing(role).items():
            cited.setdefault(id, []).extend(cases)
    editions = suite.editions()
    return [requirement_entry(row, cited) for edition in editions for row in suite.catalogue(edition).values()]


def requirement_entry(row: Requirement, cited: dict[str, list[str]]) -> RequirementEntry:
    """A row as it is printed; `cited` maps requirement ids to the cases that cite them."""
    cases = sorted(cited.get(row.id, []))
    return RequirementEntry(
        row.id, row.side, row.level, row.clause, row.text, row.provisional, dict(row.untried), cases
    )


def source(case: Case) -> str:
    """Where a case stands, `suites/mqtt/broker/connect.py:11`: relative to the folder of its top package."""
    file, line = case.place
    depth = case.run.__module__.count(".") + 1 + (Path(file).name == "__init__.py")
    return f"{Path(*Path(file).parts[-depth:]).as_posix()}:{line}"


def place(path: Path) -> str:
    """A path as a person knows it: from here, or from where the test bed is installed, or whole."""
    absolute = path.absolute()
    for root in (Path.cwd(), Path(__file__).parents[1]):
        if absolute.is_relative_to(root):
            return absolute.relative_to(root).as_posix()
    return str(path)
