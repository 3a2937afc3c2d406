"""Text from devices, made safe to show: bounded, one glyph for every control character, no bidirectional tricks.

Escaping for a format (HTML, XML, Markdown) comes after; this only sees to it that what is shown is what was
there, and that it can be encoded at all.
"""

from __future__ import annotations

#: Characters of one text that a report shows.
LONGEST = 20_000

_REPLACED = "\ufffd"
#: C0 controls as their Unicode pictures; C1, surrogates, non-characters and direction overrides as U+FFFD.
_SHOWN: dict[int, str] = {
    **{code: chr(0x2400 + code) for code in range(0x20) if code not in (0x09, 0x0A)},
    0x7F: "\u2421",
    **dict.fromkeys(range(0x80, 0xA0), _REPLACED),
    **dict.fromkeys(range(0xD800, 0xE000), _REPLACED),
    **dict.fromkeys(range(0x202A, 0x202F), _REPLACED),
    **dict.fromkeys(range(0x2066, 0x206A), _REPLACED),
    0xFFFE: _REPLACED,
    0xFFFF: _REPLACED,
}


def visible(text: str, longest: int = LONGEST) -> str:
    """`text` without characters that hide, reorder or cannot be encoded; cut after `longest` characters."""
    if len(text) > longest:
        text = f"{text[:longest]}… ({len(text) - longest} more characters)"
    return text if text.isprintable() else text.translate(_SHOWN)


def line(text: str, longest: int = 400) -> str:
    """`text` as one line of at most about `longest` characters."""
    return visible(" ".join(text.split()), longest)
