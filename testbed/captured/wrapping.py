"""What a wrapping of a connection is: TLS, WebSocket. It takes the bytes of both sides and gives what is inside."""

from __future__ import annotations

from typing import Protocol


class Opaque(Exception):
    """The inside cannot be seen, or not any further; the text says why."""


class Wrapping(Protocol):
    """One layer around a protocol."""

    name: str

    def feed(self, side: int, data: bytes) -> list[tuple[int, bytes]]:
        """What `data` of the initiator (0) or responder (1) holds, each piece with the side that said it. Opaque when
        nothing more can be seen."""
        ...
