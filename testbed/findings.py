"""What a tester can conclude on the spot.

A case raises one of these; anything else that escapes a case is an error of ours.
"""

from __future__ import annotations

from dataclasses import dataclass


class Violation(Exception):
    """The device under test broke what the case cites.

    `expected` and `came` are sentences for the report. `requirements` narrows the blame to some of the
    requirements the case cites (all of them when empty).
    """

    def __init__(self, expected: str, came: str, *, requirements: tuple[str, ...] = ()) -> None:
        super().__init__(f"expected {expected}; came {came}")
        self.expected = expected
        self.came = came
        self.requirements = requirements


class Inconclusive(Exception):
    """The stimulus never reached the device in the state under test, so nothing can be said.

    `cause` is a short stable key for one root cause with many symptoms (`"no QoS 2"`), so that the report
    can group its dependants.
    """

    def __init__(self, reason: str, *, cause: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Breach:
    """What a passive rule saw: `requirement` was broken on connection `link` by its frame number `frame`
    (counted from 0 over all frames of the trial)."""

    requirement: str
    expected: str
    came: str
    frame: int
