"""Given catalogues and cases, when coverage is asked for, then no requirement is passed over in silence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness import coverage, suite
from harness.coverage import Account, Coverage, Table
from harness.requirement import BOTH, Requirement
from harness.results import Level
from testbed.protocol import roles
from tests.command import run_testbed

ROLE = "mqtt-broker"


def row(number: str, side: str = "server", level: Level = "MUST", **untried: str) -> Requirement:
    return Requirement("toy", number, side, level, number.partition("-")[2], "it does so", False, untried)


#: With a case, with a reason, with nothing, with case and reason, of the other side only, with a rule.
ROWS = (
    row("T-1.1.1"),
    row("T-1.1.2", side="both", server="no wire form"),
    row("T-1.2.1", level="SHOULD"),
    row("T-10.1", server="no wire form"),
    row("T-10.2", side="client"),
    row("T-10.3", side="both", server="a rule sees it all the same"),
)
#: A role with a passive rule for statements with a case and without.
WATCHING = replace(roles()[ROLE], watched=lambda edition: frozenset(("T-1.1.1", "T-10.3")))
CITED = {"toy:T-1.1.1": ["toy.a"], "toy:T-10.1": ["toy.b"]}


def tabled(monkeypatch: pytest.MonkeyPatch, *rows: Requirement) -> Table:
    numbered = {one.number: one for one in rows}
    monkeypatch.setattr(coverage.suite, "catalogue", lambda edition: numbered)
    monkeypatch.setattr(coverage.suite, "own_catalogue", lambda name, edition: numbered)
    monkeypatch.setattr(coverage, "citing", lambda role: CITED)
    return coverage.table(WATCHING, "toy")


def test_each_requirement_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    table = tabled(monkeypatch, *ROWS)
    total = table.total
    assert (total.rows, total.tried, total.watched, total.untried, total.neither) == (5, 2, 1, 1, 1)
    assert [(one.name, one.rows) for one in table.clauses] == [("1.1", 2), ("1.2", 1), ("10.1", 1), ("10.3", 1)]
    assert [(one.name, one.rows) for one in table.levels] == [("MUST", 4), ("SHOULD", 1)]
    assert [(one.id, one.watched) for one in table.covered] == [("toy:T-1.1.1", True), ("toy:T-10.1", False)]
    assert [one.id for one in table.watched] == ["toy:T-10.3"]
    assert [one.id for one in table.untried] == ["toy:T-1.1.2"]
    assert [one.id for one in table.missing] == ["toy:T-1.2.1"]
    assert [one.id for one in table.contradictions] == ["toy:T-10.1"]


@pytest.mark.parametrize(
    ("numbers", "fail_under", "fails"),
    [
        ([0], 100, False),
        ([0, 1], 100, False),
        ([0, 1, 2], 100, True),
        ([0, 1, 2], 50, False),
        ([0, 1, 2], 50.1, True),
        ([0, 3], 0, True),
        ([5], 100, False),
        ([5, 2], 50, False),
        ([], 100, False),
    ],
    ids=["case", "reason", "nothing", "enough", "not enough", "both", "rule", "enough with a rule", "no rows"],
)
def test_the_gate(numbers: list[int], fail_under: float, fails: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tabled(monkeypatch, *(ROWS[number] for number in numbers))
    assert coverage.holes(table, fail_under) is fails


def test_the_figure_is_rounded_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """999 of 1000 and one more hole are never 100 %."""
    rows = [row("T-1.1.1"), *(row(f"T-2.{number}") for number in range(2999))]
    monkeypatch.setitem(CITED, "toy:T-2.0", ["toy.c"])
    for number in range(2998):
        monkeypatch.setitem(CITED, f"toy:T-2.{number}", ["toy.c"])
    assert tabled(monkeypatch, *rows).percent == 99.9


@pytest.mark.parametrize(
    ("clause", "name"), [("3.1.2.11", "3.1"), ("6", "6"), ("4.12", "4.12"), ("RFC 7252 4.2.1", "RFC 7252 4.2")]
)
def test_clauses_are_grouped_by_two_numbers(clause: str, name: str) -> None:
    assert coverage.group(clause) == name


def test_the_real_catalogues_are_whole(tmp_path: Path) -> None:
    """A table for each role and edition, every row of the catalogue in one of its columns."""
    done = run_testbed("coverage", "--json", cwd=tmp_path)
    found = json.loads(done.stdout)
    assert [(one["edition"], one["role"]) for one in found["tables"]] == [
        (edition, role.name) for role in roles().values() for edition in role.editions
    ]
    for table in found["tables"]:
        side = roles()[table["role"]].side
        bound = [one for one in suite.catalogue(table["edition"]).values() if one.binds(side)]
        total = table["total"]
        assert total["rows"] == len(bound) == sum(one["rows"] for one in table["clauses"])
        assert total["rows"] == total["tried"] + total["watched"] + total["untried"] + total["neither"]
        columns = (("covered", "tried"), ("watched", "watched"), ("untried", "untried"), ("missing", "neither"))
        for column, figure in columns:
            assert len(table[column]) == total[figure]
        for statement in table["watched"]:
            assert statement["watched"] and not statement["cases"]
        for statement in table["missing"]:
            assert statement["id"].startswith(f"{table['edition']}:")
    missing = {one["id"] for table in found["tables"] for one in table["missing"]}
    for one in found["accounts"]:
        rows = suite.own_catalogue(one["suite"], one["catalogue"]).values()
        played = {role.side for role in roles().values() if one["catalogue"] in role.editions}
        idle = {row.id for row in rows if row.side != BOTH and not {*row.sides} <= played | {*row.untried}}
        ids = {row.id for row in rows}
        assert (one["statements"], one["accounted"]) == (len(ids), len(ids - missing - idle))
    bad = any(one["missing"] or one["contradictions"] for one in found["tables"])
    assert done.returncode == int(bad)


def test_a_statement_is_accounted_for_on_every_side_it_binds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the six, one has nothing, and no table speaks for the three that bind clients."""
    server = tabled(monkeypatch, *ROWS)
    assert coverage.account("toys", "toy", [server]) == Account("toys", "toy", 6, 2)
    told = (*ROWS[:4], row("T-10.2", side="client", client="no role plays it"), ROWS[5])
    assert coverage.account("toys", "toy", [tabled(monkeypatch, *told)]) == Account("toys", "toy", 6, 3)
    tabled(monkeypatch, *ROWS)
    monkeypatch.setattr(coverage, "citing", lambda role: {"toy:T-1.1.2": ["toy.a"], "toy:T-10.2": ["toy.b"]})
    client = coverage.table(roles()["mqtt-client"], "toy")
    assert [one.id for one in client.missing] == ["toy:T-10.3"]
    assert coverage.account("toys", "toy", [server, client]) == Account("toys", "toy", 6, 4)


def test_text_lists_what_has_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from harness.cli import main_group
    from harness.cli.failures import said

    monkeypatch.setattr(
        coverage, "whole", lambda: Coverage([tabled(monkeypatch, *ROWS)], [Account("toys", "toy", 6, 4)])
    )
    assert said(lambda: main_group.main(["coverage"], standalone_mode=False)) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"toy, {ROLE}: 75 % of the testable requirements have a case or a rule"
    assert lines[1] == "  clause  requirements  with case  with rule  with reason  with nothing"
    assert lines[-7:] == [
        "  all                5          2          1            1             1",
        "  with neither case nor rule nor reason:",
        "    toy:T-1.2.1  SHOULD  1.2.1  it does so",
        "  with a case, and with a reason why there is none (delete one of them):",
        "    toy:T-10.1  MUST  10.1  toy.b: no wire form",
        "",
        "toys: 4 of 6 statements accounted for (toy 4 of 6)",
    ]


def test_a_profile_narrows_it_to_what_it_selects(tmp_path: Path) -> None:
    (tmp_path / "one.toml").write_text(
        'name = "one"\nversion = "1"\nextends = "mqtt-broker-5.0"\n[select]\nrequirements = ["MQTT-3.1.0-2"]\n'
    )
    done = run_testbed("coverage", "one", "--profile-path", ".", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (table,) = json.loads(done.stdout)["tables"]
    assert (table["profile"], table["total"]["rows"], table["percent"]) == ("one", 1, 100.0)
    assert json.loads(done.stdout)["accounts"] == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            'role = "toaster"\nedition = "mqtt-5.0"',
            "no installed protocol has the role 'toaster'; known: mqtt-broker",
        ),
        ('role = "mqtt-broker"\nedition = "mqtt-9"', "no installed suite has a catalogue 'mqtt-9'"),
        (
            'role = "mqtt-broker"\nedition = "mqtt-5.0"\n[select]\nsuites = ["nosuch"]',
            "selects from the suite 'nosuch', which is not installed",
        ),
    ],
)
def test_a_profile_for_what_is_not_installed(body: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "odd.toml").write_text(f'name = "odd"\nversion = "1"\n{body}\n')
    done = run_testbed("coverage", "odd", "--profile-path", ".", cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
