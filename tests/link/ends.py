"""Both ends of a connection of ours, for tests of links."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from testbed.link.stream import Stream


@dataclass
class End:
    """One end of a connection, and all that it saw."""

    got: bytearray = field(default_factory=bytearray)
    how: str = ""
    stream: Stream = field(init=False)
    came: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.stream = Stream([], self.hear, self.end)

    def hear(self, data: bytes) -> None:
        self.got += data
        self.came.set()

    def end(self, how: str) -> None:
        self.how = how
        self.ended.set()

    async def has(self, data: bytes) -> None:
        """Returns once exactly `data` has come in all."""
        async with asyncio.timeout(5):
            while bytes(self.got) != data:
                self.came.clear()
                await self.came.wait()

    async def over(self) -> str:
        """How it ended."""
        async with asyncio.timeout(5):
            await self.ended.wait()
        return self.how


class Place:
    """What listens, and the ends of those who came."""

    def __init__(self) -> None:
        self.ends: list[End] = []
        self._came = asyncio.Event()

    def accept(self) -> Stream:
        self.ends.append(End())
        self._came.set()
        return self.ends[-1].stream

    async def first(self) -> End:
        """The end of the first who came."""
        async with asyncio.timeout(5):
            await self._came.wait()
        return self.ends[0]
