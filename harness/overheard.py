"""One connection of a capture, judged by the passive rules of the roles at its two ends."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from harness.judge import traced
from harness.results import Finding, Frame
from harness.transcript import LONGEST, MOST
from testbed.captured.listening import Found
from testbed.dut import Description, Dut
from testbed.findings import Breach
from testbed.protocol import Role
from testbed.trial import Trial, Watch

#: Frames that are kept from a connection's beginning, before a frame that breaks a rule, and behind it.
OPENING, BEFORE, BEHIND = 4, 6, 2
#: Frames of one connection; what its rules remember grows with them.
MOST_FRAMES = 1_000_000


class Crossed(NamedTuple):
    """A frame as it is kept."""

    number: int
    at: int
    side: int
    #: At most `LONGEST` bytes of it.
    data: bytes
    size: int
    #: Number of the packet that completed it.
    packet: int


@dataclass(slots=True)
class End:
    """One end of a connection: who is there, and what it broke."""

    role: Role
    watch: Watch
    breaches: list[Breach]


@dataclass(slots=True)
class Overheard:
    """Watches one connection (`testbed.captured.listening.Judge`), and tells `done` when it is over."""

    found: Found
    #: The roles at the initiator's and the responder's end; None where nobody here knows rules.
    roles: tuple[Role | None, Role | None]
    number: int
    done: Callable[[Overheard], None]
    #: Frames so far, and those that each side said.
    frames: int = 0
    said_by: list[int] = field(default_factory=lambda: [0, 0])
    #: What the initiator calls itself.
    name: str = ""
    #: Why the rest of the connection was not judged; empty when it was seen to its end.
    missing: str = ""
    #: An error of ours in a rule, with its traceback.
    failure: str = ""
    trace: str = ""
    kept: dict[int, Crossed] = field(default_factory=dict)
    ends: list[End | None] = field(default_factory=list)
    last_at: int = 0
    _recent: deque[Crossed] = field(default_factory=lambda: deque(maxlen=BEFORE))
    _calls: tuple[tuple[Callable[[bytes, int], None], ...], ...] = ()
    _breaches: tuple[list[Breach], list[Breach]] = field(default_factory=lambda: ([], []))
    _broken: int = 0
    #: Frames below this number are kept.
    _keep: int = OPENING

    def __post_init__(self) -> None:
        self.ends = [self._end(role) for role in self.roles]
        calls: list[list[Callable[[bytes, int], None]]] = [[], []]
        for side, end in enumerate(self.ends):
            if end is not None:
                calls[side].append(end.watch.received)
                calls[1 - side].append(end.watch.sent)
        self._calls = tuple(tuple(each) for each in calls)
        first, second = ([] if end is None else end.breaches for end in self.ends)
        self._breaches = first, second

    def _end(self, role: Role | None) -> End | None:
        if role is None or role.watch is None:
            return None
        edition = self.found.edition
        trial = Trial(Dut(Description("captured", role.name, {}), {}), edition, "captured")
        return End(role, role.watch(trial, 0), trial.breaches)

    def said(self, side: int, frames: list[bytes], at: int, packet: int) -> bool:
        """Judge frames of one side."""
        calls, (first, second) = self._calls[side], self._breaches
        number = self.frames
        try:
            for frame in frames:
                for call in calls:
                    call(frame, number)
                size = len(frame)
                data = frame if size <= LONGEST else frame[:LONGEST]
                self._recent.append(Crossed(number, at, side, data, size, packet))
                if number < self._keep:
                    self.kept[number] = self._recent[-1]
                number += 1
                if len(first) + len(second) != self._broken:
                    self._keep_this(number)
        except Exception as error:  # a rule that fails is ours, and costs this connection alone
            self.failure, self.trace = f"{type(error).__name__}: {error}", traced(error)
            self.frames = number
            self.over(at, packet, "a rule of the test bed failed")
            return False
        if self.frames == 0 and side == 0 and self.found.room.introduces:
            self.name = self.found.room.introduces(self.found.edition, frames[0])
        self.frames = number
        self.said_by[side] += len(frames)
        if number > MOST_FRAMES:
            self.over(at, packet, f"it is judged up to its packet {MOST_FRAMES:,} only")
            return False
        return True

    def _keep_this(self, number: int) -> None:
        self._broken = sum(map(len, self._breaches))
        if len(self.kept) + BEFORE <= MOST:
            self.kept.update((each.number, each) for each in self._recent)
            self._keep = number + BEHIND
        else:
            self.kept[number - 1] = self._recent[-1]

    def over(self, at: int, packet: int, missing: str) -> None:
        """The connection ended, or what the capture has of it."""
        self.missing, self.last_at = missing, at
        if not missing:
            try:
                for end in self.ends:
                    if end is not None:
                        end.watch.closed(self.frames)
            except Exception as error:  # as above
                self.failure, self.trace = f"{type(error).__name__}: {error}", traced(error)
            if self._recent and sum(map(len, self._breaches)) != self._broken:
                self._keep_this(self.frames)
        self.done(self)

    # -- for the reports

    def shown(self, side: int) -> list[Frame]:
        """What is kept of the conversation, seen by the one who judges `side`."""
        began = self.found.meeting.at
        out: list[Frame] = []
        next_number = 0
        for number in sorted(self.kept):
            one = self.kept[number]
            if number > next_number:
                out.append(_event(one.at - began, f"{number - next_number} packets in between are not shown"))
            way = "received" if one.side == side else "sent"
            out.append(Frame(_seconds(one.at - began), 0, way, one.data.hex(), one.size))
            next_number = number + 1
        if self.frames > next_number:
            out.append(_event(self.last_at - began, f"{self.frames - next_number} more packets are not shown"))
        out.append(_event(self.last_at - began, self.missing or "the connection ended"))
        return out

    def findings(self, side: int) -> list[Finding]:
        """What one end broke; `frame` counts as `shown` does."""
        end = self.ends[side]
        if end is None:
            return []
        place: dict[int, int] = {}
        next_number = index = 0
        for number in sorted(self.kept):
            index += number > next_number
            place[number] = index
            index, next_number = index + 1, number + 1
        # What was broken by ending stands at the end, after a word on frames that are not shown.
        place[self.frames] = index + (self.frames > next_number)
        # Only a log knows no ports.
        place_of = "packet {} of the capture" if self.found.meeting.initiator[1] else "line {} of the log"
        out = []
        for breach in end.breaches:
            kept = self.kept.get(breach.frame)
            where = f" ({place_of.format(kept.packet)})" if kept else ""
            came = breach.came[:900] + where
            out.append(
                Finding(breach.requirement, "fail", breach.expected[:1000], came, "rule", place.get(breach.frame, -1))
            )
        return out


def _seconds(nanoseconds: int) -> float:
    """Since the connection began; a capture whose clock runs backwards tells nothing."""
    return max(0.0, round(nanoseconds / 1e9, 6))


def _event(at: int, text: str) -> Frame:
    return Frame(_seconds(at), 0, "event", text=text)
