"""The passive rules on clients: silent on what a client may do, loud on what it may not."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mqtt_values import odd_packets, packets
from turns import BOTH, CLEAN, V5, V311, Said, breached, c, s

from harness.requirement import read_catalogue
from testbed.mqtt import rules
from testbed.mqtt.codec import encode
from testbed.mqtt.handle import VERSIONS
from testbed.mqtt.packets import (
    Auth,
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
    Raw,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
    Version,
    Will,
)
from testbed.mqtt.properties import Property as P
from testbed.mqtt.properties import props
from testbed.mqtt.rules import CLIENT_RULES
from testbed.protocol import roles


def found(edition: str, *turns: list[Said]) -> set[str]:
    return breached(edition, *turns, judged="client")


def told(properties: dict, **fields: Any) -> list[Said]:
    """A 5.0 connection whose CONNACK has `properties`, and whose client shows that it has read them."""
    return [
        *c(Connect("id", **fields)),
        *s(Connack(properties=props(properties)), Publish("in", b"", 1, packet_id=99)),
        *c(Puback(99)),
    ]


def method(name: str = "m") -> tuple:
    return props({P.AUTHENTICATION_METHOD: name})


def subscribe(*filters: Any, number: int = 1) -> list[Said]:
    return c(Subscribe(number, tuple(Subscription(one) for one in filters)))


# ---------------------------------------------------------------- silence

#: A client's day, in both editions: a will, both ways of every QoS, several at once, identifiers used again.
DAY = [
    *c(Connect("id", True, 60, Will("last/will", b"gone", 1, True), "user", b"password")),
    *s(Connack()),
    *c(Subscribe(1, (Subscription("a/+", 1), Subscription("b/#", 2), Subscription("$share/g/c", 0)))),
    *c(Publish("c", b"0", 0, retain=True), Publish("c", b"1", 1, packet_id=2), Publish("c", b"2", 2, packet_id=3)),
    *s(Suback(1, (1, 2, 0)), Publish("a/b", b"kept", 1, retain=True, packet_id=1)),
    *s(
        Publish("b", b"x", 2, packet_id=2), Publish("b/c", b"y", 2, packet_id=3), Publish("a/c", b"z", 1, packet_id=4)
    ),
    *c(Pubrec(2), Puback(1), Puback(4), Pubrec(3)),
    *s(Pubrec(3), Puback(2), Pubrel(3), Pubrel(2)),
    *c(Pubcomp(3), Pubrel(3), Pubcomp(2)),
    *s(Pubcomp(3)),
    *c(Publish("c", b"3", 1, packet_id=2), Publish("c", b"4", 1, packet_id=3), Pingreq()),
    *s(Puback(3), Pingresp(), Puback(2)),
    *c(Publish("c", b"3", 1, packet_id=2), Unsubscribe(3, ("a/+", "b/#"))),
    *s(Puback(2), Publish("b/late", b"", 2, packet_id=2)),
    *c(Pubrec(2)),
    *s(Pubrel(2)),
    *c(Pubcomp(2)),
]
RESUMED = [
    *c(Connect("id", clean_start=False)),
    *s(Connack(session_present=True)),
    *c(Publish("x", b"1", 1, dup=True, packet_id=7), Pubrel(8), Publish("x", b"2", 2, dup=True, packet_id=9)),
    *s(Publish("in", b"old", 2, dup=True, packet_id=4), Pubrel(5), Puback(7), Pubcomp(8), Pubrec(9)),
    *c(Pubrec(4), Pubcomp(5), Pubrel(9)),
    *s(Pubcomp(9), Pubrel(4)),
    *c(Pubcomp(4), Publish("x", b"new", 1, packet_id=7), Disconnect()),
]


@pytest.mark.parametrize("edition", BOTH)
def test_a_proper_day_breaks_nothing(edition: str) -> None:
    over = s(Unsuback(3, (0, 0) if edition == V5 else ()))
    assert found(edition, DAY, over, c(Disconnect())) == set()
    assert breached(edition, DAY, over, c(Disconnect())) == set(), "nor is the server at fault"


@pytest.mark.parametrize("edition", BOTH)
def test_a_resumed_session_breaks_nothing(edition: str) -> None:
    assert found(edition, RESUMED) == set()


#: What 5.0 alone has: limits just kept, aliases, refusals, enhanced authentication.
DAY_5 = [
    *c(
        Connect(
            "",
            keep_alive=0,
            will=Will("w", properties=props({P.WILL_DELAY_INTERVAL: 5, P.RESPONSE_TOPIC: "r"})),
            password=b"a password alone",
            properties=props({P.TOPIC_ALIAS_MAXIMUM: 3, P.RECEIVE_MAXIMUM: 2, **dict(method())}),
        )
    ),
    *s(Auth(0x18, method())),
    *c(Auth(0x18, method())),
    *s(
        Connack(
            properties=props(
                {
                    P.ASSIGNED_CLIENT_IDENTIFIER: "given",
                    P.AUTHENTICATION_METHOD: "m",
                    P.MAXIMUM_QOS: 1,
                    P.RETAIN_AVAILABLE: 0,
                    P.RECEIVE_MAXIMUM: 2,
                    P.TOPIC_ALIAS_MAXIMUM: 2,
                    P.MAXIMUM_PACKET_SIZE: 40,
                    P.SERVER_KEEP_ALIVE: 9,
                }
            )
        )
    ),
    *c(Subscribe(1, (Subscription("a", 2, True, True, 2),), props({P.SUBSCRIPTION_IDENTIFIER: 5}))),
    *s(Suback(1, (2,))),
    *s(Publish("a", b"", 2, packet_id=1, properties=props({P.TOPIC_ALIAS: 3, P.SUBSCRIPTION_IDENTIFIER: 5}))),
    *s(Publish("", b"", 1, packet_id=2, properties=props({P.TOPIC_ALIAS: 3}))),
    *c(Puback(2, 0x10, props({P.REASON_STRING: "nobody"})), Pubrec(1, 0x97)),
    *c(Publish("b", b"1", 1, packet_id=1, properties=props({P.TOPIC_ALIAS: 2, P.CONTENT_TYPE: "t"}))),
    *c(Publish("", b"2", 1, packet_id=2, properties=props({P.TOPIC_ALIAS: 2}))),
    *s(Puback(1, 0x10), Puback(2, 0x97)),
    *c(Publish("b", bytes(30), 1, packet_id=2)),
    *c(Auth(0x19, method())),
    *s(Auth(0x18, method())),
    *c(Auth(0x18, method())),
    *s(Auth(0x00, method())),
    *c(Disconnect(0x04, props({P.SESSION_EXPIRY_INTERVAL: 9, P.USER_PROPERTY: [("k", "v")]}))),
]


def test_a_proper_day_of_5_0_breaks_nothing() -> None:
    assert found(V5, DAY_5) == set()
    assert breached(V5, DAY_5) == set()


@pytest.mark.parametrize("edition", BOTH)
@pytest.mark.parametrize(
    "turns",
    [
        pytest.param([c(Connect("id"), Publish("a"), Pingreq()), s(Connack())], id="before the CONNACK"),
        pytest.param([CLEAN, s(Pubrel(5)), c(Pubcomp(5))], id="PUBCOMP to a PUBREL for nothing"),
        pytest.param([CLEAN, s(Puback(5)), c(Puback(6), Pubrel(7))], id="after our stray PUBACK"),
        pytest.param([CLEAN, s(Publish("a/#", qos=1, packet_id=1)), c(Puback(2))], id="after our ill topic"),
        pytest.param([CLEAN, s(Raw(0x30, b"\0\x09a")), c(Puback(3), Pubcomp(4))], id="after our malformed packet"),
        pytest.param([CLEAN, s(b"\xd0\x01"), c(Puback(3), Pubcomp(4))], id="after our ill-cut packet"),
        pytest.param([CLEAN, s(Connack()), c(Puback(3))], id="after our second CONNACK"),
        pytest.param([CLEAN, s(Pingreq()), c(Puback(3))], id="after what no server sends"),
        pytest.param([CLEAN, s(Pingresp(flags=1)), c(Puback(3))], id="after our wrong flags"),
        pytest.param([c(Connect("id")), s(Pingresp(), Connack()), c(Puback(3))], id="after no CONNACK"),
        pytest.param([c(Connect("id")), s(Connack(code=5), Pingresp()), c(Puback(3))], id="after a refusal"),
        pytest.param([CLEAN, c(b"\x30\x7f"), c(Puback(3), Publish("+"), Disconnect(), Pingreq())], id="out of step"),
        pytest.param([c(Connect("id", protocol_level=9)), s(Connack()), c(Puback(3))], id="another version"),
        pytest.param([c(Connect("", False, protocol_level=3, protocol_name="MQIsdp", password=b""))], id="MQTT 3.1"),
        pytest.param([c(Connect("i", False)), s(Connack()), c(Pubrel(4))], id="an old session"),
        pytest.param(
            [CLEAN, subscribe("a"), s(Publish("other", qos=1, packet_id=1)), c(Puback(1)), subscribe("b", number=2)],
            id="a topic nobody subscribed to",
        ),
        pytest.param([CLEAN, subscribe("a"), subscribe("a")], id="a SUBSCRIBE once more"),
        pytest.param(
            [CLEAN, s(*[Publish("a", qos=1, packet_id=1)] * 2), c(Puback(1), Puback(1))], id="our identifier twice"
        ),
        pytest.param(
            [CLEAN, s(Publish("a", qos=2, packet_id=1), Publish("a", qos=1, packet_id=2)), c(Puback(2), Pubrec(1))],
            id="QoS 1 and 2 each in their order",
        ),
        pytest.param([CLEAN, subscribe("#", "+", "+/#", "/+/", "$SYS/#", " ")], id="filters"),
        pytest.param(
            [CLEAN, subscribe("a"), s(Suback(1, (0,))), c(Publish("a", qos=1, packet_id=1))], id="an id after SUBACK"
        ),
        pytest.param(
            [CLEAN, c(Publish("a", qos=2, packet_id=1)), s(Puback(1)), c(Publish("b", qos=1, packet_id=1))],
            id="after our ack of the wrong kind",
        ),
    ],
)  # fmt: skip
def test_what_a_client_may_do_is_not_held_against_it(edition: str, turns: list[list[Said]]) -> None:
    assert found(edition, *turns) == set()


LIMITS = {P.MAXIMUM_QOS: 0, P.RETAIN_AVAILABLE: 0, P.RECEIVE_MAXIMUM: 1, P.MAXIMUM_PACKET_SIZE: 20}


@pytest.mark.parametrize(
    ("edition", "turns"),
    [
        pytest.param(
            V5,
            [
                *c(Connect("id")),
                *s(Connack(properties=props(LIMITS))),
                *c(Publish("a", bytes(30), 2, True, packet_id=1), Publish("a", b"", 1, packet_id=2)),
            ],
            id="limits that the client may not have read yet",
        ),
        pytest.param(
            V5,
            [
                *c(Connect("id")),
                *s(Publish("a", qos=1, packet_id=1), Connack(properties=props(LIMITS))),
                *c(Puback(1), Publish("a", qos=2, packet_id=1)),
            ],
            id="an answer to what came before the CONNACK",
        ),
        pytest.param(
            V5,
            [*c(Connect("id")), *s(Connack(True), Publish("a", qos=1, packet_id=1)), *c(Disconnect(0x82))],
            id="a client that ends the session it does not know",
        ),
        pytest.param(
            V5,
            [*told({P.RECEIVE_MAXIMUM: [1, 0]}), *c(*[Publish("a", qos=1, packet_id=n) for n in (1, 2, 3)])],
            id="a limit that means nothing",
        ),
        pytest.param(
            V311,
            [
                *CLEAN,
                *c(Publish("a", b"1", 1, packet_id=1), Publish("a", b"1", 1, packet_id=1, dup=True)),
                *s(Puback(1)),
                *c(Publish("a", b"1", 1, packet_id=1, dup=True)),
            ],
            id="sent again, which 3.1.1 leaves free, while the acknowledgement is on its way",
        ),
        pytest.param(
            V311,
            [
                *c(Connect("id", clean_start=False)),
                *s(Connack()),
                *c(Publish("a", b"1", 1, packet_id=1, dup=True), Pubrel(2)),
            ],
            id="sent again into a new session, which 3.1.1 leaves free",
        ),
        pytest.param(V311, [*CLEAN, *s(Disconnect()), *c(Puback(1))], id="after a DISCONNECT that 3.1.1 has not"),
        pytest.param(
            V5,
            [*CLEAN, *s(Disconnect(0x8B, props({P.TOPIC_ALIAS: 1}))), *c(Puback(1))],
            id="after a property where it does not belong",
        ),
        pytest.param(
            V5,
            [*CLEAN, *s(Publish("a", properties=props({P.TOPIC_ALIAS: 1}))), *c(Disconnect(0x94))],
            id="an alias refused that the client did not allow",
        ),
    ],
)  # fmt: skip
def test_what_one_edition_leaves_free(edition: str, turns: list[Said]) -> None:
    assert found(edition, turns) == set()


# ---------------------------------------------------------------- faults

WIDE = props({P.REASON_STRING: "w" * 20, P.USER_PROPERTY: [("k", "v")]})
SMALL = {P.MAXIMUM_PACKET_SIZE: 20}
Q1, Q2 = Publish("a", b"1", 1, packet_id=1), Publish("a", b"1", 2, packet_id=1)
ILL = b"\xff"

#: Numbers of 3.1.1, numbers of 5.0 (None: not tried there), conversation.
FAULTS: list[tuple[str | None, str | None, list[Said]]] = [
    # opening
    ("3.1.0-1", "3.1.0-1", c(Pingreq())),
    ("3.1.0-1", "3.1.0-1", c(b"GET / HTTP/1.1\r\n\r\n")),
    (None, "3.1.2-1", c(Connect("id", protocol_name="MQTX"))),
    (None, "3.1.2-1", c(Connect("id", protocol_name=b"MQT\xff"))),
    ("3.1.2-11 3.1.2-13", "3.1.2-11", c(Connect("id", connect_flags=0x0A))),
    ("3.1.2-11 3.1.2-15", "3.1.2-13", c(Connect("id", connect_flags=0x22))),
    ("3.1.2-14", "3.1.2-12", c(Connect("id", will=Will("w", qos=3)))),
    ("3.1.2-22", "", c(Connect("id", password=b"p"))),
    ("3.1.3-7", "", c(Connect("", clean_start=False))),
    ("3.1.3-4 1.5.3-1", "3.1.3-4 1.5.4-1", c(Connect(ILL))),
    ("3.1.3-10 1.5.3-1", "3.1.3-11 1.5.4-1", c(Connect("id", will=Will(ILL)))),
    ("3.1.3-11 1.5.3-1", "3.1.3-12 1.5.4-1", c(Connect("id", username=ILL))),
    ("1.5.3-2", "1.5.4-2", c(Connect("i\0d"))),
    ("1.5.3-2", "1.5.4-2", c(Connect("id", username="\0"))),
    ("4.7.1-1", "4.7.0-1", c(Connect("id", will=Will("a/#")))),
    ("4.7.3-1", "4.7.3-1", c(Connect("id", will=Will("")))),
    ("4.7.3-2 1.5.3-2", "4.7.3-2 1.5.4-2", c(Connect("id", will=Will("a\0")))),
    (None, "1.5.4-1", c(Connect("id", will=Will("w", properties=props({P.CONTENT_TYPE: ILL}))))),
    (None, "1.5.7-1", c(Connect("id", properties=props({P.USER_PROPERTY: [("k", ILL)]})))),
    (None, "1.5.7-1", c(Connect("id", will=Will("w", properties=props({P.USER_PROPERTY: [("\0", "v")]}))))),
    ("2.2.2-1", "2.1.3-1", c(Connect("id", flags=2))),
    ("3.1.3-1 3.1.3-3", None, c(b"\x10\x0a\0\4MQTT\4\2\0\x3c")),
    (None, "3.1.3-1 3.1.3-3", c(b"\x10\x0b\0\4MQTT\5\2\0\x3c\0")),
    ("3.1.3-1 3.1.2-9", "3.1.3-1 3.1.2-9", c(Connect("id", connect_flags=0x06))),
    ("3.1.3-1 3.1.2-19", "3.1.3-1 3.1.2-17", c(Connect("id", connect_flags=0x82))),
    ("3.1.3-1 3.1.2-21", "3.1.3-1 3.1.2-19", c(Connect("id", username="u", connect_flags=0xC2))),
    ("3.1.3-1 3.1.2-18", "3.1.3-1 3.1.2-16", c(Connect("id", username="u", connect_flags=0x02))),
    ("3.1.3-1 3.1.2-20", "3.1.3-1 3.1.2-18", c(Connect("id", username="u", password=b"p", connect_flags=0x82))),
    ("3.1.3-1", "3.1.3-1", c(Connect("id", username="u", password=b"p", connect_flags=0x02))),
    (None, "2.2.2-1", c(b"\x10\x0e\0\4MQTT\5\2\0\x3c\0\2id")),
    (None, "2.2.2-1", [*CLEAN, *c(encode(Subscribe(1, (Subscription("ab"),)), Version.V311))]),
    (None, "2.2.2-1", [*CLEAN, *c(encode(Unsubscribe(1, ("ab",)), Version.V311))]),
    (None, "2.2.2-1", [*CLEAN, *c(encode(Publish("ab"), Version.V311))]),
    # authentication
    (
        None,
        "3.1.2-30",
        c(Connect("id", properties=method()), Subscribe(1, (Subscription("a"),))),
    ),
    (None, "4.12.0-7", [*CLEAN, *c(Auth(0x19, method()))]),
    (
        None,
        "4.12.0-5",
        [*c(Connect("id", properties=method())), *s(Auth(0x18, method())), *c(Auth(0x18, method("n")))],
    ),
    (
        None,
        "4.12.0-5 4.12.1-1",
        [
            *c(Connect("id", properties=method())),
            *s(Connack(properties=method())),
            *c(Auth(0x19, method("n"))),
        ],
    ),
    (
        None,
        "4.12.0-3",
        [*c(Connect("id", properties=method())), *s(Auth(0x18, method())), *c(Auth(0x19, method()))],
    ),
    (
        None,
        "3.15.2-1",
        [*c(Connect("id", properties=method())), *s(Connack(properties=method())), *c(Auth(0x00, method()))],
    ),
    (
        None,
        "2.1.3-1 3.15.1-1",
        [*c(Connect("id", properties=method())), *s(Auth(0x18, method())), *c(Auth(0x18, method(), flags=2))],
    ),
    # the session
    (
        None,
        "3.2.2-5",
        [*c(Connect("id", clean_start=False)), *s(Connack()), *c(Publish("a", b"1", 1, dup=True, packet_id=1))],
    ),
    (
        None,
        "3.2.2-4",
        [*c(Connect("id")), *s(Connack(True), Publish("a", qos=1, packet_id=1)), *c(Puback(1))],
    ),
    # any packet
    ("2.2.2-1", "2.1.3-1", [*CLEAN, *c(Pingreq(flags=1))]),
    ("2.2.2-1", "2.1.3-1", [*CLEAN, *c(Disconnect(flags=1))]),
    ("2.2.2-1", "2.1.3-1", [*CLEAN, *s(Q1), *c(Puback(1, flags=1))]),
    ("2.2.2-1 3.6.1-1", "2.1.3-1 3.6.1-1", [*CLEAN, *c(Q2), *s(Pubrec(1)), *c(Pubrel(1, flags=0))]),
    ("2.2.2-1 3.8.1-1", "2.1.3-1 3.8.1-1", [*CLEAN, *c(Subscribe(1, (Subscription("a"),), flags=0))]),
    ("2.2.2-1 3.10.1-1", "2.1.3-1 3.10.1-1", [*CLEAN, *c(Unsubscribe(1, ("a",), flags=0))]),
    (None, "1.5.5-1", [*CLEAN, *c(Raw(0xC0, b"", b"\x80\0"))]),
    (None, "1.5.5-1", [*CLEAN, *c(Raw(0x30, b"\0\1a\x80\0"))]),
    ("1.5.3-1 3.3.2-1", "1.5.4-1 3.3.2-1", [*CLEAN, *c(Publish(ILL))]),
    ("1.5.3-2 4.7.3-2", "1.5.4-2 4.7.3-2", [*CLEAN, *c(Publish("a\0"))]),
    (None, "1.5.4-1", [*CLEAN, *c(Disconnect(0x80, props({P.REASON_STRING: ILL})))]),
    (None, "1.5.4-2", [*CLEAN, *c(Disconnect(0x80, props({P.REASON_STRING: "\0"})))]),
    (None, "1.5.7-1", [*CLEAN, *c(Publish("a", properties=props({P.USER_PROPERTY: [(ILL, "v")]})))]),
    (None, "3.2.2-15", [*told(SMALL), *c(Publish("a", bytes(20)))]),
    (None, "3.2.2-15", [*told(SMALL), *c(Raw(0x82, b"\0\1\0\0\x30" + bytes(20)))]),
    *(
        (None, f"3.2.2-15 {numbers}", [*told(SMALL), *before, *c(packet)])
        for numbers, before, packet in (
            ("3.4.2-2 3.4.2-3", s(Q1), Puback(1, 0, WIDE)),
            ("3.5.2-2 3.5.2-3", s(Q2), Pubrec(1, 0, WIDE)),
            ("3.6.2-2 3.6.2-3", c(Q2) + s(Pubrec(1)), Pubrel(1, 0, WIDE)),
            ("3.7.2-2 3.7.2-3", s(Q2) + c(Pubrec(1)) + s(Pubrel(1)), Pubcomp(1, 0, WIDE)),
            ("3.14.2-3 3.14.2-4", [], Disconnect(0x80, WIDE)),
        )
    ),
    (
        None,
        "3.2.2-15 3.15.2-2 3.15.2-3",
        [
            *c(Connect("id", properties=method())),
            *s(Connack(properties=props({**SMALL, P.AUTHENTICATION_METHOD: "m"}))),
            *c(Auth(0x19, (*method(), *WIDE))),
        ],
    ),
    # DISCONNECT
    (None, "3.14.2-1", [*CLEAN, *c(Disconnect(0x8B))]),
    ("3.14.4-2", "3.14.4-1", [*CLEAN, *c(Disconnect(), Pingreq())]),
    ("3.14.4-2", "3.14.4-1", [*CLEAN, *c(Disconnect(), Connect("id"))]),
    # PUBLISH
    ("3.3.1-2 4.3.1-1", "3.3.1-2 4.3.1-1", [*CLEAN, *c(Publish("a", dup=True))]),
    ("3.3.1-4", "3.3.1-4", [*CLEAN, *c(Publish("a", qos=3, packet_id=1))]),
    ("2.3.1-1", "2.2.1-3", [*CLEAN, *c(Publish("a", qos=1, packet_id=0))]),
    ("3.3.2-2 4.7.1-1", "3.3.2-2 4.7.0-1", [*CLEAN, *c(Publish("a/+"))]),
    ("4.7.3-1", "4.7.3-1", [*CLEAN, *c(Publish(""))]),
    (None, "4.7.3-1", [*told({P.TOPIC_ALIAS_MAXIMUM: 5}), *c(Publish("", properties=props({P.TOPIC_ALIAS: 5})))]),
    (None, "3.3.4-6", [*CLEAN, *c(Publish("a", properties=props({P.SUBSCRIPTION_IDENTIFIER: 1})))]),
    (None, "3.3.2-8", [*told({P.TOPIC_ALIAS_MAXIMUM: 5}), *c(Publish("a", properties=props({P.TOPIC_ALIAS: 0})))]),
    (
        None,
        "3.2.2-17 3.3.2-9",
        [*told({P.TOPIC_ALIAS_MAXIMUM: 5}), *c(Publish("a", properties=props({P.TOPIC_ALIAS: 6})))],
    ),
    (None, "3.2.2-18", [*CLEAN, *c(Publish("a", properties=props({P.TOPIC_ALIAS: 1})))]),
    (None, "3.3.2-13 1.5.4-1", [*CLEAN, *c(Publish("a", properties=props({P.RESPONSE_TOPIC: ILL})))]),
    (None, "3.3.2-14", [*CLEAN, *c(Publish("a", properties=props({P.RESPONSE_TOPIC: "a/#"})))]),
    (None, "3.3.2-19 1.5.4-1", [*CLEAN, *c(Publish("a", properties=props({P.CONTENT_TYPE: ILL})))]),
    (None, "3.2.2-11", [*told({P.MAXIMUM_QOS: 1}), *c(Q2)]),
    (None, "3.2.2-14", [*told({P.RETAIN_AVAILABLE: 0}), *c(Publish("a", retain=True))]),
    (
        None,
        "3.3.4-7 4.9.0-2",
        [*told({P.RECEIVE_MAXIMUM: 1}), *c(Q1, Publish("a", b"2", 2, packet_id=2))],
    ),
    ("2.3.1-2 4.3.2-1", "2.2.1-3 4.3.2-1", [*CLEAN, *c(Q1, Publish("a", b"2", 1, packet_id=1))]),
    ("2.3.1-2 4.3.3-1", "2.2.1-3 4.3.3-1", [*CLEAN, *c(Q1, Publish("a", b"2", 2, packet_id=1))]),
    ("2.3.1-2 4.3.2-1", "2.2.1-3 4.3.2-1", [*CLEAN, *subscribe("a"), *c(Q1)]),
    ("2.3.1-2 4.3.3-1", "2.2.1-3 4.3.3-1", [*CLEAN, *c(Unsubscribe(1, ("a",)), Q2)]),
    ("2.3.1-2 4.3.2-1", "2.2.1-3 4.3.2-1", [*CLEAN, *c(Q1, Publish("a", b"2", 1, packet_id=1, dup=True))]),
    ("3.3.1-1", "3.3.1-1", [*CLEAN, *c(Q1, Q1)]),
    ("4.3.2-1", "4.3.2-2", [*CLEAN, *c(Publish("a", b"1", 1, packet_id=1, dup=True))]),
    ("4.3.3-1", "4.3.3-2", [*CLEAN, *c(Publish("a", b"1", 2, packet_id=1, dup=True))]),
    ("4.3.2-1", "4.3.2-2", [*CLEAN, *c(Q1), *s(Puback(1)), *c(Publish("a", b"2", 1, packet_id=1, dup=True))]),
    (
        "4.3.2-1 2.3.1-3",
        "4.3.2-2",
        [*CLEAN, *c(Q1, Publish("a", b"1", 1, packet_id=2, dup=True))],
    ),
    ("", "4.4.0-1", [*CLEAN, *c(Q1, Publish("a", b"1", 1, packet_id=1, dup=True))]),
    ("", "4.4.0-1", [*CLEAN, *c(Q1), *s(Puback(1)), *c(Publish("a", b"1", 1, packet_id=1, dup=True))]),
    (
        None,
        "4.4.0-1 4.4.0-2",
        [*CLEAN, *c(Q2), *s(Pubrec(1, 0x97)), *c(Publish("a", b"1", 2, packet_id=1, dup=True))],
    ),
    (
        "4.3.3-1",
        "4.3.3-6",
        [*CLEAN, *c(Q2), *s(Pubrec(1)), *c(Pubrel(1), Publish("a", b"1", 2, packet_id=1, dup=True))],
    ),
    (
        None,
        "3.3.2-10",
        [
            *c(Connect("id", properties=props({P.TOPIC_ALIAS_MAXIMUM: 5}))),
            *s(Connack(), Publish("a", properties=props({P.TOPIC_ALIAS: 5}))),
            *c(Disconnect(0x94)),
        ],
    ),
    # acknowledgements
    (None, "3.4.2-1", [*CLEAN, *s(Q1), *c(Puback(1, 1))]),
    (None, "3.5.2-1", [*CLEAN, *s(Q2), *c(Pubrec(1, 1))]),
    (None, "3.6.2-1", [*CLEAN, *c(Q2), *s(Pubrec(1)), *c(Pubrel(1, 1))]),
    (None, "3.7.2-1", [*CLEAN, *s(Q2), *c(Pubrec(1)), *s(Pubrel(1)), *c(Pubcomp(1, 1))]),
    ("2.3.1-6 4.3.2-2", "2.2.1-5 4.3.2-4", [*CLEAN, *s(Q1), *c(Puback(2))]),
    ("2.3.1-6 4.3.3-2", "2.2.1-5 4.3.3-8", [*CLEAN, *s(Q2), *c(Pubrec(2))]),
    ("3.3.4-1", "3.3.4-1", [*CLEAN, *s(Q2), *c(Puback(1))]),
    ("3.3.4-1", "3.3.4-1", [*CLEAN, *s(Q1), *c(Pubrec(1))]),
    ("2.3.1-6", "2.2.1-5 4.3.3-4", [*CLEAN, *c(Q2), *s(Pubrec(1)), *c(Pubrel(2))]),
    ("4.3.3-1", "4.3.3-3", [*CLEAN, *c(Q2, Pubrel(1))]),
    ("", "4.4.0-1", [*CLEAN, *c(Q2), *s(Pubrec(1)), *c(Pubrel(1), Pubrel(1))]),
    ("4.3.3-2", "2.2.1-5 4.3.3-11", [*CLEAN, *s(Q2), *c(Pubrec(1)), *s(Pubrel(1)), *c(Pubcomp(2))]),
    (
        "4.6.0-2",
        "4.6.0-2",
        [*CLEAN, *s(Q1, Publish("a", b"2", 1, packet_id=2)), *c(Puback(2), Puback(1))],
    ),
    (
        "4.6.0-3",
        "4.6.0-3",
        [*CLEAN, *s(Q2, Publish("a", b"2", 2, packet_id=2)), *c(Pubrec(2), Pubrec(1))],
    ),
    (
        "4.6.0-4",
        "4.6.0-4",
        [*CLEAN, *c(Q2, Publish("a", b"2", 2, packet_id=2)), *s(Pubrec(2), Pubrec(1)), *c(Pubrel(1), Pubrel(2))],
    ),
    # SUBSCRIBE and UNSUBSCRIBE
    ("2.3.1-1", "2.2.1-3", [*CLEAN, *subscribe("a", number=0)]),
    ("2.3.1-1", "2.2.1-3", [*CLEAN, *c(Unsubscribe(0, ("a",)))]),
    ("2.3.1-2", "2.2.1-3", [*CLEAN, *c(Q1), *subscribe("a")]),
    ("2.3.1-2", "2.2.1-3", [*CLEAN, *subscribe("a"), *c(Unsubscribe(1, ("a",)))]),
    ("2.3.1-2", "2.2.1-3", [*CLEAN, *subscribe("a"), *subscribe("b")]),
    ("3.8.3-3", "3.8.3-2", [*CLEAN, *subscribe()]),
    ("3.10.3-2", "3.10.3-2", [*CLEAN, *c(Unsubscribe(1, ()))]),
    ("3.8.3-1 1.5.3-1", "3.8.3-1 1.5.4-1", [*CLEAN, *subscribe(ILL)]),
    ("3.10.3-1 1.5.3-1", "3.10.3-1 1.5.4-1", [*CLEAN, *c(Unsubscribe(1, (ILL,)))]),
    *(("4.7.1-2", "4.7.1-1", [*CLEAN, *subscribe("a", one)]) for one in ("a#", "a/#/b", "##", "#/", "/a#")),
    *(("4.7.1-3", "4.7.1-2", [*CLEAN, *c(Unsubscribe(1, (one,)))]) for one in ("a+", "+a", "++", "a/b+/c")),
    ("4.7.3-1", "4.7.3-1", [*CLEAN, *subscribe("")]),
    ("4.7.3-2 1.5.3-2", "4.7.3-2 1.5.4-2", [*CLEAN, *subscribe("a\0")]),
    (None, "4.8.2-1", [*CLEAN, *subscribe("$share//a")]),
    *((None, "4.8.2-2", [*CLEAN, *subscribe(one)]) for one in ("$share/g", "$share/g/", "$share/g+/a", "$share/#/a")),
    (None, "4.7.1-1", [*CLEAN, *subscribe("$share/g/a#")]),
    (None, "3.8.3-4", [*CLEAN, *c(Subscribe(1, (Subscription("$share/g/a", no_local=True),)))]),
]


def _loud() -> list:
    return [
        pytest.param(edition, turns, numbers, id=f"{index}: {edition} {numbers}")
        for index, (old, new, turns) in enumerate(FAULTS)
        for edition, numbers in ((V311, old), (V5, new))
        if numbers is not None
    ]


@pytest.mark.parametrize(("edition", "turns", "numbers"), _loud())
def test_each_fault_is_named(edition: str, turns: list[Said], numbers: str) -> None:
    assert found(edition, turns) == set(numbers.split())


@pytest.mark.parametrize("edition", BOTH)
def test_every_rule_has_its_fault(edition: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only is every number named: each row of the tables speaks at least once."""
    spoke: set[int] = set()

    def listening(index: int, broken: Any) -> Any:
        def call(known: Any, packet: Any) -> Any:
            said = broken(known, packet)
            if said:
                spoke.add(index)
            return said

        return call

    watching = tuple(replace(rule, broken=listening(i, rule.broken)) for i, rule in enumerate(CLIENT_RULES))
    monkeypatch.setitem(rules._RULES, "client", watching)
    rules._table.cache_clear()
    try:
        for old, new, turns in FAULTS:
            if (old if edition == V311 else new) is not None:
                found(edition, turns)
    finally:
        rules._table.cache_clear()
    silent = [rule for i, rule in enumerate(CLIENT_RULES) if rule.numbers(edition) and i not in spoke]
    assert silent == []


@pytest.mark.parametrize("edition", BOTH)
def test_rules_cite_rows_that_bind_the_client(edition: str) -> None:
    rows = read_catalogue(edition, files("suites.mqtt") / "requirements" / f"{edition}.tsv")
    watched = roles()["mqtt-client"].watched(edition)
    assert watched == {n.partition(":")[2] for rule in CLIENT_RULES for n in rule.numbers(edition)}
    assert {row.number for row in rows.values() if row.binds("client")} >= watched


# ---------------------------------------------------------------- hostile


def _scripts(edition: str) -> st.SearchStrategy[tuple[str, list[tuple[bool, Packet | bytes]]]]:
    version = VERSIONS[edition]
    said = st.one_of(packets(version), odd_packets(version), st.binary(max_size=30))
    return st.tuples(st.just(edition), st.lists(st.tuples(st.booleans(), said), max_size=12))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(BOTH).flatmap(_scripts))
def test_no_bytes_make_the_rules_raise(script: tuple[str, list[tuple[bool, Packet | bytes]]]) -> None:
    edition, turns = script
    before = CLEAN if len(turns) % 2 else []
    found(edition, before, [Said(*turn) for turn in turns])
