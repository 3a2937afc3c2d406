"""What the sound Sparkplug programs of these tests share: a plain MQTT client that sends and takes packets."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

from testbed.mqtt.codec import Framer, decode, encode
from testbed.mqtt.packets import (
    Connack,
    Connect,
    Disconnect,
    Packet,
    Puback,
    Publish,
    Subscribe,
    Subscription,
    Version,
)
from testbed.mqtt.properties import Property

#: Seconds between a lost connection and the next attempt.
AGAIN = 0.05


def now() -> int:
    """Milliseconds since 1970, UTC."""
    return int(time.time() * 1000)


class Link:
    """One connection to the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, version: Version) -> None:
        self._reader, self._writer, self.version = reader, writer, version
        self._framer = Framer(1 << 20)
        self._waiting: list[Packet] = []

    def send(self, packet: Packet) -> None:
        self._writer.write(encode(packet, self.version))

    async def packet(self) -> Packet | None:
        """The next packet; None at the end of the connection."""
        while not self._waiting:
            data = await self._reader.read(65536)
            if not data:
                return None
            self._waiting += [decode(frame, self.version) for frame in self._framer.feed(data)]
        packet = self._waiting.pop(0)
        if isinstance(packet, Publish) and packet.qos == 1:
            self.send(Puback(packet.packet_id or 0))
        return packet

    async def close(self) -> None:
        with contextlib.suppress(OSError):
            await self._writer.drain()
            self._writer.close()


async def open_link(host: str, port: int, connect: Connect, filters: list[str], version: Version) -> Link | None:
    """Connect, and subscribe to `filters` at QoS 1; None when the server does not accept."""
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError:
        return None
    link = Link(reader, writer, version)
    link.send(connect)
    with contextlib.suppress(OSError):
        if isinstance(await link.packet(), Connack):
            link.send(Subscribe(1, tuple(Subscription(one, 1) for one in filters)))
            return link
    return None


def leaving(version: Version) -> Disconnect:
    """The DISCONNECT of a Sparkplug client that leaves."""
    return Disconnect(0x04) if version >= Version.V5 else Disconnect()


def expiring(version: Version) -> tuple[tuple[int, int], ...]:
    """The properties of its CONNECT."""
    return ((int(Property.SESSION_EXPIRY_INTERVAL), 0),) if version >= Version.V5 else ()


async def for_ever(session: Callable[[], Awaitable[None]]) -> None:
    """One session after another."""
    while True:
        with contextlib.suppress(OSError):
            await session()
        await asyncio.sleep(AGAIN)
