"""What planted faults are made of: a tap that sees packets, and a table that ties each fault to what it breaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from testbed.link.tap import Tap
from testbed.mqtt.codec import Framer, decode, encode
from testbed.mqtt.packets import (
    Connect,
    Disconnect,
    Malformed,
    Packet,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Version,
)
from testbed.protocol import Fault, Planted

#: Edition -> version, for the faults' own codec.
EDITIONS = {"mqtt-3.1.1": Version.V311, "mqtt-5.0": Version.V5}
#: A frame that announces more bytes is passed on as it comes, and so is all that follows it.
LARGEST = 4 << 20

#: What goes on in a packet's place: nothing, one or several packets, or raw bytes.
Out = list[Packet | bytes]
Make = Callable[[Planted, Version], Tap]
#: What a fault does to one packet; the packet itself (the same object) when there is nothing to break.
Change = Callable[[Any, "PacketTap"], Packet | bytes | Out]
Where = Callable[[Any, "PacketTap"], bool]


class PacketTap(Tap):
    """Sees whole packets in both directions; a fault overrides `answer` or `ask`.

    Either returns what is to be passed on in the packet's place: the packet itself (untouched, byte for byte),
    others, raw bytes, or nothing. `damage` must be called when the fault has broken something. A packet that
    was altered into one without wire form passes as it was.
    """

    def __init__(self, planted: Planted, version: Version) -> None:
        self.planted, self.version = planted, version
        #: The CONNECT, as the tester or the client under test said it.
        self.connect: Connect | None = None
        self._up, self._down = Framer(LARGEST), Framer(LARGEST)
        self._after: list[Callable[[], None]] = []
        self._absorbed: set[int] = set()

    # -- what a fault overrides

    def answer(self, packet: Packet) -> Out:
        """A packet from the broker on its way to the tester."""
        return [packet]

    def ask(self, packet: Packet) -> Out:
        """A packet from the tester on its way to the broker."""
        return [packet]

    # -- what a fault may use

    def damage(self) -> None:
        """Note that the fault has found something to break."""
        self.planted.touched = True

    @property
    def client(self) -> str:
        """The tester's client id; empty while there is none."""
        known = self.connect.client_id if self.connect else ""
        return known if isinstance(known, str) else ""

    def say(self, *packets: Packet) -> None:
        """Say something to the tester that the broker did not say."""
        self.deliver(b"".join(self.wire(packet) for packet in packets))

    def tell(self, *packets: Packet) -> None:
        """Tell the broker something that the tester did not say."""
        self.forward(b"".join(self.wire(packet) for packet in packets))

    def absorb(self, packet: Publish) -> None:
        """Acknowledge a PUBLISH of the broker, whole handshake, in the tester's stead."""
        if packet.packet_id is None:
            return
        if packet.qos == 1:
            self.tell(Puback(packet.packet_id))
        elif packet.qos == 2:
            self._absorbed.add(packet.packet_id)
            self.tell(Pubrec(packet.packet_id))

    def later(self, call: Callable[[], None]) -> None:
        """Call as soon as what has just come was passed on."""
        self._after.append(call)

    def close(self, code: int | None = None) -> None:
        """Close the connection as the broker would; in 5.0 `code` is said in a DISCONNECT before."""

        def now() -> None:
            if code is not None and self.version >= Version.V5:
                self.say(Disconnect(code))
            self.end()
            self.hang_up(True)

        self.later(now)

    def wire(self, packet: Packet | bytes) -> bytes:
        """A packet as bytes in this connection's version."""
        if isinstance(packet, Malformed):
            return packet.raw
        return packet if isinstance(packet, bytes) else encode(packet, self.version)

    # -- the passage

    def from_dut(self, data: bytes) -> None:
        self._pass(data, self._up, self._answered, self.deliver)

    def from_tester(self, data: bytes) -> None:
        self._pass(data, self._down, self._asked, self.forward)

    def dut_closed(self) -> None:
        self._rest(self._up, self.deliver)
        self.end()

    def tester_closed(self, abruptly: bool) -> None:
        self._rest(self._down, self.forward)
        self.hang_up(abruptly)

    def _asked(self, packet: Packet) -> Out:
        if isinstance(packet, Connect):
            self.connect = packet
        return self.ask(packet)

    def _answered(self, packet: Packet) -> Out:
        if isinstance(packet, Connect):
            self.connect = packet
        if isinstance(packet, Pubrel) and packet.packet_id in self._absorbed:
            self._absorbed.discard(packet.packet_id)
            self.tell(Pubcomp(packet.packet_id))
            return []
        return self.answer(packet)

    def _pass(
        self, data: bytes, framer: Framer, change: Callable[[Packet], Out], on: Callable[[bytes], None]
    ) -> None:
        if framer.broken:
            on(data)
            return
        whole = framer.pending + data
        passed: list[bytes] = []
        done = 0
        for frame in framer.feed(data):
            done += len(frame)
            passed += self._frames(frame, change)
        if framer.broken:
            passed.append(whole[done:])
        if passed:
            on(b"".join(passed))
        while self._after:
            self._after.pop(0)()

    def _frames(self, frame: bytes, change: Callable[[Packet], Out]) -> list[bytes]:
        packet = decode(frame, self.version)
        try:
            return [frame if out is packet else self.wire(out) for out in change(packet)]
        except ValueError:
            return [frame]

    @staticmethod
    def _rest(framer: Framer, on: Callable[[bytes], None]) -> None:
        if not framer.broken and framer.pending:
            on(framer.pending)


class _Changing(PacketTap):
    """A tap made from a table: kind of packet -> what is done to it."""

    def __init__(
        self, planted: Planted, version: Version, ask: dict[type, Change], answer: dict[type, Change]
    ) -> None:
        super().__init__(planted, version)
        self._ask, self._answer = ask, answer

    def ask(self, packet: Packet) -> Out:
        return self._through(self._ask, packet)

    def answer(self, packet: Packet) -> Out:
        return self._through(self._answer, packet)

    def _through(self, table: dict[type, Change], packet: Packet) -> Out:
        change = table.get(packet.__class__)
        if change is None:
            return [packet]
        out = change(packet, self)
        if out is packet:
            return [packet]
        self.damage()
        return out if isinstance(out, list) else [out]


def changing(*, ask: dict[type, Change] | None = None, answer: dict[type, Change] | None = None) -> Make:
    """A fault that needs no more than a table of changes for each direction."""

    def make(planted: Planted, version: Version) -> Tap:
        return _Changing(planted, version, ask or {}, answer or {})

    return make


def answers(kind: type | tuple[type, ...], change: Change, where: Where | None = None) -> Make:
    """A fault in what the broker says: packets of `kind` that fit `where` are changed on their way to the tester."""
    return changing(answer=_table(kind, change, where))


def asks(kind: type | tuple[type, ...], change: Change, where: Where | None = None) -> Make:
    """A fault in what the broker does: packets of `kind` that fit `where` are changed on their way to it."""
    return changing(ask=_table(kind, change, where))


#: The same, of a client under test: what it says, and what it is told.
says, hears = answers, asks


def _table(kind: type | tuple[type, ...], change: Change, where: Where | None) -> dict[type, Change]:
    def bounded(packet: Any, tap: PacketTap) -> Packet | bytes | Out:
        return change(packet, tap) if where is None or where(packet, tap) else packet

    return dict.fromkeys(kind if isinstance(kind, tuple) else (kind,), bounded)


@dataclass(frozen=True, slots=True)
class Plan:
    """A fault before it is split by edition: `v311` and `v5` are the numbers it breaks there; empty: it does not
    exist in that edition."""

    name: str
    text: str
    make: Make
    v311: str = ""
    v5: str = ""

    def faults(self) -> list[Fault]:
        """One fault for each edition."""
        return [
            Fault(self.name, edition, f"MQTT-{number}", self.text, self._tap(EDITIONS[edition]))
            for edition, number in (("mqtt-3.1.1", self.v311), ("mqtt-5.0", self.v5))
            if number
        ]

    def _tap(self, version: Version) -> Callable[[Planted], Tap]:
        return lambda planted: self.make(planted, version)
