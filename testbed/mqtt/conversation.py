"""One network connection of the tester to the device under test: packets out, packets in, patience.

Set-up steps raise `Inconclusive`; expectations raise `Violation`. Times are those of arrival at the socket,
in seconds of the event loop's clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from testbed.findings import Inconclusive, Violation
from testbed.link.stream import UNREAD, Stream
from testbed.mqtt.codec import Framer, decode, describe, encode
from testbed.mqtt.packets import Malformed, Packet, Version
from testbed.trial import Trial

P = TypeVar("P")
#: A longer packet from a device under test breaks the stream.
LARGEST_PACKET = 4 << 20


class Conversation:
    """What every MQTT tester does on a connection, whichever side it plays."""

    def __init__(self, trial: Trial, version: Version) -> None:
        self.trial = trial
        self.version = version
        self.link = -1
        #: Packets that came and were not yet asked for.
        self.inbox: list[Packet] = []
        #: Every packet that came, with its time of arrival.
        self.received: list[tuple[float, Packet]] = []
        #: Time at which the peer closed; None while it has not.
        self.ended_at: float | None = None
        #: `closed` or `reset`, once ended.
        self.ended_how = ""
        #: Time at which the last packet was sent.
        self.sent_at = 0.0
        self._framer = Framer(LARGEST_PACKET)
        self._changed = asyncio.Event()
        self._stream: Stream | None = None
        #: Whether the tester closed it, and the device had not before.
        self.hung_up = False

    async def open(self) -> None:
        """Connect. Inconclusive when the device does not accept it."""
        self.attach(*await self.trial.connect(self.hear, self.end))

    def attach(self, stream: Stream, link: int) -> None:
        """The stream this conversation is held on, and its number in the trial."""
        self._stream, self.link = stream, link

    @property
    def stream(self) -> Stream:
        """The stream below: what its TLS and its WebSocket came to. Inconclusive when it was never opened."""
        if self._stream is None:
            raise Inconclusive("the connection was never opened")
        return self._stream

    # -- what comes

    def hear(self, data: bytes) -> None:
        """Bytes that came."""
        now = asyncio.get_running_loop().time()
        was_broken = self._framer.broken
        for frame in self._framer.feed(data):
            self._take(now, decode(frame, self.version))
        if self._framer.broken and not was_broken:
            rest = self._framer.pending
            self._take(now, Malformed(rest[0] >> 4 if rest else 0, rest, self._framer.broken))
        self._changed.set()

    def _take(self, now: float, packet: Packet) -> None:
        self.inbox.append(packet)
        self.received.append((now, packet))

    def end(self, how: str) -> None:
        """The peer has closed."""
        self.ended_at, self.ended_how = asyncio.get_running_loop().time(), how
        self._changed.set()

    async def until(self, probe: Callable[[], P | None], within: float | None = None) -> P | None:
        """What `probe` returns as soon as it is not None; None when it stays so for `within` seconds (default:
        the device's patience), or when the connection ends."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + (self.trial.patience if within is None else within)
        while True:
            found = probe()
            if self.ended_at is not None and self.ended_how not in ("closed", "reset"):
                # Our own act, which must never pass for the device's.
                raise Inconclusive(f"the connection was {self.ended_how}", cause="floods the tester")
            if found is not None or self.ended_at is not None:
                return found
            self._changed.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._changed.wait()
            except TimeoutError:
                return probe()

    # -- what goes

    async def send(self, *packets: Packet | bytes) -> None:
        """Send packets, or raw bytes, in one piece. Inconclusive when the device does not read."""
        if self._stream is None:
            raise Inconclusive("the connection was never opened")
        self._stream.send(b"".join(encode(packet, self.version) for packet in packets))
        self.sent_at = asyncio.get_running_loop().time()
        if self._stream.unsent > UNREAD:
            await self._drained(self._stream)

    async def in_pieces(self, packet: Packet | bytes) -> None:
        """Send a packet in pieces of 1 to 7 bytes, each in a segment of its own as far as the network lets us."""
        whole, at, size = encode(packet, self.version), 0, 1
        while at < len(whole):
            await self.send(whole[at : at + size])
            await asyncio.sleep(0.002)
            at, size = at + size, size % 7 + 1

    async def _drained(self, stream: Stream) -> None:
        """Wait until the device has read most of what was sent. Inconclusive when it does not."""
        patience = self.trial.patience
        for _ in range(int(patience / 0.01)):
            if stream.unsent <= UNREAD // 2 or stream.ended:
                return
            await asyncio.sleep(0.01)
        raise Inconclusive(f"the device did not read what was sent to it for {patience:g} s")

    def drop(self) -> None:
        """Break the connection with a reset, as a dying peer does."""
        if self._stream is not None:
            self.hung_up = self.hung_up or self.ended_at is None
            self._stream.close(abruptly=True)

    def close(self) -> None:
        """Close our end of the connection properly (no DISCONNECT)."""
        if self._stream is not None:
            self.hung_up = self.hung_up or self.ended_at is None
            self._stream.close()

    # -- what must come

    def take(self, kind: type[P] | tuple[type[P], ...], where: Callable[[P], bool] | None = None) -> P | None:
        """The first waiting packet of `kind` that fits `where`, taken out of the inbox; None if there is none."""
        for index, packet in enumerate(self.inbox):
            if isinstance(packet, kind) and (where is None or where(packet)):
                del self.inbox[index]
                return packet
        return None

    async def maybe(
        self,
        kind: type[P] | tuple[type[P], ...],
        where: Callable[[P], bool] | None = None,
        *,
        within: float | None = None,
    ) -> P | None:
        """The next packet of `kind` that fits; None when none comes `within` seconds."""
        return await self.until(lambda: self.take(kind, where), within)

    async def expect(
        self,
        kind: type[P],
        where: Callable[[P], bool] | None = None,
        *,
        within: float | None = None,
        because: str = "",
        **fields: Any,
    ) -> P:
        """The next packet of `kind` (that fits `where`); its `fields` must have the values given. Others stay in
        the inbox. Violation otherwise; `because` says in the report what asked for it."""
        packet = await self.maybe(kind, where, within=within)
        wanted = self._wanted(kind, fields, because)
        if packet is None:
            self.violated(wanted)
        for name, value in fields.items():
            if getattr(packet, name) != value:
                self.violated(wanted, describe(packet))  # type: ignore[arg-type]
        return packet

    @staticmethod
    def _wanted(kind: type, fields: dict[str, Any], because: str) -> str:
        shown = " ".join(f"{name}={value!r}" for name, value in fields.items())
        text = f"{getattr(kind, 'kind', kind.__name__)} {shown}".strip()
        return f"{text} {because}".strip()

    def violated(self, expected: str, came: str = "") -> NoReturn:
        """Raise Violation: `expected` was not what came."""
        raise Violation(expected, came or self.what_came())

    def unprepared(self, step: str, *, cause: str = "") -> NoReturn:
        """Raise Inconclusive: the set-up step `step` did not work."""
        raise Inconclusive(f"{step}: {self.what_came()}", cause=cause)

    def what_came(self) -> str:
        """What is in the inbox and what became of the connection, in words."""
        parts = [describe(packet) for packet in self.inbox[:4]]
        if len(self.inbox) > 4:
            parts.append(f"{len(self.inbox) - 4} more packets")
        if self.ended_at is not None:
            parts.append(f"the connection was {self.ended_how} by the device")
        elif not parts:
            parts.append(f"nothing within {self.trial.patience:g} s, connection open")
        else:
            parts.append("connection open")
        return ", then ".join(parts)
