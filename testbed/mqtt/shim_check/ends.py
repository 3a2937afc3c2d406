"""Checks of how connections end, of what `reset` forgets, and of what must not upset a shim."""

from __future__ import annotations

import asyncio
import json

from testbed.mqtt import shim
from testbed.mqtt.packets import Connack, Disconnect, Publish, Subscribe
from testbed.mqtt.plain_broker import Visit
from testbed.mqtt.shim_check.subject import QUIET, Broken, Fault, Subject, same

#: Seconds for a `reset`.
RESETTING = 2.0


async def disconnects(subject: Subject) -> None:
    """disconnect: DISCONNECT, the reply after the close, and no `lost` event"""
    visit = await subject.connected()
    await subject.done(shim.Disconnect(0))
    packet = await subject.sent(visit, Disconnect)
    same("the code of DISCONNECT", 0, packet.code)
    await _closed(subject, visit, "`disconnect`")
    await subject.silence(0.05)
    same("`lost` events for what was ordered", [], subject.events)


async def disconnects_with_a_code(subject: Subject) -> None:
    """disconnect: the code and the properties of the order go into DISCONNECT, or are refused"""
    visit = await subject.connected(properties={"session_expiry_interval": 60})
    properties: dict[str, shim.Value] = {"session_expiry_interval": 5}
    reply = await subject.order(shim.Disconnect(0, 0x04, properties))
    if not reply.ok:
        same("DISCONNECT packets of a refused order", 0, len(visit.all(Disconnect)))
        return
    packet = await subject.sent(visit, Disconnect)
    same("the code of DISCONNECT", 0x04, packet.code)


async def tells_a_loss(subject: Subject) -> None:
    """lost: one event when the broker closes an established connection, and orders are answered after it"""
    visit = await subject.connected()
    visit.close()
    await subject.event(shim.Lost, "a `lost` event")
    await subject.silence(QUIET)
    same("further events for one loss", [], subject.events, "tell each loss once")
    subject.refused(
        await subject.order(shim.Subscribe(0, [shim.Filter("check/l")])), "`subscribe` when not connected"
    )
    await subject.connected()


async def tells_the_code_of_a_loss(subject: Subject) -> None:
    """lost: the code of a DISCONNECT that came"""
    visit = await subject.connected()
    # In full: the library is not judged, and one cannot read it without the length of the properties.
    visit.send(Disconnect(0x8B, form="full"))
    visit.close()
    event = await subject.event(shim.Lost, "a `lost` event")
    same("the code of the event", 0x8B, event.code, "tell the code, or do not name the feature codes")


async def answers_what_was_under_way(subject: Subject) -> None:
    """lost: an order that was under way is answered with ok false"""
    visit = await subject.connected()
    subject.broker.held = {Subscribe}
    number = subject.begin(shim.Subscribe(0, [shim.Filter("check/l")]))
    await subject.sent(visit, Subscribe)
    visit.close()
    subject.refused(await subject.reply(number, to="`subscribe`"), "SUBSCRIBE without SUBACK")


async def is_kept_waiting(subject: Subject) -> None:
    """subscribe: a SUBACK that never comes is ok false, in time"""
    await subject.connected()
    subject.broker.held = {Subscribe}
    reply = await subject.order(shim.Subscribe(0, [shim.Filter("check/w")]))
    subject.refused(reply, "SUBSCRIBE without SUBACK")


async def _interrupted(subject: Subject) -> Visit:
    """A session with a PUBLISH that was not acknowledged, on an open connection."""
    more = {"properties": {"session_expiry_interval": 300}} if subject.v5 and subject.has("properties") else {}
    visit = await subject.connected(clean=False, **more)
    subject.broker.held = {Publish}
    subject.begin(shim.Publish(0, "check/kept", b"kept".hex(), 1))
    await subject.sent(visit, Publish)
    return visit


def _again(visit: Visit) -> list[Publish]:
    return [packet for packet in visit.all(Publish) if packet.payload == b"kept"]


async def goes_on_with_its_session(subject: Subject) -> None:
    """session: connect with clean false sends again what was not acknowledged"""
    old = await _interrupted(subject)
    old.close()
    await subject.event(shim.Lost, "a `lost` event")
    subject.broker.connack = Connack(session_present=True)
    before = len(subject.broker.visits)
    more = {"properties": {"session_expiry_interval": 300}} if subject.v5 and subject.has("properties") else {}
    subject.begin(subject.to_connect(clean=False, **more))
    visit = await subject.arrived(before)
    if not await subject.wire(lambda: _again(visit)):
        remedy = "go on with the same client object or its store, or do not name the feature session"
        raise Fault("the PUBLISH again", ", ".join(packet.kind for packet in visit.packets), remedy)
    await subject.silence(QUIET / 2)


async def resets(subject: Subject) -> None:
    """reset: closes without DISCONNECT, answers within 2 s, and no `lost` event"""
    visit = await subject.connected()
    await subject.done(shim.Reset(0), RESETTING)
    await _closed(subject, visit, "`reset`")
    same("DISCONNECT packets on the connection", 0, len(visit.all(Disconnect)), "close it without a word")
    await subject.silence(0.05)
    same("`lost` events for what was ordered", [], subject.events)
    await subject.done(shim.Reset(0), RESETTING)


async def forgets(subject: Subject) -> None:
    """reset: the session is forgotten, and nothing of it is sent again"""
    await _interrupted(subject)
    await subject.done(shim.Reset(0), RESETTING)
    subject.events.clear()
    subject.broker.connack = Connack(session_present=True)
    before = len(subject.broker.visits)
    subject.begin(subject.to_connect(clean=False))
    visit = await subject.arrived(before)
    if await subject.wire(lambda: _again(visit), QUIET):
        raise Fault("nothing from before `reset`", "its PUBLISH again", "make a new client, with a new store")
    await subject.silence(QUIET / 2)


async def resets_what_is_under_way(subject: Subject) -> None:
    """reset: within a connect that is not answered, both are answered"""
    subject.broker.connack = "silence"
    before = len(subject.broker.visits)
    number = subject.begin(subject.to_connect())
    await subject.arrived(before)
    await subject.done(shim.Reset(0), RESETTING)
    subject.refused(await subject.reply(number, to="`connect`"), "a connect that `reset` ended")
    subject.broker.forget()
    await subject.connected()


async def refuses_what_is_no_order(subject: Subject) -> None:
    """orders: what is no order is answered with ok false, and does no harm"""
    visit = await subject.connected()
    for line in (b"nonsense", b"[]", b"7", b'{"op":"publish"}', b'{"id":null,"op":7}', b"\xff\xfe", b"{" * 2000):
        subject.lines.say(line)
    wrong = (
        {"op": "frobnicate"},
        {"op": "publish"},
        {"op": "publish", "topic": "check/x", "payload": "no hex"},
        {"op": "subscribe", "filters": 7},
        {"op": "subscribe"},
    )
    for members in wrong:
        shown = json.dumps(members)
        reply = await subject.reply(subject.begin_raw(members), to=shown)
        subject.refused(reply, shown)
    same("PUBLISH and SUBSCRIBE packets for what is no order", 0, len(visit.all(Publish)) + len(visit.all(Subscribe)))
    await subject.done(shim.Publish(0, "check/still"))
    await subject.sent(visit, Publish)


async def refuses_what_it_does_not_name(subject: Subject) -> None:
    """orders: what the shim does not name is refused"""
    await subject.connected()
    for kind, feature in shim.OPTIONAL.items():
        if feature not in subject.ready.features:
            subject.refused(await subject.order(kind(0)), f"`{feature}`, which is not among the features,")


async def connects_only_when_told(subject: Subject) -> None:
    """connect: never without an order, not even after a loss"""
    visit = await subject.connected()
    visit.close()
    await subject.event(shim.Lost, "a `lost` event")
    before = len(subject.broker.visits)
    await subject.silence(1.5)
    came = len(subject.broker.visits) - before
    same("connections without an order within 1.5 s of a loss", 0, came, "switch reconnecting off in the library")


async def ends_with_its_input(subject: Subject, seconds: float) -> None:
    """end: the shim ends when its standard input does"""
    loop = asyncio.get_running_loop()
    start = loop.time()
    await subject.lines.stop(seconds)
    if loop.time() - start >= seconds:
        remedy = "end the process at the end of standard input, whatever threads are left"
        raise Broken(f"the end of the shim within {seconds:g} s", "it runs on", remedy)


async def _closed(subject: Subject, visit: Visit, order: str) -> None:
    if not await subject.wire(lambda: visit.ended):
        raise Fault(f"{order} to close the connection", "it is open")
