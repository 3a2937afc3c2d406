"""The moves of the game as data: what a few clients may do to a broker, and how each is told.

Clients are called `a`, `b`, `c`; topics and filters are below the conversation's own level, so `x/+` is
`<scope>/x/+` on the wire, and the empty text is that level itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

#: The clients that play.
NAMES = ("a", "b", "c")
#: Moves of one conversation, at most.
MOST = 200


class WillOf(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The will of a client; `delayed` asks for a Will Delay far longer than the conversation (5.0)."""

    topic: str
    qos: int = 0
    retain: bool = False
    delayed: bool = False


class _Move(Struct, frozen=True, tag_field="do", omit_defaults=True, forbid_unknown_fields=True):
    who: str


class Connect(_Move, frozen=True, tag="connect"):
    """CONNECT on a new connection; one that is there already is taken over. `kept` asks for a session that outlives
    the connection (in 3.1.1 it is the opposite of `clean`)."""

    clean: bool = True
    kept: bool = False
    will: WillOf | None = None
    receive_maximum: int = 0
    aliases: int = 0


class Disconnect(_Move, frozen=True, tag="disconnect"):
    """DISCONNECT; in 5.0 `with_will` says 0x04, and `ends` sets the Session Expiry Interval to 0."""

    with_will: bool = False
    ends: bool = False


class Drop(_Move, frozen=True, tag="drop"):
    """The connection breaks with a reset."""


class Subscribe(_Move, frozen=True, tag="subscribe"):
    """SUBSCRIBE to one filter; `group` makes it a shared subscription."""

    filter: str
    qos: int = 0
    group: str = ""
    no_local: bool = False
    retain_as_published: bool = False
    retain_handling: int = 0
    identifier: int = 0


class Unsubscribe(_Move, frozen=True, tag="unsubscribe"):
    """UNSUBSCRIBE from one filter."""

    filter: str
    group: str = ""


class Publish(_Move, frozen=True, tag="publish"):
    """`count` PUBLISH in one piece, each with a payload of its own (or `empty`), handshakes carried through."""

    topic: str
    qos: int = 0
    retain: bool = False
    empty: bool = False
    count: int = 1
    rich: bool = False
    expires: bool = False
    alias: bool = False


class Begin(_Move, frozen=True, tag="begin"):
    """PUBLISH with QoS 2, up to its PUBREC."""

    topic: str


class Finish(_Move, frozen=True, tag="finish"):
    """PUBREL and PUBCOMP for what was begun; `again` sends the PUBLISH once more before, with DUP, as a client does
    that has lost the PUBREC."""

    again: bool = False


class Hold(_Move, frozen=True, tag="hold"):
    """From now on nothing is acknowledged; with `half` PUBREC is sent and PUBCOMP is not."""

    half: bool = False


class Release(_Move, frozen=True, tag="release"):
    """All that was held back is acknowledged."""


class Overlook(Struct, frozen=True, tag_field="do", tag="overlook", forbid_unknown_fields=True):
    """Not a move of a client: another deviation, which the broker shows on the way, is passed over."""

    requirement: str
    kind: str


Move = Connect | Disconnect | Drop | Subscribe | Unsubscribe | Publish | Begin | Finish | Hold | Release


Moves = Sequence[Move | Overlook]


def to_data(moves: Moves) -> tuple[dict[str, Any], ...]:
    """The moves as plain data."""
    return tuple(msgspec.to_builtins(move) for move in moves)


def from_data(data: Sequence[dict[str, Any]]) -> list[Move | Overlook]:
    """Moves from plain data; ValueError says what is none."""
    if len(data) > MOST:
        raise ValueError(f"{len(data)} moves are too many: at most {MOST}")
    try:
        moves = msgspec.convert(list(data), list[Move | Overlook])
    except msgspec.ValidationError as error:
        raise ValueError(f"no moves of this game: {error}") from None
    for move in moves:
        if not isinstance(move, Overlook):
            _check(move)
    return moves


def _check(move: Move) -> None:
    if move.who not in NAMES:
        raise ValueError(f"no client is called {move.who!r}: they are {', '.join(NAMES)}")
    for name in ("topic", "filter", "group"):
        text = getattr(move, name, "")
        if len(text) > 200 or not text.isprintable():
            raise ValueError(f"{name} {text!r:.40} is too long or not printable")
    for name, most in (
        ("qos", 2),
        ("retain_handling", 2),
        ("count", 20),
        ("receive_maximum", 65535),
        ("aliases", 16),
    ):
        if not 0 <= getattr(move, name, 0) <= most:
            raise ValueError(f"{name} {getattr(move, name)} is not within 0..{most}")
    if not 0 <= getattr(move, "identifier", 0) <= 268_435_455:
        raise ValueError("a Subscription Identifier is at most 268435455")
    if isinstance(move, Connect) and move.will is not None and not 0 <= move.will.qos <= 2:
        raise ValueError(f"will qos {move.will.qos} is not within 0..2")


def told(move: Move | Overlook) -> str:
    """A move as a line: `a  SUBSCRIBE x/+ QoS 1`."""
    if isinstance(move, Overlook):
        return f"(passing over: {move.kind}, {move.requirement})"
    return f"{move.who}  {_told(move)}"


def _told(move: Move) -> str:
    match move:
        case Connect():
            parts = ["CONNECT", "clean" if move.clean else "not clean", "session kept" if move.kept else ""]
            parts += [f"Receive Maximum {move.receive_maximum}" if move.receive_maximum else ""]
            parts += [f"Topic Alias Maximum {move.aliases}" if move.aliases else "", _will(move.will)]
        case Disconnect():
            parts = ["DISCONNECT", "0x04" if move.with_will else "", "Session Expiry 0" if move.ends else ""]
        case Drop():
            parts = ["breaks its connection"]
        case Subscribe():
            parts = ["SUBSCRIBE", _filter(move.filter, move.group), f"QoS {move.qos}"]
            parts += ["No Local" if move.no_local else "", "Retain As Published" if move.retain_as_published else ""]
            parts += [f"Retain Handling {move.retain_handling}" if move.retain_handling else ""]
            parts += [f"identifier {move.identifier}" if move.identifier else ""]
        case Unsubscribe():
            parts = ["UNSUBSCRIBE", _filter(move.filter, move.group)]
        case Publish():
            parts = ["PUBLISH", _filter(move.topic), f"QoS {move.qos}", "RETAIN" if move.retain else ""]
            parts += ["empty" if move.empty else "", f"{move.count} times" if move.count > 1 else ""]
            parts += ["with properties" if move.rich else "", "with Message Expiry" if move.expires else ""]
            parts += ["by topic alias" if move.alias else ""]
        case Begin():
            parts = ["PUBLISH", _filter(move.topic), "QoS 2, takes PUBREC"]
        case Finish():
            parts = ["PUBLISH again with DUP, then" if move.again else "", "PUBREL, takes PUBCOMP"]
        case Hold():
            parts = ["keeps back PUBCOMP" if move.half else "keeps back its acknowledgements"]
        case Release():
            parts = ["sends the acknowledgements it kept back"]
    return " ".join(part for part in parts if part)


def _filter(text: str, group: str = "") -> str:
    shown = f"t/{text}" if text else "t"
    return f"$share/{group}/{shown}" if group else shown


def _will(will: WillOf | None) -> str:
    if will is None:
        return ""
    flags = f"{' RETAIN' if will.retain else ''}{' delayed' if will.delayed else ''}"
    return f"will {_filter(will.topic)} QoS {will.qos}{flags}"
