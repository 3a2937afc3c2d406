"""A device that somebody else started, and what it takes to reach any device."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from testbed.dut import Description, Dut, Endpoint
from testbed.launch.identity import identify
from testbed.launch.programs import fill

#: Returns when the device answers as its role does; OSError (TimeoutError is one) until then.
Ready = Callable[[Dut], Awaitable[None]]


class LaunchError(Exception):
    """A device did not come up, or cannot do what was asked. Its text is complete: which, why, what to do."""


class Placed:
    """A device that somebody else started: reached, never touched."""

    #: Whether it can be restarted, killed and paused.
    controlled = False
    #: How many cells it bears at once, where that is known.
    lanes: int | None = None
    exit_status: int | None = None
    log = b""

    def __init__(self, description: Description, ready: Ready) -> None:
        self._ready = ready
        self.dut = Dut(description, endpoints(description, {}), claims=dict(description.claims))

    @property
    def alive(self) -> bool:
        """As far as we know."""
        return True

    def log_tail(self, lines: int = 20) -> str:
        """Nothing: its log is elsewhere."""
        return ""

    async def start(self) -> None:
        """Waits until it answers; LaunchError when it does not within `ready` seconds."""
        name, seconds = self.dut.name, self.dut.description.launch.ready
        for edition, endpoint in self.dut.endpoints.items():
            if endpoint.transport == "unix":
                continue  # there is no host
            try:
                async with asyncio.timeout(seconds):
                    await asyncio.get_running_loop().getaddrinfo(endpoint.host, endpoint.port)
            except (OSError, UnicodeError) as error:
                why = because(error) if isinstance(error, OSError) else f" ({error})"
                raise LaunchError(
                    f"{name}: the host {endpoint.host!r} has no address{why}\n"
                    f"  remedy: correct endpoints.{edition}, or the name service of this machine"
                ) from None
        self.dut.version, self.dut.digest = await identify(self.dut.description, {})
        last = await answers(self.dut, self._ready, seconds)
        if last is not None:
            said = f"no {self.dut.role} answers"
            if isinstance(last, ConnectionRefusedError):
                said = "nobody listens"
            raise LaunchError(
                f"{name}: {said} at {where(self.dut)} within {seconds:g} s{because(last)}\n"
                f"  remedy: start it, or correct the endpoints of its description"
            )

    async def stop(self) -> None:
        """Leaves it as it is."""

    async def kill(self) -> None:
        """LaunchError: it is not ours."""
        raise self._not_ours("killed")

    async def restart(self) -> None:
        """LaunchError: it is not ours."""
        raise self._not_ours("restarted")

    async def pause(self) -> None:
        """LaunchError: it is not ours."""
        raise self._not_ours("paused")

    async def resume(self) -> None:
        """LaunchError: it is not ours."""
        raise self._not_ours("resumed")

    def _not_ours(self, what: str) -> LaunchError:
        return LaunchError(
            f"{self.dut.name}: cannot be {what}, it was started by somebody else\n"
            f'  remedy: describe how to start it (launch.how = "process")'
        )


def endpoints(description: Description, values: Mapping[str, str]) -> dict[str, Endpoint]:
    """The endpoints of `description` with their ports filled in; LaunchError when one is none."""
    try:
        return {edition: Endpoint.parse(fill(text, values)) for edition, text in description.endpoints.items()}
    except ValueError as error:
        raise LaunchError(f"{description.name}: {error}\n  remedy: correct its [endpoints]") from None


async def answers(dut: Dut, ready: Ready, seconds: float) -> OSError | None:
    """None as soon as `ready` is content; after `seconds`, what it said last."""
    last: OSError = TimeoutError()
    pause = 0.005
    try:
        async with asyncio.timeout(seconds):
            while True:
                try:
                    return await ready(dut)
                except OSError as error:
                    last = error
                await asyncio.sleep(pause)
                pause = min(pause * 1.5, 0.1)
    except TimeoutError:
        return last


def where(dut: Dut) -> str:
    """The endpoints of `dut` for a message."""
    return ", ".join(dict.fromkeys(str(endpoint) for endpoint in dut.endpoints.values()))


def because(error: OSError) -> str:
    """What `error` says, in brackets; empty when it says nothing."""
    text = error.strerror or str(error)
    return f" ({text})" if text else ""
