"""Nothing is lost between values and bytes, in either direction, whatever the bytes are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mqtt_values import blobs, byte, hostile_frames, odd_packets, packets, versions

from testbed.mqtt.codec import decode, describe, encode, minimal_length
from testbed.mqtt.framing import Framer
from testbed.mqtt.packets import Connect, Malformed, Publish, Raw, Subscribe, Version
from testbed.mqtt.wire import varint


@given(st.data(), versions)
def test_a_packet_comes_back_equal(data: st.DataObject, version: Version) -> None:
    packet = data.draw(packets(version))
    frame = encode(packet, version)
    assert decode(frame, version) == packet
    assert minimal_length(frame)


@given(st.data(), versions)
def test_nonsense_is_said_and_read_without_loss(data: st.DataObject, version: Version) -> None:
    try:
        frame = encode(data.draw(odd_packets(version)), version)
    except ValueError as error:
        assert "3.1.1 has no place" in str(error)
        return
    assert encode(decode(frame, version), version) == frame


@given(st.one_of(hostile_frames(), st.binary(max_size=40)), versions)
def test_any_bytes_are_read_without_loss(frame: bytes, version: Version) -> None:
    packet = decode(frame, version)
    assert encode(packet, version) == frame
    line = describe(packet)
    assert len(line) <= 300
    assert line.isprintable()


@given(byte, blobs, versions)
def test_any_body_is_read_without_loss(first: int, body: bytes, version: Version) -> None:
    frame = encode(Raw(first, body), version)
    assert encode(decode(frame, version), version) == frame


@given(st.integers(0, 268_435_455))
def test_a_length_field_is_as_short_as_can_be(value: int) -> None:
    digits = varint(value)
    assert len(digits) == (1 if value < 128 else 2 if value < 16_384 else 3 if value < 2_097_152 else 4)
    assert sum((digit & 127) << 7 * place for place, digit in enumerate(digits)) == value


@given(st.data(), versions, st.lists(st.integers(1, 9), max_size=40))
def test_a_stream_cut_anywhere_gives_the_same_frames(data: st.DataObject, version: Version, cuts: list[int]) -> None:
    frames = [encode(packet, version) for packet in data.draw(st.lists(packets(version), max_size=5))]
    stream = b"".join(frames)
    assert Framer().feed(stream) == frames
    bytewise = Framer()
    assert [frame for at in range(len(stream)) for frame in bytewise.feed(stream[at : at + 1])] == frames
    pieces, at, got = Framer(), 0, []
    for cut in [*cuts, len(stream)]:
        got += pieces.feed(stream[at : at + cut])
        at += cut
    assert got == frames
    assert (pieces.pending, pieces.broken, bytewise.pending, bytewise.broken) == (b"", "", b"", "")


@pytest.mark.parametrize("size", [0, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152])
def test_length_boundaries(size: int) -> None:
    packet = Publish("", bytes(size - 2 if size >= 2 else 0))
    frame = encode(packet, Version.V311)
    assert decode(frame, Version.V311) == packet
    head, tail = frame[:3], frame[3:]
    framer = Framer()
    assert framer.feed(head) == []
    assert framer.feed(tail) == [frame]


@pytest.mark.parametrize(
    ("packet", "why"),
    [
        (Publish("x" * 65_536), "65535"),
        (Publish("x", qos=4), "QoS 4"),
        (Publish("x", packet_id=65_536), "packet identifier 65536"),
        (Publish("x", properties={35: 65_536}), "Topic Alias 65536"),
        (Publish("x", properties={11: 268_435_456}), "268435456"),
        (Publish("x", properties={35: "x"}), "two byte integer"),
        (Publish("x", properties={99: 1}), "0x63 is unknown"),
        (Connect(keep_alive=-1), "keep alive"),
        (Subscribe(1, (), flags=16), "flags 16"),
    ],
)
def test_what_has_no_wire_form_is_refused_with_a_reason(packet: Publish, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        encode(packet, Version.V5)


def test_bytes_pass_through_and_strangers_do_not() -> None:
    assert encode(b"\xff\xff", Version.V5) == b"\xff\xff"
    with pytest.raises(TypeError, match="no packet"):
        encode("PINGREQ", Version.V5)  # type: ignore[arg-type]


def test_a_stream_that_cannot_be_cut_breaks_and_stays_small() -> None:
    framer = Framer()
    assert framer.feed(b"\xc0\x00\x30\xff\xff\xff\xff\x01") == [b"\xc0\x00"]
    assert "four bytes" in framer.broken
    assert framer.pending == b"\x30\xff\xff\xff\xff\x01"
    for _ in range(4):
        assert framer.feed(bytes(60_000)) == []
    assert len(framer.pending) == 65_536


def test_a_frame_over_the_limit_is_refused_before_it_comes() -> None:
    framer = Framer(limit=100)
    assert framer.feed(b"\x30\x62" + bytes(98)) == [b"\x30\x62" + bytes(98)]
    assert framer.feed(b"\x30\x63") == []
    assert "101 bytes" in framer.broken
    assert Framer().broken == ""


def test_malformed_says_what_is_wrong() -> None:
    for frame, version, problem in (
        (b"", Version.V5, "ends inside a field"),
        (b"\xc0", Version.V5, "ends inside a field"),
        (b"\xc0\x80\x00", Version.V5, "2 bytes on 0"),
        (b"\xc0\x01\x00", Version.V5, "left over"),
        (b"\xc0\x05\x00", Version.V5, "says 5 bytes, 1 are there"),
        (b"\x00\x00", Version.V5, "type 0 is reserved"),
        (b"\xf0\x00", Version.V311, "type 15 is reserved"),
        (b"\x40\x03\x00\x01\x00", Version.V311, "1 bytes are left over"),
        (b"\x40\x06\x00\x01\x00\x02\x63\x00", Version.V5, "0x63 is unknown"),
        (b"\x30\x06\x00\x01a\x05\x23\x00", Version.V5, "property length says 5"),
        (b"\x30\x07\x00\x01a\x02\x23\x00\x01", Version.V5, "runs over the end"),
        (b"\x30\x07\x00\x01a\x03\x0b\x80\x00", Version.V5, "2 bytes on 0"),
    ):
        packet = decode(frame, version)
        assert isinstance(packet, Malformed), frame
        assert problem in packet.problem
        assert packet.raw == frame
        assert packet.type == (frame[0] >> 4 if frame else 0)
