"""Checks of what a connected client is told to do, and of what it tells."""

from __future__ import annotations

from testbed.mqtt import shim
from testbed.mqtt.naming import named
from testbed.mqtt.packets import (
    Auth,
    Connack,
    Pingreq,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Subscribe,
    Unsubscribe,
)
from testbed.mqtt.plain_broker import Visit
from testbed.mqtt.properties import Property, props
from testbed.mqtt.shim_check.subject import (
    QUIET,
    Fault,
    Subject,
    has_properties,
    one_by_one,
    same,
    told_properties,
)

#: Bytes that are no text.
PAYLOAD = bytes((0, 0xFF, 0x80, 0x0A))
PAIRS: list[int | list[str]] = [["a", "1"], ["a", "2"]]
MESSAGE: dict[str, shim.Value] = {
    "payload_format_indicator": 1,
    "message_expiry_interval": 60,
    "content_type": "text/plain",
    "response_topic": "check/r",
    "correlation_data": "00ff",
    "user_property": PAIRS,
}


def _best(subject: Subject) -> int:
    """The highest QoS that the shim names."""
    return 2 if subject.has("qos-2") else 1 if subject.has("qos-1") else 0


async def subscribes(subject: Subject) -> None:
    """subscribe: SUBSCRIBE has the filter and the QoS of the order, and the reply comes after SUBACK"""
    visit = await subject.connected()
    qos = _best(subject)
    subject.broker.held = {Subscribe}
    number = subject.begin(shim.Subscribe(0, [shim.Filter("check/+", qos)]))
    packet = await subject.sent(visit, Subscribe)
    came = [(one.filter, one.qos) for one in packet.subscriptions]
    same("the filters in SUBSCRIBE", [("check/+", qos)], came)
    await _not_yet(subject, number, "SUBACK")
    subject.broker.forget()
    visit.answer(packet)
    reply = subject.succeeded(await subject.reply(number, to="`subscribe`"), "`subscribe`")
    subject.codes(reply, qos)


async def subscribes_to_two(subject: Subject) -> None:
    """subscribe: two filters go into one SUBSCRIBE, in order, or are refused"""
    visit = await subject.connected()
    reply = await subject.order(shim.Subscribe(0, [shim.Filter("check/b"), shim.Filter("check/a")]))
    if not reply.ok:
        same("SUBSCRIBE packets of a refused order", 0, len(visit.all(Subscribe)))
        return
    packets = visit.all(Subscribe)
    same(
        "the filters in SUBSCRIBE",
        [["check/b", "check/a"]],
        [[one.filter for one in p.subscriptions] for p in packets],
    )
    subject.codes(reply, 0, 0)


async def passes_options_on(subject: Subject) -> None:
    """subscribe: No Local, Retain As Published and Retain Handling"""
    visit = await subject.connected()
    await subject.done(shim.Subscribe(0, [shim.Filter("check/o", 0, True, True, 2)]))
    one = (await subject.sent(visit, Subscribe)).subscriptions[0]
    same("No Local in SUBSCRIBE", True, one.no_local)
    same("Retain As Published in SUBSCRIBE", True, one.retain_as_published)
    same("Retain Handling in SUBSCRIBE", 2, one.retain_handling)


async def subscribes_with_properties(subject: Subject) -> None:
    """subscribe, unsubscribe: properties"""
    visit = await subject.connected()

    async def alone(properties: dict[str, shim.Value]) -> tuple[shim.Reply, list[Subscribe]]:
        before = len(visit.all(Subscribe))
        reply = await subject.order(shim.Subscribe(0, [shim.Filter("check/p")], properties))
        return reply, visit.all(Subscribe)[before:]

    await one_by_one({"subscription_identifier": 7, "user_property": PAIRS}, alone)
    await subject.done(shim.Unsubscribe(0, ["check/p"], {"user_property": PAIRS}))
    has_properties(await subject.sent(visit, Unsubscribe), {"user_property": PAIRS})


async def is_not_granted(subject: Subject) -> None:
    """subscribe: a SUBACK that refuses is ok false, with its code"""
    await subject.connected()
    subject.broker.codes = (0x80,)
    reply = await subject.order(shim.Subscribe(0, [shim.Filter("check/no")]))
    subject.refused(reply, "SUBACK with 0x80")
    subject.codes(reply, 0x80)


async def unsubscribes(subject: Subject) -> None:
    """unsubscribe: UNSUBSCRIBE has the filter of the order, and the reply comes after UNSUBACK"""
    visit = await subject.connected()
    await subject.done(shim.Subscribe(0, [shim.Filter("check/u")]))
    subject.broker.held = {Unsubscribe}
    number = subject.begin(shim.Unsubscribe(0, ["check/u"]))
    packet = await subject.sent(visit, Unsubscribe)
    same("the filters in UNSUBSCRIBE", ["check/u"], list(packet.filters))
    await _not_yet(subject, number, "UNSUBACK")
    subject.broker.forget()
    visit.answer(packet)
    reply = subject.succeeded(await subject.reply(number, to="`unsubscribe`"), "`unsubscribe`")
    if subject.v5:
        subject.codes(reply, 0)


async def _publishes(subject: Subject, qos: int) -> tuple[Visit, Publish, int]:
    visit = await subject.connected()
    subject.broker.held = {Publish, Pubrel}
    number = subject.begin(shim.Publish(0, "check/t", PAYLOAD.hex(), qos, True))
    packet = await subject.sent(visit, Publish)
    same("the topic in PUBLISH", "check/t", packet.topic)
    same("the payload in PUBLISH", PAYLOAD.hex(), packet.payload.hex())
    same("the QoS in PUBLISH", qos, packet.qos)
    same("retain in PUBLISH", True, packet.retain)
    same("DUP in PUBLISH", False, packet.dup)
    return visit, packet, number


async def publishes(subject: Subject) -> None:
    """publish: QoS 0, any bytes, with retain"""
    _, _, number = await _publishes(subject, 0)
    subject.succeeded(await subject.reply(number, to="`publish`"), "`publish`")


async def publishes_by_default(subject: Subject) -> None:
    """publish: without payload, QoS and retain it is empty, QoS 0, not retained"""
    visit = await subject.connected()
    number = subject.begin_raw({"op": "publish", "topic": "check/d"})
    packet = await subject.sent(visit, Publish)
    came = (packet.payload, packet.qos, packet.retain)
    same("payload, QoS and retain in PUBLISH", (b"", 0, False), came)
    subject.succeeded(await subject.reply(number, to="`publish`"), "`publish`")


async def publishes_qos_1(subject: Subject) -> None:
    """publish: QoS 1, and the reply comes after PUBACK"""
    visit, packet, number = await _publishes(subject, 1)
    await _not_yet(subject, number, "PUBACK")
    visit.send(Puback(packet.packet_id or 0))
    reply = subject.succeeded(await subject.reply(number, to="`publish`"), "`publish`")
    if subject.v5:
        subject.codes(reply, 0)


async def publishes_qos_2(subject: Subject) -> None:
    """publish: QoS 2, and the reply comes after PUBCOMP"""
    visit, packet, number = await _publishes(subject, 2)
    visit.send(Pubrec(packet.packet_id or 0))
    await subject.sent(visit, Pubrel)
    await _not_yet(subject, number, "PUBCOMP")
    visit.send(Pubcomp(packet.packet_id or 0))
    reply = subject.succeeded(await subject.reply(number, to="`publish`"), "`publish`")
    if subject.v5:
        subject.codes(reply, 0)


async def publishes_two(subject: Subject) -> None:
    """publish: one begins while another is not acknowledged, and each reply belongs to its order"""
    visit, first, one = await _publishes(subject, 1)
    two = subject.begin(shim.Publish(0, "check/second", qos=1))
    try:
        second = await subject.sent(visit, Publish, lambda packet: packet.topic == "check/second")
    except Fault as fault:
        raise Fault("a second PUBLISH before the first is acknowledged", fault.came) from None
    visit.send(Puback(second.packet_id or 0))
    subject.succeeded(await subject.reply(two, to="the second `publish`"), "the second `publish`")
    await _not_yet(subject, one, "the first PUBACK")
    visit.send(Puback(first.packet_id or 0))
    subject.succeeded(await subject.reply(one, to="the first `publish`"), "the first `publish`")


async def publishes_with_properties(subject: Subject) -> None:
    """publish: properties"""
    visit = await subject.connected()

    async def alone(properties: dict[str, shim.Value]) -> tuple[shim.Reply, list[Publish]]:
        before = len(visit.all(Publish))
        reply = await subject.order(shim.Publish(0, "check/p", b"text".hex(), properties=properties))
        if reply.ok:  # which says that it was handed to the network, not that it has come
            await subject.wire(lambda: len(visit.all(Publish)) > before)
        return reply, visit.all(Publish)[before:]

    await one_by_one(MESSAGE, alone)


async def publishes_much(subject: Subject) -> None:
    """publish: 128 KiB"""
    visit = await subject.connected()
    payload = bytes(range(256)) * 512
    await subject.done(shim.Publish(0, "check/much", payload.hex()))
    packet = await subject.sent(visit, Publish)
    same("bytes of payload in PUBLISH", len(payload), len(packet.payload))


async def is_not_taken(subject: Subject) -> None:
    """publish: a PUBACK that refuses is ok false, with its code"""
    await subject.connected()
    subject.broker.codes = (0x87,)
    reply = await subject.order(shim.Publish(0, "check/no", qos=1))
    subject.refused(reply, "PUBACK with 0x87")
    subject.codes(reply, 0x87)


async def _hears(subject: Subject, qos: int) -> None:
    visit = await subject.connected()
    await subject.done(shim.Subscribe(0, [shim.Filter("check/#", qos)]))
    v5 = subject.v5 and subject.has("properties")
    told = {
        Property.CONTENT_TYPE: "text/plain",
        Property.CORRELATION_DATA: b"\0\xff",
        Property.USER_PROPERTY: [("a", "1"), ("a", "2")],
    }
    packet = Publish(
        "check/é", PAYLOAD, qos, True, False, visit.next_id() if qos else None, props(told) if v5 else ()
    )
    visit.send(packet)
    event = await subject.event(shim.Message, f"a `message` event for a PUBLISH with QoS {qos}")
    same("the topic of the event", "check/é", event.topic)
    same("the payload of the event", PAYLOAD.hex(), event.payload)
    same("the QoS of the event", qos, event.qos)
    same("retain of the event", True, event.retain)
    if v5:
        told_properties(event.properties, named(packet.properties))
    if qos:
        await subject.sent(visit, Puback if qos == 1 else Pubcomp)
    await subject.silence(0.05)
    same("further events for one message", [], subject.events, "tell each message once")


async def hears(subject: Subject) -> None:
    """message: an event for a PUBLISH with QoS 0"""
    await _hears(subject, 0)


async def hears_qos_1(subject: Subject) -> None:
    """message: an event for a PUBLISH with QoS 1"""
    await _hears(subject, 1)


async def hears_qos_2(subject: Subject) -> None:
    """message: an event for a PUBLISH with QoS 2"""
    await _hears(subject, 2)


async def hears_many(subject: Subject) -> None:
    """message: 500 messages at once, in order"""
    visit = await subject.connected()
    await subject.done(shim.Subscribe(0, [shim.Filter("check/#")]))
    for number in range(500):
        visit.send(Publish("check/n", str(number).encode()))
    for number in range(500):
        event = await subject.event(shim.Message, f"message {number} of 500")
        same("the payload of the event", str(number).encode().hex(), event.payload)


async def pings(subject: Subject) -> None:
    """ping: PINGREQ, and the reply comes after PINGRESP"""
    visit = await subject.connected()
    subject.broker.held = {Pingreq}
    number = subject.begin(shim.Ping(0))
    await subject.sent(visit, Pingreq)
    await _not_yet(subject, number, "PINGRESP")
    visit.send(Pingresp())
    subject.succeeded(await subject.reply(number, to="`ping`"), "`ping`")


async def authenticates_again(subject: Subject) -> None:
    """authenticate: AUTH with code 0x19 and the data of the order, then its answers, and the reply at the end"""
    method = {Property.AUTHENTICATION_METHOD: "check"}
    subject.broker.connack = Connack(properties=props(method))
    ordered: dict[str, shim.Value] = {"authentication_method": "check", "authentication_data": "01"}
    visit = await subject.connected(properties=ordered)
    number = subject.begin(shim.Authenticate(0, "02", ["03"]))
    again = await subject.sent(visit, Auth, lambda packet: packet.code == 0x19)
    has_properties(again, {"authentication_method": "check", "authentication_data": "02"})
    visit.send(Auth(0x18, props(method)))
    answer = await subject.sent(visit, Auth, lambda packet: packet.code == 0x18)
    has_properties(answer, {"authentication_method": "check", "authentication_data": "03"})
    await _not_yet(subject, number, "AUTH with success")
    visit.send(Auth(0x00, props(method)))
    subject.succeeded(await subject.reply(number, to="`authenticate`"), "`authenticate`")


async def _not_yet(subject: Subject, number: int, before: str) -> None:
    """No reply may have come yet."""
    await subject.silence(QUIET / 2)
    if number in subject.replies:
        raise Fault(f"no reply before {before}", f"{subject.replies[number]}", "wait for it before you answer")
