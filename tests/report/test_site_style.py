"""Colours that can be read: contrast in both themes, and verdicts told apart by lightness or glyph as well."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.report import badge
from harness.report.reading import GLYPHS
from harness.report.site import conversation

STYLE = (Path(conversation.__file__).parent / "style.css").read_text(encoding="utf-8")
#: Ink on ground, and the least contrast: 4.5 for text (WCAG 2, AA).
PAIRS = [
    *(("text", ground) for ground in ("ground", "raised", "fail-tint", "inconclusive-tint", "error-tint")),
    *(("muted", ground) for ground in ("ground", "raised", "fail-tint")),
    *(("accent", ground) for ground in ("ground", "raised", "fail-tint")),
    *(
        (name, tint)
        for name in ("pass", "fail", "inconclusive", "error")
        for tint in (f"{name}-tint", "ground", "raised")
    ),
    ("na", "na-tint"),
    ("na", "ground"),
    ("fail-ink", "fail"),
]


def _theme(text: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", text))


LIGHT = _theme(STYLE[: STYLE.index("@media")])
DARK = {**LIGHT, **_theme(STYLE[STYLE.index("prefers-color-scheme: dark") : STYLE.index("*, *::before")])}


def _light(colour: str) -> float:
    """Relative luminance, 0 to 1."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(part * weight for part, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((_light(one), _light(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), PAIRS)
def test_text_can_be_read(theme: dict[str, str], ink: str, ground: str) -> None:
    assert contrast(theme[ink], theme[ground]) >= 4.5


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_a_broken_must_stands_out_by_lightness_alone(theme: dict[str, str]) -> None:
    assert contrast(theme["fail"], theme["pass-tint"]) >= 3


def test_white_on_a_badge_can_be_read() -> None:
    for colour in badge.COLOURS.values():
        assert contrast("#ffffff", colour) >= 4.5


def test_every_verdict_has_a_glyph_of_its_own() -> None:
    assert len(set(GLYPHS.values())) == len(GLYPHS) == 5
    for glyph in GLYPHS.values():
        assert f'content: "{glyph}"' in STYLE
