"""Makes a list of moves shorter and plainer, as long as it still shows the same deviation.

Hypothesis shrinks one candidate after another; a candidate here may wait a second for what never comes, so all
candidates of a round are played side by side instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence

from msgspec.structs import replace

from testbed.mqtt.model import fitting, topics
from testbed.mqtt.model.moves import NAMES, Begin, Connect, Move, Publish
from testbed.mqtt.model.world import Features

#: Plays a candidate; whether it still shows what it is to show.
Shows = Callable[[Sequence[Move]], Awaitable[bool]]
#: Candidates that are played side by side.
ROUND = 12


async def shrink(moves: Sequence[Move], shows: Shows, features: Features, *, until: float) -> list[Move]:
    """The shortest and plainest list that was found by the time `until` of the loop's clock."""
    best = list(moves)
    loop = asyncio.get_running_loop()
    tried = {tuple(best)}

    def fresh(candidates: Iterator[list[Move]]) -> list[list[Move]]:
        """Those that were not tried yet, as they are when they fit the broker."""
        found = []
        for one in candidates:
            fitted = [move for given in one if (move := fitting.adapted(given, features)) is not None]
            if fitted and tuple(fitted) not in tried:
                tried.add(tuple(fitted))
                found.append(fitted)
        return found

    while loop.time() < until:
        shorter = await _first(fresh(_shorter(best)), shows, until)
        if shorter is None:
            shorter = await _first(fresh(_plainer(best)), shows, until)
        if shorter is None:
            break
        best = shorter
    return _named(best)


def _named(moves: Sequence[Move]) -> list[Move]:
    """The clients called a, b, c in the order in which they come."""
    names = dict(zip(dict.fromkeys(move.who for move in moves), NAMES, strict=False))
    return [replace(move, who=names[move.who]) for move in moves]


async def _first(waiting: list[list[Move]], shows: Shows, until: float) -> list[Move] | None:
    """The first candidate, in their order, that shows it; they are played in rounds."""
    loop = asyncio.get_running_loop()
    while waiting and loop.time() < until:
        some, waiting = waiting[:ROUND], waiting[ROUND:]
        results = await asyncio.gather(*(shows(one) for one in some))
        for one, shown in zip(some, results, strict=True):
            if shown:
                return one
    return None


def _shorter(moves: Sequence[Move]) -> Iterator[list[Move]]:
    """Without a run of moves, the longest runs first; then without one of the clients."""
    size = len(moves) // 2
    while size:
        for start in range(len(moves) - size, -1, -max(1, size // 2)):
            yield [*moves[:start], *moves[start + size :]]
        size //= 2
    for who in sorted({move.who for move in moves}, reverse=True):
        for other in sorted({move.who for move in moves} - {who}):
            # The other one is connected already, or has to connect in its place.
            theirs = [move for move in moves if move.who != who or not isinstance(move, Connect)]
            for some in (theirs, moves):
                yield [replace(move, who=other) if move.who == who else move for move in some]


def _plainer(moves: Sequence[Move]) -> Iterator[list[Move]]:
    """One move made plainer, or one topic or filter everywhere."""
    for old in sorted({text for move in moves for text in _texts(move)}, key=lambda text: (-len(text), text)):
        for new in ("x", "#", "+", "x/y"):
            if _rank(new) < _rank(old):
                yield [_renamed(move, old, new) for move in moves]
    for index, move in enumerate(moves):
        for plain in _variants(move):
            yield [*moves[:index], plain, *moves[index + 1 :]]


_PLAIN = ("x", "x/y", "#", "+")


def _rank(text: str) -> int:
    return _PLAIN.index(text) if text in _PLAIN else len(_PLAIN)


def _texts(move: Move) -> set[str]:
    found = {text for name in ("topic", "filter") if (text := getattr(move, name, None)) is not None}
    if isinstance(move, Connect) and move.will is not None:
        found.add(move.will.topic)
    return found


def _renamed(move: Move, old: str, new: str) -> Move:
    wild = topics.has_wildcard(new)
    if getattr(move, "topic", None) == old and not wild:
        return replace(move, topic=new)
    if getattr(move, "filter", None) == old:
        return replace(move, filter=new)
    if isinstance(move, Connect) and move.will is not None and move.will.topic == old and not wild:
        return replace(move, will=replace(move.will, topic=new))
    return move


def _variants(move: Move) -> Iterator[Move]:
    """The same move with less in it, one thing at a time."""
    plain: dict[str, tuple[object, ...]] = {
        "qos": tuple(range(getattr(move, "qos", 0))),
        "retain": (False,) if isinstance(move, Publish) and not move.empty else (),
        "count": (1, 2),
        "rich": (False,),
        "expires": (False,),
        "alias": (False,),
        "no_local": (False,),
        "retain_as_published": (False,),
        "retain_handling": (0,),
        "identifier": (0, 1),
        "group": ("",),
        "will": (None,),
        "receive_maximum": (0,),
        "aliases": (0,),
        "with_will": (False,),
        "ends": (False,),
        "half": (False,),
        "again": (False,),
        "kept": (False,),
        "clean": (True,),
    }
    for name in move.__struct_fields__:
        now = getattr(move, name)
        for value in plain.get(name, ()):
            smaller = value < now if isinstance(value, int) and name in ("identifier", "count") else value != now
            if smaller:
                yield replace(move, **{name: value})
    if isinstance(move, Connect) and move.will is not None:
        for change in ({"qos": 0}, {"retain": False}, {"delayed": False}):
            will = replace(move.will, **change)
            if will != move.will:
                yield replace(move, will=will)
    if isinstance(move, Begin):
        yield Publish(move.who, move.topic, 2)
