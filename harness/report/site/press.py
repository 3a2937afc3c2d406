"""Templates filled in and written: every page in every language, with the prefixes that make its links work."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.report.reading import GLYPHS
from harness.report.site.messages import LANGUAGES, messages
from harness.report.visible import visible


def environment() -> Environment:
    """Our templates: everything escaped, a missing value an error, every text made visible."""
    made = Environment(
        loader=PackageLoader("harness.report.site"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: visible(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals["glyphs"] = GLYPHS
    made.filters["seconds"] = seconds
    made.filters["moment"] = moment
    return made


def seconds(value: float) -> str:
    """A duration with its unit, to the precision that still means something."""
    return f"{value:.1f} s" if value >= 10 else f"{value:.3f} s"


def moment(value: str) -> str:
    """An ISO 8601 date with a space for its T, to the second."""
    return re.sub(r"\.\d+", "", value, count=1).replace("T", " ", 1)


@dataclass(frozen=True)
class Words:
    """What a page maker needs to know about the language it writes in."""

    language: str
    t: Mapping[str, str]

    def verdict(self, name: str) -> str:
        """A verdict's name in this language."""
        return self.t[f"verdict_{name.replace('-', '_')}"]


WORDS: tuple[Words, ...] = tuple(Words(language, messages(language)) for language in LANGUAGES)


@dataclass(frozen=True)
class Nav:
    """What the header of a page links: the matrices (title, page) of its run, and the quality page if any."""

    #: Folder of the run, below the folder of a language; empty on pages about no single run.
    folder: str
    sheets: Sequence[tuple[str, str]]
    quality: bool

    def entries(self, t: Mapping[str, str]) -> list[tuple[str, str]]:
        """(label, path from the root of a language), in order."""
        made = [(t["index"], "index.html")]
        if self.folder:
            made += [(title, f"{self.folder}/{path}") for title, path in self.sheets]
            made.append((t["disagreements"], f"{self.folder}/disagreements.html"))
        return [*made, (t["quality"], "quality.html")] if self.quality else made


@dataclass
class Press:
    """Writes pages below `folder`."""

    folder: Path
    templates: Environment = field(default_factory=environment)
    _made: set[Path] = field(default_factory=set)

    def put(
        self,
        template: str,
        path: str,
        words: Words,
        title: str,
        *,
        nav: Nav,
        **values: Any,
    ) -> Path:
        """Render `template` to `path` (from the root of a language)."""
        root = "../" * path.count("/")
        home = LANGUAGES[words.language]
        other = next(language for language in LANGUAGES if language != words.language)
        text = self.templates.get_template(template).render(
            values,
            lang="zh-CN" if words.language == "zh" else words.language,
            w=words,
            t=words.t,
            title=title,
            root=root,
            up="../" * (path.count("/") - 1),
            site=root + "../" * home.count("/"),
            other=root + "../" * home.count("/") + LANGUAGES[other] + path,
            nav=[(label, root + target, target == path) for label, target in nav.entries(words.t)],
        )
        target = self.folder / home / path
        if target.parent not in self._made:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._made.add(target.parent)
        with target.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        return target
