"""The tester as a client, against brokers that say what the test wants: every legal answer passes, no other does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from testbed.findings import Inconclusive, Violation
from testbed.link import stream as stream_module
from testbed.mqtt.broker import Broker
from testbed.mqtt.packets import Publish, Subscription
from testbed.mqtt.scripted_client import Client
from testbed.protocol import roles
from testbed.trial import Trial
from tests.mqtt.scripted import PINGRESP, Act, Writer, broker

V3, V5 = "mqtt-3.1.1", "mqtt-5.0"
Step = Callable[[Client], Awaitable[object]]


def said(
    step: Step, act: Act | None = None, *, edition: str = V5, accepts: bool = True, connect: bool = True
) -> None:
    """Runs `step` on a client, connected unless told otherwise."""

    async def main() -> None:
        async with broker(act, accepts=accepts) as dut:
            trial = Trial(dut, edition, "abc1", patience=0.4, quiet=0.05)
            handle = Broker(trial)
            try:
                client = await (handle.connected() if connect else handle.linked())
                await step(client)
            finally:
                trial.close()

    asyncio.run(main())


def saying(*answers: bytes, close: bool = False) -> Act:
    """Answers every frame with `answers`."""

    def act(frame: bytes, writer: Writer) -> None:
        for answer in answers:
            writer.write(answer)
        if close:
            writer.close()

    return act


async def broken_off(client: Client) -> None:
    await client.send(b"\x00\x00")
    await client.is_closed_by_broker()


async def broken_off_as_malformed(client: Client) -> None:
    await client.send(b"\x00\x00")
    await client.is_closed_by_broker(reason=0x81)


@pytest.mark.parametrize(
    ("edition", "act", "step"),
    [
        (V3, saying(close=True), broken_off),
        (V5, saying(close=True), broken_off),
        (V5, saying(b"\xe0\x01\x81", close=True), broken_off),
        (V5, saying(b"\xe0\x02\x81\x00", close=True), broken_off_as_malformed),
        (V5, saying(close=True), broken_off_as_malformed),
        (V5, saying(b"\xe0\x00", close=True), broken_off),
        # No numbered statement forbids it; the close is what counts.
        (V3, saying(b"\xe0\x00", close=True), broken_off),
    ],
)
def test_every_legal_end_is_an_end(edition: str, act: Act, step: Step) -> None:
    said(step, act, edition=edition)


@pytest.mark.parametrize(
    ("edition", "act", "step", "came"),
    [
        (V5, saying(), broken_off, "nothing within"),
        (V5, saying(PINGRESP), broken_off, "PINGRESP"),
        (V5, saying(b"\xe0\x01\x81"), broken_off, "connection open|DISCONNECT|nothing"),
        (V5, saying(b"\xe0\x01\x82", close=True), broken_off_as_malformed, "DISCONNECT"),
    ],
)
def test_no_other_end_is_one(edition: str, act: Act, step: Step, came: str) -> None:
    with pytest.raises(Violation, match=came):
        said(step, act, edition=edition)


def test_our_own_cutting_off_is_no_end_by_the_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "MOST", 1 << 16)
    flood = saying(PINGRESP * 100_000)
    with pytest.raises(Inconclusive, match="cut off by the tester"):
        said(broken_off, flood)


def test_our_own_closing_is_no_end_by_the_broker() -> None:
    async def step(client: Client) -> None:
        client.drop()
        await client.is_closed_by_broker()

    with pytest.raises(RuntimeError, match="closed this connection itself"):
        said(step)


def test_silence_is_evidence_only_from_the_living() -> None:
    async def silent(client: Client) -> None:
        await client.receives_no(Publish)

    said(silent)
    with pytest.raises(Inconclusive, match="PINGREQ was not answered"):
        said(silent, saying())
    with pytest.raises(Inconclusive, match="PINGREQ was not answered"):
        said(silent, saying(close=True))


def test_what_comes_with_the_proof_of_life_was_not_silent() -> None:
    async def silent(client: Client) -> None:
        await client.receives_no(Publish)

    late = saying(b"\x30\x04\x00\x01t\x00", PINGRESP)
    with pytest.raises(Violation, match="PUBLISH"):
        said(silent, late)


def test_what_is_not_meant_may_come() -> None:
    async def silent(client: Client) -> None:
        await client.receives_no(Publish, lambda p: p.topic == "mine")

    said(silent, saying(b"\x30\x04\x00\x01t\x00", PINGRESP))


async def refused(client: Client) -> None:
    await client.send(b"\x10\x00")
    await client.is_refused()


async def refused_in_words(client: Client) -> None:
    await client.send(b"\x10\x00")
    await client.is_refused({0x84}, must_answer=True)


@pytest.mark.parametrize(
    ("act", "step"),
    [
        (saying(close=True), refused),
        (saying(b"\x20\x03\x00\x81\x00", close=True), refused),
        (saying(b"\x20\x03\x00\x84\x00", close=True), refused_in_words),
    ],
)
def test_every_legal_refusal_is_one(act: Act, step: Step) -> None:
    said(step, act, accepts=False, connect=False)


@pytest.mark.parametrize(
    ("act", "step", "came"),
    [
        (saying(), refused, "nothing within"),
        (saying(b"\x20\x03\x00\x00\x00"), refused, "CONNACK"),
        (saying(b"\x20\x03\x00\x00\x00", close=True), refused, "CONNACK"),
        (saying(b"\x20\x03\x00\x81\x00"), refused, "connection open"),
        (saying(close=True), refused_in_words, "closed by the device"),
        (saying(b"\x20\x03\x00\x81\x00", close=True), refused_in_words, "CONNACK"),
    ],
)
def test_no_other_refusal_is_one(act: Act, step: Step, came: str) -> None:
    with pytest.raises(Violation, match=came):
        said(step, act, accepts=False, connect=False)


async def not_granted(client: Client) -> None:
    await client.is_not_granted(Subscription("$share/a/"))


@pytest.mark.parametrize("act", [saying(b"\x90\x04\x00\x01\x00\x8f"), saying(close=True)])
def test_a_subscription_refused_or_broken_off_is_not_granted(act: Act) -> None:
    said(not_granted, act)


@pytest.mark.parametrize("act", [saying(b"\x90\x04\x00\x01\x00\x01"), saying(), saying(b"\x90\x03\x00\x01\x00")])
def test_a_subscription_granted_or_unanswered_is_a_violation(act: Act) -> None:
    with pytest.raises(Violation):
        said(not_granted, act)


def test_a_grant_of_less_is_a_cause_of_its_own() -> None:
    async def step(client: Client) -> None:
        await client.subscribed("t", qos=2)

    with pytest.raises(Inconclusive) as doubt:
        said(step, saying(b"\x90\x04\x00\x01\x00\x01"))
    assert doubt.value.cause == "grants QoS 1 for 2"


@pytest.mark.parametrize("codes", [b"", b"\x01\x01"])
def test_a_suback_with_another_number_of_codes_grants_nothing(codes: bytes) -> None:
    async def step(client: Client) -> None:
        await client.subscribed("t", qos=1)

    with pytest.raises(Inconclusive):
        said(step, saying(bytes([0x90, 3 + len(codes)]) + b"\x00\x01\x00" + codes))


def test_all_messages_ends_with_a_proof_of_life() -> None:
    async def step(client: Client) -> None:
        assert [p.payload for p in await client.all_messages()] == [b"a", b"b"]

    two = b"\x30\x05\x00\x01t\x00a\x30\x05\x00\x01t\x00b"
    said(step, saying(two, PINGRESP))
    with pytest.raises(Inconclusive):
        said(step, saying(two))


@pytest.mark.parametrize("name", ["", "x", "a-name-that-is-much-longer-than-any-broker-must-take", "ä ö"])
def test_a_client_id_is_one_that_every_broker_must_take(name: str) -> None:
    async def main() -> list[str]:
        async with broker() as dut:
            handle = Broker(Trial(dut, V5, "abczzz"))
            return [handle.client_id(f"{name}{end}") for end in ("1", "2")]

    first, second = asyncio.run(main())
    assert first != second, "two names are two clients"
    for id in (first, second):
        assert 1 <= len(id) <= 23 and id.isascii() and id.isalnum(), id
        assert id.startswith("abczzz")


def test_a_flood_of_small_packets_is_cut_off_before_it_fills_the_memory() -> None:
    """Eight MiB of them are four million packets, each with a record of its own."""

    async def main() -> tuple[Trial, float]:
        async with broker(saying(PINGRESP * 4_000_000)) as dut:
            role = roles()["mqtt-broker"]
            trial = Trial(dut, V5, "abc1", patience=5, watch=role.watch, cutter=role.cutter)
            client = await Broker(trial).connected()
            began = time.perf_counter()
            await client.send(b"\xc0\x00")
            with pytest.raises(Inconclusive, match="cut off by the tester after 10000 packets"):
                await client.is_closed_by_broker()
            trial.close()
            return trial, time.perf_counter() - began

    trial, took = asyncio.run(main())
    assert len(trial.shots) < 10_010
    assert took < 3
    assert not trial.left, "it was our own act"
