"""The client of mqttools as a client under test; docs/shims.md says what it is told.

mqttools speaks MQTT 5.0 and QoS 0 alone, subscribes to one filter at a time, and takes few properties. What it cannot
say is refused here, because it would say something else. It does not tell the code of a DISCONNECT, so the feature
`codes` is not named.
"""

from __future__ import annotations

import asyncio
import ssl
from importlib.metadata import version
from typing import Any

import mqttools  # pyright: ignore[reportMissingImports]
from shim import Answer, Failed, Order, lost, message, serve  # pyright: ignore[reportMissingImports]

#: Properties that it takes, by order.
TAKEN = {
    "connect": {"session_expiry_interval", "topic_alias_maximum"},
    "publish": {"response_topic"},
}


class Mqttools:
    """It lives on the event loop of the shim."""

    editions = ("mqtt-5.0",)
    features = ("will", "credentials", "tls", "server-name", "mutual-tls")

    def __init__(self) -> None:
        self._client: Any = None
        self._reading: asyncio.Future[None] | None = None

    async def connect(self, order: Order) -> Answer:
        """A new client object; of QoS 0 there is nothing to keep."""
        properties = _taken("connect", order)
        more: dict[str, Any] = {}
        if will := order.get("will"):
            if will.get("properties"):
                raise Failed("mqttools has no will properties")
            more |= {"will_topic": will["topic"], "will_message": bytes.fromhex(will.get("payload", ""))}
            more |= {"will_qos": will.get("qos", 0), "will_retain": will.get("retain", False)}
        if order.get("username") is not None:
            more["username"] = order["username"]
        if order.get("password") is not None:
            more["password"] = order["password"].encode()
        if tls := order.get("tls"):
            context = ssl.create_default_context(cafile=tls["authority"])
            if tls.get("certificate"):
                context.load_cert_chain(tls["certificate"], tls["key"])
            more |= {"ssl": context, "server_hostname": tls.get("server_name") or order["host"]}
        if order.get("transport", "tcp") not in ("tcp", "tls"):
            raise Failed(f"mqttools has no transport {order['transport']!r}")
        client = self._client = mqttools.Client(
            order["host"],
            order["port"],
            client_id=order.get("client_id", ""),
            keep_alive_s=order.get("keep_alive", 60),
            response_timeout=order.get("timeout", 10.0),
            topic_alias_maximum=properties.get("topic_alias_maximum", 0),
            session_expiry_interval=properties.get("session_expiry_interval", 0),
            connect_delays=[],
            **more,
        )
        present = not order.get("clean", True)
        try:
            await client.start(resume_session=present)
        except mqttools.SessionResumeError:
            # It has connected all the same, and says so in this way.
            present = False
        except mqttools.ConnectError as error:
            raise Failed(str(error), codes=[error.reason.value]) from None
        self._reading = asyncio.ensure_future(self._read(client))
        return {"codes": [0], "session_present": present}

    async def subscribe(self, order: Order) -> Answer:
        """One filter."""
        _taken("subscribe", order)
        if len(order["filters"]) != 1:
            raise Failed("mqttools subscribes to one filter at a time")
        one = order["filters"][0]
        if one.get("qos") or one.get("no_local") or one.get("retain_as_published"):
            raise Failed("mqttools subscribes with QoS 0, and has no option but retain handling")
        try:
            await self._there().subscribe(one["filter"], one.get("retain_handling", 0))
        except mqttools.SubscribeError as error:
            return {"codes": [error.reason.value]}
        return {"codes": [0]}

    async def unsubscribe(self, order: Order) -> Answer:
        """One filter."""
        _taken("unsubscribe", order)
        if len(order["filters"]) != 1:
            raise Failed("mqttools unsubscribes from one filter at a time")
        try:
            await self._there().unsubscribe(order["filters"][0])
        except mqttools.UnsubscribeError as error:
            return {"codes": [error.reason.value]}
        return {"codes": [0]}

    async def publish(self, order: Order) -> Answer:
        """It hands the message to the network at once."""
        properties = _taken("publish", order)
        if order.get("qos"):
            raise Failed("mqttools publishes with QoS 0")
        payload = bytes.fromhex(order.get("payload", ""))
        topic = properties.get("response_topic")
        self._there().publish(mqttools.Message(order["topic"], payload, order.get("retain", False), topic))
        return {}

    async def disconnect(self, order: Order) -> Answer:
        """DISCONNECT, always with code 0, and close."""
        _taken("disconnect", order)
        if order.get("code"):
            raise Failed("mqttools disconnects with code 0")
        client = self._there()
        self._quiet()
        await client.stop()
        return {}

    async def drop(self) -> None:
        """mqttools has no call for it: the transport below it is taken away."""
        self._quiet()
        if self._client is not None and self._client._writer is not None:
            self._client._writer.transport.abort()
            await self._client.stop()

    async def forget(self) -> None:
        """The next connect makes a new client anyhow."""
        self._client = None

    def _there(self) -> Any:
        if self._client is None or self._reading is None or self._reading.done():
            raise Failed("not connected")
        return self._client

    def _quiet(self) -> None:
        """What ends now, ends by our order."""
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    async def _read(self, client: Any) -> None:
        """Its queue of messages has None when the connection has ended. It tells neither QoS nor DUP."""
        while (came := await client.messages.get()) is not None:
            properties = {"response_topic": came.response_topic} if came.response_topic is not None else {}
            message(came.topic, came.message, 0, came.retain, properties=properties)
        lost(error="the connection has ended")


def _taken(op: str, order: Order) -> dict[str, Any]:
    """The properties of an order; `Failed` for one that mqttools does not take."""
    properties: dict[str, Any] = order.get("properties", {})
    for name in properties:
        if name not in TAKEN.get(op, ()):
            raise Failed(f"mqttools has no property {name} to {op} with")
    return properties


if __name__ == "__main__":
    serve(Mqttools, library="mqttools", version=version("mqttools"))
