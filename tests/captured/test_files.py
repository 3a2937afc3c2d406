"""Captures as files: every format is read alike, and what is broken is said with its place."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from testbed.captured.reading import Reading
from testbed.captured.source import Source
from testbed.files import FileError
from tests.captured.writing import (
    BEGAN,
    CONNACK,
    CONNECT,
    block,
    enhanced,
    interface,
    listened,
    pcap,
    pcapng,
    section,
    usual,
)

PACKETS = usual().packets


@pytest.mark.parametrize("nano", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_pcap_of_either_byte_order_and_resolution_is_read(tmp_path: Path, order: str, nano: bool) -> None:
    (ear,), reading = listened(tmp_path, pcap(PACKETS, order=order, nano=nano))
    assert (reading.format, reading.packets, reading.problem) == ("pcap", len(PACKETS), "")
    assert ear.said[0].startswith(CONNECT)
    assert ear.said[1].startswith(CONNACK)
    assert ear.times[0] == BEGAN + 3_000_000


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_pcapng_of_either_byte_order_is_read(tmp_path: Path, order: str) -> None:
    (ear,), reading = listened(tmp_path, pcapng(PACKETS, order=order))
    assert (reading.format, reading.packets, reading.problem) == ("pcapng", len(PACKETS), "")
    assert ear.said[0].startswith(CONNECT)
    assert ear.times[0] == BEGAN + 3000


def test_sections_and_interfaces_follow_each_other(tmp_path: Path) -> None:
    one, two = usual(client=("10.0.0.6", 1)).packets, usual(client=("10.0.0.7", 1)).packets
    data = pcapng(one) + section(">") + interface(1, ">") + interface(101, ">")
    data += b"".join(enhanced(packet, 0, ">", number=1) for packet in two)
    ears, reading = listened(tmp_path, data)
    assert [ear.meeting.initiator[0] for ear in ears] == ["10.0.0.6", "10.0.0.7"]
    assert reading.packets == len(one) + len(two)


@pytest.mark.parametrize(
    ("resolution", "ticks"),
    [(3, BEGAN // 1_000_000), (9, BEGAN), (6, BEGAN // 1000), (0x80 | 10, (BEGAN << 10) // 10**9)],
)
def test_time_stamps_have_the_resolution_of_their_interface(tmp_path: Path, resolution: int, ticks: int) -> None:
    data = section() + interface(resolution=resolution)
    data += b"".join(enhanced(packet, ticks) for packet in PACKETS)
    (ear,), _ = listened(tmp_path, data)
    assert abs(ear.times[0] - BEGAN) < 1_000_000


def test_simple_and_obsolete_packet_blocks_are_read(tmp_path: Path) -> None:
    data = section() + interface()
    for number, packet in enumerate(PACKETS):
        padded = packet + bytes(-len(packet) % 4)
        if number % 2:
            data += block(3, struct.pack("<I", len(packet)) + padded)
        else:
            data += block(2, struct.pack("<HHIIII", 0, 0, 0, 0, len(packet), len(packet)) + padded)
    (ear,), reading = listened(tmp_path, data)
    assert reading.packets == len(PACKETS)
    assert ear.said[0].startswith(CONNECT)
    assert ear.missing == ""


def test_blocks_of_no_interest_are_passed_over(tmp_path: Path) -> None:
    large = block(0x0BAD, bytes(300_000))
    (ear,), reading = listened(tmp_path, pcapng(PACKETS, before=large) + block(5, bytes(8)))
    assert reading.problem == ""
    assert ear.missing == ""


@pytest.mark.parametrize("make", [pcap, pcapng])
def test_a_file_cut_anywhere_gives_what_came_before_and_says_so(tmp_path: Path, make) -> None:
    whole = make(PACKETS)
    ends = {len(make(PACKETS[:count])) for count in range(len(PACKETS) + 1)}
    for size in range(4, len(whole)):
        try:
            ears, reading = listened(tmp_path, whole[:size])
        except FileError:
            assert size < 28
            continue
        # Cut between two packets, or behind the header, nothing tells that more was meant to come.
        assert reading.problem or size in ends or size == 28, size
        assert reading.packets <= len(PACKETS)
        assert all(CONNECT.startswith(ear.said[0]) or ear.said[0].startswith(CONNECT) for ear in ears)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (section() + interface() + enhanced(b"", number=3), "interface 3"),
        (section() + interface() + struct.pack("<III", 6, 0xFFFFFFF0, 0), "4294967280 bytes"),
        (section() + interface() + struct.pack("<III", 6, 13, 0) + bytes(40), "13 bytes"),
        (section() + interface() + enhanced(b"abcd")[:-4] + b"\1\0\0\0", "lengths"),
        (section()[:8] + b"abcd" + bytes(40), "byte order"),
        (section() + interface() + block(6, bytes(4)), "too short"),
        (section() + interface() + block(6, struct.pack("<IIIII", 0, 0, 0, 99, 99)), "99 bytes"),
        (pcap([]) + struct.pack("<IIII", 0, 0, 1 << 30, 1 << 30), "1073741824 bytes"),
    ],
)
def test_a_broken_file_is_read_up_to_where_it_is_broken(tmp_path: Path, data: bytes, word: str) -> None:
    _, reading = listened(tmp_path, data)
    assert word in reading.problem


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "is empty (0 bytes)"),
        (b"\x1f\x8b\x08\x00 packed", "gzip -d"),
        (b"\x7fELF\x02\x01\x01\x00", "is no capture: it begins with 7f 45 4c 46"),
        (b"\x00", "is no capture"),
    ],
)
def test_what_is_no_capture_is_refused_with_a_remedy(tmp_path: Path, data: bytes, word: str) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(data)
    with pytest.raises(FileError) as caught:
        Source(path, Reading())
    assert word in str(caught.value)
    assert "remedy:" in str(caught.value)


def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(FileError, match="cannot be read"):
            Source(path, Reading())
