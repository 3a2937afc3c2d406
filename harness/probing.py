"""Who answers at an address: the role, the editions it speaks, and the claims that can be seen from outside."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from harness.judge import Bench
from testbed.dut import Description, Dut, Endpoint, Scalar
from testbed.findings import Inconclusive, Violation
from testbed.launch.placed import LaunchError, because
from testbed.protocol import Role

#: Seconds for a name to be resolved, for one role to be probed, and for one edition to be discovered.
RESOLVING, PROBING, DISCOVERING = 5.0, 10.0, 30.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What answers at an address."""

    role: Role
    #: Edition -> endpoint, for those that answered.
    endpoints: dict[str, str]
    #: Claim -> (whether every edition that was asked shows it, what each showed).
    claims: dict[str, dict[str, bool]]
    #: Edition -> why its claims could not be discovered.
    doubts: dict[str, str]
    #: Other roles that answered too.
    others: list[str]


def endpoint(address: str, port: int) -> Endpoint:
    """`host`, `host:port`, `[::1]:port`, or an endpoint with its transport. LookupError says what is wrong."""
    whole = address if "://" in address else f"tcp://{address}"
    try:
        parts = urlsplit(whole)
        bare = parts.netloc.count(":") <= (parts.hostname or "").count(":")
        if parts.hostname and parts.port is None and bare:
            whole = parts._replace(netloc=f"{parts.netloc}:{port}").geturl()
        found = Endpoint.parse(whole)
        if not found.port and found.transport != "unix":
            raise ValueError("a port is a number from 1 to 65535")
        return found
    except ValueError as error:
        raise LookupError(
            f"{address!r} is no address ({error}); write HOST, HOST:PORT, [IPv6]:PORT, tls://HOST:PORT, "
            "ws://HOST:PORT/PATH or unix:///PATH"
        ) from None


async def look(address: str, candidates: Sequence[Role], parameters: Mapping[str, Scalar]) -> Seen:
    """The first of `candidates` that answers at `address`, with its claims. LaunchError when none does."""
    answers: list[tuple[Role, dict[str, str]]] = []
    silence: dict[str, str] = {}
    for role in candidates:
        if role.probe is None:
            continue
        where = endpoint(address, role.port)
        await _resolve(where)
        dut = _dut(role, where, {"default": str(where)}, parameters)
        try:
            async with asyncio.timeout(PROBING):
                found = await role.probe(dut)
        except TimeoutError:
            silence[role.name] = f"no {role.name} answers at {where} within {PROBING:g} s"
        except OSError as error:
            silence[role.name] = f"no {role.name} at {where}{because(error)}"
        except Inconclusive as doubt:
            silence[role.name] = f"no {role.name} at {where} ({doubt.reason})"
        else:
            if found:
                answers.append((role, found))
            else:
                silence[role.name] = f"{where} does not answer as a {role.name} must"
    if not answers:
        said = "\n  ".join(silence.values())
        raise LaunchError(
            f"{address}: nobody answers\n  {said}\n"
            "  remedy: start the device, correct the address, or give what it asks for "
            "(--parameter username=..., --parameter tls-authority=FILE)"
        )
    role, found = answers[0]
    dut = _dut(role, endpoint(address, role.port), found, parameters)
    claims: dict[str, dict[str, bool]] = {}
    doubts: dict[str, str] = {}
    for edition in found:
        try:
            for claim, there in (await _discover(role, dut, edition)).items():
                claims.setdefault(claim, {})[edition] = there
        except (Inconclusive, Violation, OSError) as doubt:
            doubts[edition] = str(doubt) or f"no answer within {DISCOVERING:g} s"
    return Seen(role, found, claims, doubts, [other.name for other, _ in answers[1:]])


async def _resolve(where: Endpoint) -> None:
    """LaunchError when the host has no address. A Unix socket has no host."""
    if where.transport == "unix":
        return
    try:
        async with asyncio.timeout(RESOLVING):
            await asyncio.get_running_loop().getaddrinfo(where.host, where.port)
    except (OSError, UnicodeError) as error:
        why = because(error) if isinstance(error, OSError) else f" ({error})"
        raise LaunchError(
            f"the host {where.host!r} has no address{why}\n"
            "  remedy: correct the name, or the name service of this machine"
        ) from None


def _dut(role: Role, where: Endpoint, endpoints: Mapping[str, str], parameters: Mapping[str, Scalar]) -> Dut:
    description = Description(str(where), role.name, dict(endpoints), parameters=dict(parameters))
    return Dut(description, {edition: Endpoint.parse(text) for edition, text in endpoints.items()})


async def _discover(role: Role, dut: Dut, edition: str) -> dict[str, bool]:
    trial = Bench(dut, role, {}).trial(edition, f"n{secrets.token_hex(3)}")
    try:
        async with asyncio.timeout(DISCOVERING):
            return await role.discover(trial)
    finally:
        trial.close()
