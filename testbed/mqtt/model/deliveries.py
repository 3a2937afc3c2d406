"""What the broker sends, held against what the model knows: each delivery is explained, or it is a foul."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from testbed.mqtt.codec import describe
from testbed.mqtt.model import topics
from testbed.mqtt.model.blame import Foul, foul
from testbed.mqtt.model.ledger import Copy, Due, Message, Slot, merged
from testbed.mqtt.model.world import Client, Inflight, Session, World
from testbed.mqtt.packets import Publish
from testbed.mqtt.properties import Property, get, get_all

#: Seconds by which a broker that counts whole seconds may be off.
SLACK = 2.0

_FORWARDED = {
    Property.PAYLOAD_FORMAT_INDICATOR: "wrong Payload Format Indicator",
    Property.CONTENT_TYPE: "wrong Content Type",
    Property.RESPONSE_TOPIC: "wrong Response Topic",
    Property.CORRELATION_DATA: "wrong Correlation Data",
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """A PUBLISH as it came; `topic` is below the conversation's level, its alias resolved. `answered` is False when
    the client kept its acknowledgement back."""

    who: str
    epoch: int
    packet: Publish
    topic: str
    at: float
    answered: bool


def arrives(world: World, delivery: Delivery) -> Iterator[Foul]:
    """Take a delivery in. Every foul that it commits is reported, and taken as if it had been right."""
    client, packet = world.clients[delivery.who], delivery.packet
    session = client.session
    if session is None:
        return
    entry = session.inflight.get(packet.packet_id or 0) if packet.qos else None
    found = [m for m in world.messages if m.topic == delivery.topic and m.payload == packet.payload]
    if entry is not None and entry.message in found:
        yield from _repeated(world, client, session, entry, delivery)
        return
    if entry is not None:
        kind = "a packet identifier in use" if entry.epoch == delivery.epoch else "a message is not sent again"
        yield _foul(
            world, kind, f"packet identifier {packet.packet_id} for {_name(entry.message)} alone", describe(packet)
        )
        del session.inflight[packet.packet_id or 0]
    moved = [(n, e) for n, e in session.inflight.items() if e.message in found and e.epoch != delivery.epoch]
    if packet.dup and moved:
        number, entry = moved[0]
        kind = "another packet identifier at a repeated sending"
        yield _foul(world, kind, f"{_name(entry.message)} again with packet identifier {number}", describe(packet))
        del session.inflight[number]
        _keep(session, entry.message, delivery)
        return
    copy = Copy(session.number, packet.qos, packet.retain, frozenset(get_all(packet.properties, _IDENTIFIER)))
    first = [message for message in found if session.number not in message.seen]
    message = next((m for m in found if m.accept(copy)), None)
    if message is None:
        yield _unexplained(world, session, copy, delivery, found)
        if found:
            _keep(session, found[-1], delivery)
            _absorb(found[-1], session)
        return
    _keep(session, message, delivery)
    yield from _looks(world, client, session, message, delivery, first=message in first)


def _absorb(message: Message, session: Session) -> None:
    """What came in a wrong way is not owed any more, and of one copy there is none left to come."""
    for due in message.dues:
        due.waived = due.waived or session.number in due.slots
    message.dues = [
        due
        for due in message.dues
        if due.group or session.number not in due.slots or len(due.slots[session.number]) > 1
    ]
    message.seen.add(session.number)


_IDENTIFIER = Property.SUBSCRIPTION_IDENTIFIER


def _foul(world: World, kind: str, expected: str, came: str) -> Foul:
    return foul(world.features.edition, kind, expected, came)


def _name(message: Message) -> str:
    return (
        f"the message {message.payload.decode(errors='replace')!r} on t{'/' if message.topic else ''}{message.topic}"
    )


def _keep(session: Session, message: Message, delivery: Delivery) -> None:
    """Note that the delivery is not acknowledged to its end."""
    packet = delivery.packet
    if not packet.qos or packet.packet_id is None or (packet.qos == 1 and delivery.answered):
        return
    stage = "received" if delivery.answered else "sent"
    index = max((entry.index for entry in session.inflight.values()), default=-1) + 1
    shared = any(due.group and session.number in due.slots for due in message.dues)
    session.inflight[packet.packet_id] = Inflight(message, packet.qos, stage, delivery.epoch, index, shared)


def _repeated(world: World, client: Client, session: Session, entry: Inflight, delivery: Delivery) -> Iterator[Foul]:
    """The same message under the packet identifier that it has already."""
    packet, again = delivery.packet, entry.epoch != delivery.epoch
    if again:
        name = _name(entry.message)
        if not packet.dup:
            yield _foul(world, "DUP 0 at a repeated sending", f"{name} again, with DUP 1", describe(packet))
        if entry.stage == "released":
            kind = "PUBLISH again after PUBREL"
            yield _foul(world, kind, f"PUBREL for {name}, which was received already", describe(packet))
        key = (entry.message.publisher, entry.message.topic, entry.message.qos)
        if entry.index < client.repeated.get(key, -1) and not entry.group:
            kind = "repeated messages out of order"
            yield _foul(world, kind, f"{name} before those that were first sent after it", describe(packet))
        client.repeated[key] = max(client.repeated.get(key, -1), entry.index)
    entry.epoch = delivery.epoch
    if delivery.answered and entry.qos == 1:
        session.inflight.pop(packet.packet_id or 0, None)
    elif delivery.answered:
        entry.stage = "received"
    elif entry.stage == "released":
        entry.stage = "sent"


def _looks(
    world: World, client: Client, session: Session, message: Message, delivery: Delivery, *, first: bool
) -> Iterator[Foul]:
    """What must be true of a delivery that is explained: DUP, its order, its properties."""
    packet = delivery.packet
    name = _name(message)
    # What was sent to a connection that was broken before we saw it may be marked as repeated.
    unbroken = message.since.get(session.number) == delivery.epoch
    if packet.dup and unbroken and not any(due.group for due in message.dues):
        kind = "DUP 1 at the first sending" + (" of QoS 2" if packet.qos == 2 else "")
        yield _foul(world, kind, f"{name} with DUP 0", describe(packet))
    due = [one for one in message.dues if session.number in one.slots and one.required]
    if first and due and all(one.cause in ("live", "stored") for one in due):
        key = (message.publisher, message.topic, message.qos)
        if client.heard.get(key, 0) > message.number:
            kind = "messages out of order"
            yield _foul(world, kind, f"{name} before the messages that were published after it", describe(packet))
        client.heard[key] = max(client.heard.get(key, 0), message.number)
    if world.v5:
        yield from _properties(world, message, delivery)


def _properties(world: World, message: Message, delivery: Delivery) -> Iterator[Foul]:
    packet = delivery.packet
    for name, kind in _FORWARDED.items():
        wanted, came = get(message.properties, name), get(packet.properties, name)
        if wanted is not None and wanted != came:
            yield _foul(world, kind, f"{_name(message)} with {name.title} {wanted!r}", describe(packet))
    wanted = get_all(message.properties, Property.USER_PROPERTY)
    # A broker may add some of its own.
    came = tuple(one for one in get_all(packet.properties, Property.USER_PROPERTY) if one in wanted)
    if wanted and came != wanted:
        expected = f"{_name(message)} with the User Properties {list(wanted)} in this order"
        yield _foul(world, "wrong User Properties", expected, describe(packet))
    if message.expiry:
        left = get(packet.properties, Property.MESSAGE_EXPIRY_INTERVAL)
        least = message.expiry - (delivery.at - message.at) - SLACK
        if left is None or not least <= left <= message.expiry:
            kind = "wrong Message Expiry Interval"
            expected = f"{_name(message)} with a Message Expiry Interval of {message.expiry} s less what has passed"
            yield _foul(world, kind, expected, describe(packet))


# -- what no assignment explains


def _unexplained(world: World, session: Session, copy: Copy, delivery: Delivery, found: list[Message]) -> Foul:
    came = describe(delivery.packet)
    if not found:
        kind = world.barred.get(delivery.packet.payload)
        if kind:
            return _foul(world, kind, "no such will", came)
        known = [m for m in world.messages if m.payload == delivery.packet.payload and m.payload]
        what = f"on t/{known[0].topic}, where it was published" if known else "only messages that were published"
        return _foul(world, "a message that nobody sent comes", what, came)
    message = found[-1]
    dues = [due for due in message.dues if session.number in due.slots]
    retained = world.retained.get(message.topic)
    if not dues:
        return _foul(world, *_undue(world, session, copy, message, retained), came)
    kind, expected = _differs(world, session, copy, message, dues)
    return _foul(world, kind, f"{_name(message)} {expected}", came)


def _undue(world: World, session: Session, copy: Copy, message: Message, retained: Message | None) -> tuple[str, str]:
    """The session had no right to this message (any more)."""
    name = _name(message)
    matching = [held for held in session.subscriptions.values() if topics.matches(held.filter, message.topic)]
    before = session.number > message.number and not (copy.retain and matching)
    if before:
        return "a message of a session that was discarded comes", f"no {name}, from before the session began"
    if copy.retain and matching:
        if not message.retain:
            return "a message comes as retained that was not to be retained", f"no {name}, published with RETAIN 0"
        if retained is None:
            return "a retained message comes that was removed", f"no retained message on t/{message.topic}"
        if retained is not message:
            return "a retained message comes that was replaced", f"{_name(retained)} as the only one retained"
        asked = {held.handling for held in matching}
        if asked and min(asked) and not any(held.retain_as_published for held in matching):
            kind = "a retained message comes with Retain Handling 2"
            if 1 in asked:
                kind = "a retained message comes with Retain Handling 1 to a subscription that existed"
            return kind, f"no {name}: the subscription did not ask for it"
        if session.number in message.seen:
            kind = "a QoS 2 message comes twice" if copy.qos == 2 else "a copy too many comes"
            return kind, f"{name} no more often than it was due"
        return "a copy too many comes", f"no {name}: it was not due (again)"
    if session.number in message.seen:
        kind = "a QoS 2 message comes twice" if copy.qos == 2 else "a copy too many comes"
        return kind, f"{name} no more often than it was due"
    if any(held.no_local for held in matching) and session.who == message.publisher:
        return "a message comes back in spite of No Local", f"no {name} for the client that published it"
    if any(topics.matches(filter, message.topic) for _, filter in session.left) and not matching:
        return "a message comes after UNSUBSCRIBE", f"no {name}, on a filter unsubscribed from"
    if message.payload == b"" and matching:
        return "a copy too many comes", f"{name} no more often than it was due"
    return "a message on a topic not subscribed to comes", f"no {name}: no subscription matches"


def _differs(world: World, session: Session, copy: Copy, message: Message, dues: list[Due]) -> tuple[str, str]:
    """The session had a right to this message, but not to this copy."""
    slots = [slot for due in dues for slot in due.slots[session.number]]
    overlapping = len(slots) > 1
    for due in dues:
        mine = due.slots[session.number]
        slots = [*slots, merged(mine)] if not due.group else slots
    retained_only = all(due.cause.startswith("retained") for due in dues)
    grouped = any(due.group for due in dues)
    if not any(slot.fits(copy) for slot in slots):
        return _field(world, copy, slots, overlapping, retained_only, grouped)
    if grouped:
        return "a message to a group comes twice", "to one member of the group alone"
    kind = "a QoS 2 message comes twice" if copy.qos == 2 and not overlapping else "a copy too many comes"
    return kind, f"at most {max(1, len(slots) - 1)} times, once for each subscription that matches"


def _field(
    world: World, copy: Copy, slots: list[Slot], overlapping: bool, retained_only: bool, grouped: bool
) -> tuple[str, str]:
    """Which field of the copy is wrong."""
    near = max(
        slots, key=lambda s: (s.qos == copy.qos) + (copy.retain in s.retain) + (s.identifiers == copy.identifiers)
    )
    if copy.retain not in near.retain:
        wanted = f"with RETAIN {int(not copy.retain)}"
        if retained_only:
            return "RETAIN 0 to a new subscription", wanted
        return ("RETAIN 1 to an established subscription" if copy.retain else "RETAIN is not as published"), wanted
    if copy.qos != near.qos:
        wanted = f"with QoS {near.qos}"
        if overlapping:
            return "wrong QoS with overlapping subscriptions", wanted
        if grouped:
            return "wrong QoS in a group", wanted
        return ("wrong QoS of a retained message" if retained_only else "wrong QoS"), wanted
    wanted = f"with Subscription Identifiers {sorted(near.identifiers) or 'absent'}"
    suffix = " with overlapping subscriptions" if overlapping else ""
    return f"wrong Subscription Identifiers{suffix}", wanted
