"""What planted faults are made of: a tap that sees packets, and a table that ties each fault to what it breaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from testbed.link.tap import Tap
from testbed.mqtt.codec import Framer, decode, encode
from testbed.mqtt.packets import Malformed, Packet, Version
from testbed.protocol import Fault, Planted

#: Edition -> version, for the faults' own codec.
EDITIONS = {"mqtt-3.1.1": Version.V311, "mqtt-5.0": Version.V5}


class PacketTap(Tap):
    """Sees whole packets in both directions; a fault overrides `answer` or `ask`.

    Either returns what is to be passed on in the packet's place: the packet itself (untouched, byte for byte),
    others, raw bytes, or nothing. `damage` must be called when the fault has broken something.
    """

    def __init__(self, planted: Planted, version: Version) -> None:
        self.planted, self.version = planted, version
        self._up, self._down = Framer(), Framer()

    def damage(self) -> None:
        """Note that the fault has found something to break."""
        self.planted.touched = True

    def answer(self, packet: Packet) -> list[Packet | bytes]:
        """A packet from the broker on its way to the tester."""
        return [packet]

    def ask(self, packet: Packet) -> list[Packet | bytes]:
        """A packet from the tester on its way to the broker."""
        return [packet]

    def from_dut(self, data: bytes) -> None:
        self._pass(data, self._up, self.answer, self.deliver)

    def from_tester(self, data: bytes) -> None:
        self._pass(data, self._down, self.ask, self.forward)

    def _pass(
        self,
        data: bytes,
        framer: Framer,
        change: Callable[[Packet], list[Packet | bytes]],
        on: Callable[[bytes], None],
    ) -> None:
        if framer.broken:
            on(data)
            return
        for frame in framer.feed(data):
            packet = decode(frame, self.version)
            for out in change(packet):
                on(frame if out is packet else self.wire(out))
        if framer.broken:
            on(framer.pending)

    def wire(self, packet: Packet | bytes) -> bytes:
        """A packet as bytes in this connection's version."""
        if isinstance(packet, Malformed):
            return packet.raw
        return packet if isinstance(packet, bytes) else encode(packet, self.version)


@dataclass(frozen=True, slots=True)
class Plan:
    """A fault before it is split by edition: `v311` and `v5` are the numbers it breaks there; empty: it does not
    exist in that edition."""

    name: str
    text: str
    make: Callable[[Planted, Version], Tap]
    v311: str = ""
    v5: str = ""

    def faults(self) -> list[Fault]:
        """One fault for each edition."""
        return [
            Fault(self.name, edition, f"MQTT-{number}", self.text, partial(self.make, version=EDITIONS[edition]))
            for edition, number in (("mqtt-3.1.1", self.v311), ("mqtt-5.0", self.v5))
            if number
        ]
