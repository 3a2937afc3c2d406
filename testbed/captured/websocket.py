"""x"""

from __future__ import annotations

from testbed.captured.wrapping import Opaque


class WebSocket:
    name = "WebSocket"

    @classmethod
    def begins(cls, data: bytes) -> WebSocket | str | None:
        return None

    def feed(self, side: int, data: bytes) -> list[tuple[int, bytes]]:
        raise Opaque("x")
