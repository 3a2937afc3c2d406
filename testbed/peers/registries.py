"""One function for each package registry: brings the packages of some peers onto this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from testbed.dut import Description, Install, Itself, Launch, Shim
from testbed.launch.peers import shipped
from testbed.launch.programs import fill

#: Seconds for one command.
LONGEST = 1800
#: Lines of a failed command's output that are shown.
SHOWN = 12


class InstallError(Exception):
    """A command failed or is missing; its text says which and what it printed last."""


@dataclass(frozen=True, slots=True)
class Job:
    """Packages that one call of a registry's client installs: those of `peers`, and `tools` besides."""

    registry: str
    peers: tuple[Description, ...]
    tools: tuple[str, ...] = ()

    @property
    def packages(self) -> list[str]:
        """Everything it asks the registry for."""
        own = [package for peer in self.peers if peer.install for package in peer.install.packages]
        return list(dict.fromkeys([*own, *self.tools]))

    @property
    def title(self) -> str:
        """What it is called in the table."""
        return " ".join([*(peer.name for peer in self.peers), *self.tools])


@dataclass(frozen=True, slots=True)
class Place:
    """Where things go, and where the output of commands is kept."""

    root: Path
    log: Path


def run(
    place: Place, command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> None:
    """Runs `command` without input, its output appended to the log; InstallError if it fails."""
    if shutil.which(command[0]) is None:
        raise InstallError(f"the program {command[0]} is missing: install it first, or leave this peer out")
    with place.log.open("a+b") as log:
        log.write(f"$ {' '.join(command)}\n".encode())
        log.flush()
        start = log.tell()
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env=os.environ | dict(env or {}),
                timeout=LONGEST,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise InstallError(f"{' '.join(command)}: not done after {LONGEST} s") from None
        log.seek(start)
        printed = log.read().decode(errors="replace").splitlines()
    if done.returncode:
        tail = "\n".join(f"    {line}" for line in printed[-SHOWN:])
        raise InstallError(f"{' '.join(command)}: exit code {done.returncode}\n{tail}")


def debian(job: Job, place: Place) -> None:
    """System packages, and with them the programs of peers that have sources."""
    missing = debian_missing(job.packages)
    if missing:
        _system(job.packages, place)
        _stop_services(missing, place)
    binaries = place.root / "bin"
    binaries.mkdir(parents=True, exist_ok=True)
    for peer, install in _installs(job):
        if install.source:
            # One line for the compiler; what it writes is the program alone.
            run(place, ["sh", str(shipped() / install.source / "build.sh"), str(binaries / peer.name)])


def _root() -> list[str]:
    return [] if os.geteuid() == 0 else ["sudo"]


def _system(packages: Sequence[str], place: Place) -> None:
    apt = [*_root(), "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
    install = [*apt, "install", "-y", "--no-install-recommends", *packages]
    try:
        run(place, install)
    except InstallError:
        # A fresh container has no package lists, an old one stale lists.
        run(place, [*apt, "update"])
        run(place, install)


def _stop_services(packages: Sequence[str], place: Place) -> None:
    """The services that the new `packages` have started by being installed."""
    for package in packages:
        for service in _services(package):
            if Path("/run/systemd/system").is_dir():
                run(place, [*_root(), "systemctl", "disable", "--now", service])
            elif Path("/etc/init.d", service).exists():
                # A service that was never started says so with an exit code.
                subprocess.run([*_root(), "service", service, "stop"], capture_output=True, check=False)


def debian_missing(packages: Sequence[str]) -> list[str]:
    """Those of `packages` that are not installed; all of them on a system without dpkg."""
    if shutil.which("dpkg-query") is None:
        return list(packages)
    missing = []
    for package in packages:
        asked = ["dpkg-query", "-W", "-f", "${db:Status-Status}", package]
        if subprocess.run(asked, capture_output=True, check=False).stdout != b"installed":
            missing.append(package)
    return missing


def _services(package: str) -> list[str]:
    listed = subprocess.run(["dpkg", "-L", package], capture_output=True, check=False).stdout.decode()
    units = [Path(line).stem for line in listed.splitlines() if line.endswith(".service") and "@" not in line]
    return sorted(set(units))


def pypi(job: Job, place: Place) -> None:
    """A virtual environment of their own, so that their needs never meet the test bed's."""
    environment = place.root / "python"
    python = environment / "bin" / "python"
    if subprocess.run([python, "-c", ""], check=False).returncode if python.exists() else True:
        run(place, [sys.executable, "-m", "venv", "--clear", str(environment)])
    run(place, [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *job.packages])


def npm(job: Job, place: Place) -> None:
    """One folder of node modules."""
    folder = place.root / "node"
    folder.mkdir(parents=True, exist_ok=True)
    run(place, ["npm", "install", "--prefix", str(folder), "--no-fund", "--no-audit", *job.packages])


def go(job: Job, place: Place) -> None:
    """Programs into bin; sources are built in a copy, because Go writes its checksums beside them."""
    binaries = place.root / "bin"
    binaries.mkdir(parents=True, exist_ok=True)
    for peer, install in _installs(job):
        if not install.source:
            run(place, ["go", "install", *install.packages], env={"GOBIN": str(binaries)})
            continue
        with _copy(install.source) as source:
            built = str(binaries / peer.name)
            run(place, ["go", "build", "-o", built, "."], cwd=Path(source), env={"GOFLAGS": "-mod=mod"})


def cargo(job: Job, place: Place) -> None:
    """Programs into bin; what the compiler leaves besides goes."""
    command = ["cargo", "install", "-q", "--root", str(place.root), "--force"]
    for _, install in _installs(job):
        if not install.source:
            run(place, [*command, *install.packages])
            continue
        with _copy(install.source) as source:
            run(place, [*command, "--path", source, "--target-dir", f"{source}/target"])


def maven(job: Job, place: Place) -> None:
    """Each peer's jars into a folder of its own, with the classes of its program, which starts at once that way."""
    for peer, install in _installs(job):
        folder = place.root / "java" / peer.name
        shutil.rmtree(folder, ignore_errors=True)
        pom = shipped() / install.source / "pom.xml"
        copy = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={folder}"]
        run(place, ["mvn", "-B", "-q", "-f", str(pom), *copy])
        if isinstance(peer.launch, Shim | Itself):
            sources = [str(path) for name in (install.source, *install.uses) for path in _java(shipped() / name)]
            run(place, ["javac", "-d", str(folder / "classes"), "-cp", f"{folder}/*", *sources])


def _java(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.java"))


REGISTRIES: dict[str, Callable[[Job, Place], None]] = {
    "debian": debian,
    "pypi": pypi,
    "npm": npm,
    "go": go,
    "cargo": cargo,
    "maven": maven,
}
#: Registries whose client takes all packages in one call.
TOGETHER = frozenset({"debian", "pypi", "npm"})


def megabytes(job: Job, root: Path) -> float:
    """What a job's results take on disk; of system packages without those that they depend on."""
    if job.registry == "debian":
        asked = ["dpkg-query", "-W", "-f", "${Installed-Size}\\n", *job.packages]
        if shutil.which(asked[0]) is None:
            return 0.0
        listed = subprocess.run(asked, capture_output=True, check=False).stdout.split()
        return sum(int(kibibytes) for kibibytes in listed) * 1024 / 1e6
    size = 0
    for path in _places(job, root):
        files = path.rglob("*") if path.is_dir() else [path]
        size += sum(file.lstat().st_size for file in files if file.is_file() or file.is_symlink())
    return size / 1e6


def _places(job: Job, root: Path) -> list[Path]:
    """Files and folders that a job fills."""
    if job.registry in ("pypi", "npm"):
        return [root / {"pypi": "python", "npm": "node"}[job.registry]]
    if job.registry == "maven":
        return [root / "java" / peer.name for peer in job.peers]
    commands = [peer.launch.command[0] for peer in job.peers if isinstance(peer.launch, Launch | Shim | Itself)]
    return [Path(fill(command, {"peers": str(root)})) for command in commands]


def _installs(job: Job) -> list[tuple[Description, Install]]:
    return [(peer, peer.install) for peer in job.peers if peer.install]


def _copy(source: str) -> AbstractContextManager[str]:
    """A copy of a source folder that is removed after use."""
    folder = tempfile.TemporaryDirectory(prefix="iot-testbed-build-")
    shutil.copytree(shipped() / source, folder.name, dirs_exist_ok=True)
    return folder
