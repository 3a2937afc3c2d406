"""The handle on a client under test: the tester is the broker, and tells the client what to do as far as it can."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, TypeVar

from testbed.dut import Endpoint
from testbed.findings import Inconclusive
from testbed.launch.placed import LaunchError, because
from testbed.link.serving import Refusal
from testbed.link.websocket import Answer
from testbed.mqtt import shim
from testbed.mqtt.codec import describe
from testbed.mqtt.driving import Control, Deed, Order, control_of
from testbed.mqtt.handle import Handle
from testbed.mqtt.packets import Connect, Publish, Subscribe, Unsubscribe, Will
from testbed.mqtt.properties import Property, props
from testbed.mqtt.scripted_broker import Connection
from testbed.trial import Trial

#: Seconds between two looks at what a shim says while a connection or a packet is awaited.
_LOOK = 0.05
#: Connections that a client may open in one case.
MOST_CONNECTIONS = 100
#: Seconds for which a stored session is asked to be kept.
STORED = 120
K = TypeVar("K")


def named(properties: Any) -> dict[str, shim.Value]:
    """Properties as a shim is told them: by name, binary data in hexadecimal, user properties as pairs."""
    found: dict[str, shim.Value] = {}
    for number, value in props(properties):
        name = Property(number).name.lower()
        if number == Property.USER_PROPERTY:
            pairs = found.setdefault(name, [])
            assert isinstance(pairs, list) and isinstance(value, tuple)
            pairs.append([str(text) for text in value])  # type: ignore[arg-type]
        else:
            found[name] = value.hex() if isinstance(value, bytes) else value  # type: ignore[assignment]
    return found


class Client(Handle):
    """A client under test, as one case sees it."""

    def __init__(self, trial: Trial, control: Control) -> None:
        super().__init__(trial)
        self.control = control
        #: Every connection it opened, in order, and those that never came to be.
        self.connections: list[Connection] = []
        self.refusals: list[Refusal] = []
        self.id = ""
        self._taken = 0
        self._came = asyncio.Event()
        self._where: Endpoint | None = None
        self._trust: shim.Tls | None = None
        self._proofs = 0
        #: The last order to connect, and the last of another kind.
        self.told: Order | None = None

    # -- where it connects to

    async def offer(
        self,
        endpoint: Endpoint,
        *,
        tls: ssl.SSLContext | None = None,
        trust: shim.Tls | None = None,
        answer: Callable[[], Answer] = Answer,
        called: str = "",
    ) -> Endpoint:
        """Listen at `endpoint` and let the client connect there from now on. `trust` is what it is told of TLS,
        `called` the name that it is told of the host."""
        try:
            self._where = await self.trial.listen(
                endpoint, self._welcome, tls=tls, answer=answer, on_refused=self._refused
            )
        except OSError as error:
            raise LaunchError(
                f"{self.trial.dut.name}: the tester cannot listen at {endpoint}{because(error)}\n"
                "  remedy: end whoever listens there, or correct the endpoint in the description"
            ) from None
        self._trust = trust
        if called:
            self._where = replace(self._where, host=called)
        return self._where

    def _welcome(self) -> Connection:
        connection = Connection(self.trial, self.version, self._lives)
        self.connections.append(connection)
        self._came.set()
        if len(self.connections) == MOST_CONNECTIONS:
            self.trial.note(f"the client has opened {MOST_CONNECTIONS} connections: no further one is accepted")
            self.trial.stop_listening()
        return connection

    def _refused(self, refusal: Refusal) -> None:
        self.refusals.append(refusal)
        self.trial.note(f"{refusal.layer} handshake failed: {refusal.reason}")
        self._came.set()

    @property
    def obeys(self) -> bool:
        """Whether it connects as it is told, rather than as it likes."""
        return self.control.orders or bool(self.control.features)

    # -- connections

    async def arrives(self, deed: Deed | None = None, **options: Any) -> Connection:
        """Its next connection, on which nothing was taken yet; `options` are those of `order_connect`. Inconclusive
        when it does not come."""
        order = await self.begin(deed, **options)
        connection = await self.next_connection(order)
        if connection is None:
            said = f": {order.reply.error}" if order.reply and order.reply.error else ""
            raise Inconclusive(f"the client did not connect{said}", cause="no connection")
        return connection

    async def begin(self, deed: Deed | None = None, **options: Any) -> Order:
        """Tell it to connect, and wait for nothing."""
        if self._where is None:
            await self.offer(self.trial.endpoint)
        self.told = await self.control.begin(self._order_connect(**options), deed)
        return self.told

    def _order_connect(
        self,
        *,
        client_id: str | None = None,
        clean: bool = True,
        stored: bool = False,
        keep_alive: int = 60,
        username: str | None = None,
        password: str | None = None,
        will: Will | None = None,
        properties: Any = (),
        answers: Sequence[bytes] = (),
    ) -> shim.Connect:
        """What it is told of its CONNECT. `answers` is what it says to the AUTH packets that come (needs
        `authentication`); `stored` asks for a session that outlives the connection: Clean Session 0
        in 3.1.1; Clean Start 0 and a Session Expiry Interval of `STORED` seconds in 5.0 (needs `session`)."""
        where = self._where
        assert where is not None
        block = props(properties)
        if stored:
            clean = False
            if self.v5 and all(number != Property.SESSION_EXPIRY_INTERVAL for number, _ in block):
                block = (*block, (int(Property.SESSION_EXPIRY_INTERVAL), STORED))
        if client_id is None:
            client_id = self.id = self.id or self.client_id("c")
        told_will = None
        if will is not None:
            told_will = shim.Will(str(will.topic), will.payload.hex(), will.qos, will.retain, named(will.properties))
        return shim.Connect(
            id=0,
            host=where.host,
            port=where.port,
            edition=self.trial.edition,
            client_id=client_id,
            clean=clean,
            keep_alive=keep_alive,
            username=username,
            password=password,
            will=told_will,
            properties=named(block),
            transport=where.transport,
            path=where.path,
            tls=self._trust,
            answers=[one.hex() for one in answers],
        )

    async def next_connection(self, order: Order | None = None, within: float | None = None) -> Connection | None:
        """The connection after the one last taken; None when none comes (by default, within its time to connect), or
        when the client says that it gave up `order`."""
        loop = asyncio.get_running_loop()
        seconds = within
        if seconds is None:
            seconds = self.trial.patience if self.control.orders else self._time_to_connect
        deadline = loop.time() + seconds
        while len(self.connections) <= self._taken:
            self._came.clear()
            left = deadline - loop.time()
            gave_up = order is not None and await self.control.until(lambda: order.reply, 0.0) is not None
            if left <= 0 or (gave_up and len(self.connections) <= self._taken):
                return None
            try:
                async with asyncio.timeout(min(left, _LOOK)):
                    await self._came.wait()
            except TimeoutError:
                continue
        self._taken += 1
        return self.connections[self._taken - 1]

    @property
    def _time_to_connect(self) -> float:
        launch = self.trial.dut.description.launch
        return float(getattr(launch, "ready", self.trial.patience))

    async def opens(self, deed: Deed | None = None, **options: Any) -> Connection:
        """Its next connection, its CONNECT taken (`.connect`) and not answered."""
        connection = await self.arrives(deed, **options)
        await connection.opened()
        return connection

    async def connected(
        self,
        deed: Deed | None = None,
        *,
        session_present: bool = False,
        connack: Any = (),
        **options: Any,
    ) -> Connection:
        """A connection whose CONNECT was accepted; `connack` are the properties of the CONNACK. Inconclusive when the
        client says that it does not take it."""
        connection = await self.opens(deed, **options)
        await self.accepts(connection, session_present, connack)
        return connection

    async def accepts(self, connection: Connection, session_present: bool = False, connack: Any = ()) -> None:
        """It takes the CONNACK that is sent to it now. Inconclusive when it says that it does not."""
        await connection.accept(session_present, connack)
        if self.control.orders and self.told is not None:
            reply = await self.reply(self.told)
            if reply is None:
                raise Inconclusive("the client does not say what became of CONNACK", cause="no reply")
            if not reply.ok:
                raise Inconclusive(
                    f"the client does not take a good CONNACK: {reply.error}", cause="takes no CONNACK"
                )

    async def resumed(self, *, connack: Any = (), **options: Any) -> Connection:
        """It connects again to the session that it was told to store (`stored`), and hears that it is still there
        (needs `session`). Inconclusive when its CONNECT asks for another session, or for none that lasts."""
        before = self.connections[self._taken - 1]
        connection = await self.opens(stored=True, **options)
        old, new = before.connect, connection.connect
        assert old is not None and new is not None
        if new.clean_start or new.client_id != old.client_id:
            connection.unprepared("the client does not ask for the session it had", cause="resumes no session")
        if self.v5 and not before.announced(Property.SESSION_EXPIRY_INTERVAL, 0):
            connection.unprepared("the client asked for no session that outlives its connection")
        connection.granted.update(before.granted)
        await connection.accept(True, connack)
        # Some libraries call themselves connected only when all that they send again is acknowledged.
        if self.told is not None:
            await self.reply(self.told, within=self.trial.quiet)
        return connection

    async def tries(self, **options: Any) -> tuple[Connection, Connect] | None:
        """Its CONNECT after an order that it may well refuse (needs `orders`); None when it says that it does not
        carry it out, and has sent none."""
        order = await self.begin(**options)
        connection = await self.next_connection(order)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.trial.patience
        while connection is not None and not connection.inbox and connection.ended_at is None:
            if order.reply is not None or loop.time() > deadline:
                break
            await self.control.until(lambda: order.reply, _LOOK)
        if connection is not None and connection.inbox:
            return connection, await connection.begins()
        if order.reply is None or order.reply.ok:
            raise Inconclusive("the client neither connects nor says that it will not", cause="no connection")
        return None

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
            packet = await connection.maybe(kind, where, within=min(left, _LOOK))
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
        lives on. Violation when the packet comes (needs `orders`)."""

        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.trial.patience
        came = None
        while came is None and connection.ended_at is None and loop.time() < deadline:
            came = await connection.maybe(kind, where, within=_LOOK)
            if await self.control.until(lambda: order.reply, 0.0) is not None:
                break
        if came is None and connection.ended_at is None:
            await connection.settled()
        came = came or connection.take(kind, where)
        if came is not None:
            connection.violated(f"no {_kind(kind)} {because}", describe(came))  # type: ignore[arg-type]

    # -- what it says (needs `orders`)

    async def reply(self, order: Order, within: float | None = None) -> shim.Reply | None:
        """What the client said became of an order; None when it says nothing in time."""
        return await self.control.until(lambda: order.reply, self.trial.patience if within is None else within)

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
