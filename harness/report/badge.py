"""SVG badges, one per DUT and profile, drawn here: no badge service is asked."""

from __future__ import annotations

from html import escape
from pathlib import Path

from harness.report.filenames import slug
from harness.report.reading import GLYPHS
from harness.report.visible import line
from harness.results import Conformance, Results

#: White text on each has a contrast of at least 4.5.
COLOURS: dict[str, str] = {
    "pass": "#2e7d32",
    "fail": "#c62828",
    "inconclusive": "#8a5a00",
    "error": "#6a3fb5",
    "not-applicable": "#5b6470",
}


def write(results: Results, path: Path) -> Path:
    """Write `<profile>-<dut>.svg` for every judgement of the run into the folder `path`."""
    path.mkdir(parents=True, exist_ok=True)
    versions = {profile.name: profile.version for profile in results.profiles}
    for judged in results.conformance:
        text = svg(judged, versions.get(judged.profile, ""), results.started[:10])
        (path / f"{slug(judged.profile)}-{slug(judged.dut)}.svg").write_text(text, encoding="utf-8")
    return path


def svg(judged: Conformance, version: str = "", date: str = "") -> str:
    """One badge. `date` (ISO) stands in its tooltip: a badge without a date says nothing."""
    left = line(f"{judged.profile} {version}".strip(), 60)
    right = f"{GLYPHS[judged.verdict]} {judged.verdict}"
    title = escape(line(f"{judged.dut}: {judged.profile} {version}: {judged.verdict} {date}".strip(), 200))
    wide, more = _width(left), _width(right)
    text = 'y="14" textLength="{}" lengthAdjust="spacingAndGlyphs"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide + more}" height="20" role="img" aria-label="{title}">'
        f"<title>{title}</title>"
        f'<clipPath id="r"><rect width="{wide + more}" height="20" rx="3"/></clipPath><g clip-path="url(#r)">'
        f'<rect width="{wide}" height="20" fill="#3b434d"/>'
        f'<rect x="{wide}" width="{more}" height="20" fill="{COLOURS[judged.verdict]}"/></g>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11">'
        f'<text x="6" {text.format(wide - 12)}>{escape(left)}</text>'
        f'<text x="{wide + 6}" {text.format(more - 12)}>{escape(right)}</text></g></svg>\n'
    )


def _width(text: str) -> int:
    """Pixels that `text` takes at 11 px in a Verdana-like face, with 6 px on either side."""
    narrow = sum(character in "iljtfr.,:;!'|()[] -" for character in text)
    return round(6.9 * (len(text) - narrow) + 4.2 * narrow) + 12
