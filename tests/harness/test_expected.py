"""Known failures: what they cover, and when they are stale."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.expected import Expected, Known, apply, read, stale
from harness.results import Cell, Finding
from testbed.files import FileError
from tests.harness.written import EDITION, cell, rule


def told(entry: Known, cells: list[Cell], *, whole: bool = True) -> str:
    return " ".join(stale(Expected([entry]), cells, whole=whole))


@pytest.mark.parametrize(
    ("entry", "known"),
    [
        (Known("r", case="a"), True),
        (Known("r", case="*.a"), False),
        (Known("r", case="b"), False),
        (Known("r", requirement="R1"), True),
        (Known("r", requirement="R?"), True),
        (Known("r", requirement="R2"), False),
        (Known("r", case="a", dut="other"), False),
        (Known("r", case="a", edition="std-*"), True),
        (Known("r", case="a", edition="std-2"), False),
    ],
)
def test_what_an_entry_covers(entry: Known, known: bool) -> None:
    (marked,) = apply(Expected([entry]), [cell("a", "fail", "R1")])
    assert marked.known is known


def test_only_failures_are_marked() -> None:
    cells = [cell("a", v, "R1") for v in ("pass", "inconclusive", "error", "not-applicable")]
    assert not any(one.known for one in apply(Expected([Known("r", case="a")]), cells))


def test_an_entry_is_stale_when_everything_it_speaks_of_passes() -> None:
    entry = Known("ticket 7", requirement="R1")
    assert "stale" in told(entry, [cell("a", "pass", "R1"), cell("b", "pass", "R1")])
    assert told(entry, [cell("a", "pass", "R1"), cell("b", "fail", "R1")]) == ""


def test_an_entry_is_not_cured_by_what_could_not_be_judged() -> None:
    entry = Known("ticket 7", case="a")
    for verdict in ("inconclusive", "error"):
        assert told(entry, [cell("a", verdict, "R1")]) == ""


def test_an_entry_for_a_requirement_is_stale_though_its_case_fails_otherwise() -> None:
    mixed = cell("a", "fail", "R1", findings=[Finding(f"{EDITION}:R1", "pass"), rule("R2")])
    assert "stale" in told(Known("t", requirement="R1"), [mixed])
    assert told(Known("t", requirement="R2"), [mixed]) == ""


def test_an_entry_that_fits_nothing_counts_only_in_a_whole_run() -> None:
    entry = Known("t", case="gone")
    cells = [cell("a", "pass", "R1")]
    assert "fits no cell" in told(entry, cells)
    assert told(entry, cells, whole=False) == ""


@pytest.mark.parametrize("entry", [Known("t", case="a", dut="elsewhere"), Known("t", case="a", edition="std-2")])
def test_an_entry_for_another_device_or_edition_is_not_stale_in_this_run(entry: Known) -> None:
    """One list may serve a matrix of jobs, each with one device."""
    assert told(entry, [cell("a", "pass", "R1")]) == ""


def test_an_entry_without_case_and_requirement_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "expected.toml"
    path.write_text('[[known]]\ncase = "a"\nreason = "x"\n\n[[known]]\nreason = "all"\n')
    with pytest.raises(FileError, match=r"expected.toml:5: known: entry 2 names neither"):
        read(path)


def test_a_wrong_type_is_named_with_the_line_of_its_entry(tmp_path: Path) -> None:
    path = tmp_path / "expected.toml"
    path.write_text('[[known]]\ncase = "a"\nreason = "x"\n[[known]]\ncase = "b"\nreason = 7\n')
    with pytest.raises(FileError, match=r"expected.toml:6"):
        read(path)
