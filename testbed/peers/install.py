"""Installs known peers: `python -m testbed.peers.install [NAME...] [--ci] [--pypi-only]`.

System packages come through apt-get, everything else goes into the peers' folder (see
`testbed.launch.programs.peers_root`). A second run finds what is there and does nothing.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from testbed.dut import Description
from testbed.files import FileError
from testbed.launch.peers import command, find, installed, known, shipped
from testbed.launch.programs import peers_root
from testbed.peers.registries import (
    REGISTRIES,
    TOGETHER,
    InstallError,
    Job,
    Place,
    debian_missing,
    megabytes,
)

__all__ = ["command", "main"]

#: Debian packages that the test bed's own tests use besides the peers.
CI_TOOLS = ("mosquitto-clients", "tshark")


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the closing table."""

    job: Job
    result: str
    seconds: float
    megabytes: float
    problem: str = ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when all asked for is installed, 1 when something failed, 2 for a wrong name."""
    options = _options(arguments)
    try:
        peers = [find(name) for name in options.names or known()]
    except (LookupError, FileError) as error:
        print(error.args[0], file=sys.stderr)
        return 2
    wanted = [
        peer
        for peer in peers
        if peer.install
        and (peer.install.ci or not options.ci or options.names)
        and (peer.install.registry == "pypi" or not options.pypi_only)
    ]
    tools = CI_TOOLS if options.ci and not options.pypi_only else ()
    root = peers_root()
    (root / "log").mkdir(parents=True, exist_ok=True)
    with (root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second installer waits for the first
        there, jobs = _sorted(wanted, tools, root)
        rows = [Row(job, "was there", 0.0, megabytes(job, root)) for job in there]
        with ThreadPoolExecutor(max(1, len(jobs))) as pool:
            for done in pool.map(lambda queue: _work(queue, root), jobs):
                rows.extend(done)
    _show(rows, root)
    return 1 if any(row.problem for row in rows) else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m testbed.peers.install",
        description="Installs third-party implementations to test, and to test the test bed with.",
        epilog=f"Known: {', '.join(known())}. Folder: $TESTBED_PEERS, ./.peers, or the user's cache.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="a known peer (default: all)")
    parser.add_argument("--ci", action="store_true", help="those that run in CI, and the tools of its tests")
    parser.add_argument("--pypi-only", action="store_true", help="only what needs neither root nor compiler")
    return parser.parse_args(arguments)


def _sorted(peers: list[Description], tools: Sequence[str], root: Path) -> tuple[list[Job], list[list[Job]]]:
    """Jobs with nothing to do, and for each registry its queue of jobs."""
    there: list[Job] = []
    queues: list[list[Job]] = []
    for registry in REGISTRIES:
        own = [peer for peer in peers if peer.install and peer.install.registry == registry]
        lacking = tuple(debian_missing(tools)) if registry == "debian" else ()
        absent = [peer for peer in own if not _is_there(peer, root)]
        present = [peer for peer in own if peer not in absent]
        if registry in TOGETHER:
            here = tuple(tool for tool in tools if tool not in lacking) if registry == "debian" else ()
            there += [Job(registry, tuple(present), here)] if present or here else []
            queue = [Job(registry, tuple(absent), lacking)] if absent or lacking else []
        else:
            there += [Job(registry, (peer,)) for peer in present]
            queue = [Job(registry, (peer,)) for peer in absent]
        queues += [queue] if queue else []
    return there, queues


def _work(queue: list[Job], root: Path) -> list[Row]:
    """The jobs of one registry, in order; a common call that fails is tried again one by one."""
    rows: list[Row] = []
    for job in queue:
        row = _done(job, root)
        parts = [Job(job.registry, (peer,)) for peer in job.peers]
        parts += [Job(job.registry, (), (tool,)) for tool in job.tools]
        if row.problem and len(parts) > 1:
            _say(f"{job.registry}: failed together, now one by one")
            rows += [_done(part, root) for part in parts]
        else:
            rows.append(row)
    return rows


def _say(line: str) -> None:
    """One whole line, whichever threads speak meanwhile."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _done(job: Job, root: Path) -> Row:
    _say(f"{job.registry}: installing {job.title}")
    start = time.monotonic()
    problem = ""
    try:
        REGISTRIES[job.registry](job, Place(root, root / "log" / f"{job.registry}.log"))
        for peer in job.peers:
            if lacking := installed(peer):
                raise InstallError(f"{peer.name}: still lacks {', '.join(lacking)}")
            _stamp(peer, root).parent.mkdir(exist_ok=True)
            _stamp(peer, root).write_text(_fingerprint(peer))
    except (InstallError, OSError) as error:
        problem = str(error)
    seconds = time.monotonic() - start
    result = "FAILED" if problem else "installed"
    _say(f"{job.registry}: {result} {job.title} ({seconds:.1f} s)")
    return Row(job, result, seconds, megabytes(job, root), problem)


def _is_there(peer: Description, root: Path) -> bool:
    """Whether it can start and, where we chose the version, is the version that its description asks for."""
    if installed(peer):
        return False
    if peer.install and peer.install.registry == "debian" and not peer.install.source:
        return True
    try:
        return _stamp(peer, root).read_text() == _fingerprint(peer)
    except OSError:
        return False


def _stamp(peer: Description, root: Path) -> Path:
    return root / "installed" / peer.name


def _fingerprint(peer: Description) -> str:
    """What the installed thing was made from: packages and sources."""
    total = hashlib.sha256(msgspec.json.encode(peer.install, order="sorted"))
    for name in (peer.install.source, *peer.install.uses) if peer.install and peer.install.source else ():
        folder = shipped() / name
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            total.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def _show(rows: list[Row], root: Path) -> None:
    table = Table(title=f"Peers in {root}", title_justify="left")
    table.add_column("peer")
    table.add_column("registry")
    table.add_column("result")
    table.add_column("s", justify="right")
    table.add_column("MB", justify="right")
    for row in rows:
        megabytes = f"{row.megabytes:.1f}" if row.megabytes else ""
        table.add_row(row.job.title, row.job.registry, row.result, f"{row.seconds:.1f}", megabytes)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 100)
    console.print(table)
    for row in rows:
        if row.problem:
            print(f"\n{row.job.title} ({row.job.registry}): {row.problem}", file=sys.stderr)
    if any(row.problem for row in rows):
        print(f"\nFull output: {root / 'log'}", file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main())
