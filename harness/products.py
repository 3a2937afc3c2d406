"""What was overheard, by who was heard: one product for each server and each client of a capture, within bounds.

A capture may hold a hundred thousand connections of as many clients. What is kept of one that broke nothing is a
number; of those that broke something, enough cells to show each breach, and the rest in one cell that still names
every requirement.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from harness.overheard import Overheard
from harness.report.filenames import digest
from harness.report.visible import line
from harness.results import Cell, Finding, Verdict
from testbed.dut import LONGEST_NAME

#: Products of one role that are kept apart while reading, and that are shown by name.
MOST_KEPT, MOST_SHOWN = 5_000, 40
#: Cells with their packets: of all, and of one product that show the same requirement.
MOST_CELLS, MOST_ALIKE = 300, 3
#: Unix time in nanoseconds beyond which a capture's clock is not believed: the year 2200.
_LATEST = 7_258_118_400 * 10**9
#: Reasons why connections were judged in part that are told of one product.
MOST_REASONS = 5


@dataclass(slots=True)
class Account:
    """What one product said in one edition."""

    connections: int = 0
    #: Packets it said itself.
    packets: int = 0
    #: Connections in which it broke something.
    broken: int = 0
    #: Connections in which a rule of ours failed.
    failed: int = 0
    #: Why connections were judged in part -> how many.
    partly: Counter[str] = field(default_factory=Counter)
    cells: list[Cell] = field(default_factory=list)
    #: Requirement -> connections that broke it; the first finding of each in connections without a cell of their own.
    breaches: Counter[str] = field(default_factory=Counter)
    more: dict[str, Finding] = field(default_factory=dict)
    unshown: int = 0

    def add(self, other: Account) -> None:
        """Take over what another one holds."""
        self.connections += other.connections
        self.packets += other.packets
        self.broken += other.broken
        self.failed += other.failed
        self.partly.update(other.partly)
        self.cells += other.cells
        self.breaches.update(other.breaches)
        self.more = other.more | self.more
        self.unshown += other.unshown


@dataclass(slots=True)
class Product:
    """Who was heard: a server by its address, a client by its name and address."""

    name: str
    role: str
    #: Host and port of who was called; empty for who called, and in a log that knows no addresses.
    address: str
    #: It was called.
    called: bool = False
    editions: dict[str, Account] = field(default_factory=lambda: defaultdict(Account))
    inside: set[str] = field(default_factory=set)

    @property
    def broken(self) -> int:
        return sum(account.broken for account in self.editions.values())

    @property
    def packets(self) -> int:
        return sum(account.packets for account in self.editions.values())


class Products:
    """All products of a capture. `command` is what shows a cell again."""

    def __init__(self, command: str) -> None:
        self._command = command
        self._all: dict[tuple[str, str, str], Product] = {}
        self._rest: dict[str, Product] = {}
        #: Role -> products in `_all`.
        self._kept: Counter[str] = Counter()
        self._names: set[str] = set()
        self._cells = 0
        self._told: set[tuple[str, str]] = set()

    def take(self, heard: Overheard) -> None:
        """Enter a connection that is over, for both its ends."""
        for side, end in enumerate(heard.ends):
            if end is not None:
                self._enter(heard, side, self._product(heard, side, end.role.name))

    def servers(self) -> set[tuple[str, int]]:
        """Address and port of every product that was called."""
        return {
            (host, int(port))
            for product in self._all.values()
            for host, _, port in (product.address.rpartition(":"),)
            if host
        }

    # -- who

    def _product(self, heard: Overheard, side: int, role: str) -> Product:
        meeting = heard.found.meeting
        if side:
            host, port = meeting.responder
            address = f"{host}:{port}" if port else ""
            key, name = (role, "", address or host), f"[{host}]:{port}" if ":" in host else address or host
        else:
            host, _ = meeting.initiator
            key, address, name = (role, heard.name, host), "", f"{heard.name} ({host})" if heard.name else host
        found = self._all.get(key)
        if found is None:
            if self._kept[role] >= MOST_KEPT:
                return self._rest.setdefault(role, Product(self._unused(f"other, {role}"), role, ""))
            self._kept[role] += 1
            found = self._all[key] = Product(self._unused(name), role, address, bool(side))
        return found

    def _unused(self, name: str) -> str:
        shown = line(name, LONGEST_NAME) if len(name) <= LONGEST_NAME else f"{line(name[:80])}… {digest(name)}"
        shown = shown[:LONGEST_NAME]
        if shown in self._names:
            shown = f"{shown[: LONGEST_NAME - 10]} {digest(f'{name} {len(self._names)}')}"
        self._names.add(shown)
        return shown

    # -- what

    def _enter(self, heard: Overheard, side: int, product: Product) -> None:
        account = product.editions[heard.found.edition]
        account.connections += 1
        account.packets += heard.said_by[side]
        product.inside.update(heard.found.inside)
        if heard.missing:
            known = heard.missing in account.partly or len(account.partly) < MOST_REASONS
            account.partly[heard.missing if known else "other bytes are missing"] += 1
        end = heard.ends[side]
        assert end is not None
        broken = {breach.requirement for breach in end.breaches}
        if not broken and not heard.failure:
            return
        if broken:
            account.broken += 1
        else:
            account.failed += 1
        new = any((product.role, id) not in self._told for id in broken)
        few = self._cells < MOST_CELLS and any(account.breaches[id] < MOST_ALIKE for id in broken)
        account.breaches.update(broken)
        if new or few or (heard.failure and self._cells < MOST_CELLS):
            self._cells += 1
            self._told.update((product.role, id) for id in broken)
            account.cells.append(self._cell(heard, side, product))
            return
        account.unshown += 1
        for finding in heard.findings(side):
            account.more.setdefault(finding.requirement, msgspec.structs.replace(finding, frame=-1))

    def _cell(self, heard: Overheard, side: int, product: Product) -> Cell:
        meeting, findings = heard.found.meeting, heard.findings(side)
        verdict: Verdict = "fail"
        reason = cause = ""
        if findings:
            first = findings[0]
            reason, cause = f"expected {first.expected}; came {first.came}", f"rule {first.requirement}"
        if heard.failure:
            verdict, reason, cause = "error", f"a rule of the test bed failed: {heard.failure}", ""
        if heard.missing:
            reason += f"; judged in part: {heard.missing}"
        (one, port), (other, other_port) = meeting.initiator, meeting.responder
        return self._made(
            product,
            heard.found.edition,
            f"connection {heard.number}, {one}" + (f" port {port}" if port else ""),
            verdict,
            reason[:2000],
            findings,
            cause=cause,
            started=_moment(meeting.at),
            seconds=max(0.0, round((heard.last_at - meeting.at) / 1e9, 4)),
            frames=heard.shown(side),
            trace=heard.trace,
            filter=_filter(one, port, other, other_port),
        )

    def _made(
        self,
        product: Product,
        edition: str,
        row: str,
        verdict: Verdict,
        reason: str,
        findings: list[Finding],
        **more: object,
    ) -> Cell:
        case = f"passive.{product.role}.no_rule_is_broken"
        inside = ",".join(part for part in (row, edition, product.name) if part)
        return Cell(
            f"{case}[{inside}]",
            case,
            edition,
            product.name,
            sorted({finding.requirement for finding in findings}),
            verdict,
            row=row,
            reason=reason,
            findings=findings,
            command=self._command,
            **more,  # type: ignore[arg-type]
        )

    # -- what is told in the end

    def told(self) -> list[Product]:
        """The products to show, those that broke something first; the rest of each role as one."""
        out: list[Product] = []
        # Who was called first: there are few of them, and many who call.
        for role in sorted(self._kept, key=lambda role: (not self._called(role), role)):
            mine = [product for product in self._all.values() if product.role == role]
            mine.sort(key=lambda product: (-product.broken, -product.packets))
            out += mine[:MOST_SHOWN]
            rest = [*mine[MOST_SHOWN:], *([self._rest[role]] if role in self._rest else [])]
            if rest:
                count = f"more than {len(rest) - 1}" if role in self._rest else str(len(rest))
                folded = Product(self._unused(f"{count} other of role {role}"), role, "")
                for product in rest:
                    folded.inside |= product.inside
                    for edition, account in product.editions.items():
                        folded.editions[edition].add(account)
                out.append(folded)
        return out

    def _called(self, role: str) -> bool:
        return any(product.called for product in self._all.values() if product.role == role)

    def cells(self, product: Product, watched: dict[str, int]) -> Iterator[Cell]:
        """The cells of a product; `watched` has the number of requirements that its rules look after, by edition."""
        for edition, account in product.editions.items():
            for cell in account.cells:
                if cell.dut != product.name:
                    head = cell.id.partition("[")[0]
                    cell = msgspec.structs.replace(
                        cell, dut=product.name, id=f"{head}[{cell.row},{edition},{product.name}]"
                    )
                yield cell
            if account.unshown:
                count = f"{account.unshown} more {'connections' if account.unshown > 1 else 'connection'}"
                reason = f"rules are broken in {count}; the cells beside this one show the like with their packets"
                yield self._made(product, edition, "further connections", "fail", reason, [*account.more.values()])
            clean = account.connections - account.broken - account.failed
            if clean > 0:
                yield self._made(product, edition, "", *_clean(account, clean, watched.get(edition, 0)), [])


def _moment(at: int) -> str:
    """ISO 8601 of a Unix time in nanoseconds; nothing for one that no clock tells."""
    if not 0 <= at < _LATEST:
        return ""
    return datetime.fromtimestamp(at / 1e9, UTC).isoformat(timespec="milliseconds")


def _clean(account: Account, clean: int, watched: int) -> tuple[Verdict, str]:
    partly = "; ".join(f"{count}: {why}" for why, count in account.partly.most_common())
    many = "connections" if account.connections > 1 else "connection"
    text = f"{clean} of {account.connections} {many}, packets it said in all: {account.packets}"
    if partly:
        text += f" (judged in part: {partly})"
    if not account.packets:
        return "inconclusive", f"{text}: nothing to judge"
    rules = f"rules on {watched} requirements" if watched else "the passive rules"
    return "pass", f"{text}: nothing broken by {rules}. What no rule watches is not judged"


def _filter(one: str, port: int, other: str, other_port: int) -> str:
    """The display filter of Wireshark that finds the connection."""
    kind = "ipv6" if ":" in one else "ip"
    if not port:
        return ""
    return f"{kind}.addr == {one} and tcp.port == {port} and {kind}.addr == {other} and tcp.port == {other_port}"
