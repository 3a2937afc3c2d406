"""aiomqtt as a client under test; docs/shims.md says what it is told.

It does not tell the codes of UNSUBACK, PUBACK, PUBREC and PUBCOMP, nor DUP, nor Session Present, so the feature
`codes` is not named.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from importlib.metadata import version
from typing import Any, Literal

from aiomqtt.client import (  # pyright: ignore[reportMissingImports]
    Client,
    ProtocolVersion,
    TLSParameters,
    Will,
)
from aiomqtt.exceptions import MqttConnectError, MqttError  # pyright: ignore[reportMissingImports]
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY
from paho.mqtt.packettypes import PacketTypes
from paho_values import (  # pyright: ignore[reportMissingImports]
    connack_code,
    cut,
    filters_of,
    properties_of,
    told,
)
from shim import Answer, Failed, Order, lost, message, serve  # pyright: ignore[reportMissingImports]

EDITIONS = {"mqtt-3.1.1": 4, "mqtt-5.0": 5}
TRANSPORTS: dict[str, Literal["tcp", "websockets", "unix"]] = {
    "tcp": "tcp",
    "tls": "tcp",
    "ws": "websockets",
    "wss": "websockets",
    "unix": "unix",
}


class Aiomqtt:
    """It lives on the event loop of the shim."""

    editions = tuple(EDITIONS)
    features = (
        "qos-1",
        "qos-2",
        "session",
        "in-flight",
        "will",
        "credentials",
        "properties",
        "subscription-options",
        "tls",
        "mutual-tls",
        "websocket",
        "unix",
    )

    def __init__(self) -> None:
        self._client: Any = None
        self._made_for: tuple[object, ...] = ()
        self._clean = True
        self._v5 = True
        self._reading: asyncio.Future[None] | None = None
        self._descriptors: set[int] = set()

    async def connect(self, order: Order) -> Answer:
        """The same client object as before, if what it was made for is what is ordered. With 5.0 it is made to begin
        clean the first time only, so that it can go on with its session."""
        clean = order.get("clean", True)
        self._v5 = order["edition"] == "mqtt-5.0"
        told_of = {name: value for name, value in order.items() if name not in ("id", "clean", "timeout")}
        made_for = (repr(told_of),)
        goes_on = not clean and (self._v5 or not self._clean)
        if made_for != self._made_for or not goes_on:
            self._client, self._made_for, self._clean = self._made(order, clean), made_for, clean
        client = self._client
        try:
            await client.__aenter__()
            # After a connection that was lost it believes in CONNACK before there is one.
            while not client._client.is_connected():
                if client._client.socket() is None:
                    raise Failed("the connection has ended before CONNACK")
                await asyncio.sleep(0.01)
        except MqttConnectError as error:
            raise Failed(str(error), codes=[connack_code(error.rc, self._v5)]) from None
        finally:
            if (open_socket := client._client.socket()) is not None:
                self._descriptors.add(open_socket.fileno())
        self._reading = asyncio.ensure_future(self._read(client))
        return {"codes": [0]}

    async def subscribe(self, order: Order) -> Answer:
        """Filters with their options."""
        properties = self._of(PacketTypes.SUBSCRIBE, order)
        codes = await self._there().subscribe(filters_of(order, self._v5), properties=properties)
        return {"codes": [int(getattr(code, "value", code)) for code in codes]}

    async def unsubscribe(self, order: Order) -> Answer:
        """Filters."""
        await self._there().unsubscribe(order["filters"], properties=self._of(PacketTypes.UNSUBSCRIBE, order))
        return {}

    async def publish(self, order: Order) -> Answer:
        """It returns when the handshake is over."""
        properties = self._of(PacketTypes.PUBLISH, order)
        payload = bytes.fromhex(order.get("payload", ""))
        qos, retain = order.get("qos", 0), order.get("retain", False)
        await self._there().publish(order["topic"], payload, qos, retain, properties)
        return {}

    async def disconnect(self, order: Order) -> Answer:
        """DISCONNECT, always with code 0, and close."""
        if order.get("code") or order.get("properties"):
            raise Failed("aiomqtt disconnects with code 0 and no properties")
        client = self._there()
        self._quiet()
        await client.__aexit__(None, None, None)
        return {}

    async def drop(self) -> None:
        """aiomqtt has no call for it: the socket below it is taken away, and its context is left when it saw that."""
        self._quiet()
        client = self._client
        if client is None:
            return
        open_socket = client._client.socket()
        if client._connected.cancelled():
            # It does not bear that its `connect` is cancelled: it would hold this for the end of every later one.
            client._connected = asyncio.get_running_loop().create_future()
        if open_socket is not None:
            cut(open_socket)
            if client._connected.done():
                # Waited for, not awaited: whoever is cancelled in that cancels it for the library, too.
                await asyncio.wait({client._disconnected})
                if not client._disconnected.cancelled():
                    client._disconnected.exception()  # is ours, and known
        if client._lock.locked():
            with suppress(MqttError):
                await client.__aexit__(None, None, None)

    async def forget(self) -> None:
        """The next connect makes a new client. aiomqtt may leave the event loop waiting for sockets that are closed,
        so that a new connection with the same descriptor hears nothing: no matter of who comes after a reset."""
        self._client, self._made_for = None, ()
        await asyncio.sleep(0)
        loop = asyncio.get_running_loop()
        for descriptor in self._descriptors:
            loop.remove_reader(descriptor)
            loop.remove_writer(descriptor)
        self._descriptors.clear()

    def _there(self) -> Any:
        if self._client is None or self._reading is None or self._reading.done():
            raise Failed("not connected")
        return self._client

    def _quiet(self) -> None:
        """What ends now, ends by our order."""
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _of(self, kind: int, order: Order) -> Any:
        return properties_of(kind, order) if self._v5 else None

    def _made(self, order: Order, clean: bool) -> Any:
        more: dict[str, Any] = {"clean_session": clean}
        if self._v5:
            start = MQTT_CLEAN_START_FIRST_ONLY if clean else False
            more = {"clean_start": start, "properties": properties_of(PacketTypes.CONNECT, order)}
        if will := order.get("will"):
            properties = properties_of(PacketTypes.WILLMESSAGE, will) if self._v5 and will.get("properties") else None
            payload = bytes.fromhex(will.get("payload", ""))
            qos, retain = will.get("qos", 0), will.get("retain", False)
            more["will"] = Will(will["topic"], payload, qos, retain, properties)
        if tls := order.get("tls"):
            certificate, key = tls.get("certificate") or None, tls.get("key") or None
            more["tls_params"] = TLSParameters(tls["authority"], certificate, key)
        if order.get("password") is not None and order.get("username") is None:
            raise Failed("aiomqtt has no password without a user name")
        transport = TRANSPORTS[order.get("transport", "tcp")]
        if transport == "websockets":
            more["websocket_path"] = order.get("path") or "/"
        return Client(
            order["path"] if transport == "unix" else order["host"],
            # Paho below it wants a port for a Unix socket, too, and does not use it.
            order["port"] or 1883,
            identifier=order.get("client_id", ""),
            username=order.get("username"),
            password=order.get("password"),
            keepalive=order.get("keep_alive", 60),
            # A little earlier than we would end it, which it does not bear.
            timeout=max(order.get("timeout", 10.0) - 0.2, 0.1),
            protocol=ProtocolVersion(EDITIONS[order["edition"]]),
            transport=transport,
            **more,
        )

    async def _read(self, client: Any) -> None:
        """Its messages end with an error when the connection does. Whether a DISCONNECT came it does not tell."""
        try:
            async for came in client.messages:
                properties = told(came.properties)
                message(came.topic.value, came.payload, came.qos, came.retain, properties=properties)
        except MqttError as error:
            lost(error=error.__cause__ or error)


if __name__ == "__main__":
    serve(Aiomqtt, library="aiomqtt", version=version("aiomqtt"))
