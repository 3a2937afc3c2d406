"""Shims that break their format, each in one way: `python shims.py KIND`. Until then each connects as it is told."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import threading
import time
from typing import Any

KIND = sys.argv[1]
_READY = {
    "event": "ready",
    "protocol": "iot-testbed-shim/1",
    "library": KIND,
    "version": "1",
    "editions": ["mqtt-3.1.1"],
    "features": ["qos-1", "qos-2"],
}


def say(**members: Any) -> None:
    print(json.dumps(members), flush=True)


def connect(order: dict[str, Any]) -> socket.socket:
    """A TCP connection with a good CONNECT on it."""
    link = socket.create_connection((order["host"], order["port"]))
    name = order["client_id"].encode()
    body = b"\0\4MQTT\4\2\0\x3c" + len(name).to_bytes(2, "big") + name
    link.sendall(bytes([0x10, len(body)]) + body)
    return link


def loop(order: dict[str, Any]) -> None:
    """Connect again and again, until nobody listens any more."""
    with contextlib.suppress(OSError):
        while True:
            connect(order).close()


def main() -> None:
    if KIND == "dies at once":
        print("no licence found", file=sys.stderr)
        sys.exit(7)
    if KIND == "mute":
        time.sleep(60)
    if KIND == "greets wrongly":
        print("Welcome to ACME MQTT 3.0!", flush=True)
    if KIND == "another format":
        say(**_READY | {"protocol": "acme-shim/9"})
    say(**_READY)
    link = None
    for line in sys.stdin:
        order = json.loads(line)
        if order["op"] == "reset":
            if KIND != "never resets":
                say(id=order["id"], ok=True)
            continue
        if order["op"] != "connect":
            say(id=order["id"], ok=False, error="not today")
            continue
        link = connect(order)
        link.recv(4)
        if KIND == "dies":
            print("segmentation fault, or so I say", file=sys.stderr)
            sys.exit(9)
        if KIND == "hangs":
            time.sleep(60)
        if KIND == "prints garbage":
            print("DEBUG: connected", flush=True)
        if KIND == "answers another order":
            say(id=order["id"] + 1000, ok=True)
        if KIND == "wrong types":
            say(id="one", ok="yes")
        if KIND == "long line":
            print("x" * (2 << 20), flush=True)
        if KIND == "floods":
            for _ in range(200_000):
                say(event="message", topic="t", payload="")
        if KIND == "in a tight loop":
            threading.Thread(target=loop, args=(order,), daemon=True).start()
        say(id=order["id"], ok=True, codes=[0], session_present=False)


main()
