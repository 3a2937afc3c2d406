"""What a move does to the state, given the broker's answers."""

from __future__ import annotations

from dataclasses import dataclass

from testbed.mqtt.model import topics
from testbed.mqtt.model.ledger import Due, Message, Slot
from testbed.mqtt.model.moves import Connect, Disconnect, Drop, Subscribe, Unsubscribe, WillOf
from testbed.mqtt.model.world import Client, Held, Session, World


def presence(world: World, move: Connect) -> bool:
    """What Session Present must be in the answer to this CONNECT."""
    return not move.clean and world.clients[move.who].session is not None


@dataclass(frozen=True, slots=True)
class Departure:
    """What the end of a connection brings about: a will that is published now."""

    will: WillOf | None = None


def departs(world: World, who: str, how: Drop | Disconnect | Connect) -> Departure:
    """The connection of `who` ends: by a reset, by DISCONNECT, or because it is taken over."""
    client = world.clients[who]
    session = client.session
    assert session is not None
    client.connected, client.hold = False, ""
    will, client.will = client.will, None
    polite = isinstance(how, Disconnect)
    if polite and not how.with_will:
        will = None
    taken = isinstance(how, Connect)
    for message in world.messages:
        for due in message.dues:
            # Of QoS 0 nothing outlives the connection.
            mine = due.slots.get(session.number, ())
            if mine and not due.group and max(slot.qos for slot in mine) == 0:
                due.required = False
    ends = not session.kept or (polite and how.ends) or (taken and how.clean)
    for entry in session.inflight.values():
        if entry.group:
            # The broker may give a QoS 1 message to another member now.
            for due in entry.message.dues:
                if due.group and session.number in due.slots:
                    due.most += entry.qos == 1
    if will is not None and will.delayed and not ends:
        client.waiting_will, will = will, None
        if taken:  # it came back in time [MQTT-3.1.3-9]
            client.waiting_will = None
    if ends:
        _end(world, client, noticed=polite or taken)
    return Departure(will)


def _end(world: World, client: Client, *, noticed: bool) -> None:
    session = client.session
    if session is None:
        return
    if not noticed:
        world.unsure |= {key for key in session.subscriptions if key[0]}
    for message in world.messages:
        message.dues = [due for due in message.dues if due.group or session.number not in due.slots]
        message.copies = [copy for copy in message.copies if copy.session != session.number]
        for due in message.dues:
            if session.number in due.slots:
                due.required = False
    client.session = None
    client.unnoticed = not noticed


def returns(world: World, move: Connect, *, kept: bool) -> Departure:
    """The CONNECT was accepted. `kept`: the session outlives the connection, as far as the broker has agreed."""
    client = world.clients[move.who]
    client.unnoticed = False
    departure = Departure()
    if move.clean or client.session is None:
        if client.session is not None:
            _end(world, client, noticed=True)
        # The session is over, and so is the wait of its will.
        departure = Departure(client.waiting_will)
        client.session = Session(next(world.numbers), move.who, kept)
    client.waiting_will = None
    client.session.kept = kept
    client.connected = True
    client.epoch += 1
    client.will, client.hold, client.receive_maximum = move.will, "", move.receive_maximum
    client.aliases, client.repeated, client.heard = {}, {}, {}
    return departure


# -- subscriptions


def subscribes(world: World, move: Subscribe, granted: int) -> None:
    """SUBACK granted `granted`: retained messages become due as Retain Handling says."""
    session = world.clients[move.who].session
    assert session is not None
    key = (move.group, move.filter)
    existed = key in session.subscriptions
    held = Held(
        move.filter,
        granted,
        move.group,
        move.no_local,
        move.retain_as_published,
        move.retain_handling,
        move.identifier,
    )
    session.subscriptions[key] = held
    session.left.discard(key)
    if move.group:
        _joins(world, session, held)
    if move.retain_handling == 2 or (move.retain_handling == 1 and existed):
        return
    for topic, message in world.retained.items():
        if topics.matches(move.filter, topic):
            slot = Slot(min(message.qos, granted), frozenset((True,)), _identifiers(held))
            cause = "retained again" if existed else "retained"
            if move.retain_handling:
                cause = "retained 1"
            # To a shared subscription none is sent (section 4.8.2), but no numbered statement forbids it.
            # Whether No Local keeps its own retained message from a client is open.
            unsure = move.group or (move.no_local and message.publisher == move.who)
            message.dues.append(Due({session.number: (slot,)}, cause, message.qos > 0 and not unsure))
            message.since[session.number] = world.clients[move.who].epoch


def _joins(world: World, session: Session, held: Held) -> None:
    """What no member of a group has got yet may go to one that comes later: it should not be lost with a member."""
    for message in world.messages:
        for due in message.dues:
            if due.group == f"{held.group}/{held.filter}" and session.number not in due.slots:
                due.slots[session.number] = (_slot(world, held, message),)


def unsubscribes(world: World, move: Unsubscribe) -> None:
    session = world.clients[move.who].session
    assert session is not None
    key = (move.group, move.filter)
    if session.subscriptions.pop(key, None) is not None:
        session.left.add(key)


def _identifiers(held: Held) -> frozenset[int]:
    return frozenset((held.identifier,)) if held.identifier else frozenset()


# -- messages


def publishes(world: World, message: Message, *, certain: bool = True, will: bool = False) -> None:
    """The broker has taken a message over: it is due to all that subscribe to it, and retained if it says so.
    `certain` is False while the broker may or may not have begun to pass it on."""
    world.messages.append(message)
    groups: dict[tuple[str, str], dict[int, tuple[Slot, ...]]] = {}
    for session in world.sessions():
        client = world.clients[session.who]
        message.since[session.number] = client.epoch if client.connected else 0
        matching = [held for held in session.subscriptions.values() if topics.matches(held.filter, message.topic)]
        own = session.who == message.publisher
        # Whether a will is of the client that is gone, No Local leaves open.
        barred = [held for held in matching if held.no_local and own]
        direct = [held for held in matching if not held.group and (will or held not in barred)]
        for held in matching:
            if held.group:
                members = groups.setdefault((held.group, held.filter), {})
                members[session.number] = (_slot(world, held, message),)
        if not direct:
            continue
        slots = tuple(_slot(world, held, message) for held in direct)
        away = not client.connected
        # Of QoS 0 nothing need be stored.
        required = certain and not barred and not (away and max(slot.qos for slot in slots) == 0)
        cause = "stored" if away else "will" if will else "live"
        also = tuple(_slot(world, held, message) for held in barred if not held.group) if not will else ()
        message.dues.append(Due({session.number: slots}, cause, required, also=also))
    for key in world.unsure:
        if topics.matches(key[1], message.topic):
            groups.setdefault(key, {})
    for key, members in groups.items():
        clients = [client for client in world.clients.values() if client.session and client.session.number in members]
        ready = all(client.connected and not client.session.inflight for client in clients if client.session)
        required = certain and ready and key not in world.unsure
        message.dues.append(Due(members, "shared", required, group="/".join(key)))
    if message.retain and certain:
        if message.payload:
            world.retained[message.topic] = message
        else:
            world.retained.pop(message.topic, None)


def _slot(world: World, held: Held, message: Message) -> Slot:
    kept = world.v5 and held.retain_as_published
    return Slot(min(message.qos, held.qos), frozenset((message.retain if kept else False,)), _identifiers(held))


def confirms(world: World, message: Message) -> None:
    """A message that was begun is finished: now it is owed."""
    for due in message.dues:
        (numbers, slots) = (set(due.slots), [slot for group in due.slots.values() for slot in group])
        clients = [one for one in world.clients.values() if one.session and one.session.number in numbers]
        if due.group:
            due.required = all(c.connected and not world.busy(c.who) for c in clients) and not world.unsure
        else:
            due.required = due.cause != "stored" or max(slot.qos for slot in slots) > 0


def fails(world: World, payload: bytes) -> None:
    """A will was not published, and that was reported: nobody is owed it, and nothing is retained."""
    for message in world.messages:
        if message.payload == payload:
            refuses(message)
            if world.retained.get(message.topic) is message:
                del world.retained[message.topic]


def refuses(message: Message) -> None:
    """The broker refused the message: it owes nothing."""
    for due in message.dues:
        due.required = False
