"""Passive rules: what every packet of a broker must keep to, whatever the case is about.

Each rule is a row of a table beside the others of its subject: `frames`, `opening`, `delivery`, `answering`.
It cites, for each edition, the statements that bind the sender; where the standard has none, there is no row.
`known` holds what a connection's packets have established, of both sides alike, so that the rules on a client
can stand on the same ground.

A rule is silent where a server may have a reason we do not see: `Needs` says how much must be known before it
may speak. After a CONNECT of another version nothing is judged; after a malformed packet of ours, only what a
packet shows by itself; in a session from an earlier connection, nothing about what that one left behind.
"""

from __future__ import annotations

from functools import cache

from testbed.findings import Breach
from testbed.mqtt.broker import VERSIONS
from testbed.mqtt.codec import decode, describe
from testbed.mqtt.rules import answering, delivery, frames, opening
from testbed.mqtt.rules.known import Known, Needs
from testbed.mqtt.rules.rule import Rule
from testbed.trial import Trial

#: The rules on what a server sends.
SERVER_RULES: tuple[Rule, ...] = (*frames.RULES, *opening.RULES, *delivery.RULES, *answering.RULES)

#: How much is known -> class of packet -> the rules that may speak, each with the ids it cites.
_Table = dict[Needs, dict[type, tuple[tuple[Rule, tuple[str, ...]], ...]]]


@cache
def _table(edition: str) -> _Table:
    table: _Table = {}
    for grade in Needs:
        rows: dict[type, list[tuple[Rule, tuple[str, ...]]]] = {}
        for rule in SERVER_RULES:
            numbers = rule.numbers(edition)
            if numbers and rule.needs <= grade:
                for packet in rule.packets:
                    rows.setdefault(packet, []).append((rule, numbers))
        table[grade] = {packet: tuple(found) for packet, found in rows.items()}
    return table


class ServerWatch:
    """Judges what a server under test sends on one connection (`testbed.trial.Watch`)."""

    def __init__(self, trial: Trial) -> None:
        self._breaches = trial.breaches
        self._version = VERSIONS[trial.edition]
        self._table = _table(trial.edition)
        self._known = Known(self._version)
        self._told: set[str] = set()

    def sent(self, data: bytes, frame: int) -> None:
        """A frame of the tester, the client."""
        self._known.client_said(decode(data, self._version))

    def received(self, data: bytes, frame: int) -> None:
        """A frame of the server: it is judged by what was said before, then noted itself."""
        known = self._known
        grade = known.grade
        if grade is None:
            return
        packet = decode(data, self._version)
        known.frame = data
        for rule, numbers in self._table[grade].get(packet.__class__, ()):
            broken = rule.broken(known, packet)
            if broken:
                self._report(rule, numbers, broken if isinstance(broken, str) else describe(packet), frame)
        known.server_said(packet)

    def closed(self, frame: int) -> None:
        """The connection is over. Who had to close it, and when, is for cases to ask."""

    def _report(self, rule: Rule, numbers: tuple[str, ...], came: str, frame: int) -> None:
        for number in numbers:
            if number not in self._told:
                self._told.add(number)
                self._breaches.append(Breach(number, rule.expected, came, frame))


def watch(trial: Trial, link: int) -> ServerWatch:
    """The passive rules over connection `link` of a trial with a broker; they report into `trial.breaches`."""
    return ServerWatch(trial)
