"""File names from names that devices and people gave: short, lower case, safe on every file system, unique."""

from __future__ import annotations

import re
from hashlib import blake2s

_UNSAFE = re.compile(r"[^a-z0-9._]+")


def digest(text: str) -> str:
    """Eight hexadecimal digits that tell `text` from its neighbours."""
    return blake2s(text.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()


def slug(name: str, longest: int = 48) -> str:
    """`name` in lower case where that is a safe file name, else its safe part and a digest of the whole."""
    safe = _UNSAFE.sub("-", name.lower()).strip("-._")[:longest].rstrip("-._")
    return safe if safe and safe == name.lower() else f"{safe}-{digest(name)}".lstrip("-")
