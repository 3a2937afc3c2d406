"""Planted faults of clients: each is tied to what it breaks, each requirement has one, and the suite sees them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec.structs import replace as with_fields

from harness import profile, qualify, suite
from testbed.launch import peers
from testbed.mqtt.client_faults import PLANS, faults
from testbed.protocol import roles
from tests.command import need
from tests.mqtt.test_client_tls import BREAKS

ROLE = roles()["mqtt-client"]
#: Those that no tap can make a sound client break: `test_client_tls` has clients that break them.
BY_THEMSELVES = set(BREAKS.values())
#: Faults of each edition that are planted here in an installed client, and the modules of cases that see them.
PLANTED = {
    "mqtt-3.1.1": ("first-pingreq", "user-name-without-flag", "no-puback", "payload-before-topic", "puback-next-id"),
    "mqtt-5.0": ("protocol-mqtt-small", "no-property-length", "no-answer-to-qos-1", "forgets-qos-1-at-once"),
}
MODULES = ("connect", "credentials", "publish", "qos1")


def test_there_are_many() -> None:
    assert sum(len(faults(edition)) for edition in ROLE.editions) >= 270


@pytest.mark.parametrize("edition", ROLE.editions)
def test_names_are_unique(edition: str) -> None:
    names = [fault.name for fault in faults(edition)]
    assert len(names) == len(set(names))


def test_every_plan_is_planted_somewhere() -> None:
    assert all(plan.faults() for plan in PLANS)
    assert len({plan.name for plan in PLANS}) == len(PLANS)


@pytest.mark.parametrize("edition", ROLE.editions)
def test_each_breaks_a_requirement_that_binds_a_client(edition: str) -> None:
    rows = suite.catalogue(edition)
    for fault in faults(edition):
        assert rows[fault.requirement].binds("client"), fault
        assert fault.text, fault


@pytest.mark.parametrize("edition", ROLE.editions)
def test_every_must_has_a_fault_or_a_reason(edition: str) -> None:
    """What nobody can try from outside, as the catalogue says, nobody can plant."""
    broken = {fault.requirement for fault in faults(edition)}
    without = {
        number
        for number, row in suite.catalogue(edition).items()
        if row.level == "MUST" and row.binds("client") and number not in broken and "client" not in row.untried
    }
    assert without <= BY_THEMSELVES, without - BY_THEMSELVES


@pytest.mark.parametrize("edition", list(PLANTED))
def test_faults_of_an_installed_client_are_caught(edition: str, tmp_path: Path) -> None:
    need("paho-python")
    chosen = profile.load(edition.replace("mqtt", "mqtt-client"))
    narrow = replace(chosen, select=with_fields(chosen.select, cases=[f"mqtt.client.{name}.*" for name in MODULES]))
    planted = [fault for fault in faults(edition) if fault.name in PLANTED[edition]]
    figures = asyncio.run(
        qualify.qualify(narrow, [(peers.find("paho-python"), None)], ROLE, tmp_path, faults=planted)
    )
    assert {fault.name: fault.outcome for fault in figures.faults} == dict.fromkeys(PLANTED[edition], "caught")
    assert not any(figures.vacuity.values()), figures.vacuity
    assert not any(figures.specificity.values()), figures.specificity
