"""The handle on an edge node under test: the tester is its MQTT server and its host application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from testbed.findings import Inconclusive
from testbed.mqtt.wire import Text
from testbed.sparkplug.control import Control, control_of
from testbed.sparkplug.handle import Handle
from testbed.sparkplug.payload import DataType, Metric, Payload, Value
from testbed.sparkplug.rules.node import REBIRTH
from testbed.sparkplug.serving import Message, Session, now_ms
from testbed.sparkplug.state import State
from testbed.sparkplug.topics import state_topic
from testbed.trial import Trial


@dataclass(frozen=True, slots=True)
class Births:
    """A node's NBIRTH and the DBIRTHs that followed it, by device."""

    node: Message
    devices: dict[str, Message]

    @property
    def last(self) -> int:
        """The number of the last of these messages."""
        return max(one.index for one in (self.node, *self.devices.values()))

    def metric(self, device: str | None, name: Text) -> Metric | None:
        """A metric of a birth."""
        birth = self.node if device is None else self.devices.get(device)
        return next((one for one in birth.payload.metrics if one.name == name), None) if birth else None


class Edge(Handle):
    """An edge node under test, as one case sees it."""

    def __init__(self, trial: Trial, control: Control) -> None:
        super().__init__(trial, control)
        #: The devices behind it, and the host application it waits for (empty: none).
        self.devices: tuple[str, ...] = tuple(str(self.parameter("devices", "")).split())
        self.primary_host = str(self.parameter("primary-host", ""))
        #: The timestamp of the primary host, in milliseconds.
        self.online_at = now_ms()

    # -- the primary host

    @property
    def waits(self) -> bool:
        """Whether it waits for a primary host."""
        return bool(self.primary_host)

    def state_is(self, online: bool, timestamp: int | None = None) -> State:
        """What the server has retained of the primary host from now on."""
        state = State(online, self.online_at if timestamp is None else timestamp)
        self.server.retained[state_topic(self.primary_host)] = state.encoded()
        return state

    async def host_says(self, session: Session, online: bool, timestamp: int | None = None, host: str = "") -> None:
        """STATE of the primary host (or another), on this session. Inconclusive when the node does not listen."""
        state = State(online, self.online_at if timestamp is None else timestamp)
        await session.tell(state_topic(host or self.primary_host), state.encoded(), 1)

    # -- sessions

    async def waiting(self) -> Session:
        """A session in which the server knows nothing of the primary host, and which listens to its STATE."""
        session = await self.connects()
        topic = state_topic(self.primary_host)
        if not await session.met(lambda: session.hears(topic)):
            raise Inconclusive(f"the node has not subscribed to {topic}", cause="no subscription to STATE")
        return session

    async def born(self) -> tuple[Session, Births]:
        """A session with its births. The primary host is online."""
        if self.waits:
            self.state_is(True)
        session = await self.connects()
        return session, await self.births(session)

    async def births(self, session: Session, after: int = -1) -> Births:
        """The births that come after message number `after`. Inconclusive when they do not come whole."""
        node = await session.message("NBIRTH", after=after, within=self._patience)
        if node is None:
            session.unprepared("no NBIRTH", cause="no NBIRTH")
        found: dict[str, Message] = {}
        for device in self.devices:
            birth = await session.message("DBIRTH", device=device, after=node.index, within=self._patience)
            if birth is None:
                session.unprepared(f"no DBIRTH of {device}", cause="no DBIRTH")
            found[device] = birth
        return Births(node, found)

    @property
    def window(self) -> float:
        """Seconds of silence after which nothing comes: half of what the device is given for an answer, and one at
        least, as a node may look only now and then what it has heard."""
        return max(1.0, self.trial.quiet, self.trial.patience / 2)

    @property
    def _patience(self) -> float:
        """Seconds for births: a node has to collect what it is to report."""
        return float(self.parameter("birth-patience", self.trial.patience))

    # -- commands

    @property
    def _with_datatype(self) -> bool:
        """Whether commands say the datatype. They should not (6.4.6), but some nodes understand no others."""
        return bool(self.parameter("command-datatype", False))

    async def command(
        self, session: Session, births: Births, name: str, value: Value, device: str | None = None
    ) -> None:
        """Write a metric of the node or a device, by its alias where the birth gave it one (6.4.6)."""
        born = births.metric(device, name)
        if born is None:
            raise Inconclusive(f"the birth has no metric {name!r}", cause=f"no metric {name}")
        alias = born.alias
        datatype = born.datatype if self._with_datatype else None
        metric = Metric(None if alias is not None else name, alias, now_ms(), datatype, value=value)
        topic = births.node.topic.of("NCMD" if device is None else "DCMD", device)
        await session.tell(topic, Payload(now_ms(), (metric,)))

    async def ask_rebirth(self, session: Session, births: Births) -> int:
        """Ask for a rebirth; returns the number of the last message before."""
        before = session.last
        datatype = DataType.BOOLEAN if self._with_datatype else None
        metric = Metric(REBIRTH, None, now_ms(), datatype, value=Value("boolean", True))
        await session.tell(births.node.topic.of("NCMD"), Payload(now_ms(), (metric,)))
        return before

    async def reborn(self, session: Session, births: Births) -> Births:
        """A rebirth, asked for and come: a round trip that proves the node alive. Inconclusive otherwise."""
        return await self.births(session, await self.ask_rebirth(session, births))

    # -- what it can be made to do, by its description

    def writable(self, device: bool = False) -> str:
        """The name of an integer metric that takes a command and then reports the value written."""
        return str(self.parameter("device-metric" if device else "node-metric", ""))


@asynccontextmanager
async def tester(trial: Trial) -> AsyncIterator[Edge]:
    """The handle for one trial; every connection is closed behind it."""
    async with control_of(trial) as control:
        try:
            yield Edge(trial, control)
        finally:
            trial.close()
