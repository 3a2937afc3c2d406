"""Doctor: what this machine has of what a run needs, and for each lack the one command that fixes it."""

from __future__ import annotations

import os
import re
import resource
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

import msgspec

from testbed.launch import peers
from testbed.launch.programs import find_program, peers_root

State = Literal["ok", "optional-missing", "missing"]

#: The oldest Python that the test bed runs on.
PYTHON = (3, 11)
#: Megabytes that a run with captures must find free, and open files that its lanes and log need.
DISK = 200
FILES = 512
#: Where runs write, unless told otherwise.
RESULTS = Path("results")
#: Program -> (names it goes by, what it is good for, what installs it).
TOOLS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "tshark": (("tshark",), "reads captures; tests of the codecs use it", "apt-get install -y tshark"),
    "chromium": (
        ("chromium", "chromium-browser", "google-chrome", "chrome"),
        "tests of the site look at it with this",
        "apt-get install -y chromium",
    ),
}


class Check(msgspec.Struct, frozen=True):
    """One thing looked at. `optional-missing` is something that is not there and need not be."""

    name: str
    state: State
    #: What is there, or what is lacking.
    found: str
    #: The command, or the words, that fix it; empty when it is well.
    remedy: str = ""


class Diagnosis(msgspec.Struct):
    """The output of `testbed doctor --json`."""

    #: Whether nothing is missing.
    healthy: bool
    checks: list[Check]
    format: str = "iot-testbed-doctor/1"


def diagnose(names: Sequence[str] = (), *, strict: bool = False) -> Diagnosis:
    """Look at everything; `names` (peers and tools) and, when `strict`, all that is optional must be there.
    LookupError when nobody is called so."""
    known = [*peers.known(), *TOOLS]
    for name in names:
        if name not in known:
            close = get_close_matches(name, known, 1)
            hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
            raise LookupError(f"no peer or tool is called {name!r}; {hint}")
    checks = [
        python(),
        *dependencies(),
        writable(RESULTS),
        disk(RESULTS),
        open_files(),
        ipv6(),
        *(tool(name) for name in TOOLS if not names or name in names),
        *(peer(name) for name in peers.known() if not names or name in names),
    ]
    checks = [
        msgspec.structs.replace(one, state="missing")
        if one.state == "optional-missing" and (strict or one.name in names)
        else one
        for one in checks
    ]
    return Diagnosis(all(one.state != "missing" for one in checks), checks)


def python() -> Check:
    """The interpreter."""
    have = sys.version_info[:3]
    text = ".".join(map(str, have))
    if have >= PYTHON:
        return Check("python", "ok", text)
    return Check("python", "missing", text, f"install Python {'.'.join(map(str, PYTHON))} or later")


def dependencies(ask: Callable[[str], str] = version) -> Iterator[Check]:
    """The packages that the test bed declares; `ask` gives the version of one."""
    for line in requires("iot-testbed") or []:
        if "extra ==" in line:
            continue
        name, least = re.match(r"([A-Za-z0-9._-]+)[^0-9]*([0-9.]*)", line).groups()  # type: ignore[union-attr]
        remedy = f"python -m pip install '{line}'"
        try:
            have = ask(name)
        except PackageNotFoundError:
            yield Check(name, "missing", "not installed", remedy)
            continue
        if _numbers(have) < _numbers(least):
            yield Check(name, "missing", f"{have}, older than {least}", remedy)
        else:
            yield Check(name, "ok", have)


def _numbers(text: str) -> tuple[int, ...]:
    """The leading numbers of a version."""
    found = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def writable(folder: Path) -> Check:
    """Whether runs can write their evidence into `folder`, or make it."""
    try:
        with tempfile.TemporaryFile(dir=_existing(folder)):
            return Check("results folder", "ok", f"{folder} can be written")
    except OSError as error:
        return Check(
            "results folder",
            "missing",
            f"{folder} cannot be written ({error.strerror})",
            "go to a folder of yours, or use testbed run --out DIR",
        )


def disk(folder: Path) -> Check:
    """Room for journal and captures."""
    free = shutil.disk_usage(_existing(folder)).free / 1e6
    text = f"{free / 1000:.1f} GB free" if free >= 1000 else f"{free:.0f} MB free"
    if free >= DISK:
        return Check("disk", "ok", text)
    return Check("disk", "missing", text, f"make room for {DISK} MB, or use testbed run --out DIR on another disk")


def _existing(folder: Path) -> Path:
    """`folder`, or the nearest folder above it that is there."""
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.is_dir())


def open_files() -> Check:
    """Connections that may be open at once."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    text = "unlimited" if soft == resource.RLIM_INFINITY else str(soft)
    if soft == resource.RLIM_INFINITY or soft >= FILES:
        return Check("open files", "ok", text)
    return Check("open files", "missing", f"at most {text}, a run needs {FILES}", "ulimit -n 4096")


def ipv6() -> Check:
    """Whether devices can be reached at [::1]."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as listener:
            listener.bind(("::1", 0))
        return Check("ipv6 loopback", "ok", "[::1]")
    except OSError as error:
        remedy = "sysctl -w net.ipv6.conf.lo.disable_ipv6=0"
        return Check("ipv6 loopback", "optional-missing", f"no [::1] ({error.strerror}), for IPv6 devices", remedy)


def tool(name: str) -> Check:
    """One of `TOOLS`."""
    programs, purpose, remedy = TOOLS[name]
    for program in programs:
        found = find_program(program)
        if found:
            return Check(name, "ok", str(found))
    sudo = "" if os.geteuid() == 0 else "sudo "
    return Check(name, "optional-missing", f"not installed: {purpose}", sudo + remedy)


def peer(name: str) -> Check:
    """A known third-party implementation."""
    description = peers.find(name)
    lacking = peers.installed(description)
    if not lacking:
        return Check(name, "ok", "installed")
    root = f"{peers_root()}/"
    said = ", ".join(item.replace(root, "") for item in lacking)
    return Check(name, "optional-missing", f"lacks {said}", peers.command(description))
