"""How a client under test is told what to do: by orders to a shim, by a command line, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeVar

import msgspec

from testbed.dut import Commands, Itself
from testbed.launch.clients import Clients, Program
from testbed.launch.empty import EmptyClients
from testbed.launch.lines import Lines
from testbed.launch.placed import LaunchError
from testbed.mqtt import shim
from testbed.trial import Trial

P = TypeVar("P")
#: What a case tells a client to do once it is connected.
Deed = shim.Publish | shim.Subscribe
#: Seconds for a `reset`, and times a shim that was no use is replaced before a cell begins.
RESETTING = 2.0
#: Events that one cell may collect.
MOST_EVENTS = 10_000


class ShimError(LaunchError):
    """A shim broke its format. Its text says how, and what to do."""

    def __init__(self, name: str, why: str, log: str = "") -> None:
        said = f"\n  last lines of its log:\n    {log.replace(chr(10), chr(10) + '    ')}" if log else ""
        super().__init__(
            f"{name}: the shim {why}\n"
            f"  remedy: `testbed check-shim {name}` tries every order; docs/shims.md has the format{said}"
        )


class Order:
    """What a client was told, and what became of it. `reply` is None while nothing did."""

    def __init__(self, told: shim.Order) -> None:
        self.told = told
        self.reply: shim.Reply | None = None


class Control(Protocol):
    """The means of telling one client what to do, for one cell."""

    #: What it can do and tell, as claims.
    features: frozenset[str]
    #: Whether it takes one order after another, and whether it can be told what to say at all.
    orders: bool
    told: bool
    #: What it said unasked, in order.
    events: list[shim.Events]

    async def begin(self, connect: shim.Connect, deed: Deed | None) -> Order:
        """Let it connect; `deed` is what it will be told then, for those who must know before."""
        ...

    def order(self, told: shim.Order) -> Order:
        """Tell it something more."""
        ...

    async def until(self, probe: Callable[[], P | None], within: float) -> P | None:
        """What `probe` returns as soon as it is not None, asked whenever something came."""
        ...


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


class Commanded:
    """Control by a command line: a program for each connection."""

    orders = False
    told = True

    def __init__(self, trial: Trial, clients: Clients, launch: Commands) -> None:
        self.events: list[shim.Events] = []
        self._trial, self._clients, self._launch = trial, clients, launch
        self._programs: list[Program] = []
        able = {name for name in ("subscribe", "publish") if getattr(launch, name)}
        self.features = frozenset({"qos-1", "qos-2", *able, *launch.options})

    async def begin(self, connect: shim.Connect, deed: Deed | None) -> Order:
        order = Order(connect)
        values = {"host": connect.host, "port": str(connect.port), "client": connect.client_id, "payload": ""}
        values |= {"edition": self._launch.editions.get(connect.edition, connect.edition)}
        if isinstance(deed, shim.Publish):
            words = [*self._launch.publish]
            text = bytes.fromhex(deed.payload).decode(errors="replace")
            values |= {"topic": deed.topic, "qos": str(deed.qos), "payload": text}
            if deed.retain:
                words += self._launch.options.get("retain", [])
        else:
            words = [*(self._launch.subscribe or self._launch.publish)]
            one = deed.filters[0] if deed else shim.Filter(f"{self._trial.scope}/none")
            values |= {"topic": one.filter, "qos": str(one.qos)}
        for name, more in _options(connect).items():
            if name in self._launch.options:
                words += [_put(word, more) for word in self._launch.options[name]]
        self._programs.append(await self._clients.run(words, values))
        return order

    def order(self, told: shim.Order) -> Order:
        if isinstance(told, shim.Disconnect):
            for program in self._programs:
                program.hang_up()
        return Order(told)

    async def until(self, probe: Callable[[], P | None], within: float) -> P | None:
        return probe()

    def end(self) -> None:
        """End every program of the cell."""
        for program in self._programs:
            program.end()


def _put(word: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        word = word.replace("{" + name + "}", value)
    return word


def _options(connect: shim.Connect) -> dict[str, dict[str, str]]:
    """Option -> its placeholders, for what a CONNECT asks beyond the plain one."""
    found: dict[str, dict[str, str]] = {"keep-alive": {"value": str(connect.keep_alive)}}
    if connect.will is not None:
        will = connect.will
        payload = bytes.fromhex(will.payload).decode(errors="replace")
        found["will"] = {"will_topic": will.topic, "will_payload": payload, "will_qos": str(will.qos)}
    if connect.username is not None:
        found["credentials"] = {"username": connect.username, "password": connect.password or ""}
    if not connect.clean:
        found["session"] = {}
    if connect.tls is not None:
        found["tls"] = {"authority": connect.tls.authority}
        if connect.tls.certificate:
            found["mutual-tls"] = {"certificate": connect.tls.certificate, "key": connect.tls.key}
    if connect.transport in ("ws", "wss"):
        found["websocket"] = {"path": connect.path}
    for name, value in connect.properties.items():
        found[name.replace("_interval", "").replace("_", "-")] = {"value": str(value)}
    return found


class Uncommanded:
    """No control: the client connects by itself, or a program of it is started for the cell."""

    orders = False
    told = False

    def __init__(self, trial: Trial, clients: Clients, launch: Itself) -> None:
        self.events: list[shim.Events] = []
        self.features: frozenset[str] = frozenset()
        self._clients, self._launch = clients, launch
        self._programs: list[Program] = []

    async def begin(self, connect: shim.Connect, deed: Deed | None) -> Order:
        if self._launch.command and not any(program.exit_status is None for program in self._programs):
            values = {"host": connect.host, "port": str(connect.port), "client": connect.client_id}
            values["edition"] = connect.edition
            self._programs.append(await self._clients.run(self._launch.command, values))
        return Order(connect)

    def order(self, told: shim.Order) -> Order:
        return Order(told)

    async def until(self, probe: Callable[[], P | None], within: float) -> P | None:
        return probe()

    def end(self) -> None:
        """End every program of the cell."""
        for program in self._programs:
            program.end()


class Unheeded:
    """Control over an empty client: it claims everything, connects when told, and does nothing else."""

    orders = True
    told = True

    def __init__(self, clients: EmptyClients) -> None:
        self.events: list[shim.Events] = []
        self.features = frozenset(shim.FEATURES)
        self._clients = clients

    async def begin(self, connect: shim.Connect, deed: Deed | None) -> Order:
        await self._clients.connect(connect.host, connect.port)
        return Order(connect)

    def order(self, told: shim.Order) -> Order:
        return Order(told)

    async def until(self, probe: Callable[[], P | None], within: float) -> P | None:
        await asyncio.sleep(within)
        return probe()


@asynccontextmanager
async def control_of(trial: Trial) -> AsyncIterator[Control]:
    """The control over the client under test for one trial. LaunchError when there is none to be had."""
    clients = trial.dut.clients
    if isinstance(clients, EmptyClients):
        yield Unheeded(clients)
        return
    if not isinstance(clients, Clients):
        raise LaunchError(f"{trial.dut.name}: its description does not say how it is told what to do ([launch])")
    launch = clients.launch
    if isinstance(launch, Commands | Itself):
        control = (
            Commanded(trial, clients, launch) if isinstance(launch, Commands) else Uncommanded(trial, clients, launch)
        )
        try:
            yield control
        finally:
            control.end()
        return
    async with shimmed(trial, clients) as one:
        yield one
