"""The catalogue holds every assertion of the specification once, and each is accounted for on every side it binds."""

from __future__ import annotations

from harness import coverage, suite
from testbed.protocol import roles
from testbed.sparkplug.rules import WATCHED

#: Assertions in chapters 1 to 10 of Sparkplug 3.0.0, each counted once.
ASSERTIONS = 299
SIDES = {"edge", "host", "server"}


def test_every_assertion_is_there() -> None:
    rows = suite.catalogue("sparkplug-3.0")
    assert len(rows) == ASSERTIONS
    assert all(number.startswith("tck-id-") for number in rows)


def test_a_row_may_bind_several_sides_and_no_other() -> None:
    rows = suite.catalogue("sparkplug-3.0").values()
    assert {side for row in rows for side in row.sides} == SIDES
    both = suite.requirement("sparkplug-3.0:tck-id-topic-structure")
    assert both.binds("edge") and both.binds("host") and not both.binds("server")


def test_the_sides_are_those_of_roles_and_of_reasons() -> None:
    assert {role.side for role in roles().values() if role.editions == ("sparkplug-3.0",)} == SIDES
    for row in suite.catalogue("sparkplug-3.0").values():
        assert set(row.untried) <= set(row.sides), row.number


def test_every_assertion_is_accounted_for() -> None:
    found = coverage.whole()
    assert len([table for table in found.tables if table.edition == "sparkplug-3.0"]) == 3
    assert not [table.missing for table in found.tables if table.edition == "sparkplug-3.0" and coverage.holes(table)]
    (account,) = [one for one in found.accounts if one.suite == "sparkplug"]
    assert account.accounted == account.statements == ASSERTIONS


def test_rules_name_assertions_that_bind_the_side_they_watch() -> None:
    for side, numbers in WATCHED.items():
        for number in numbers:
            assert suite.requirement(number).binds(side), number
