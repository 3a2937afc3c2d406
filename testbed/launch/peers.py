"""Known third-party implementations: which there are, whether they are installed, how they come here."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from testbed.dut import Address, Commands, Description, read_description
from testbed.launch.programs import fill, find_files, find_program, peers_root, placeholders


def shipped() -> Path:
    """The folder of the descriptions that come with the test bed."""
    return Path(str(files("testbed.peers")))


def known() -> dict[str, Path]:
    """The description of each known peer, by name."""
    return {path.stem: path for path in sorted(shipped().glob("*.toml"))}


def find(name: str) -> Description:
    """The known peer `name`; LookupError with a suggestion when there is none."""
    peers = known()
    if name not in peers:
        near = difflib.get_close_matches(name, peers, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(peers)}"
        raise LookupError(f"no known peer is called {name!r}: {hint}")
    return read_description(peers[name])


def installed(description: Description, here: Path | None = None) -> list[str]:
    """What `description` needs and this machine lacks, as a person would name it; empty when it can start.

    `here` is the folder of the description, by default the one of the known peers.
    """
    launch = description.launch
    if isinstance(launch, Address):
        return []
    values = {"peers": str(peers_root()), "here": str(here or shipped())}
    commands = [launch.subscribe, launch.publish] if isinstance(launch, Commands) else [launch.command]
    programs = dict.fromkeys(fill(words[0], values) for words in commands if words)
    missing = [program for program in programs if not placeholders(program) and find_program(program) is None]
    return missing + lacking(launch.requires, values)


def lacking(requires: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """Those of the programs and files `requires` that are not there."""
    wanted = [fill(item, values) for item in requires]
    return [item for item in wanted if not placeholders(item) and not find_files(item)]


def command(description: Description) -> str:
    """The one command that installs what `description` needs; empty when the description does not say."""
    if description.install is None:
        return ""
    if description.name in known():
        return f"python -m testbed.peers.install {description.name}"
    words = {
        "debian": "apt-get install",
        "pypi": "python -m pip install",
        "npm": "npm install",
        "go": "go install",
        "cargo": "cargo install",
        "maven": "mvn dependency:get -Dartifact=",
    }[description.install.registry]
    joint = "" if words.endswith("=") else " "
    return f"{words}{joint}{' '.join(description.install.packages)}"
