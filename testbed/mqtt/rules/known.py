"""What the packets of one connection have established, whichever side said them."""

from __future__ import annotations

import enum
from typing import TypeVar

from testbed.mqtt.packets import (
    Auth,
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
from testbed.mqtt.properties import Property, get, get_all
from testbed.mqtt.rules.filters import Filters
from testbed.mqtt.rules.sides import Flight, Name, Side, content
from testbed.mqtt.wire import Text

R = TypeVar("R", Subscribe, Unsubscribe)


class Needs(enum.IntEnum):
    """How much must be known of the connection before a rule may speak."""

    #: Not even a CONNECT.
    NOTHING = 0
    #: A CONNECT of the edition under test; then the packet speaks for itself.
    CONNECT = 1
    #: And everything that was said to the side that is judged was in order, so that what is open is known.
    TALK = 2
    #: And the session began with this connection, so that nothing is open from before.
    SESSION = 3


class Known:
    """One connection between a client and a server, as far as its packets tell, with one of them to be judged."""

    def __init__(self, version: Version, judged: Name = "server") -> None:
        self.version = version
        self.client, self.server = Side("client"), Side("server")
        self.judged, self.other = (self.client, self.server) if judged == "client" else (self.server, self.client)
        #: How much is known; None when the packets of the judged side cannot be judged at all.
        self.grade: Needs | None = Needs.NOTHING
        self.connect: Connect | None = None
        #: How many frames and how many CONNACK the server sent, and whether it accepted (None: not told).
        self.answers = 0
        self.connacks = 0
        self.accepted: bool | None = None
        self.connack: Connack | None = None
        #: Whether the judged side has surely read what the other announced. A server has, as it answers to it; a
        #: client may send before it reads the CONNACK, until it answers something that came after that.
        self.informed = judged == "server"
        self._early = False
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

    def told(self, name: Property) -> tuple[int, ...]:
        """Every value of an integer property in the CONNACK."""
        return get_all(self.connack.properties, name) if self.connack else ()

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
        elif self.judged is self.client and isinstance(packet, Malformed) and not whole(packet.raw):
            self.grade = None
        elif isinstance(packet, Subscribe):
            self.subscribes.setdefault(packet.packet_id, []).append(packet)
            self.subscribed[packet.packet_id] = max(
                len(packet.subscriptions), self.subscribed.get(packet.packet_id, 0)
            )
            # A filter given at QoS 3 or with reserved bits may mean anything to a server that lets it pass.
            if any(one.qos == 3 or one.options is not None for one in packet.subscriptions):
                self.doubt()
            if any(isinstance(one.filter, str) and one.filter.startswith("$share/") for one in packet.subscriptions):
                self.filters.shared = True
        elif isinstance(packet, Unsubscribe):
            self.unsubscribes.setdefault(packet.packet_id, []).append(packet)
            self.unsubscribed.add(packet.packet_id)
        elif isinstance(packet, (Malformed, Connect)) or (isinstance(packet, Publish) and packet.qos == 3):
            self.doubt()
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

    def doubt(self) -> None:
        """One side said what the other need not understand: from here on it may do anything that is well-formed."""
        if self.grade is not None:
            self.grade = min(self.grade, Needs.CONNECT)

    def server_said(self, packet: Packet) -> None:
        """Take note of a packet of the server."""
        self.answers += 1
        if self.connacks == 0 and not isinstance(packet, (Connack, Auth)):
            self._early = True
        if packet.type == Connack.type:
            self._answered(packet)
        elif isinstance(packet, Suback):
            self._subscribed(packet)
        elif isinstance(packet, Unsuback):
            _answer(self.unsubscribes, packet.packet_id)
        elif isinstance(packet, Malformed):
            self._garbled(packet)
        else:
            self._either(packet, self.server, self.client)

    def _garbled(self, packet: Malformed) -> None:
        """A malformed packet of the server; when its end is not known either, nothing after it is."""
        if self.judged is self.client:
            self.doubt()
        elif not whole(packet.raw):
            self.grade = None

    def _answered(self, packet: Packet) -> None:
        self.connacks += 1
        if not isinstance(packet, Connack):
            self.accepted = None
            if isinstance(packet, Malformed):
                self._garbled(packet)
            return
        if self.connacks == 1:
            # 5.0 has no codes between success and failure: what such a one means is not told.
            unclear = self.version >= Version.V5 and 0 < packet.code < 0x80
            self.accepted = None if unclear else packet.code == 0
            self.connack = packet
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
            self._published(packet, sender, receiver)
        elif isinstance(packet, (Puback, Pubcomp)):
            number = packet.packet_id
            flight = receiver.open.pop(number, None)
            if flight is not None and isinstance(packet, Puback) and packet.code >= 0x80:
                receiver.refused.add(number)
            sender.owed_pubacks.pop(number, None)
        elif isinstance(packet, Pubrec):
            self._recorded(packet, sender, receiver)
        elif isinstance(packet, Pubrel):
            number = packet.packet_id
            sender.rels[number] = sender.rels.get(number, 0) + 1
            sender.owed_pubrels.pop(number, None)
            flight = sender.open.get(number)
            if flight is not None:
                sender.open[number] = flight._replace(released=True)
        elif isinstance(packet, Disconnect):
            sender.gone = True

    def _recorded(self, packet: Pubrec, sender: Side, receiver: Side) -> None:
        number = packet.packet_id
        sender.recs[number] = sender.recs.get(number, 0) + 1
        sender.owed_pubrecs.pop(number, None)
        flight = receiver.open.get(number)
        if flight is None:
            return
        if packet.code >= 0x80:
            receiver.refused.add(number)
            del receiver.open[number]
        elif flight.qos == 1:
            del receiver.open[number]
        elif not flight.released:
            receiver.owed_pubrels.setdefault(number)

    def _published(self, packet: Publish, sender: Side, receiver: Side) -> None:
        if packet.properties and packet.topic:
            alias = get(packet.properties, Property.TOPIC_ALIAS)
            if alias is not None:
                sender.aliases[alias] = packet.topic
        if packet.qos in (1, 2) and packet.packet_id is not None:
            number = packet.packet_id
            sender.published.setdefault(number, set()).add(packet.qos)
            sender.carried[number] = content(packet)
            sender.refused.discard(number)
            if not packet.dup or number not in sender.open:
                sender.open[number] = Flight(packet.qos, self.topic_of(packet, sender), content(packet))
            # One answer to a PUBLISH that came twice before it is as good as two.
            (receiver.owed_pubacks if packet.qos == 1 else receiver.owed_pubrecs).setdefault(number)

    def listen(self, packet: Packet) -> None:
        """Whether this packet of the client shows that it has read the CONNACK: it answers what came after it, or
        uses an identifier again that was acknowledged since."""
        if self.informed or not self.connacks or self._early:
            return
        if isinstance(packet, (Puback, Pubrec)):
            flight = self.server.open.get(packet.packet_id)
            self.informed = flight is not None
        elif isinstance(packet, Pubrel):
            flight = self.client.open.get(packet.packet_id)
            self.informed = flight is not None and flight.qos == 2 and packet.packet_id in self.server.recs
        elif isinstance(packet, Publish) and packet.qos in (1, 2) and not packet.dup:
            number = packet.packet_id
            self.informed = number in self.client.published and number not in self.client.open
        elif isinstance(packet, Auth):
            self.informed = packet.code == 0x19


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
