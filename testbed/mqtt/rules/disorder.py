"""Whether what a tester says as a server is in order, so that a client must understand it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from testbed.mqtt.packets import (
    Auth,
    Connack,
    Connect,
    Disconnect,
    Malformed,
    Packet,
    Pingreq,
    Raw,
    Subscribe,
    Unsubscribe,
    Version,
)
from testbed.mqtt.properties import TABLE, Property
from testbed.mqtt.rules import delivery
from testbed.mqtt.rules.known import Known
from testbed.mqtt.rules.rule import Rule

#: What no server sends.
_CLIENTS = (Connect, Subscribe, Unsubscribe, Pingreq, Raw)
#: Broken by what a client answers as if it were in order: it cannot know better, or need not care.
_HARMLESS: tuple[Callable[..., Any], ...] = (
    delivery.unsubscribed_topic,
    delivery.hidden_topic,
    delivery.above_granted,
    delivery.dup_at_first,
)
#: Properties that must not be 0.
_NOT_ZERO = (Property.RECEIVE_MAXIMUM, Property.MAXIMUM_PACKET_SIZE, Property.SUBSCRIPTION_IDENTIFIER)
#: Properties that are 0 or 1.
_SWITCHES = (
    Property.PAYLOAD_FORMAT_INDICATOR,
    Property.MAXIMUM_QOS,
    Property.RETAIN_AVAILABLE,
    Property.WILDCARD_SUBSCRIPTION_AVAILABLE,
    Property.SUBSCRIPTION_IDENTIFIER_AVAILABLE,
    Property.SHARED_SUBSCRIPTION_AVAILABLE,
)


def disorderly(known: Known, packet: Packet, rules: Iterable[Rule]) -> bool:
    """Whether a packet of the server breaks one of `rules`, or what the standard says without a number.

    `known` is the connection as it was before the packet, with the server judged.
    """
    if isinstance(packet, (Malformed, *_CLIENTS)) or known.grade is None:
        return True
    if isinstance(packet, (Disconnect, Auth)) and known.version < Version.V5:
        return True
    if known.server.gone or known.accepted is False or (isinstance(packet, Connack) and known.connacks > 0):
        return True
    if getattr(packet, "properties", ()) and _strange(packet):
        return True
    return any(rule.broken not in _HARMLESS and rule.broken(known, packet) for rule in rules)


def _strange(packet: Any) -> bool:
    """A property that the packet may not have, twice, or with a value that is none."""
    for name, count in Counter(name for name, _ in packet.properties).items():
        row = TABLE[Property(name)]
        if packet.kind not in row.packets or (count > 1 and packet.kind not in row.repeats):
            return True
    return any(
        (name in _NOT_ZERO and value == 0) or (name in _SWITCHES and value not in (0, 1))
        for name, value in packet.properties
    )
