"""One cell: what happened becomes a verdict, and what is our own fault is called so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.case import Case
from harness.judge import Bench, judge
from harness.plan import PlannedCell
from harness.requirement import Citation
from harness.results import Cell
from testbed.findings import Breach, Inconclusive, Violation
from testbed.mqtt.broker import Broker
from testbed.mqtt.packets import Pingreq
from testbed.protocol import Role, roles
from testbed.trial import Trial
from tests.mqtt.scripted import Writer, broker

ROLE = roles()["mqtt-broker"]
EDITION = "mqtt-5.0"
ONE, TWO = "MQTT-3.1.0-2", "MQTT-3.1.2-1"


def cell(run: Callable[[Broker], Awaitable[None]]) -> PlannedCell:
    case = Case("mqtt.broker.here.it", run, (Citation(EDITION, ONE), Citation(EDITION, TWO)))
    return PlannedCell(case, "", EDITION, "scripted", "p")


def judged(
    run: Callable[[Broker], Awaitable[None]],
    role: Role = ROLE,
    act: Callable[[bytes, Writer], None] | None = None,
) -> Cell:
    async def main() -> Cell:
        async with broker(act) as dut:
            bench = Bench(dut, role, {"patience": 0.5, "quiet": 0.05})
            return (await judge(cell(run), bench, "abc1"))[0]

    return asyncio.run(main())


def raising(error: BaseException) -> Callable[[Broker], Awaitable[None]]:
    async def run(broker: Broker) -> None:
        raise error

    return run


async def ping(broker: Broker) -> None:
    await (await broker.connected()).is_alive()


@pytest.mark.parametrize(
    ("error", "verdict", "reason"),
    [
        (Violation("a", "b"), "fail", "expected a; came b"),
        (Inconclusive("c", cause="d"), "inconclusive", "c"),
        (ValueError("e"), "error", "ValueError: e"),
        (AssertionError("f"), "error", "AssertionError: f"),
        (ExceptionGroup("g", [Violation("a", "b")]), "fail", "expected a; came b"),
        (ExceptionGroup("g", [Inconclusive("c"), Violation("a", "b")]), "fail", "expected a; came b"),
        (ExceptionGroup("g", [ExceptionGroup("h", [Inconclusive("c")])]), "inconclusive", "c"),
        (ExceptionGroup("g", [Violation("a", "b"), ValueError("e")]), "error", "ExceptionGroup"),
    ],
)
def test_what_escapes_a_case(error: Exception, verdict: str, reason: str) -> None:
    found = judged(raising(error))
    assert found.verdict == verdict
    assert reason in found.reason
    assert [f.verdict for f in found.findings] == [verdict] * 2
    assert bool(found.trace) == (verdict == "error")


def test_a_case_that_ends_has_passed() -> None:
    found = judged(ping)
    assert (found.verdict, found.reason) == ("pass", "")


def test_blame_is_narrowed_to_what_the_violation_names() -> None:
    found = judged(raising(Violation("a", "b", requirements=(TWO,))))
    assert [f.verdict for f in found.findings] == ["inconclusive", "fail"]


def test_a_case_that_waits_without_end_is_our_error() -> None:
    async def sleeps(broker: Broker) -> None:
        await asyncio.sleep(60)

    async def main() -> Cell:
        async with broker() as dut:
            one = cell(sleeps)
            one = replace(one, case=replace(one.case, lasts=-39.9))
            return (await judge(one, Bench(dut, ROLE, {}), "abc1"))[0]

    found = asyncio.run(main())
    assert found.verdict == "error" and "did not end within" in found.reason


class _Watch:
    """Passive rules that report, or have a bug of ours."""

    def __init__(self, trial: Trial, link: int, at: str) -> None:
        self._trial, self._at = trial, at

    def _see(self, where: str, frame: int) -> None:
        if where == self._at:
            raise ZeroDivisionError("a bug of ours")
        if self._at == "breach" and where == "received":
            self._trial.breaches.append(Breach(f"{EDITION}:MQTT-9", "x", "y", frame))

    def sent(self, data: bytes, frame: int) -> None:
        self._see("sent", frame)

    def received(self, data: bytes, frame: int) -> None:
        self._see("received", frame)

    def closed(self, frame: int) -> None:
        self._see("closed", frame)


def watching(at: str) -> Role:
    return replace(ROLE, watch=lambda trial, link: _Watch(trial, link, at))


def test_a_broken_rule_turns_a_pass_to_fail() -> None:
    found = judged(ping, watching("breach"))
    assert found.verdict == "fail"
    assert found.findings[-1].source == "rule"


@pytest.mark.parametrize("at", ["sent", "received", "closed"])
def test_a_bug_of_ours_in_a_rule_is_an_error_and_never_a_hang_up_of_the_device(at: str) -> None:
    async def expects_an_end(broker: Broker) -> None:
        client = await broker.linked()
        await client.send(broker.connect())
        await client.is_closed_by_broker()

    for case in (ping, expects_an_end):
        found = judged(case, watching(at))
        assert found.verdict == "error", (case.__name__, found.verdict, found.reason)
        assert "ZeroDivisionError" in found.reason + found.trace


def test_a_bug_of_ours_when_the_device_closes_is_an_error() -> None:
    async def expects_an_end(broker: Broker) -> None:
        client = await broker.connected()
        await client.send(Pingreq())
        await client.is_closed_by_broker()

    closes: Any = lambda frame, writer: writer.close()  # noqa: E731
    assert judged(expects_an_end, act=closes).verdict == "pass"
    assert judged(expects_an_end, watching("closed"), act=closes).verdict == "error"


def test_what_an_exception_says_is_kept_in_bounds() -> None:
    found = judged(raising(ValueError("x" * 5_000_000)))
    assert len(found.reason) <= 2000
    assert len(found.trace) <= 20_000
