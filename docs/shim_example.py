"""A shim around paho-mqtt, small enough to be read at once: a beginning for one of your own. It has no threads, so
nothing happens between two of its lines."""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import time
from importlib.metadata import version
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

EDITIONS = {"mqtt-3.1.1": paho.MQTTv311, "mqtt-5.0": paho.MQTTv5}
FEATURES = ["qos-1", "qos-2", "in-flight", "will", "credentials"]


class Shim:
    def __init__(self) -> None:
        self.client: Any = None
        self.established = False
        self.due: dict[int, float] = {}  # the id of an order that is not answered -> when it must be
        self.order_of: dict[Any, int] = {}  # what an acknowledgement is known by -> the id of its order

    # What it says. An order is answered once, by whoever is first: the library, the end of the connection, the clock.

    def answer(self, number: int | None, ok: bool, **members: Any) -> None:
        if number is not None and self.due.pop(number, None) is not None:
            say(id=number, ok=ok, **members)

    def fail_all(self, error: str, but: int = 0) -> None:
        for number in [number for number in self.due if number != but]:
            self.answer(number, False, error=error)

    # What it is told.

    def take(self, line: bytes) -> None:
        number, begun = 0, False
        try:
            order = json.loads(line)
            number = int(order["id"])
            orders = (self.connect, self.subscribe, self.unsubscribe, self.publish, self.disconnect, self.reset)
            obey = {method.__name__: method for method in orders}[order["op"]]
            self.due[number] = time.monotonic() + (order.get("timeout", 10) if order["op"] == "connect" else 5)
            begun = True
            obey(order)
        except Exception as error:  # whatever is wrong, an order is answered
            if begun:
                self.answer(number, False, error=repr(error))
            else:
                say(id=number, ok=False, error=f"is no order: {error!r}")

    def connect(self, order: dict[str, Any]) -> None:
        self.fail_all("ended by the next order", but=order["id"])
        self.drop()
        if order.get("transport", "tcp") != "tcp":
            raise ValueError("no such transport here")
        v5, clean = order["edition"] == "mqtt-5.0", order.get("clean", True)
        client = self.client = paho.Client(
            CallbackAPIVersion.VERSION2,
            order.get("client_id", ""),
            protocol=EDITIONS[order["edition"]],
            reconnect_on_failure=False,
            **({} if v5 else {"clean_session": clean}),
        )
        client.connect_timeout = order.get("timeout", 10)
        client.on_connect = self.on_connect
        client.on_disconnect = self.on_disconnect
        client.on_message = self.on_message
        client.on_subscribe = lambda client, data, mid, codes, properties: self.acknowledged(mid, codes)
        client.on_unsubscribe = lambda client, data, mid, codes, properties: self.acknowledged(mid, codes)
        client.on_publish = lambda client, data, mid, code, properties: self.acknowledged(mid, [code])
        if order.get("username") is not None:
            client.username_pw_set(order["username"], order.get("password"))
        if will := order.get("will"):
            payload = bytes.fromhex(will.get("payload", ""))
            client.will_set(will["topic"], payload, will.get("qos", 0), will.get("retain", False))
        self.order_of = {"connect": order["id"]}
        more = {"clean_start": clean} if v5 else {}
        client.connect(order["host"], order["port"], order.get("keep_alive", 60), **more)

    def subscribe(self, order: dict[str, Any]) -> None:
        filters = [(one["filter"], one.get("qos", 0)) for one in order["filters"]]
        self.begun(order, *self.client.subscribe(filters))

    def unsubscribe(self, order: dict[str, Any]) -> None:
        self.begun(order, *self.client.unsubscribe(order["filters"]))

    def publish(self, order: dict[str, Any]) -> None:
        payload = bytes.fromhex(order.get("payload", ""))
        info = self.client.publish(order["topic"], payload, order.get("qos", 0), order.get("retain", False))
        self.begun(order, info.rc, info.mid)
        if info.rc == 0 and info.is_published():  # QoS 0 is over when it is written
            self.answer(order["id"], True)

    def disconnect(self, order: dict[str, Any]) -> None:
        self.order_of["disconnect"] = order["id"]
        self.established = False
        if self.client.disconnect():
            raise ConnectionError("not connected")

    def reset(self, order: dict[str, Any]) -> None:
        self.fail_all("ended by the next order", but=order["id"])
        self.drop()
        self.answer(order["id"], True)

    def drop(self) -> None:
        """Close without DISCONNECT, and forget the client with all that it knows."""
        client, self.client, self.established = self.client, None, False
        if client and client.socket():
            client.socket().shutdown(socket.SHUT_RDWR)
            client.loop_read()

    def begun(self, order: dict[str, Any], result: int, mid: int | None) -> None:
        if result:
            raise ConnectionError(paho.error_string(result))
        self.order_of[mid] = order["id"]

    # What the library tells.

    def on_connect(self, client: Any, data: Any, flags: Any, code: Any, properties: Any) -> None:
        self.established = not code.is_failure
        present = bool(flags.session_present)
        error = str(code) if code.is_failure else ""
        self.answer(self.order_of.pop("connect", None), not code.is_failure, session_present=present, error=error)

    def acknowledged(self, mid: int, codes: list[Any]) -> None:
        self.answer(self.order_of.pop(mid, None), not any(code.is_failure for code in codes))

    def on_message(self, client: Any, data: Any, came: Any) -> None:
        payload = came.payload.hex()
        say(event="message", topic=came.topic, payload=payload, qos=came.qos, retain=came.retain, dup=came.dup)

    def on_disconnect(self, client: Any, data: Any, flags: Any, code: Any, properties: Any) -> None:
        if client is self.client:
            if self.established:
                say(event="lost", error=str(code))
            self.established = False
            self.answer(self.order_of.pop("disconnect", None), True)
            self.fail_all(f"the connection has ended: {code}")

    def serve(self) -> None:
        """Read orders and the network in turn until standard input ends."""
        rest = b""
        while True:
            client: Any = self.client
            network = client.socket() if client else None
            readers = [0, network] if network else [0]
            writers = [network] if network and client.want_write() else []
            readable, writable, _ = select.select(readers, writers, [], 0.05)
            if network in readable:
                client.loop_read()
            if network in writable:
                client.loop_write()
            if network:
                client.loop_misc()
            for number in [number for number, due in self.due.items() if due < time.monotonic()]:
                self.answer(number, False, error="no answer in time")
            if 0 in readable:
                data = os.read(0, 1 << 16)
                if not data:
                    return
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self.take(line)


def say(**members: Any) -> None:
    sys.stdout.write(json.dumps(members) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    say(
        event="ready",
        protocol="iot-testbed-shim/1",
        library="paho-mqtt",
        version=version("paho-mqtt"),
        editions=list(EDITIONS),
        features=FEATURES,
    )
    Shim().serve()
