"""Logs of hex in the ways that people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.captured.tcp import ENDS
from tests.captured.writing import CONNACK, CONNECT, PING, listened

NINE = CONNECT.hex(" ")


@pytest.mark.parametrize(
    "line",
    [
        f"dev > {NINE}",
        f"dev -> {CONNECT.hex()}",
        f"2026-01-31T12:00:00.250Z dev > {NINE}",
        f"[2026-01-31 12:00:00,250]: dev C>S {CONNECT.hex(':')}",
        f"12:00:00.250 dev client: {NINE.upper()}",
        f"1700000000.5: dev => 0x{CONNECT.hex(' ').replace(' ', ' 0x')}",
        f"1700000000: Received from dev: {NINE}",
        f"1700000000: Received CONNECT packet (18 bytes) from dev: {NINE}",
        f"\ufeffdev > {CONNECT.hex(',')}   ",
    ],
)
def test_a_line_of_the_client_is_read(tmp_path: Path, line: str) -> None:
    (ear,), reading = listened(tmp_path, line.encode())
    assert reading.format == "hex log"
    assert (ear.order, ear.meeting.initiator[0]) == ([(0, CONNECT)], "dev")
    assert not reading.unread


@pytest.mark.parametrize(
    "line", ["dev < {}", "dev <- {}", "dev S->C {}", "dev server {}", "Sending to dev: {}", "5: Sent to dev: {}"]
)
def test_a_line_of_the_server_is_read(tmp_path: Path, line: str) -> None:
    (ear,), _ = listened(tmp_path, line.format(CONNACK.hex(" ")).encode())
    assert ear.order == [(1, CONNACK)]


def test_a_log_without_names_is_one_conversation(tmp_path: Path) -> None:
    text = f"# a log\n\n> {NINE}\n< {CONNACK.hex()}\r\n> {PING.hex()}\n"
    (ear,), reading = listened(tmp_path, text.encode())
    assert ear.said == [CONNECT + PING, CONNACK]
    assert ear.missing == ENDS
    assert reading.packets == 5


def test_conversations_are_told_apart_and_may_end(tmp_path: Path) -> None:
    text = f"a > {NINE}\nb > {NINE}\n1: Client a closed its connection.\na > {NINE}\n"
    ears, reading = listened(tmp_path, text.encode())
    assert [(ear.meeting.initiator[0], ear.missing) for ear in ears] == [("a", ""), ("b", ENDS), ("a", ENDS)]
    assert not reading.unread


def test_times_are_taken_over(tmp_path: Path) -> None:
    text = f"1970-01-01T00:01:00Z a > {NINE}\n61.5 a < 20\n00:01:02.5 a > 10\na > 11\n2026-99-99T99:99:99Z a > 12\n"
    (ear,), _ = listened(tmp_path, text.encode())
    assert [at / 1e9 for at in ear.times] == [60, 61.5, 62.5, 62.5, 62.5]


def test_what_is_no_hex_is_counted(tmp_path: Path) -> None:
    text = (
        f"a > {NINE}\nmosquitto version 2 starting\na > 1\na > zz\na > 10 1\n"
        + "a > "
        + "10" * (1 << 20)
        + f"\na < {NINE}"
    )
    (ear,), reading = listened(tmp_path, text.encode())
    assert ear.said == [CONNECT, CONNECT]
    assert sum(reading.unread.values()) == 5


def test_many_conversations_at_once_are_bounded(tmp_path: Path) -> None:
    text = "".join(f"dev{number} > {NINE}\n" for number in range(3000))
    ears, _ = listened(tmp_path, text.encode())
    assert sum(ear.missing != ENDS for ear in ears) == 2000
