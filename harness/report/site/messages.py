"""The words of the site in every language it speaks, from one catalogue, `messages.toml`."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

#: Language -> folder of its pages within the site.
LANGUAGES: dict[str, str] = {"en": "", "zh": "zh/"}


@cache
def messages(language: str) -> dict[str, str]:
    """Every message in `language`, by key."""
    text = resources.files("harness.report.site").joinpath("messages.toml").read_text(encoding="utf-8")
    return {key: words[language] for key, words in tomllib.loads(text).items()}
