"""Faults in session state: lost, kept, mixed up, or told wrongly."""

from __future__ import annotations

from typing import Any

from testbed.mqtt.faults.changes import alter, asked, setting, without
from testbed.mqtt.faults.opening import refuse
from testbed.mqtt.faults.tap import Out, PacketTap, Plan, answers, asks
from testbed.mqtt.packets import (
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Subscribe,
    Unsuback,
    Unsubscribe,
    Version,
)
from testbed.mqtt.properties import Property, get
from testbed.mqtt.reasons import Reason, ReturnCode

#: Seconds: longer than any case waits.
FOR_EVER = 3600


def stored(packet: Connect, version: Version) -> bool:
    """Whether a CONNECT asks for a session that outlives its connection."""
    if version >= Version.V5:
        return bool(get(packet.properties, Property.SESSION_EXPIRY_INTERVAL))
    return not packet.clean_start


class Remembering(PacketTap):
    """Knows which client ids of this cell have been here before, and whether their session was to be kept."""

    #: Whether this connection's client id is known, and whether it left a session that should be there.
    known = False
    has_session = False

    def ask(self, packet: Packet) -> Out:
        if not isinstance(packet, Connect) or not packet.client_id:
            return [packet]
        before = self.planted.memory.get(("session", packet.client_id))
        self.known, self.has_session = before is not None, bool(before)
        self.planted.memory["session", packet.client_id] = stored(packet, self.version)
        return self.opening(packet)

    def opening(self, packet: Connect) -> Out:
        """A CONNECT with a client id."""
        return [packet]


class _CleanStartIgnored(Remembering):
    """Goes on with the old session in spite of Clean Start 1, and does not say so."""

    hidden = True

    def opening(self, packet: Connect) -> Out:
        if packet.clean_start and self.has_session:
            self.damage()
            return [alter(packet, clean_start=False)]
        return [packet]

    def answer(self, packet: Packet) -> Out:
        clean = self.connect is not None and self.connect.clean_start
        if self.hidden and clean and isinstance(packet, Connack) and packet.session_present:
            return [alter(packet, session_present=False)]
        return [packet]


class _CleanStartDenied(_CleanStartIgnored):
    hidden = False


class _CleanSessionKept(Remembering):
    """Keeps the session of a client that asked for none beyond its connection."""

    def opening(self, packet: Connect) -> Out:
        if self.version >= Version.V5:
            if get(packet.properties, Property.SESSION_EXPIRY_INTERVAL):
                return [packet]
            self.damage()
            return [setting(packet, Property.SESSION_EXPIRY_INTERVAL, FOR_EVER)]
        if packet.clean_start and not self.known:
            self.damage()
            return [alter(packet, clean_start=False)]
        return [packet]


class _NeverResumed(Remembering):
    """Begins anew in spite of Clean Start 0."""

    says_present = False

    def opening(self, packet: Connect) -> Out:
        if self.has_session and not packet.clean_start:
            self.damage()
            return [alter(packet, clean_start=True)]
        return [packet]

    def answer(self, packet: Packet) -> Out:
        resumed = self.has_session and self.connect is not None and not self.connect.clean_start
        if self.says_present and resumed and isinstance(packet, Connack) and packet.code == 0:
            return [alter(packet, session_present=True)]
        return [packet]


class _ResumedEmpty(_NeverResumed):
    """Says that the session goes on, and has forgotten all of it."""

    says_present = True


class _NoNewSession(Remembering):
    """Refuses Clean Start 0 from a client that has no session."""

    def opening(self, packet: Connect) -> Out:
        if packet.clean_start or self.has_session:
            return [packet]
        return refuse(self, ReturnCode.SERVER_UNAVAILABLE, Reason.UNSPECIFIED_ERROR)


class _LostAtClose(Remembering):
    """Keeps no session beyond the connection."""

    def opening(self, packet: Connect) -> Out:
        if not stored(packet, self.version):
            return [packet]
        self.damage()
        if self.version >= Version.V5:
            return [without(packet, Property.SESSION_EXPIRY_INTERVAL)]
        return [alter(packet, clean_start=True)]


class _AnotherIdEachTime(Remembering):
    """Looks the session up under another id whenever a client comes back."""

    def opening(self, packet: Connect) -> Out:
        if self.has_session and isinstance(packet.client_id, str):
            self.damage()
            return [alter(packet, client_id=packet.client_id[:22] + "z")]
        return [packet]


class _Expiry(Remembering):
    """Keeps every session for an hour, whatever its Session Expiry Interval."""

    def opening(self, packet: Connect) -> Out:
        if asked(self, Property.SESSION_EXPIRY_INTERVAL, 0) >= FOR_EVER:
            return [packet]
        self.damage()
        return [setting(packet, Property.SESSION_EXPIRY_INTERVAL, FOR_EVER)]

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Disconnect):
            return [without(packet, Property.SESSION_EXPIRY_INTERVAL)]
        return super().ask(packet)


class _ForgetsMidway(PacketTap):
    """Drops the subscriptions of a connected client at its first PINGREQ."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.held: dict[Any, None] = {}

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Subscribe):
            self.held.update((one.filter, None) for one in packet.subscriptions)
        if isinstance(packet, Pingreq) and self.held:
            self.damage()
            gone, self.held = tuple(self.held), {}
            return [Unsubscribe(0xFFFF, gone), packet]
        return [packet]

    def answer(self, packet: Packet) -> Out:
        return [] if isinstance(packet, Unsuback) and packet.packet_id == 0xFFFF else [packet]


class _OfflineLost(PacketTap):
    """Loses what was published while the client was away."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.waiting = False

    def lost(self, packet: Publish) -> bool:
        """Whether a message that waited for the client is one to lose."""
        return not packet.dup

    def ask(self, packet: Packet) -> Out:
        if not isinstance(packet, Puback | Pubrec | Pubrel | Pubcomp | Pingreq):
            self.waiting = False
        return [packet]

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Connack):
            self.waiting = packet.session_present
        elif self.waiting and isinstance(packet, Publish) and packet.qos and self.lost(packet):
            self.damage()
            self.absorb(packet)
            return []
        return [packet]


class _OnlyFirstKept(_OfflineLost):
    """Keeps one message for a client that is away."""

    count = 0

    def lost(self, packet: Publish) -> bool:
        self.count += not packet.dup
        return not packet.dup and self.count > 1


def _clean(packet: Any, tap: PacketTap) -> bool:
    return packet.code == 0 and tap.connect is not None and tap.connect.clean_start


def _resuming(packet: Any, tap: PacketTap) -> bool:
    return packet.code == 0 and tap.connect is not None and not tap.connect.clean_start


def _flipped(packet: Any, tap: PacketTap) -> Packet:
    return alter(packet, session_present=not packet.session_present)


PLANS = (
    Plan(
        "clean-start-ignored",
        "resumes a session in spite of Clean Start 1, and hides it",
        _CleanStartIgnored,
        "3.1.2-6",
        "3.1.2-4",
    ),
    Plan(
        "clean-start-denied",
        "resumes a session in spite of Clean Start 1, and says so",
        _CleanStartDenied,
        "3.1.4-3",
        "3.1.4-4",
    ),
    Plan(
        "session-of-clean-client-kept",
        "keeps sessions that end with their connection",
        _CleanSessionKept,
        "3.1.2-6",
        "4.1.0-2",
    ),
    Plan("session-never-resumed", "begins a new session whatever is stored", _NeverResumed, "3.1.2-4", "3.1.2-5"),
    Plan(
        "session-resumed-empty", "says that a session goes on, and has lost it", _ResumedEmpty, "4.1.0-1", "3.1.4-4"
    ),
    Plan("no-new-session", "refuses Clean Start 0 where there is no session", _NoNewSession, "3.1.2-4", "3.1.2-6"),
    Plan(
        "session-lost-at-close",
        "forgets every session when its connection closes",
        _LostAtClose,
        "4.1.0-1",
        "3.1.2-23",
    ),
    Plan(
        "session-under-another-id",
        "does not find a client's session by its id",
        _AnotherIdEachTime,
        "3.1.3-2",
        "3.1.3-2",
    ),
    Plan("session-never-expires", "keeps sessions beyond their expiry", _Expiry, "", "4.1.0-2"),
    Plan(
        "subscriptions-lost-midway",
        "drops a connected client's subscriptions at PINGREQ",
        _ForgetsMidway,
        "4.1.0-2",
        "4.1.0-1",
    ),
    Plan(
        "offline-messages-lost", "loses what is published while a client is away", _OfflineLost, "3.1.2-5", "4.5.0-1"
    ),
    Plan(
        "one-offline-message",
        "keeps only the first message for a client that is away",
        _OnlyFirstKept,
        "3.1.2-5",
        "4.5.0-1",
    ),
    Plan(
        "session-present-on-clean",
        "says Session Present 1 to Clean Start 1",
        answers(Connack, lambda packet, tap: alter(packet, session_present=True), _clean),
        "3.2.2-1",
        "3.2.2-2",
    ),
    Plan(
        "session-present-untold",
        "says Session Present 0 where it resumes",
        answers(Connack, lambda packet, tap: _flipped(packet, tap) if packet.session_present else packet, _resuming),
        "3.2.2-2",
        "3.2.2-3",
    ),
    Plan(
        "session-present-invented",
        "says Session Present 1 where there is none",
        answers(Connack, lambda packet, tap: packet if packet.session_present else _flipped(packet, tap), _resuming),
        "3.2.2-3",
        "3.2.2-3",
    ),
    Plan(
        "session-present-refused",
        "says Session Present 1 in a refusal",
        answers(Connack, _flipped, lambda packet, tap: packet.code != 0),
        "3.2.2-4",
        "3.2.2-6",
    ),
    Plan(
        "session-expiry-of-clean-start-ignored",
        "ignores the Session Expiry Interval of a CONNECT with Clean Start 1",
        asks(
            Connect,
            lambda packet, tap: without(packet, Property.SESSION_EXPIRY_INTERVAL) if packet.clean_start else packet,
        ),
        "",
        "3.1.2-23",
    ),
)
