"""Faults in how a broker speaks WebSocket: the subprotocol it names, the frames it sends, those it takes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from testbed.link.stream import Stream
from testbed.link.websocket import WebSocket
from testbed.mqtt.codec import Framer
from testbed.mqtt.faults.tap import PacketTap, Plan

#: The header that names it.
SUBPROTOCOL = "Sec-WebSocket-Protocol"


class Framed(PacketTap):
    """A fault that finds something to break over a WebSocket alone."""

    websocket: WebSocket | None = None

    def joined(self, stream: Stream) -> None:
        if stream.websocket is not None:
            self.websocket = stream.websocket
            self.begin(stream.websocket)

    def begin(self, websocket: WebSocket) -> None:
        """The handshake is over."""


class _Named(Framed):
    """Selects another subprotocol than it should: `named` gives its name, empty for none."""

    def named(self, websocket: WebSocket) -> str:
        return ""

    def begin(self, websocket: WebSocket) -> None:
        name = self.named(websocket)
        if websocket.response is None or (websocket.subprotocol or "") == name:
            return
        self.damage()
        headers = websocket.response.headers
        if SUBPROTOCOL in headers:
            del headers[SUBPROTOCOL]
        if name:
            headers[SUBPROTOCOL] = name


class _Misnamed(_Named):
    def named(self, websocket: WebSocket) -> str:
        return "mqttv3.1"


class _FirstNamed(_Named):
    def named(self, websocket: WebSocket) -> str:
        return websocket.offered[0]


class SaysText(Framed):
    """Sends its packets in text frames."""

    def from_dut(self, data: bytes) -> None:
        if self.websocket is not None:
            arrived = self.websocket.arrived
            for number, frame in enumerate(arrived):
                if frame.kind == "binary":
                    self.damage()
                    arrived[number] = replace(frame, kind="text")
        super().from_dut(data)


class TakesText(Framed):
    """Takes packets in text frames too."""

    def from_tester(self, data: bytes) -> None:
        if self.websocket is not None and self.websocket.framing.kind == "text":
            self.damage()
            self.websocket.framing = replace(self.websocket.framing, kind="binary")
        super().from_tester(data)


class FrameByFrame(Framed):
    """Takes each message for one packet, and passes over what is not."""

    #: Whether several whole packets in one message are taken.
    several = False

    def begin(self, websocket: WebSocket) -> None:
        websocket.altered = self._fitting

    def _fitting(self, pieces: list[bytes]) -> list[bytes]:
        assert self.websocket is not None
        messages = [b"".join(pieces)] if self.websocket.framing.fragmented else pieces
        fitting = [message for message in messages if self._fits(message)]
        if len(fitting) == len(messages):
            return pieces
        self.damage()
        return fitting

    def _fits(self, message: bytes) -> bool:
        frames = Framer().feed(message)
        return sum(map(len, frames)) == len(message) and (self.several or len(frames) == 1)


class WholePackets(FrameByFrame):
    """Passes over messages that begin or end within a packet."""

    several = True


def both(name: str, text: str, make: Any, number: str) -> Plan:
    return Plan(name, text, make, number, number)


PLANS = (
    both("websocket-unnamed", "selects no WebSocket subprotocol", _Named, "6.0.0-4"),
    both("websocket-misnamed", "selects the subprotocol mqttv3.1", _Misnamed, "6.0.0-4"),
    both("websocket-first-named", "selects the first subprotocol offered, whichever", _FirstNamed, "6.0.0-4"),
    both("websocket-says-text", "sends its packets in text frames", SaysText, "6.0.0-1"),
    both("websocket-takes-text", "takes packets in text frames", TakesText, "6.0.0-1"),
    both("websocket-frame-is-packet", "takes each message for one packet", FrameByFrame, "6.0.0-2"),
    both("websocket-whole-packets", "takes whole packets in a message alone", WholePackets, "6.0.0-2"),
)
