"""The client of amqtt as a client under test; docs/shims.md says what it is told. It speaks MQTT 3.1.1 alone.

Its call to connect again returns only when what it sends again is acknowledged, so the reply to such a `connect`
comes no sooner than that.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from amqtt.client import MQTTClient  # pyright: ignore[reportMissingImports]
from amqtt.errors import ConnectError  # pyright: ignore[reportMissingImports]
from shim import Answer, Failed, Order, lost, message, serve  # pyright: ignore[reportMissingImports]

SCHEMES = {"tcp": "mqtt", "tls": "mqtts", "ws": "ws", "wss": "wss"}


class Amqtt:
    """It lives on the event loop of the shim."""

    editions = ("mqtt-3.1.1",)
    features = (
        "ping",
        "qos-1",
        "qos-2",
        "session",
        "in-flight",
        "will",
        "credentials",
        "codes",
        "tls",
        "mutual-tls",
        "websocket",
    )

    def __init__(self) -> None:
        self._client: Any = None
        self._made_for: tuple[object, ...] = ()
        self._reading: asyncio.Future[None] | None = None

    async def connect(self, order: Order) -> Answer:
        """Its session lives in the client object, and goes on only through `reconnect`, with what it was made for."""
        scheme = SCHEMES.get(order.get("transport", "tcp"))
        if scheme is None:
            raise Failed(f"amqtt has no transport {order['transport']!r}")
        who = ""
        if order.get("username") is not None:
            who = ":".join(quote(part, safe="") for part in (order["username"], order.get("password") or "")) + "@"
        path = order.get("path") or "/"
        host = f"[{order['host']}]" if ":" in order["host"] else order["host"]
        address = f"{scheme}://{who}{host}:{order['port']}{path}"
        told = {name: value for name, value in order.items() if name not in ("id", "host", "port", "timeout")}
        made_for = (repr(told),)
        again = made_for == self._made_for and not order.get("clean", True)
        if not again:
            self._made_for = ()
            self._client = MQTTClient(client_id=order.get("client_id", ""), config=_config(order))
            self._made_for = made_for
        client = self._client
        try:
            if again and client.session is not None:
                client.session.broker_uri = address
                await client.reconnect()
            else:
                await client.connect(address, cleansession=order.get("clean", True))
        except ConnectError as error:
            cause = error.__cause__
            code = getattr(error, "return_code", None) or getattr(cause, "return_code", None)
            raise Failed(str(error) or repr(error), **({"codes": [code]} if code else {})) from None
        self._reading = asyncio.ensure_future(self._read(client))
        return {"codes": [0]}

    async def subscribe(self, order: Order) -> Answer:
        """Filters."""
        filters = [(one["filter"], one.get("qos", 0)) for one in order["filters"]]
        return {"codes": list(await self._ending(self._there().subscribe(filters)))}

    async def unsubscribe(self, order: Order) -> Answer:
        """Filters."""
        await self._ending(self._there().unsubscribe(order["filters"]))
        return {}

    async def publish(self, order: Order) -> Answer:
        """It returns when the handshake is over."""
        payload = bytes.fromhex(order.get("payload", ""))
        qos, retain = order.get("qos", 0), order.get("retain", False)
        await self._ending(self._there().publish(order["topic"], payload, qos=qos, retain=retain))
        return {}

    async def ping(self, order: Order) -> Answer:
        """It returns after PINGRESP."""
        await self._ending(self._there().ping())
        return {}

    async def disconnect(self, order: Order) -> Answer:
        """DISCONNECT and close."""
        client = self._there()
        self._quiet()
        await client.disconnect()
        return {}

    async def drop(self) -> None:
        """amqtt has no call for it: the transport below it is taken away, which its own watch then sees."""
        self._quiet()
        client = self._client
        if client is None or client._handler is None or client._handler.writer is None:
            return
        writer = client._handler.writer
        inner = getattr(writer, "_writer", None) or writer._protocol
        inner.transport.abort()
        if client._disconnect_task is not None and not client._disconnect_task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.shield(client._disconnect_task)

    async def forget(self) -> None:
        """The next connect makes a new client."""
        self._client, self._made_for = None, ()

    def _there(self) -> Any:
        if self._client is None or self._reading is None or self._reading.done():
            raise Failed("not connected")
        return self._client

    def _quiet(self) -> None:
        """What ends now, ends by our order."""
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    async def _ending(self, work: Any) -> Any:
        """What comes of `work`, unless the connection ends before: amqtt lets its callers wait for ever then."""
        task = asyncio.ensure_future(work)
        reading = self._reading
        assert reading is not None
        try:
            await asyncio.wait({task, reading}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise Failed("the connection has ended")
            return task.result()
        finally:
            task.cancel()

    async def _read(self, client: Any) -> None:
        """amqtt tells the end by cancelling `deliver_message`, if that waits; its own watch knows in any case."""
        watch = client._disconnect_task
        while True:
            delivery = asyncio.ensure_future(client.deliver_message())
            try:
                await asyncio.wait({delivery, watch}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                delivery.cancel()
            if not delivery.done() or delivery.cancelled():
                break
            came = delivery.result().publish_packet
            message(came.topic_name, came.data, came.qos, came.retain_flag, came.dup_flag)
        lost(error="the connection has ended")


def _config(order: Order) -> dict[str, Any]:
    """amqtt announces its keep alive less the delay of its ping; with none it announces what was ordered."""
    made: dict[str, Any] = {
        "auto_reconnect": False,
        "reconnect_retries": 0,
        "keep_alive": order.get("keep_alive", 60),
        "ping_delay": 0,
        "cleansession": order.get("clean", True),
        "plugins": {},
    }
    if order.get("properties"):
        raise Failed("amqtt has no properties")
    if will := order.get("will"):
        try:
            text = bytes.fromhex(will.get("payload", "")).decode()
        except UnicodeDecodeError:
            raise Failed("amqtt takes texts as will messages") from None
        qos, retain = will.get("qos", 0), will.get("retain", False)
        made["will"] = {"topic": will["topic"], "message": text, "qos": qos, "retain": retain}
    if tls := order.get("tls"):
        made["connection"] = {"cafile": tls["authority"]}
        if tls.get("certificate"):
            made["connection"] |= {"certfile": tls["certificate"], "keyfile": tls["key"]}
    return made


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    serve(Amqtt, library="amqtt", version=version("amqtt"))
