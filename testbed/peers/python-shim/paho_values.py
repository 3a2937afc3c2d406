"""What orders say, as values of paho-mqtt, and back: for paho itself and for what is built on it."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

#: Paho tells the return codes of 3.1.1 as the reason codes of 5.0 that mean the same.
RETURN_CODES = {0x84: 1, 0x85: 2, 0x88: 3, 0x86: 4, 0x87: 5}
_BINARY = ("correlation_data", "authentication_data")


def cut(open_socket: Any) -> None:
    """End a connection below the library, without a word. For a WebSocket paho has a wrapper of its own."""
    with suppress(OSError):
        getattr(open_socket, "_socket", open_socket).shutdown(socket.SHUT_RDWR)


def connack_code(code: Any, v5: bool) -> int:
    """The code of a CONNACK as it came."""
    value: int = code.value
    return value if v5 else RETURN_CODES.get(value, value)


def filters_of(order: Mapping[str, Any], v5: bool) -> list[tuple[str, Any]]:
    """The filters of a `subscribe`."""
    if not v5:
        return [(one["filter"], one.get("qos", 0)) for one in order["filters"]]
    return [(one["filter"], _options(one)) for one in order["filters"]]


def _options(one: Mapping[str, Any]) -> Any:
    return SubscribeOptions(
        one.get("qos", 0),
        one.get("no_local", False),
        one.get("retain_as_published", False),
        one.get("retain_handling", 0),
    )


def properties_of(kind: int, order: Mapping[str, Any]) -> Any:
    """`session_expiry_interval` as paho's `SessionExpiryInterval`."""
    made = Properties(kind)
    for name, value in order.get("properties", {}).items():
        if name in _BINARY:
            value = bytes.fromhex(value)
        elif name == "user_property":
            value = [tuple(pair) for pair in value]
        setattr(made, name.title().replace("_", "").replace("Qos", "QoS"), value)
    return made


def told(properties: Any) -> dict[str, Any]:
    """Paho's properties by the names of the standard."""
    found: dict[str, Any] = {}
    for title in properties.names if properties is not None else ():
        value = getattr(properties, title.replace(" ", ""), None)
        if value is not None:
            name = title.lower().replace(" ", "_")
            found[name] = value.hex() if isinstance(value, bytes) else value
    return found
