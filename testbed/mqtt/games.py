"""The games that can be played against a broker; what they are made of is loaded when one is played."""

from __future__ import annotations

from collections.abc import Sequence

from testbed.game import Arena, Budget, Game, Move
from testbed.trial import Trial


async def _play_model(arena: Arena, budget: Budget) -> None:
    from testbed.mqtt.model import game

    await game.play(arena, budget)


async def _replay_model(trial: Trial, moves: Sequence[Move]) -> None:
    from testbed.mqtt.model import game

    await game.replay(trial, moves)


def _tell_model(moves: Sequence[Move]) -> list[str]:
    from testbed.mqtt.model import moves as module

    return [module.told(move) for move in module.from_data(moves)]


async def _play_hostile(arena: Arena, budget: Budget) -> None:
    from testbed.mqtt.hostile import game

    await game.play(arena, budget)


async def _replay_hostile(trial: Trial, moves: Sequence[Move]) -> None:
    from testbed.mqtt.hostile import game

    await game.replay(trial, moves)


def _tell_hostile(moves: Sequence[Move]) -> list[str]:
    from testbed.mqtt.hostile import moves as module

    return [module.told(move) for move in module.from_data(moves)]


BROKER_GAMES = (
    Game(
        "model",
        "a few clients; every delivery must be explained and everything owed must come",
        _play_model,
        _replay_model,
        _tell_model,
    ),
    Game(
        "hostile",
        "malformed packets; everybody else must be served on",
        _play_hostile,
        _replay_hostile,
        _tell_hostile,
        alone=True,
    ),
)
