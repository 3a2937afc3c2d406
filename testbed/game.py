"""Games: a protocol room plays many short conversations against a device, and says what it finds.

A game is found in `Role.games`. It makes up its moves from a seed, judges each conversation by itself, and reports
every distinct deviation once, with the fewest moves that still show it. Moves are data: they are stored, replayed
and made into cases.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from testbed.trial import Trial

#: One move as plain data, as it stands in a trace.
Move = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Budget:
    """How long a game goes on: until `examples` conversations were played or `seconds` have passed, whichever is
    first. `lanes` conversations are played at once. The same seed makes up the same conversations."""

    examples: int
    seconds: float
    seed: int
    lanes: int = 8


@dataclass(frozen=True, slots=True)
class Deviation:
    """One thing a device does that no rule of the game allows."""

    #: Full id of the requirement, `mqtt-5.0:MQTT-4.5.0-1`.
    requirement: str
    #: A short stable name: two deviations with the same requirement and kind are one.
    kind: str
    expected: str
    came: str
    #: The fewest moves that were found to show it.
    moves: tuple[Move, ...]

    @property
    def signature(self) -> tuple[str, str]:
        return self.requirement, self.kind


@dataclass(frozen=True, slots=True)
class Arena:
    """What a game gets of the device it plays against."""

    #: Makes the trial of one conversation; each has a scope of its own.
    trial: Callable[[], Trial]
    #: Told of every distinct deviation, once it has been made as short as it gets.
    found: Callable[[Deviation], None]
    #: Told how many conversations were played so far.
    played: Callable[[int], None]
    #: Why the device does not live any more; empty while it does.
    dead: Callable[[], str]
    #: Bytes of memory that the device holds; 0 when nobody knows.
    memory: Callable[[], int]
    #: Starts a dead device again; False when that cannot be done.
    revive: Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Game:
    """A way to play against a role."""

    name: str
    #: What it does, in a few words.
    text: str
    #: Plays until the budget is spent.
    play: Callable[[Arena, Budget], Awaitable[None]]
    #: Plays the given moves once: returns when every rule held, raises `Violation` (with its requirement) when one
    #: did not, `Inconclusive` when the moves could not be made, ValueError when they are no moves of this game.
    replay: Callable[[Trial, Sequence[Move]], Awaitable[None]]
    #: The moves as lines for people.
    tell: Callable[[Sequence[Move]], list[str]]
    #: Whether a conversation may harm others, so that it takes the device alone.
    alone: bool = False
