"""What the vendor says, what discovery found, what the profile asks: which cells run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.case import Case
from harness.claims import absent, decide, merged, there
from harness.plan import PlannedCell
from harness.profile import Profile, load
from harness.requirement import Citation
from harness.results import Claim, Verdict

EDITION = "mqtt-5.0"


def profile(**required: str) -> Profile:
    return replace(load("mqtt-broker-5.0"), required=required)


async def it_works(handle: object) -> None: ...


def cell(*needs: str) -> PlannedCell:
    case = Case("a.it_works", it_works, (Citation(EDITION, "MQTT-3.1.0-2"),), needs=needs)
    return PlannedCell(case, "", EDITION, "box", "prog")


@pytest.mark.parametrize(
    ("claimed", "found", "result"),
    [
        (None, None, True),
        (True, None, True),
        (False, None, False),
        (None, True, True),
        (None, False, False),
        (True, False, False),
        (False, True, True),
        (True, True, True),
        (False, False, False),
    ],
)
def test_what_was_found_counts_before_what_is_claimed(claimed: bool | None, found: bool | None, result: bool) -> None:
    assert there(Claim("x", claimed, found)) is result


RUN = None


@pytest.mark.parametrize(
    ("claimed", "found", "required", "verdict"),
    [
        (None, None, False, RUN),
        (True, True, False, RUN),
        (False, True, False, RUN),
        (None, False, False, "not-applicable"),
        (False, None, False, "not-applicable"),
        (False, False, False, "not-applicable"),
        # Claimed or mandatory and absent is not inapplicable: one finding says so, and its dependants are open.
        (True, False, False, "inconclusive"),
        (None, False, True, "inconclusive"),
        (False, None, True, "inconclusive"),
        (False, False, True, "inconclusive"),
        (None, None, True, RUN),
    ],
)
def test_whether_a_cell_that_needs_a_feature_runs(
    claimed: bool | None, found: bool | None, required: bool, verdict: Verdict | None
) -> None:
    claims = {"x": Claim("x", claimed, found, required)}
    decided = decide(cell("x"), claims)
    assert (decided.verdict if decided else RUN) == verdict
    if decided is not None:
        assert decided.reason
        assert [finding.verdict for finding in decided.findings] == [verdict]
        assert (decided.claim == "x") == (verdict == "not-applicable")
        assert (decided.cause == "absent: x") == (verdict == "inconclusive")


def test_a_case_for_devices_without_a_feature() -> None:
    lacks, has = {"x": Claim("x", None, False)}, {"x": Claim("x", None, True)}
    assert decide(cell("not x"), lacks) is None
    decided = decide(cell("not x"), has)
    assert decided is not None and (decided.verdict, decided.claim) == ("not-applicable", "x")


def test_the_first_need_that_is_not_met_decides() -> None:
    claims = {"x": Claim("x", None, True), "y": Claim("y", None, False), "z": Claim("z", None, False)}
    decided = decide(cell("x", "y", "z"), claims)
    assert decided is not None and decided.claim == "y"
    assert decide(cell(), claims) is None


def test_every_claim_that_anybody_speaks_of_is_there_once() -> None:
    found = merged({"a": True}, {"b": False}, profile(c="", a=""))
    assert found == [Claim("a", True, None, True), Claim("b", None, False), Claim("c", None, None, True)]


@pytest.mark.parametrize(
    ("claim", "fails"),
    [
        (Claim("x", True, False), True),
        (Claim("x", None, False, True), True),
        (Claim("x", False, None, True), True),
        (Claim("x", None, False), False),
        (Claim("x", False, False), False),
        (Claim("x", None, None, True), False),
        (Claim("x", True, True, True), False),
    ],
)
def test_a_feature_claimed_or_required_and_absent_is_one_failure(claim: Claim, fails: bool) -> None:
    found = absent(EDITION, "box", [claim], profile(x="MQTT-3.3.1-5"))
    assert [one.verdict for one in found] == (["fail"] if fails else [])
    for one in found:
        assert one.id == f"claim.x[{EDITION},box]"
        assert one.requirements == [f"{EDITION}:MQTT-3.3.1-5"]
        assert [finding.source for finding in one.findings] == ["claim"]


def test_an_absent_feature_without_a_requirement_has_no_finding_and_still_fails() -> None:
    (one,) = absent(EDITION, "box", [Claim("x", True, False)], profile())
    assert (one.verdict, one.requirements, one.findings) == ("fail", [], [])
    assert one.command == "testbed run mqtt-broker-5.0 --dut box"


def test_the_command_names_the_device_as_it_was_named() -> None:
    (one,) = absent(EDITION, "box", [Claim("x", True, False)], profile(), "my boxes/box.toml")
    assert one.command == "testbed run mqtt-broker-5.0 --dut 'my boxes/box.toml'"
