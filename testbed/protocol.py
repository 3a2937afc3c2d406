"""What a protocol room announces: its roles, and for each role the tester, the rules, the faults.

A room is found through the entry-point group `testbed.protocols`; ours use the same door as anybody's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from testbed.dut import Dut, Shim
from testbed.game import Game
from testbed.link.tap import Tap
from testbed.trial import Cutter, Trial, Watch


@dataclass(slots=True)
class Planted:
    """One planting of a fault into one cell; shared by the taps of all its connections."""

    #: Whether the fault found anything to break.
    touched: bool = False
    #: What the taps remember from one connection to the next.
    memory: dict[Any, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fault:
    """A planted fault: a tap that breaks one requirement. `tap` makes one a connection."""

    name: str
    edition: str
    #: Id of the requirement it breaks, without catalogue.
    requirement: str
    #: What the DUT seems to do, in a sentence.
    text: str
    tap: Callable[[Planted], Tap]


@dataclass(frozen=True, slots=True)
class ShimCheck:
    """What one check of a shim came to."""

    name: str
    #: The edition it was tried in; empty where that is no matter.
    edition: str = ""
    #: What was found, where that is worth saying.
    found: str = ""
    ok: bool = True
    #: Of a check that failed: what was expected, what came, and what to do.
    expected: str = ""
    came: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Format:
    """A format of a room's own, which is published beside those of the test bed."""

    #: `shim-order.schema.json`
    file: str
    title: str
    #: The types of which a value is one: structs.
    kinds: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Role:
    """What a device under test can play, and how it is tested in that role."""

    name: str
    #: The side of a catalogue that binds it: `server`, `client`.
    side: str
    #: What it is, in a few words.
    text: str
    #: Editions it can be tested in, the oldest first; each is the name of a catalogue.
    editions: tuple[str, ...]
    #: The handle that a case's first parameter is annotated with.
    handle: type
    #: Makes the handle for one trial.
    tester: Callable[[Trial], AbstractAsyncContextManager[object]]
    #: Returns when the DUT answers as this role does; OSError or TimeoutError while it does not.
    ready: Callable[[Dut], Awaitable[None]]
    #: Probes the features that can be seen from outside; `{claim: there}`.
    discover: Callable[[Trial], Awaitable[dict[str, bool]]]
    #: Claim -> what it means, in a few words.
    claims: dict[str, str]
    #: Passive rules over one connection.
    watch: Callable[[Trial, int], Watch] | None
    #: Makes the cutter of one direction of a stream.
    cutter: Callable[[], Cutter]
    #: One frame as a line of text.
    dissect: Callable[[str, bytes], str]
    #: Planted faults of an edition.
    faults: Callable[[str], tuple[Fault, ...]]
    #: IANA port, for captures and for `testbed new dut HOST`.
    port: int
    #: Which editions of this role answer at an address, most specific knowledge first; None for a device that has no
    #: address, because it comes to the tester.
    probe: Callable[[Dut], Awaitable[dict[str, str]]] | None
    #: The statements of an edition that `watch` watches, without catalogue.
    watched: Callable[[str], frozenset[str]] = lambda edition: frozenset()
    #: Whether a shim keeps its format: its name, how it is started, what fills its placeholders, a folder for it, and
    #: a file for its standard error. None where there are no shims.
    check_shim: Callable[[str, Shim, Mapping[str, str], Path, Path], AsyncIterator[ShimCheck]] | None = None
    #: Games that can be played against it, the usual one first.
    games: tuple[Game, ...] = ()

    @property
    def comes(self) -> bool:
        """Whether the device connects to the tester, and so has no address at which it could be probed."""
        return self.probe is None


@dataclass(frozen=True, slots=True)
class ProtocolRoom:
    """One protocol's furniture."""

    name: str
    roles: tuple[Role, ...]
    #: Finds the protocol in a capture: from the first bytes of who opened a connection, the edition they speak (which
    #: may be one that no role can be tested in). An empty text when they are too few to tell, None when it is another
    #: protocol.
    detect: Callable[[bytes], str | None] | None = None
    #: What who opened a connection calls itself, from the edition and its first frame; an empty text for nothing.
    introduces: Callable[[str, bytes], str] | None = None
    #: Formats that others than the test bed read and write.
    formats: tuple[Format, ...] = ()
    #: Makes the cutter of one direction of a captured stream, which takes every frame that the protocol allows.
    cutter: Callable[[], Cutter] | None = None


@cache
def rooms() -> tuple[ProtocolRoom, ...]:
    """Every installed protocol room, by the name of its entry point."""
    return tuple(entry.load() for entry in sorted(entry_points(group="testbed.protocols"), key=lambda e: e.name))


@cache
def roles() -> dict[str, Role]:
    """Every role of every installed protocol room, by name."""
    return {role.name: role for room in rooms() for role in room.roles}
