"""The table of checks, and the running of them: one after another on one shim, which is started again if one of them
was too much for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from testbed.dut import Endpoint, Shim
from testbed.launch.lines import Lines
from testbed.launch.programs import fill
from testbed.mqtt import shim
from testbed.mqtt.handle import VERSIONS
from testbed.mqtt.plain_broker import PlainBroker
from testbed.mqtt.shim_check import deeds, ends, opening, secured
from testbed.mqtt.shim_check.subject import Broken, Fault, Subject
from testbed.protocol import ShimCheck

#: Checks in a row that ended the shim, after which the others are not tried.
HOPELESS = 3

_Check = Callable[[Subject], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Row:
    """A check: what the shim must name for it, whether it is of MQTT 5.0 alone, and whether one edition is enough.
    The docstring of the function is its name."""

    run: _Check
    needs: tuple[str, ...] = ()
    v5: bool = False
    once: bool = False

    @property
    def name(self) -> str:
        return (self.run.__doc__ or self.run.__name__).strip()

    def applies(self, subject: Subject) -> bool:
        """Whether the shim names what it takes, and this is the edition for it."""
        first = subject.edition == subject.ready.editions[0]
        return subject.has(*self.needs) and (subject.v5 or not self.v5) and (first or not self.once)


CHECKS = (
    Row(opening.says_what_is_ordered),
    Row(opening.knows_its_defaults),
    Row(opening.asks_for_the_session, ("session",)),
    Row(opening.names_the_user, ("credentials",)),
    Row(opening.leaves_a_will, ("will",)),
    Row(opening.leaves_a_will_with_properties, ("will", "properties"), v5=True),
    Row(opening.passes_properties_on, ("properties",), v5=True),
    Row(opening.forgets_the_connect_before),
    Row(opening.is_one_connection),
    Row(opening.hears_a_refusal),
    Row(opening.finds_nobody),
    Row(opening.survives_a_close),
    Row(opening.survives_silence),
    Row(opening.survives_garbage),
    Row(opening.gives_its_answers, ("authentication", "properties"), v5=True),
    Row(deeds.subscribes),
    Row(deeds.subscribes_to_two),
    Row(deeds.passes_options_on, ("subscription-options",), v5=True),
    Row(deeds.subscribes_with_properties, ("properties",), v5=True),
    Row(deeds.is_not_granted),
    Row(deeds.unsubscribes),
    Row(deeds.publishes),
    Row(deeds.publishes_by_default),
    Row(deeds.publishes_qos_1, ("qos-1",)),
    Row(deeds.publishes_qos_2, ("qos-2",)),
    Row(deeds.publishes_two, ("qos-1", "in-flight")),
    Row(deeds.publishes_with_properties, ("properties",), v5=True),
    Row(deeds.publishes_much),
    Row(deeds.is_not_taken, ("qos-1", "codes"), v5=True),
    Row(deeds.hears),
    Row(deeds.hears_qos_1, ("qos-1",)),
    Row(deeds.hears_qos_2, ("qos-2",)),
    Row(deeds.hears_many),
    Row(deeds.pings, ("ping",)),
    Row(deeds.authenticates_again, ("authenticate", "properties"), v5=True),
    Row(ends.disconnects),
    Row(ends.disconnects_with_a_code, ("properties",), v5=True),
    Row(ends.tells_a_loss),
    Row(ends.tells_the_code_of_a_loss, ("codes",), v5=True),
    Row(ends.answers_what_was_under_way),
    Row(ends.is_kept_waiting, once=True),
    Row(ends.goes_on_with_its_session, ("session", "qos-1")),
    Row(ends.resets),
    Row(ends.forgets, ("session", "qos-1")),
    Row(ends.resets_what_is_under_way),
    Row(ends.refuses_what_is_no_order),
    Row(ends.refuses_what_it_does_not_name),
    Row(ends.connects_only_when_told, once=True),
    Row(secured.speaks_tls, ("tls",)),
    Row(secured.asks_for_a_name, ("tls", "server-name")),
    Row(secured.shows_a_certificate, ("mutual-tls",)),
    Row(secured.speaks_websocket, ("websocket",)),
    Row(secured.speaks_websocket_over_tls, ("websocket", "tls")),
    Row(secured.speaks_unix, ("unix",)),
    Row(secured.has_no_other_transport, once=True),
)


@dataclass(frozen=True, slots=True)
class _Start:
    """How the shim is started."""

    name: str
    launch: Shim
    values: Mapping[str, str]
    work: Path
    log: Path

    async def __call__(self) -> tuple[Lines, shim.Ready]:
        """A shim that has said a good first line. LaunchError when it cannot be run, `Broken` when it is none."""
        lines = Lines(self.name)
        words = [fill(word, self.values) for word in self.launch.command]
        env = {key: fill(value, self.values) for key, value in self.launch.env.items()}
        await lines.start(words, self.work, self.log, env)
        try:
            return lines, await self._introduced(lines)
        except BaseException:
            await lines.stop(0.0)
            raise

    async def _introduced(self, lines: Lines) -> shim.Ready:
        deadline = asyncio.get_running_loop().time() + self.launch.ready
        expected = f'the first line {{"event":"ready","protocol":"{shim.PROTOCOL}",...}}'
        while (said := lines.take()) is None:
            if lines.failure:
                raise Broken(
                    expected, f"it {lines.failure}{self._last()}", "print it first of all, on standard output"
                )
            lines.changed.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await lines.changed.wait()
            except TimeoutError:
                came = f"nothing within {self.launch.ready:g} s{self._last()}"
                raise Broken(expected, came, "print it first of all, and flush it; or raise launch.ready") from None
        shown = str(said)[:200]
        try:
            ready = msgspec.convert(said, shim.Ready)
        except msgspec.ValidationError as error:
            remedy = "schemas/formats/shim-said.schema.json has the format"
            raise Broken(expected, f"{shown}: {error}", remedy) from None
        _good(ready, shown)
        return ready

    def _last(self) -> str:
        """The end of what it said on standard error."""
        said = self.log.read_bytes()[-4096:].decode(errors="replace").strip().splitlines()[-4:]
        return "; its standard error ends with: " + " | ".join(said) if said else ""


def _good(ready: shim.Ready, shown: str) -> None:
    """What a first line must say beside its form."""
    if ready.protocol != shim.PROTOCOL:
        raise Broken(f"protocol {shim.PROTOCOL!r}", repr(ready.protocol), "speak this one")
    if not ready.library or not ready.version:
        raise Broken("the name and the version of the library", shown, "name the library and its version")
    known = ", ".join(VERSIONS)
    unknown = [edition for edition in ready.editions if edition not in VERSIONS]
    if unknown or not ready.editions:
        raise Broken(f"editions, of {known}", f"{ready.editions}", "name those that the library speaks")
    strange = [feature for feature in ready.features if feature not in shim.FEATURES]
    if strange:
        raise Broken(f"features, of {', '.join(shim.FEATURES)}", f"{', '.join(strange)}", "correct the spelling")


class _Running:
    """The shim, started again when a check was too much for it."""

    def __init__(self, start: _Start, lines: Lines, ready: shim.Ready) -> None:
        self._start, self.lines, self.ready = start, lines, ready

    def subject(self, edition: str) -> Subject:
        """It, for one check."""
        return Subject(self.lines, self.ready, edition, PlainBroker(VERSIONS[edition]), self._start.work)

    async def lives(self) -> None:
        """Start it again, if it has ended. `Broken` when it does not begin as it should."""
        if self.lines.failure:
            await self.lines.stop(0.0)
            self.lines, self.ready = await self._start()


async def check(
    name: str, launch: Shim, values: Mapping[str, str], work: Path, log: Path
) -> AsyncIterator[ShimCheck]:
    """Check the shim that `launch` starts; `values` fill its placeholders, `work` is a folder of its own, `log` gets
    its standard error. LaunchError when it cannot be run at all."""
    start = _Start(name, launch, values, work, log)
    hello = "ready: the first line says what the shim is"
    try:
        running = _Running(start, *await start())
    except Broken as fault:
        yield _failed(hello, "", fault)
        return
    try:
        ready = running.ready
        features = ", ".join(ready.features) or "no features"
        yield ShimCheck(hello, "", f"{ready.library} {ready.version}: {', '.join(ready.editions)}; {features}")
        for edition in ready.editions:
            async for found in _edition(running, edition):
                yield found
        yield await _ended(running, launch.stop)
    finally:
        await running.lines.stop(0.0)


async def _edition(running: _Running, edition: str) -> AsyncIterator[ShimCheck]:
    """Every check in one edition."""
    hopeless = 0
    rows = [row for row in CHECKS if row.applies(running.subject(edition))]
    for count, row in enumerate(rows, 1):
        try:
            await running.lives()
        except Broken as fault:
            yield _failed("ready: the shim can be started again", edition, fault)
            return
        found = await _tried(row, running.subject(edition))
        if found is None:
            yield ShimCheck(row.name, edition)
        else:
            yield _failed(row.name, edition, found)
        if not isinstance(found, Broken):
            hopeless = 0
            continue
        await running.lines.stop(0.0)
        hopeless += 1
        if hopeless >= HOPELESS and count < len(rows):
            left = f"{len(rows) - count} further checks to be tried"
            why = Fault(left, f"none: {HOPELESS} in a row were too much", "mend those first")
            yield _failed("the rest", edition, why)
            return


async def _tried(row: Row, subject: Subject) -> Fault | None:
    """One check on a shim that was reset; None when it went well."""
    try:
        subject.where = await subject.broker.listen(Endpoint("tcp", "127.0.0.1", 0))
        await row.run(subject)
        await subject.done(shim.Reset(0), ends.RESETTING)
    except Broken as fault:
        return fault
    except Fault as fault:
        try:
            await subject.done(shim.Reset(0), ends.RESETTING)
        except Fault as another:
            return Broken(fault.expected, f"{fault.came}; and then {another.came} to `reset`", fault.remedy)
        return fault
    finally:
        subject.broker.close()
    return None


async def _ended(running: _Running, seconds: float) -> ShimCheck:
    name = (ends.ends_with_its_input.__doc__ or "").strip()
    try:
        await running.lives()
        await ends.ends_with_its_input(running.subject(running.ready.editions[0]), seconds)
    except Fault as fault:
        return _failed(name, "", fault)
    return ShimCheck(name)


def _failed(name: str, edition: str, fault: Fault) -> ShimCheck:
    return ShimCheck(name, edition, "", False, fault.expected, fault.came, fault.remedy)
