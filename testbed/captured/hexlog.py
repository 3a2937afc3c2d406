"""Logs of hex: one line for what one side said (the format is in docs/judging-a-capture.md)."""

from __future__ import annotations

import io
from collections.abc import Callable

from testbed.captured.reading import Reading
from testbed.captured.tcp import Ear, Meeting


def looks_like_text(start: bytes) -> bool:
    return False


def play(
    file: io.BufferedIOBase, reading: Reading, listen: Callable[[Meeting], Ear], tick: Callable[[], None]
) -> int:
    return 0
