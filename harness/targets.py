"""`--dut`: a known peer by name, `installed` for all of them, an address, or a description in a file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from testbed.dut import Address, Description, Endpoint, Itself, read_description
from testbed.launch import peers
from testbed.protocol import roles

#: `--dut installed` means every known peer that is installed.
INSTALLED = "installed"
_ADDRESS = re.compile(r"^(?:\[[0-9a-fA-F:.]+(?:%[\w.-]+)?\]|[^:/\s\[\]]+):\d{1,5}$")


def description(text: str, role: str) -> tuple[Description, Path | None]:
    """What `--dut text` means for a profile of `role`, and the folder of its file if it has one.

    LookupError or FileError say what else could have been meant.
    """
    if text.endswith(".toml"):
        path = Path(text)
        return read_description(path), path.parent
    if text in peers.known():
        return peers.find(text), None
    if "://" in text or _ADDRESS.match(text):
        return _at(text, role), None
    try:
        return peers.find(text), None
    except LookupError as error:
        raise LookupError(
            f"--dut {text}: neither a known peer, nor an address (host:port), nor a description (FILE.toml); {error}"
        ) from None


def _at(text: str, role: str) -> Description:
    """A device of which only the address is known: `host:port`, or an endpoint with its transport."""
    try:
        endpoint = Endpoint.parse(text if "://" in text else f"tcp://{text}")
    except ValueError as error:
        raise LookupError(f"--dut {text}: {error}") from None
    if endpoint.transport == "unix":
        name = endpoint.path
    elif not endpoint.port:
        raise LookupError(f"--dut {text}: a port is a number from 1 to 65535")
    else:
        name = f"{endpoint.host}:{endpoint.port}"
    found = roles().get(role)
    # Where the device comes to the tester, the address is where to listen for it.
    launch = Itself() if found is not None and found.comes else Address()
    return Description(name=name, role=role, endpoints={"default": str(endpoint)}, launch=launch)


def _installed(role: str) -> list[str]:
    """The names of all known peers of `role` that are installed. LookupError when there is none."""
    found = [name for name in peers.known() if (one := peers.find(name)).role == role and not peers.installed(one)]
    if not found:
        raise LookupError(f"--dut {INSTALLED}: no known peer of the role {role} is installed; `testbed doctor` helps")
    return found


def descriptions(texts: Sequence[str], role: str) -> tuple[list[Description], dict[str, Path], dict[str, str]]:
    """All of them, with names that differ; the folders of those that came from files; and what names each again."""
    out: list[Description] = []
    folders: dict[str, Path] = {}
    given: dict[str, str] = {}
    for text in [name for given in texts for name in (_installed(role) if given == INSTALLED else [given])]:
        one, folder = description(text, role)
        name, number = one.name, 2
        while any(other.name == name for other in out):
            name, number = f"{one.name}-{number}", number + 1
        one = replace(one, name=name)
        out.append(one)
        given[name] = text
        if folder is not None:
            folders[name] = folder
    return out, folders, given
