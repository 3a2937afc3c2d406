"""The tester as an MQTT client: one connection to the broker under test."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from testbed.findings import Inconclusive
from testbed.mqtt.codec import describe
from testbed.mqtt.conversation import Conversation
from testbed.mqtt.packets import (
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
    Version,
)
from testbed.mqtt.properties import get, props
from testbed.mqtt.reasons import name as reason_name
from testbed.mqtt.wire import Text
from testbed.trial import Trial


class Client(Conversation):
    """A scripted client: it says what it is told and answers nothing by itself."""

    def __init__(self, trial: Trial, version: Version) -> None:
        super().__init__(trial, version)
        self.id = ""
        self.connack: Connack | None = None
        self._last_id = 0

    # -- names

    def next_id(self) -> int:
        """A packet identifier that this connection has not used yet."""
        self._last_id += 1
        return self._last_id

    def announced(self, name: int, default: Any = None) -> Any:
        """A property of the broker's CONNACK."""
        return get(self.connack.properties, name, default) if self.connack else default

    # -- set-up: Inconclusive when it does not work

    async def connect(self, packet: Connect) -> Connack:
        """Send CONNECT and require a CONNACK that accepts it."""
        await self.send(packet)
        connack = await self.maybe(Connack)
        if connack is None:
            self.unprepared("CONNECT was not answered by CONNACK", cause="no connection")
        if connack.code:
            raise Inconclusive(f"CONNECT was refused: {describe(connack)}", cause="connection refused")
        given = packet.client_id
        self.id = given if isinstance(given, str) else ""
        self.connack = connack
        return connack

    async def subscribed(
        self, *filters: str | Subscription, qos: int = 0, properties: Any = (), **options: Any
    ) -> Suback:
        """Subscribe to filters, at `qos` and with subscription `options` for those given as text; every one must
        be granted as asked."""
        wanted = tuple(f if isinstance(f, Subscription) else Subscription(f, qos, **options) for f in filters)
        request = Subscribe(self.next_id(), wanted, props(properties))
        await self.send(request)
        suback = await self.maybe(Suback, lambda p: p.packet_id == request.packet_id)
        if suback is None:
            self.unprepared("SUBSCRIBE was not answered by SUBACK")
        if len(suback.codes) != len(wanted):
            raise Inconclusive(f"{len(wanted)} subscriptions were answered by {describe(suback)}")
        for code, one in zip(suback.codes, wanted, strict=False):
            if code >= 0x80:
                raise Inconclusive(f"the subscription to {one.filter!r} was refused: {describe(suback)}")
            if code < one.qos:
                raise Inconclusive(
                    f"QoS {one.qos} was asked for and QoS {code} granted",
                    cause=f"grants QoS {code} for {one.qos}",
                )
        return suback

    async def unsubscribed(self, *filters: str) -> Unsuback:
        """Unsubscribe from filters and require the UNSUBACK."""
        request = Unsubscribe(self.next_id(), filters)
        await self.send(request)
        unsuback = await self.maybe(Unsuback, lambda p: p.packet_id == request.packet_id)
        if unsuback is None:
            self.unprepared("UNSUBSCRIBE was not answered by UNSUBACK")
        return unsuback

    async def published(
        self, topic: str, payload: bytes = b"", *, qos: int = 0, retain: bool = False, properties: Any = ()
    ) -> int:
        """Publish and carry the handshake through; returns the packet identifier (0 for QoS 0). The broker may
        say that nobody listens (0x10), not that it refuses. QoS 0 is followed by a round trip of PINGREQ."""
        if qos == 0:
            await self.send(Publish(topic, payload, 0, retain, properties=props(properties)))
            await self.settled()
            return 0
        number = self.next_id()
        await self.send(Publish(topic, payload, qos, retain, False, number, props(properties)))
        await self.handshaken(number, qos)
        return number

    async def handshaken(self, number: int, qos: int) -> None:
        """Carry the sender's half of the handshake for packet `number` through."""
        answer = await self.maybe(Puback if qos == 1 else Pubrec, lambda p: p.packet_id == number)
        if answer is None:
            self.unprepared(f"PUBLISH with QoS {qos} was not acknowledged", cause=f"no answer to QoS {qos}")
        if answer.code >= 0x80:
            raise Inconclusive(f"PUBLISH was refused: {describe(answer)}")
        if qos == 2:
            await self.send(Pubrel(number))
            done = await self.maybe(Pubcomp, lambda p: p.packet_id == number)
            if done is None:
                self.unprepared("PUBREL was not answered by PUBCOMP", cause="no answer to PUBREL")

    async def settled(self) -> None:
        """A round trip: the broker has read everything sent so far on this connection, and lives."""
        await self.send(Pingreq())
        if await self.maybe(Pingresp) is None:
            self.unprepared("PINGREQ was not answered by PINGRESP", cause="no answer to PINGREQ")

    async def disconnect(self, code: int = 0, properties: Any = ()) -> None:
        """Say DISCONNECT and close. The broker should close first, and then has read it: that is waited for, as
        another connection may overtake; one that leaves it to us gets a second."""
        await self.send(Disconnect(code, props(properties)))
        await self.until(lambda: None, within=min(1.0, self.trial.patience))
        self.close()

    # -- the receiver's half

    async def message(
        self,
        topic: str | None = None,
        *,
        within: float | None = None,
        accept: bool = True,
        because: str = "",
        **fields: Any,
    ) -> Publish:
        """The next PUBLISH (on `topic`), its `fields` as given. With `accept` its handshake is carried through."""
        where = None if topic is None else lambda p: p.topic == topic
        if topic is not None:
            because = f"on {topic} {because}".strip()
        packet = await self.expect(Publish, where, within=within, because=because, **fields)
        if accept:
            await self.accept(packet)
        return packet

    async def delivered(self, topic: Text | None = None, *, within: float | None = None, **fields: Any) -> Publish:
        """The next PUBLISH (on `topic`), unanswered. That one comes is set-up, so Inconclusive otherwise; that its
        `fields` are as given is an expectation."""
        packet = await self.maybe(Publish, None if topic is None else lambda p: p.topic == topic, within=within)
        if packet is None:
            self.unprepared("the message was not delivered")
        for name, value in fields.items():
            if getattr(packet, name) != value:
                self.violated(self._wanted(Publish, fields, ""), describe(packet))
        return packet

    async def accept(self, packet: Publish) -> None:
        """Answer a PUBLISH as its QoS demands."""
        if packet.qos == 1 and packet.packet_id is not None:
            await self.send(Puback(packet.packet_id))
        elif packet.qos == 2 and packet.packet_id is not None:
            number = packet.packet_id
            await self.send(Pubrec(number))
            await self.expect(Pubrel, lambda p: p.packet_id == number, because="after our PUBREC")
            await self.send(Pubcomp(number))

    async def all_messages(self, *, for_: float | None = None, accept: bool = True) -> list[Publish]:
        """Every PUBLISH that comes until it has been quiet for `for_` seconds (default: the quiet window), proven
        by a round trip. Inconclusive when the broker does not live afterwards."""
        found: list[Publish] = []
        window = self.trial.quiet if for_ is None else for_
        while (packet := await self.maybe(Publish, within=window)) is not None:
            found.append(packet)
            if accept:
                await self.accept(packet)
        await self.settled()
        while (packet := self.take(Publish)) is not None:
            found.append(packet)
            if accept:
                await self.accept(packet)
        return found

    # -- what must not come, and what must end

    async def receives_no(
        self,
        kind: type[Packet] = Publish,  # type: ignore[assignment]
        where: Callable[[Any], bool] | None = None,
        *,
        for_: float | None = None,
        because: str = "",
    ) -> None:
        """No packet of `kind` (that fits `where`) comes within the quiet window, and the broker still answers
        afterwards: silence is evidence only from the living."""
        packet = await self.maybe(kind, where, within=self.trial.quiet if for_ is None else for_)
        if packet is None:
            await self.settled()
            packet = self.take(kind, where)
        if packet is not None:
            self.violated(f"no {kind.kind} {because}".strip(), describe(packet))

    async def is_alive(self) -> None:
        """The broker answers PINGREQ on this connection."""
        await self.send(Pingreq())
        await self.expect(Pingresp, because="to our PINGREQ: the connection must still be served")

    async def is_closed_by_broker(
        self, *, reason: int | Collection[int] | None = None, within: float | None = None, because: str = ""
    ) -> Disconnect | None:
        """The broker ends the connection. It may say DISCONNECT first (returned), with one of `reason` where the
        standard leaves no other. An end by reset is an end. That a 3.1.1 server has no DISCONNECT to say is in no
        numbered statement, so there too the close is what counts."""
        if self.hung_up:
            raise RuntimeError("the case has closed this connection itself, so its end says nothing of the broker")
        ended = await self.until(lambda: self.ended_at, within)
        disconnect = self.take(Disconnect)
        if ended is None and self.ended_at is None:
            self.violated(f"the broker to close the connection {because}".strip())
        if disconnect is None:
            return None
        allowed = (reason,) if isinstance(reason, int) else reason
        if allowed is not None and disconnect.code not in allowed:
            names = " or ".join(f"0x{code:02X} {reason_name(code, 'DISCONNECT')}" for code in allowed)
            self.violated(f"DISCONNECT with {names}", describe(disconnect))
        return disconnect

    async def is_not_granted(self, *subscriptions: Subscription, because: str = "") -> None:
        """Subscribe; the broker refuses, either by a SUBACK that grants none of `subscriptions` or by closing."""
        request = Subscribe(self.next_id(), subscriptions)
        await self.send(request)
        suback = await self.maybe(Suback, lambda p: p.packet_id == request.packet_id)
        if suback is None and self.ended_at is None:
            self.violated(f"the subscription refused {because}".strip())
        if suback is not None and (not suback.codes or min(suback.codes) < 0x80):
            self.violated(f"the subscription refused {because}".strip(), describe(suback))

    async def is_refused(
        self, codes: Collection[int] | None = None, *, must_answer: bool = False, because: str = ""
    ) -> Connack | None:
        """The CONNECT just sent is not accepted: the broker closes, with or (unless `must_answer`) without a
        CONNACK before; a CONNACK carries one of `codes`, or any code but 0."""
        connack = await self.maybe(Connack)
        if connack is None and self.ended_at is None:
            self.violated(f"the CONNECT refused and the connection closed {because}".strip())
        if connack is None and must_answer:
            self.violated(f"a CONNACK that refuses the CONNECT {because}".strip())
        if connack is not None:
            if connack.code == 0:
                self.violated(f"the CONNECT refused {because}".strip(), describe(connack))
            if codes is not None and connack.code not in codes:
                names = " or ".join(f"0x{code:02X}" for code in codes)
                self.violated(f"CONNACK with code {names} {because}".strip(), describe(connack))
        if await self.until(lambda: self.ended_at) is None and self.ended_at is None:
            self.violated("the broker to close the connection after it refused the CONNECT", "connection open")
        return connack
