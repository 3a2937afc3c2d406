"""What the broker still owes at this moment."""

from __future__ import annotations

from dataclasses import dataclass

from testbed.mqtt.model.blame import Foul, foul
from testbed.mqtt.model.ledger import Due, Message
from testbed.mqtt.model.world import Client, Inflight, Session, World


@dataclass(frozen=True, slots=True)
class Debt:
    """One thing that must come, and now; `entry` when it must come again."""

    who: str
    kind: str
    expected: str
    due: Due | None = None
    entry: Inflight | None = None
    number: int = 0

    def foul(self, world: World, came: str) -> Foul:
        return foul(world.features.edition, self.kind, self.expected, came)


def debts(world: World) -> list[Debt]:
    """Everything that must come before the next move. What is stored for a client that is away, or held back behind
    unacknowledged messages, is not due yet."""
    found: list[Debt] = []
    for client in world.connected():
        if client.session is not None:
            found += _unfinished(client, client.session)
    for message in world.messages:
        owed = [due for due in message.dues if due.required and not due.waived and _now(world, due)]
        if owed and not message.complete(owed):
            found += [_debt(world, message, due) for due in owed if not message.complete([due])] or [
                _debt(world, message, owed[0])
            ]
    return found


def _now(world: World, due: Due) -> bool:
    """Whether the broker has no reason to wait."""
    members = [one for one in world.clients.values() if one.session and one.session.number in due.slots]
    return bool(members) and all(one.connected and not world.busy(one.who) for one in members)


def _unfinished(client: Client, session: Session) -> list[Debt]:
    found: list[Debt] = []
    for number, entry in session.inflight.items():
        name = f"{entry.message.payload.decode(errors='replace')!r}"
        if entry.epoch != client.epoch and entry.stage == "released":
            expected = f"PUBREL {number} again for the message {name}, whose PUBCOMP is missing"
            found.append(Debt(client.who, "PUBREL is not sent again", expected, entry=entry, number=number))
        elif entry.epoch != client.epoch and not (entry.group and entry.qos == 1):
            expected = f"the message {name} again with packet identifier {number}, as it was not acknowledged"
            found.append(Debt(client.who, "a message is not sent again", expected, entry=entry, number=number))
        elif entry.epoch == client.epoch and entry.stage == "received":
            expected = f"PUBREL {number} for the message {name}"
            found.append(Debt(client.who, "PUBREC is not answered", expected, entry=entry, number=number))
    return found


_KINDS = {
    "live": "a message does not come",
    "stored": "a message stored for a session does not come",
    "will": "a will is not published",
    "shared": "a message to a group does not come",
    "retained": "a retained message does not come to a new subscription",
    "retained 1": "a retained message does not come with Retain Handling 1",
    "retained again": "a retained message does not come to a subscription made again",
}


def _debt(world: World, message: Message, due: Due) -> Debt:
    who = [one.who for one in world.clients.values() if one.session and one.session.number in due.slots]
    kind = _KINDS[due.cause]
    slots = next(iter(due.slots.values()))
    if len(slots) > 1 and not due.group:
        if due.cause == "live":
            kind = "a message to overlapping subscriptions does not come"
        if any(copy.session in due.slots for copy in message.copies):
            kind = "wrong Subscription Identifiers with overlapping subscriptions"
            best = max(slot.qos for slot in slots)
            if all(copy.qos != best for copy in message.copies if copy.session in due.slots):
                kind = "wrong QoS with overlapping subscriptions"
    text = message.payload.decode(errors="replace")
    where = f"t/{message.topic}" if message.topic else "t"
    to = f"one of {', '.join(who)}" if due.group else who[0]
    best = max(slot.qos for group in due.slots.values() for slot in group)
    wanted = f"the message {text!r} on {where} for {to}, at QoS {best}"
    if len(slots) > 1:
        ids = sorted(set().union(*(slot.identifiers for slot in slots)))
        wanted += f" (one copy{f' with the identifiers {ids}' if ids else ''}, or one for each subscription)"
    return Debt(who[0], kind, wanted, due=due)


def waive(world: World, debt: Debt) -> None:
    """The debt was reported; go on without it."""
    if debt.due is not None:
        debt.due.waived = True
    if debt.entry is not None:
        session = world.clients[debt.who].session
        if session is not None:
            session.inflight.pop(debt.number, None)


def pubrel(world: World, who: str, epoch: int, number: int, *, answered: bool) -> None:
    """PUBREL came for a delivery; `answered` by PUBCOMP it is over."""
    session = world.clients[who].session
    entry = session.inflight.get(number) if session is not None else None
    if session is None or entry is None:
        return
    if answered:
        del session.inflight[number]
    else:
        entry.stage, entry.epoch = "released", epoch
