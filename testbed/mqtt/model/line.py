"""A connection of the game: it acknowledges by itself, at once and in order, unless told to hold back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from testbed.mqtt.codec import encode
from testbed.mqtt.packets import Packet, Puback, Pubcomp, Publish, Pubrec, Pubrel, Version
from testbed.mqtt.properties import Property, get
from testbed.mqtt.scripted_client import Client
from testbed.trial import Trial


@dataclass(frozen=True, slots=True)
class Event:
    """A PUBLISH (with its topic, aliases resolved) or a PUBREL that came, and whether it was answered."""

    packet: Publish | Pubrel
    topic: str
    at: float
    answered: bool


class Line(Client):
    """One connection of one of the clients that play."""

    def __init__(self, trial: Trial, version: Version) -> None:
        super().__init__(trial, version)
        self.hold: Literal["", "all", "half"] = ""
        self.events: list[Event] = []
        self._aliases: dict[int, str] = {}

    def say(self, packet: Packet) -> None:
        """Send without waiting."""
        if self._stream is not None:
            self._stream.send(encode(packet, self.version))

    async def changed(self) -> None:
        """Returns when anything more has come."""
        self._changed.clear()
        await self._changed.wait()

    def _take(self, now: float, packet: Packet) -> None:
        if isinstance(packet, Publish):
            self._publish(now, packet)
        elif isinstance(packet, Pubrel):
            answered = not self.hold
            self.events.append(Event(packet, "", now, answered))
            if answered:
                self.say(Pubcomp(packet.packet_id))
        else:
            super()._take(now, packet)

    def _publish(self, now: float, packet: Publish) -> None:
        topic = packet.topic if isinstance(packet.topic, str) else repr(packet.topic)
        alias = get(packet.properties, Property.TOPIC_ALIAS)
        if isinstance(alias, int):
            topic = topic or self._aliases.get(alias, "")
            self._aliases[alias] = topic
        answered = packet.qos == 0 or self.hold != "all"
        self.events.append(Event(packet, topic, now, answered))
        if answered and packet.packet_id is not None:
            if packet.qos == 1:
                self.say(Puback(packet.packet_id))
            elif packet.qos == 2:
                self.say(Pubrec(packet.packet_id))
