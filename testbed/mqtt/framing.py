"""A stream of bytes cut into MQTT frames."""

from __future__ import annotations

#: One byte, four length bytes, and the largest remaining length.
LARGEST_FRAME = 5 + 268_435_455
# What is kept of a stream that cannot be cut any more: enough to show, not enough to hurt.
_KEPT = 1 << 16


class Framer:
    """Collects what a peer sends and gives complete frames back.

    Time is linear in the bytes fed; memory is bounded by one frame of at most `limit` bytes. When the length
    field is no variable byte integer of at most four bytes, or announces a frame over `limit`, `broken` says
    so, no further frame comes, and `pending` holds the next 64 KiB from the start of the broken frame.
    """

    def __init__(self, limit: int = LARGEST_FRAME) -> None:
        self.limit = limit
        self.broken = ""
        self._rest = bytearray()
        # Size of the frame at the start of `_rest` once its length field has been read.
        self._size = 0

    @property
    def pending(self) -> bytes:
        """Bytes of the frame that is not complete, or that broke the stream, and of what came behind it."""
        return bytes(self._rest)

    def feed(self, data: bytes) -> list[bytes]:
        """Takes `data` in and returns the frames it completes."""
        if data.__class__ is not bytes:
            data = bytes(data)
        if self.broken:
            self._rest += data[: max(0, _KEPT - len(self._rest))]
            return []
        if self._rest:
            self._rest += data
            if len(self._rest) < self._size:
                return []
            data = bytes(self._rest)
        frames: list[bytes] = []
        at, total = 0, len(data)
        size = self._size
        while at < total:
            size = size or self._measure(data, at)
            if size == 0 or at + size > total:
                break
            frames.append(data[at : at + size])
            at += size
            size = 0
        self._size = size
        if self.broken:
            self._rest = bytearray(data[at : at + _KEPT])
        elif at or not self._rest:
            self._rest = bytearray(data[at:])
        return frames

    def _measure(self, data: bytes, at: int) -> int:
        """Size of the frame at `at`; 0 when its length field is not complete, or broken."""
        value = 0
        for count in range(4):
            if at + 1 + count >= len(data):
                return 0
            digit = data[at + 1 + count]
            value |= (digit & 0x7F) << 7 * count
            if digit < 0x80:
                size = value + count + 2
                if size > self.limit:
                    self.broken = f"a frame of {size} bytes is announced, the limit is {self.limit}"
                    return 0
                return size
        self.broken = f"the remaining length does not end after four bytes: {data[at + 1 : at + 5].hex(' ')}"
        return 0


def minimal_length(frame: bytes) -> bool:
    """Whether the remaining length of `frame` is there and in no more bytes than needed [MQTT-1.5.5-1]."""
    for count in range(1, 5):
        if count >= len(frame):
            return False
        if frame[count] < 0x80:
            return count == 1 or frame[count] > 0
    return False
