"""Faults in what a client makes of its session when the connection is back."""

from __future__ import annotations

from testbed.mqtt.faults.changes import alter, having, other_id, swallow
from testbed.mqtt.faults.tap import Out, PacketTap, Plan, hears, says
from testbed.mqtt.packets import Connack, Packet, Puback, Pubcomp, Publish, Pubrec, Pubrel


class _Back(PacketTap):
    """Knows whether it is a later connection, and its session is still there."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]
        self.back = False

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Connack):
            self.back = packet.session_present
        return self.told(packet)

    def told(self, packet: Packet) -> Out:
        """A packet from the tester."""
        return [packet]


class _NothingAgain(_Back):
    """Sends nothing again."""

    kinds: tuple[type, ...] = (Publish, Pubrel)

    def answer(self, packet: Packet) -> Out:
        if self.back and isinstance(packet, self.kinds) and self.is_again(packet):
            self.damage()
            return []
        return [packet]

    def is_again(self, packet: Packet) -> bool:
        """Whether it has been sent before."""
        return isinstance(packet, Pubrel) or (isinstance(packet, Publish) and packet.qos > 0 and packet.dup)


class _NoPubrelAgain(_NothingAgain):
    kinds = (Pubrel,)


class _PublishForPubrel(_NothingAgain):
    """Publishes again what it had released."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)
        self.sent: dict[int, Publish] = self.planted.memory.setdefault("sent", {})

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and packet.qos == 2 and packet.packet_id is not None:
            self.sent[packet.packet_id] = packet
        if self.back and isinstance(packet, Pubrel) and packet.packet_id in self.sent:
            self.damage()
            return [alter(self.sent[packet.packet_id], dup=True)]
        return [packet]


class _Backwards(_Back):
    """Sends again in another order: the first message waits for the second."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)
        self.held: Publish | None = None

    def answer(self, packet: Packet) -> Out:
        if self.back and isinstance(packet, Publish) and packet.dup:
            if self.held is None:
                self.held = packet
                return []
            if self.held.packet_id != packet.packet_id:
                self.damage()
                held, self.held = self.held, None
                return [packet, held]
        return [packet]


class _AgainOnTheSame(PacketTap):
    """Sends PUBLISH again on the connection on which it was sent."""

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and packet.qos > 0 and not packet.dup:
            self.damage()
            return [packet, alter(packet, dup=True)]
        return [packet]


class _AfterRefusal(_Back):
    """Sends again what was refused by PUBACK or PUBREC."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)
        self.sent: dict[int, Publish] = self.planted.memory.setdefault("sent", {})
        self.refused: list[Publish] = self.planted.memory.setdefault("refused", [])

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and packet.packet_id is not None:
            self.sent[packet.packet_id] = packet
        return [packet]

    def told(self, packet: Packet) -> Out:
        if isinstance(packet, Puback | Pubrec) and packet.code >= 0x80 and packet.packet_id in self.sent:
            self.refused.append(self.sent[packet.packet_id])
        if isinstance(packet, Connack) and self.back and self.refused:
            again = [alter(one, dup=True) for one in self.refused]
            self.damage()
            self.later(lambda: self.say(*again))
        return [packet]


class _KeepsOldState(_Back):
    """Sends again what belonged to a session that the server no longer has."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)
        self.open: dict[int, Publish] = self.planted.memory.setdefault("open", {})

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and packet.qos > 0 and packet.packet_id is not None:
            self.open[packet.packet_id] = packet
        return [packet]

    def told(self, packet: Packet) -> Out:
        if isinstance(packet, Puback | Pubcomp):
            self.open.pop(packet.packet_id, None)
        if isinstance(packet, Connack) and not packet.session_present and packet.code == 0 and self.open:
            again = [alter(one, dup=True) for one in self.open.values()]
            self.damage()
            self.later(lambda: self.say(*again))
        return [packet]


class _Remembers(_Back):
    """Remembers over sessions what was not released, and hands nothing on under such an identifier."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)
        self.received: set[int] = self.planted.memory.setdefault("received", set())
        self.old = frozenset(self.received)
        self.deaf: set[int] = set()

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Pubrec):
            self.received.add(packet.packet_id)
        return [packet]

    def told(self, packet: Packet) -> Out:
        number = getattr(packet, "packet_id", 0)
        if isinstance(packet, Publish) and packet.qos == 2 and number in self.old and not self.back:
            self.damage()
            self.deaf.add(number)
            self.later(lambda: self.say(Pubrec(number)))
            return []
        if isinstance(packet, Pubrel):
            self.received.discard(number)
            if number in self.deaf:
                self.later(lambda: self.say(Pubcomp(number)))
                return []
        return [packet]


def _is_again(packet: Publish, tap: PacketTap) -> bool:
    return packet.dup


PLANS = (
    Plan("sends-nothing-again", "sends nothing again", _NothingAgain, "4.4.0-1", "4.4.0-1"),
    Plan("stores-no-session", "forgets its session with the connection", _NothingAgain, "3.1.2-4", "3.1.2-23"),
    Plan("no-pubrel-again", "sends no PUBREL again", _NoPubrelAgain, "4.4.0-1", "4.4.0-1"),
    Plan("takes-pubrel-for-acknowledged", "takes PUBREL for acknowledged at once", _NoPubrelAgain, "", "4.3.3-5"),
    Plan(
        "again-under-another-id",
        "sends again under another identifier",
        says(Publish, other_id, _is_again),
        "2.3.1-3",
        "4.4.0-1",
    ),
    Plan(
        "again-with-dup-0",
        "sends again with DUP 0",
        says(Publish, having(dup=False), _is_again),
        "3.3.1-1",
        "3.3.1-1",
    ),
    Plan("publishes-what-it-released", "publishes again after PUBREL", _PublishForPubrel, "4.3.3-1", "4.3.3-6"),
    Plan("again-in-another-order", "sends again in another order", _Backwards, "4.6.0-1", "4.6.0-1"),
    Plan("again-on-the-same-connection", "sends again without need", _AgainOnTheSame, "", "4.4.0-1"),
    Plan("again-after-refusal", "sends again what was refused", _AfterRefusal, "", "4.4.0-2"),
    Plan("keeps-what-the-server-lost", "goes on with a lost session", _KeepsOldState, "", "3.2.2-5"),
    Plan(
        "keeps-after-a-clean-start",
        "uses the state of a session it was told to discard",
        _KeepsOldState,
        "3.1.2-6",
        "3.1.2-4",
    ),
    Plan(
        "remembers-what-it-received",
        "takes a message for one that it received in a session it was told to discard",
        _Remembers,
        "3.1.2-6",
        "3.1.2-4",
    ),
    Plan(
        "remembers-without-the-server",
        "takes a message for one that it received in a session the server no longer has",
        _Remembers,
        "",
        "3.2.2-5",
    ),
    Plan("forgets-while-connected", "loses what it has in flight", says(Pubrel, swallow), "4.1.0-1", "4.1.0-1"),
    Plan(
        "deaf-to-pubrec",
        "waits for no PUBREC any more",
        hears(Pubrec, swallow),
        "4.1.0-2",
        "4.3.3-4",
    ),
)
