"""The handle on a host application under test: the tester is its MQTT server and its edge nodes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from testbed.mqtt.packets import Publish
from testbed.sparkplug import state
from testbed.sparkplug.control import control_of
from testbed.sparkplug.handle import Handle
from testbed.sparkplug.payload import DataType, Value
from testbed.sparkplug.playing import PlayedNode
from testbed.sparkplug.rules.node import REBIRTH
from testbed.sparkplug.serving import Message, Session
from testbed.sparkplug.state import State
from testbed.sparkplug.topics import host_of, state_topic
from testbed.trial import Trial


class Host(Handle):
    """A host application under test, as one case sees it."""

    # -- its certificates

    @staticmethod
    def states(session: Session) -> list[Publish]:
        """Its STATE messages so far."""
        return [packet for packet in session.publishes if host_of(packet.topic) is not None]

    async def state(self, session: Session, online: bool, after: int = 0) -> Publish | None:
        """The first STATE that says `online`, of those after the first `after` ones; None when none comes."""

        def probe() -> Publish | None:
            for packet in self.states(session)[after:]:
                found = state.read(packet.payload)
                if isinstance(found, State) and found.online is online:
                    return packet
            return None

        return await session.until(probe, self._patience)

    async def online(self) -> Session:
        """A session in which it has said that it is online. Inconclusive otherwise."""
        session = await self.connects()
        if await self.state(session, True) is None:
            session.unprepared("no STATE that says online", cause="no STATE")
        return session

    def own_topic(self, session: Session) -> str:
        """Its STATE topic, as its will names it. Inconclusive without such a will."""
        will = session.connect.will if session.connect else None
        host = host_of(will.topic) if will else None
        if host is None:
            session.unprepared("no will on a STATE topic", cause="no STATE will")
        return state_topic(host)

    @property
    def _patience(self) -> float:
        return float(self.parameter("birth-patience", self.trial.patience))

    # -- nodes for it

    def node(self, session: Session, name: str = "n1", *, device: str = "", aliases: bool = False) -> PlayedNode:
        """A node that the tester plays."""
        return PlayedNode(session, str(self.parameter("group", "plant")), name, device=device, aliases=aliases)

    def controlled(self, session: Session, *, device: bool = False, aliases: bool = False) -> PlayedNode:
        """A node with what the host is configured to react to (needs `node-control` or `device-control`): a change of
        the trigger makes it write the same number to the target."""
        node = self.node(session, device="d1" if device else "", aliases=aliases)
        for name in self.rule(device):
            node.more[device][name] = (DataType.INT32, Value("int", 0))
        return node

    def rule(self, device: bool) -> tuple[str, str]:
        """The names of the trigger and of the target."""
        kind = "device" if device else "node"
        return str(self.parameter(f"{kind}-trigger", "")), str(self.parameter(f"{kind}-target", ""))

    # -- its commands

    async def rebirth(
        self, session: Session, node: PlayedNode, after: int = -1, within: float | None = None
    ) -> Message | None:
        """The first request for a rebirth of `node` after message number `after`."""

        def asks() -> Message | None:
            for one in session.messages[after + 1 :]:
                mine = (one.topic.group, one.topic.node) == (node.topic.group, node.topic.node)
                if mine and one.topic.type == "NCMD" and one.payload.metric(REBIRTH) is not None:
                    return one
            return None

        return await session.until(asks, within)

    @property
    def reorder_timeout(self) -> float:
        """Seconds for which it waits for a missing message."""
        return float(self.parameter("reorder-timeout", 0))


@asynccontextmanager
async def tester(trial: Trial) -> AsyncIterator[Host]:
    """The handle for one trial; every connection is closed behind it."""
    async with control_of(trial) as control:
        try:
            yield Host(trial, control)
        finally:
            trial.close()
