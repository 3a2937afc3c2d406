"""The tester as an MQTT broker: one connection that the client under test has opened."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from testbed.findings import Inconclusive
from testbed.mqtt.answers import answer
from testbed.mqtt.codec import describe
from testbed.mqtt.conversation import Conversation
from testbed.mqtt.packets import (
    Connack,
    Connect,
    Disconnect,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    Unsubscribe,
    Version,
)
from testbed.mqtt.properties import Property, get, props
from testbed.mqtt.reasons import name as reason_name
from testbed.mqtt.wire import Text
from testbed.trial import Trial


class Connection(Conversation):
    """A scripted broker's end of a connection: it says what it is told and answers nothing by itself."""

    def __init__(self, trial: Trial, version: Version, alive: Callable[[Connection], Awaitable[None]]) -> None:
        """`alive` makes the client say something on this connection; Inconclusive when it does not."""
        super().__init__(trial, version)
        #: The CONNECT that was taken by `opened`.
        self.connect: Connect | None = None
        self._alive = alive
        self._last_id = 0
        #: The filters that were granted.
        self.granted: dict[Text, int] = {}

    def next_id(self) -> int:
        """A packet identifier that this connection has not used yet for messages of its own."""
        self._last_id += 1
        return self._last_id

    def announced(self, name: int, default: Any = None) -> Any:
        """A property of the client's CONNECT."""
        return get(self.connect.properties, name, default) if self.connect else default

    # -- set-up: Inconclusive when it does not work

    def holds(self, messages: int, size: int = 0) -> None:
        """The client takes so many messages with QoS above 0 at once, and packets of `size` bytes: a server may send
        no more than its CONNECT allows (5.0 sections 3.1.2.11.3 and .4). Inconclusive otherwise."""
        most = self.announced(Property.RECEIVE_MAXIMUM, 65_535)
        if messages > most:
            raise Inconclusive(f"the client takes {most} messages at once, not {messages}", cause="Receive Maximum")
        largest = self.announced(Property.MAXIMUM_PACKET_SIZE, size)
        if size > largest:
            raise Inconclusive(
                f"the client takes packets of {largest} bytes, not {size}", cause="Maximum Packet Size"
            )

    async def opened(self) -> Connect:
        """The client's CONNECT, in the edition under test."""
        packet = await self.until(lambda: self.inbox[0] if self.inbox else None)
        if not isinstance(packet, Connect):
            self.unprepared("the client did not begin with CONNECT", cause="no CONNECT")
        self.inbox.remove(packet)
        level = packet.protocol_level or self.version
        if level != self.version:
            raise Inconclusive(f"CONNECT has protocol level {level}, not {int(self.version)}", cause="other version")
        self.connect = packet
        return packet

    async def begins(self) -> Connect:
        """The client's CONNECT, as `opened`; Violation when its first packet is another one, or does not read."""
        packet = await self.until(lambda: self.inbox[0] if self.inbox else None)
        if packet is not None and not isinstance(packet, Connect):
            self.violated("a well-formed CONNECT as the client's first packet", describe(packet))
        return await self.opened()

    async def asked(
        self, kind: type[Any], where: Callable[[Any], bool] | None = None, *, within: float | None = None
    ) -> Any:
        """The next packet of `kind` that the client was told to send."""
        packet = await self.maybe(kind, where, within=within)
        if packet is None:
            self.unprepared(f"the client was told to, but sent no {kind.kind}", cause=f"sends no {kind.kind}")
        return packet

    async def accept(self, session_present: bool = False, properties: Any = ()) -> None:
        """Send a CONNACK that accepts."""
        await self.send(Connack(session_present, 0, props(properties)))

    async def grant(self, subscribe: Subscribe, *codes: int) -> None:
        """Answer a SUBSCRIBE with `codes`, by default the QoS values it asks for."""
        given = codes or tuple(one.qos for one in subscribe.subscriptions)
        for one, code in zip(subscribe.subscriptions, given, strict=False):
            if code < 0x80:
                self.granted[one.filter] = code
        await self.send(Suback(subscribe.packet_id, given))

    async def release(self, unsubscribe: Unsubscribe) -> None:
        """Answer an UNSUBSCRIBE with success."""
        for one in unsubscribe.filters:
            self.granted.pop(one, None)
        said = answer(unsubscribe, self.version)
        assert said is not None
        await self.send(said)

    async def acknowledge(self, publish: Publish) -> None:
        """Carry the receiver's half of the handshake for the client's PUBLISH through."""
        number = publish.packet_id or 0
        if publish.qos == 1:
            await self.send(Puback(number))
        elif publish.qos == 2:
            await self.send(Pubrec(number))
            if await self.maybe(Pubrel, lambda p: p.packet_id == number) is None:
                self.unprepared("PUBREC was not answered by PUBREL", cause="no answer to PUBREC")
            await self.send(Pubcomp(number))

    async def deliver(
        self, topic: Text, payload: bytes = b"", qos: int = 0, *, retain: bool = False, properties: Any = ()
    ) -> int:
        """Send a PUBLISH and carry the sender's half of the handshake through; returns the packet identifier (0 for
        QoS 0, which nobody answers)."""
        number = self.next_id() if qos else None
        await self.send(Publish(topic, payload, qos, retain, False, number, props(properties)))
        if number is not None:
            answer = await self.maybe(Puback if qos == 1 else Pubrec, lambda p: p.packet_id == number)
            if answer is None:
                self.unprepared(f"PUBLISH with QoS {qos} was not acknowledged", cause=f"no answer to QoS {qos}")
            if qos == 2:
                await self.send(Pubrel(number))
                if await self.maybe(Pubcomp, lambda p: p.packet_id == number) is None:
                    self.unprepared("PUBREL was not answered by PUBCOMP", cause="no answer to PUBREL")
        return number or 0

    async def settled(self) -> None:
        """A round trip: the client has read everything sent so far on this connection, and lives."""
        await self._alive(self)

    # -- what must not come, and what must end

    async def receives_no(
        self,
        kind: type[Any] | tuple[type[Any], ...],
        where: Callable[[Any], bool] | None = None,
        *,
        for_: float | None = None,
        because: str = "",
    ) -> None:
        """No packet of `kind` (that fits `where`) comes within the quiet window, and the client lives afterwards:
        silence is evidence only from the living."""
        packet = await self.maybe(kind, where, within=self.trial.quiet if for_ is None else for_)
        if packet is None:
            await self.settled()
            packet = self.take(kind, where)
        if packet is not None:
            kinds = kind if isinstance(kind, tuple) else (kind,)
            self.violated(f"no {' or '.join(one.kind for one in kinds)} {because}".strip(), describe(packet))

    async def is_alive(self) -> None:
        """The client goes on with this connection. Violation when it has ended."""
        try:
            await self.settled()
        except Inconclusive:
            if self.ended_at is not None:
                self.violated("the client to go on with the connection")
            raise

    async def _goes_on(self) -> bool:
        """Whether the client answers what it is sent or told now."""
        try:
            await self.settled()
        except Inconclusive:
            return False
        finally:
            self._changed.set()
        return True

    async def is_closed_by_client(
        self, *, reason: int | Collection[int] | None = None, within: float | None = None, because: str = ""
    ) -> Disconnect | None:
        """The client ends the connection. It may say DISCONNECT first (returned), with one of `reason` where the
        standard leaves no other. An end by reset is an end. A client that goes on, and shows it by an answer to what
        came later, is not waited for any longer."""
        if self.hung_up:
            raise RuntimeError("the case has closed this connection itself, so its end says nothing of the client")
        loop = asyncio.get_running_loop()
        deadline = loop.time() + (self.trial.patience if within is None else within)
        went_on = False
        await self.until(lambda: self.ended_at, min(deadline - loop.time(), self.trial.quiet))
        if self.ended_at is None:
            going_on = asyncio.ensure_future(self._goes_on())
            try:
                await self.until(
                    lambda: self.ended_at or (going_on.done() and going_on.result()) or None, deadline - loop.time()
                )
                await self.until(lambda: self.ended_at, min(max(deadline - loop.time(), 0), self.trial.quiet))
                went_on = going_on.done() and going_on.result()
            finally:
                going_on.cancel()
        disconnect = self.take(Disconnect)
        if self.ended_at is None:
            said = ", then ".join([*map(describe, self.inbox[:4]), "it went on, and answered what came later"])
            self.violated(f"the client to close the connection {because}".strip(), said if went_on else "")
        allowed = (reason,) if isinstance(reason, int) else reason
        if disconnect is not None and allowed is not None and disconnect.code not in allowed:
            names = " or ".join(f"0x{code:02X} {reason_name(code, 'DISCONNECT')}" for code in allowed)
            self.violated(f"DISCONNECT with {names}", describe(disconnect))
        return disconnect
