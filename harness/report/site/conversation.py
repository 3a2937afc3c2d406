"""What was said on the wire, as HTML: a sequence diagram whose every arrow has the message and its bytes beside it.

Each connection of the tester is a lane; the device under test is the last one. The rows hold no words of ours, so
they are drawn once for all languages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from harness.report.visible import visible
from harness.results import Cell, Frame

#: Lanes that are drawn; further connections share the last one.
LANES = 12
#: Bytes of a message that the short form shows.
SHORT = 40
#: Rows of a dump that stand open.
OPEN_ROWS = 6

_CLASSES = {"sent": "s", "received": "r", "event": "e"}
_PRINTABLE = bytes(code if 0x20 <= code < 0x7F else 0x2E for code in range(256))


@dataclass(frozen=True)
class Conversation:
    """The rows of a table, and the names of its lanes but for the device's."""

    rows: str
    lanes: list[str]
    #: Frames that were left out of the middle.
    dropped: int


def numbered(cell: Cell) -> list[tuple[int, Frame]]:
    """The frames with their numbers in the whole transcript: what is left out is missing from the middle."""
    half = len(cell.frames) // 2 if cell.frames_dropped else len(cell.frames)
    return [
        (index if index < half else index + cell.frames_dropped, frame) for index, frame in enumerate(cell.frames)
    ]


def lanes_of(cell: Cell) -> dict[int, int]:
    """Connection -> lane."""
    links = sorted({frame.link for frame in cell.frames})
    return {link: min(lane, LANES - 1) for lane, link in enumerate(links)}


def draw(cell: Cell, *, full: bool, remarks: Mapping[int, str] | None = None) -> Conversation:
    """The conversation of `cell`. `full` gives every byte, else one line a message; `remarks` (HTML, by number of
    the frame) stand below the messages that somebody must look at."""
    remarks = remarks or {}
    lanes = lanes_of(cell)
    rows: list[str] = []
    gap = len(cell.frames) // 2 if cell.frames_dropped else -1
    for index, (number, frame) in enumerate(numbered(cell)):
        if index == gap:
            rows.append(
                f'<tr class="gap"><td></td><td></td><td></td><td>… {cell.frames_dropped} …</td><td></td></tr>'
            )
        lane = lanes[frame.link]
        shift = f' style="--k:{lane}"' if lane else ""
        remark = remarks.get(number, "")
        name = f' id="f{number}"' if full else ""
        kind = _CLASSES[frame.way] + (" bad" if remark else "")
        bytes_shown = _dump(frame) if full else _short(frame)
        rows.append(
            f'<tr class="{kind}"{name}><td>{number}</td><td>{frame.at:.4f}</td><td><i{shift}></i></td>'
            f"<td>{escape(visible(frame.text))}{remark}</td><td>{bytes_shown}</td></tr>"
        )
    names = [f"#{link}" for link in list(lanes)[:LANES]]
    if len(lanes) > LANES:
        names[-1] += "…"
    return Conversation("\n".join(rows), names, cell.frames_dropped)


def _octets(frame: Frame) -> bytes:
    try:
        return bytes.fromhex(frame.hex)
    except ValueError:
        return b""


def _short(frame: Frame) -> str:
    data = _octets(frame)
    if not data:
        return ""
    more = f" … {frame.size}" if max(frame.size, len(data)) > SHORT else ""
    return f"<code>{data[:SHORT].hex(' ')}{more}</code>"


def _dump(frame: Frame) -> str:
    """Sixteen bytes a line, and the text that is in them."""
    data = _octets(frame)
    if not data:
        return ""
    wide = min(len(data), 16) * 3 - 1
    lines = [
        f"{data[start : start + 16].hex(' '):{wide}}  "
        f"{escape(data[start : start + 16].translate(_PRINTABLE).decode('ascii'))}"
        for start in range(0, len(data), 16)
    ]
    if frame.size > len(data):
        lines.append(f"… {frame.size}")
    text = "\n".join(lines[:OPEN_ROWS])
    if len(lines) <= OPEN_ROWS:
        return f"<pre>{text}</pre>"
    rest = "\n".join(lines[OPEN_ROWS:])
    return f"<pre>{text}</pre><details><summary>… {frame.size} B</summary><pre>{rest}</pre></details>"


def timeline(cell: Cell, bad: Mapping[int, str]) -> str:
    """An SVG line of time: what was sent above it, what was received below, events on it, the offence marked."""
    if not cell.frames:
        return ""
    whole = max(max(frame.at for frame in cell.frames), 1e-6)
    marks: list[str] = []
    for number, frame in numbered(cell):
        x = 10 + round(980 * min(max(frame.at / whole, 0), 1), 1)
        kind = "bad" if number in bad else _CLASSES[frame.way]
        top, bottom = {"sent": (4, 24), "received": (24, 44)}.get(frame.way, (19, 29))
        marks.append(f'<path class="{kind}" d="M{x} {top}V{bottom}"/>')
    return (
        '<svg class="time" viewBox="0 0 1000 48" preserveAspectRatio="none" aria-hidden="true">'
        f'<path class="axis" d="M10 24H990"/>{"".join(marks)}</svg>'
        f'<p class="scale"><span>0 s</span><span>{whole / 2:.3f} s</span><span>{whole:.3f} s</span></p>'
    )
