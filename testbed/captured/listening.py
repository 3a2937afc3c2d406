"""Listening to one connection: what is spoken is found out from its first bytes, wrappings are taken off, and what is
left is cut into frames for whoever judges it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

from testbed.captured.keylog import KeyLog
from testbed.captured.tcp import Meeting
from testbed.captured.tls import Tls
from testbed.captured.websocket import WebSocket
from testbed.captured.wrapping import Opaque, Wrapping
from testbed.protocol import ProtocolRoom
from testbed.trial import Cutter

#: Bytes that may be needed to find out what is spoken.
ENOUGH = 1 << 16
#: Bytes of one frame that are waited for.
LARGEST_FRAME = 32 << 20
#: Wrappings inside each other: WebSocket in TLS.
DEEPEST = 2


class Found(NamedTuple):
    """A connection whose protocol is known."""

    meeting: Meeting
    room: ProtocolRoom
    #: May be one that no role of the room can be tested in.
    edition: str
    #: What it was wrapped in, the outermost first: `TLS 1.3`, `WebSocket`.
    inside: tuple[str, ...]


class Judge(Protocol):
    """Takes the frames of one connection, and its end."""

    def said(self, side: int, frames: list[bytes], at: int, packet: int) -> bool:
        """Frames of the initiator (0) or responder (1); False when nothing more is wanted."""
        ...

    def over(self, at: int, packet: int, missing: str) -> None:
        """As `testbed.captured.tcp.Ear.over`."""
        ...


class Desk(Protocol):
    """Gives every connection its judge."""

    def found(self, found: Found) -> Judge | None:
        """None when a connection of this protocol and edition is not judged; the desk keeps count."""
        ...

    def passed_over(self, meeting: Meeting, why: str) -> None:
        """A connection in which nothing that anybody here speaks could be seen, and why (empty: it is something
        else)."""
        ...


class Listener:
    """The ear of one connection (`testbed.captured.tcp.Ear`)."""

    def __init__(self, meeting: Meeting, desk: Desk, rooms: Sequence[ProtocolRoom], secrets: KeyLog) -> None:
        self._meeting, self._desk, self._rooms, self._secrets = meeting, desk, rooms, secrets
        self._wrappings: list[Wrapping] = []
        #: What the initiator has said until it is known what it is.
        self._opening = b""
        self._judge: Judge | None = None
        self._cutters: tuple[Cutter, Cutter]
        #: Bytes of each side since its last whole frame.
        self._pending = [0, 0]

    def heard(self, side: int, data: bytes, at: int, packet: int) -> bool:
        try:
            if not self._wrappings:
                return self._plain(side, data, at, packet)
            chunks: Iterable[tuple[int, bytes]] = ((side, data),)
            for wrapping in self._wrappings:
                chunks = [inner for outer, chunk in chunks for inner in wrapping.feed(outer, chunk)]
            return all(self._plain(inner, chunk, at, packet) for inner, chunk in chunks)
        except Opaque as reason:
            if self._judge is not None:
                self._judge.over(at, packet, str(reason))
            else:
                self._desk.passed_over(self._meeting, str(reason))
            return False

    def over(self, at: int, packet: int, missing: str) -> None:
        if self._judge is not None:
            self._judge.over(at, packet, missing)
        elif self._opening or self._wrappings:
            # A gap has the number of a packet in it, which would make a reason of each.
            why = f"nothing but a handshake of {self._wrappings[-1].name} is seen" if self._wrappings else ""
            self._desk.passed_over(self._meeting, why)

    def _plain(self, side: int, data: bytes, at: int, packet: int) -> bool:
        """Bytes without their wrappings."""
        judge = self._judge
        if judge is not None:
            frames = self._cutters[side].feed(data)
            if frames:
                self._pending[side] = 0
                return judge.said(side, frames, at, packet)
            self._pending[side] += len(data)
            if self._pending[side] > LARGEST_FRAME:
                raise Opaque(f"a packet of more than {LARGEST_FRAME >> 20} MiB")
            return True
        if side:
            # Who was called speaks first: nothing that a room here could know.
            self._desk.passed_over(self._meeting, "")
            return False
        self._opening += data
        return self._recognised(at, packet)

    def _recognised(self, at: int, packet: int) -> bool:
        opening, waiting = self._opening, False
        if len(self._wrappings) < DEEPEST:
            for name, make in self._makers():
                if any(wrapping.name.startswith(name) for wrapping in self._wrappings):
                    continue
                wrapping = make(opening)
                if wrapping is None:
                    continue
                if wrapping == "":
                    waiting = True
                    continue
                assert not isinstance(wrapping, str)
                self._opening = b""
                self._wrappings.append(wrapping)
                return all(self._plain(*chunk, at, packet) for chunk in wrapping.feed(0, opening))
        for room in self._rooms:
            edition = room.detect(opening) if room.detect else None
            if edition:
                inside = tuple(wrapping.name for wrapping in self._wrappings)
                self._judge = self._desk.found(Found(self._meeting, room, edition, inside))
                if self._judge is None:
                    return False
                cutter = room.cutter or room.roles[0].cutter
                self._cutters = cutter(), cutter()
                self._opening = b""
                return self._plain(0, opening, at, packet)
            waiting = waiting or edition == ""
        if waiting and len(opening) < ENOUGH:
            return True
        self._desk.passed_over(self._meeting, "")
        return False

    def _makers(self) -> tuple[tuple[str, Callable[[bytes], Wrapping | str | None]], ...]:
        return ("TLS", lambda data: Tls.begins(data, self._secrets)), ("WebSocket", WebSocket.begins)
