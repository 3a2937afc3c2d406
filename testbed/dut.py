"""A device under test: what it is called, which role it plays, what it claims, and how it is reached.

A description is a TOML file (`Description` is its format). `Dut` is the same with everything filled in: the
ports it was given, the folder it works in, the identity it showed.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from testbed.files import FileError, line_of, read_text, read_toml

Scalar = bool | int | float | str
#: Characters of the name of a device.
LONGEST_NAME = 100


class Launch(msgspec.Struct, forbid_unknown_fields=True, tag_field="how", tag="process"):
    """A DUT that we start. `command`, `files` and `env` may use {port} {port2} {port3} (free loopback ports),
    {work} (an empty folder of its own), {peers} (where third-party programs are installed) and {here} (the
    folder of the description)."""

    command: list[str]
    #: Files written into {work} first, by name.
    files: dict[str, str] = {}
    env: dict[str, str] = {}
    #: Programs and files that must exist; `command[0]` always must.
    requires: list[str] = []
    #: Seconds until it must answer as its role does.
    ready: float = 20.0
    #: Seconds between SIGTERM and SIGKILL.
    stop: float = 5.0
    #: It ends when its standard input closes (many embedded Java and C programs do).
    stdin: bool = False
    #: How often it is started again when it dies while it is judged. With 0 the rest of its cells are errors; else
    #: those that were under way are tried again in smaller company, until the one that kills it stands alone.
    restart: int = 0


class Address(msgspec.Struct, forbid_unknown_fields=True, tag_field="how", tag="address"):
    """A DUT that somebody else has started."""

    #: Seconds until it must answer.
    ready: float = 5.0


class Shim(msgspec.Struct, forbid_unknown_fields=True, tag_field="how", tag="shim"):
    """A client library in a small program of ours that takes orders as lines of JSON (docs/shims.md). As many are
    started as cells run at once; each serves many cells one after another. `command` may use {peers} and {here}."""

    command: list[str]
    env: dict[str, str] = {}
    #: Programs and files that must exist; `command[0]` always must.
    requires: list[str] = []
    #: Seconds until its first line must have come.
    ready: float = 20.0
    #: Seconds between the end of its standard input and SIGKILL.
    stop: float = 2.0
    #: How many of them, and so of its cells, may run at once.
    processes: int = 16


class Commands(msgspec.Struct, forbid_unknown_fields=True, tag_field="how", tag="commands"):
    """Programs that connect, do one thing, and end. `subscribe` runs until it is ended, `publish` until its message
    is sent. They may use {host} {port} {client} {topic} {qos} {payload} {edition}, and {peers} and {here}."""

    subscribe: list[str] = []
    publish: list[str] = []
    #: Option of a case -> the words that are added to both commands for it; what is missing here is not asked for.
    #: They may use {value}, and for `will` {will_topic} {will_payload} {will_qos}.
    options: dict[str, list[str]] = {}
    #: Edition -> what {edition} stands for.
    editions: dict[str, str] = {}
    env: dict[str, str] = {}
    requires: list[str] = []
    #: Seconds within which it must connect.
    ready: float = 10.0
    #: How many cells may run at once.
    processes: int = 16


class Itself(msgspec.Struct, forbid_unknown_fields=True, tag_field="how", tag="itself"):
    """A client that nobody commands: it connects by itself to the endpoint of its description, where the tester
    listens. With a `command`, which may use {host} {port} {client} {edition} {work} {peers} {here}, it is a program
    that we start for each cell; without, a real device that is there, and cells take turns."""

    command: list[str] = []
    env: dict[str, str] = {}
    requires: list[str] = []
    #: Seconds within which it connects, for the first time and again.
    ready: float = 30.0
    #: How many cells may run at once, where there is a command.
    processes: int = 16


#: Launches of clients: the tester listens, and they come.
CLIENTS = Shim | Commands | Itself


class Identity(msgspec.Struct, forbid_unknown_fields=True):
    """What names this very build. `command` prints the version; `pattern` finds it (first group)."""

    command: list[str] = []
    pattern: str = r"(\d+\.\d+(?:\.\d+)?\S*)"
    version: str = ""
    #: Files hashed together into the digest; `command[0]` of the launch when empty.
    files: list[str] = []


class Install(msgspec.Struct, forbid_unknown_fields=True):
    """How a third-party implementation comes onto a machine."""

    registry: Literal["debian", "pypi", "npm", "go", "cargo", "maven"]
    packages: list[str]
    #: Folder beside the description with sources or manifests to build.
    source: str = ""
    #: Other such folders that the source is built with.
    uses: list[str] = []
    #: Installed in CI; others are there for whoever wants them.
    ci: bool = True


class Description(msgspec.Struct, forbid_unknown_fields=True):
    """`dut.toml`."""

    name: str
    role: str
    #: Edition (`mqtt-5.0`) or `default` -> `tcp://host:port`, `tls://host:port`, `ws://host:port/path`,
    #: `wss://host:port/path` or `unix:///path`. A client under test has the address where the tester listens for it
    #: (port 0: any free one). Further ways to the same device are named after their claim (`websocket`, `tls`).
    endpoints: dict[str, str]
    title: str = ""
    vendor: str = ""
    homepage: str = ""
    #: Feature -> whether the vendor says it is there (ICS).
    claims: dict[str, bool] = {}
    #: Values of this DUT: credentials, timers, limits (IXIT).
    parameters: dict[str, Scalar] = {}
    launch: Launch | Address | Shim | Commands | Itself = msgspec.field(default_factory=Address)
    identity: Identity = msgspec.field(default_factory=Identity)
    install: Install | None = None


#: What joins tester and device: in the clear or under TLS, as a plain stream, within a WebSocket, or on this machine.
TRANSPORTS = ("tcp", "tls", "ws", "wss", "unix")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one edition of the protocol answers, or where the tester listens for a client under test."""

    transport: str
    #: Empty for `unix`.
    host: str
    #: 0 (any free one) only where the tester listens; 0 for `unix`.
    port: int
    #: Of the resource (`ws`, `wss`) or of the socket (`unix`).
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """`tcp://host:port`, `tls://[::1]:8883`, `ws://host:port/path`, `wss://host:port/path` (path `/mqtt` unless
        given), `unix:///path/to/socket`. ValueError says what is wrong."""
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            why = "a port is a number from 1 to 65535" if "port" in str(error).lower() else str(error)
            raise ValueError(f"{text!r} is no endpoint: {why}") from None
        transport = parts.scheme
        if transport not in TRANSPORTS:
            raise ValueError(f"{text!r} is no endpoint: the transport must be tcp, tls, ws, wss or unix")
        if parts.username is not None or parts.fragment:
            raise ValueError(f"{text!r} is no endpoint: no user may stand before the host, and no # after the port")
        if transport == "unix":
            if parts.netloc or len(parts.path) < 2 or "\0" in parts.path:
                raise ValueError(f"{text!r} is no endpoint: write unix:///path/to/socket")
            return cls(transport, "", 0, parts.path)
        if not host or port is None:
            raise ValueError(f"{text!r} is no endpoint: write {transport}://host:port")
        if not host.isprintable() or " " in host:
            raise ValueError(f"{text!r} is no endpoint: {host!r} is no host")
        path = ""
        if transport in ("ws", "wss"):
            path = (parts.path or "/mqtt") + (f"?{parts.query}" if parts.query else "")
            if not path.isascii() or not path.isprintable() or " " in path:
                raise ValueError(f"{text!r} is no endpoint: write other characters of its path as %XX")
        elif parts.path or parts.query:
            raise ValueError(f"{text!r} is no endpoint: nothing may follow the port")
        return cls(transport, host, port, path)

    @property
    def secure(self) -> bool:
        """Whether TLS is spoken."""
        return self.transport in ("tls", "wss")

    @property
    def framed(self) -> bool:
        """Whether the bytes travel in WebSocket frames."""
        return self.transport in ("ws", "wss")

    def __str__(self) -> str:
        if self.transport == "unix":
            return f"unix://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.transport}://{host}:{self.port}{self.path}"


#: Ways to a device besides the first: key of `endpoints` and claim -> whether an endpoint is such a way.
WAYS: dict[str, Callable[[Endpoint], bool]] = {
    "websocket": lambda one: one.framed,
    "tls": lambda one: one.transport == "tls",
    "unix": lambda one: one.transport == "unix",
    "ipv6": lambda one: ":" in one.host,
}


@dataclass(slots=True)
class Dut:
    """A description brought to life. `claims` grows by what discovery finds; nothing else changes."""

    description: Description
    endpoints: dict[str, Endpoint]
    version: str = ""
    digest: str = ""
    claims: dict[str, bool] = field(default_factory=dict)
    work: Path | None = None
    #: What starts the programs of a client (`testbed.launch.clients.Clients`), or an empty client.
    clients: Any = None

    @property
    def name(self) -> str:
        return self.description.name

    @property
    def role(self) -> str:
        return self.description.role

    def endpoint(self, edition: str) -> Endpoint | None:
        """Where `edition` answers; None when the description has no such endpoint."""
        return self.endpoints.get(edition) or self.endpoints.get("default")

    def way(self, name: str, edition: str) -> Endpoint | None:
        """The endpoint that the description names for a way of `WAYS`, or that of `edition` when it is one."""
        first = self.endpoint(edition)
        return self.endpoints.get(name) or (first if first is not None and WAYS[name](first) else None)

    def parameter(self, name: str, default: Scalar) -> Scalar:
        """An IXIT value."""
        return self.description.parameters.get(name, default)


def read_description(path: Path) -> Description:
    """`path` as a description, its endpoints checked for form (ports may still be placeholders)."""
    description = read_toml(path, Description)
    for key, problem, remedy in _unusable(description):
        line = line_of(read_text(path), key.split("."))
        raise FileError(path, problem, remedy, line=line, key=key)
    for edition, text in description.endpoints.items():
        problem = _no_endpoint(edition, text, description)
        if problem:
            key = f"endpoints.{edition}"
            line = line_of(read_text(path), ["endpoints", edition])
            raise FileError(path, problem, "write tcp://host:port", line=line, key=key)
    if not description.endpoints:
        raise FileError(path, "has no endpoint", 'add [endpoints] with default = "tcp://host:port"', key="endpoints")
    return description


def _no_endpoint(edition: str, text: str, description: Description) -> str:
    """What is wrong with `text` as an endpoint of `description`; empty when it is right."""
    if isinstance(description.launch, Launch):
        # What a placeholder will be is not known yet, and may be a port.
        text = re.sub(r"\{port\d?\}", "1", text).replace("{work}", "/work")
    try:
        endpoint = Endpoint.parse(text)
    except ValueError as error:
        return str(error)
    if edition in WAYS and not WAYS[edition](endpoint):
        return f"{text!r} is no way of the kind {edition}"
    if not endpoint.port and endpoint.transport != "unix" and not isinstance(description.launch, CLIENTS):
        return (
            f"{text!r}: port 0 is no place where a {description.role} can be reached; it must listen on a port, "
            "or come to the tester (under [launch]: how = shim, commands or itself)"
        )
    return ""


def _unusable(description: Description) -> Iterator[tuple[str, str, str]]:
    """Key, problem and remedy of each value that has the right type and cannot be used."""
    name, launch = description.name, description.launch
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        yield "name", "is empty, too long, or not printable", f"write 1 to {LONGEST_NAME} visible characters"
    seconds: dict[str, Scalar] = {"launch.ready": launch.ready}
    if isinstance(launch, Launch):
        seconds["launch.stop"] = launch.stop
        if not launch.command or "\0" in "".join(launch.command):
            yield "launch.command", "is no command", "write the program and its arguments, a text each"
    timers = ("patience", "quiet")
    seconds |= {f"parameters.{key}": description.parameters[key] for key in timers if key in description.parameters}
    for key, value in seconds.items():
        if not is_duration(value):
            yield key, f"{value!r} is no time", "write seconds, a number above 0"
    for key in ("tls-authority", "tls-certificate", "tls-key"):
        file = description.parameters.get(key, "")
        if file and not (isinstance(file, str) and Path(file).is_file()):
            yield f"parameters.{key}", f"{file!r} is no file here", "give the path of a PEM file"
    try:
        re.compile(description.identity.pattern)
    except re.error as error:
        yield "identity.pattern", f"is no regular expression ({error})", "correct it"


def is_duration(value: Scalar) -> bool:
    """Whether `value` is a number of seconds that can be waited for."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def digest(files: list[Path]) -> str:
    """SHA-256 over the contents of `files`, in order, as `sha256:<hex>`; empty when none can be read."""
    total = hashlib.sha256()
    seen = False
    for path in files:
        try:
            total.update(hashlib.sha256(path.read_bytes()).digest())
            seen = True
        except OSError:
            continue
    return f"sha256:{total.hexdigest()}" if seen else ""
