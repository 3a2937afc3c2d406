"""What a message entitles whom to, and whether the copies that came are explained by it.

A message that matches n subscriptions of a session may come as one copy that respects them all, or as up to n
copies, each of which respects one (3.1.1 section 3.3.5, 5.0 section 3.3.4). A group of shared subscriptions gets one
copy, whichever member takes it (5.0 section 4.8.2). Retained messages come once for each subscription that asks for
them. Which copy is which cannot be seen, so any assignment that explains them all will do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import permutations

from testbed.mqtt.properties import Properties


@dataclass(frozen=True, slots=True)
class Slot:
    """How a copy looks that respects one subscription."""

    qos: int
    retain: frozenset[bool]
    identifiers: frozenset[int] = frozenset()

    def fits(self, copy: Copy) -> bool:
        return copy.qos == self.qos and copy.retain in self.retain and copy.identifiers == self.identifiers


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy as it came to a session."""

    session: int
    qos: int
    retain: bool
    identifiers: frozenset[int] = frozenset()


@dataclass(slots=True, eq=False)
class Due:
    """One entitlement to a message. `slots` has the sessions that may get it: one, or the members of a group."""

    slots: dict[int, tuple[Slot, ...]]
    #: `live`, `stored` (its session was away), `retained`, `shared`, `will`.
    cause: str
    required: bool
    group: str = ""
    #: Copies that a group may get; more than one only after a member was lost with its copy.
    most: int = 1
    #: Of subscriptions that match and that No Local bars: whether they count among the matching ones when the highest
    #: QoS is looked for is open.
    also: tuple[Slot, ...] = ()
    #: What was given up: that it is owed was reported already.
    waived: bool = False

    def single(self, copy: Copy) -> bool:
        """Whether this copy respects all subscriptions."""
        (slots,) = self.slots.values()
        whole = merged((*slots, *self.also))
        lenient = (whole, Slot(whole.qos, merged(slots).retain, merged(slots).identifiers)) if self.also else ()
        return any(one.fits(copy) for one in (merged(slots), *lenient))

    def takes(self, copies: Sequence[Copy]) -> bool:
        """Whether these copies can all be of this entitlement."""
        if self.group:
            return len(copies) <= self.most and all(
                any(slot.fits(copy) for slot in self.slots[copy.session]) for copy in copies
            )
        (slots,) = self.slots.values()
        if len(copies) == 1 and self.single(copies[0]):
            return True
        return len(copies) <= len(slots) and any(
            all(slot.fits(copy) for slot, copy in zip(chosen, copies, strict=True))
            for chosen in permutations(slots, len(copies))
        )

    def satisfied(self, copies: Sequence[Copy]) -> bool:
        """Whether nothing more must come when these copies came."""
        if not copies:
            return False
        if self.group:
            return True
        (slots,) = self.slots.values()
        if len(copies) == 1:
            return self.single(copies[0])
        best = max(slot.qos for slot in slots)
        return any(copy.qos == best for copy in copies)

    def full(self, copies: Sequence[Copy]) -> bool:
        """Whether no further copy may come."""
        if self.group:
            return False
        (slots,) = self.slots.values()
        return len(copies) >= len(slots)


def merged(slots: Sequence[Slot]) -> Slot:
    """The single copy that respects all: the highest QoS, the identifiers of all, RETAIN as any of them asks."""
    return Slot(
        max(slot.qos for slot in slots),
        frozenset().union(*(slot.retain for slot in slots)),
        frozenset().union(*(slot.identifiers for slot in slots)),
    )


Assignment = list[list[Copy]]


def assign(copies: Sequence[Copy], dues: Sequence[Due], owed: Iterable[Due] = ()) -> Assignment | None:
    """The copies of each due in an assignment that explains them all and satisfies every due in `owed`; None when
    there is none."""
    must = [any(due is one for one in owed) for due in dues]
    given: Assignment = [[] for _ in dues]

    def place(index: int) -> bool:
        if index == len(copies):
            return all(due.satisfied(taken) for due, taken, needed in zip(dues, given, must, strict=True) if needed)
        copy = copies[index]
        tried: list[int] = []
        for number, due in enumerate(dues):
            if copy.session not in due.slots:
                continue
            # Entitlements that look alike and took the same so far are one choice.
            if any(alike(dues[other], due) and given[other] == given[number] for other in tried):
                continue
            tried.append(number)
            given[number].append(copy)
            if due.takes(given[number]) and place(index + 1):
                return True
            given[number].pop()
        return False

    return given if place(0) else None


def alike(one: Due, other: Due) -> bool:
    return one.slots == other.slots and one.group == other.group and one.most == other.most


@dataclass(slots=True, eq=False)
class Message:
    """A message that a client published, or its will."""

    number: int
    publisher: str
    topic: str
    payload: bytes
    qos: int
    retain: bool
    #: Properties that must come through unaltered (5.0).
    properties: Properties = ()
    #: Seconds of its Message Expiry Interval; 0 for none.
    expiry: int = 0
    #: When it was published, on the clock of the player.
    at: float = 0.0
    dues: list[Due] = field(default_factory=list)
    copies: list[Copy] = field(default_factory=list)
    #: Session -> number of its connection when the message became due.
    since: dict[int, int] = field(default_factory=dict)
    #: Sessions that got a copy, or may have got one unseen.
    seen: set[int] = field(default_factory=set)

    def accept(self, copy: Copy) -> bool:
        """Take one more copy; False (and nothing changed) when no assignment explains it."""
        if assign([*self.copies, copy], self.dues) is None:
            return False
        self.copies.append(copy)
        self.seen.add(copy.session)
        return True

    def complete(self, owed: Sequence[Due]) -> bool:
        """Whether the copies that came satisfy all of `owed`."""
        return not owed or assign(self.copies, self.dues, owed) is not None

    def tidy(self) -> None:
        """Forget entitlements that were used up, with their copies: the ledger stays small."""
        taken = assign(self.copies, self.dues, [due for due in self.dues if due.required and not due.waived])
        if taken is None:
            return
        kept = [
            (due, copies)
            for due, copies in zip(self.dues, taken, strict=True)
            if not (copies and due.full(copies) and due.satisfied(copies))
        ]
        self.dues = [due for due, _ in kept]
        self.copies = [copy for _, copies in kept for copy in copies]
