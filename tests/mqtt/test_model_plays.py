"""The model plays: it catches planted faults on a real broker, and passes nothing that is empty."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from testbed.dut import Dut
from testbed.findings import Inconclusive, Violation
from testbed.game import Arena, Budget, Deviation
from testbed.launch import peers
from testbed.launch.empty import EMPTY, empty_peer
from testbed.launch.launching import launch
from testbed.link.tap import Tap
from testbed.mqtt.faults import faults
from testbed.mqtt.model import game, planning
from testbed.mqtt.model.blame import Foul
from testbed.mqtt.model.moves import Connect, Move, Publish, Subscribe, Unsubscribe
from testbed.mqtt.model.player import Player
from testbed.mqtt.model.shrinking import shrink
from testbed.mqtt.model.world import full_features
from testbed.protocol import Planted, roles
from testbed.trial import Trial
from tests.command import need

EDITION = "mqtt-5.0"
#: Known of Mosquitto: docs/disputes.md.
KNOWN = {(f"{EDITION}:MQTT-3.1.2-8", "a will is not published")}

#: Faults of many kinds that its first conversations meet, and the name the model has for them (any, when empty).
CAUGHT = {
    "case-blind": "",
    "dup-at-first": "DUP 1 at the first sending",
    "expiry-dropped": "wrong Message Expiry Interval",
    "goes-on-after-unsubscribe": "a message comes after UNSUBSCRIBE",
    "handling-0-as-2": "a retained message does not come to a new subscription",
    "no-pubcomp": "PUBREL is not answered",
    "no-suback": "SUBSCRIBE is not answered",
    "not-deleted": "a message comes after UNSUBSCRIBE",
    "pubrel-never-sent": "PUBREC is not answered",
    "qos-0-raised": "",
    "qos-lost": "",
    "retain-never-as-published": "RETAIN is not as published",
    "retain-set-on-delivery": "RETAIN 1 to an established subscription",
    "retained-not-stored": "",
    "session-lost-at-close": "Session Present 0 for a stored session",
    "session-present-invented": "Session Present 1 without a session",
    "session-present-on-clean": "Session Present 1 after a clean start",
    "subscription-identifiers-dropped": "wrong Subscription Identifiers",
    "taken-over-held-open": "the connection taken over stays open",
    "topic-elsewhere": "",
    "wildcards-dead": "",
}

#: No two conversations of this file share a scope.
NUMBERS = count()

PLAIN: list[Move] = [
    Connect("a", kept=True),
    Subscribe("a", "x", 1),
    Connect("b"),
    Publish("b", "x", 1, retain=True, expires=True, rich=True),
    Unsubscribe("a", "x"),
    Publish("b", "x", 1),
]


def trials(dut: Dut, plant: Callable[[], Tap] | None = None) -> Callable[[], Trial]:
    """Makes trials with names of their own."""
    role = roles()["mqtt-broker"]
    plants = (plant,) if plant else ()

    def make() -> Trial:
        return Trial(dut, EDITION, f"m{next(NUMBERS)}x", patience=3.0, quiet=0.2, plants=plants, cutter=role.cutter)

    return make


async def caught(dut: Dut, plans: list[list[Move]], name: str) -> str:
    """The kind of the first foul with a fault planted; empty when none of the plans meets it."""
    fault = next(fault for fault in faults(EDITION) if fault.name == name)
    planted = Planted()
    make = trials(dut, lambda: fault.tap(planted))
    for plan in plans:
        trial = make()
        try:
            await Player(trial, full_features(EDITION), patience=0.5, tolerated=KNOWN).play(plan)
        except Foul as foul:
            return foul.kind
        except Inconclusive:
            continue
        finally:
            trial.close()
    return ""


def test_planted_faults_are_caught_and_what_is_found_shrinks(tmp_path: Path) -> None:
    plans = [PLAIN, *planning.some_plans(EDITION, 5, 25)]

    async def main() -> None:
        device = await launch(peers.find(need("mosquitto")), tmp_path, roles()["mqtt-broker"].ready)
        try:
            limit = asyncio.Semaphore(8)

            async def one(name: str) -> tuple[str, str]:
                async with limit:
                    return name, await caught(device.dut, plans, name)

            found = dict(await asyncio.gather(*map(one, CAUGHT)))
            assert {name for name, kind in found.items() if not kind} == set()
            assert {name: found[name] for name, kind in CAUGHT.items() if kind} == {
                n: k for n, k in CAUGHT.items() if k
            }
            await shrinks(device.dut, plans)
        finally:
            await device.stop()

    asyncio.run(main())


async def shrinks(dut: Dut, plans: list[list[Move]]) -> None:
    """A subscription at QoS 1 that delivers at QoS 0: connect, subscribe, publish are enough to show it."""
    fault = next(fault for fault in faults(EDITION) if fault.name == "qos-lost")
    make = trials(dut, lambda: fault.tap(Planted()))

    async def shows(moves: object) -> bool:
        trial = make()
        try:
            await Player(trial, full_features(EDITION), patience=0.5, tolerated=KNOWN).play(moves)  # type: ignore[arg-type]
        except Foul as foul:
            return foul.kind == "wrong QoS"
        finally:
            trial.close()
        return False

    (first,) = [plan for plan in plans if await shows(plan)][:1]
    until = asyncio.get_running_loop().time() + 10
    short = await shrink(first, shows, full_features(EDITION), until=until)
    assert [move.__struct_config__.tag for move in short] == ["connect", "subscribe", "publish"]


@pytest.mark.parametrize("kind", EMPTY)
def test_nothing_is_passed_by_who_is_empty(kind: str) -> None:
    """No conversation, no case of them, and no hostile one counts as played well."""

    async def main() -> None:
        async with empty_peer(kind, "mqtt-broker") as dut:
            make = trials(dut)
            trial = make()
            trial.patience = 0.3
            with pytest.raises((Violation, Inconclusive)):
                await game.several(trial, 1, 2)
            trial.close()
            for played in roles()["mqtt-broker"].games:
                trial = make()
                trial.patience = 0.3
                move = {"do": "connect", "who": "a"} if played.name == "model" else {"do": "send", "hex": "c000"}
                with pytest.raises((Violation, Inconclusive)):
                    await played.replay(trial, [move])
                trial.close()

    asyncio.run(main())


def test_a_game_ends_with_its_budget(tmp_path: Path) -> None:
    found: list[Deviation] = []
    played: list[int] = []

    async def main() -> None:
        device = await launch(peers.find(need("mosquitto")), tmp_path, roles()["mqtt-broker"].ready)
        try:

            async def revive() -> bool:
                return False

            arena = Arena(trials(device.dut), found.append, played.append, lambda: "", lambda: 0, revive)
            loop = asyncio.get_running_loop()
            for one in roles()["mqtt-broker"].games:
                began = loop.time()
                await one.play(arena, Budget(1_000_000, 1.0, 1))
                assert loop.time() - began < 15
                before = len(played)
                await one.play(arena, Budget(3, 60.0, 1))
                assert len(played) - before == 3
        finally:
            await device.stop()

    asyncio.run(main())
    assert {one.signature for one in found} <= KNOWN
