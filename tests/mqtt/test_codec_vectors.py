"""Frames written by hand from the packet layouts of the standard, sections 3.1 to 3.15."""

from __future__ import annotations

import pytest

from testbed.mqtt.codec import decode, describe, encode, minimal_length
from testbed.mqtt.packets import (
    KINDS,
    Auth,
    Connack,
    Connect,
    Disconnect,
    Malformed,
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
from testbed.mqtt.properties import TABLE, Property, get, get_all, props
from testbed.mqtt.reasons import ALLOWED, Reason, allowed, name

V31, V311, V5 = Version

VECTORS: list[tuple[Version, str, Packet]] = [
    (V31, "10 0f 0006 4d5149736470 03 02 000a 0001 63", Connect("c", True, 10, protocol_name="MQIsdp")),
    (V311, "10 0d 0004 4d515454 04 02 003c 0001 63", Connect("c")),
    (
        V311,
        "10 1a 0004 4d515454 04 f4 0000 0001 63 0001 77 0002 686f 0001 75 0001 70",
        Connect("c", False, 0, Will("w", b"ho", 2, True), "u", b"p"),
    ),
    (V311, "10 0d 0004 4d515454 84 02 003c 0001 63", Connect("c", protocol_level=0x84)),
    (V311, "10 0d 0004 4d515454 04 03 003c 0001 63", Connect("c", reserved=True)),
    (V311, "10 0d 0004 4d515454 04 2a 003c 0001 63", Connect("c", connect_flags=0x2A)),
    (V311, "10 0e 0004 4d515454 05 02 003c 00 0001 63", Connect("c", protocol_level=5)),
    (
        V5,
        "10 24 0004 4d515454 05 0e 003c 08 11 0000000a 21 0014 0001 63 05 18 00000005 0001 77 0003 627965",
        Connect(
            "c",
            will=Will("w", b"bye", 1, properties=((Property.WILL_DELAY_INTERVAL, 5),)),
            properties=((Property.SESSION_EXPIRY_INTERVAL, 10), (Property.RECEIVE_MAXIMUM, 20)),
        ),
    ),
    (V311, "20 02 01 00", Connack(True)),
    (V311, "20 02 00 05", Connack(code=5)),
    (V311, "20 02 fe 00", Connack(acknowledge_flags=0xFE)),
    (V5, "20 06 00 00 03 22 000a", Connack(properties=((Property.TOPIC_ALIAS_MAXIMUM, 10),))),
    (V5, "20 03 00 87 00", Connack(code=Reason.NOT_AUTHORIZED)),
    (V311, "30 07 0003 612f62 6869", Publish("a/b", b"hi")),
    (V311, "3d 09 0003 612f62 000a 6869", Publish("a/b", b"hi", 2, True, True, 10)),
    (V311, "36 07 0003 612f62 000a", Publish("a/b", b"", 3, packet_id=10)),
    (V311, "30 04 0002 c080", Publish(b"\xc0\x80")),
    (V311, "30 03 0001 00", Publish("\0")),
    (
        V5,
        "32 13 0000 0007 0d 23 0003 26 0001 6b 0001 76 0b 8001 78",
        Publish(
            "",
            b"x",
            1,
            packet_id=7,
            properties=(
                (Property.TOPIC_ALIAS, 3),
                (Property.USER_PROPERTY, ("k", "v")),
                (Property.SUBSCRIPTION_IDENTIFIER, 128),
            ),
        ),
    ),
    (V311, "40 02 0007", Puback(7)),
    (V5, "40 02 0007", Puback(7)),
    (V5, "40 03 0007 10", Puback(7, 0x10)),
    (V5, "40 03 0007 00", Puback(7, form="code")),
    (V5, "40 04 0007 00 00", Puback(7, form="full")),
    (V5, "40 08 0007 97 04 1f 0001 6e", Puback(7, 0x97, ((Property.REASON_STRING, "n"),))),
    (V5, "50 02 0007", Pubrec(7)),
    (V5, "50 04 0007 91 00", Pubrec(7, 0x91, form="full")),
    (V5, "62 02 0007", Pubrel(7)),
    (V5, "60 02 0007", Pubrel(7, flags=0)),
    (V5, "62 03 0007 92", Pubrel(7, 0x92)),
    (V5, "70 02 0007", Pubcomp(7)),
    (V311, "82 08 000a 0003 612f62 01", Subscribe(10, (Subscription("a/b", 1),))),
    (V311, "82 02 0000", Subscribe(0, ())),
    (V311, "82 06 0001 0001 61 fd", Subscribe(1, (Subscription("a", 1, options=0xFD),))),
    (
        V5,
        "82 09 0001 02 0b 05 0001 23 2d",
        Subscribe(1, (Subscription("#", 1, True, True, 2),), ((Property.SUBSCRIPTION_IDENTIFIER, 5),)),
    ),
    (V311, "90 05 0001 00 02 80", Suback(1, (0, 2, 0x80))),
    (V5, "90 05 0001 00 01 9e", Suback(1, (1, 0x9E))),
    (V311, "a2 07 0001 0001 61 0000", Unsubscribe(1, ("a", ""))),
    (V5, "a2 06 0001 00 0001 61", Unsubscribe(1, ("a",))),
    (V311, "b0 02 0001", Unsuback(1)),
    (V5, "b0 05 0001 00 00 11", Unsuback(1, (0, 0x11))),
    (V311, "c0 00", Pingreq()),
    (V5, "c5 00", Pingreq(flags=5)),
    (V5, "d0 00", Pingresp()),
    (V311, "e0 00", Disconnect()),
    (V5, "e0 00", Disconnect()),
    (V5, "e0 01 04", Disconnect(4)),
    (V5, "e0 01 00", Disconnect(form="code")),
    (V5, "e0 07 00 05 11 00000000", Disconnect(properties=((Property.SESSION_EXPIRY_INTERVAL, 0),))),
    (V5, "f0 00", Auth()),
    (V5, "f0 07 18 05 15 0002 5343", Auth(0x18, ((Property.AUTHENTICATION_METHOD, "SC"),))),
]


@pytest.mark.parametrize(("version", "text", "packet"), VECTORS, ids=[row[1] for row in VECTORS])
def test_the_frame_and_the_packet_are_each_other(version: Version, text: str, packet: Packet) -> None:
    frame = bytes.fromhex(text)
    assert encode(packet, version).hex(" ") == frame.hex(" ")
    assert decode(frame, version) == packet
    assert minimal_length(frame)
    assert describe(packet).startswith(packet.kind)


def test_every_packet_has_a_vector() -> None:
    assert {packet.type for _, _, packet in VECTORS} == set(KINDS) == set(range(1, 16))


def test_a_dict_says_properties_too() -> None:
    said = {Property.USER_PROPERTY: [("a", "1"), ("a", "2")], Property.TOPIC_ALIAS: 0}
    frame = encode(Publish("t", properties=said), V5)  # type: ignore[arg-type]
    packet = decode(frame, V5)
    assert isinstance(packet, Publish)
    assert packet.properties == props(said)
    assert get(packet.properties, Property.TOPIC_ALIAS) == 0
    assert get(packet.properties, Property.MAXIMUM_QOS, 9) == 9
    assert get_all(packet.properties, Property.USER_PROPERTY) == (("a", "1"), ("a", "2"))


def test_a_wrong_property_is_sayable() -> None:
    frame = encode(Publish("t", properties=((0x63, b"xy"), (Property.TOPIC_ALIAS, b"\x01"))), V5)
    assert frame.hex(" ", 1) == "30 09 00 01 74 05 63 78 79 23 01"
    assert isinstance(decode(frame, V5), Malformed)


def test_a_surrogate_goes_out_and_stays_bytes() -> None:
    frame = encode(Publish("\ud800"), V311)
    assert frame == b"\x30\x05\x00\x03\xed\xa0\x80"
    assert decode(frame, V311) == Publish(b"\xed\xa0\x80")


def test_a_connect_is_read_by_its_own_level() -> None:
    frame = encode(Connect("c", properties=((Property.RECEIVE_MAXIMUM, 1),)), V5)
    assert decode(frame, V311) == Connect("c", properties=((Property.RECEIVE_MAXIMUM, 1),), protocol_level=5)
    assert encode(Connect("c", protocol_level=6), V5)[8:14].hex() == "0602003c0000"


@pytest.mark.parametrize(
    "packet",
    [
        Publish("t", properties=((Property.TOPIC_ALIAS, 1),)),
        Puback(1, 0x80),
        Puback(1, form="full"),
        Unsuback(1, (0,)),
        Disconnect(4),
    ],
)
def test_what_only_5_0_can_say_is_not_dropped_in_silence(packet: Packet) -> None:
    with pytest.raises(ValueError, match="no place"):
        encode(packet, V311)


def test_a_form_too_short_for_its_content_is_refused() -> None:
    with pytest.raises(ValueError, match="no place for code 128"):
        encode(Puback(1, 0x80, form="short"), V5)
    with pytest.raises(ValueError, match="1 properties"):
        encode(Puback(1, 0, ((Property.REASON_STRING, "n"),), form="code"), V5)


def test_raw_says_anything() -> None:
    assert encode(Raw(0x30, b"ab"), V5) == b"\x30\x02ab"
    assert encode(Raw(0x30, b"ab", b"\xff\xff\xff\xff\x7f"), V5) == b"\x30\xff\xff\xff\xff\x7fab"
    assert encode(Raw(0, b"", b""), V311) == b"\0"


def test_descriptions_are_for_people() -> None:
    packet = Publish("a/b", b"hello", 1, True, True, 7, ((Property.TOPIC_ALIAS, 3),))
    assert describe(packet) == "PUBLISH topic='a/b' qos=1 id=7 retain dup payload=5 B b'hello' {Topic Alias: 3}"
    assert describe(Suback(1, (1, 0x87, 0x55))) == "SUBACK id=1 [0x01 Granted QoS 1, 0x87 Not authorized, 0x55]"
    assert describe(Disconnect(0)) == "DISCONNECT code=0x00 Normal disconnection"
    assert describe(decode(b"\x30\x00", V5)) == "MALFORMED PUBLISH: the packet ends inside a field; 2 B 30 00"
    assert len(describe(Subscribe(1, (Subscription("x" * 90),) * 99))) == 300


def test_tables_are_complete() -> None:
    assert set(TABLE) == set(Property) and len(TABLE) == 27
    assert {code for codes in ALLOWED.values() for code in codes} == {int(code) for code in Reason}
    assert Reason.SERVER_BUSY not in allowed("DISCONNECT", "client")
    assert Reason.SERVER_BUSY in allowed("DISCONNECT", "server")
    assert allowed("PUBACK", "client") == ALLOWED["PUBACK"]
    assert allowed("PUBLISH") == frozenset()
    assert (name(0), name(0, "SUBACK"), name(0x9B), name(0x55)) == (
        "Success",
        "Granted QoS 0",
        "QoS not supported",
        "0x55",
    )
