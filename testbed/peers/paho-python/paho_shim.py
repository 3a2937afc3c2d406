"""Eclipse Paho for Python (paho-mqtt 2) as a client under test; docs/shims.md says what it is told."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import Any, Literal

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode
from paho_values import (  # pyright: ignore[reportMissingImports]
    connack_code,
    cut,
    filters_of,
    properties_of,
    told,
)
from shim import Answer, Awaited, Failed, Order, lost, message, serve  # pyright: ignore[reportMissingImports]

EDITIONS = {"mqtt-3.1.1": paho.MQTTv311, "mqtt-5.0": paho.MQTTv5}
TRANSPORTS: dict[str, Literal["tcp", "websockets", "unix"]] = {
    "tcp": "tcp",
    "tls": "tcp",
    "ws": "websockets",
    "wss": "websockets",
    "unix": "unix",
}


class Paho:
    """Its client runs the network in a thread of its own (`loop_start`), as most applications have it."""

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
        "codes",
        "tls",
        "mutual-tls",
        "websocket",
        "unix",
    )

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._awaited = Awaited()
        self._client: Any = None
        #: What the client was made for; for anything else it takes another.
        self._made_for: tuple[object, ...] = ()
        self._v5 = True
        self._established = False

    async def connect(self, order: Order) -> Answer:
        """The same client object as before wherever the library lets one connect again with what is ordered."""
        self._v5 = order["edition"] == "mqtt-5.0"
        clean, tls = order.get("clean", True), order.get("tls")
        kind = (order["edition"], order.get("client_id", ""), order.get("transport", "tcp"), repr(tls))
        kind = kind if self._v5 else (*kind, clean)
        if self._client is None or kind != self._made_for:
            self._client, self._made_for = self._made(order, clean), kind
        client = self._client
        self._prepare(client, order)
        more: dict[str, Any] = {}
        if self._v5:
            more = {"clean_start": clean, "properties": properties_of(PacketTypes.CONNECT, order)}
        unix = order.get("transport") == "unix"
        host = order["path"] if unix else order["host"]
        answer = asyncio.ensure_future(self._awaited.get("connect"))
        try:
            # Paho wants a port for a Unix socket, too, and does not use it.
            await self._open(client, host, order["port"] or 1883, order.get("keep_alive", 60), **more)
            client.loop_start()
            flags, code, properties = await answer
        finally:
            answer.cancel()
        came = {"codes": [connack_code(code, self._v5)], "properties": told(properties)}
        if code.value:
            raise Failed(str(code), **came)
        self._established = True
        return {"session_present": flags.session_present, **came}

    async def _open(self, client: Any, *arguments: Any, **more: Any) -> None:
        """Paho connects, and shakes hands for TLS, in a call that blocks; a client stuck there is given up."""
        try:
            _sent(await asyncio.to_thread(client.connect, *arguments, **more))
        except asyncio.CancelledError:
            await self.forget()
            raise

    async def subscribe(self, order: Order) -> Answer:
        """Filters with their options."""
        filters = filters_of(order, self._v5)
        result, packet = self._there().subscribe(filters, properties=self._of(PacketTypes.SUBSCRIBE, order))
        _sent(result)
        return await self._acknowledged("suback", packet)

    async def unsubscribe(self, order: Order) -> Answer:
        """Filters."""
        properties = self._of(PacketTypes.UNSUBSCRIBE, order)
        result, packet = self._there().unsubscribe(order["filters"], properties=properties)
        _sent(result)
        return await self._acknowledged("unsuback", packet)

    async def publish(self, order: Order) -> Answer:
        """Paho calls back when a QoS 0 message is written, too."""
        qos, payload = order.get("qos", 0), bytes.fromhex(order.get("payload", ""))
        properties = self._of(PacketTypes.PUBLISH, order)
        info = self._there().publish(order["topic"], payload, qos, order.get("retain", False), properties)
        _sent(info.rc)
        return await self._acknowledged("published", info.mid, codes=qos > 0 and self._v5)

    async def disconnect(self, order: Order) -> Answer:
        """DISCONNECT; paho closes then."""
        client = self._there()
        if not client.is_connected():
            raise Failed("not connected")
        self._established = False
        code = ReasonCode(PacketTypes.DISCONNECT, identifier=order.get("code", 0)) if self._v5 else None
        ended = asyncio.ensure_future(self._awaited.get("end"))
        try:
            # What it returns is of no use: when its thread was quicker, "not connected".
            client.disconnect(code, self._of(PacketTypes.DISCONNECT, order))
            await ended
        finally:
            ended.cancel()
        await asyncio.to_thread(client.loop_stop)
        self._awaited.fail("disconnected")
        return {}

    async def drop(self) -> None:
        """Closes the socket under the library, whose thread then ends."""
        self._established = False
        client = self._client
        if client is None:
            return
        if (open_socket := client.socket()) is not None:
            cut(open_socket)
        await asyncio.to_thread(client.loop_stop)
        self._awaited.fail("dropped")

    async def forget(self) -> None:
        """The next connect makes a new client."""
        self._client, self._made_for = None, ()

    def _there(self) -> Any:
        if self._client is None:
            raise Failed("not connected")
        return self._client

    def _of(self, kind: int, order: Order) -> Any:
        return properties_of(kind, order) if self._v5 else None

    def _made(self, order: Order, clean: bool) -> Any:
        """A client, with callbacks that tell our loop what its thread has seen."""
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=order.get("client_id", ""),
            protocol=EDITIONS[order["edition"]],
            transport=TRANSPORTS[order.get("transport", "tcp")],
            reconnect_on_failure=False,
            **({} if self._v5 else {"clean_session": clean}),
        )
        client.connect_timeout = order.get("timeout", 10.0)
        if tls := order.get("tls"):
            client.tls_set(tls["authority"], tls.get("certificate") or None, tls.get("key") or None)
        put = self._awaited.put
        client.on_connect = lambda _, data, flags, code, props: self._call(put, "connect", (flags, code, props))
        client.on_subscribe = lambda _, data, mid, codes, props: self._call(put, ("suback", mid), (codes, props))
        client.on_unsubscribe = lambda _, data, mid, codes, props: self._call(put, ("unsuback", mid), (codes, props))
        client.on_publish = lambda _, data, mid, code, props: self._call(put, ("published", mid), ([code], props))
        client.on_message = lambda _, data, came: self._call(_message, came)
        client.on_disconnect = lambda one, data, flags, code, props: self._call(self._ended, one, flags, code)
        return client

    def _call(self, function: Any, *arguments: Any) -> None:
        self._loop.call_soon_threadsafe(function, *arguments)

    def _prepare(self, client: Any, order: Order) -> None:
        """What may differ from one CONNECT of a client to the next."""
        client.username_pw_set(order.get("username"), order.get("password"))
        client.will_clear()
        if will := order.get("will"):
            properties = properties_of(PacketTypes.WILLMESSAGE, will) if self._v5 and will.get("properties") else None
            payload = bytes.fromhex(will.get("payload", ""))
            client.will_set(will["topic"], payload, will.get("qos", 0), will.get("retain", False), properties)
        if order.get("path") and order["transport"] in ("ws", "wss"):
            client.ws_set_options(path=order["path"])

    async def _acknowledged(self, kind: str, packet: int | None, codes: bool = True) -> Answer:
        came, properties = await self._awaited.get((kind, packet))
        return {"codes": [code.value for code in came] if codes else [], "properties": told(properties)}

    def _ended(self, client: Any, flags: Any, code: Any) -> None:
        """From `on_disconnect`, which comes after every end."""
        if client is not self._client:
            return
        if self._established:
            self._established = False
            lost(code.value if flags.is_disconnect_packet_from_server else None, code)
        self._awaited.put("end", None)
        self._awaited.fail(f"the connection has ended: {code}")


def _message(came: Any) -> None:
    properties = told(getattr(came, "properties", None))
    message(came.topic, came.payload, came.qos, came.retain, came.dup, properties)


def _sent(result: Any) -> None:
    if result:
        raise Failed(paho.error_string(result))


if __name__ == "__main__":
    serve(Paho, library="paho-mqtt", version=version("paho-mqtt"))
