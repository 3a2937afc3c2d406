"""Faults in the PUBLISH packets that a client sends, and in its half of their handshake."""

from __future__ import annotations

from typing import Any

from testbed.mqtt.faults.changes import alter, having, other_id, setting, swallow
from testbed.mqtt.faults.tap import Change, Out, PacketTap, Plan, says
from testbed.mqtt.packets import Packet, Publish, Pubrel, Raw
from testbed.mqtt.properties import Property, get
from testbed.mqtt.wire import text


def _of(qos: int) -> Any:
    return lambda packet, tap: packet.qos == qos


def _acknowledged(packet: Any, tap: PacketTap) -> bool:
    return packet.qos > 0


def _with_id(packet: Any, tap: PacketTap) -> Packet:
    """QoS 0 with a packet identifier: two bytes more before the payload."""
    return alter(packet, packet_id=1)


def _topic(make: Any) -> Change:
    return lambda packet, tap: alter(packet, topic=make(packet.topic))


def _payload_first(packet: Any, tap: PacketTap) -> Packet:
    return Raw(0x30 | packet.qos << 1, packet.payload + text(packet.topic))


class _SameId(PacketTap):
    """Uses one identifier for all its messages."""

    qos = (1, 2)

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and packet.qos in self.qos and packet.packet_id not in (None, 1):
            self.damage()
            return [alter(packet, packet_id=1)]
        return [packet]


class _SameId1(_SameId):
    qos = (1,)


class _SameId2(_SameId):
    qos = (2,)


class _EarlyPubrel(PacketTap):
    """Releases without waiting for PUBREC."""

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and packet.qos == 2 and packet.packet_id is not None:
            number = packet.packet_id
            self.damage()
            self.later(lambda: self.say(Pubrel(number)))
        return [packet]


class _ForgetsAtOnce(PacketTap):
    """Takes a message for acknowledged once it is sent."""

    qos = 1

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and packet.qos == self.qos and packet.packet_id is not None:
            first = self.planted.memory.setdefault("first", packet.packet_id)
            if packet.packet_id != first:
                self.damage()
                return [alter(packet, packet_id=first)]
        return [packet]


class _ForgetsQos2(_ForgetsAtOnce):
    qos = 2


class _PublishAfterPubrel(PacketTap):
    """Sends PUBLISH once more after its PUBREL."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.sent: dict[int, Publish] = {}

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Publish) and packet.packet_id is not None:
            self.sent[packet.packet_id] = packet
        if isinstance(packet, Pubrel) and packet.packet_id in self.sent:
            self.damage()
            return [packet, alter(self.sent[packet.packet_id], dup=True)]
        return [packet]


class _GivesUpExpired(PacketTap):
    """Lets a message expire that it has sent: it is neither sent again nor released."""

    def answer(self, packet: Packet) -> Out:
        expiring: set[int | None] = self.planted.memory.setdefault("expiring", set())
        if isinstance(packet, Publish) and get(packet.properties, Property.MESSAGE_EXPIRY_INTERVAL) is not None:
            if packet.dup and packet.packet_id in expiring:
                self.damage()
                return []
            expiring.add(packet.packet_id)
        if isinstance(packet, Pubrel) and packet.packet_id in expiring:
            self.damage()
            return []
        return [packet]


class _PubrelInIdOrder(PacketTap):
    """Releases in another order than that of our PUBREC packets: the first waits for the second."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.held: Pubrel | None = None

    def answer(self, packet: Packet) -> Out:
        if isinstance(packet, Pubrel):
            if self.held is None and not self.planted.memory.get("done"):
                self.held = packet
                return []
            if self.held is not None:
                self.damage()
                held, self.held = self.held, None
                self.planted.memory["done"] = True
                return [packet, held]
        return [packet]


_FIELD = (
    ("content-type", Property.CONTENT_TYPE, b"t\xff", "3.3.2-19"),
    ("response-topic", Property.RESPONSE_TOPIC, b"t\xff", "3.3.2-13"),
)

PLANS = (
    Plan("dup-on-qos-0", "sends QoS 0 with DUP 1", says(Publish, having(dup=True), _of(0)), "3.3.1-2", "3.3.1-2"),
    Plan(
        "qos-0-with-dup",
        "sets DUP of what it sends once",
        says(Publish, having(dup=True), _of(0)),
        "4.3.1-1",
        "4.3.1-1",
    ),
    Plan("qos-0-with-id", "sends QoS 0 with an identifier", says(Publish, _with_id, _of(0)), "2.3.1-5", "2.2.1-2"),
    Plan("qos-3", "sends QoS 3", says(Publish, having(qos=3), _acknowledged), "3.3.1-4", "3.3.1-4"),
    Plan(
        "publish-id-zero",
        "publishes with identifier 0",
        says(Publish, having(packet_id=0), _acknowledged),
        "2.3.1-1",
        "2.2.1-3",
    ),
    Plan("one-id-for-all", "uses one identifier for all messages", _SameId, "2.3.1-2", "2.2.1-3"),
    Plan("one-id-for-qos-1", "uses one identifier for all of QoS 1", _SameId1, "4.3.2-1", "4.3.2-1"),
    Plan("one-id-for-qos-2", "uses one identifier for all of QoS 2", _SameId2, "4.3.3-1", "4.3.3-1"),
    Plan(
        "qos-1-with-dup",
        "sends QoS 1 first with DUP 1",
        says(Publish, having(dup=True), _of(1)),
        "4.3.2-1",
        "4.3.2-2",
    ),
    Plan(
        "qos-2-with-dup",
        "sends QoS 2 first with DUP 1",
        says(Publish, having(dup=True), _of(2)),
        "4.3.3-1",
        "4.3.3-2",
    ),
    Plan("forgets-qos-1-at-once", "takes QoS 1 for acknowledged at once", _ForgetsAtOnce, "", "4.3.2-3"),
    Plan("forgets-qos-2-at-once", "takes QoS 2 for received at once", _ForgetsQos2, "", "4.3.3-3"),
    Plan("early-pubrel", "releases before PUBREC", _EarlyPubrel, "4.3.3-1", ""),
    Plan("no-pubrel", "never releases", says(Pubrel, swallow), "4.3.3-1", "4.3.3-4"),
    Plan("pubrel-of-another", "releases another identifier", says(Pubrel, other_id), "2.3.1-6", "2.2.1-5"),
    Plan("pubrel-of-the-next", "releases the next identifier", says(Pubrel, other_id), "4.3.3-1", "4.3.3-4"),
    Plan("publishes-after-pubrel", "publishes again after PUBREL", _PublishAfterPubrel, "4.3.3-1", "4.3.3-6"),
    Plan("expires-in-the-handshake", "lets a message expire that was sent", _GivesUpExpired, "", "4.3.3-7"),
    Plan("pubrel-out-of-order", "releases out of order", _PubrelInIdOrder, "4.6.0-4", "4.6.0-4"),
    Plan(
        "wildcard-topic",
        "publishes to a wildcard",
        says(Publish, _topic(lambda topic: f"{topic}/#")),
        "3.3.2-2",
        "3.3.2-2",
    ),
    Plan("plus-topic", "publishes to a +", says(Publish, _topic(lambda topic: f"{topic}/+")), "4.7.1-1", "4.7.0-1"),
    Plan("empty-topic", "publishes to an empty topic", says(Publish, _topic(lambda topic: "")), "4.7.3-1", "4.7.3-1"),
    Plan(
        "null-topic", "publishes to U+0000", says(Publish, _topic(lambda topic: f"{topic}\0")), "4.7.3-2", "4.7.3-2"
    ),
    Plan(
        "topic-ill-formed",
        "publishes to ill-formed UTF-8",
        says(Publish, _topic(lambda topic: b"t\xff")),
        "3.3.2-1",
        "3.3.2-1",
    ),
    Plan("payload-before-topic", "sends the payload first", says(Publish, _payload_first, _of(0)), "3.3.2-1", ""),
    Plan(
        "strips-u-feff",
        "strips U+FEFF",
        says(Publish, _topic(lambda topic: topic.lstrip("\ufeff") if isinstance(topic, str) else topic)),
        "1.5.3-3",
        "1.5.4-3",
    ),
    Plan(
        "response-topic-with-wildcard",
        "sends a Response Topic with a wildcard",
        says(Publish, lambda packet, tap: setting(packet, Property.RESPONSE_TOPIC, "a/#")),
        "",
        "3.3.2-14",
    ),
    *(
        Plan(
            f"{name}-ill-formed",
            f"sends a {name.replace('-', ' ')} of ill-formed UTF-8",
            says(Publish, lambda packet, tap, name=prop, value=value: setting(packet, name, value)),
            "",
            number,
        )
        for name, prop, value, number in _FIELD
    ),
    Plan(
        "publishes-a-subscription-identifier",
        "publishes with a Subscription Identifier",
        says(Publish, lambda packet, tap: setting(packet, Property.SUBSCRIPTION_IDENTIFIER, 1)),
        "",
        "3.3.4-6",
    ),
    Plan(
        "alias-zero",
        "publishes with Topic Alias 0",
        says(Publish, lambda packet, tap: setting(packet, Property.TOPIC_ALIAS, 0)),
        "",
        "3.3.2-8",
    ),
    Plan(
        "user-property-ill-formed",
        "publishes a User Property of ill-formed UTF-8",
        says(Publish, lambda packet, tap: setting(packet, Property.USER_PROPERTY, (b"a\xff", "b"))),
        "",
        "1.5.7-1",
    ),
)
