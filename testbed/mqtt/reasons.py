"""Reason codes of MQTT 5.0 (section 2.4) and return codes of MQTT 3.1.1 (section 3.2.2.3)."""

from __future__ import annotations

import enum


class Reason(enum.IntEnum):
    """Reason codes (5.0 table 2-6). Code 0 has three names; `SUCCESS` is the one that prints."""

    SUCCESS = 0x00
    NORMAL_DISCONNECTION = 0x00
    GRANTED_QOS_0 = 0x00
    GRANTED_QOS_1 = 0x01
    GRANTED_QOS_2 = 0x02
    DISCONNECT_WITH_WILL_MESSAGE = 0x04
    NO_MATCHING_SUBSCRIBERS = 0x10
    NO_SUBSCRIPTION_EXISTED = 0x11
    CONTINUE_AUTHENTICATION = 0x18
    RE_AUTHENTICATE = 0x19
    UNSPECIFIED_ERROR = 0x80
    MALFORMED_PACKET = 0x81
    PROTOCOL_ERROR = 0x82
    IMPLEMENTATION_SPECIFIC_ERROR = 0x83
    UNSUPPORTED_PROTOCOL_VERSION = 0x84
    CLIENT_IDENTIFIER_NOT_VALID = 0x85
    BAD_USER_NAME_OR_PASSWORD = 0x86
    NOT_AUTHORIZED = 0x87
    SERVER_UNAVAILABLE = 0x88
    SERVER_BUSY = 0x89
    BANNED = 0x8A
    SERVER_SHUTTING_DOWN = 0x8B
    BAD_AUTHENTICATION_METHOD = 0x8C
    KEEP_ALIVE_TIMEOUT = 0x8D
    SESSION_TAKEN_OVER = 0x8E
    TOPIC_FILTER_INVALID = 0x8F
    TOPIC_NAME_INVALID = 0x90
    PACKET_IDENTIFIER_IN_USE = 0x91
    PACKET_IDENTIFIER_NOT_FOUND = 0x92
    RECEIVE_MAXIMUM_EXCEEDED = 0x93
    TOPIC_ALIAS_INVALID = 0x94
    PACKET_TOO_LARGE = 0x95
    MESSAGE_RATE_TOO_HIGH = 0x96
    QUOTA_EXCEEDED = 0x97
    ADMINISTRATIVE_ACTION = 0x98
    PAYLOAD_FORMAT_INVALID = 0x99
    RETAIN_NOT_SUPPORTED = 0x9A
    QOS_NOT_SUPPORTED = 0x9B
    USE_ANOTHER_SERVER = 0x9C
    SERVER_MOVED = 0x9D
    SHARED_SUBSCRIPTIONS_NOT_SUPPORTED = 0x9E
    CONNECTION_RATE_EXCEEDED = 0x9F
    MAXIMUM_CONNECT_TIME = 0xA0
    SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED = 0xA1
    WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED = 0xA2


class ReturnCode(enum.IntEnum):
    """CONNACK return codes (3.1.1 table 3.1)."""

    ACCEPTED = 0
    UNACCEPTABLE_PROTOCOL_VERSION = 1
    IDENTIFIER_REJECTED = 2
    SERVER_UNAVAILABLE = 3
    BAD_USER_NAME_OR_PASSWORD = 4
    NOT_AUTHORIZED = 5


#: SUBACK return codes of 3.1.1 (section 3.9.3).
SUBACK_V311 = frozenset((0x00, 0x01, 0x02, 0x80))


def _codes(text: str) -> frozenset[int]:
    return frozenset(bytes.fromhex(text))


_PUBLISHED = _codes("00 10 80 83 87 90 91 97 99")
_RELEASED = _codes("00 92")
_EITHER_SIDE = _codes("00 80 81 82 83 90 93 94 95 96 97 98 99")

#: Packet kind -> the reason codes it may carry whoever sends it (5.0 sections 3.2 to 3.15).
ALLOWED: dict[str, frozenset[int]] = {
    "CONNACK": _codes("00 80 81 82 83 84 85 86 87 88 89 8A 8C 90 95 97 99 9A 9B 9C 9D 9F"),
    "PUBACK": _PUBLISHED,
    "PUBREC": _PUBLISHED,
    "PUBREL": _RELEASED,
    "PUBCOMP": _RELEASED,
    "SUBACK": _codes("00 01 02 80 83 87 8F 91 97 9E A1 A2"),
    "UNSUBACK": _codes("00 11 80 83 87 8F 91"),
    # 0x8C is a DISCONNECT code in table 2-6 and missing from the table of section 3.14: allowed, either side.
    "DISCONNECT": _EITHER_SIDE | _codes("04 87 89 8B 8C 8D 8E 8F 9A 9B 9C 9D 9E 9F A0 A1 A2"),
    "AUTH": _codes("00 18 19"),
}
#: What the client may send, where the sides differ.
ALLOWED_FROM_CLIENT: dict[str, frozenset[int]] = {
    "DISCONNECT": _EITHER_SIDE | _codes("04 8C"),
    "AUTH": _codes("18 19"),
}
#: What the server may send, where the sides differ.
ALLOWED_FROM_SERVER: dict[str, frozenset[int]] = {
    "DISCONNECT": ALLOWED["DISCONNECT"] - _codes("04"),
    "AUTH": _codes("00 18"),
}

_ZERO = {"DISCONNECT": "Normal disconnection", "SUBACK": "Granted QoS 0"}


def allowed(kind: str, sender: str = "") -> frozenset[int]:
    """The reason codes that a packet of `kind` may carry when `sender` is "client" or "server" (5.0)."""
    sides = {"client": ALLOWED_FROM_CLIENT, "server": ALLOWED_FROM_SERVER}.get(sender, {})
    return sides.get(kind) or ALLOWED.get(kind, frozenset())


def name(code: int, kind: str = "") -> str:
    """The standard's name of a reason code, `0x..` when it has none; `kind` tells the meanings of 0 apart."""
    if code == 0:
        return _ZERO.get(kind, "Success")
    try:
        words = Reason(code).name
    except ValueError:
        return f"0x{code:02X}"
    return words.replace("_", " ").capitalize().replace("qos", "QoS").replace("Qos", "QoS")
