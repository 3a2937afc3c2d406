"""Checks of `connect`: what CONNECT says, and what becomes of brokers that do not answer as they should."""

from __future__ import annotations

import socket

from testbed.mqtt import shim
from testbed.mqtt.packets import Auth, Connack, Connect, Disconnect
from testbed.mqtt.plain_broker import Instead
from testbed.mqtt.properties import Property, props
from testbed.mqtt.shim_check.subject import (
    BEYOND,
    Fault,
    Subject,
    has_properties,
    one_by_one,
    same,
    told_properties,
)

#: Seconds that the library has to give up in these checks.
SHORT = 1.0
PAIRS: list[int | list[str]] = [["a", "1"], ["a", "2"], ["é", ""]]
CONNECT: dict[str, shim.Value] = {
    "session_expiry_interval": 60,
    "receive_maximum": 10,
    "maximum_packet_size": 65536,
    "topic_alias_maximum": 5,
    "user_property": PAIRS,
}
WILL: dict[str, shim.Value] = {
    "will_delay_interval": 7,
    "message_expiry_interval": 60,
    "content_type": "text/plain",
    "correlation_data": "00ff",
    "user_property": PAIRS,
}


def _of(visit_connect: Connect | None) -> Connect:
    if visit_connect is None:
        raise Fault("CONNECT as the first packet", "another one")
    return visit_connect


def _plain(connect: Connect) -> None:
    """Nothing that was not ordered."""
    same("in CONNECT, without an order for one, the will", None, connect.will)
    same("in CONNECT, without an order for one, the user name", None, connect.username)
    same("in CONNECT, without an order for one, the password", None, connect.password)


async def says_what_is_ordered(subject: Subject) -> None:
    """connect: CONNECT has the client id, the level, the keep alive and Clean Session or Clean Start of the order"""
    visit = await subject.connected(client_id="check-1", keep_alive=17)
    connect = _of(visit.connect)
    same("in CONNECT the client id", "check-1", connect.client_id)
    same("in CONNECT the protocol level", 5 if subject.v5 else 4, connect.protocol_level or subject.broker.version)
    same("in CONNECT the keep alive", 17, connect.keep_alive)
    same("in CONNECT clean", True, connect.clean_start)
    _plain(connect)


async def knows_its_defaults(subject: Subject) -> None:
    """connect: what an order leaves out has its default; what nobody knows is skipped"""
    before = len(subject.broker.visits)
    subject.ordered += 1
    where = subject.where
    named = {"op": "connect", "host": where.host, "port": where.port, "edition": subject.edition}
    number = subject.begin_raw({**named, "client_id": "check-2", "colour": "red"})
    subject.succeeded(await subject.reply(number, 10 + BEYOND, "`connect`"), "`connect`")
    connect = _of((await subject.arrived(before)).connect)
    same("in CONNECT the keep alive", 60, connect.keep_alive)
    same("in CONNECT clean", True, connect.clean_start)
    _plain(connect)


async def asks_for_the_session(subject: Subject) -> None:
    """connect: clean false goes into CONNECT"""
    subject.broker.connack = Connack(session_present=False)
    visit = await subject.connected(client_id="check-3", clean=False, keep_alive=30)
    same("in CONNECT clean", False, _of(visit.connect).clean_start)


async def names_the_user(subject: Subject) -> None:
    """connect: user name and password"""
    visit = await subject.connected(username="usér", password="secrét")
    connect = _of(visit.connect)
    same("in CONNECT the user name", "usér", connect.username)
    same("in CONNECT the password", "secrét".encode(), connect.password)


async def leaves_a_will(subject: Subject) -> None:
    """connect: the will, its QoS and its retain flag"""
    qos = 1 if subject.has("qos-1") else 0
    will = shim.Will("check/will", b"gone".hex(), qos, True)
    connect = _of((await subject.connected(will=will)).connect)
    if connect.will is None:
        raise Fault("a will in CONNECT", "none", "pass on the will of the order")
    same("the topic of the will", "check/will", connect.will.topic)
    same("the payload of the will", b"gone", connect.will.payload)
    same("the QoS of the will", qos, connect.will.qos)
    same("retain of the will", True, connect.will.retain)


async def leaves_a_will_with_properties(subject: Subject) -> None:
    """connect: the properties of the will"""

    async def alone(properties: dict[str, shim.Value]) -> tuple[shim.Reply, list[object]]:
        will = shim.Will("check/will", b"gone".hex(), properties=properties)
        reply, connects = await _connects(subject, subject.to_connect(will=will))
        return reply, [connect.will for connect in connects if connect.will is not None]

    await one_by_one(WILL, alone)


async def passes_properties_on(subject: Subject) -> None:
    """connect: the properties of CONNECT, and of CONNACK"""
    subject.broker.connack = Connack(properties=props({Property.REASON_STRING: "welcome"}))

    async def alone(properties: dict[str, shim.Value]) -> tuple[shim.Reply, list[object]]:
        reply, connects = await _connects(subject, subject.to_connect(properties=properties))
        # A library that tells none of them is honest; one that tells others is not.
        if reply.ok and reply.properties:
            told_properties(reply.properties, {"reason_string": "welcome"})
        return reply, list(connects)

    await one_by_one(CONNECT, alone)


async def _connects(subject: Subject, told: shim.Connect) -> tuple[shim.Reply, list[Connect]]:
    """The reply to an order to connect, and the CONNECT packets that it led to."""
    before = len(subject.broker.visits)
    reply = await subject.order(told, told.timeout + BEYOND)
    return reply, [visit.connect for visit in subject.broker.visits[before:] if visit.connect is not None]


async def forgets_the_connect_before(subject: Subject) -> None:
    """connect: will, user and properties of one are not those of the next"""
    first: dict[str, object] = {}
    if subject.has("will"):
        first["will"] = shim.Will("check/will", b"gone".hex())
    if subject.has("credentials"):
        first |= {"username": "user", "password": "secret"}
    if subject.v5 and subject.has("properties"):
        first["properties"] = {"session_expiry_interval": 60}
    await subject.connected(**first)
    connect = _of((await subject.connected()).connect)
    _plain(connect)
    left = [int(name) for name, _ in connect.properties if name == Property.SESSION_EXPIRY_INTERVAL]
    same("properties of the order before in CONNECT", [], left)


async def is_one_connection(subject: Subject) -> None:
    """connect: while connected it drops the old connection first, without DISCONNECT"""
    old = await subject.connected(client_id="old")
    await subject.connected(client_id="new")
    if not await subject.wire(lambda: old.ended, 2.0):
        raise Fault("the old connection to be closed", "it is open", "close it before you open another")
    same("DISCONNECT packets on the old connection", 0, len(old.all(Disconnect)), "close it without a word")
    await subject.silence(0.05)
    same("`lost` events for what was ordered", [], [one for one in subject.events if isinstance(one, shim.Lost)])


async def hears_a_refusal(subject: Subject) -> None:
    """connect: a CONNACK that refuses is ok false, with its code"""
    code = 0x87 if subject.v5 else 5
    subject.broker.connack = Connack(code=code)
    reply = await subject.order(subject.to_connect(timeout=2.0), 2 + BEYOND)
    subject.refused(reply, f"CONNACK with 0x{code:02X}")
    subject.codes(reply, code)


async def finds_nobody(subject: Subject) -> None:
    """connect: a port where nobody listens is ok false, in time"""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    told = shim.Connect(0, "127.0.0.1", port, subject.edition, "check", timeout=SHORT)
    subject.refused(await subject.order(told, SHORT + BEYOND), "a port where nobody listens")


async def _instead(subject: Subject, what: Instead, words: str) -> None:
    subject.broker.connack = what
    reply = await subject.order(subject.to_connect(timeout=SHORT), SHORT + BEYOND)
    subject.refused(reply, words)
    subject.broker.forget()
    await subject.connected()


async def survives_a_close(subject: Subject) -> None:
    """connect: a close in place of CONNACK is ok false, in time, and the next connect works"""
    await _instead(subject, "close", "a close in place of CONNACK")


async def survives_silence(subject: Subject) -> None:
    """connect: silence in place of CONNACK is ok false, in time, and the next connect works"""
    await _instead(subject, "silence", "silence in place of CONNACK")


async def survives_garbage(subject: Subject) -> None:
    """connect: garbage in place of CONNACK is ok false, in time, and the next connect works"""
    await _instead(subject, "garbage", "garbage in place of CONNACK")


async def gives_its_answers(subject: Subject) -> None:
    """connect: AUTH is answered with the answers of the order, one after the other"""
    subject.broker.held = {Connect}
    before = len(subject.broker.visits)
    ordered: dict[str, shim.Value] = {"authentication_method": "check", "authentication_data": "01"}
    number = subject.begin(subject.to_connect(properties=ordered, answers=["a1", "a2"]))
    visit = await subject.arrived(before)
    has_properties(visit.connect, ordered)
    for count, answer in enumerate(("a1", "a2"), 1):
        asked = {Property.AUTHENTICATION_METHOD: "check", Property.AUTHENTICATION_DATA: bytes([count])}
        visit.send(Auth(0x18, props(asked)))
        await subject.wire(lambda count=count: len(visit.all(Auth)) >= count, 2.0)
        came = visit.all(Auth)[count - 1 :]
        if not came:
            raise Fault(f"AUTH with answer {count}", "none", "answer AUTH with code 0x18 from `answers`")
        same("the code of AUTH", 0x18, came[0].code)
        has_properties(came[0], {"authentication_method": "check", "authentication_data": answer})
    visit.send(Connack(properties=props({Property.AUTHENTICATION_METHOD: "check"})))
    subject.succeeded(await subject.reply(number, to="`connect`"), "`connect`")
