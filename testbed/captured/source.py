"""Opening a capture: which format it has, and its connections for whoever listens."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

from testbed.captured import hexlog, network, pcap, pcapng
from testbed.captured.reading import Broken, Hashed, Reading
from testbed.captured.tcp import Conversations, Ear, Meeting
from testbed.files import FileError

_REMEDY = "name a pcapng or pcap file, or a log of hex (docs/judging-a-capture.md)"
_PACKED = {b"\x1f\x8b": "gzip -d", b"\x28\xb5": "zstd -d", b"\x04\x22": "lz4 -d", b"PK": "unzip", b"BZ": "bzip2 -d"}
#: Packets between two calls of `tick`.
_TICK = 5000


class Source:
    """An open capture. `size` is in bytes, 0 when it cannot be known."""

    def __init__(self, path: Path, reading: Reading) -> None:
        """`path` is a file, or `-` for standard input. FileError when it is no capture."""
        self.reading, self._path = reading, path
        try:
            raw = io.FileIO(0, closefd=False) if str(path) == "-" else io.FileIO(path)
        except OSError as error:
            raise FileError(
                path, f"cannot be read ({error.strerror})", "check the name and the permissions"
            ) from None
        self._hashed = Hashed(raw)
        self._file = io.BufferedReader(self._hashed, 1 << 20)
        self.size = 0 if str(path) == "-" else path.stat().st_size
        try:
            self._open()
        except BaseException:
            self._file.close()
            raise

    def _open(self) -> None:
        path = self._path
        try:
            start = self._file.peek(4096)[:4096]
            if len(start) < 4096:
                # A pipe gives what it has; four bytes are needed.
                while len(start) < 4 and len(more := self._file.peek(4096)) > len(start):
                    start = more
        except OSError as error:
            raise FileError(path, f"cannot be read ({error.strerror})", _REMEDY) from None
        if not start:
            raise FileError(path, "is empty (0 bytes): nothing was captured", _REMEDY)
        for magic, command in _PACKED.items():
            if start.startswith(magic):
                raise FileError(path, "is compressed", f"unpack it first: {command}")
        if start.startswith(pcapng.MAGIC):
            self.reading.format = "pcapng"
        elif start[:4] in pcap.MAGICS:
            self.reading.format = "pcap"
        elif hexlog.looks_like_text(start):
            self.reading.format = "hex log"
        else:
            raise FileError(path, f"is no capture: it begins with {start[:8].hex(' ')}", _REMEDY)

    @property
    def done(self) -> int:
        """Bytes read so far."""
        return self._hashed.size

    @property
    def digest(self) -> str:
        """`sha256:<hex>` of what was read."""
        return self._hashed.digest

    def close(self) -> None:
        self._file.close()

    def play(self, listen: Callable[[Meeting], Ear], tick: Callable[[], None] = lambda: None) -> None:
        """Read the capture to its end, or to where it cannot be read on: `reading.problem` then says why. `tick` is
        called now and then. KeyboardInterrupt still ends every conversation."""
        at = 0
        reading = self.reading
        conversations = Conversations(listen)
        try:
            if reading.format == "hex log":
                at = hexlog.play(self._file, reading, listen, tick)
                return
            read = pcapng.packets if reading.format == "pcapng" else pcap.packets
            known, segment, take = network.LINK_TYPES, network.segment, conversations.take
            for number, at, link_type, data, _ in read(self._file, reading):
                if number % _TICK == 0:
                    tick()
                if link_type not in known:
                    reading.link_types[link_type] += 1
                    continue
                found = segment(link_type, data)
                if isinstance(found, str):
                    reading.unread[found] += 1
                else:
                    take(found, at, number)
        except Broken as error:
            reading.problem = str(error)
        except OSError as error:
            reading.problem = f"reading it failed ({error.strerror})"
        finally:
            conversations.end(at, reading.packets)
