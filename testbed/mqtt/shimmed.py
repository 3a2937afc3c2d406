"""Control over a client library by orders to its shim."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import msgspec

from testbed.launch.clients import Clients
from testbed.launch.lines import MOST_BYTES, Lines
from testbed.launch.placed import LaunchError
from testbed.mqtt import shim
from testbed.mqtt.control import Deed, Order
from testbed.trial import Trial

P = TypeVar("P")
#: Seconds for a `reset`.
RESETTING = 2.0
#: Events that one cell may collect.
MOST_EVENTS = 10_000


class ShimError(LaunchError):
    """A shim broke its format. Its text says how, and what to do."""

    def __init__(self, name: str, why: str, log: str = "") -> None:
        said = f"\n  last lines of its log:\n    {log.replace(chr(10), chr(10) + '    ')}" if log else ""
        super().__init__(
            f"{name}: the shim {why}\n"
            "  remedy: `testbed check-shim FILE` (or the name of a known peer) tries every order; "
            f"docs/shims.md has the format{said}"
        )


class Shimmed:
    """Control over a client library in a shim."""

    orders = True
    told = True

    def __init__(self, name: str, lines: Lines, ready: shim.Ready, clients: Clients) -> None:
        self.ready = ready
        self.features = frozenset(ready.features)
        self.events: list[shim.Events] = []
        self._name, self._lines, self._clients = name, lines, clients
        self._open: dict[int, Order] = {}
        self._answered: set[int] = set()
        self._began = lines.heard

    async def begin(self, connect: shim.Connect, deed: Deed | None) -> Order:
        return self.order(connect)

    def order(self, told: shim.Order) -> Order:
        """Ids are never used twice in the life of a shim, so that late replies are known as such."""
        told.id = self._lines.count = self._lines.count + 1
        order = Order(told)
        self._open[told.id] = order
        self._lines.say(msgspec.json.encode(told))
        return order

    async def until(self, probe: Callable[[], P | None], within: float) -> P | None:
        deadline = asyncio.get_running_loop().time() + within
        while True:
            self._lines.changed.clear()
            self._listen()
            found = probe()
            if found is not None:
                return found
            if self._lines.failure:
                raise self.broken(self._lines.failure)
            try:
                async with asyncio.timeout_at(deadline):
                    await self._lines.changed.wait()
            except TimeoutError:
                self._listen()
                return probe()

    def broken(self, why: str) -> ShimError:
        """The error that says so, with the end of its log."""
        return ShimError(self._name, why, self._clients.log_tail(6))

    def _listen(self) -> None:
        """Take in what the shim said."""
        while (said := self._lines.take()) is not None:
            try:
                if "event" in said:
                    self._happened(said)
                else:
                    self._replied(msgspec.convert(said, shim.Reply))
            except msgspec.ValidationError as error:
                raise self.broken(f"said what does not keep the format ({error}): {str(said)[:200]}") from None

    def _happened(self, said: dict[str, Any]) -> None:
        kinds = {"message": shim.Message, "lost": shim.Lost}
        kind = kinds.get(said["event"]) if isinstance(said["event"], str) else None
        if kind is None:
            return
        if len(self.events) >= MOST_EVENTS:
            raise self.broken(f"told more than {MOST_EVENTS} events in one case")
        if self._lines.heard - self._began > MOST_BYTES:
            raise self.broken(f"told more than {MOST_BYTES >> 20} MiB in one case")
        self.events.append(msgspec.convert(said, kind))

    def _replied(self, reply: shim.Reply) -> None:
        order = self._open.pop(reply.id, None)
        if order is not None:
            order.reply = reply
            self._answered.add(reply.id)
        elif reply.id > self._lines.count or reply.id in self._answered:
            raise self.broken(f"answered the order {reply.id}, which was not open")

    async def reset(self) -> None:
        """Bring it back to its first day. ShimError when it does not say so in time."""
        self._open.clear()
        done = self.order(shim.Reset(0))
        if await self.until(lambda: done.reply, RESETTING) is None:
            raise self.broken(f"did not answer reset within {RESETTING:g} s")


@asynccontextmanager
async def shimmed(trial: Trial, clients: Clients) -> AsyncIterator[Shimmed]:
    """A shim for one trial: fresh, or reset after the one before."""
    lines = await clients.hire()
    useful = clean = False
    try:
        if lines.introduced is None:
            lines.introduced = await _introduction(trial.dut.name, lines, clients)
        control = Shimmed(trial.dut.name, lines, lines.introduced, clients)
        useful = True
        try:
            yield control
        except Exception:
            # Whatever the case came to, the shim may well be sound.
            clean = await _renewed(trial, control, clients)
            raise
        clean = await _renewed(trial, control, clients)
    finally:
        if clean:
            clients.give_back(lines)
        else:
            await clients.dismiss(lines, lines.failure, useless=not useful)


async def _renewed(trial: Trial, control: Shimmed, clients: Clients) -> bool:
    """Whether the shim is as on the first day again. ShimError when none of this device ever was: a library that is
    stuck for once only costs its process."""
    # The connections of the cell go first, so that nothing of the client is left to wait for.
    trial.close()
    try:
        await control.reset()
    except ShimError:
        if not clients.proven:
            raise
        return False
    clients.proven = True
    return True


async def _introduction(name: str, lines: Lines, clients: Clients) -> shim.Ready:
    """The first line of a shim."""
    seconds = clients.launch.ready
    deadline = asyncio.get_running_loop().time() + seconds
    while (said := lines.take()) is None:
        lines.changed.clear()
        if lines.failure:
            raise ShimError(name, f"said nothing useful: it {lines.failure}", clients.log_tail(6))
        try:
            async with asyncio.timeout_at(deadline):
                await lines.changed.wait()
        except TimeoutError:
            raise ShimError(name, f"did not say that it is ready within {seconds:g} s", clients.log_tail(6)) from None
    try:
        ready = msgspec.convert(said, shim.Ready)
    except msgspec.ValidationError as error:
        raise ShimError(name, f"began with what is no `ready` ({error}): {str(said)[:200]}") from None
    if ready.protocol != shim.PROTOCOL:
        raise ShimError(name, f"speaks {ready.protocol!r}, not {shim.PROTOCOL}")
    return ready
