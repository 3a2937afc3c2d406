"""A small correct broker for one client at a time, without a trial: it answers as it should, unless told not to.

It keeps every packet that came, so that what a client was told can be compared with what it said.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, Literal, TypeVar

from testbed.dut import Endpoint
from testbed.link.serving import Served, serve_streams
from testbed.link.stream import Stream
from testbed.mqtt.answers import answer
from testbed.mqtt.codec import Framer, decode, encode
from testbed.mqtt.packets import (
    Connack,
    Connect,
    Malformed,
    Packet,
    Version,
)

P = TypeVar("P")
#: A longer packet breaks the stream.
LARGEST_PACKET = 2 << 20
#: Packets of one connection that are kept; a client that sends more is dropped.
MOST_PACKETS = 10_000
#: What it does instead of sending a CONNACK.
Instead = Literal["close", "silence", "garbage"]
#: A packet of the reserved type 0. A remaining length without end would try the library: one takes it for 4 GiB.
GARBAGE = b"\x00\x00" + b"garbage"


class Visit:
    """One connection of the client."""

    def __init__(self, broker: PlainBroker) -> None:
        self._broker = broker
        self._framer = Framer(LARGEST_PACKET)
        self.stream = Stream((), self._hear, self._end)
        #: Every packet that came.
        self.packets: list[Packet] = []
        self.ended = False
        self._last_id = 0

    @property
    def connect(self) -> Connect | None:
        """The CONNECT, once it came."""
        first = self.packets[0] if self.packets else None
        return first if isinstance(first, Connect) else None

    def all(self, kind: type[P]) -> list[P]:
        """Every packet of `kind` that came."""
        return [packet for packet in self.packets if isinstance(packet, kind)]

    def send(self, packet: Packet | bytes) -> None:
        """Hand `packet` to the client."""
        self.stream.send(packet if isinstance(packet, bytes) else encode(packet, self._broker.version))

    def close(self) -> None:
        """Close it."""
        self.stream.close()
        self.ended = True

    def next_id(self) -> int:
        """A packet identifier for a message of the broker."""
        self._last_id += 1
        return self._last_id

    def _hear(self, data: bytes) -> None:
        for frame in self._framer.feed(data):
            packet = decode(frame, self._broker.version)
            if len(self.packets) >= MOST_PACKETS or isinstance(packet, Malformed):
                self.packets.append(packet)
                self.close()
                break
            self.packets.append(packet)
            if type(packet) not in self._broker.held:
                self.answer(packet)
        self._broker.changed.set()

    def _end(self, how: str) -> None:
        self.ended = True
        self._broker.changed.set()

    def answer(self, packet: Any) -> None:
        """What a correct broker says to `packet`."""
        if isinstance(packet, Connect):
            self._welcome()
            return
        said = answer(packet, self._broker.version, self._broker.codes)
        if said is not None:
            self.send(said)

    def _welcome(self) -> None:
        match self._broker.connack:
            case "close":
                self.close()
            case "garbage":
                self.send(GARBAGE)
            case "silence":
                pass
            case packet:
                self.send(packet)


class PlainBroker:
    """Where the client goes. One event loop owns it."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self.visits: list[Visit] = []
        #: Set whenever something came.
        self.changed = asyncio.Event()
        self._served: list[Served] = []
        self.forget()

    def forget(self) -> None:
        """Answer everything again as a correct broker does."""
        self.connack: Connack | Instead = Connack()
        #: Kinds of packets that are not answered.
        self.held: set[type] = set()
        #: Codes of the next acknowledgements, instead of those that grant.
        self.codes: tuple[int, ...] = ()

    async def listen(self, endpoint: Endpoint, tls: ssl.SSLContext | None = None) -> Endpoint:
        """Listen there as well; the endpoint with its real port."""
        served = await serve_streams(endpoint, self._enter, tls=tls)
        self._served.append(served)
        return served.endpoint

    def close(self) -> None:
        """Stop listening, and drop every connection."""
        for served in self._served:
            served.close()
        for visit in self.visits:
            visit.stream.close(abruptly=True)

    async def until(self, probe: Callable[[], P | None], within: float) -> P | None:
        """What `probe` returns as soon as it is neither None nor False; None when it stays so."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within
        while not (found := probe()):
            self.changed.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await self.changed.wait()
            except TimeoutError:
                return probe() or None
        return found

    def _enter(self) -> Stream:
        visit = Visit(self)
        self.visits.append(visit)
        return visit.stream
