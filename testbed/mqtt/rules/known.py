"""What the packets of one connection have established, whichever side said them."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from testbed.mqtt.packets import (
    Connack,
    Connect,
    Disconnect,
    Malformed,
    Packet,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
    Version,
)
from testbed.mqtt.properties import Properties, Property, get, get_all
from testbed.mqtt.rules.filters import Filters
from testbed.mqtt.wire import Text

R = TypeVar("R", Subscribe, Unsubscribe)


class Needs(enum.IntEnum):
    """How much must be known of the connection before a rule may speak."""

    #: Not even a CONNECT.
    NOTHING = 0
    #: A CONNECT of the edition under test; then the packet speaks for itself.
    CONNECT = 1
    #: And everything the client said was well-formed, so that what it has open is known.
    TALK = 2
    #: And the session began with this connection, so that nothing is open from before.
    SESSION = 3


class Flight(NamedTuple):
    """A PUBLISH with QoS > 0 whose handshake is not over."""

    qos: int
    topic: Text | None
    #: Its PUBREL was sent.
    released: bool = False


@dataclass(slots=True)
class Side:
    """What one side announced, has open and has said on this connection."""

    #: What it accepts: unacknowledged PUBLISHes, bytes in a packet (0: any number), topic aliases.
    receive_maximum: int = 65_535
    largest: int = 0
    alias_maximum: int = 0
    #: The topic aliases it set as a sender.
    aliases: dict[int, Text] = field(default_factory=dict)
    #: Its PUBLISHes with QoS > 0: identifier -> the QoS values it had, and those not yet acknowledged.
    published: dict[int, set[int]] = field(default_factory=dict)
    open: dict[int, Flight] = field(default_factory=dict)
    #: How many PUBREC and PUBREL it said, by identifier.
    recs: dict[int, int] = field(default_factory=dict)
    rels: dict[int, int] = field(default_factory=dict)
    #: It said DISCONNECT.
    gone: bool = False

    def announce(self, properties: Properties) -> None:
        """Take the limits from its CONNECT or CONNACK. Of a property given twice, or as the forbidden 0, the
        widest meaning counts."""
        if not properties:
            return
        self.receive_maximum = max(get_all(properties, Property.RECEIVE_MAXIMUM), default=65_535) or 65_535
        sizes = get_all(properties, Property.MAXIMUM_PACKET_SIZE)
        self.largest = 0 if 0 in sizes else max(sizes, default=0)
        self.alias_maximum = max(get_all(properties, Property.TOPIC_ALIAS_MAXIMUM), default=0)


class Known:
    """One connection between a client and a server, as far as its packets tell."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self.client, self.server = Side(), Side()
        #: How much is known; None when the server's packets cannot be judged at all.
        self.grade: Needs | None = Needs.NOTHING
        self.connect: Connect | None = None
        #: How many frames and how many CONNACK the server sent, and whether it accepted (None: not told).
        self.answers = 0
        self.connacks = 0
        self.accepted: bool | None = None
        #: Requests without their acknowledgement, and the identifiers and filter counts of all ever made.
        self.subscribes: dict[int, list[Subscribe]] = {}
        self.unsubscribes: dict[int, list[Unsubscribe]] = {}
        self.subscribed: dict[int, int] = {}
        self.unsubscribed: set[int] = set()
        #: What the session has subscribed to.
        self.filters = Filters()
        #: The frame of the packet being judged.
        self.frame = b""

    # -- questions of the rules

    def asked(self, name: Property) -> object:
        """A property of the CONNECT; None without."""
        return get(self.connect.properties, name) if self.connect else None

    def topic_of(self, packet: Publish, sender: Side) -> Text | None:
        """The topic a PUBLISH means: its own, or that of its alias; None when the alias was never set."""
        if packet.topic:
            return packet.topic
        alias = get(packet.properties, Property.TOPIC_ALIAS)
        return packet.topic if alias is None else sender.aliases.get(alias)

    def reach(self, topic: str, *, hidden: bool = False) -> int:
        """The highest QoS the server may deliver `topic` at, over subscriptions granted and asked for."""
        best = self.filters.reach(topic, hidden=hidden)
        if self.subscribes:
            asked = Filters()
            for requests in self.subscribes.values():
                for request in requests:
                    for one in request.subscriptions:
                        asked.add(one.filter, one.qos)
            best = max(best, asked.reach(topic, hidden=hidden))
        return best

    # -- what is said

    def client_said(self, packet: Packet) -> None:
        """Take note of a packet of the client."""
        if self.grade is Needs.NOTHING:
            self._opened(packet)
        elif self.grade is None:
            return
        elif isinstance(packet, Subscribe):
            self.subscribes.setdefault(packet.packet_id, []).append(packet)
            self.subscribed[packet.packet_id] = max(
                len(packet.subscriptions), self.subscribed.get(packet.packet_id, 0)
            )
            # A filter given at QoS 3 or with reserved bits may mean anything to a server that lets it pass.
            if any(one.qos == 3 or one.options is not None for one in packet.subscriptions):
                self._doubt()
            if any(isinstance(one.filter, str) and one.filter.startswith("$share/") for one in packet.subscriptions):
                self.filters.shared = True
        elif isinstance(packet, Unsubscribe):
            self.unsubscribes.setdefault(packet.packet_id, []).append(packet)
            self.unsubscribed.add(packet.packet_id)
        elif isinstance(packet, (Malformed, Connect)) or (isinstance(packet, Publish) and packet.qos == 3):
            self._doubt()
        else:
            self._either(packet, self.client, self.server)

    def _opened(self, packet: Packet) -> None:
        """The first packet: a CONNECT of another protocol makes the rest unreadable for us."""
        if not isinstance(packet, Connect) or packet.protocol_name != "MQTT" or packet.protocol_level is not None:
            self.grade = None
            return
        self.connect = packet
        self.client.announce(packet.properties)
        self.grade = Needs.SESSION if packet.clean_start else Needs.TALK

    def _doubt(self) -> None:
        """The client said what no server need understand."""
        if self.grade is not None:
            self.grade = min(self.grade, Needs.CONNECT)

    def server_said(self, packet: Packet) -> None:
        """Take note of a packet of the server."""
        self.answers += 1
        if packet.type == Connack.type:
            self._answered(packet)
        elif isinstance(packet, Suback):
            self._subscribed(packet)
        elif isinstance(packet, Unsuback):
            _answer(self.unsubscribes, packet.packet_id)
        elif isinstance(packet, Malformed):
            if not whole(packet.raw):
                self.grade = None
        else:
            self._either(packet, self.server, self.client)

    def _answered(self, packet: Packet) -> None:
        self.connacks += 1
        if not isinstance(packet, Connack):
            self.accepted = None
            if isinstance(packet, Malformed) and not whole(packet.raw):
                self.grade = None
            return
        if self.connacks == 1:
            # 5.0 has no codes between success and failure: what such a one means is not told.
            unclear = self.version >= Version.V5 and 0 < packet.code < 0x80
            self.accepted = None if unclear else packet.code == 0
            self.server.announce(packet.properties)
        if packet.session_present and self.grade is not None:
            self.grade = min(self.grade, Needs.TALK)

    def _subscribed(self, packet: Suback) -> None:
        request = _answer(self.subscribes, packet.packet_id)
        if request is None:
            return
        codes = packet.codes
        if len(codes) != len(request.subscriptions):
            codes = tuple(one.qos for one in request.subscriptions)
        for one, code in zip(request.subscriptions, codes, strict=True):
            if code < 0x80:
                self.filters.add(one.filter, code)

    def _either(self, packet: Packet, sender: Side, receiver: Side) -> None:
        """What client and server say alike. An acknowledgement of the wrong kind ends a handshake too: the
        other side may take it for its end."""
        if isinstance(packet, Publish):
            self._published(packet, sender)
        elif isinstance(packet, (Puback, Pubcomp)):
            receiver.open.pop(packet.packet_id, None)
        elif isinstance(packet, Pubrec):
            number = packet.packet_id
            sender.recs[number] = sender.recs.get(number, 0) + 1
            flight = receiver.open.get(number)
            if flight is not None and (packet.code >= 0x80 or flight.qos == 1):
                del receiver.open[number]
        elif isinstance(packet, Pubrel):
            number = packet.packet_id
            sender.rels[number] = sender.rels.get(number, 0) + 1
            flight = sender.open.get(number)
            if flight is not None:
                sender.open[number] = flight._replace(released=True)
        elif isinstance(packet, Disconnect):
            sender.gone = True

    def _published(self, packet: Publish, sender: Side) -> None:
        if packet.properties and packet.topic:
            alias = get(packet.properties, Property.TOPIC_ALIAS)
            if alias is not None:
                sender.aliases[alias] = packet.topic
        if packet.qos in (1, 2) and packet.packet_id is not None:
            number = packet.packet_id
            sender.published.setdefault(number, set()).add(packet.qos)
            if not packet.dup or number not in sender.open:
                sender.open[number] = Flight(packet.qos, self.topic_of(packet, sender))


def _answer(requests: dict[int, list[R]], number: int) -> R | None:
    """Take out the oldest open request of that identifier."""
    waiting = requests.get(number)
    if not waiting:
        return None
    request = waiting.pop(0)
    if not waiting:
        del requests[number]
    return request


def whole(frame: bytes) -> bool:
    """Whether the remaining length of `frame` ends where the frame does; if not, the stream was cut no more."""
    size = 0
    for count in range(1, 5):
        if count >= len(frame):
            return False
        size |= (frame[count] & 0x7F) << 7 * (count - 1)
        if frame[count] < 0x80:
            return size == len(frame) - count - 1
    return False
