"""What it is to tell a client what to do, whatever the means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from testbed.mqtt import shim

P = TypeVar("P")
#: What a case tells a client to do once it is connected.
Deed = shim.Publish | shim.Subscribe


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
