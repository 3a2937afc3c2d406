"""The journal survives what kills its writer, and shows what was done to it."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.journal import NAME, Journal, JournalError, read


def written(folder: Path, count: int = 20) -> bytes:
    journal = Journal(folder)
    for number in range(count):
        journal.append("cell", {"number": number, "text": "ü" * (number % 7)})
    journal.close()
    return (folder / NAME).read_bytes()


def test_what_is_appended_is_read_in_order(tmp_path: Path) -> None:
    written(tmp_path)
    records = read(tmp_path / NAME)
    assert [record.data["number"] for record in records] == list(range(20))
    assert [record.n for record in records] == list(range(20))


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, 4000))
def test_cut_at_any_byte_the_whole_lines_before_it_are_kept(
    cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    data = written(folder)
    cut = min(cut, len(data))
    (folder / NAME).write_bytes(data[:cut])
    records = read(folder / NAME)
    assert len(records) == data[:cut].count(b"\n")
    journal = Journal(folder, resume=True)
    journal.append("cell", {"number": -1})
    journal.close()
    assert [r.data["number"] for r in read(folder / NAME)] == [*range(len(records)), -1]


def test_a_line_altered_in_the_middle_is_named(tmp_path: Path) -> None:
    data = written(tmp_path)
    (tmp_path / NAME).write_bytes(data.replace(b'"number":7', b'"number":8', 1))
    with pytest.raises(JournalError, match=r"journal.jsonl:8: .* altered"):
        read(tmp_path / NAME)


def test_a_line_taken_out_is_named(tmp_path: Path) -> None:
    lines = written(tmp_path).splitlines(keepends=True)
    (tmp_path / NAME).write_bytes(b"".join(lines[:5] + lines[6:]))
    with pytest.raises(JournalError, match="altered or lost"):
        read(tmp_path / NAME)


def test_two_writers_of_one_folder_are_refused(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    first.append("run", {})
    with pytest.raises(JournalError, match="in use by another run"):
        Journal(tmp_path)
    first.close()
    with pytest.raises(JournalError, match="already holds a run; use --resume"):
        Journal(tmp_path)


def test_a_full_disk_is_said_once_and_what_was_written_stays(tmp_path: Path) -> None:
    """RLIMIT_FSIZE makes the kernel refuse to write as a full disk does."""
    program = f"""
import resource, signal, time
from pathlib import Path
from harness.journal import Journal, JournalError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
journal = Journal(Path({str(tmp_path)!r}))
try:
    for number in range(10_000):
        journal.append("cell", {{"number": number, "text": "x" * 100}})
        time.sleep(0.0001)
except JournalError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert "cannot be written" in done.stdout and "--resume" in done.stdout, done.stderr
    kept = read(tmp_path / NAME)
    assert 50 < len(kept) < 100
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY


def test_what_was_acknowledged_by_a_closed_group_survives_kill_9(tmp_path: Path) -> None:
    program = f"""
import sys, time
from pathlib import Path
from harness.journal import Journal
journal = Journal(Path({str(tmp_path)!r}))
for number in range(1_000_000):
    journal.append("cell", {{"number": number}})
    if number % 100 == 0:
        print(number, flush=True)
        time.sleep(0.001)
"""
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    for line in child.stdout:
        if int(line) >= 2000:
            break
    time.sleep(0.05)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    records = read(tmp_path / NAME)
    assert len(records) > 1500
    assert [record.data["number"] for record in records] == list(range(len(records)))
