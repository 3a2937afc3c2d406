"""Faults in how a client speaks WebSocket: the subprotocol it offers, the frames it sends, those it takes."""

from __future__ import annotations

from testbed.link.websocket import WebSocket
from testbed.mqtt.faults.websocket import (
    SUBPROTOCOL,
    FrameByFrame,
    Framed,
    SaysText,
    TakesText,
    WholePackets,
    both,
)


class _OffersNothing(Framed):
    """Offers no subprotocol."""

    offer = ""

    def begin(self, websocket: WebSocket) -> None:
        if websocket.request is None or websocket.offered == list(filter(None, [self.offer])):
            return
        self.damage()
        headers = websocket.request.headers
        if SUBPROTOCOL in headers:
            del headers[SUBPROTOCOL]
        if self.offer:
            headers[SUBPROTOCOL] = self.offer


class _OffersTheElder(_OffersNothing):
    offer = "mqttv3.1"


PLANS = (
    both("websocket-says-text", "sends its packets in text frames", SaysText, "6.0.0-1"),
    both("websocket-takes-text", "takes packets in text frames", TakesText, "6.0.0-1"),
    both("websocket-frame-is-packet", "takes each message for one packet", FrameByFrame, "6.0.0-2"),
    both("websocket-whole-packets", "takes whole packets in a message alone", WholePackets, "6.0.0-2"),
    both("websocket-offers-nothing", "offers no WebSocket subprotocol", _OffersNothing, "6.0.0-3"),
    both("websocket-offers-the-elder", "offers the subprotocol mqttv3.1 alone", _OffersTheElder, "6.0.0-3"),
)
