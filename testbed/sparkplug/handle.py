"""What the handles on edge nodes and host applications share: a place to listen, and one session after another."""

from __future__ import annotations

import asyncio
from typing import Any

from testbed.dut import Endpoint, Itself
from testbed.findings import Inconclusive
from testbed.sparkplug.control import Control
from testbed.sparkplug.serving import Server, Session
from testbed.trial import Trial


class Handle:
    """A Sparkplug client under test, as one case sees it. The tester is its MQTT server."""

    def __init__(self, trial: Trial, control: Control) -> None:
        self.trial, self.control = trial, control
        self.server = Server()
        #: Every connection it opened, in order.
        self.sessions: list[Session] = []
        self._taken = 0
        self._came = asyncio.Event()
        self._where: Endpoint | None = None

    def parameter(self, name: str, default: Any) -> Any:
        """An IXIT value of this device."""
        return self.trial.dut.parameter(name, default)

    def claims(self, feature: str) -> bool:
        """Whether the device has an optional feature, as claimed or discovered."""
        return self.trial.dut.claims.get(feature, True)

    def _welcome(self) -> Session:
        session = Session(self.trial, self.server)
        self.sessions.append(session)
        self._came.set()
        return session

    async def connects(self, within: float | None = None) -> Session:
        """Its next session, accepted. Inconclusive when it does not connect in time."""
        session = await self.returns(within)
        if session is None:
            raise Inconclusive("the device did not connect", cause="no connection")
        if await session.until(lambda: session.connect) is None:
            raise Inconclusive(f"the device did not begin with CONNECT: {session.what_came()}", cause="no CONNECT")
        return session

    async def returns(self, within: float | None = None) -> Session | None:
        """The connection after the one last taken; None when none comes in time (by default, the time it may take to
        connect)."""
        if self._where is None:
            self._where = await self.trial.listen(self.trial.endpoint, self._welcome)
        if len(self.sessions) <= self._taken:
            await self.control.start(self._where)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + (self._time_to_connect if within is None else within)
        while len(self.sessions) <= self._taken:
            self._came.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._came.wait()
            except TimeoutError:
                return None
        self._taken += 1
        return self.sessions[self._taken - 1]

    @property
    def _time_to_connect(self) -> float:
        launch = self.trial.dut.description.launch
        return launch.ready if isinstance(launch, Itself) else self.trial.patience

    def leave(self) -> None:
        """Make it leave by its own will (needs `leaves`). Inconclusive when nobody can."""
        if not self.control.stoppable:
            raise Inconclusive("nobody can make the device leave", cause="cannot be made to leave")
        self.control.leave()
