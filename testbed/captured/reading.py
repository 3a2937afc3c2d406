"""How the reading of a capture goes: what the readers of all formats give, and what they have to say."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from testbed.captured.keylog import KeyLog

#: Bytes of one packet or block. Nothing on a network is larger; a length beyond is a broken file.
LARGEST = 16 << 20


class Packet(NamedTuple):
    """One captured packet. `number` counts from 1, as Wireshark does; `at` is Unix time in nanoseconds."""

    number: int
    at: int
    link_type: int
    data: bytes
    #: Bytes it had on the wire; more than `data` when the capture kept only its beginning.
    length: int


class Broken(Exception):
    """The file cannot be read beyond here; the text says why."""


@dataclass(slots=True)
class Reading:
    """What is known of a capture besides its packets."""

    #: `pcapng`, `pcap` or `hex log`.
    format: str = ""
    packets: int = 0
    #: Why the file could not be read to its end; empty when it could.
    problem: str = ""
    #: Reason -> packets that say nothing to us, and link types nobody here can read.
    unread: Counter[str] = field(default_factory=Counter)
    link_types: Counter[int] = field(default_factory=Counter)
    #: TLS secrets, from a key log and from the capture itself.
    secrets: KeyLog = field(default_factory=KeyLog)


class Hashed(io.RawIOBase):
    """A file that is hashed while it is read."""

    def __init__(self, file: io.RawIOBase) -> None:
        self._file, self._digest, self.size = file, hashlib.sha256(), 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int | None:  # type: ignore[override]
        count = self._file.readinto(buffer)
        if count:
            self._digest.update(buffer[:count])
            self.size += count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()

    @property
    def digest(self) -> str:
        """`sha256:<hex>` of what was read so far."""
        return f"sha256:{self._digest.hexdigest()}"


def exactly(file: io.BufferedIOBase, size: int, what: str) -> bytes:
    """The next `size` bytes. Broken when the file ends before, EOFError when it ends right here."""
    data = file.read(size)
    if len(data) == size:
        return data
    if not data:
        raise EOFError
    raise Broken(f"the file ends in the middle of {what}")
