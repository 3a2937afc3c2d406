"""The MQTT catalogues: complete, well-formed, and checked against the standard."""

from __future__ import annotations

import re
from collections import Counter
from importlib.resources import files

import pytest

from harness.requirement import Requirement, read_catalogue

#: Rows by side, as counted in the normative statements of each standard.
SIDES = {
    "mqtt-3.1.1": {"server": 69, "client": 33, "both": 39},
    "mqtt-5.0": {"server": 118, "client": 44, "both": 89},
}
#: Statements that hold no keyword: a definition, whose breach is of level DEF.
DEFINED = {"mqtt-3.1.1": set(), "mqtt-5.0": {"MQTT-3.1.2-12", "MQTT-3.8.3-4"}}


def catalogue(name: str) -> dict[str, Requirement]:
    return read_catalogue(name, files("suites.mqtt") / "requirements" / f"{name}.tsv")


@pytest.mark.parametrize(("name", "count"), [("mqtt-3.1.1", 141), ("mqtt-5.0", 251)])
def test_every_statement_of_the_standard_is_a_row(name: str, count: int) -> None:
    rows = catalogue(name)
    assert len(rows) == count
    assert {row.catalogue for row in rows.values()} == {name}
    assert Counter(row.side for row in rows.values()) == SIDES[name]
    assert {row.number for row in rows.values() if row.level != "MUST"} == DEFINED[name]
    assert {row.level for row in rows.values()} <= {"MUST", "DEF"}
    assert not [row.number for row in rows.values() if row.provisional]


@pytest.mark.parametrize("name", list(SIDES))
def test_rows_are_well_formed(name: str) -> None:
    for row in catalogue(name).values():
        section = re.fullmatch(r"MQTT-(\d+(?:\.\d+)+)-\d+", row.number)
        assert section, row.number
        # 3.1.0 stands for the section 3.1 itself; a clause is that section or one inside it.
        stem = section[1].removesuffix(".0").removesuffix(".0")
        assert row.clause == stem or row.clause.startswith(f"{stem}."), row.number
        assert row.text == row.text.strip() != "", row.number
        assert len(row.text) <= 130, row.number


@pytest.mark.parametrize("name", list(SIDES))
def test_what_stays_untried_says_why_and_for_a_side_it_binds(name: str) -> None:
    for row in catalogue(name).values():
        for side, reason in row.untried.items():
            assert side in ("server", "client"), row.number
            assert row.binds(side), row.number
            assert len(reason) > 20, row.number


def test_numbers_stay_regular_where_the_standard_misprints_them() -> None:
    rows = catalogue("mqtt-3.1.1")
    printed = {
        "MQTT-3.1.2-7": "MQTT-3.1.2.7",
        "MQTT-3.8.3-4": "MQTT-3-8.3-4",
        "MQTT-3.3.1-1": "MQTT-3.3.1.-1",
    }
    for number, misprint in printed.items():
        assert misprint in rows[number].text
