"""One recorded frame of a Sparkplug client as a line of text."""

from __future__ import annotations

from testbed.mqtt.codec import decode
from testbed.mqtt.packets import Malformed, Publish, Version
from testbed.sparkplug.describing import line


def dissect(edition: str, frame: bytes) -> str:
    """A frame in words. Only CONNECT says which version of MQTT it is; the others are read as 3.1.1, and as 5.0 where
    that makes no sense. (Neither a payload nor JSON begins with a zero, which stands there for no properties.)"""
    packet = decode(frame, Version.V311)
    if isinstance(packet, Malformed) or (isinstance(packet, Publish) and packet.payload[:1] == b"\0"):
        return line(decode(frame, Version.V5))
    return line(packet)
