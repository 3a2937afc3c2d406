"""TCP in packets of every link layer, and why there is none in others."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from testbed.captured import network
from tests.captured.writing import ACK, CONNECT, ethernet, ip, listened, pcap, raw, tcp, usual

ONE, TWO = ("10.0.0.5", 40_000), ("10.0.0.1", 1883)
SIX = ("fd00::5", 40_000), ("fd00::1", 1883)


def kind_of(packet: bytes) -> bytes:
    return b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd"


LAYERS = {
    "ethernet": (1, ethernet),
    "vlan": (1, lambda packet: ethernet(packet, [0x8100])),
    "vlan in vlan": (1, lambda packet: ethernet(packet, [0x88A8, 0x8100])),
    "raw": (101, raw),
    "raw bsd": (12, raw),
    "null": (0, lambda packet: struct.pack("<I", 2 if packet[0] >> 4 == 4 else 30) + packet),
    "loop": (108, lambda packet: struct.pack(">I", 2) + packet),
    "sll": (113, lambda packet: bytes(14) + kind_of(packet) + packet),
    "sll2": (276, lambda packet: kind_of(packet) + bytes(18) + packet),
}


@pytest.mark.parametrize("ends", [(ONE, TWO), SIX], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("name", LAYERS)
def test_every_link_layer_is_read(tmp_path: Path, name: str, ends: tuple) -> None:
    link_type, wrap = LAYERS[name]
    packets = [wrap(packet) for packet in usual(client=ends[0], server=ends[1]).packets]
    (ear,), reading = listened(tmp_path, pcap(packets, link_type=link_type))
    assert ear.meeting.initiator == ends[0]
    assert ear.meeting.responder == ends[1]
    assert ear.said[0].startswith(CONNECT)
    assert ear.missing == ""
    assert not reading.unread


def test_only_the_one_family_of_a_raw_link_type_is_needed() -> None:
    packet = tcp(ONE, TWO, 5, 7, ACK, b"hello")
    for link_type in (228, 101, 14):
        found = network.segment(link_type, packet)
        assert not isinstance(found, str)
        assert found.payload == b"hello"


def test_padding_of_short_frames_is_no_payload() -> None:
    found = network.segment(1, ethernet(tcp(ONE, TWO, 5, 7, ACK, b"x")))
    assert not isinstance(found, str)
    assert (found.payload, found.missing) == (b"x", 0)


def test_a_packet_without_a_total_length_goes_to_its_end() -> None:
    packet = bytearray(tcp(ONE, TWO, 5, 7, ACK, b"hello"))
    packet[2:4] = b"\0\0"
    found = network.segment(101, bytes(packet))
    assert not isinstance(found, str)
    assert found.payload == b"hello"


def test_tcp_options_are_no_payload() -> None:
    found = network.segment(101, tcp(ONE, TWO, 5, 7, ACK, b"hello", options=bytes([1, 1, 1, 0])))
    assert not isinstance(found, str)
    assert found.payload == b"hello"


def test_what_the_capture_did_not_keep_is_counted() -> None:
    found = network.segment(101, tcp(ONE, TWO, 5, 7, ACK, b"hello")[:42])
    assert not isinstance(found, str)
    assert (found.payload, found.missing) == (b"he", 3)


def test_ipv6_extension_headers_are_passed_over() -> None:
    inner = tcp(*SIX, 5, 7, ACK, b"hello")[40:]
    options = bytes([60, 0]) + bytes(6)
    more = bytes([44, 1]) + bytes(14)
    whole_fragment = bytes([6, 0, 0, 0]) + bytes(4)
    found = network.segment(229, ip("fd00::5", "fd00::1", options + more + whole_fragment + inner, protocol=0))
    assert not isinstance(found, str)
    assert found.payload == b"hello"


@pytest.mark.parametrize(
    ("link_type", "data", "why"),
    [
        (1, bytes(12) + b"\x08\x06" + bytes(28), network.NOT_IP),
        (1, bytes(10), network.CUT),
        (113, bytes(14) + b"\x00\x04" + bytes(20), network.NOT_IP),
        (276, b"", network.NOT_IP),
        (101, b"\x55" + bytes(40), network.NOT_IP),
        (101, b"", network.CUT),
        (101, ip("10.0.0.1", "10.0.0.2", bytes(8), protocol=17), network.NOT_TCP),
        (101, ip("10.0.0.1", "10.0.0.2", bytes(40), flags=0x2000), network.FRAGMENT),
        (101, ip("10.0.0.1", "10.0.0.2", bytes(40), flags=0x0005), network.FRAGMENT),
        (101, ip("fd00::1", "fd00::2", bytes([6, 0, 0, 1]) + bytes(40), protocol=44), network.FRAGMENT),
        (101, ip("fd00::1", "fd00::2", bytes([6]), protocol=0), network.CUT),
        (101, ip("10.0.0.1", "10.0.0.2", bytes(8)), network.ILL),
        (101, tcp(ONE, TWO, 5, 7, ACK)[:30], network.CUT),
        (101, b"\x41" + tcp(ONE, TWO, 5, 7, ACK)[1:], network.ILL),
    ],
)
def test_why_a_packet_says_nothing(link_type: int, data: bytes, why: str) -> None:
    assert network.segment(link_type, data) == why


def test_packets_of_an_unknown_link_type_are_counted(tmp_path: Path) -> None:
    ears, reading = listened(tmp_path, pcap([bytes(60)] * 3, link_type=195))
    assert ears == []
    assert reading.link_types == {195: 3}
