"""Passive rules: what every packet of a client or of a server must keep to, whatever the case is about.

Each rule is a row of a table beside the others of its subject: `frames`, `opening`, `delivery`, `answering` for
what a server sends; `client_frames`, `client_opening`, `client_delivery`, `client_asking` for what a client sends.
It cites, for each edition, the statements that bind the sender; where the standard has none, there is no row.
`known` holds what a connection's packets have established, of both sides alike.

A rule is silent where the sender may have a reason we do not see: `Needs` says how much must be known before it
may speak. After a CONNECT of another version nothing is judged; after a malformed or disorderly packet of the
tester, only what a packet shows by itself; in a session from an earlier connection, nothing about what that one
left behind. What a server announces binds a client only once the client has shown that it read the CONNACK.
Times are not judged.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

from testbed.findings import Breach
from testbed.mqtt.codec import decode, describe
from testbed.mqtt.handle import VERSIONS
from testbed.mqtt.packets import Packet
from testbed.mqtt.rules import (
    answering,
    client_asking,
    client_delivery,
    client_frames,
    client_opening,
    delivery,
    frames,
    opening,
)
from testbed.mqtt.rules.disorder import disorderly
from testbed.mqtt.rules.known import Known, Needs
from testbed.mqtt.rules.rule import Rule
from testbed.trial import Trial

Name = Literal["client", "server"]

#: The rules on what a server sends, and on what a client sends.
SERVER_RULES: tuple[Rule, ...] = (*frames.RULES, *opening.RULES, *delivery.RULES, *answering.RULES)
CLIENT_RULES: tuple[Rule, ...] = (
    *client_opening.RULES,
    *client_frames.RULES,
    *client_delivery.RULES,
    *client_asking.RULES,
)
_RULES = {"client": CLIENT_RULES, "server": SERVER_RULES}

#: How much is known -> class of packet -> the rules that may speak, each with the ids it cites.
_Table = dict[Needs, dict[type, tuple[tuple[Rule, tuple[str, ...]], ...]]]


@cache
def _table(edition: str, side: str) -> _Table:
    table: _Table = {}
    for grade in Needs:
        rows: dict[type, list[tuple[Rule, tuple[str, ...]]]] = {}
        for rule in _RULES[side]:
            numbers = rule.numbers(edition)
            if numbers and rule.needs <= grade:
                for packet in rule.packets:
                    rows.setdefault(packet, []).append((rule, numbers))
        table[grade] = {packet: tuple(found) for packet, found in rows.items()}
    return table


@cache
def watched(edition: str, side: Name) -> frozenset[str]:
    """The statements of an edition, as `MQTT-3.1.0-1`, that some rule on what `side` sends watches."""
    return frozenset(number.partition(":")[2] for rule in _RULES[side] for number in rule.numbers(edition))


class ServerWatch:
    """Judges what a server under test sends on one connection (`testbed.trial.Watch`)."""

    def __init__(self, trial: Trial) -> None:
        self._judge = _Judge(trial, "server")

    def sent(self, data: bytes, frame: int) -> None:
        """A frame of the tester, the client."""
        self._judge.known.client_said(decode(data, self._judge.known.version))

    def received(self, data: bytes, frame: int) -> None:
        """A frame of the server: it is judged by what was said before, then noted itself."""
        packet = self._judge.judged(data, frame)
        if packet is not None:
            self._judge.known.server_said(packet)

    def closed(self, frame: int) -> None:
        """The connection is over. Who had to close it, and when, is for cases to ask."""


class ClientWatch:
    """Judges what a client under test sends on one connection (`testbed.trial.Watch`).

    The tester, the server, may say anything, and not all of it is in order. So its packets are held against the
    rules on servers: once they break one, a client may do nearly anything.
    """

    def __init__(self, trial: Trial) -> None:
        self._judge = _Judge(trial, "client")
        self._tester = Known(self._judge.known.version, "server")
        self._tester_table = _table(trial.edition, "server")

    def sent(self, data: bytes, frame: int) -> None:
        """A frame of the tester, the server."""
        known, tester = self._judge.known, self._tester
        if known.grade is None:
            return
        packet = decode(data, known.version)
        tester.frame = data
        rules = self._tester_table[tester.grade].get(packet.__class__, ()) if tester.grade is not None else ()
        if disorderly(tester, packet, (rule for rule, _ in rules)):
            known.doubt()
        known.server_said(packet)
        tester.server_said(packet)

    def received(self, data: bytes, frame: int) -> None:
        """A frame of the client: it is judged by what was said before, then noted itself."""
        packet = self._judge.judged(data, frame)
        if packet is not None:
            self._judge.known.client_said(packet)
            self._tester.client_said(packet)

    def closed(self, frame: int) -> None:
        """The connection is over. Who had to close it, and when, is for cases to ask."""


class _Judge:
    """The rules on one side of a connection; each requirement is named once."""

    def __init__(self, trial: Trial, side: Name) -> None:
        self.known = Known(VERSIONS[trial.edition], side)
        self._breaches = trial.breaches
        self._table = _table(trial.edition, side)
        self._told: set[str] = set()

    def judged(self, data: bytes, frame: int) -> Packet | None:
        """A frame of the side that is judged; its packet, or None when nothing can be said of it any more."""
        known = self.known
        if known.grade is None:
            return None
        packet = decode(data, known.version)
        known.frame = data
        if not known.informed:
            known.listen(packet)
        for rule, numbers in self._table[known.grade].get(packet.__class__, ()):
            broken = rule.broken(known, packet)
            if broken:
                self._report(rule, numbers, broken if isinstance(broken, str) else describe(packet), frame)
        return packet

    def _report(self, rule: Rule, numbers: tuple[str, ...], came: str, frame: int) -> None:
        for number in numbers:
            if number not in self._told:
                self._told.add(number)
                self._breaches.append(Breach(number, rule.expected, came, frame))


def watch_server(trial: Trial, link: int) -> ServerWatch:
    """The passive rules over connection `link` of a trial with a broker; they report into `trial.breaches`."""
    return ServerWatch(trial)


def watch_client(trial: Trial, link: int) -> ClientWatch:
    """The passive rules over connection `link` of a trial with a client; they report into `trial.breaches`."""
    return ClientWatch(trial)
