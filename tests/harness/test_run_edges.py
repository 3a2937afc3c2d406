"""A run among devices that die, disks that fill and bugs of ours: each costs what it must and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness import health as health_module
from harness import run as run_module
from harness.case import Case
from harness.journal import Journal
from harness.judge import unrun
from harness.plan import Plan, PlannedCell
from harness.profile import Profile, load
from harness.requirement import Citation
from harness.results import Cell, Results
from harness.run import Options, Run
from harness.verdict import results
from testbed.dut import Description, Endpoint, Launch
from testbed.findings import Violation
from testbed.link.pcapng import Capture
from testbed.mqtt.broker import Broker
from testbed.protocol import roles
from tests.mqtt.scripted import CONNACK, PINGRESP, Reader, Writer, broker, frames

EDITIONS = ("mqtt-3.1.1", "mqtt-5.0")
NUMBER = "MQTT-3.1.0-2"
Body = Callable[[Broker], Awaitable[None]]


async def ping(broker: Broker) -> None:
    await (await broker.connected()).is_alive()


async def poison(broker: Broker) -> None:
    client = await broker.connected()
    await client.send(b"\x00\x00")
    await client.is_closed_by_broker()


def profile(edition: str = "mqtt-5.0") -> Profile:
    return replace(load(f"mqtt-broker-{edition.removeprefix('mqtt-')}"), parameters={"patience": 0.5, "quiet": 0.05})


def planned(
    duts: list[Description], bodies: list[Body], *, editions: tuple[str, ...] = ("mqtt-5.0",), exclusive: bool = False
) -> Plan:
    cells = [
        PlannedCell(
            Case(f"here.{body.__name__}", body, (Citation(edition, NUMBER),), exclusive=exclusive),
            "",
            edition,
            dut.name,
            profile(edition).name,
        )
        for dut in duts
        for edition in editions
        for body in bodies
    ]
    return Plan(tuple(profile(edition) for edition in editions), tuple(duts), tuple(cells), 1, "d")


def ran(folder: Path, plan: Plan, **options: Any) -> Results:
    async def main() -> None:
        await Run(plan, folder, Options(**options)).execute()

    asyncio.run(main())
    return results(folder)


def address(endpoint: Endpoint, name: str = "scripted") -> Description:
    return Description(name, "mqtt-broker", {"mqtt-5.0": str(endpoint)}, parameters={})


def by_name(found: Results) -> dict[str, Cell]:
    return {cell.case.rpartition(".")[2]: cell for cell in found.cells}


@contextlib.asynccontextmanager
async def mortal():
    """A broker that a packet of type 0 kills: it closes everything and listens no more."""
    writers: set[Writer] = set()

    async def serve(reader: Reader, writer: Writer) -> None:
        writers.add(writer)
        async for frame in frames(reader):
            if frame[0] == 0x10:
                writer.write(CONNACK[frame[7]])
            elif frame[0] == 0xC0:
                writer.write(PINGRESP)
            elif frame[0] == 0x00:
                server.close()
                for one in writers:
                    one.close()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield Endpoint("tcp", "127.0.0.1", server.sockets[0].getsockname()[1])
    finally:
        server.close()


def test_a_device_at_an_address_that_dies_of_a_packet_has_not_closed_the_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_module, "PAUSES", (0.0, 0.1), raising=False)

    async def main() -> None:
        async with mortal() as endpoint:
            await Run(planned([address(endpoint)], [poison]), tmp_path, Options()).execute()

    asyncio.run(main())
    (cell,) = results(tmp_path).cells
    assert cell.verdict == "error", cell.reason
    assert "stopped answering" in cell.reason


PROGRAM = """
import asyncio, os, sys
async def serve(reader, writer):
    while data := await reader.read(1000):
        if data[0] == 0x10:
            writer.write(b"\\x20\\x03\\x00\\x00\\x00")
        elif data[0] == 0xC0:
            writer.write(b"\\xd0\\x00")
        elif data[0] == 0xE0:
            break
        elif data[0] == 0x00:
            os._exit(9)
    writer.close()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()
asyncio.run(main())
"""


def process(name: str = "mortal") -> Description:
    launch = Launch([sys.executable, "{work}/d.py", "{port}"], {"d.py": PROGRAM})
    return Description(name, "mqtt-broker", {"mqtt-5.0": "tcp://127.0.0.1:{port}"}, launch=launch)


@pytest.mark.parametrize(("exclusive", "verdict"), [(False, "error"), (True, "fail")])
def test_a_process_that_dies_of_a_packet_has_not_closed_the_connection(
    tmp_path: Path, exclusive: bool, verdict: str
) -> None:
    found = by_name(ran(tmp_path, planned([process()], [poison], exclusive=exclusive)))
    assert found["poison"].verdict == verdict, found["poison"].reason
    assert "died with status 9" in found["poison"].reason


def answers(frame: bytes, writer: Writer) -> None:
    """PINGRESP, and the door for what is malformed."""
    if frame[0] == 0xC0:
        writer.write(PINGRESP)
    elif frame[0] == 0x00:
        writer.close()


def test_a_device_that_closes_and_lives_has_passed(tmp_path: Path) -> None:
    async def main() -> None:
        async with broker(answers) as dut:
            await Run(planned([address(dut.endpoints["default"])], [poison, ping]), tmp_path, Options()).execute()

    asyncio.run(main())
    assert {cell.verdict for cell in results(tmp_path).cells} == {"pass"}


def test_our_own_lack_of_sockets_is_not_the_device_s_death(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from testbed import trial as trial_module

    async def main() -> None:
        async with broker() as dut:
            run = Run(planned([address(dut.endpoints["default"])], [starved, ping]), tmp_path, Options())
            await run.execute()

    real = trial_module.open_stream

    async def starved(broker: Broker) -> None:
        async def none(*arguments: object, **options: object) -> None:
            raise OSError(errno.EMFILE, "Too many open files")

        monkeypatch.setattr(trial_module, "open_stream", none)
        try:
            await broker.connected()
        finally:
            monkeypatch.setattr(trial_module, "open_stream", real)

    asyncio.run(main())
    found = by_name(results(tmp_path))
    assert found["starved"].verdict == "error" and "Too many open files" in found["starved"].reason
    assert found["ping"].verdict == "pass"
    assert results(tmp_path).duts[0].trouble == ""


def test_a_capture_that_cannot_be_written_costs_no_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Capture, trial: object, comment: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Capture, "add", full)

    async def main() -> None:
        async with broker() as dut:
            await Run(planned([address(dut.endpoints["default"])], [ping]), tmp_path, Options()).execute()

    asyncio.run(main())
    found = results(tmp_path)
    assert [cell.verdict for cell in found.cells] == ["pass"]
    assert "No space left" in found.duts[0].trouble


@pytest.mark.parametrize("error", [OSError(errno.EMFILE, "Too many open files"), ValueError("odd"), KeyError("bug")])
@pytest.mark.parametrize("step", ["launch", "discover"])
def test_trouble_with_one_device_leaves_the_others_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, step: str
) -> None:
    real_launch = run_module.launch
    role = roles()["mqtt-broker"]

    async def launch(description: Description, *arguments: Any, **options: Any) -> Any:
        if description.name == "bad" and step == "launch":
            raise error
        return await real_launch(description, *arguments, **options)

    async def discover(trial: Any) -> dict[str, bool]:
        if trial.dut.name == "bad" and step == "discover":
            raise error
        return await role.discover(trial)

    monkeypatch.setattr(run_module, "launch", launch)
    monkeypatch.setattr(run_module, "roles", lambda: {"mqtt-broker": replace(role, discover=discover)})

    async def main() -> None:
        async with broker() as dut:
            duts = [address(dut.endpoints["default"], name) for name in ("bad", "good")]
            await Run(planned(duts, [ping]), tmp_path, Options()).execute()

    asyncio.run(main())
    found = results(tmp_path)
    verdicts = {cell.dut: cell.verdict for cell in found.cells}
    assert verdicts == {"bad": "error", "good": "pass"}
    bad = next(dut for dut in found.duts if dut.name == "bad")
    assert type(error).__name__ in bad.trouble or str(error) in bad.trouble


def test_what_discovery_finds_in_one_edition_is_not_believed_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, bool] = {}
    role = roles()["mqtt-broker"]

    async def discover(trial: Any) -> dict[str, bool]:
        return {"qos-2": trial.edition == "mqtt-3.1.1"}

    async def asks(broker: Broker) -> None:
        seen[broker.trial.edition] = broker.claims("qos-2")
        await ping(broker)

    monkeypatch.setattr(run_module, "roles", lambda: {"mqtt-broker": replace(role, discover=discover)})

    async def main() -> None:
        async with broker() as dut:
            one = Description("scripted", "mqtt-broker", {"default": str(dut.endpoints["default"])})
            await Run(planned([one], [asks], editions=EDITIONS), tmp_path, Options()).execute()

    asyncio.run(main())
    assert seen == {"mqtt-3.1.1": True, "mqtt-5.0": False}


def test_text_that_has_no_utf_8_is_written_down_all_the_same(tmp_path: Path) -> None:
    async def odd(broker: Broker) -> None:
        raise Violation("nothing on x\ud800y", "\udcff")

    async def main() -> None:
        async with broker() as dut:
            await Run(planned([address(dut.endpoints["default"])], [odd]), tmp_path, Options()).execute()

    asyncio.run(main())
    (cell,) = results(tmp_path).cells
    assert cell.verdict == "fail" and "nothing on x" in cell.reason


def test_a_journal_takes_any_text(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append("run", {"command": "testbed run -k \udcff", "list": [{"\ud800": ("\ud800",)}]})
    journal.close()


def test_thousands_of_finished_cells_do_not_slow_the_next(tmp_path: Path) -> None:
    plan = planned([Description("d", "mqtt-broker", {"mqtt-5.0": "tcp://127.0.0.1:1"})], [ping])
    run = Run(plan, tmp_path, Options(), done=frozenset((str(number), 0) for number in range(200_000)))
    cell = unrun(plan.cells[0], "pass", "")
    began = time.perf_counter()
    for repeat in range(500):
        run._finish(cell, repeat)
    assert time.perf_counter() - began < 1.0
    run.journal.close()


def test_devices_do_not_inherit_a_limit_of_files_that_makes_them_choke(monkeypatch: pytest.MonkeyPatch) -> None:
    """Erlang and others make a table for each file that they might open."""
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda what: (1024, 1 << 30))
    monkeypatch.setattr(resource, "setrlimit", lambda what, limits: asked.append(limits))
    run_module._allow_many_sockets()
    assert asked == [(1 << 16, 1 << 30)]
    monkeypatch.setattr(resource, "getrlimit", lambda what: (1 << 20, 1 << 30))
    run_module._allow_many_sockets()
    assert len(asked) == 1, "what is enough is left alone"


def test_nothing_is_left_of_a_cancelled_run(tmp_path: Path) -> None:
    async def waits(broker: Broker) -> None:
        await broker.connected()
        await asyncio.sleep(60)

    async def main() -> set[str]:
        async with broker() as dut:
            run = Run(planned([address(dut.endpoints["default"])], [waits] * 1), tmp_path, Options())
            task = asyncio.create_task(run.execute())
            await asyncio.sleep(0.3)
            before = asyncio.all_tasks()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            assert len(asyncio.all_tasks()) < len(before)
            return {task.get_name() for task in asyncio.all_tasks()}

    asyncio.run(main())
    found = results(tmp_path)
    assert not found.complete and found.cells == []
