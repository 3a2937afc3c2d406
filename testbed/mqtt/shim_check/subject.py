"""The shim under check: orders to it, what it says, and the broker it is told to connect to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from testbed.dut import Endpoint
from testbed.launch.lines import Lines
from testbed.mqtt import shim
from testbed.mqtt.codec import describe
from testbed.mqtt.handle import VERSIONS
from testbed.mqtt.naming import named
from testbed.mqtt.packets import Version
from testbed.mqtt.plain_broker import PlainBroker, Visit

P = TypeVar("P")
#: Seconds within which an order is answered, whatever happens; `connect`: those of its `timeout`, and these beyond.
ANSWER, BEYOND = 6.0, 1.0
#: Seconds for what goes over a loopback connection, and for being sure that nothing more comes.
WIRE, QUIET = 3.0, 0.3
_LOOK = 0.05
#: Events of one check that are kept.
MOST_EVENTS = 10_000
READ_DOCS = "docs/shims.md says what is owed"


class Fault(Exception):
    """A check did not go well."""

    def __init__(self, expected: str, came: str, remedy: str = READ_DOCS) -> None:
        super().__init__(expected)
        self.expected, self.came, self.remedy = expected, came, remedy


class Broken(Fault):
    """The shim is of no more use: it has ended, hangs, or says what keeps no format."""


class Subject:
    """A shim that has said that it is ready, in one edition."""

    def __init__(self, lines: Lines, ready: shim.Ready, edition: str, broker: PlainBroker, work: Path) -> None:
        self.lines, self.ready, self.edition, self.broker, self.work = lines, ready, edition, broker, work
        #: Where the broker listens, set by the checks.
        self.where = Endpoint("tcp", "127.0.0.1", 0)
        self.events: list[shim.Events] = []
        self.replies: dict[int, shim.Reply] = {}
        self._open: set[int] = set()
        #: Connections that were ordered, for `connects_only_when_told`.
        self.ordered = 0

    @property
    def v5(self) -> bool:
        return VERSIONS[self.edition] == Version.V5

    def has(self, *features: str) -> bool:
        """Whether it names all of `features`."""
        return all(feature in self.ready.features for feature in features)

    # -- orders

    def begin(self, told: shim.Order) -> int:
        """Give an order; its id."""
        told.id = self.lines.count = self.lines.count + 1
        self._open.add(told.id)
        self.lines.say(msgspec.json.encode(told))
        return told.id

    def begin_raw(self, members: Mapping[str, Any]) -> int:
        """Give an order that is none of the format's; its id."""
        number = self.lines.count = self.lines.count + 1
        self._open.add(number)
        self.lines.say(json.dumps({"id": number, **members}).encode())
        return number

    async def reply(self, number: int, within: float | None = None, to: str = "the order") -> shim.Reply:
        """The answer to an order. `Broken` when none comes in time."""
        within = ANSWER if within is None else within
        found = await self.heard(lambda: self.replies.get(number), within)
        if found is None:
            remedy = "answer every order once, with its id, whatever the library does"
            raise Broken(f"a reply to {to} within {within:g} s", "none", remedy)
        return found

    async def order(self, told: shim.Order, within: float | None = None) -> shim.Reply:
        """Give an order and wait for its answer."""
        return await self.reply(self.begin(told), within, to=_name(told))

    async def done(self, told: shim.Order, within: float | None = None) -> shim.Reply:
        """An order that must succeed."""
        return self.succeeded(await self.order(told, within), _name(told))

    @staticmethod
    def succeeded(reply: shim.Reply, what: str) -> shim.Reply:
        if not reply.ok:
            raise Fault(f"{what} to be answered with ok true", _said(reply))
        return reply

    @staticmethod
    def refused(reply: shim.Reply, what: str) -> shim.Reply:
        """An order that cannot have been done."""
        if reply.ok:
            raise Fault(f"{what} to be answered with ok false", _said(reply))
        return reply

    def codes(self, reply: shim.Reply, *expected: int) -> None:
        """The codes of a reply, where the shim says that it tells them."""
        if self.has("codes") and reply.codes != list(expected):
            remedy = "tell the codes that came, or do not name the feature codes"
            raise Fault(f"codes {list(expected)}", f"codes {reply.codes}", remedy)

    # -- connections

    def to_connect(self, **members: Any) -> shim.Connect:
        """An order to connect to the broker."""
        where = members.pop("where", self.where)
        self.ordered += 1
        more = {"transport": where.transport, "path": where.path, **members}
        return shim.Connect(0, where.host, where.port, self.edition, **{"client_id": "check", **more})

    async def connected(self, **members: Any) -> Visit:
        """A new connection with CONNACK."""
        before = len(self.broker.visits)
        reply = await self.done(self.to_connect(**members), 10 + BEYOND)
        if len(self.broker.visits) <= before:
            raise Fault("a connection to the host and port of the order", f"none, but {_said(reply)}")
        self.codes(reply, 0)
        return self.broker.visits[-1]

    async def arrived(self, before: int) -> Visit:
        """The connection after the first `before`, with its CONNECT."""

        def came() -> Visit | None:
            return next((visit for visit in self.broker.visits[before:] if visit.packets), None)

        visit = await self.wire(came)
        if visit is None:
            raise Fault("a CONNECT", self._instead("none"))
        return visit

    async def sent(self, visit: Visit, kind: type[P], where: Callable[[P], bool] = lambda packet: True) -> P:
        """A packet of `kind` that the client sends. `Fault` says what came instead."""
        found = await self.wire(lambda: [one for one in visit.all(kind) if where(one)])
        if found:
            return found[0]
        said = [describe(packet) for packet in visit.packets[-3:]]
        raise Fault(f"{kind.kind} on the wire", self._instead(", ".join(said) or "nothing"))  # type: ignore[attr-defined]

    async def wire(self, probe: Callable[[], P | None], within: float | None = None) -> P | None:
        """What `probe` finds out of what came over the wire; None when nothing does. `Broken` when the shim is."""
        deadline = asyncio.get_running_loop().time() + (WIRE if within is None else within)
        while not (found := await self.broker.until(probe, _LOOK)):
            self._listen()
            self._lives()
            if asyncio.get_running_loop().time() > deadline:
                return None
        return found

    def _lives(self) -> None:
        if self.lines.failure:
            expected = "the shim to live and to print one JSON object a line"
            raise Broken(expected, f"it {self.lines.failure}", _MEND)

    def _instead(self, said: str) -> str:
        last = max(self.replies, default=0)
        return f"{said}; the shim said last {_said(self.replies[last])}" if last else said

    # -- what it says

    async def heard(self, probe: Callable[[], P | None], within: float) -> P | None:
        """What `probe` returns as soon as it is not None, asked whenever the shim said something."""
        deadline = asyncio.get_running_loop().time() + within
        while True:
            self.lines.changed.clear()
            self._listen()
            found = probe()
            if found is not None:
                return found
            if self.lines.failure:
                raise Broken(
                    "the shim to live and to print one JSON object a line", f"it {self.lines.failure}", _MEND
                )
            try:
                async with asyncio.timeout_at(deadline):
                    await self.lines.changed.wait()
            except TimeoutError:
                self._listen()
                return probe()

    async def event(self, kind: type[P], what: str, within: float | None = None) -> P:
        """The next event of `kind`."""

        def take() -> P | None:
            for index, one in enumerate(self.events):
                if isinstance(one, kind):
                    del self.events[index]
                    return one
            return None

        found = await self.heard(take, WIRE if within is None else within)
        if found is None:
            raise Fault(what, "none")
        return found

    async def silence(self, seconds: float = QUIET) -> None:
        """Take in what comes for a while."""
        await self.heard(lambda: None, seconds)

    def _listen(self) -> None:
        while (said := self.lines.take()) is not None:
            try:
                if "event" in said:
                    self._happened(said)
                else:
                    self._replied(msgspec.convert(said, shim.Reply))
            except msgspec.ValidationError as error:
                shown = json.dumps(said)[:200]
                remedy = "schemas/formats/shim-said.schema.json has the format"
                raise Broken("a reply or an event", f"{shown}: {error}", remedy) from None

    def _happened(self, said: dict[str, Any]) -> None:
        kind = {"message": shim.Message, "lost": shim.Lost}.get(str(said["event"]))
        if kind is None:
            return
        if len(self.events) >= MOST_EVENTS:
            raise Broken("events for what happened", f"more than {MOST_EVENTS} of them", "tell each thing once")
        self.events.append(msgspec.convert(said, kind))

    def _replied(self, reply: shim.Reply) -> None:
        if reply.id in self._open:
            self._open.discard(reply.id)
            self.replies[reply.id] = reply
        elif reply.id:
            again = " again" if reply.id in self.replies else ", which nobody gave"
            remedy = "answer each order once, with the id that it has"
            raise Broken("replies to the orders that are open", f"a reply to order {reply.id}{again}", remedy)


_MEND = "its standard error says more; run the command by hand and give it an order"


def same(what: str, expected: object, came: object, remedy: str = "pass on what the order says") -> None:
    """`Fault` unless both are equal."""
    if expected != came:
        raise Fault(f"{what} {expected!r}", f"{came!r}", remedy)


def has_properties(packet: Any, expected: Mapping[str, shim.Value]) -> None:
    """The packet has at least these properties, by the names of the shim's format."""
    came = named(packet.properties)
    for name, value in expected.items():
        same(f"the property {name}", _shape(value), _shape(came.get(name)))


async def one_by_one(
    properties: Mapping[str, shim.Value],
    alone: Callable[[dict[str, shim.Value]], Awaitable[tuple[shim.Reply, list[Any]]]],
) -> None:
    """Each of `properties` is passed on, or refused before anything is sent; user properties are passed on. `alone`
    gives an order with one, and returns the reply and the packets that it led to."""
    for name, value in properties.items():
        reply, packets = await alone({name: value})
        if not reply.ok:
            remedy = "refuse an order before anything is sent, or pass it on"
            same(f"packets for a property {name} that is refused", 0, len(packets), remedy)
        elif not packets:
            raise Fault(f"a packet with the property {name}", f"none, and {_said(reply)}")
        else:
            has_properties(packets[-1], {name: value})
        if name == "user_property":
            Subject.succeeded(reply, "user properties")


def told_properties(found: Mapping[str, shim.Value], expected: Mapping[str, shim.Value]) -> None:
    """The shim tells at least these properties."""
    for name, value in expected.items():
        remedy = "tell the properties that came, or do not name the feature properties"
        same(f"the property {name}", _shape(value), _shape(found.get(name)), remedy)


def _shape(value: Any) -> Any:
    """Pairs as lists, however they came."""
    return [list(one) if isinstance(one, tuple) else one for one in value] if isinstance(value, list) else value


def _name(told: shim.Order) -> str:
    return f"`{type(told).__name__.lower()}`"


def _said(reply: shim.Reply) -> str:
    return msgspec.json.encode(reply).decode()[:300]
