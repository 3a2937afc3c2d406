"""What a passive rule is: a row of a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from testbed.mqtt.rules.known import Known, Needs


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: in packets of these classes, `broken` breaks the statements of each edition.

    `v311` and `v5` are numbers without their `MQTT-`, several separated by blanks, empty where the edition has
    no statement that binds the sender. `broken` sees the connection as it was before the packet; it returns
    something falsy, True, or a phrase that tells what came beside the packet itself.
    """

    packets: tuple[type, ...]
    v311: str
    v5: str
    needs: Needs
    expected: str
    broken: Callable[[Known, Any], bool | str | None]

    def numbers(self, edition: str) -> tuple[str, ...]:
        """Full ids of the requirements it watches in an edition; none in one that is not ours."""
        numbers = {"mqtt-3.1.1": self.v311, "mqtt-5.0": self.v5}.get(edition, "").split()
        return tuple(f"{edition}:MQTT-{number}" for number in numbers)
