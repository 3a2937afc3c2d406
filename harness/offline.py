"""Judging a capture: every connection in it by the passive rules of both its ends, written down like a run."""

from __future__ import annotations

import gc
import os
import platform
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import msgspec

from harness import journal as journal_module
from harness import suite
from harness.catalogue import citing, info
from harness.journal import Journal
from harness.overheard import Overheard
from harness.plan import PlannedRow
from harness.products import Product, Products
from harness.results import Cell, RequirementInfo
from harness.run import TOOL
from testbed.captured import network
from testbed.captured.keylog import read_keylog
from testbed.captured.listening import Found, Judge, Listener
from testbed.captured.reading import Reading
from testbed.captured.source import Source
from testbed.captured.tcp import Meeting
from testbed.dut import Description
from testbed.protocol import Role, roles, rooms

#: Pairs of addresses, and reasons, that are counted apart.
_MOST = 20_000
Address = tuple[str, int]


@dataclass(slots=True)
class Outcome:
    """What judging a capture came to, beside the journal."""

    reading: Reading
    #: Connections that were judged, and packets of their protocol in them.
    connections: int = 0
    frames: int = 0
    #: What the reader must know, a sentence each.
    notes: list[str] = field(default_factory=list)
    interrupted: bool = False


@cache
def watched(role: str, edition: str) -> frozenset[str]:
    """Ids of the requirements that the passive rules of a role look after."""
    return frozenset(f"{edition}:{number}" for number in roles()[role].watched(edition))


class _Desk:
    """Gives every connection its judge, and counts those that get none (`testbed.captured.listening.Desk`)."""

    def __init__(self, products: Products) -> None:
        self.products = products
        self.connections = self.frames = 0
        self.unjudged: Counter[str] = Counter()
        #: Connections in which nobody said what we know, by their two addresses and whether they were seen to begin.
        self.others: Counter[tuple[Address, Address, bool]] = Counter()
        self._alive: dict[int, Overheard] = {}

    def found(self, found: Found) -> Judge | None:
        ends = _ends(found.room.name, found.edition)
        if ends == (None, None):
            self.unjudged[f"there are no rules for {found.edition}"] += 1
            return None
        self.connections += 1
        return Overheard(found, ends, self.connections, self._over)

    def _over(self, heard: Overheard) -> None:
        self.frames += heard.frames
        self.products.take(heard)

    def passed_over(self, meeting: Meeting, why: str) -> None:
        if why:
            self.unjudged[why if len(self.unjudged) < _MOST else "for other reasons"] += 1
        elif len(self.others) < _MOST or (meeting.initiator, meeting.responder, meeting.whole) in self.others:
            self.others[meeting.initiator, meeting.responder, meeting.whole] += 1


@cache
def _ends(room: str, edition: str) -> tuple[Role | None, Role | None]:
    """The roles that judge the initiator and the responder of a connection."""
    fitting = [
        role
        for one in rooms()
        if one.name == room
        for role in one.roles
        if role.watch is not None and edition in role.editions
    ]
    initiator, responder = ([role for role in fitting if role.side == side] for side in ("client", "server"))
    return next(iter(initiator), None), next(iter(responder), None)


def judge(
    path: Path,
    folder: Path,
    *,
    keylog: Path | None = None,
    command: str = "",
    tick: Callable[[int, int], None] = lambda done, size: None,
) -> Outcome:
    """Judge the capture `path` into the journal of `folder`. `tick` is told how many bytes of how many (0: unknown)
    are read. FileError when it is no capture, JournalError when the results cannot be written."""
    reading = Reading()
    if keylog is not None:
        read_keylog(keylog, reading.secrets)
    # A suite that is wrong is better told before a long reading than after.
    cases = {role.name: citing(role) for role in roles().values() if role.watch}
    source = Source(path, reading)
    began = journal_module.now()
    outcome = Outcome(reading)
    try:
        journal = Journal(folder)
        try:
            products = Products(command)
            desk = _Desk(products)
            every = rooms()
            try:
                with _seldom_collected():
                    source.play(
                        lambda meeting: Listener(meeting, desk, every, reading.secrets),
                        lambda: tick(source.done, source.size),
                    )
            except KeyboardInterrupt:
                outcome.interrupted = True
            outcome.connections, outcome.frames = desk.connections, desk.frames
            outcome.notes = list(_notes(path, reading, desk, outcome))
            _write(journal, source, products, outcome, command, began, cases)
        finally:
            journal.close()
    finally:
        source.close()
    return outcome


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """Look for circular garbage seldom: reading makes next to none, and with ten thousand connections open each
    search goes through a million values."""
    before = gc.get_threshold()
    gc.set_threshold(20_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _write(
    journal: Journal,
    source: Source,
    products: Products,
    outcome: Outcome,
    command: str,
    began: str,
    cases: dict[str, dict[str, list[str]]],
) -> None:
    told = products.told()
    cells: list[Cell] = []
    for product in told:
        numbers = {edition: len(watched(product.role, edition)) for edition in product.editions}
        cells += products.cells(product, numbers)
    rows = [PlannedRow(c.id, c.case, c.row, c.edition, c.dut, "", c.requirements) for c in cells]
    journal.append(
        "run",
        {
            "tool": TOOL,
            "command": command,
            "asked": {},
            "started": began,
            "platform": f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} CPUs",
            "digest": source.digest,
            "repeat": 1,
            "profiles": [],
            "levels": {},
            "duts": [msgspec.to_builtins(_description(product)) for product in told],
            "requirements": _requirements(told, cells, cases),
            "cells": rows,
        },
    )
    for note in outcome.notes:
        journal.append("note", {"text": note})
    for cell in cells:
        journal.append("cell", {"repeat": 0, "cell": cell})
    journal.append("end", {"reason": "interrupted" if outcome.interrupted else "complete"})


def _description(product: Product) -> Description:
    transport = "tls" if any(name.startswith("TLS") for name in product.inside) else "tcp"
    title = product.name
    if not product.address:
        return Description(product.name, product.role, {}, title)
    host, _, port = product.address.rpartition(":")
    place = f"{transport}://{f'[{host}]' if ':' in host else host}:{port}"
    return Description(product.name, product.role, dict.fromkeys(product.editions, place), title)


def _requirements(
    told: list[Product], cells: list[Cell], cases: dict[str, dict[str, list[str]]]
) -> list[RequirementInfo]:
    """The catalogue rows that the rules look after, or that were broken; `cases` are those that cite a requirement,
    by role."""
    broken = {finding.requirement for cell in cells for finding in cell.findings}
    out: dict[str, RequirementInfo] = {}
    for name, edition in sorted({(product.role, edition) for product in told for edition in product.editions}):
        role = roles()[name]
        try:
            rows = suite.catalogue(edition)
        except LookupError:
            continue  # rules without a suite: their findings have numbers and no words
        seen = broken | watched(name, edition)
        for row in rows.values():
            if row.id in seen:
                out.setdefault(row.id, info(row, role.side, cases[name].get(row.id, [])))
    return list(out.values())


def counted(number: int, thing: str) -> str:
    """`1 connection`, `2 connections`."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _notes(path: Path, reading: Reading, desk: _Desk, outcome: Outcome) -> Iterator[str]:
    """What a reader must know of the whole."""
    thing = "line" if reading.format == "hex log" else "packet"
    if reading.problem:
        yield f"The capture is not whole: {reading.problem}. What came before is judged."
    if outcome.interrupted:
        yield f"Reading was interrupted after {thing} {reading.packets}. What came before is judged."
    if not reading.packets:
        yield f"{path.name} holds no {thing}s."
    for kind, count in sorted(reading.link_types.items()):
        known = ", ".join(f"{number} {name}" for number, name in network.LINK_TYPES.items())
        yield f"Not judged: {counted(count, 'packet')} of link type {kind}, which is unknown here. Known: {known}."
    for why, count in reading.unread.most_common(20):
        yield f"Not judged: {counted(count, thing)}: {why}."
    servers = desk.products.servers()
    ports = {role.port for role in roles().values()}
    late = strange = other = 0
    for (one, two, whole), count in desk.others.items():
        near = one in servers or two in servers or one[1] in ports or two[1] in ports
        late += count if near and not whole else 0
        strange += count if near and whole else 0
        other += count if not near else 0
    if late:
        yield f"Not judged: {counted(late, 'connection')}: the capture does not show the beginning."
    if strange:
        yield f"Not judged: {counted(strange, 'connection')} to a known address: the opening is of no known protocol."
    for why, count in desk.unjudged.most_common(20):
        yield f"Not judged: {counted(count, 'connection')}: {why}."
    if other:
        yield f"Passed over: {counted(other, 'connection')} of other protocols."
