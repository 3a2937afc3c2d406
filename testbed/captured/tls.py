"""x"""

from __future__ import annotations

from testbed.captured.keylog import KeyLog
from testbed.captured.wrapping import Opaque


class Tls:
    name = "TLS"

    @classmethod
    def begins(cls, data: bytes, secrets: KeyLog) -> Tls | str | None:
        return cls() if data[:2] == b"\x16\x03" else None

    def feed(self, side: int, data: bytes) -> list[tuple[int, bytes]]:
        raise Opaque("x")
