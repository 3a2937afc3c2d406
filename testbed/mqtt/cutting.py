"""MQTT's frames for the record of a trial."""

from __future__ import annotations

from testbed.mqtt.codec import Framer
from testbed.mqtt.conversation import LARGEST_PACKET


class Cutter:
    """Cuts one direction into packets; what can never become one is given back as it is, once."""

    def __init__(self, limit: int = LARGEST_PACKET) -> None:
        self._framer = Framer(limit)

    def feed(self, data: bytes) -> list[bytes]:
        broken = self._framer.broken
        frames = self._framer.feed(data)
        if self._framer.broken:
            frames.append(data if broken else self._framer.pending)
        return frames

    def rest(self) -> bytes:
        return b"" if self._framer.broken else self._framer.pending
