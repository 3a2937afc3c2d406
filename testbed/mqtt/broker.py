"""The handle on a broker under test: it opens clients whose names no other cell shares."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from testbed.findings import Inconclusive
from testbed.mqtt.handle import Handle
from testbed.mqtt.packets import Connect, Disconnect, Will
from testbed.mqtt.properties import Property, props
from testbed.mqtt.scripted_client import Client
from testbed.trial import Trial

#: Seconds for which a stored session is asked to be kept.
STORED = 120


class Broker(Handle):
    """A broker under test, as one case sees it."""

    # -- CONNECT

    def connect(
        self,
        id: str | None = None,
        *,
        clean: bool = True,
        stored: bool = False,
        keep_alive: int = 60,
        will: Will | None = None,
        properties: Any = (),
        **fields: Any,
    ) -> Connect:
        """A well-formed CONNECT with the broker's credentials. `stored` asks for a session that outlives the
        connection: Clean Session 0 in 3.1.1; Clean Start 0 (unless `clean=True` is meant: then give `fields`)
        and a Session Expiry Interval of `STORED` seconds in 5.0."""
        block = props(properties)
        if stored:
            clean = False
            if self.v5 and all(name != Property.SESSION_EXPIRY_INTERVAL for name, _ in block):
                block = (*block, (int(Property.SESSION_EXPIRY_INTERVAL), STORED))
        user = str(self.parameter("username", ""))
        if user:
            fields.setdefault("username", user)
            fields.setdefault("password", str(self.parameter("password", "")).encode())
        fields.setdefault("clean_start", clean)
        return Connect(
            client_id=self.client_id() if id is None else id,
            keep_alive=keep_alive,
            will=will,
            properties=block,
            **fields,
        )

    async def linked(self) -> Client:
        """A client whose connection is open and on which nothing was said yet."""
        client = Client(self.trial, self.version)
        await client.open()
        return client

    async def opened(self, twin: Connect | None = None) -> Client:
        """As `linked`, after proof that the broker accepts a proper CONNECT (`twin`, else a plain one): what it then
        does to an improper one is its answer to that one."""
        first = await self.linked()
        await first.connect(twin or self.connect())
        await first.send(Disconnect())
        first.close()
        return await self.linked()

    async def connected(self, id: str | None = None, **options: Any) -> Client:
        """A client whose CONNECT was accepted; `options` are those of `connect`. Inconclusive otherwise."""
        client = await self.linked()
        await client.connect(self.connect(id, **options))
        return client

    async def resumed(self, id: str, **options: Any) -> Client:
        """A client back on the stored session of `id`. Inconclusive when the broker says that there is none."""
        client = await self.connected(id, stored=True, **options)
        if client.connack is None or not client.connack.session_present:
            raise Inconclusive("the session asked to be stored was not kept", cause="no stored session")
        return client

    async def subscriber(self, *filters: Any, qos: int = 0, properties: Any = (), **options: Any) -> Client:
        """A client connected (`options` as for `connect`) and subscribed to `filters` at `qos`; `properties` are
        those of the SUBSCRIBE."""
        client = await self.connected(**options)
        await client.subscribed(*filters, qos=qos, properties=properties)
        return client


@asynccontextmanager
async def tester(trial: Trial) -> AsyncIterator[Broker]:
    """The handle for one trial; every connection is closed behind it."""
    try:
        yield Broker(trial)
    finally:
        trial.close()
