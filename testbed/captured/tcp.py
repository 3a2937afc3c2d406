"""TCP connections put back into order: each side's bytes once, in sequence, and only after what they answer.

A segment waits while bytes before it are missing, and while it acknowledges bytes of the other side that the capture
has not shown yet: so a capture whose packets stand in another order than they crossed is read as they crossed. What
waits is bounded; when bytes never come, the connection is given up at the gap, and whoever listens is told.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import NamedTuple, Protocol

from testbed.captured.network import ACK, FIN, RST, SYN, Segment, reverse, sender

_MASK, _HALF = 0xFFFFFFFF, 0x80000000
#: Bytes and segments of one side that may wait for what is missing; bytes of all connections together.
WAITING_BYTES, WAITING_SEGMENTS, WAITING_IN_ALL = 1 << 20, 1024, 32 << 20
#: Connections that are followed at once. Beyond, those that were silent longest are let go.
MOST_CONNECTIONS = 10_000

ENDS, CROWDED, REUSED = (
    "the capture ends before it does",
    f"let go, as more than {MOST_CONNECTIONS} connections were open at once",
    "its end is not in the capture",
)


class Meeting(NamedTuple):
    """Who met whom, as far as the capture tells."""

    initiator: tuple[str, int]
    responder: tuple[str, int]
    at: int
    packet: int
    #: The capture shows the handshake; without, who speaks first is taken for the initiator.
    whole: bool


class Ear(Protocol):
    """Listens to one connection."""

    def heard(self, side: int, data: bytes, at: int, packet: int) -> bool:
        """Bytes of the initiator (0) or the responder (1), at a time in Unix nanoseconds, from the packet with this
        number; False when nothing more is wanted."""
        ...

    def over(self, at: int, packet: int, missing: str) -> None:
        """The last call. `missing` says why the rest of the connection is not there, and is empty when it ended."""
        ...


class _Waiting(NamedTuple):
    place: int
    number: int
    segment: Segment
    at: int


class _Side:
    """What one side says. `next` is the sequence number it goes on with, never wrapped; -1 while unknown."""

    __slots__ = ("bytes", "connection", "ended", "next", "number", "other", "waiting")

    def __init__(self, number: int) -> None:
        self.number = number
        self.next = -1
        self.ended = False
        self.waiting: list[_Waiting] = []
        self.bytes = 0
        self.other: _Side
        self.connection: _Connection


_UNKNOWN = _Side(-1)


class _Connection:
    __slots__ = ("ear", "keys", "last", "last_at", "meeting", "opening", "sides")

    def __init__(self, key: bytes, meeting: Meeting) -> None:
        self.keys = (key, reverse(key))
        first, second = _Side(0), _Side(1)
        self.sides: tuple[_Side, ...] = first, second
        for side, other in ((first, second), (second, first)):
            side.other, side.connection = other, self
        self.meeting = meeting
        #: The sequence number of the SYN; -1 without.
        self.opening = -1
        self.ear: Ear | None = None
        self.last, self.last_at = meeting.packet, meeting.at


class Conversations:
    """All connections of a capture. `listen` makes the ear of each once its first bytes are there."""

    def __init__(self, listen: Callable[[Meeting], Ear]) -> None:
        self._listen = listen
        #: Direction -> who sends in it; None for a connection that is over or of no interest.
        self._sides: dict[bytes, _Side | None] = {}
        self._waiting = 0

    def take(self, found: Segment, at: int, packet: int) -> None:
        """One more segment, in the capture's order."""
        flags, key = found.flags, found.key
        side = self._sides.get(key, _UNKNOWN)
        if flags & SYN:
            side = self._opened(found, None if side is _UNKNOWN else side, at, packet)
            if side is None:
                return
            found = found._replace(sequence=found.sequence + 1 & _MASK)
        elif side is None:
            return
        elif side is _UNKNOWN:
            if not (found.payload or found.missing) or flags & RST:
                return
            side = self._joined(found, at, packet)
        connection = side.connection
        connection.last, connection.last_at = packet, at
        if flags & RST:
            self._over(connection, at, packet, _lost(connection))
            return
        if not found.payload and not flags & FIN and not found.missing:
            return
        if side.next < 0:
            side.next = found.sequence
        place = side.next + ((found.sequence - side.next + _HALF & _MASK) - _HALF)
        if place <= side.next and not self._ahead(side.other, found):
            self._deliver(side, place, found, at, packet)
            if side.waiting or side.other.waiting:
                self._drain(connection)
        else:
            self._hold(side, _Waiting(place, packet, found, at))

    def end(self, at: int, packet: int) -> None:
        """The capture is over."""
        for side in list(self._sides.values()):
            if side is not None and side.number == 0:
                connection = side.connection
                ended = any(each.ended for each in connection.sides)
                self._over(connection, at, packet, _lost(connection) or ("" if ended else ENDS))
        self._sides.clear()

    # -- beginnings

    def _opened(self, found: Segment, side: _Side | None, at: int, packet: int) -> _Side | None:
        """A SYN, the first one of a side or the same again; None when there is nothing more to do with it."""
        answer = bool(found.flags & ACK)
        if side is not None:
            connection = side.connection
            begun = connection.opening >= 0
            if begun and answer and side.number and side.next < 0:
                side.next = found.sequence + 1
                return side
            # The same again, or one that the capture shows late.
            near = side.next - 1 - found.sequence & _MASK < WAITING_BYTES
            same = answer == side.number and (answer or connection.opening == found.sequence)
            if near and (same or not begun):
                return None
            self._over(connection, at, packet, _lost(connection) or REUSED)
        key = reverse(found.key) if answer else found.key
        connection = self._connect(key, Meeting(sender(key), sender(reverse(key)), at, packet, True))
        first, second = connection.sides
        connection.opening = (found.acknowledged - 1 & _MASK) if answer else found.sequence
        first.next = connection.opening + 1
        if answer:
            second.next = found.sequence + 1
        return second if answer else first

    def _joined(self, found: Segment, at: int, packet: int) -> _Side:
        """The first bytes of a connection whose handshake the capture does not show."""
        key = found.key
        connection = self._connect(key, Meeting(sender(key), sender(reverse(key)), at, packet, False))
        first, second = connection.sides
        first.next = found.sequence
        if found.flags & ACK:
            second.next = found.acknowledged
        return first

    def _connect(self, key: bytes, meeting: Meeting) -> _Connection:
        connection = _Connection(key, meeting)
        if len(self._sides) >= 2 * MOST_CONNECTIONS:
            self._make_room(meeting.at, meeting.packet)
        for name, side in zip(connection.keys, connection.sides, strict=True):
            self._sides[name] = side
        return connection

    def _make_room(self, at: int, packet: int) -> None:
        """Forget the connections that are over; if that is not enough, let the tenth go that was silent longest."""
        self._sides = {key: side for key, side in self._sides.items() if side is not None}
        if len(self._sides) < 2 * MOST_CONNECTIONS * 9 // 10:
            return
        alive = [side.connection for side in self._sides.values() if side is not None and side.number == 0]
        alive.sort(key=lambda connection: connection.last)
        for connection in alive[: MOST_CONNECTIONS // 10]:
            self._over(connection, at, packet, _lost(connection) or CROWDED)
        self._sides = {key: side for key, side in self._sides.items() if side is not None}

    # -- order

    def _ahead(self, other: _Side, found: Segment) -> bool:
        """Whether a segment acknowledges what the other side has not said yet."""
        if not found.flags & ACK:
            return False
        if other.next < 0:
            other.next = found.acknowledged
            return False
        return 0 < (found.acknowledged - other.next & _MASK) < _HALF

    def _hold(self, side: _Side, waiting: _Waiting) -> None:
        size = len(waiting.segment.payload) + 64
        side.bytes += size
        self._waiting += size
        heappush(side.waiting, waiting)
        if side.bytes > WAITING_BYTES or len(side.waiting) > WAITING_SEGMENTS or self._waiting > WAITING_IN_ALL:
            connection = side.connection
            self._over(connection, waiting.at, waiting.number, _lost(connection))

    def _drain(self, connection: _Connection) -> None:
        """Deliver what need not wait any more."""
        again = True
        while again:
            again = False
            for side in connection.sides:
                while side.waiting:
                    first = side.waiting[0]
                    if first.place > side.next or self._ahead(side.other, first.segment):
                        break
                    heappop(side.waiting)
                    size = len(first.segment.payload) + 64
                    side.bytes -= size
                    self._waiting -= size
                    self._deliver(side, first.place, first.segment, first.at, first.number)
                    again = True

    def _deliver(self, side: _Side, place: int, found: Segment, at: int, packet: int) -> None:
        payload, connection = found.payload, side.connection
        if place < side.next:
            payload = payload[side.next - place :]
        end = place + len(found.payload)
        if payload:
            side.next = end
            if connection.ear is None:
                meeting = connection.meeting
                if side.number and not meeting.whole:
                    # Without a handshake, nothing was said that could be waited for.
                    self._forget(connection)
                    return
                connection.ear = self._listen(meeting)
            if not connection.ear.heard(side.number, payload, at, packet):
                self._forget(connection)
                return
        if found.missing and end + found.missing > side.next:
            self._over(connection, at, packet, f"the capture kept only the beginning of packet {packet}")
        elif found.flags & FIN and end == side.next and not side.ended:
            side.next += 1
            side.ended = True
            if side.other.ended:
                self._over(connection, at, packet, "")

    # -- ends

    def _over(self, connection: _Connection, at: int, packet: int, missing: str) -> None:
        ear = connection.ear
        self._forget(connection)
        if ear is not None:
            ear.over(at, packet, missing)

    def _forget(self, connection: _Connection) -> None:
        """Nobody listens any more; its packets are passed over until its addresses are used again."""
        for key, side in zip(connection.keys, connection.sides, strict=False):
            if self._sides.get(key) is side:
                self._sides[key] = None
            self._waiting -= side.bytes
            side.bytes = 0
            side.waiting.clear()
            side.other = _UNKNOWN
        # What points at each other waits for the collector, which takes longer than the judging.
        connection.sides = ()
        connection.ear = None


def _lost(connection: _Connection) -> str:
    """Which bytes are awaited in vain; empty when none are."""
    for side in connection.sides:
        if side.waiting:
            first = side.waiting[0]
            before = first.place - side.next
            if before > 0:
                lost = f"{before} bytes" if before > 1 else "a byte"
                return f"{lost} before packet {first.number} cannot be found in the capture"
            return f"bytes that packet {first.number} acknowledges cannot be found in the capture"
    return ""
