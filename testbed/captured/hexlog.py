"""Logs of hex: one line for what one side said (the format is in docs/judging-a-capture.md).

Two ways of writing a line are known, and may stand in one file:

    12:00:01.250 sensor-7 > 10 0f 00 04 4d 51 54 54 ...
    1700000000: Received from sensor-7: 10 0f 00 04 4d 51 54 54 ...
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import UTC, datetime

from testbed.captured.reading import Reading
from testbed.captured.tcp import CROWDED, ENDS, Ear, Meeting

#: Bytes of one line; a longer one is passed over.
LONGEST = 1 << 20
#: Conversations that are followed at once.
_MOST = 1000
_TICK = 2000

_TIME = (
    r"(?:\[?(?P<time>\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-]\d\d:?\d\d)?|\d+(?:\.\d+)?"
    r"|\d\d:\d\d:\d\d(?:[.,]\d+)?)\]?:?\s+)?"
)
_HEX = r"(?P<hex>(?:0x)?[0-9a-f]{2}(?:[\s:,]*(?:0x)?[0-9a-f]{2})*)"
_ARROW = re.compile(
    rf"{_TIME}(?:(?P<name>\S{{1,200}})\s+)?(?P<way>>|<|->|<-|=>|<=|c>s|s>c|c->s|s->c|client|server):?\s+{_HEX}\s*",
    re.I,
)
_SAID = re.compile(
    rf"{_TIME}(?P<way>received|sending|sent)\s(?:.*\s)?(?:from|to)\s(?P<name>\S{{1,200}}?):?\s+{_HEX}\s*", re.I
)
_GONE = re.compile(
    rf"{_TIME}(?:client\s+)?(?P<name>\S{{1,200}})\s(?:.*\s)?(?:closed|disconnected|timed out|gone)\b.*", re.I
)
_SERVER = {"<", "<-", "<=", "s>c", "s->c", "server", "sending", "sent"}
_SPACES = str.maketrans("", "", " \t:,")


def looks_like_text(start: bytes) -> bool:
    """Whether the first bytes of a file are text that may be a log."""
    head = start.removeprefix(b"\xef\xbb\xbf")
    return bool(head.strip()) and all(byte >= 0x20 or byte in b"\t\r\n\f" for byte in head)


def play(
    file: io.BufferedIOBase, reading: Reading, listen: Callable[[Meeting], Ear], tick: Callable[[], None]
) -> int:
    """Hand every conversation of a log to its ear; returns the time of the last line. Lines that are none are
    counted in `reading.unread`. Lines count as packets."""
    log = _Log(reading, listen)
    number = 0
    while raw := file.readline(LONGEST):
        number += 1
        reading.packets = number
        if not raw.endswith(b"\n") and len(raw) == LONGEST:
            reading.unread["lines that are too long"] += 1
            while (raw := file.readline(LONGEST)) and not raw.endswith(b"\n"):
                pass
            continue
        log.line(raw.decode("utf-8", "replace").strip().removeprefix("\ufeff"), number)
        if number % _TICK == 0:
            tick()
    log.end(number)
    return log.at


class _Log:
    def __init__(self, reading: Reading, listen: Callable[[Meeting], Ear]) -> None:
        self._reading, self._listen = reading, listen
        #: Conversation -> its ear; None when it is not listened to any more.
        self._ears: dict[str, Ear | None] = {}
        self.at = 0

    def line(self, text: str, number: int) -> None:
        if not text or text.startswith(("#", ";", "//")):
            return
        found = _ARROW.fullmatch(text) or _SAID.fullmatch(text)
        if found is None:
            gone = _GONE.fullmatch(text)
            if gone:
                self._at(gone["time"])
                self._over(gone["name"].rstrip(".:"), number, "")
            else:
                self._reading.unread["lines without hex"] += 1
            return
        self._at(found["time"])
        try:
            data = bytes.fromhex(found["hex"].lower().replace("0x", "").translate(_SPACES))
        except ValueError:
            self._reading.unread["lines whose hex has an odd number of digits"] += 1
            return
        name = (found["name"] or "").rstrip(":")
        if name not in self._ears:
            if len(self._ears) >= _MOST:
                self._over(next(iter(self._ears)), number, CROWDED)
            meeting = Meeting((name or "client", 0), ("server", 0), self.at, number, True)
            self._ears[name] = self._listen(meeting)
        ear = self._ears[name]
        side = int(found["way"].lower() in _SERVER)
        if ear is not None and not ear.heard(side, data, self.at, number):
            self._ears[name] = None

    def end(self, number: int) -> None:
        for name in list(self._ears):
            self._over(name, number, ENDS)

    def _over(self, name: str, number: int, missing: str) -> None:
        ear = self._ears.pop(name, None)
        if ear is not None:
            ear.over(self.at, number, missing)

    def _at(self, text: str | None) -> None:
        """Take over the time of a line. A log may tell the time of day only: then it begins on 1 January 1970."""
        if text is None:
            return
        try:
            if ":" not in text:
                seconds = float(text)
            elif "-" in text:
                moment = datetime.fromisoformat(text.replace(",", "."))
                seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
            else:
                hours, minutes, rest = text.replace(",", ".").split(":")
                seconds = int(hours) * 3600 + int(minutes) * 60 + float(rest)
        except ValueError:
            return
        if 0 <= seconds < 1e11:
            self.at = int(seconds * 1e9)
