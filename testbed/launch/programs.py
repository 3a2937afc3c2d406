"""Where programs are: placeholders of descriptions filled in, names looked up."""

from __future__ import annotations

import glob
import itertools
import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

#: Environment variable that names the folder with installed peers.
PEERS = "TESTBED_PEERS"
_PLACEHOLDER = re.compile(r"\{(port[23]?|work|peers|here)\}")
#: A pattern in a description that matches more files than this is a mistake.
MOST_FILES = 20_000


def peers_root() -> Path:
    """Where third-party programs are installed: $TESTBED_PEERS, else ./.peers if there is one, else the cache
    folder of the user."""
    named = os.environ.get(PEERS)
    if named:
        return Path(named).absolute()
    here = Path(".peers").absolute()
    if here.is_dir():
        return here
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "iot-testbed" / "peers"


def search_path() -> list[Path]:
    """Folders in which a program is looked for, in this order."""
    root = peers_root()
    first = [root / "bin", root / "python" / "bin", root / "node" / "node_modules" / ".bin"]
    system = [Path(part) for part in os.environ.get("PATH", os.defpath).split(os.pathsep) if part]
    return [*first, *system, Path("/usr/sbin"), Path("/usr/local/sbin"), Path(sys.executable).parent]


def find_program(name: str) -> Path | None:
    """`name` (a bare name, or a path) as an executable file."""
    found = shutil.which(name, path=os.pathsep.join(map(str, search_path())))
    return Path(found).absolute() if found else None


def find_files(pattern: str) -> list[Path]:
    """The files that `pattern` names, sorted: an absolute path, a glob with `**`, or a bare program name."""
    if "/" not in pattern:
        program = find_program(pattern)
        return [program] if program else []
    if not glob.has_magic(pattern):
        return [Path(pattern)] if Path(pattern).exists() else []
    path = Path(pattern)
    relative = str(path.relative_to(path.anchor))
    return sorted(itertools.islice(Path(path.anchor).glob(relative), MOST_FILES))


def fill(text: str, values: Mapping[str, str]) -> str:
    """`text` with each known placeholder replaced; other braces stay, as configuration files need them."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), text)


def fill_any(text: str, values: Mapping[str, str]) -> str:
    """`text` with every placeholder replaced that `values` knows, in one pass, so that a value is never filled in
    itself."""
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), text)


def placeholders(text: str) -> set[str]:
    """Names of the placeholders in `text`."""
    return {found[1] for found in _PLACEHOLDER.finditer(text)}
