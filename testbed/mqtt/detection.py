"""Is it MQTT? What the first bytes of a connection say, for captures of traffic that nobody announced."""

from __future__ import annotations

from testbed.mqtt.decoding import decode
from testbed.mqtt.packets import Connect, Version

#: Protocol name, as its length and bytes, and level of a CONNECT -> edition.
_EDITIONS = {
    (b"\0\x06MQIsdp", 3): "mqtt-3.1",
    (b"\0\x04MQTT", 4): "mqtt-3.1.1",
    (b"\0\x04MQTT", 5): "mqtt-5.0",
    # The upper bit of the level is how bridges of some brokers make themselves known.
    (b"\0\x06MQIsdp", 0x83): "mqtt-3.1 of a bridge",
    (b"\0\x04MQTT", 0x84): "mqtt-3.1.1 of a bridge",
}
_NAMES = (b"\0\x04MQTT", b"\0\x06MQIsdp")


def detect(data: bytes) -> str | None:
    """The edition that `data`, the first bytes of who opened the connection, speaks: a CONNECT says it. An empty
    text when they are too few to tell, None when it is not MQTT."""
    if data[:1] and data[0] >> 4 != 1:
        return None
    at = 1
    while at < len(data) and data[at] >= 0x80:
        at += 1
        if at > 4:
            return None
    at += 1
    for name in _NAMES:
        found = data[at : at + len(name)]
        if found == name and len(data) > at + len(name):
            level = data[at + len(name)]
            return _EDITIONS.get((name, level), f"mqtt of unknown level {level}")
        if name.startswith(found):
            return ""
    return None


def introduces(edition: str, frame: bytes) -> str:
    """The client identifier in the first frame of a connection; an empty text without one."""
    packet = decode(frame, Version.V5 if edition == "mqtt-5.0" else Version.V311)
    if isinstance(packet, Connect) and isinstance(packet.client_id, str):
        return packet.client_id
    return ""
