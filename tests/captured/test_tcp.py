"""TCP put back into order: each byte once, in sequence, and only after what it answers; gaps are said."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from testbed.captured import tcp as tcp_module
from tests.captured.writing import (
    ACK,
    CLIENT,
    CONNACK,
    CONNECT,
    FIN,
    PING,
    PONG,
    RST,
    SERVER,
    SYN,
    Heard,
    Talk,
    listened,
    pcap,
    tcp,
    usual,
)


def heard(folder: Path, packets: list[bytes]) -> Heard:
    (ear,), _ = listened(folder, pcap(packets))
    return ear


WHOLE = [CONNECT + PING + b"\xe0\x00", CONNACK + PONG]


@pytest.mark.parametrize("start", [1000, 0xFFFFFFFF, 0xFFFFFFF0, 0xFFFFEC70])
def test_sequence_numbers_may_wrap(tmp_path: Path, start: int) -> None:
    ear = heard(tmp_path, usual(start=start).packets)
    assert ear.said == WHOLE
    assert ear.missing == ""


@pytest.mark.parametrize("seed", range(40))
def test_any_order_of_packets_gives_the_same_conversation(tmp_path: Path, seed: int) -> None:
    packets = usual(start=0xFFFFFFF8).packets
    later = packets[3:]
    random.Random(seed).shuffle(later)
    # The last one tells that the capture is complete, so that nothing is delivered after an early end.
    ear = heard(tmp_path, packets[:3] + later)
    assert ear.said == WHOLE
    assert [side for side, _ in ear.order] == [0, 1, 0, 1, 0]
    assert ear.missing == ""


def test_what_is_sent_twice_is_heard_once(tmp_path: Path) -> None:
    packets = [packet for packet in usual().packets for _ in range(2)]
    ear = heard(tmp_path, packets)
    assert ear.said == WHOLE
    assert ear.missing == ""


def test_overlapping_segments_are_joined(tmp_path: Path) -> None:
    talk = Talk()
    here = talk.next[0]
    for start, end in ((0, 10), (4, 14), (2, 8), (14, 16), (0, 20)):
        talk.packets.append(tcp(CLIENT, SERVER, here + start, talk.next[1], ACK, bytes(range(start, end))))
    assert heard(tmp_path, talk.packets).said[0] == bytes(range(20))


def test_a_missing_segment_ends_what_is_heard_on_both_sides(tmp_path: Path) -> None:
    talk = Talk().client(CONNECT).server(CONNACK).client(PING).server(PONG)
    lost = talk.packets.index(next(p for p in talk.packets if p.endswith(PING)))
    ear = heard(tmp_path, talk.packets[:lost] + talk.packets[lost + 1 :])
    assert ear.said == [CONNECT, CONNACK]
    assert ear.missing == "bytes that packet 6 acknowledges cannot be found in the capture"


def test_a_gap_says_how_many_bytes_are_not_there(tmp_path: Path) -> None:
    talk = Talk().client(CONNECT).client(b"x" * 100).client(b"y")
    ear = heard(tmp_path, talk.packets[:4] + talk.packets[5:])
    assert ear.said[0] == CONNECT
    assert ear.missing == "100 bytes before packet 5 cannot be found in the capture"


def test_a_packet_that_was_cut_short_ends_what_is_heard(tmp_path: Path) -> None:
    talk = Talk().client(CONNECT).client(b"x" * 100).client(b"y")
    (ear,), _ = listened(tmp_path, pcap(talk.packets, kept=90))
    assert ear.said[0] == CONNECT + b"x" * 50
    assert ear.missing == "the capture kept only the beginning of packet 5"


@pytest.mark.parametrize(
    ("ending", "missing"),
    [((FIN | ACK, FIN | ACK), ""), ((FIN | ACK,), ""), ((RST,), ""), ((), tcp_module.ENDS)],
)
def test_how_a_connection_ends(tmp_path: Path, ending: tuple[int, ...], missing: str) -> None:
    talk = Talk().client(CONNECT)
    for side, flags in enumerate(ending):
        talk.put(side, flags, step=1)
    assert heard(tmp_path, talk.packets).missing == missing


def test_nothing_is_heard_after_the_end(tmp_path: Path) -> None:
    talk = Talk().client(CONNECT)
    talk.put(0, RST)
    ears, _ = listened(tmp_path, pcap(talk.client(PING).packets))
    assert [ear.said for ear in ears] == [[CONNECT, b""]]


def test_addresses_may_be_used_again(tmp_path: Path) -> None:
    for first in (usual().packets, Talk().client(CONNECT).packets):
        ears, _ = listened(tmp_path, pcap(first + usual(start=77_000_000).packets))
        assert [ear.said[0][: len(CONNECT)] for ear in ears] == [CONNECT, CONNECT]
        assert ears[0].missing in ("", tcp_module.REUSED)
        assert ears[1].missing == ""


def test_a_connection_that_began_before_is_heard_from_where_it_is_seen(tmp_path: Path) -> None:
    talk = Talk(opened=False).client(PING).server(PONG)
    ear = heard(tmp_path, talk.packets)
    assert not ear.meeting.whole
    assert ear.said == [PING, PONG]


def test_the_answer_to_the_syn_tells_who_began(tmp_path: Path) -> None:
    packets = usual().packets
    ear = heard(tmp_path, packets[1:])
    assert (ear.meeting.initiator, ear.said) == (CLIENT, WHOLE)
    ear = heard(tmp_path, packets[:1] + packets[2:])
    assert (ear.meeting.initiator, ear.said) == (CLIENT, WHOLE)


def test_a_syn_may_carry_data_and_come_late(tmp_path: Path) -> None:
    talk = Talk(opened=False)
    talk.put(0, SYN, CONNECT, step=1, acknowledged=0)
    talk.put(1, SYN | ACK, step=1)
    assert heard(tmp_path, talk.server(CONNACK).packets).said == [CONNECT, CONNACK]
    packets = usual().packets
    assert heard(tmp_path, [packets[3], packets[0], packets[1], *packets[4:]]).said == WHOLE


def test_keep_alive_probes_say_nothing(tmp_path: Path) -> None:
    talk = Talk().client(CONNECT)
    talk.packets.append(tcp(CLIENT, SERVER, talk.next[0] - 1, talk.next[1], ACK, b"\0"))
    assert heard(tmp_path, talk.client(PING).close().packets).said[0] == CONNECT + PING


def test_packets_without_data_begin_nothing(tmp_path: Path) -> None:
    packets = [tcp(CLIENT, SERVER, 5, 5, flags) for flags in (ACK, FIN | ACK, RST, 0)]
    assert listened(tmp_path, pcap(packets))[0] == []


def test_what_waits_for_missing_bytes_is_bounded(tmp_path: Path) -> None:
    talk = Talk().client(CONNECT)
    talk.next[0] += 1
    for _ in range(2000):
        talk.client(bytes(60))
    ear = heard(tmp_path, talk.packets)
    assert ear.missing == "a byte before packet 5 cannot be found in the capture"


def test_connections_beyond_the_bound_are_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp_module, "MOST_CONNECTIONS", 50)
    packets = [p for n in range(200) for p in Talk((f"10.1.{n}.1", 5)).client(CONNECT).packets]
    ears, _ = listened(tmp_path, pcap(packets))
    assert len(ears) == 200
    assert all(ear.missing for ear in ears)
    assert sum(ear.missing == tcp_module.CROWDED for ear in ears) >= 150


def test_connections_that_are_over_take_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp_module, "MOST_CONNECTIONS", 50)
    packets = [p for n in range(200) for p in usual(client=(f"10.1.{n}.1", 5)).packets]
    long = Talk(("10.2.0.1", 5)).client(CONNECT)
    ears, _ = listened(tmp_path, pcap(long.packets + packets))
    assert [ear.missing for ear in ears].count("") == 200
    assert ears[0].missing == tcp_module.ENDS


def test_a_side_that_was_never_captured_is_said(tmp_path: Path) -> None:
    packets = [packet for packet in usual().packets if packet[20:22] == CLIENT[1].to_bytes(2)]
    ear = heard(tmp_path, packets)
    assert ear.said == [CONNECT, b""]
    assert ear.missing.startswith("bytes that packet")
