"""A few clients play against a model of a broker: MQTT 3.1.1 and 5.0, what a server owes and must not do.

Each row is a seed, and means the same conversations for every broker. `testbed play` plays on, and makes what it
finds as short as it gets.
"""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.broker import Broker
from testbed.mqtt.model import blame, game

#: Conversations of one row.
COUNT = 12

_311, _5 = (sorted({numbers[edition] for numbers in blame.BLAME.values() if numbers[edition]}) for edition in (0, 1))


@case(
    *(v311(number) for number in _311),
    *(v5(number) for number in _5),
    rows={f"seed {number}": number for number in range(1, 7)},
    lasts=60.0,
)
async def every_delivery_is_explained_and_everything_owed_comes(broker: Broker, seed: int) -> None:
    """The first conversation that no model explains ends the row, and names what it broke."""
    await game.several(broker.trial, seed, COUNT)
