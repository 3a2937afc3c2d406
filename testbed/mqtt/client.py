"""The handle on a client under test: the tester is the broker, and tells the client what to do as far as it can."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from testbed.findings import Inconclusive
from testbed.launch.placed import LaunchError
from testbed.mqtt import shim
from testbed.mqtt.arriving import LOOK, MOST_CONNECTIONS, Arriving
from testbed.mqtt.codec import describe
from testbed.mqtt.control import Deed, Order
from testbed.mqtt.driving import control_of
from testbed.mqtt.naming import named
from testbed.mqtt.packets import Publish, Subscribe, Unsubscribe
from testbed.mqtt.scripted_broker import Connection
from testbed.trial import Trial

K = TypeVar("K")


class Client(Arriving):
    """A client under test, as one case sees it."""

    # -- what it is told

    def publish(
        self, topic: str = "", payload: bytes = b"x", qos: int = 0, *, retain: bool = False, properties: Any = ()
    ) -> Order:
        """Tell it to publish on the connection it has (needs `orders`)."""
        return self.control.order(self.message(topic, payload, qos, retain, properties))

    def subscribe(self, *filters: str | shim.Filter, qos: int = 0, properties: Any = ()) -> Order:
        """Tell it to subscribe (needs `orders`)."""
        return self.control.order(self.subscription(*filters, qos=qos, properties=properties))

    def unsubscribe(self, *filters: str, properties: Any = ()) -> Order:
        """Tell it to unsubscribe (needs `orders`)."""
        return self.control.order(shim.Unsubscribe(0, list(filters), named(properties)))

    def disconnect(self, code: int = 0, properties: Any = ()) -> Order:
        """Tell it to disconnect: an order, or SIGTERM to a program."""
        return self.control.order(shim.Disconnect(0, code, named(properties)))

    def ping(self) -> Order:
        """Tell it to send PINGREQ (needs `ping`)."""
        return self.control.order(shim.Ping(0))

    def authenticate(self, data: bytes = b"", answers: Sequence[bytes] = ()) -> Order:
        """Tell it to authenticate again (needs `authenticate`), and what to answer then."""
        return self.control.order(shim.Authenticate(0, data.hex(), [one.hex() for one in answers]))

    def message(
        self, topic: str = "", payload: bytes = b"x", qos: int = 0, retain: bool = False, properties: Any = ()
    ) -> shim.Publish:
        """The order to publish, for `order` and as a first deed."""
        return shim.Publish(0, topic or self.topic(), payload.hex(), qos, retain, named(properties))

    def subscription(self, *filters: str | shim.Filter, qos: int = 0, properties: Any = ()) -> shim.Subscribe:
        """The order to subscribe, for `order` and as a first deed."""
        wanted = [
            one if isinstance(one, shim.Filter) else shim.Filter(one, qos) for one in filters or (self.topic(),)
        ]
        return shim.Subscribe(0, wanted, named(properties))

    # -- a connection and a first deed: for shims and for command lines

    async def publishing(
        self,
        topic: str = "",
        payload: bytes = b"x",
        qos: int = 0,
        *,
        retain: bool = False,
        properties: Any = (),
        announcing: Any = (),
        **options: Any,
    ) -> tuple[Connection, Publish]:
        """A connection on which it was told to publish, and its PUBLISH, not answered (needs `publish`). `announcing`
        are the properties of its CONNECT, `options` what else `connected` takes."""
        self._tellable(topic or payload != b"x" or retain or properties or announcing)
        deed = self.message(topic, payload, qos, retain, properties)
        connection = await self._at(deed, announcing, options)
        publish = await self.sent(connection, Publish)
        if publish.qos != qos:
            raise Inconclusive(f"the client publishes with QoS {publish.qos}, not {qos}", cause=f"no QoS {qos}")
        return connection, publish

    async def subscribing(
        self, *filters: str | shim.Filter, qos: int = 0, properties: Any = (), announcing: Any = (), **options: Any
    ) -> tuple[Connection, Subscribe]:
        """A connection on which it was told to subscribe, and its SUBSCRIBE, not answered (needs `subscribe`); the
        rest as for `publishing`."""
        self._tellable(filters or properties or announcing)
        deed = self.subscription(*filters, qos=qos, properties=properties)
        connection = await self._at(deed, announcing, options)
        return connection, await self.sent(connection, Subscribe)

    async def subscribed(
        self, *filters: str | shim.Filter, qos: int = 0, properties: Any = (), **options: Any
    ) -> Connection:
        """A connection on which it has subscribed, and was granted what it asked for (needs `subscribe`)."""
        connection, subscribe = await self.subscribing(*filters, qos=qos, properties=properties, **options)
        await connection.grant(subscribe)
        if self.control.orders and self.told is not None:
            await self.done(self.told)
        return connection

    def _tellable(self, something: object) -> None:
        """Inconclusive when a client that nobody commands would have to be told `something`."""
        if something and not self.control.told:
            raise Inconclusive("nobody can tell this client what to say", cause="not told")

    async def _at(self, deed: Deed, announcing: Any, options: Mapping[str, Any]) -> Connection:
        connection = await self.connected(deed, properties=announcing, **options)
        if self.control.orders:
            self.told = self.control.order(deed)
        return connection

    async def unsubscribing(self, connection: Connection, *filters: str) -> Unsubscribe:
        """The UNSUBSCRIBE it was told to send, not answered (needs `orders`)."""
        self.told = self.unsubscribe(*filters)
        return await self.sent(connection, Unsubscribe)

    async def sent(self, connection: Connection, kind: type[K], where: Callable[[K], bool] | None = None) -> K:
        """The packet of `kind` that it was told to send last. Inconclusive when it does not come, at once when the
        client says why."""
        loop = asyncio.get_running_loop()
        deadline, told = loop.time() + self.trial.patience, self.told
        while (left := deadline - loop.time()) > 0 and connection.ended_at is None:
            packet = await connection.maybe(kind, where, within=min(left, LOOK))
            if packet is not None:
                return packet
            reply = await self.control.until(lambda: told.reply if told else None, 0.0)
            if reply is not None and not reply.ok:
                raise Inconclusive(f"the client was told to, but sends no {_kind(kind)}: {reply.error}")
        return await connection.asked(kind, where, within=0)

    async def sends_no(
        self,
        connection: Connection,
        kind: type[K],
        order: Order,
        where: Callable[[K], bool] | None = None,
        *,
        because: str,
    ) -> None:
        """What it was ordered must not be said: it refuses, by its reply or by closing, or sends no such packet and
        lives on. Violation when the packet comes, Inconclusive when it leaves without a word, and had said nothing
        since its CONNECT (needs `orders`)."""

        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.trial.patience
        came = None
        while came is None and connection.ended_at is None and loop.time() < deadline:
            came = await connection.maybe(kind, where, within=LOOK)
            if await self.control.until(lambda: order.reply, 0.0) is not None:
                break
        if came is None and connection.ended_at is None:
            await connection.settled()
        came = came or connection.take(kind, where)
        if came is not None:
            connection.violated(f"no {_kind(kind)} {because}", describe(came))  # type: ignore[arg-type]
        refused = order.reply is not None and not order.reply.ok
        if connection.ended_at is not None and not refused and len(connection.received) < 2:
            connection.unprepared("nobody can tell why the client left", cause="leaves at once")

    # -- what it says (needs `orders`)

    async def done(self, order: Order) -> shim.Reply:
        """An order is done. Inconclusive otherwise."""
        reply = await self.reply(order)
        if reply is None or not reply.ok:
            said = f"said {reply.error or reply.codes}" if reply else "said nothing"
            raise Inconclusive(f"the client was told to {type(order.told).__name__.lower()}, and {said}")
        return reply

    async def handed(
        self, topic: str, where: Callable[[shim.Message], bool] | None = None, *, within: float | None = None
    ) -> shim.Message | None:
        """The next message on `topic` that the library hands to its application; None when none comes."""

        def take() -> shim.Message | None:
            for index, event in enumerate(self.control.events):
                if isinstance(event, shim.Message) and event.topic == topic and (where is None or where(event)):
                    del self.control.events[index]
                    return event
            return None

        return await self.control.until(take, self.trial.patience if within is None else within)

    # -- life

    async def _lives(self, connection: Connection) -> None:
        """Make it say something on `connection`. Inconclusive when it does not."""
        if connection.ended_at is not None:
            connection.unprepared("the client cannot show that it lives")
        self._proofs += 1
        for filter, qos in connection.granted.items():
            if qos and isinstance(filter, str):
                await connection.deliver(_topic_of(filter), b"alive", 1)
                return
        if not self.control.orders:
            raise Inconclusive("nothing makes this client show that it lives", cause="no proof of life")
        topic = self.topic(f"alive{self._proofs}")
        self.publish(topic)
        if await connection.maybe(Publish, lambda p: p.topic == topic) is None:
            connection.unprepared("the client was told to publish, and does not", cause="sends no PUBLISH")


def _kind(kind: type[Any]) -> str:
    return str(getattr(kind, "kind", kind.__name__))


def _topic_of(filter: str) -> str:
    """A topic that `filter` matches."""
    plain = re.sub(r"^\$share/[^/]*/", "", filter)
    return plain.replace("+", "x").replace("#", "x")


@asynccontextmanager
async def tester(trial: Trial) -> AsyncIterator[Client]:
    """The handle for one trial; the client is reset, or ended, behind it."""
    async with control_of(trial) as control:
        client = Client(trial, control)
        try:
            yield client
        except (Inconclusive, LaunchError) as doubt:
            if len(client.connections) < MOST_CONNECTIONS:
                raise
            said = f"the client connects in a loop, {MOST_CONNECTIONS} times in this case; {doubt}"
            raise Inconclusive(said, cause="connects in a loop") from None
