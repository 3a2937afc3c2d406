"""What one side of a connection announced, has open and has said."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from testbed.mqtt.packets import Publish
from testbed.mqtt.properties import Properties, Property, get_all
from testbed.mqtt.wire import Text

Name = Literal["client", "server"]


class Flight(NamedTuple):
    """A PUBLISH with QoS > 0 whose handshake is not over."""

    qos: int
    topic: Text | None
    #: What tells its payload from others.
    content: int
    #: Its PUBREL was sent.
    released: bool = False


@dataclass(slots=True)
class Side:
    """What one side announced, has open and has said on this connection."""

    name: Name
    #: Its CONNECT or CONNACK was said, and with it what it accepts: unacknowledged PUBLISHes, bytes in a packet
    #: (0: any number), topic aliases.
    announced: bool = False
    receive_maximum: int = 65_535
    largest: int = 0
    alias_maximum: int = 0
    #: The topic aliases it set as a sender.
    aliases: dict[int, Text] = field(default_factory=dict)
    #: Its PUBLISHes with QoS > 0: identifier -> the QoS values it had, what it carried last, and those not yet
    #: acknowledged.
    published: dict[int, set[int]] = field(default_factory=dict)
    carried: dict[int, int] = field(default_factory=dict)
    open: dict[int, Flight] = field(default_factory=dict)
    #: Identifiers whose last PUBLISH the other side refused with a code of 0x80 or more.
    refused: set[int] = field(default_factory=set)
    #: How many PUBREC and PUBREL it said, by identifier.
    recs: dict[int, int] = field(default_factory=dict)
    rels: dict[int, int] = field(default_factory=dict)
    #: The answers it owes, as identifiers in the order in which what they answer came.
    owed_pubacks: dict[int, None] = field(default_factory=dict)
    owed_pubrecs: dict[int, None] = field(default_factory=dict)
    owed_pubrels: dict[int, None] = field(default_factory=dict)
    #: It said DISCONNECT.
    gone: bool = False

    def announce(self, properties: Properties) -> None:
        """Take the limits from its CONNECT or CONNACK. Of a property given twice, or as the forbidden 0, the
        widest meaning counts."""
        self.announced = True
        if not properties:
            return
        self.receive_maximum = max(get_all(properties, Property.RECEIVE_MAXIMUM), default=65_535) or 65_535
        sizes = get_all(properties, Property.MAXIMUM_PACKET_SIZE)
        self.largest = 0 if 0 in sizes else max(sizes, default=0)
        self.alias_maximum = max(get_all(properties, Property.TOPIC_ALIAS_MAXIMUM), default=0)


def content(packet: Publish) -> int:
    """What tells the payload of a PUBLISH from others, without keeping it."""
    return hash(packet.payload)
