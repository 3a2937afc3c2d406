"""Which requirement a deviation breaks, by its kind: (number in 3.1.1, number in 5.0), without the prefix."""

from __future__ import annotations

from testbed.findings import Violation
from testbed.mqtt.model.moves import Move

EDITIONS = ("mqtt-3.1.1", "mqtt-5.0")
PREFIX = "MQTT-"

#: Kind -> statements, empty where the edition does not know it. A kind is a stable name; what is found under one
#: requirement and kind is one deviation.
BLAME: dict[str, tuple[str, str]] = {
    # -- answers
    "CONNECT is not accepted": ("3.1.4-4", "3.1.4-5"),
    "SUBSCRIBE is not answered": ("3.8.4-1", "3.8.4-1"),
    "SUBACK has not one code": ("3.8.4-5", "3.8.4-6"),
    "UNSUBSCRIBE is not answered": ("3.10.4-4", "3.10.4-4"),
    "PUBLISH is not acknowledged": ("3.3.4-1", "3.3.4-1"),
    "PUBREL is not answered": ("4.3.3-2", "4.3.3-11"),
    "PINGREQ is not answered": ("3.12.4-1", "3.12.4-1"),
    # -- sessions
    "Session Present 1 after a clean start": ("3.2.2-1", "3.2.2-2"),
    "Session Present 0 for a stored session": ("3.2.2-2", "3.2.2-3"),
    "Session Present 1 without a session": ("3.2.2-3", "3.2.2-3"),
    "the connection taken over stays open": ("3.1.4-2", "3.1.4-3"),
    "a message of a session that was discarded comes": ("3.1.2-6", "3.1.2-4"),
    # -- what is owed
    "a message does not come": ("4.5.0-1", "4.5.0-1"),
    "a message to overlapping subscriptions does not come": ("3.3.5-1", "3.3.4-2"),
    "a message stored for a session does not come": ("3.1.2-5", "4.5.0-1"),
    "a retained message does not come to a new subscription": ("3.3.1-6", "3.3.1-9"),
    "a retained message does not come with Retain Handling 1": ("", "3.3.1-10"),
    "a retained message does not come to a subscription made again": ("3.8.4-3", "3.8.4-4"),
    "a will is not published": ("3.1.2-8", "3.1.2-8"),
    "a message to a group does not come": ("", "4.5.0-1"),
    "a message is not sent again": ("4.4.0-1", "4.4.0-1"),
    "PUBREC is not answered": ("4.3.3-1", "4.3.3-4"),
    "PUBREL is not sent again": ("4.4.0-1", "4.4.0-1"),
    # -- what must not come
    "a message that nobody sent comes": ("3.3.2-3", "3.3.2-3"),
    "a message on a topic not subscribed to comes": ("3.3.2-3", "3.3.2-3"),
    "a message comes after UNSUBSCRIBE": ("3.10.4-2", "3.10.4-2"),
    "a message comes back in spite of No Local": ("", "3.8.3-3"),
    "a copy too many comes": ("3.3.5-1", "3.3.4-2"),
    "a QoS 2 message comes twice": ("4.3.3-2", "4.3.3-10"),
    "a message to a group comes twice": ("", "4.8.2-1"),
    "a retained message comes that was removed": ("3.3.1-10", "3.3.1-6"),
    "a retained message comes that was replaced": ("3.3.1-5", "3.3.1-5"),
    "a message comes as retained that was not to be retained": ("3.3.1-12", "3.3.1-8"),
    "a retained message comes with Retain Handling 1 to a subscription that existed": ("", "3.3.1-10"),
    "a retained message comes with Retain Handling 2": ("", "3.3.1-11"),
    "a will comes that was deleted": ("3.1.2-10", "3.1.2-10"),
    "a will comes while its client is connected": ("3.1.2-8", "3.1.2-8"),
    "a will comes before its delay": ("", "3.1.2-8"),
    # -- how it comes
    "wrong QoS": ("3.8.4-6", "3.8.4-8"),
    "wrong QoS of a retained message": ("3.8.4-6", "3.8.4-8"),
    "wrong QoS with overlapping subscriptions": ("3.3.5-1", "3.3.4-2"),
    "wrong QoS in a group": ("", "4.8.2-3"),
    "RETAIN 1 to an established subscription": ("3.3.1-9", "3.3.1-12"),
    "RETAIN is not as published": ("", "3.3.1-13"),
    "RETAIN 0 to a new subscription": ("3.3.1-8", "3.3.1-9"),
    "wrong Subscription Identifiers": ("", "3.3.4-3"),
    "wrong Subscription Identifiers with overlapping subscriptions": ("", "3.3.4-4"),
    "DUP 1 at the first sending": ("4.3.2-1", "4.3.2-2"),
    "DUP 1 at the first sending of QoS 2": ("4.3.3-1", "4.3.3-2"),
    "DUP 0 at a repeated sending": ("3.3.1-1", "3.3.1-1"),
    "another packet identifier at a repeated sending": ("4.4.0-1", "4.4.0-1"),
    "a packet identifier in use": ("4.3.2-1", "4.3.2-1"),
    "PUBLISH again after PUBREL": ("4.3.3-1", "4.3.3-6"),
    "messages out of order": ("4.6.0-6", "4.6.0-5"),
    "repeated messages out of order": ("4.6.0-6", "4.6.0-5"),
    "wrong Payload Format Indicator": ("", "3.3.2-4"),
    "wrong Content Type": ("", "3.3.2-20"),
    "wrong Response Topic": ("", "3.3.2-15"),
    "wrong Correlation Data": ("", "3.3.2-16"),
    "wrong User Properties": ("", "3.3.2-17"),
    "wrong Message Expiry Interval": ("", "3.3.2-6"),
}


class Foul(Violation):
    """A deviation from the model: `requirement` is its full id, `kind` its stable name."""

    def __init__(self, requirement: str, kind: str, expected: str, came: str) -> None:
        super().__init__(expected, came, requirements=(requirement,))
        self.requirement, self.kind = requirement, kind
        #: The moves that were made until then.
        self.moves: tuple[Move, ...] = ()
        #: Deviations that were passed over on the way.
        self.overlooked: tuple[tuple[str, str], ...] = ()

    @property
    def signature(self) -> tuple[str, str]:
        return self.requirement, self.kind


def foul(edition: str, kind: str, expected: str, came: str) -> Foul:
    """The foul of a kind in an edition."""
    number = BLAME[kind][EDITIONS.index(edition)]
    return Foul(f"{edition}:{PREFIX}{number}", kind, expected, came)
