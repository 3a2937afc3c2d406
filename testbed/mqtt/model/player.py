"""Plays moves against a broker; after each, everything that came is held against the model (`settling`)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from testbed.findings import Inconclusive
from testbed.mqtt.codec import describe
from testbed.mqtt.model import fitting, rules, topics
from testbed.mqtt.model.blame import Foul
from testbed.mqtt.model.ledger import Message
from testbed.mqtt.model.line import Line
from testbed.mqtt.model.moves import (
    Begin,
    Connect,
    Disconnect,
    Drop,
    Finish,
    Hold,
    Move,
    Moves,
    Overlook,
    Publish,
    Release,
    Subscribe,
    Unsubscribe,
    WillOf,
    told,
)
from testbed.mqtt.model.rules import Departure
from testbed.mqtt.model.settling import Settling
from testbed.mqtt.model.speaking import connect_packet, publish_packet, subscribe_packet
from testbed.mqtt.model.world import Features, Session
from testbed.mqtt.packets import (
    Connack,
    Puback,
    Pubcomp,
    Pubrec,
    Pubrel,
    Suback,
    Unsuback,
)
from testbed.mqtt.packets import Disconnect as DisconnectPacket
from testbed.mqtt.packets import Publish as PublishPacket
from testbed.mqtt.packets import Unsubscribe as UnsubscribePacket
from testbed.mqtt.properties import Property, props
from testbed.mqtt.reasons import Reason
from testbed.trial import Trial


class Player(Settling):
    """One conversation. Fouls whose signature is in `tolerated` are passed over, the first other one is raised.
    Moves that cannot be made are left out; with `strict` they make the conversation inconclusive."""

    def __init__(
        self,
        trial: Trial,
        features: Features,
        *,
        patience: float = 0.0,
        tolerated: Iterable[tuple[str, str]] = (),
        strict: bool = False,
    ) -> None:
        super().__init__(trial, features, patience=patience, tolerated=tolerated)
        #: The moves that were made, fitted to the broker.
        self.made: list[Move] = []
        self._strict = strict
        #: Who has which will: its payload and topic.
        self._wills: dict[str, tuple[WillOf, bytes]] = {}
        self._ids = 0

    async def play(self, moves: Moves) -> None:
        """Make all moves that fit, then wait for what nobody is owed. Foul, or Inconclusive."""
        try:
            await self._play(moves)
        except Foul as one:
            one.moves, one.overlooked = tuple(self.made), tuple(sorted(self.overlooked))
            raise

    async def _play(self, moves: Moves) -> None:
        for move in moves:
            if isinstance(move, Overlook):
                self._tolerated.add((move.requirement, move.kind))
                continue
            fitted = fitting.adapted(move, self.world.features)
            if fitted is None or not fitting.fits(self.world, fitted):
                if self._strict:
                    raise Inconclusive(f"a move cannot be made here: {told(move)}", cause="a move cannot be made")
                continue
            if self._strict and fitted != move:
                raise Inconclusive(
                    f"the broker lacks what a move needs: {told(move)}", cause="the broker lacks what a move needs"
                )
            self.made.append(fitted)
            await self._make(fitted)
            await self._settle()
        await asyncio.sleep(min(self.trial.quiet, self._patience) / 4)
        await self._settle()

    # -- moves

    async def _make(self, move: Move) -> None:
        match move:
            case Connect():
                await self._connect(move)
            case Disconnect() | Drop():
                await self._leave(move)
            case Subscribe():
                await self._subscribe(move)
            case Unsubscribe():
                await self._unsubscribe(move)
            case Publish():
                await self._publish(move)
            case Begin():
                await self._begin(move)
            case Finish():
                await self._finish(move)
            case Hold():
                line, client = self._lines[move.who], self.world.clients[move.who]
                line.hold = client.hold = "half" if move.half else "all"
            case Release():
                self._release(move.who)

    async def _connect(self, move: Connect) -> None:
        world, client = self.world, self.world.clients[move.who]
        present = rules.presence(world, move)
        old = self._lines.get(move.who)
        payload = b"will %d" % next(world.numbers)
        if move.will is not None:
            await self._watch(move.will.topic)
        if client.connected:
            self._drain(move.who)
            self._departed(move.who, rules.departs(world, move.who, move))
        line = Line(self.trial, self.broker.version)
        await line.open()
        packet = connect_packet(self.broker, move, payload)
        await line.send(packet)
        connack = await line.maybe(Connack, within=max(self._patience, 1.0))
        line.connack = connack
        if connack is None or connack.code:
            self._closed_of_its_own(line, connack.code if connack else 0)
            came = describe(connack) if connack else line.what_came()
            raise self._broken("CONNECT is not accepted", "CONNACK with code 0 to a proper CONNECT", came)
        if connack.session_present != present:
            kind = "Session Present 0 for a stored session"
            if connack.session_present:
                kind = "Session Present 1 " + ("after a clean start" if move.clean else "without a session")
            raise self._broken(kind, f"Session Present {int(present)} for {move.who}", describe(connack))
        if old is not None and old.ended_at is None and not old.hung_up:
            await old.until(lambda: old.ended_at, self._patience)
            if old.ended_at is None:
                self._foul(
                    self._broken(
                        "the connection taken over stays open",
                        f"the earlier connection of {move.who} closed, as its client id connected again",
                        "connection open",
                    )
                )
            old.close()
        kept = move.kept and (not world.v5 or line.announced(Property.SESSION_EXPIRY_INTERVAL, 1) > 0)
        self._departed(move.who, rules.returns(world, move, kept=kept))
        self._lines[move.who] = line
        self._wills.pop(move.who, None)
        if move.will is not None:
            self._wills[move.who] = (move.will, payload)
            world.barred[payload] = "a will comes while its client is connected"

    async def _leave(self, move: Disconnect | Drop) -> None:
        line = self._lines[move.who]
        if isinstance(move, Disconnect):
            code = Reason.DISCONNECT_WITH_WILL_MESSAGE if move.with_will else 0
            kept = self.world.clients[move.who].session
            ends = move.ends and kept is not None and kept.kept
            line.say(DisconnectPacket(code, props({Property.SESSION_EXPIRY_INTERVAL: 0} if ends else {})))
            # The broker should close first, and then has read it.
            await line.until(lambda: None, within=min(1.0, self._patience))
            line.close()
        else:
            line.drop()
        # Of the others it is not known yet what the end of this connection brings them.
        self._drain(move.who)
        self._departed(move.who, rules.departs(self.world, move.who, move))

    def _departed(self, who: str, departure: Departure) -> None:
        """The broker has to publish the will, if there is one."""
        world = self.world
        if departure.will is None or who not in self._wills:
            _, payload = self._wills.get(who, (None, b""))
            if payload and world.clients[who].waiting_will is not None:
                world.barred[payload] = "a will comes before its delay"
            elif payload and not world.clients[who].connected:
                world.barred[payload] = "a will comes that was deleted"
            return
        will, payload = self._wills.pop(who)
        world.barred.pop(payload, None)
        message = Message(
            next(world.numbers), who, will.topic, payload, will.qos, will.retain, at=asyncio.get_running_loop().time()
        )
        rules.publishes(world, message, will=True)
        self._expected_wills.append(payload)

    async def _subscribe(self, move: Subscribe) -> None:
        line = self._lines[move.who]
        packet = subscribe_packet(self.broker, move, line.next_id())
        await line.send(packet)
        suback = await line.maybe(Suback, lambda p: p.packet_id == packet.packet_id, within=self._patience)
        if suback is None:
            raise self._unanswered(line, "SUBSCRIBE is not answered", f"SUBACK {packet.packet_id}")
        if len(suback.codes) != 1:
            raise self._broken("SUBACK has not one code", "one code for one filter", describe(suback))
        if suback.codes[0] < 3:
            rules.subscribes(self.world, move, suback.codes[0])

    async def _unsubscribe(self, move: Unsubscribe) -> None:
        line = self._lines[move.who]
        packet = UnsubscribePacket(line.next_id(), (self._filter(move.filter, move.group),))
        await line.send(packet)
        unsuback = await line.maybe(Unsuback, lambda p: p.packet_id == packet.packet_id, within=self._patience)
        if unsuback is None:
            raise self._unanswered(line, "UNSUBSCRIBE is not answered", f"UNSUBACK {packet.packet_id}")
        rules.unsubscribes(self.world, move)

    def _filter(self, filter: str, group: str) -> str:
        wire = topics.below(self.trial.scope, filter)
        return f"$share/{group}/{wire}" if group else wire

    async def _publish(self, move: Publish) -> None:
        line, loop = self._lines[move.who], asyncio.get_running_loop()
        pairs: list[tuple[Message, PublishPacket]] = []
        most = line.announced(Property.RECEIVE_MAXIMUM, 65_535) if move.qos else 65_535
        for _ in range(min(move.count, most)):
            message = self._message(move.who, move.topic, move.qos, loop.time(), move)
            packet = publish_packet(self.broker, move, message, self._next_id() if move.qos else None)
            packet = self._aliased(move, packet, line)
            pairs.append((message, packet))
        await line.send(*(packet for _, packet in pairs))
        for message, packet in pairs:
            answer = await self._acknowledged(line, packet) if move.qos else None
            rules.publishes(self.world, message)
            if answer is not None and answer.code >= 0x80:
                rules.refuses(message)
        if not move.qos:
            await self._ping((move.who,))

    def _aliased(self, move: Publish, packet: PublishPacket, line: Line) -> PublishPacket:
        if not move.alias or line.announced(Property.TOPIC_ALIAS_MAXIMUM, 0) < 1:
            return packet
        known = self.world.clients[move.who].aliases
        properties = (*packet.properties, *props({Property.TOPIC_ALIAS: 1}))
        topic = "" if known.get(move.topic) else packet.topic
        known.clear()
        known[move.topic] = 1
        return PublishPacket(topic, packet.payload, packet.qos, packet.retain, False, packet.packet_id, properties)

    async def _acknowledged(self, line: Line, packet: PublishPacket) -> Puback | Pubrec:
        """The sender's half of the handshake."""
        number = packet.packet_id or 0
        kind = Puback if packet.qos == 1 else Pubrec
        answer = await line.maybe(kind, lambda p: p.packet_id == number, within=self._patience)
        if answer is None:
            raise self._unanswered(line, "PUBLISH is not acknowledged", f"{kind.kind} {number}")
        if isinstance(answer, Pubrec) and answer.code < 0x80:
            await self._completed(line, number)
        return answer

    async def _completed(self, line: Line, number: int) -> None:
        line.say(Pubrel(number))
        if await line.maybe(Pubcomp, lambda p: p.packet_id == number, within=self._patience) is None:
            raise self._unanswered(line, "PUBREL is not answered", f"PUBCOMP {number}")

    async def _begin(self, move: Begin) -> None:
        line, session = self._lines[move.who], self._session(move.who)
        message = self._message(move.who, move.topic, 2, asyncio.get_running_loop().time())
        rules.publishes(self.world, message, certain=False)
        number = self._next_id()
        packet = PublishPacket(topics.below(self.trial.scope, move.topic), message.payload, 2, packet_id=number)
        await line.send(packet)
        answer = await line.maybe(Pubrec, lambda p: p.packet_id == number, within=self._patience)
        if answer is None:
            raise self._unanswered(line, "PUBLISH is not acknowledged", f"PUBREC {number}")
        if answer.code < 0x80:
            session.open = (number, message, self.world.clients[move.who].epoch)

    async def _finish(self, move: Finish) -> None:
        line, session = self._lines[move.who], self._session(move.who)
        assert session.open is not None
        number, message, _ = session.open
        if move.again:
            wire = topics.below(self.trial.scope, message.topic)
            await line.send(PublishPacket(wire, message.payload, 2, dup=True, packet_id=number))
            if await line.maybe(Pubrec, lambda p: p.packet_id == number, within=self._patience) is None:
                raise self._unanswered(
                    line, "PUBLISH is not acknowledged", f"PUBREC {number} to the repeated PUBLISH"
                )
        await self._completed(line, number)
        session.open = None
        rules.confirms(self.world, message)

    def _release(self, who: str) -> None:
        line, client, session = self._lines[who], self.world.clients[who], self._session(who)
        line.hold = client.hold = ""
        for number, entry in list(session.inflight.items()):
            if entry.epoch != client.epoch:
                continue
            if entry.stage == "released":
                line.say(Pubcomp(number))
                del session.inflight[number]
            elif entry.stage == "sent" and entry.qos == 1:
                line.say(Puback(number))
                del session.inflight[number]
            elif entry.stage == "sent":
                line.say(Pubrec(number))
                entry.stage = "received"

    # -- bits

    def _session(self, who: str) -> Session:
        session = self.world.clients[who].session
        assert session is not None
        return session

    def _next_id(self) -> int:
        self._ids += 1
        return self._ids + 1000

    def _message(self, who: str, topic: str, qos: int, now: float, move: Publish | None = None) -> Message:
        number = next(self.world.numbers)
        if move is None:
            return Message(number, who, topic, b"%d" % number, qos, False, at=now)
        payload = b"" if move.empty else b"%d" % number
        message = Message(number, who, topic, payload, qos, move.retain, expiry=60 if move.expires else 0, at=now)
        if move.rich:
            message.properties = props(
                {
                    Property.CONTENT_TYPE: "text/plain",
                    Property.RESPONSE_TOPIC: topics.below(self.trial.scope, "answers"),
                    Property.CORRELATION_DATA: b"\x00\x01",
                    Property.USER_PROPERTY: [("b", "1"), ("a", "2"), ("b", "1")],
                }
            )
        return message
