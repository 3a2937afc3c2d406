"""The passive rules: silent on what a broker may do, loud on what it may not, never in the way."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mqtt_values import odd_packets, packets
from turns import BOTH, CLEAN, V5, V311, Said, breached, c, s

from harness.requirement import read_catalogue
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
)
from testbed.mqtt.properties import Property as P
from testbed.mqtt.properties import props
from testbed.mqtt.rules import SERVER_RULES
from testbed.mqtt.rules.filters import UNREACHED, Filters


def subscribed(*filters: str, qos: int = 2) -> list[Said]:
    wanted = tuple(Subscription(one, qos) for one in filters)
    return [*CLEAN, *c(Subscribe(1, wanted)), *s(Suback(1, (qos,) * len(wanted)))]


def connected(properties: dict, **fields: object) -> list[Said]:
    """A 5.0 connection whose CONNECT has `properties`."""
    return [*c(Connect("id", properties=props(properties), **fields)), *s(Connack())]  # type: ignore[arg-type]


def reason(text: str = "why") -> tuple:
    return props({P.REASON_STRING: text})


# ---------------------------------------------------------------- silence

CONVERSATION = [
    *c(Connect("id", clean_start=False)),
    *s(Connack(session_present=True)),
    *s(Publish("left/over", b"x", 1, dup=True, packet_id=9), Pubrel(10)),
    *c(Puback(9), Pubcomp(10)),
    *c(Subscribe(1, (Subscription("a/+", 1), Subscription("b/#", 2)))),
    *s(Suback(1, (1, 0x80))),
    *s(Publish("a/b", b"", 0, retain=True)),
    *c(Publish("c", b"1", 1, packet_id=2), Publish("c", b"2", 2, packet_id=3)),
    *s(Pubrec(3), Puback(2)),
    *c(Pubrel(3)),
    *s(Pubcomp(3)),
    *s(Publish("a/x", b"1", 1, packet_id=1), Publish("a/y", b"2", 2, packet_id=2)),
    *c(Puback(1), Pubrec(2)),
    *s(Pubrel(2)),
    *c(Pubcomp(2)),
    *s(Publish("a/x", b"3", 1, packet_id=1)),
    *c(Unsubscribe(4, ("a/+",)), Pingreq()),
]


@pytest.mark.parametrize("edition", BOTH)
def test_a_proper_conversation_breaks_nothing(edition: str) -> None:
    codes = (0,) if edition == V5 else ()
    assert breached(edition, CONVERSATION, s(Unsuback(4, codes), Pingresp()), c(Disconnect())) == set()


@pytest.mark.parametrize("edition", BOTH)
@pytest.mark.parametrize(
    "turns",
    [
        pytest.param([subscribed("a"), c(Unsubscribe(2, ("a",))), s(Publish("a"))], id="delivery after UNSUBSCRIBE"),
        pytest.param([CLEAN, c(Subscribe(1, (Subscription("a", 1),))), s(Publish("a"))], id="delivery before SUBACK"),
        pytest.param([CLEAN, s(Publish("a"))], id="delivery to who never subscribed"),
        pytest.param([subscribed("$share/g/a/#"), s(Publish("a/b", dup=True, qos=1, packet_id=1))], id="shared"),
        pytest.param([subscribed("$queue/a"), s(Publish("a"))], id="a filter of the server's own kind"),
        pytest.param([subscribed("a+"), s(Publish("ab"))], id="an ill-formed filter"),
        pytest.param([subscribed("#"), s(Publish("/"))], id="an empty level"),
        pytest.param([subscribed("a/#"), s(Publish("a"))], id="the parent level"),
        pytest.param([subscribed("a"), s(Publish("a", qos=2, packet_id=1))], id="granted QoS"),
        pytest.param(
            [CLEAN, c(Subscribe(1, (Subscription("a", 2),))), s(Suback(1, (0,)), Publish("a"))], id="lower grant"
        ),
        pytest.param([subscribed("a"), s(Publish("a", qos=1, packet_id=7)), c(Pubcomp(7))], id="a wrong ack of ours"),
        pytest.param([CLEAN, c(Pubrel(5)), s(Pubcomp(5)), c(Pubrec(6)), s(Pubrel(6))], id="unknown identifiers"),
        pytest.param([CLEAN, c(Raw(0x82, b"\0")), s(Suback(77, (0,)), Puback(78))], id="after our bad packet"),
        pytest.param([CLEAN, c(Publish("a", qos=3, packet_id=1)), s(Puback(1), Puback(2))], id="after our QoS 3"),
        pytest.param([CLEAN, c(Connect("id")), s(Suback(5, (0,)))], id="after our second CONNECT"),
        pytest.param([c(Connect("id", protocol_level=9)), s(b"\x20\x02\0\x01", Suback(1, ()))], id="another version"),
        pytest.param([c(Connect("id", protocol_name="MQIsdp")), s(b"\x20\x02\xff\x09")], id="another protocol"),
        pytest.param([c(b"GET / HTTP/1.1\r\n"), s(b"HTTP/1.1 400 Bad Request\r\n")], id="no CONNECT at all"),
        pytest.param([CLEAN, s(Raw(0x30, b"\0\x05a")), s(Pingresp())], id="what no statement covers"),
        pytest.param([c(Connect("i", False)), s(Connack(), Puback(3), Pubrel(4))], id="an old session"),
        pytest.param([CLEAN, c(Subscribe(1, ())), s(Suback(1, (0,)))], id="a SUBSCRIBE of nothing"),
    ],
)  # fmt: skip
def test_what_a_server_may_do_is_not_held_against_it(edition: str, turns: list[list[Said]]) -> None:
    assert breached(edition, *turns) == set()


@pytest.mark.parametrize(
    "turns",
    [
        pytest.param(
            [
                *c(Connect("id", properties=props({P.AUTHENTICATION_METHOD: "m"}))),
                *s(Auth(0x18, props({P.AUTHENTICATION_METHOD: "m"}))),
                *c(Auth(0x18, props({P.AUTHENTICATION_METHOD: "m"}))),
                *s(Connack(properties=props({P.AUTHENTICATION_METHOD: "m"}))),
                *s(Auth(0x00, props({P.AUTHENTICATION_METHOD: "m"}))),
            ],
            id="authentication",
        ),
        pytest.param(
            [
                *connected({P.TOPIC_ALIAS_MAXIMUM: 2, P.RECEIVE_MAXIMUM: 1, P.MAXIMUM_PACKET_SIZE: 20}),
                *c(Subscribe(1, (Subscription("a", 1),))),
                *s(Suback(1, (1,))),
                *s(Publish("a", qos=1, packet_id=1, properties=props({P.TOPIC_ALIAS: 2}))),
                *c(Puback(1)),
                *s(Publish("", qos=1, packet_id=1, properties=props({P.TOPIC_ALIAS: 2}))),
                *s(Publish("a", bytes(10))),
            ],
            id="the client's limits, just kept",
        ),
        pytest.param(
            [
                *connected({P.REQUEST_PROBLEM_INFORMATION: 0, P.REQUEST_RESPONSE_INFORMATION: 1}),
                *s(Publish("a", properties=props({P.USER_PROPERTY: [("k", "v")]}))),
                *s(Disconnect(0x8B, reason())),
            ],
            id="problem information where it is allowed",
        ),
        pytest.param(
            [
                *c(Connect("", properties=props({P.REQUEST_RESPONSE_INFORMATION: 1}))),
                *s(Connack(properties=props({P.ASSIGNED_CLIENT_IDENTIFIER: "x", P.RESPONSE_INFORMATION: "r"}))),
            ],
            id="what was asked for",
        ),
        pytest.param([*c(Connect("id")), *s(Connack(code=0x95))], id="a refusal"),
        pytest.param([*c(Connect("id")), *s(b"\x20\x02\0\x01")], id="a refusal by an older server"),
        pytest.param([*CLEAN, *s(b"\x31" + b"\xff" * 40), *s(b"\0" * 9, b"\xff\xff")], id="a stream out of step"),
        pytest.param([*CLEAN, *c(Pubrec(6, 0x80), Pubrel(7)), *s(Pubrel(6, 0x92), Pubcomp(7, 0x92))], id="not found"),
        pytest.param(
            [*connected({P.RECEIVE_MAXIMUM: 0, P.MAXIMUM_PACKET_SIZE: 0}), *s(Publish("a", qos=1, packet_id=1))],
            id="limits of 0, which the standard forbids us",
        ),
    ],
)
def test_legal_variants_of_5_0(turns: list[Said]) -> None:
    assert breached(V5, turns) == set()


# ---------------------------------------------------------------- faults

#: Numbers of 3.1.1, numbers of 5.0 (None: not tried there), conversation.
FAULTS: list[tuple[str | None, str | None, Iterable[Said]]] = [
    # opening
    ("3.2.0-1", "3.2.0-1", [*c(Connect("id")), *s(Publish("a"))]),
    ("3.2.0-1", "3.2.0-1", s(b"SSH-2.0-OpenSSH\r\n")),
    (None, "3.14.0-1", [*c(Connect("id")), *s(Disconnect(0x82))]),
    (None, "3.14.0-1", [*c(Connect("id")), *s(Connack(code=0x87), Disconnect(0x87))]),
    ("3.1.4-5", None, [*c(Connect("id"), Pingreq()), *s(Connack(code=5), Pingresp())]),
    (None, "3.1.4-6 3.2.0-1", [*c(Connect("id"), Pingreq()), *s(Connack(code=0x87), Pingresp())]),
    (None, "3.2.0-2", [*CLEAN, *s(Connack())]),
    (None, "3.2.2-1", [*c(Connect("id")), *s(Connack(acknowledge_flags=0x80))]),
    ("3.2.2-1", "3.2.2-2", [*c(Connect("id")), *s(Connack(True))]),
    ("3.2.2-4", None, [*c(Connect("id", clean_start=False)), *s(Connack(True, 5))]),
    (None, "3.2.2-6", [*c(Connect("id", clean_start=False)), *s(Connack(True, 0x87))]),
    ("3.2.2-6", "3.2.2-8", [*c(Connect("id")), *s(Connack(code=6))]),
    (None, "3.2.2-16 3.1.3-7", [*c(Connect("")), *s(Connack())]),
    (None, "3.1.2-28", [*c(Connect("id")), *s(Connack(properties=props({P.RESPONSE_INFORMATION: "r"})))]),
    (None, "4.12.0-6", [*c(Connect("id")), *s(Connack(properties=props({P.AUTHENTICATION_METHOD: "m"})))]),
    (None, "4.12.0-6", [*c(Connect("id")), *s(Auth(0x18))]),
    (None, "4.12.0-5", connected({P.AUTHENTICATION_METHOD: "m"})),
    (
        None,
        "4.12.0-5 4.12.0-2",
        [*c(Connect("id", properties=props({P.AUTHENTICATION_METHOD: "m"}))), *s(Auth(0x00))],
    ),
    (
        None,
        "3.15.2-1",
        [
            *c(Connect("id", properties=props({P.AUTHENTICATION_METHOD: "m"}))),
            *s(Connack(properties=props({P.AUTHENTICATION_METHOD: "m"}))),
            *s(Auth(0x19, props({P.AUTHENTICATION_METHOD: "m"}))),
        ],
    ),
    # any packet
    ("2.2.2-1", "2.1.3-1", [*c(Connect("id")), *s(Connack(flags=1))]),
    ("2.2.2-1 3.6.1-1", "2.1.3-1 3.6.1-1", [*CLEAN, *c(Pubrec(1)), *s(Pubrel(1, flags=0))]),
    (
        None,
        "2.1.3-1 3.15.1-1",
        [
            *c(Connect("id", properties=props({P.AUTHENTICATION_METHOD: "m"}))),
            *s(Auth(0x18, props({P.AUTHENTICATION_METHOD: "m"}), flags=2)),
        ],
    ),
    (None, "1.5.5-1", [*CLEAN, *s(Raw(0xD0, b"", b"\x80\0"))]),
    (None, "2.2.2-1", [*c(Connect("id")), *s(b"\x20\x02\0\0")]),
    (None, "2.2.2-1", [*CLEAN, *c(Unsubscribe(1, ("a",))), *s(b"\xb0\x02\0\1")]),
    ("1.5.3-1 3.3.2-1", "1.5.4-1 3.3.2-1", [*CLEAN, *s(Publish(b"\xff"))]),
    ("1.5.3-2", "1.5.4-2", [*CLEAN, *s(Publish("a\0"))]),
    (None, "1.5.4-1", [*CLEAN, *s(Disconnect(0x80, props({P.REASON_STRING: b"\xff"})))]),
    (None, "1.5.4-2", [*CLEAN, *s(Disconnect(0x80, reason("\0")))]),
    (None, "1.5.7-1", [*CLEAN, *s(Publish("a", properties=props({P.USER_PROPERTY: [("k", b"\xff")]})))]),
    (None, "3.1.2-24", [*connected({P.MAXIMUM_PACKET_SIZE: 20}), *s(Publish("a", bytes(20)))]),
    (
        None,
        "3.1.2-24 3.2.2-19 3.2.2-20",
        [
            *c(Connect("id", properties=props({P.MAXIMUM_PACKET_SIZE: 9}))),
            *s(Connack(properties=props({P.REASON_STRING: "why", P.USER_PROPERTY: [("k", "v")]}))),
        ],
    ),
    *(
        (
            None,
            f"3.1.2-24 {first} {second} 3.1.2-29",
            [
                *connected({P.MAXIMUM_PACKET_SIZE: 9, P.REQUEST_PROBLEM_INFORMATION: 0}),
                *c(Publish("a", qos=1, packet_id=1), Publish("a", qos=2, packet_id=2), Pubrel(2), Pubrec(4)),
                *c(Subscribe(5, (Subscription("a"),)), Unsubscribe(6, ("a",))),
                *s(packet),
            ],
        )
        for first, second, packet in (
            ("3.4.2-2", "3.4.2-3", Puback(1, 0, props({P.REASON_STRING: "w", P.USER_PROPERTY: [("k", "v")]}))),
            ("3.5.2-2", "3.5.2-3", Pubrec(2, 0, props({P.REASON_STRING: "w", P.USER_PROPERTY: [("k", "v")]}))),
            ("3.6.2-2", "3.6.2-3", Pubrel(4, 0, props({P.REASON_STRING: "w", P.USER_PROPERTY: [("k", "v")]}))),
            ("3.7.2-2", "3.7.2-3", Pubcomp(2, 0, props({P.REASON_STRING: "w", P.USER_PROPERTY: [("k", "v")]}))),
            ("3.9.2-1", "3.9.2-2", Suback(5, (0,), props({P.REASON_STRING: "w", P.USER_PROPERTY: [("k", "v")]}))),
            ("3.11.2-1", "3.11.2-2", Unsuback(6, (0,), props({P.REASON_STRING: "w", P.USER_PROPERTY: [("k", "v")]}))),
        )
    ),
    (
        None,
        "3.1.2-24 3.14.2-3 3.14.2-4",
        [
            *connected({P.MAXIMUM_PACKET_SIZE: 9}),
            *s(Disconnect(0x80, props({P.REASON_STRING: "why", P.USER_PROPERTY: [("k", "v")]}))),
        ],
    ),
    (
        None,
        "3.1.2-24 3.15.2-2 3.15.2-3",
        [
            *c(Connect("id", properties=props({P.MAXIMUM_PACKET_SIZE: 9, P.AUTHENTICATION_METHOD: "m"}))),
            *s(
                Auth(0x18, props({P.AUTHENTICATION_METHOD: "m", P.REASON_STRING: "w", P.USER_PROPERTY: [("k", "v")]}))
            ),
        ],
    ),
    # PUBLISH
    ("3.3.1-2", "3.3.1-2", [*CLEAN, *s(Publish("a", dup=True))]),
    ("3.3.1-4", "3.3.1-4", [*CLEAN, *s(Publish("a", qos=3, packet_id=1))]),
    ("2.3.1-1", "2.2.1-4", [*CLEAN, *s(Publish("a", qos=1, packet_id=0))]),
    ("3.3.2-2 4.7.1-1", "3.3.2-2 4.7.0-1", [*CLEAN, *s(Publish("a/+"))]),
    ("4.7.3-1", "4.7.3-1", [*CLEAN, *s(Publish(""))]),
    (
        None,
        "4.7.3-1",
        [*connected({P.TOPIC_ALIAS_MAXIMUM: 5}), *s(Publish("", properties=props({P.TOPIC_ALIAS: 5})))],
    ),
    (
        None,
        "3.3.2-8",
        [*connected({P.TOPIC_ALIAS_MAXIMUM: 5}), *s(Publish("a", properties=props({P.TOPIC_ALIAS: 0})))],
    ),
    (
        None,
        "3.1.2-26 3.3.2-11",
        [*connected({P.TOPIC_ALIAS_MAXIMUM: 5}), *s(Publish("a", properties=props({P.TOPIC_ALIAS: 6})))],
    ),
    (None, "3.1.2-27", [*CLEAN, *s(Publish("a", properties=props({P.TOPIC_ALIAS: 1})))]),
    (None, "3.3.2-13 1.5.4-1", [*CLEAN, *s(Publish("a", properties=props({P.RESPONSE_TOPIC: b"\xff"})))]),
    (None, "3.3.2-14", [*CLEAN, *s(Publish("a", properties=props({P.RESPONSE_TOPIC: "a/#"})))]),
    (None, "3.3.2-19 1.5.4-1", [*CLEAN, *s(Publish("a", properties=props({P.CONTENT_TYPE: b"\xff"})))]),
    ("3.3.2-3", "3.3.2-3", [*subscribed("a/+"), *s(Publish("a/b/c"))]),
    ("4.7.2-1", "4.7.2-1", [*subscribed("#"), *s(Publish("$SYS/uptime"))]),
    ("3.8.4-6", "3.8.4-8", [*subscribed("a", qos=1), *s(Publish("a", qos=2, packet_id=1))]),
    ("2.3.1-4 4.3.2-1", "2.2.1-4 4.3.2-1", [*subscribed("a"), *s(*[Publish("a", qos=1, packet_id=1)] * 2)]),
    ("2.3.1-4 4.3.3-1", "2.2.1-4 4.3.3-1", [*subscribed("a"), *s(*[Publish("a", qos=2, packet_id=1)] * 2)]),
    (
        "2.3.1-4 4.3.2-1",
        "2.2.1-4 4.3.2-1",
        [*subscribed("+"), *s(Publish("a", qos=1, packet_id=1), Publish("b", qos=1, packet_id=1, dup=True))],
    ),
    (
        "",
        "4.4.0-1",
        [*subscribed("a"), *s(Publish("a", qos=1, packet_id=1), Publish("a", qos=1, packet_id=1, dup=True))],
    ),
    (
        "4.3.3-1",
        "4.3.3-6",
        [
            *subscribed("a"),
            *s(Publish("a", qos=2, packet_id=1)),
            *c(Pubrec(1)),
            *s(Pubrel(1), Publish("a", qos=2, packet_id=1, dup=True)),
        ],
    ),
    ("3.3.1-3", "3.3.1-3", [*subscribed("a"), *s(Publish("a", qos=1, packet_id=1, dup=True))]),
    (
        None,
        "3.3.4-9 4.9.0-2",
        [*connected({P.RECEIVE_MAXIMUM: 1}), *s(Publish("a", qos=1, packet_id=1), Publish("a", qos=2, packet_id=2))],
    ),
    # acknowledgements
    ("2.3.1-6 4.3.2-2", "2.2.1-5 4.3.2-4", [*CLEAN, *c(Publish("a", qos=1, packet_id=1)), *s(Puback(2))]),
    ("2.3.1-6 4.3.3-2", "2.2.1-5 4.3.3-8", [*CLEAN, *c(Publish("a", qos=2, packet_id=1)), *s(Pubrec(2))]),
    ("3.3.4-1", "3.3.4-1", [*CLEAN, *c(Publish("a", qos=2, packet_id=1)), *s(Puback(1))]),
    ("3.3.4-1", "3.3.4-1", [*CLEAN, *c(Publish("a", qos=1, packet_id=1)), *s(Pubrec(1))]),
    ("2.3.1-6", "2.2.1-5", [*subscribed("a"), *s(Publish("a", qos=2, packet_id=1)), *c(Pubrec(1)), *s(Pubrel(2))]),
    ("4.3.3-1", "4.3.3-3", [*subscribed("a"), *s(Publish("a", qos=2, packet_id=1), Pubrel(1))]),
    (
        "",
        "4.4.0-1",
        [*subscribed("a"), *s(Publish("a", qos=2, packet_id=1)), *c(Pubrec(1)), *s(Pubrel(1), Pubrel(1))],
    ),
    (
        "4.3.3-2",
        "2.2.1-5 4.3.3-11",
        [*CLEAN, *c(Publish("a", qos=2, packet_id=1)), *s(Pubrec(1)), *c(Pubrel(1)), *s(Pubcomp(2))],
    ),
    (None, "3.4.2-1", [*CLEAN, *c(Publish("a", qos=1, packet_id=1)), *s(Puback(1, 1))]),
    (None, "3.5.2-1", [*CLEAN, *c(Publish("a", qos=2, packet_id=1)), *s(Pubrec(1, 1))]),
    (None, "3.6.2-1", [*CLEAN, *c(Pubrec(1)), *s(Pubrel(1, 1))]),
    (None, "3.7.2-1", [*CLEAN, *c(Pubrel(1)), *s(Pubcomp(1, 1))]),
    ("3.8.4-2 2.3.1-7", "3.8.4-2 2.2.1-6", [*CLEAN, *c(Subscribe(1, (Subscription("a"),))), *s(Suback(2, (0,)))]),
    (
        "3.8.4-4",
        "3.8.4-5",
        [
            *CLEAN,
            *c(Subscribe(1, (Subscription("a"), Subscription("b")))),
            *s(Suback(1, (0, 0)), Suback(1, (0,))),
        ],
    ),
    ("3.8.4-5", "3.8.4-6", [*CLEAN, *c(Subscribe(1, (Subscription("a"),))), *s(Suback(1, (0, 0)))]),
    ("3.9.3-2", "3.9.3-2", [*CLEAN, *c(Subscribe(1, (Subscription("a"),))), *s(Suback(1, (0x84,)))]),
    (
        "3.10.4-4 2.3.1-7",
        None,
        [*CLEAN, *c(Unsubscribe(1, ("a",))), *s(Unsuback(2))],
    ),
    (None, "3.10.4-5 2.2.1-6", [*CLEAN, *c(Unsubscribe(1, ("a",))), *s(Unsuback(2, (0,)))]),
    (None, "3.11.3-2", [*CLEAN, *c(Unsubscribe(1, ("a",))), *s(Unsuback(1, (0, 0)))]),
    (None, "3.11.3-2", [*CLEAN, *c(Unsubscribe(1, ("a",))), *s(Unsuback(1, (2,)))]),
    # DISCONNECT
    (None, "3.14.2-1", [*CLEAN, *s(Disconnect(0x04))]),
    (None, "3.14.2-2", [*CLEAN, *s(Disconnect(0x8B, props({P.SESSION_EXPIRY_INTERVAL: 1})))]),
    (None, "3.14.4-1", [*CLEAN, *s(Disconnect(0x8B), Pingresp())]),
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
    assert breached(edition, turns) == set(numbers.split())


@pytest.mark.parametrize("edition", BOTH)
def test_every_rule_has_its_fault_and_cites_rows_that_bind_the_server(edition: str) -> None:
    cited = {number for rule in SERVER_RULES for number in rule.numbers(edition)}
    column = BOTH.index(edition)
    tried = {f"{edition}:MQTT-{n}" for row in FAULTS for n in (row[column] or "").split()}  # type: ignore[union-attr]
    assert cited == tried
    rows = read_catalogue(edition, files("suites.mqtt") / "requirements" / f"{edition}.tsv")
    assert {row.id for row in rows.values() if row.binds("server")} >= cited


# ---------------------------------------------------------------- filters


@pytest.mark.parametrize(
    ("given", "topic", "reached"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/b/", False),
        ("+/b", "/b", True),
        ("+", "/b", False),
        ("/+", "/b", True),
        ("a/#", "a", True),
        ("a/#", "ab", False),
        ("#", "$SYS/a", False),
        ("+/a", "$SYS/a", False),
        ("$SYS/#", "$SYS/a", True),
        ("a/+/c", "a//c", True),
        ("A", "a", False),
    ],
)
def test_filters_reach_topics(given: str, topic: str, reached: bool) -> None:
    filters = Filters()
    filters.add(given, 1)
    assert (filters.reach(topic) == 1) is reached
    assert reached or filters.reach(topic) == UNREACHED


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
    breached(edition, before, [Said(*turn) for turn in turns])
