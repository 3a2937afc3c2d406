"""The moves of the hostile game as data: connections, proper CONNECTs, and bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from testbed.mqtt.codec import Framer, decode, describe
from testbed.mqtt.packets import KINDS, Version

#: Moves of one conversation, and bytes of one move, at most.
MOST, LONGEST = 12, 200_000
#: Connections of one conversation.
LINKS = 2


class Hello(Struct, frozen=True, tag_field="do", tag="hello", omit_defaults=True, forbid_unknown_fields=True):
    """A proper CONNECT on a connection, and its CONNACK."""

    link: int = 0


class Send(Struct, frozen=True, tag_field="do", tag="send", omit_defaults=True, forbid_unknown_fields=True):
    """Bytes on a connection, as they are; it is opened if it is not yet."""

    hex: str
    link: int = 0

    @property
    def data(self) -> bytes:
        return bytes.fromhex(self.hex)


Move = Hello | Send


def to_data(moves: Sequence[Move]) -> tuple[dict[str, Any], ...]:
    """The moves as plain data."""
    return tuple(msgspec.to_builtins(move) for move in moves)


def from_data(data: Sequence[dict[str, Any]]) -> list[Move]:
    """Moves from plain data; ValueError says what is none."""
    if len(data) > MOST:
        raise ValueError(f"{len(data)} moves are too many: at most {MOST}")
    try:
        moves = msgspec.convert(list(data), list[Move])
    except msgspec.ValidationError as error:
        raise ValueError(f"no moves of this game: {error}") from None
    for move in moves:
        if not 0 <= move.link < LINKS:
            raise ValueError(f"connection {move.link} is not within 0..{LINKS - 1}")
        if isinstance(move, Send):
            _check(move.hex)
    return moves


def _check(text: str) -> None:
    if len(text) > 2 * LONGEST:
        raise ValueError(f"{len(text) // 2} bytes are too many for one move: at most {LONGEST}")
    try:
        bytes.fromhex(text)
    except ValueError:
        raise ValueError(f"no bytes in hexadecimal: {text:.40}") from None


def told(move: Move) -> str:
    """A move as a line."""
    if isinstance(move, Hello):
        return f"connection {move.link}: a proper CONNECT"
    data = move.data
    shown = data[:48].hex(" ") + (f" ... ({len(data)} bytes)" if len(data) > 48 else "")
    return f"connection {move.link}: {shown}   {meaning(data)}"


def meaning(data: bytes) -> str:
    """The first packet in `data`, in words."""
    framer = Framer()
    frames = framer.feed(data)
    if frames:
        return describe(decode(frames[0], Version.V5))[:120]
    return f"{kind(data)}, {framer.broken or 'not complete'}" if data else "nothing"


def kind(data: bytes) -> str:
    """What kind of packet the bytes begin."""
    return KINDS.get(data[0] >> 4, "no packet") if data else "nothing"
