"""The journal: append-only JSON lines, hash-chained; everything published is made from it.

Each line is one record with its number `n`, its `kind`, its time `at` (UTC), its `data`, and `chain`: the
SHA-256 over the previous line's `chain` and this line without its own. A run killed at any byte leaves at
most one torn line at the end, which a reader drops.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import queue
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

NAME = "journal.jsonl"
_TAIL = b',"chain":"'
_TAIL_LENGTH = len(_TAIL) + 64 + 2


class JournalError(Exception):
    """The journal cannot be written or believed; the text says what to do."""


class Record(msgspec.Struct, frozen=True):
    """One line."""

    n: int
    kind: str
    at: str
    data: Any
    chain: str


def now() -> str:
    """The time as the journal writes it."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def read(path: Path) -> list[Record]:
    """All whole records of a journal. JournalError when a line other than the last was altered."""
    return [record for record, _ in _records(path)]


def _records(path: Path) -> Iterator[tuple[Record, int]]:
    """Records with the offset behind each; stops before a torn last line."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise JournalError(f"{path} cannot be read ({error.strerror}); name the folder of a run") from None
    chain, offset, number = "", 0, 0
    decoder = msgspec.json.Decoder(Record)
    while offset < len(data):
        end = data.find(b"\n", offset)
        if end < 0:
            return
        line = data[offset:end]
        body = line[:-_TAIL_LENGTH] + b"}"
        expected = hashlib.sha256(chain.encode() + body).hexdigest()
        try:
            record = decoder.decode(line)
        except msgspec.DecodeError:
            record = None
        if record is None or record.chain != expected or record.n != number:
            if end + 1 == len(data):
                return
            raise JournalError(
                f"{path}:{number + 1}: the line was altered or lost: its chain does not fit the line before. "
                "This journal proves nothing; run again"
            )
        chain, offset, number = record.chain, end + 1, number + 1
        yield record, offset


def _encodable(value: Any) -> Any:
    """`value` with every text made UTF-8: what has none (a lone surrogate) is written as `\\udcff`."""
    match value:
        case str():
            return value.encode(errors="backslashreplace").decode()
        case dict():
            return {_encodable(key): _encodable(one) for key, one in value.items()}
        case list() | tuple():
            return [_encodable(one) for one in value]
        case _:
            return value


class Journal:
    """An open journal. `append` returns at once; a thread writes and syncs in groups.

    One process at a time holds a journal (an advisory lock); JournalError otherwise.
    """

    def __init__(self, folder: Path, *, resume: bool = False) -> None:
        self.path = folder / NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("r+b" if resume else "ab")
        except OSError as error:
            raise JournalError(f"{self.path} cannot be written ({error.strerror}); use --out DIR") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise JournalError(f"{folder} is in use by another run; use another --out DIR, or wait") from None
        self.chain, self._number = "", 0
        if resume:
            offset = 0
            for record, offset in _records(self.path):  # noqa: B007 - the last values are what counts
                self.chain, self._number = record.chain, record.n + 1
            self._file.truncate(offset)
            self._file.seek(offset)
        elif self.path.stat().st_size:
            self._file.close()
            raise JournalError(f"{folder} already holds a run; use --resume {folder}, or another --out DIR")
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self.failure: str = ""
        self._thread = threading.Thread(target=self._write, name="journal", daemon=True)
        self._thread.start()

    def append(self, kind: str, data: Any) -> None:
        """Add a record. JournalError when an earlier one could not be written (a full disk)."""
        if self.failure:
            raise JournalError(self.failure)
        with self._lock:
            record = {"n": self._number, "kind": kind, "at": now(), "data": data}
            try:
                body = msgspec.json.encode(record)
            except UnicodeEncodeError:
                body = msgspec.json.encode(_encodable(msgspec.to_builtins(record)))
            self.chain = hashlib.sha256(self.chain.encode() + body).hexdigest()
            self._number += 1
            self._queue.put(body[:-1] + _TAIL + self.chain.encode() + b'"}\n')

    def _write(self) -> None:
        running = True
        while running:
            lines = [self._queue.get()]
            while not self._queue.empty():
                lines.append(self._queue.get())
            running = None not in lines
            if self.failure:
                continue
            try:
                self._file.write(b"".join(line for line in lines if line is not None))
                self._file.flush()
                os.fsync(self._file.fileno())
            except OSError as error:
                self.failure = (
                    f"{self.path} cannot be written ({error.strerror}): what was finished before is kept; "
                    f"make room, then --resume {self.path.parent}"
                )

    def close(self) -> None:
        """Write what is left and let go. JournalError when that failed."""
        self._queue.put(None)
        self._thread.join()
        try:
            self._file.close()
        except OSError as error:
            self.failure = self.failure or f"{self.path} cannot be written ({error.strerror})"
        if self.failure:
            raise JournalError(self.failure)
