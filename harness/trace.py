"""Traces: what a game found, with the moves that show it again; and how one becomes a named case."""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from harness.results import Verdict
from testbed.files import FileError, read_text
from testbed.game import Game
from testbed.protocol import Role, roles
from testbed.trial import Trial

FORMAT = "iot-testbed-trace/1"
#: Bytes of a trace file, at most.
LARGEST = 1 << 20


class Trace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a game found: one deviation of one device, and the moves that show it again."""

    #: Role of the device, and the game of that role.
    role: str
    game: str
    edition: str
    #: Catalogue and id, `mqtt-5.0:MQTT-4.5.0-1`.
    requirement: str
    #: A short stable name: two deviations with the same requirement and kind are one.
    kind: str
    expected: str
    came: str
    #: The fewest moves that were found to show it; what they may hold is the game's.
    moves: list[dict[str, Any]]
    #: The same moves, a line each, for people.
    text: list[str] = []
    #: Name and version of the device it was found on.
    dut: str = ""
    version: str = ""
    #: `fail` when every replay showed it, else `inconclusive`.
    verdict: Verdict = "fail"
    #: Replays that showed it, of how many.
    shown: int = 0
    replays: int = 0
    #: Seed of the game that found it.
    seed: int = 0
    #: The command that plays it again.
    command: str = ""
    format: str = FORMAT


def read(path: Path) -> Trace:
    """The trace in `path`, its moves checked by its game. FileError says what is wrong with it."""
    if path.is_file() and path.stat().st_size > LARGEST:
        raise FileError(path, f"is larger than {LARGEST >> 20} MiB, which no trace is", "give a trace")
    text = read_text(path)
    try:
        trace = msgspec.json.decode(text.encode(), type=Trace)
    except (msgspec.DecodeError, RecursionError) as error:
        raise FileError(path, f"is no trace: {error}", "give a file that `testbed play --out` wrote") from None
    if trace.format != FORMAT:
        raise FileError(path, f"is of the format {trace.format!r}", f"give one of the format {FORMAT}")
    try:
        game_of(trace.role, trace.game).tell(trace.moves)
    except (LookupError, ValueError) as error:
        raise FileError(path, str(error), "correct its moves, role or game") from None
    return trace


def write(trace: Trace, folder: Path) -> Path:
    """Write the trace into `folder`, under a name that says what it shows."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = re.sub(r"[^a-z0-9]+", "-", f"{trace.dut}-{trace.edition}-{trace.kind}".lower()).strip("-")[:100]
    number, path = 1, folder / f"{stem}.trace.json"
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}.trace.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(trace), indent=1) + b"\n")
    return path


def game_of(role: str, name: str) -> Game:
    """A game of a role; LookupError says which there are."""
    found = roles().get(role)
    if found is None:
        raise LookupError(f"no installed protocol has a role {role!r}; there are {', '.join(roles())}")
    for game in found.games:
        if game.name == name:
            return game
    known = ", ".join(game.name for game in found.games) or "none"
    raise LookupError(f"the role {role} has no game {name!r}; it has {known}")


async def replayed(trial: Trial, role: str, game: str, moves: Sequence[dict[str, Any]]) -> None:
    """Play moves once, as a case does. Violation when the device deviates, Inconclusive when they cannot be made."""
    await game_of(role, game).replay(trial, moves)


# -- a case


def case_file(trace: Trace, name: str) -> str:
    """The text of a module with one case called `name`, which plays the trace."""
    role = roles()[trace.role]
    handle = role.handle
    parameter = re.sub(r"\W", "", handle.__name__).lower() or "device"
    said = "\n".join(f"    {line}" for line in trace.text)
    catalogue, _, number = trace.requirement.partition(":")
    lone = f", exclusive=True, lasts={60.0}" if game_of(trace.role, trace.game).alone else ""
    device = f"{_plain(trace.dut)} {_plain(trace.version)}".strip()
    return f'''"""Found by the game {trace.game} on {device} (seed {trace.seed})."""

from __future__ import annotations

from harness.case import case
from harness.requirement import Citation
from harness.trace import replayed
from {handle.__module__} import {handle.__qualname__}

MOVES = {_moves(trace.moves)}


@case(Citation({catalogue!r}, {number!r}){lone})
async def {name}({parameter}: {handle.__qualname__}) -> None:
    """{_plain(trace.kind)[:1].upper()}{_plain(trace.kind)[1:]}:

{_plain(said)}
    """
    await replayed({parameter}.trial, {trace.role!r}, {trace.game!r}, MOVES)
'''


def proper_name(name: str) -> str:
    """`name` when it can be that of a case; ValueError says why not."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{2,120}", name) or keyword.iskeyword(name):
        raise ValueError(f"{name!r} is no name for a case: use small letters, digits and _, as in a sentence")
    return name


def _plain(text: str) -> str:
    """Safe inside a docstring."""
    kept = "".join(c if c.isprintable() or c == "\n" else "?" for c in text)
    return kept.replace("\\", "/").replace('"', "'")


def _moves(moves: Sequence[dict[str, Any]]) -> str:
    lines = "".join(f"    {move!r},\n" for move in moves)
    return f"[\n{lines}]"


def role_of(trace: Trace) -> Role:
    """The role that the trace is about."""
    return roles()[trace.role]
