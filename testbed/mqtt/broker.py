"""The handle on a broker under test: it opens clients whose names no other cell shares."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from testbed.findings import Inconclusive
from testbed.mqtt.packets import Connect, Disconnect, Version, Will
from testbed.mqtt.properties import Property, props
from testbed.mqtt.scripted_client import Client
from testbed.trial import Trial

#: Edition -> protocol version.
VERSIONS = {"mqtt-3.1.1": Version.V311, "mqtt-5.0": Version.V5}
#: Seconds for which a stored session is asked to be kept.
STORED = 120


class Broker:
    """A broker under test, as one case sees it."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.version = VERSIONS[trial.edition]
        self._clients = 0

    @property
    def v5(self) -> bool:
        return self.version >= Version.V5

    # -- names that belong to this cell alone

    def client_id(self, name: str = "") -> str:
        """At most 23 letters and digits, which every broker must take [MQTT-3.1.3-5]; another for each `name`."""
        self._clients += 1
        name = name or f"c{self._clients}"
        letters = "".join(letter for letter in name if letter.isascii() and letter.isalnum())
        id = f"{self.trial.scope}{letters}"
        if letters == name and len(id) <= 23:
            return id
        return id[:15] + hashlib.sha256(name.encode()).hexdigest()[:8]

    def topic(self, name: str = "t") -> str:
        """A topic below the cell's own level; `name` may hold levels and wildcards."""
        return f"{self.trial.scope}/{name}"

    def parameter(self, name: str, default: Any) -> Any:
        """An IXIT value of this broker."""
        return self.trial.dut.parameter(name, default)

    def claims(self, feature: str) -> bool:
        """Whether the broker has an optional feature, as claimed or discovered."""
        return self.trial.dut.claims.get(feature, True)

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
