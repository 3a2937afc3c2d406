"""Faults in limits that the client sets: packet size, Receive Maximum, topic aliases, what it wants to hear (5.0)."""

from __future__ import annotations

from typing import Any

from testbed.mqtt.codec import encode
from testbed.mqtt.faults.changes import alter, asked, dropping, setting, without
from testbed.mqtt.faults.tap import Out, PacketTap, Plan, Where, answers, asks
from testbed.mqtt.packets import (
    Auth,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Unsuback,
)
from testbed.mqtt.properties import Property, get
from testbed.mqtt.reasons import Reason

# -- Maximum Packet Size


def _sized(packet: Any, tap: PacketTap) -> bool:
    return asked(tap, Property.MAXIMUM_PACKET_SIZE) is not None


def _too_large(name: Property) -> Any:
    """The packet with a property that takes it over the client's Maximum Packet Size."""

    def change(packet: Any, tap: PacketTap) -> Packet:
        most = asked(tap, Property.MAXIMUM_PACKET_SIZE)
        filling = "x" * (most or 0)
        if not most or most > 60_000:
            return packet
        value = ("why", filling) if name == Property.USER_PROPERTY else filling
        return alter(packet, properties=(*packet.properties, (int(name), value)))

    return change


class _ClosesOnLarge(PacketTap):
    """Closes when a message is too large for the client."""

    def ask(self, packet: Packet) -> Out:
        return [without(packet, Property.MAXIMUM_PACKET_SIZE) if isinstance(packet, Connect) else packet]

    def answer(self, packet: Packet) -> Out:
        most = asked(self, Property.MAXIMUM_PACKET_SIZE)
        if most is not None and isinstance(packet, Publish) and len(encode(packet, self.version)) > most:
            self.damage()
            return self.large(packet)
        return [packet]

    def large(self, packet: Publish) -> Out:
        """A message that is too large."""
        self.close(Reason.PACKET_TOO_LARGE)
        return []


class _StopsOnLarge(_ClosesOnLarge):
    """Delivers nothing any more to a client that a message was too large for."""

    stopped = False

    def answer(self, packet: Packet) -> Out:
        if self.stopped and isinstance(packet, Publish):
            return []
        return super().answer(packet)

    def large(self, packet: Publish) -> Out:
        self.stopped = True
        return []


# -- Receive Maximum


class _Counting(PacketTap):
    """Counts what the client has not acknowledged."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.open: set[int] = set()

    @property
    def most(self) -> int:
        """The client's Receive Maximum."""
        return asked(self, Property.RECEIVE_MAXIMUM, 0xFFFF)

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Puback | Pubcomp) or (isinstance(packet, Pubrec) and packet.code >= 0x80):
            self.open.discard(packet.packet_id)
            return [packet, *self.freed()]
        return [packet]

    def freed(self) -> Out:
        """What is told to the broker behind an acknowledgement."""
        return []

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and packet.packet_id is not None:
            self.open.add(packet.packet_id)
        return [packet]


class _Clogged(_Counting):
    """Says nothing at all while the client's Receive Maximum is used up."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.held: list[Packet | bytes] = []

    def freed(self) -> Out:
        held, self.held = self.held, []
        if held:
            self.later(lambda: self.deliver(b"".join(self.wire(packet) for packet in held)))
        return []

    def answer(self, packet: Packet) -> Out:
        if len(self.open) >= self.most and not isinstance(packet, Pubrel):
            self.damage()
            self.held.append(packet)
            return []
        return super().answer(packet)


class _DeafWhenFull(_Counting):
    """Reads nothing but acknowledgements while the client's Receive Maximum is used up."""

    def ask(self, packet: Packet) -> Out:
        if len(self.open) >= self.most and not isinstance(packet, Puback | Pubrec | Pubcomp | Disconnect):
            self.damage()
            return []
        return super().ask(packet)


def _one_more(packet: Any, tap: PacketTap) -> Packet:
    most = get(packet.properties, Property.RECEIVE_MAXIMUM)
    return packet if most in (None, 0, 0xFFFF) else setting(packet, Property.RECEIVE_MAXIMUM, most + 1)


def _no_quota(packet: Any, tap: PacketTap) -> bool:
    return packet.qos > 0 and asked(tap, Property.RECEIVE_MAXIMUM) is not None


# -- topic aliases


def _aliased(alias: Any) -> Any:
    return lambda packet, tap: setting(
        packet, Property.TOPIC_ALIAS, alias(asked(tap, Property.TOPIC_ALIAS_MAXIMUM, 0))
    )


def _takes_aliases(packet: Any, tap: PacketTap) -> bool:
    return 0 < asked(tap, Property.TOPIC_ALIAS_MAXIMUM, 0) < 0xFFFF


def _takes_none(packet: Any, tap: PacketTap) -> bool:
    return asked(tap, Property.TOPIC_ALIAS_MAXIMUM, 0) == 0


class _HighestRefused(PacketTap):
    """Refuses the highest topic alias that it announced."""

    most = 0

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Connack):
            self.most = get(packet.properties, Property.TOPIC_ALIAS_MAXIMUM, 0)
        return [packet]

    def ask(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and self.most and get(packet.properties, Property.TOPIC_ALIAS) == self.most:
            self.damage()
            self.close(Reason.TOPIC_ALIAS_INVALID)
            return []
        return [packet]


class _CarriedOver(PacketTap):
    """Remembers the topic aliases of a client's earlier connection."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.mine: set[int] = set()

    def ask(self, packet: Packet) -> Out:
        alias = get(packet.properties, Property.TOPIC_ALIAS) if isinstance(packet, Publish) else None
        if not isinstance(packet, Publish) or alias is None:
            return [packet]
        if packet.topic:
            self.mine.add(alias)
            self.planted.memory["alias", alias] = packet.topic
        elif alias not in self.mine and ("alias", alias) in self.planted.memory:
            self.damage()
            return [alter(packet, topic=self.planted.memory["alias", alias])]
        return [packet]


# -- Request Problem Information


def _terse(packet: Any, tap: PacketTap) -> bool:
    return asked(tap, Property.REQUEST_PROBLEM_INFORMATION) == 0


def _explained(packet: Any, tap: PacketTap) -> Packet:
    return setting(packet, Property.REASON_STRING, "as you asked")


def _annotated(packet: Any, tap: PacketTap) -> Packet:
    return setting(packet, Property.USER_PROPERTY, ("server", "chatty"))


def _and(*tests: Where) -> Where:
    return lambda packet, tap: all(test(packet, tap) for test in tests)


#: Packet -> the numbers that bind its Reason String and its User Property to the Maximum Packet Size.
_SIZES = (
    (Connack, "3.2.2-19", "3.2.2-20"),
    (Puback, "3.4.2-2", "3.4.2-3"),
    (Pubrec, "3.5.2-2", "3.5.2-3"),
    (Pubrel, "3.6.2-2", "3.6.2-3"),
    (Pubcomp, "3.7.2-2", "3.7.2-3"),
    (Suback, "3.9.2-1", "3.9.2-2"),
    (Unsuback, "3.11.2-1", "3.11.2-2"),
    (Disconnect, "3.14.2-3", "3.14.2-4"),
    (Auth, "3.15.2-2", "3.15.2-3"),
)
_QUIET = (Puback, Pubrec, Pubrel, Pubcomp, Suback, Unsuback)

PLANS = (
    *(
        Plan(
            f"{kind.kind.lower()}-{what}-too-large",
            f"sends a {name.title} that takes {kind.kind} over the client's Maximum Packet Size",
            answers(kind, _too_large(name), _sized),
            "",
            number,
        )
        for kind, *numbers in _SIZES
        for what, name, number in (
            ("reason", Property.REASON_STRING, numbers[0]),
            ("user-property", Property.USER_PROPERTY, numbers[1]),
        )
    ),
    Plan(
        "maximum-packet-size-ignored",
        "ignores the client's Maximum Packet Size",
        asks(Connect, dropping(Property.MAXIMUM_PACKET_SIZE)),
        "",
        "3.1.2-24",
    ),
    Plan("closes-on-large", "closes when a message is too large for the client", _ClosesOnLarge, "", "3.1.2-25"),
    Plan(
        "stops-on-large",
        "delivers nothing more after a message too large for the client",
        _StopsOnLarge,
        "",
        "3.1.2-25",
    ),
    Plan(
        "receive-maximum-ignored",
        "ignores the client's Receive Maximum",
        asks(Connect, dropping(Property.RECEIVE_MAXIMUM)),
        "",
        "3.3.4-9",
    ),
    Plan(
        "receive-maximum-one-more",
        "sends one more than the client's Receive Maximum",
        asks(Connect, _one_more),
        "",
        "4.9.0-2",
    ),
    Plan("quota-one-more", "begins with a quota above the Receive Maximum", asks(Connect, _one_more), "", "4.9.0-1"),
    Plan(
        "quota-zero", "begins with a quota of 0", answers(Publish, lambda packet, tap: [], _no_quota), "", "4.9.0-1"
    ),
    Plan("clogged", "says nothing while the quota is used up", _Clogged, "", "3.3.4-10"),
    Plan("deaf-when-full", "reads only acknowledgements while the quota is used up", _DeafWhenFull, "", "4.9.0-3"),
    Plan(
        "alias-above-maximum",
        "sends topic aliases above the client's maximum",
        answers(Publish, _aliased(lambda most: most + 1), _takes_aliases),
        "",
        "3.1.2-26",
    ),
    Plan(
        "alias-far-above-maximum",
        "sends topic alias 65535",
        answers(Publish, _aliased(lambda most: 0xFFFF), _takes_aliases),
        "",
        "3.3.2-11",
    ),
    Plan(
        "alias-unasked",
        "sends topic aliases to a client that takes none",
        answers(Publish, _aliased(lambda most: 1), _takes_none),
        "",
        "3.1.2-27",
    ),
    Plan(
        "alias-zero", "sends topic alias 0", answers(Publish, _aliased(lambda most: 0), _takes_aliases), "", "3.3.2-8"
    ),
    Plan(
        "highest-alias-refused", "refuses the highest topic alias that it announced", _HighestRefused, "", "3.3.2-12"
    ),
    Plan("aliases-carried-over", "keeps topic aliases for the next connection", _CarriedOver, "", "3.3.2-7"),
    Plan(
        "reason-string-unasked",
        "explains itself where Request Problem Information is 0",
        answers(_QUIET, _explained, _terse),
        "",
        "3.1.2-29",
    ),
    Plan(
        "user-property-unasked",
        "sends User Properties where Request Problem Information is 0",
        answers(_QUIET, _annotated, _terse),
        "",
        "3.1.2-29",
    ),
)
