"""Where a client under test connects to, and the connections that it opens."""

from __future__ import annotations

import asyncio
import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from testbed.dut import Endpoint
from testbed.findings import Inconclusive
from testbed.launch.placed import LaunchError, because
from testbed.link.certificates import Authority
from testbed.link.serving import Refusal
from testbed.link.tls import server_context
from testbed.link.websocket import Answer
from testbed.mqtt import shim
from testbed.mqtt.control import Control, Deed, Order
from testbed.mqtt.handle import Handle
from testbed.mqtt.naming import named
from testbed.mqtt.packets import Connect, Will
from testbed.mqtt.properties import Property, props
from testbed.mqtt.scripted_broker import Connection
from testbed.trial import Trial

#: Seconds between two looks at what a shim says while a connection or a packet is awaited.
LOOK = 0.05
#: Connections that a client may open in one case.
MOST_CONNECTIONS = 100
#: Seconds for which a stored session is asked to be kept.
STORED = 120


class Arriving(Handle, ABC):
    """A client that comes to the tester."""

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

    async def refusal(self, after: int = 0) -> Refusal | None:
        """The first handshake beyond the first `after` that somebody broke off; None when there is none in time.
        One that was only slow is none."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.trial.patience
        while True:
            self._came.clear()
            for one in self.refusals[after:]:
                if not one.late:
                    return one
            try:
                async with asyncio.timeout_at(deadline):
                    await self._came.wait()
            except TimeoutError:
                return None

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
            endpoint = self.trial.endpoint
            context, trust = self._secured(endpoint) if endpoint.secure else (None, None)
            await self.offer(endpoint, tls=context, trust=trust)
        self.told = await self.control.begin(self._order_connect(**options), deed)
        return self.told

    def _secured(self, endpoint: Endpoint) -> tuple[ssl.SSLContext, shim.Tls]:
        """What the tester shows at an endpoint of the description that needs TLS, and what the client is told to
        trust: parameters `tls-certificate`, `tls-key` and `tls-authority`, or a certificate made for this case."""
        certificate = str(self.parameter("tls-certificate", ""))
        if certificate:
            key, authority = str(self.parameter("tls-key", "")), str(self.parameter("tls-authority", ""))
            return server_context(certificate, key), shim.Tls(authority or certificate)
        work = self.trial.dut.work
        if work is None or not self.control.told:
            raise LaunchError(
                f"{self.trial.dut.name}: the tester has no certificate to show at its endpoint {endpoint}\n"
                "  remedy: name one that the client trusts: parameters tls-certificate and tls-key"
            )
        made = Authority(work / self.trial.scope)
        leaf = made.leaf("good", (endpoint.host, "localhost", "127.0.0.1", "::1"))
        return server_context(str(leaf.certificate), str(leaf.key)), shim.Tls(str(made.certificate))

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
                async with asyncio.timeout(min(left, LOOK)):
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
            await self.control.until(lambda: order.reply, LOOK)
        if connection is not None and connection.inbox:
            return connection, await connection.begins()
        if order.reply is None or order.reply.ok:
            raise Inconclusive("the client neither connects nor says that it will not", cause="no connection")
        return None

    # -- what it says, and whether it lives

    async def reply(self, order: Order, within: float | None = None) -> shim.Reply | None:
        """What the client said became of an order; None when it says nothing in time."""
        return await self.control.until(lambda: order.reply, self.trial.patience if within is None else within)

    @abstractmethod
    async def _lives(self, connection: Connection) -> None:
        """Make it say something on `connection`. Inconclusive when it does not."""
