"""gmqtt as a client under test; docs/shims.md says what it is told.

gmqtt does not tell the codes of PUBACK, PUBREC and PUBCOMP, so the feature `codes` is not named.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from gmqtt.client import Client, Message  # pyright: ignore[reportMissingImports]
from gmqtt.mqtt.handler import MQTTConnectError  # pyright: ignore[reportMissingImports]
from gmqtt.storage import PersistentStorage  # pyright: ignore[reportMissingImports]
from gmqtt.subscription import Subscription  # pyright: ignore[reportMissingImports]
from shim import Answer, Awaited, Failed, Order, lost, message, serve  # pyright: ignore[reportMissingImports]

LEVELS = {"mqtt-3.1.1": 4, "mqtt-5.0": 5}
#: Names of the standard that gmqtt has shortened.
SHORT = {
    "payload_format_indicator": "payload_format_id",
    "authentication_method": "auth_method",
    "request_problem_information": "request_problem_info",
    "request_response_information": "request_response_info",
    "response_information": "response_info",
    "maximum_qos": "max_qos",
    "subscription_identifier_available": "sub_id_available",
}
LONG = {short: name for name, short in SHORT.items()}
#: It would leave it out with a warning.
UNKNOWN = "authentication_data"
#: gmqtt takes 0 retries for one, -1 for any number.
NO_RECONNECT, ONE_RECONNECT = -2, 0


class Store(PersistentStorage):
    """gmqtt's store of what is not acknowledged, which also tells what has been."""

    def __init__(self, awaited: Awaited) -> None:
        super().__init__()
        self._awaited = awaited
        self.last: int | None = None

    def push_message(self, mid: int, raw_package: bytes) -> None:
        """A PUBLISH was sent, or its PUBREL."""
        self.last = mid
        super().push_message(mid, raw_package)

    def remove_message_by_mid(self, mid: int) -> None:
        """The last acknowledgement came."""
        super().remove_message_by_mid(mid)
        self._awaited.put(("published", mid), None)


class Gmqtt:
    """It lives on the event loop of the shim."""

    editions = tuple(LEVELS)
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
    )

    def __init__(self) -> None:
        self._awaited = Awaited()
        self._store = Store(self._awaited)
        self._stored_for: str | None = None
        self._client: Any = None
        self._made_for: tuple[object, ...] = ()
        self._clean = True
        self._address: tuple[object, ...] = ()
        self._established = False
        self._connecting: asyncio.Future[Any] | None = None

    async def connect(self, order: Order) -> Answer:
        """The same client object as before, unless what the order says can only be said to a new one."""
        clean = order.get("clean", True)
        named = ("edition", "client_id", "username", "password", "will", "properties")
        made_for = tuple(repr(order.get(name)) for name in named)
        names = ("host", "port", "keep_alive", "transport", "tls")
        address = tuple(repr(order.get(name)) for name in names)
        same = made_for == self._made_for
        # Connecting again is the one way to take an object that was made for a clean start on with its session.
        again = same and not clean and self._clean and address == self._address and self._client._is_active
        if not again and not (same and clean == self._clean):
            self._client = self._made(order, clean)
            self._clean = clean
        self._made_for, self._address = made_for, address
        came = asyncio.ensure_future(self._awaited.get("connect"))
        self._connecting = asyncio.ensure_future(self._opened(order, again))
        try:
            # `connect` of the library returns only when what it sends again is acknowledged, too.
            await asyncio.wait({came, self._connecting}, return_when=asyncio.FIRST_COMPLETED)
            if not came.done() or came.exception():
                # The end of the connection may be known before `connect` has told of the refusal.
                await asyncio.wait({self._connecting}, timeout=0.05)
                if self._connecting.done():
                    self._connecting.result()
            session_present, code, properties = await came
        except MQTTConnectError as error:
            raise Failed(str(error), codes=[error._code]) from None
        finally:
            came.cancel()
        self._established = True
        own = order.get("properties", {})
        told = {name: value for name, value in _told(properties).items() if name not in own}
        return {"codes": [code], "session_present": bool(session_present), "properties": told}

    async def subscribe(self, order: Order) -> Answer:
        """Filters with their options."""
        filters = [
            Subscription(
                one["filter"],
                qos=one.get("qos", 0),
                no_local=one.get("no_local", False),
                retain_as_published=one.get("retain_as_published", False),
                retain_handling_options=one.get("retain_handling", 0),
            )
            for one in order["filters"]
        ]
        packet = self._there().subscribe(filters, **_properties(order))
        codes, properties = await self._awaited.get(("suback", packet))
        return {"codes": list(codes), "properties": _told(properties)}

    async def unsubscribe(self, order: Order) -> Answer:
        """Filters."""
        packet = self._there().unsubscribe(order["filters"], **_properties(order))
        return {"codes": list(await self._awaited.get(("unsuback", packet)))}

    async def publish(self, order: Order) -> Answer:
        """What it stores, it removes when the handshake is over."""
        qos = order.get("qos", 0)
        payload = bytes.fromhex(order.get("payload", ""))
        client = self._there()
        client.publish(order["topic"], payload, qos=qos, retain=order.get("retain", False), **_properties(order))
        if qos:
            await self._awaited.get(("published", self._store.last))
        return {}

    async def disconnect(self, order: Order) -> Answer:
        """DISCONNECT and close."""
        client = self._there()
        self._established = False
        await client.disconnect(reason_code=order.get("code", 0), **_properties(order))
        self._awaited.fail("disconnected")
        return {}

    async def drop(self) -> None:
        """gmqtt has no call for it: the transport below it is taken away."""
        self._established = False
        if self._connecting is not None:
            self._connecting.cancel()
        if self._client is not None and (connection := self._client._connection) is not None:
            connection._transport.abort()
        self._awaited.fail("dropped")

    async def forget(self) -> None:
        """The next connect makes a new client, with a new store."""
        self._client, self._made_for, self._stored_for = None, (), None

    def _there(self) -> Any:
        if self._client is None or not self._client.is_connected:
            raise Failed("not connected")
        return self._client

    def _made(self, order: Order, clean: bool) -> Any:
        if clean or order.get("client_id") != self._stored_for:
            self._store, self._stored_for = Store(self._awaited), order.get("client_id")
        will = None
        if ordered := order.get("will"):
            payload = bytes.fromhex(ordered.get("payload", ""))
            qos, retain = ordered.get("qos", 0), ordered.get("retain", False)
            will = Message(ordered["topic"], payload, qos, retain, **_properties(ordered))
        client = Client(
            order.get("client_id", ""),
            clean_session=clean,
            will_message=will,
            persistent_storage=self._store,
            **_properties(order),
        )
        client.set_config({"reconnect_retries": NO_RECONNECT})
        if order.get("username") is not None:
            client.set_auth_credentials(order["username"], order.get("password"))
        elif order.get("password") is not None:
            raise Failed("gmqtt has no password without a user name")
        put = self._awaited.put
        client.on_connect = lambda _, flags, code, properties: put("connect", (flags, code, properties))
        client.on_subscribe = lambda _, mid, codes, properties: put(("suback", mid), (codes, properties))
        client.on_unsubscribe = lambda _, mid, codes: put(("unsuback", mid), codes)
        client.on_message = _message
        client.on_disconnect = self._ended
        return client

    async def _opened(self, order: Order, again: bool) -> None:
        if again:
            self._client.set_config({"reconnect_retries": ONE_RECONNECT})
            try:
                await self._client.reconnect()
            finally:
                self._client.set_config({"reconnect_retries": NO_RECONNECT})
            return await self._forever()
        context: ssl.SSLContext | bool = False
        if tls := order.get("tls"):
            context = ssl.create_default_context(cafile=tls["authority"])
            if tls.get("certificate"):
                context.load_cert_chain(tls["certificate"], tls["key"])
        if order.get("transport", "tcp") not in ("tcp", "tls"):
            raise Failed(f"gmqtt has no transport {order['transport']!r}")
        keep_alive, level = order.get("keep_alive", 60), LEVELS[order["edition"]]
        await self._client.connect(order["host"], order["port"], ssl=context, keepalive=keep_alive, version=level)
        return await self._forever()

    @staticmethod
    async def _forever() -> None:
        """Whatever comes, comes through a callback."""
        await asyncio.get_running_loop().create_future()

    def _ended(self, client: Any, packet: Any, error: Any = None) -> None:
        """A DISCONNECT came, or the end of the connection, for which gmqtt makes an empty one up."""
        if client is not self._client:
            return
        code = packet[0] if isinstance(packet, bytes) and packet else None
        text = str(packet) if isinstance(packet, Exception) else "the connection has ended"
        if self._established:
            self._established = False
            lost(code, text)
        self._awaited.fail(text)


def _message(client: Any, topic: str, payload: bytes, qos: int, properties: dict[str, Any]) -> int:
    properties = dict(properties)
    dup, retain = properties.pop("dup"), properties.pop("retain")
    message(topic, payload, qos, retain, dup, _told(properties))
    return 0


def _properties(order: Mapping[str, Any]) -> dict[str, Any]:
    """By gmqtt's names."""
    made: dict[str, Any] = {}
    for name, value in order.get("properties", {}).items():
        if name == UNKNOWN:
            raise Failed(f"gmqtt has no property {name}")
        if name == "correlation_data":
            value = bytes.fromhex(value)
        elif name == "user_property":
            value = [tuple(pair) for pair in value]
        made[SHORT.get(name, name)] = value
    return made


def _told(properties: Mapping[str, Any]) -> dict[str, Any]:
    """By the standard's names. gmqtt tells what came as lists, and beside it what we said."""
    found: dict[str, Any] = {}
    for short, value in properties.items():
        name = LONG.get(short, short)
        if isinstance(value, list) and name not in ("user_property", "subscription_identifier"):
            value = value[0]
        found[name] = value.hex() if isinstance(value, bytes) else value
    return found


if __name__ == "__main__":
    serve(Gmqtt, library="gmqtt", version=version("gmqtt"))
