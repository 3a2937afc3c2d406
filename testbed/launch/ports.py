"""Free loopback ports that no other launch, in this process or another, is given at the same time.

Ports are taken below the system's ephemeral range, so that no client's outgoing connection sits on one
between the moment it is chosen and the moment the device listens, or while the device restarts.
"""

from __future__ import annotations

import errno
import random
import socket
import sys
from contextlib import ExitStack
from pathlib import Path

LOWEST = 20000
#: Used where the system does not say where its ephemeral ports begin.
HIGHEST = 32767
TRIES = 2000


class Claim:
    """One port, ours until `release`: for TCP and UDP, on every loopback address."""

    def __init__(self, port: int, token: socket.socket | None) -> None:
        self.port = port
        self._token = token
        _ours.add(port)

    def release(self) -> None:
        """Gives the port back; harmless when repeated."""
        if self.port not in _ours:
            return
        _ours.discard(self.port)
        if self._token is not None:
            self._token.close()


_ours: set[int] = set()


def claim(port: int, *, again: bool = False) -> Claim | None:
    """`port` if it is free and nobody else claimed it; `again` overlooks lingering connections."""
    if port in _ours:
        return None
    try:
        token = _token(port)
    except OSError:
        return None  # another process of ours has it
    if not _free(port, again):
        if token is not None:
            token.close()
        return None
    return Claim(port, token)


def claim_some(count: int) -> list[Claim]:
    """`count` free ports; OSError when there are none."""
    chance = random.SystemRandom()
    top = _below_ephemeral()
    claims: list[Claim] = []
    for _ in range(TRIES):
        if len(claims) == count:
            return claims
        found = claim(chance.randint(LOWEST, top))
        if found is not None:
            claims.append(found)
    for found in claims:
        found.release()
    raise OSError(errno.EADDRINUSE, f"no {count} free ports between {LOWEST} and {top}")


def _token(port: int) -> socket.socket | None:
    """A name in the kernel's abstract socket namespace, which like ports belongs to the network namespace and
    like ports goes when its process dies; None where the system has no such namespace, OSError when taken."""
    if sys.platform != "linux":
        return None
    token = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        token.bind(f"\0iot-testbed-port-{port}")
    except OSError:
        token.close()
        raise
    return token


def _free(port: int, again: bool) -> bool:
    """Whether every kind of loopback socket could be bound, by a device that does not reuse addresses."""
    with ExitStack() as sockets:
        for family, host in ((socket.AF_INET, ""), (socket.AF_INET6, "::")):
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                try:
                    probe = sockets.enter_context(socket.socket(family, kind))
                    if again and kind == socket.SOCK_STREAM:
                        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    if family == socket.AF_INET6:
                        probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                    probe.bind((host, port))
                except OSError as error:
                    if error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                        continue  # a machine without IPv6
                    return False
    return True


def _below_ephemeral() -> int:
    """The highest port that the system never gives to an outgoing connection."""
    try:
        low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return HIGHEST
    return low - 1 if low > LOWEST + 1000 else HIGHEST
