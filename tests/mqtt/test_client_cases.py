"""Cases for clients, against clients that do what the test wants.

There is no pass for what was not seen, and no blame for what the standard leaves open.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from suites.mqtt.client import tls, unsubscribe
from testbed.dut import Description, Dut, Endpoint
from testbed.findings import Inconclusive
from testbed.mqtt import shim
from testbed.mqtt.client import Client
from testbed.mqtt.control import Deed, Order
from testbed.mqtt.packets import Connect
from testbed.mqtt.properties import Property, props
from testbed.mqtt.scripted_broker import Connection
from testbed.trial import Trial

P = TypeVar("P")


class Refuses:
    """A client that says of every order that it was not carried out, and does nothing."""

    orders = told = True
    features = frozenset(shim.FEATURES)

    def __init__(self) -> None:
        self.events: list[shim.Events] = []

    async def begin(self, connect: shim.Connect, deed: Deed | None) -> Order:
        """Told to connect."""
        return self.order(connect)

    def order(self, told: shim.Order) -> Order:
        """Told something."""
        order = Order(told)
        order.reply = shim.Reply(told.id, ok=False, error="no licence")
        return order

    async def until(self, probe: Callable[[], P | None], within: float) -> P | None:
        """What `probe` says at once."""
        return probe()


def played(step: Callable[[Client], Awaitable[object]], control: Refuses, edition: str = "mqtt-5.0") -> None:
    """Run `step` on a client under `control`."""
    here = Endpoint("tcp", "127.0.0.1", 0)

    async def main() -> None:
        dut = Dut(Description("scripted", "mqtt-client", {"default": str(here)}), {"default": here})
        trial = Trial(dut, edition, "abc1", patience=0.4, quiet=0.05)
        try:
            await step(Client(trial, control))
        finally:
            trial.close()

    asyncio.run(main())


def test_a_client_that_only_says_no_has_refused_no_certificate() -> None:
    with pytest.raises(Inconclusive, match="broke off no handshake"):
        played(lambda client: tls._is_refused(client, "shows a bad certificate"), Refuses())


def test_no_more_is_sent_than_a_client_takes() -> None:
    async def step(client: Client) -> None:
        connection = Connection(client.trial, client.version, client._lives)
        connection.connect = Connect("c", properties=props({Property.RECEIVE_MAXIMUM: 2}))
        connection.holds(2, 1 << 20)
        with pytest.raises(Inconclusive, match="takes 2 messages at once, not 3"):
            connection.holds(3)
        connection.connect = Connect("c", properties=props({Property.MAXIMUM_PACKET_SIZE: 100}))
        connection.holds(65_535, 100)
        with pytest.raises(Inconclusive, match="takes packets of 100 bytes, not 101"):
            connection.holds(1, 101)

    played(step, Refuses())


def test_a_client_that_is_told_to_unsubscribe_and_refuses_is_not_blamed_for_its_utf_8() -> None:
    async def step(client: Client) -> None:
        connection = Connection(client.trial, client.version, client._lives)

        async def subscribed(*filters: object, **options: object) -> Connection:
            return connection

        client.subscribed = subscribed  # type: ignore[method-assign]
        await unsubscribe.its_filter_goes_out_as_utf_8(client, "é")

    with pytest.raises(Inconclusive, match="told to unsubscribe, and does not"):
        played(step, Refuses())
