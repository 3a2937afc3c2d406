"""Clients that can connect and nothing else: a CONNECT as it was ordered, the word that all is well, then silence,
an echo, noise or an end. They claim every feature and call every order done."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from testbed.mqtt import shim
from testbed.mqtt.codec import encode
from testbed.mqtt.control import Control, Deed, Order
from testbed.mqtt.packets import Connect, Version, Will
from testbed.mqtt.properties import Property, PropertyValue, props
from testbed.trial import Trial

P = TypeVar("P")
VERSIONS = {"mqtt-3.1.1": Version.V311, "mqtt-5.0": Version.V5}


class Silent(asyncio.Protocol):
    """Says CONNECT, and takes whatever comes."""

    def __init__(self, connect: bytes) -> None:
        self.connect = connect

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self.connect)


class Echo(Silent):
    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class HangsUp(Silent):
    def data_received(self, data: bytes) -> None:
        self.transport.close()


class HangsUpLater(Silent):
    """Bears the CONNACK, and ends the connection when more comes."""

    borne = False

    def data_received(self, data: bytes) -> None:
        if self.borne:
            self.transport.close()
        self.borne = True


class Babbler(Silent):
    def data_received(self, data: bytes) -> None:
        noise = random.Random(len(data))
        self.transport.write(noise.randbytes(1 + noise.randrange(64)))


KINDS: dict[str, type[Silent]] = {
    "silent": Silent,
    "echo": Echo,
    "hangs up": HangsUp,
    "hangs up later": HangsUpLater,
    "babbler": Babbler,
}


class Idle:
    """Control over such a client."""

    orders = True
    told = True
    features = frozenset(shim.FEATURES)

    def __init__(self, kind: str) -> None:
        self.events: list[shim.Events] = []
        self._kind = KINDS[kind]
        self._transports: list[asyncio.BaseTransport] = []

    async def begin(self, connect: shim.Connect, deed: Deed | None) -> Order:
        packet = encode(_packet(connect), VERSIONS[connect.edition])
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(lambda: self._kind(packet), connect.host, connect.port)
        self._transports.append(transport)
        return self.order(connect)

    def order(self, told: shim.Order) -> Order:
        order = Order(told)
        order.reply = shim.Reply(0, True)
        return order

    async def until(self, probe: Callable[[], P | None], within: float) -> P | None:
        found = probe()
        if found is None:
            await asyncio.sleep(within)
            found = probe()
        return found

    def close(self) -> None:
        for transport in self._transports:
            transport.close()


def _packet(told: shim.Connect) -> Connect:
    will = None
    if told.will is not None:
        one = told.will
        will = Will(one.topic, bytes.fromhex(one.payload), one.qos, one.retain, _properties(one.properties))
    password = None if told.password is None else told.password.encode()
    return Connect(
        told.client_id, told.clean, told.keep_alive, will, told.username, password, _properties(told.properties)
    )


def _properties(named: dict[str, shim.Value]) -> tuple[tuple[int, PropertyValue], ...]:
    found: list[tuple[Property, PropertyValue]] = []
    for name, value in named.items():
        number = Property[name.upper()]
        if number is Property.USER_PROPERTY and isinstance(value, list):
            found += [(number, (str(pair[0]), str(pair[1]))) for pair in value if isinstance(pair, list)]
        elif number in (Property.AUTHENTICATION_DATA, Property.CORRELATION_DATA):
            found.append((number, bytes.fromhex(str(value))))
        elif isinstance(value, int | str):
            found.append((number, value))
    return props(found)


@asynccontextmanager
async def control_of(trial: Trial) -> AsyncIterator[Control]:
    """What stands in the place of the tester's own: the device has the name of its kind."""
    idle = Idle(trial.dut.name)
    try:
        yield idle
    finally:
        idle.close()
