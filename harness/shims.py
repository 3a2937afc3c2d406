"""Checking shims: which room knows how, and what came of it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from testbed.dut import Shim, read_description
from testbed.launch import peers
from testbed.launch.placed import LaunchError
from testbed.launch.programs import find_program, peers_root
from testbed.protocol import Role, ShimCheck, roles

#: Lines of its standard error that are shown of a shim that failed.
SHOWN = 8


class Checked(msgspec.Struct):
    """The output of `testbed check-shim --json`."""

    #: The name of its description, or its command.
    shim: str
    role: str
    #: Whether every check went well.
    passed: bool
    checks: list[ShimCheck]
    #: The last lines that it wrote to standard error, where a check failed.
    log: str = ""
    format: str = "iot-testbed-shim-check/1"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A shim to check: how it is started, and the folder of its description."""

    name: str
    role: Role
    launch: Shim
    here: Path


class NoShim(ValueError):
    """What was named is no shim; the text says what to do."""


def wanted(words: Sequence[str], role: str | None = None) -> Wanted:
    """`words` are the file of a description, the name of a known peer, or a command. NoShim, FileError or LookupError
    when they are none; LaunchError when it is not installed."""
    if len(words) == 1 and (words[0].endswith(".toml") or words[0] in peers.known() or not find_program(words[0])):
        return _described(words[0])
    # A shim runs in a folder of its own, but a command names its files as seen from here.
    command = [words[0], *(str(Path(word).absolute()) if _is_file(word) else word for word in words[1:])]
    return Wanted(" ".join(words), _role_of_a_command(role), Shim(command), Path.cwd())


def _is_file(word: str) -> bool:
    """Whether a word of a command names a file or, beyond doubt, a folder."""
    try:
        return bool(word) and (Path(word).is_file() or ("/" in word and Path(word).is_dir()))
    except OSError:  # longer than a name can be
        return False


def _described(text: str) -> Wanted:
    path = Path(text) if text.endswith(".toml") else None
    description = read_description(path) if path else peers.find(text)
    here = path.absolute().parent if path else peers.shipped()
    if not isinstance(description.launch, Shim):
        raise NoShim(f'{description.name} is no shim; check-shim is for descriptions with launch.how = "shim"')
    lacking = peers.installed(description, here)
    if lacking:
        how = peers.command(description) or "install it, or correct launch.command and .requires"
        raise LaunchError(f"{description.name}: is not installed: {', '.join(lacking)} not found\n  remedy: {how}")
    role = roles().get(description.role)
    if role is None or role.check_shim is None:
        raise NoShim(f"{description.name}: nobody checks shims of the role {description.role!r}; known: {_known()}")
    return Wanted(description.name, role, description.launch, here)


def _role_of_a_command(name: str | None) -> Role:
    able = {role.name: role for role in roles().values() if role.check_shim is not None}
    if name is None and len(able) == 1:
        return next(iter(able.values()))
    if name not in able:
        raise NoShim(f"say with --role whose shim it is: {_known()}")
    return able[name]


def _known() -> str:
    return ", ".join(role.name for role in roles().values() if role.check_shim is not None) or "none"


async def checked(shim: Wanted, tell: Callable[[ShimCheck], None]) -> Checked:
    """Check it, and `tell` each check as it is done. LaunchError when it cannot be run."""
    assert shim.role.check_shim is not None
    found: list[ShimCheck] = []
    values = {"peers": str(peers_root()), "here": str(shim.here)}
    with tempfile.TemporaryDirectory(prefix="iot-testbed-shim-") as folder:
        log = Path(folder) / "stderr.log"
        log.touch()
        async for one in shim.role.check_shim(shim.name, shim.launch, values, Path(folder), log):
            found.append(one)
            tell(one)
        passed = all(one.ok for one in found)
        said = [] if passed else log.read_bytes()[-65536:].decode(errors="replace").splitlines()[-SHOWN:]
    return Checked(shim.name, shim.role.name, passed, found, "\n".join(said))
