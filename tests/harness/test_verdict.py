"""Findings to verdicts, verdicts to marks, marks to conformance."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.expected import Expected, Known
from harness.results import Cell, Finding, Level, Results, Verdict
from harness.verdict import rolled_up, worst
from tests.harness.written import DUT, EDITION, cell, judged, requirement, rule


@pytest.mark.parametrize(
    ("verdicts", "result"),
    [
        ([], "not-applicable"),
        (["pass"], "pass"),
        (["pass", "not-applicable"], "pass"),
        (["pass", "inconclusive"], "inconclusive"),
        (["inconclusive", "error"], "error"),
        (["error", "fail", "pass"], "fail"),
    ],
)
def test_the_worst_verdict(verdicts: list[Verdict], result: Verdict) -> None:
    assert worst(verdicts) == result


@pytest.mark.parametrize(
    ("verdicts", "result"),
    [
        (["pass", "pass"], "pass"),
        (["fail", "fail"], "fail"),
        (["error", "error"], "error"),
        (["not-applicable", "not-applicable"], "not-applicable"),
        (["pass", "fail"], "inconclusive"),
        (["fail", "pass", "pass"], "inconclusive"),
        (["pass", "error"], "inconclusive"),
        (["pass", "inconclusive"], "inconclusive"),
        (["fail", "error"], "inconclusive"),
    ],
)
def test_repeats_that_differ_are_inconclusive_and_never_the_best(verdicts: list[Verdict], result: Verdict) -> None:
    rolled = rolled_up([cell("c", verdict, "R1") for verdict in verdicts])
    assert rolled.verdict == result
    assert rolled.repeats == verdicts
    if len(set(verdicts)) > 1:
        assert rolled.cause == "flips"
        assert ", ".join(verdicts) in rolled.reason
        assert [f.verdict for f in rolled.findings] == ["inconclusive"]


def test_what_a_rule_saw_in_any_repeat_is_kept() -> None:
    """The verdicts agree, and each repeat shows something else."""
    first = cell("c", "fail", "R1")
    second = cell("c", "fail", "R1", findings=[Finding(f"{EDITION}:R1", "pass"), rule("R2")])
    for repeats in ([first, second], [second, first]):
        found = {(f.requirement, f.source) for f in rolled_up(repeats).findings if f.verdict == "fail"}
        assert (f"{EDITION}:R2", "rule") in found


def test_a_rule_broken_beside_an_inconclusive_case_is_kept_from_every_repeat() -> None:
    quiet = cell("c", "inconclusive", "R1")
    loud = cell("c", "inconclusive", "R1", findings=[Finding(f"{EDITION}:R1", "inconclusive"), rule("R2")])
    assert rule("R2").requirement in {f.requirement for f in rolled_up([quiet, loud, quiet]).findings}


def only(results: Results) -> tuple[Verdict, str]:
    (found,) = results.conformance
    return found.verdict, found.reason


@pytest.mark.parametrize(
    ("verdict", "level", "provisional", "levels", "result"),
    [
        ("pass", "MUST", False, ["MUST"], "pass"),
        ("fail", "MUST", False, ["MUST"], "fail"),
        ("fail", "MUST", True, ["MUST"], "pass"),
        ("fail", "SHOULD", False, ["MUST"], "pass"),
        ("fail", "SHOULD", False, ["MUST", "SHOULD"], "fail"),
        ("fail", "DEF", False, ["MUST"], "pass"),
        ("fail", "DEF", False, ["MUST", "DEF"], "fail"),
        ("fail", "MAY", False, ["MUST"], "pass"),
        ("inconclusive", "MUST", False, ["MUST"], "inconclusive"),
        ("error", "MUST", False, ["MUST"], "inconclusive"),
        # A row that cannot fail a profile cannot hold it up either.
        ("inconclusive", "MUST", True, ["MUST"], "pass"),
        ("error", "MUST", True, ["MUST"], "pass"),
        ("inconclusive", "SHOULD", False, ["MUST"], "pass"),
        ("not-applicable", "MUST", False, ["MUST"], "pass"),
    ],
)
def test_conformance_by_level(
    tmp_path: Path, verdict: Verdict, level: Level, provisional: bool, levels: list[Level], result: Verdict
) -> None:
    rows = [requirement("R1", level, provisional=provisional), requirement("R2")]
    found = judged(tmp_path, rows, [cell("a", verdict, "R1"), cell("b", "pass", "R2")], levels=levels)
    assert only(found)[0] == result
    assert found.conformance[0].counts[level][verdict] >= 1
    assert found.complete


@pytest.mark.parametrize(("verdict", "level"), [("not-applicable", "MUST"), ("pass", "SHOULD"), ("pass", "MAY")])
def test_a_profile_of_which_nothing_was_judged_is_not_passed(tmp_path: Path, verdict: Verdict, level: Level) -> None:
    found = judged(tmp_path, [requirement("R1", level)], [cell("a", verdict, "R1")])
    assert only(found) == ("inconclusive", "nothing that it asks for applies to the device")


def test_the_worst_cell_decides_a_requirement(tmp_path: Path) -> None:
    found = judged(tmp_path, [requirement("R1")], [cell("a", "pass", "R1"), cell("b", "fail", "R1")])
    (mark,) = found.marks
    assert mark.verdict == "fail"
    assert [found.cells[index].case for index in mark.cells] == ["b", "a"]
    assert only(found) == ("fail", "does not keep R1")


def test_what_a_rule_saw_in_an_inconclusive_case_fails_the_profile(tmp_path: Path) -> None:
    bad = cell("a", "inconclusive", "R1", findings=[Finding(f"{EDITION}:R1", "inconclusive"), rule("R2")])
    found = judged(tmp_path, [requirement("R1"), requirement("R2")], [bad])
    assert only(found) == ("fail", "does not keep R2")


def test_a_feature_that_is_absent_fails_the_profile(tmp_path: Path) -> None:
    absent = cell("claim.retain", "fail", findings=[])
    found = judged(tmp_path, [requirement("R1")], [cell("a", "pass", "R1"), absent])
    assert only(found) == ("fail", "lacks retain")


def test_a_planned_cell_without_a_result_is_no_silence(tmp_path: Path) -> None:
    done = cell("a", "pass", "R1")
    found = judged(tmp_path, [requirement("R1")], [done], planned=[done.id, f"b[{EDITION},{DUT}]"])
    assert only(found) == ("inconclusive", "1 planned cells were not run")
    assert not found.complete


def test_a_repeat_that_was_not_run_is_no_silence(tmp_path: Path) -> None:
    """Interrupted after the first of three."""
    found = judged(tmp_path, [requirement("R1")], [(cell("a", "pass", "R1"), 0)], repeat=3, end="")
    assert only(found)[0] == "inconclusive"
    assert not found.complete


@pytest.mark.parametrize("end", ["interrupted", "given up after 3 s", ""])
def test_a_run_that_did_not_end_is_not_complete(tmp_path: Path, end: str) -> None:
    assert not judged(tmp_path, [requirement("R1")], [cell("a", "pass", "R1")], end=end).complete


def test_nothing_judged_is_no_pass(tmp_path: Path) -> None:
    cells: list[Cell] = []
    found = judged(tmp_path, [requirement("R1")], cells, planned=[f"a[{EDITION},{DUT}]"], trouble="it is not there")
    assert only(found)[0] == "inconclusive"


def test_a_known_failure_passes_the_gate_and_a_new_one_beside_it_does_not(tmp_path: Path) -> None:
    rows = [requirement("R1"), requirement("R2")]
    known = Expected([Known("ticket", requirement="R1")])
    old = cell("a", "fail", "R1")
    assert only(judged(tmp_path / "old", rows, [old], expected=known))[0] == "pass"
    new = cell("b", "fail", "R1", "R2")
    found = judged(tmp_path / "new", rows, [old, new], expected=known)
    assert only(found)[0] == "fail"


def test_a_known_requirement_hides_no_broken_rule_in_the_same_cell(tmp_path: Path) -> None:
    both = cell("a", "fail", "R1", findings=[Finding(f"{EDITION}:R1", "fail"), rule("R2")])
    rows = [requirement("R1"), requirement("R2")]
    known = Expected([Known("ticket", requirement="R1")])
    assert "R2" in only(judged(tmp_path / "one", rows, [both], expected=known))[1]
    two = Expected([*known.known, Known("another", requirement="R2")])
    assert only(judged(tmp_path / "two", rows, [both], expected=two))[0] == "pass"
    whole = Expected([Known("the case", case="a")])
    assert only(judged(tmp_path / "whole", rows, [both], expected=whole))[0] == "pass"


def test_a_rule_broken_in_an_inconclusive_cell_can_be_known(tmp_path: Path) -> None:
    odd = cell("a", "inconclusive", "R1", findings=[Finding(f"{EDITION}:R1", "inconclusive"), rule("R2")])
    rows = [requirement("R1", "SHOULD"), requirement("R2")]
    known = Expected([Known("ticket", requirement="R2")])
    found = judged(tmp_path, rows, [odd], expected=known)
    assert only(found)[0] == "pass"


def test_a_known_failure_does_not_hide_an_error_about_the_same_requirement(tmp_path: Path) -> None:
    known = Expected([Known("ticket", case="a")])
    cells = [cell("a", "fail", "R1"), cell("b", "error", "R1")]
    assert only(judged(tmp_path, [requirement("R1")], cells, expected=known))[0] == "inconclusive"


def test_an_absent_feature_can_be_known(tmp_path: Path) -> None:
    known = Expected([Known("ticket", case="claim.retain")])
    cells = [cell("a", "pass", "R1"), cell("claim.retain", "fail", findings=[])]
    assert only(judged(tmp_path, [requirement("R1")], cells, expected=known))[0] == "pass"
