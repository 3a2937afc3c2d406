"""Which moves can be made in a state so that the standard leaves no doubt about their effect."""

from __future__ import annotations

from msgspec.structs import replace

from testbed.mqtt.model import topics
from testbed.mqtt.model.moves import (
    Begin,
    Connect,
    Disconnect,
    Drop,
    Finish,
    Hold,
    Move,
    Publish,
    Release,
    Subscribe,
    Unsubscribe,
    WillOf,
)
from testbed.mqtt.model.world import Client, Features, World


def adapted(move: Move, features: Features) -> Move | None:
    """The move without what the broker lacks, or what the edition does not have; None when nothing is left of it."""
    v5, most = features.v5, features.qos
    match move:
        case Connect():
            kept = move.kept and features.kept
            will = _will(move.will, features)
            if not v5:
                return Connect(move.who, clean=not kept, kept=kept, will=will)
            return replace(move, kept=kept, will=will)
        case Disconnect():
            return move if v5 else Disconnect(move.who)
        case Subscribe():
            if move.group and not features.shared:
                return None
            if topics.has_wildcard(move.filter) and not features.wildcards:
                return None
            if not v5:
                return Subscribe(move.who, move.filter, min(move.qos, most))
            return replace(
                move,
                qos=min(move.qos, most),
                identifier=move.identifier if features.identifiers else 0,
                no_local=move.no_local and not move.group,
            )
        case Unsubscribe():
            return None if move.group and not features.shared else move
        case Publish():
            if move.retain and not features.retain:
                return None
            return replace(
                move,
                qos=min(move.qos, most),
                rich=move.rich and v5,
                expires=move.expires and v5,
                alias=move.alias and features.aliases > 0,
                empty=move.empty and move.count == 1,
            )
        case Begin() | Finish():
            return move if most == 2 else None
        case Hold():
            return move if most else None
    return move


def _will(will: WillOf | None, features: Features) -> WillOf | None:
    if will is None:
        return None
    return replace(
        will,
        qos=min(will.qos, features.qos),
        retain=will.retain and features.retain,
        delayed=will.delayed and features.v5,
    )


def fits(world: World, move: Move) -> bool:
    """Whether the move can be made, and what it does is certain."""
    client = world.clients[move.who]
    opened = world.opened()
    if opened is not None and opened.who != client.who and not isinstance(move, Publish | Hold | Release):
        return False  # to whom the begun message goes must not change
    if isinstance(move, Connect):
        return _may_connect(world, client, move)
    if not client.connected or client.session is None:
        return False
    match move:
        case Subscribe() | Unsubscribe():
            # With deliveries under way it would be open which options they have to respect.
            return not client.hold and opened is None
        case Begin():
            return opened is None
        case Finish():
            begun = client.session.open
            return begun is not None and (not move.again or begun[2] != client.epoch)
        case Disconnect() | Drop():
            return opened is None or (client.session.kept and not getattr(move, "ends", False))
        case Hold():
            return not client.hold
        case Release():
            return bool(client.hold)
        case Publish():
            # A PUBREL that overtakes the one of before would break the client's own duty [MQTT-4.6.0-4].
            return move.qos < 2 or client.session.open is None
    return False


def _may_connect(world: World, client: Client, move: Connect) -> bool:
    if not move.clean:
        if client.unnoticed:
            return False  # the broker may have the session still
        if client.connected and client.session is not None and not client.session.kept:
            return False  # does it end with the connection that is taken over?
    opened = world.opened()
    if opened is not None:
        return opened.who == client.who and not move.clean and move.kept
    return True
