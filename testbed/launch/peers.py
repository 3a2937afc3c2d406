"""Known third-party implementations: which there are, whether they are installed, how they come here."""

from __future__ import annotations

import difflib
from importlib.resources import files
from pathlib import Path

from testbed.dut import Description, Launch, read_description
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
    if not isinstance(description.launch, Launch):
        return []
    values = {"peers": str(peers_root()), "here": str(here or shipped())}
    program = fill(description.launch.command[0], values) if description.launch.command else "a command"
    missing = []
    if not placeholders(program) and find_program(program) is None:
        missing.append(program)
    for item in description.launch.requires:
        wanted = fill(item, values)
        if not placeholders(wanted) and not find_files(wanted):
            missing.append(wanted)
    return missing


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
