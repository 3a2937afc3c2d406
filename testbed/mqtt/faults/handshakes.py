"""Faults in the handshakes of QoS 1 and 2: steps left out, forgotten over a reconnect, duplicates made."""

from __future__ import annotations

import time
from typing import Any

from testbed.mqtt.faults.changes import alter, swallow
from testbed.mqtt.faults.tap import Out, PacketTap, Plan, answers, asks
from testbed.mqtt.packets import (
    Connack,
    Packet,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Unsubscribe,
)
from testbed.mqtt.properties import Property, get

# -- the broker as receiver


class _IdSpent(PacketTap):
    """Takes a second message with an identifier that was in use before for the first one again, although that
    was acknowledged."""

    qos = 1

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.spent: set[int | None] = set()
        self.repeated: set[int] = set()

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and packet.qos == self.qos and packet.packet_id in self.spent:
            self.damage()
            number = packet.packet_id or 0
            self.repeated.add(number)
            self.later(lambda: self.say(Puback(number) if self.qos == 1 else Pubrec(number)))
            return []
        if isinstance(packet, Pubrel) and packet.packet_id in self.repeated:
            number = packet.packet_id
            self.later(lambda: self.say(Pubcomp(number)))
            return []
        return [packet]

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Puback if self.qos == 1 else Pubcomp):
            self.spent.add(packet.packet_id)
        return [packet]


class _IdSpentAtQosTwo(_IdSpent):
    qos = 2


class _IdSpentByRefusal(_IdSpentAtQosTwo):
    """Takes a new message for the one that it refused under the same identifier."""

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Pubrec) and packet.code >= 0x80:
            self.spent.add(packet.packet_id)
        return [packet]


class _Repeats(PacketTap):
    """Knows which PUBLISH of QoS 2 the tester has sent and not yet released, over all its connections."""

    def ask(self, packet: Packet) -> Out:
        here = ("unreleased", self.client)
        unreleased: set[int | None] = self.planted.memory.setdefault(here, set())
        if isinstance(packet, Publish) and packet.qos == 2:
            if packet.packet_id in unreleased:
                return self.repeat(packet)
            unreleased.add(packet.packet_id)
        elif isinstance(packet, Pubrel):
            unreleased.discard(packet.packet_id)
        return [packet]

    def repeat(self, packet: Publish) -> Out:
        """What becomes of the same PUBLISH once more: here it is passed on, as a sound broker gets it."""
        return [packet]


class _RepeatsPassedOn(_Repeats):
    def repeat(self, packet: Publish) -> Out:
        self.damage()
        return [packet, alter(packet, qos=0, packet_id=None, dup=False)]


class _RepeatsUnanswered(_Repeats):
    def repeat(self, packet: Publish) -> Out:
        self.damage()
        return []


class _ExpiredUnfinished(PacketTap):
    """Answers no PUBREL of a message that has expired meanwhile."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.until: dict[int | None, float] = {}

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and packet.qos == 2:
            seconds = get(packet.properties, Property.MESSAGE_EXPIRY_INTERVAL)
            if seconds is not None:
                self.until[packet.packet_id] = time.monotonic() + seconds
        if isinstance(packet, Pubrel) and time.monotonic() > self.until.get(packet.packet_id, float("inf")):
            self.damage()
            return []
        return [packet]


# -- the broker as sender


class _Careless(PacketTap):
    """Takes a delivery for acknowledged as soon as it is sent."""

    qos = (1, 2)

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.open: dict[int, Publish] = {}

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and packet.qos in self.qos and packet.packet_id is not None:
            self.open[packet.packet_id] = packet
        return [packet]

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Puback | Pubrec):
            self.open.pop(packet.packet_id, None)
        return [packet]

    def tester_closed(self, abruptly: bool) -> None:
        for packet in self.open.values():
            self.damage()
            self.forward(
                self.wire(Puback(packet.packet_id or 0) if packet.qos == 1 else Pubrec(packet.packet_id or 0))
            )
            if packet.qos == 2:
                self.forward(self.wire(Pubcomp(packet.packet_id or 0)))
        # A reset would overtake the acknowledgements.
        super().tester_closed(abruptly and not self.open)


class _CarelessAtQosOne(_Careless):
    qos = (1,)


class _CarelessAtQosTwo(_Careless):
    qos = (2,)


class _Resumed(PacketTap):
    """Knows whether what comes belongs to the session before: sent again after CONNACK with Session Present."""

    resumed = False

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Connack):
            self.resumed = packet.session_present
            return [packet]
        return self.again(packet) if self.resumed else [packet]

    def again(self, packet: Packet) -> Out:
        """A packet on a connection that resumes a session."""
        return [packet]


class _NothingAgain(_Resumed):
    def again(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and packet.dup:
            self.damage()
            return []
        return [packet]


class _NoPubrelAgain(_Resumed):
    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.received: set[int] = set()

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Pubrec):
            self.received.add(packet.packet_id)
        return [packet]

    def again(self, packet: Packet) -> Out:
        if isinstance(packet, Pubrel) and packet.packet_id not in self.received:
            self.damage()
            return []
        return [packet]


class _AgainUnderAnotherId(_Resumed):
    shift = 1000

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.moved: set[int] = set()

    def again(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and packet.dup and packet.packet_id is not None:
            self.damage()
            self.moved.add(packet.packet_id + self.shift)
            return [alter(packet, packet_id=packet.packet_id + self.shift)]
        if isinstance(packet, Pubrel) and packet.packet_id + self.shift in self.moved:
            return [alter(packet, packet_id=packet.packet_id + self.shift)]
        return [packet]

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Puback | Pubrec | Pubcomp) and packet.packet_id in self.moved:
            return [alter(packet, packet_id=packet.packet_id - self.shift)]
        return [packet]


class _ExpiredAgain(_Resumed):
    """Sends again no message that has an expiry, although it was sent before."""

    def again(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and packet.dup and packet.qos == 2:
            known = get(packet.properties, Property.MESSAGE_EXPIRY_INTERVAL)
            if known is not None:
                self.damage()
                return []
        return [packet]


class _PublishAfterPubrec(PacketTap):
    """Sends the PUBLISH again behind its PUBREL."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.open: dict[int, Publish] = {}

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and packet.qos == 2 and packet.packet_id is not None:
            self.open[packet.packet_id] = packet
        elif isinstance(packet, Pubrel) and packet.packet_id in self.open:
            self.damage()
            return [packet, alter(self.open.pop(packet.packet_id), dup=True)]
        return [packet]


class _Stubborn(PacketTap):
    """Does not take an acknowledgement with an error for one."""

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Puback | Pubrec) and packet.code >= 0x80:
            self.damage()
            return []
        return [packet]


class _UnfinishedAfterUnsubscribe(PacketTap):
    """Breaks off the deliveries that are under way when their subscription is deleted."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.open: set[int] = set()
        self.off: set[int] = set()

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Unsubscribe):
            self.off |= self.open
        return [packet]

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and packet.packet_id is not None:
            if packet.packet_id in self.off:
                self.damage()
                return []
            self.open.add(packet.packet_id)
        elif isinstance(packet, Pubrel) and packet.packet_id in self.off:
            self.damage()
            return []
        return [packet]


PLANS = (
    Plan("id-spent", "takes a new message with an old identifier for the old one", _IdSpent, "4.3.2-2", "4.3.2-5"),
    Plan(
        "id-spent-at-qos-2",
        "takes a new message of QoS 2 with an old identifier for the old one",
        _IdSpentAtQosTwo,
        "4.3.3-2",
        "4.3.3-12",
    ),
    Plan("id-spent-by-refusal", "takes a new message for the one that it refused", _IdSpentByRefusal, "", "4.3.3-9"),
    Plan("repeats-passed-on", "passes a repeated PUBLISH of QoS 2 on", _RepeatsPassedOn, "4.3.3-2", "4.3.3-10"),
    Plan("repeats-unanswered", "sends no PUBREC for a repeated PUBLISH", _RepeatsUnanswered, "4.3.3-2", "4.3.3-10"),
    Plan("expired-unfinished", "answers no PUBREL of an expired message", _ExpiredUnfinished, "", "4.3.3-13"),
    Plan("pubrel-never-sent", "answers no PUBREC", answers(Pubrel, swallow), "4.3.3-1", "4.3.3-4"),
    Plan("deaf-to-pubrel", "answers no PUBREL", asks(Pubrel, swallow), "4.3.3-2", "4.3.3-11"),
    Plan("careless-at-qos-1", "forgets an unacknowledged message of QoS 1", _CarelessAtQosOne, "4.3.2-1", "4.3.2-3"),
    Plan("careless-at-qos-2", "forgets an unacknowledged message of QoS 2", _CarelessAtQosTwo, "4.3.3-1", "4.3.3-3"),
    Plan("nothing-again", "sends no PUBLISH again to a client that comes back", _NothingAgain, "4.4.0-1", "4.4.0-1"),
    Plan(
        "no-pubrel-again", "sends no PUBREL again to a client that comes back", _NoPubrelAgain, "4.4.0-1", "4.4.0-1"
    ),
    Plan("pubrel-forgotten", "forgets a PUBREL without PUBCOMP", _NoPubrelAgain, "", "4.3.3-5"),
    Plan(
        "again-under-another-id", "sends again under another identifier", _AgainUnderAnotherId, "4.4.0-1", "4.4.0-1"
    ),
    Plan(
        "id-not-kept",
        "does not keep the identifier of a message that it sends again",
        _AgainUnderAnotherId,
        "2.3.1-4",
        "",
    ),
    Plan("expired-not-sent-again", "does not send again what has an expiry", _ExpiredAgain, "", "4.3.3-7"),
    Plan(
        "publish-after-pubrel", "sends the PUBLISH again behind its PUBREL", _PublishAfterPubrec, "4.3.3-1", "4.3.3-6"
    ),
    Plan("error-not-taken-for-answer", "sends again what was acknowledged with an error", _Stubborn, "", "4.4.0-2"),
    Plan(
        "unfinished-after-unsubscribe",
        "breaks off deliveries when their subscription ends",
        _UnfinishedAfterUnsubscribe,
        "3.10.4-3",
        "3.10.4-3",
    ),
)
