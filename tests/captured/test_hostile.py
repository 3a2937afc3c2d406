"""Whatever a file holds, reading it ends, with what could be read and a word on what could not."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness import offline, verdict
from testbed.captured.keylog import KeyLog
from testbed.captured.listening import Listener
from testbed.captured.reading import Reading
from testbed.captured.source import Source
from testbed.captured.tcp import Meeting
from testbed.captured.tls import Tls
from testbed.captured.websocket import WebSocket
from testbed.captured.wrapping import Opaque
from testbed.files import FileError
from testbed.protocol import rooms
from tests.captured.test_websocket import REQUEST, RESPONSE
from tests.captured.writing import CONNACK, CONNECT, STRAY_PUBACK, Talk, pcap, pcapng, usual

SEEDS = [
    pcap(usual().packets),
    pcapng(usual().packets),
    pcapng(usual().packets, order=">"),
    f"a > {CONNECT.hex(' ')}\na < {CONNACK.hex(' ')}\nClient a closed its connection\n".encode(),
    pcap(Talk().client(REQUEST).server(RESPONSE % b"").client(b"\x82\x82\0\0\0\0\xc0\0").packets),
]
QUICK = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class Nobody:
    """A judge and a desk that want everything."""

    def found(self, found: object) -> Nobody:
        return self

    def passed_over(self, meeting: Meeting, why: str) -> None: ...

    def said(self, side: int, frames: list[bytes], at: int, packet: int) -> bool:
        return True

    def over(self, at: int, packet: int, missing: str) -> None: ...


def read(folder: Path, data: bytes) -> None:
    path = folder / "capture"
    path.write_bytes(data)
    reading = Reading()
    try:
        source = Source(path, reading)
    except FileError:
        return
    source.play(lambda meeting: Listener(meeting, Nobody(), rooms(), reading.secrets))
    source.close()


@QUICK
@given(st.data())
def test_a_damaged_capture_is_read(tmp_path: Path, data: st.DataObject) -> None:
    seed = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(seed) - 1))
        match data.draw(st.sampled_from(["change", "cut", "insert", "double"])):
            case "change":
                seed[at] = data.draw(st.integers(0, 255))
            case "cut":
                del seed[at : at + data.draw(st.integers(1, 64))]
                seed = seed or bytearray(b"x")
            case "insert":
                seed[at:at] = data.draw(st.binary(max_size=40))
            case _:
                seed[at:at] = seed[at : at + 200]
    read(tmp_path, bytes(seed))


@QUICK
@given(st.binary(max_size=400), st.sampled_from([seed[:24] for seed in SEEDS]))
def test_random_bytes_behind_a_header_are_read(tmp_path: Path, data: bytes, head: bytes) -> None:
    read(tmp_path, head + data)


@QUICK
@given(st.lists(st.tuples(st.integers(0, 1), st.binary(max_size=200)), max_size=8), st.booleans())
def test_random_bytes_inside_wrappings_are_taken(said: list[tuple[int, bytes]], web: bool) -> None:
    wrapping: Tls | WebSocket = WebSocket() if web else Tls(KeyLog())
    try:
        if web:
            wrapping.feed(0, REQUEST)
            wrapping.feed(1, RESPONSE % b"Sec-WebSocket-Extensions: permessage-deflate\r\n")
        for side, data in said:
            wrapping.feed(side, data if web else b"\x16\x03\x03" + len(data).to_bytes(2) + data)
    except Opaque:
        pass


@settings(QUICK, max_examples=QUICK.max_examples // 8)
@given(st.lists(st.tuples(st.integers(0, 1), st.binary(max_size=60)), max_size=12), st.booleans())
def test_random_packets_are_judged_without_an_error_of_ours(
    tmp_path: Path, said: list[tuple[int, bytes]], framed: bool
) -> None:
    talk = Talk().client(CONNECT).server(CONNACK)
    for side, data in said:
        talk.put(side, 24, data[:1] + bytes([len(data) - 1]) + data[1:] if framed and data else data)
    capture = tmp_path / "c.pcap"
    capture.write_bytes(pcap(talk.close().packets))
    folder = tmp_path / "out"
    shutil.rmtree(folder, ignore_errors=True)
    offline.judge(capture, folder)
    assert "error" not in {cell.verdict for cell in verdict.results(folder).cells}


def test_many_small_segments_out_of_order_take_little_time(tmp_path: Path) -> None:
    talk = Talk().client(CONNECT)
    head = len(talk.packets)
    for _ in range(20_000):
        talk.client(STRAY_PUBACK)
    later = talk.packets[head:]
    # Out of order within as many as may wait, so that each of them does.
    for start in range(0, len(later), 1000):
        piece = later[start : start + 1000]
        random.Random(start).shuffle(piece)
        later[start : start + 1000] = piece
    began = time.perf_counter()
    read(tmp_path, pcap(talk.packets[:head] + later))
    assert time.perf_counter() - began < 10
