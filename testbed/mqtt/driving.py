"""The means by which a client under test is told what to do: a shim, a command line, or none at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from testbed.dut import Commands, Itself
from testbed.findings import Inconclusive
from testbed.launch.clients import Clients, Program
from testbed.launch.empty import EmptyClients
from testbed.launch.placed import LaunchError
from testbed.launch.programs import fill_any
from testbed.mqtt import shim
from testbed.mqtt.control import Control, Deed, Order
from testbed.mqtt.shimmed import shimmed
from testbed.trial import Trial

P = TypeVar("P")


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
                words += [fill_any(word, more) for word in self._launch.options[name]]
        unsayable = next((name for name, value in values.items() if not sayable(value)), "")
        if unsayable:
            raise Inconclusive(
                f"its {unsayable} cannot be said on a command line", cause="not said on a command line"
            )
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


def sayable(value: str) -> bool:
    """Whether a text can be an argument of a program: it ends at U+0000, and Linux takes 128 KiB of one."""
    return "\0" not in value and len(value.encode(errors="replace")) < 1 << 17


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
