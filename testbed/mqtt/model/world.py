"""The state of the model: sessions, subscriptions, retained messages, what is in flight, what is owed.

Nothing here knows a socket or a clock: `rules` says what a move does to the state, given the broker's answers, and
`deliveries` what a delivery does to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Literal

from testbed.mqtt.model.ledger import Message
from testbed.mqtt.model.moves import NAMES, WillOf


@dataclass(frozen=True, slots=True)
class Features:
    """What the broker has; moves are made to fit it."""

    edition: str
    qos: int = 2
    retain: bool = True
    wildcards: bool = True
    shared: bool = True
    identifiers: bool = True
    kept: bool = True
    #: Topic aliases that the broker takes.
    aliases: int = 0

    @property
    def v5(self) -> bool:
        return self.edition == "mqtt-5.0"


def features_of(edition: str, claims: dict[str, bool]) -> Features:
    """What the broker has, as claimed or discovered."""
    v5 = edition == "mqtt-5.0"

    def has(name: str) -> bool:
        return claims.get(name, True)

    return Features(
        edition,
        qos=(2 if has("qos-2") else 1) if has("qos-1") else 0,
        retain=has("retain"),
        wildcards=has("wildcards"),
        shared=v5 and has("shared-subscriptions"),
        identifiers=v5 and has("subscription-identifiers"),
        kept=not v5 or has("session-expiry"),
        aliases=int(v5 and has("topic-alias")),
    )


def full_features(edition: str) -> Features:
    """A broker that lacks nothing of the edition."""
    v5 = edition == "mqtt-5.0"
    return Features(edition, shared=v5, identifiers=v5, aliases=8 if v5 else 0)


@dataclass(frozen=True, slots=True)
class Held:
    """A subscription as it was granted."""

    filter: str
    qos: int
    group: str = ""
    no_local: bool = False
    retain_as_published: bool = False
    handling: int = 0
    identifier: int = 0


#: `sent`: PUBLISH came; `received`: we said PUBREC; `released`: PUBREL came and is not answered.
Stage = Literal["sent", "received", "released"]


@dataclass(slots=True)
class Inflight:
    """A delivery that is not acknowledged to its end. `epoch` is the connection on which it was last heard of."""

    message: Message
    qos: int
    stage: Stage
    epoch: int
    index: int
    group: bool = False


@dataclass(slots=True)
class Session:
    """What the broker keeps of a client. `number` is never used again."""

    number: int
    who: str
    kept: bool
    subscriptions: dict[tuple[str, str], Held] = field(default_factory=dict)
    #: Filters that it was subscribed to and is not any more.
    left: set[tuple[str, str]] = field(default_factory=set)
    inflight: dict[int, Inflight] = field(default_factory=dict)
    #: A QoS 2 message of its own that was begun: packet identifier, message, number of its connection.
    open: tuple[int, Message, int] | None = None


@dataclass(slots=True)
class Client:
    """One of the clients that play."""

    who: str
    connected: bool = False
    #: Number of its connection, from 1.
    epoch: int = 0
    session: Session | None = None
    will: WillOf | None = None
    #: A will that waits for its delay, of a connection that has ended.
    waiting_will: WillOf | None = None
    hold: Literal["", "all", "half"] = ""
    receive_maximum: int = 0
    #: It broke its connection and its session ended with it; the broker may not have noticed yet.
    unnoticed: bool = False
    #: Topics that have an alias on this connection.
    aliases: dict[str, int] = field(default_factory=dict)
    #: (publisher, topic, QoS) -> index of the delivery that was last sent again on this connection.
    repeated: dict[tuple[str, str, int], int] = field(default_factory=dict)
    #: (publisher, topic, QoS) -> number of the last message that came.
    heard: dict[tuple[str, str, int], int] = field(default_factory=dict)


@dataclass(slots=True)
class World:
    """Everything the model knows."""

    features: Features
    clients: dict[str, Client] = field(default_factory=lambda: {name: Client(name) for name in NAMES})
    retained: dict[str, Message] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    #: Groups that a lost member may still belong to, as far as the broker knows.
    unsure: set[tuple[str, str]] = field(default_factory=set)
    #: Payload of each will that must not be published (yet, or any more) -> what it is if it comes.
    barred: dict[bytes, str] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def v5(self) -> bool:
        return self.features.v5

    def connected(self) -> list[Client]:
        return [client for client in self.clients.values() if client.connected]

    def sessions(self) -> list[Session]:
        return [client.session for client in self.clients.values() if client.session is not None]

    def opened(self) -> Session | None:
        """The session with a QoS 2 message that was begun and not finished."""
        return next((session for session in self.sessions() if session.open is not None), None)

    def busy(self, who: str) -> bool:
        """Whether a client leaves something unacknowledged, so that the broker may hold back what else there is."""
        client = self.clients[who]
        if client.session is None:
            return False
        # What a group had sent to a lost member may have gone to another.
        return any(
            not (entry.group and entry.qos == 1 and entry.epoch != client.epoch)
            for entry in client.session.inflight.values()
        )
