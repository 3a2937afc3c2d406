"""First files for people to go on from: a description of a device that was probed, a profile that extends another.

Every line that can be written carries a comment; what was not found out stands there as a comment itself.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.probing import Seen
from harness.profile import Profile
from testbed.dut import Scalar
from testbed.files import FileError
from testbed.launch import peers
from testbed.protocol import Role
from testbed.trial import Trial

#: A line of a file: the assignment (or header, or nothing), and its comment.
Line = tuple[str, str]

#: Parameters of every role.
PATIENCE = {
    "patience": "seconds that a required answer may take",
    "quiet": "seconds without a message that count as silence",
}
TLS = {
    "tls-authority": "PEM file with the authority that signed its certificate",
    "tls-certificate": "PEM file with the tester's own certificate, if it asks for one",
    "tls-key": "PEM file with the tester's own key",
    "tls-server-name": "name asked for in TLS, if not the endpoint's host",
    "tls-verify": "false: take any certificate",
}


def name_of(address: str) -> str:
    """A device's name for reports and files, from its address."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", address.partition("://")[2] or address).strip("-.") or "device"


def dut_file(address: str, seen: Seen, parameters: Mapping[str, Scalar]) -> str:
    """The text of a first `dut.toml` for what was seen at `address`."""
    role = seen.role
    lines: list[Line] = [
        (f"name = {toml(name_of(address))}", "what reports and files call it"),
        (f"role = {toml(role.name)}", _also(role.text, seen.others)),
        ('title = ""', "the product's name, as people know it"),
        ('vendor = ""', "who makes it"),
        ('homepage = ""', "where it is described"),
        ("", ""),
        ("[endpoints]", "edition -> where it answers"),
    ]
    for edition in role.editions:
        if edition in seen.endpoints:
            lines.append((f"{key(edition)} = {toml(seen.endpoints[edition])}", "answered here"))
        else:
            lines.append((f'# {key(edition)} = "tcp://HOST:PORT"', "did not answer here"))
    lines += [("", ""), ("[claims]", "what the vendor says is there (ICS); correct what discovery cannot know")]
    lines += list(_claims(seen))
    lines += [("", ""), ("[parameters]", "values of this device (IXIT)")]
    secure = any(text.startswith(("tls:", "wss:")) for text in seen.endpoints.values())
    lines += list(_parameters(role, parameters, secure))
    lines += [
        ("", ""),
        ("[launch]", "how it comes up"),
        ('how = "address"', 'somebody else starts it; "process" with a command lets the test bed do it'),
        ("ready = 5.0", "seconds until it must answer"),
        ("", ""),
        ("[identity]", "which build it is"),
        ('# version = "1.0.0"', "its version"),
        ('# command = ["program", "--version"]', "or a command that prints it"),
    ]
    head = f"# What answers at {address}, as `testbed new dut` saw it. Keys: schemas/formats/dut.schema.json.\n"
    return head + text_of(lines)


def _also(text: str, others: list[str]) -> str:
    return f"{text}; it also answers as {', '.join(others)}" if others else text


def _claims(seen: Seen) -> Iterable[Line]:
    for claim, meaning in seen.role.claims.items():
        shown = seen.claims.get(claim, {})
        if not shown:
            yield f"# {key(claim)} = true", f"{meaning}; cannot be probed"
            continue
        there = all(shown.values())
        if there or not any(shown.values()):
            how = f"{'found' if there else 'not found'} in {', '.join(shown)}"
        else:
            how = ", ".join(f"{'found' if value else 'not found'} in {edition}" for edition, value in shown.items())
        yield f"{key(claim)} = {toml(there)}", f"{meaning}; {how}"
    for edition, doubt in seen.doubts.items():
        yield "", f"{edition} could not be probed: {doubt}"


def _parameters(role: Role, given: Mapping[str, Scalar], tls: bool) -> Iterable[Line]:
    defaults = {field.name: field.default for field in dataclasses.fields(Trial)}
    meanings = PATIENCE | (TLS if tls else {})
    for name, value in given.items():
        yield f"{key(name)} = {toml(value)}", meanings.get(name, "as it was given")
    for name, meaning in meanings.items():
        if name not in given:
            default = defaults.get(name, name != "tls-verify" and "")
            yield f"# {key(name)} = {toml(default)}", meaning  # type: ignore[arg-type]
    seen = set(given) | set(meanings)
    for peer in map(peers.find, peers.known()):
        for name, value in peer.parameters.items():
            if peer.role == role.name and name not in seen:
                seen.add(name)
                yield f"# {key(name)} = {toml(value)}", f"as for the peer {peer.name}"


def profile_file(name: str, parent: Profile, role: Role | None) -> str:
    """The text of a first profile called `name` that extends `parent`."""
    chosen = parent.select
    claims = {} if role is None else {k: v for k, v in role.claims.items() if k not in parent.required}
    lines: list[Line] = [
        (f"name = {toml(name)}", "the name of the file without .toml"),
        ('version = "0.1"', "raise it with every release; what is released never changes"),
        (f"title = {toml(name)}", "as people call the programme"),
        (f"extends = {toml(parent.path.stem)}", "what is not said here is said there"),
        (f"# role = {toml(parent.role)}", "who is judged; inherited"),
        (f"# edition = {toml(parent.edition)}", "by which edition; inherited"),
        (f"# levels = {_list(parent.levels)}", "whose failures fail the profile: MUST, DEF, SHOULD; inherited"),
        (f"# valid_days = {parent.valid_days}", "days that a verdict stays good, 0: no limit; inherited"),
        ('# released = "2026-01-01"', "the day of its release"),
        ("", ""),
        ("# [select]", "which cases; replaces the inherited selection as a whole"),
        (f"# suites = {_list(chosen.suites)}", "from these suites, all when empty"),
        (f"# cases = {_list(chosen.cases)}", "patterns over case ids"),
        (f"# requirements = {_list(chosen.requirements)}", "patterns over requirement numbers"),
        (f"# without = {_list(chosen.without)}", "patterns over either, left out"),
        ("", ""),
        ("[required]", "claim = the requirement that its absence breaks, or nothing; joined with the inherited"),
        *((f"# {key(claim)} = {toml(number)}", "inherited") for claim, number in parent.required.items()),
        *((f'# {key(claim)} = ""', meaning) for claim, meaning in claims.items()),
        ("", ""),
        ("[parameters]", "values for every device, its own win; joined with the inherited"),
        *((f"# {key(k)} = {toml(v)}", "inherited") for k, v in parent.parameters.items()),
        *((f"# {key(k)} = {toml(_default(k))}", v) for k, v in PATIENCE.items() if k not in parent.parameters),
    ]
    head = f"# A programme that extends {parent.name}. Keys: schemas/formats/profile.schema.json.\n"
    return head + text_of(lines)


def _default(name: str) -> float:
    return next(float(field.default) for field in dataclasses.fields(Trial) if field.name == name)  # type: ignore[arg-type]


def _list(values: Iterable[str]) -> str:
    return f"[{', '.join(map(toml, values))}]"


def text_of(lines: Iterable[Line]) -> str:
    """Lines with their comments in one column for each block."""
    out: list[str] = []
    block: list[Line] = []
    for line in [*lines, ("", "")]:
        if line != ("", ""):
            block.append(line)
            continue
        width = max((len(left) for left, _ in block), default=0)
        out += [f"{left.ljust(width)}  # {_one_line(right)}".lstrip() for left, right in block]
        out.append("")
        block = []
    return "\n".join(out)


def _one_line(text: str) -> str:
    """A comment may hold no control character."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def key(name: str) -> str:
    """`name` as a TOML key."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else toml(name)


def toml(value: Scalar) -> str:
    """A value as TOML writes it: its strings are JSON's, but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def write(text: str, path: Path, *, force: bool) -> None:
    """Write a new file. FileError when there is one (unless `force`), or the disk refuses."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise FileError(path, "is there already", "use another --out FILE, or --force to replace it") from None
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise FileError(path, f"cannot be written ({why})", "use another --out FILE") from None
