"""The formats of one file: what other programs read must parse, and must never turn an error into a skip."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import uuid
from pathlib import Path
from xml.etree import ElementTree as Xml

import msgspec
import pytest
from factory import HOSTILE, make
from hypothesis import given
from hypothesis import strategies as st

from harness.report import badge, ctrf, junit, markdown, results_json
from harness.report.filenames import slug
from harness.report.visible import visible
from harness.results import Results


@pytest.fixture(scope="module")
def run() -> Results:
    results = make(40, 6)
    assert {cell.verdict for cell in results.cells} == {"pass", "fail", "inconclusive", "error", "not-applicable"}
    return results


def test_results_come_back_as_they_were(run: Results, tmp_path: Path) -> None:
    path = results_json.write(run, tmp_path / "new" / "results.json")
    assert results_json.read(path) == run


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "expected iot-testbed-results/1"),
        (b"[" * 200_000, "expected iot-testbed-results/1"),
        (b'{"run": 1}', "expected iot-testbed-results/1"),
        (b"\xff\xfe", "expected iot-testbed-results/1"),
    ],
)
def test_a_file_that_is_no_result_is_refused_with_a_remedy(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_bytes(content)
    with pytest.raises(results_json.UnreadableResults, match=said) as refused:
        results_json.read(path)
    assert "testbed report" in str(refused.value)


def test_results_of_another_format_are_refused(run: Results, tmp_path: Path) -> None:
    path = results_json.write(msgspec.structs.replace(run, format="iot-testbed-results/9"), tmp_path / "r.json")
    with pytest.raises(results_json.UnreadableResults, match="came 'iot-testbed-results/9'"):
        results_json.read(path)


def test_junit_has_a_suite_for_each_dut_and_edition(run: Results, tmp_path: Path) -> None:
    top = Xml.parse(junit.write(run, tmp_path / "junit.xml")).getroot()
    suites = top.findall("testsuite")
    assert len(suites) == len({(cell.dut, cell.edition) for cell in run.cells})
    cases = top.findall("testsuite/testcase")
    assert len(cases) == len(run.cells) == sum(int(suite.get("tests", "")) for suite in suites)
    assert int(top.get("failures", "")) == len(top.findall(".//failure"))
    assert int(top.get("errors", "")) == len(top.findall(".//error"))
    assert int(top.get("skipped", "")) == len(top.findall(".//skipped"))


def test_junit_never_hides_an_error_as_a_skip(run: Results, tmp_path: Path) -> None:
    top = Xml.parse(junit.write(run, tmp_path / "junit.xml")).getroot()
    wanted = {"pass": None, "fail": "failure", "inconclusive": "error", "error": "error", "not-applicable": "skipped"}
    for case in top.iter("testcase"):
        facts = {item.get("name"): item.get("value") for item in case.findall("properties/property")}
        tags = [child.tag for child in case if child.tag != "properties"]
        tag = wanted[facts["verdict"] or ""]
        assert tags == ([tag] if tag else [])
        assert facts["level"] in {"MUST", "SHOULD", "MAY", "DEF", "NOTE"}
        assert facts["requirement"]
        if tag == "skipped":
            assert case.find("skipped").get("message") == "qos-2"  # type: ignore[union-attr]


def test_ctrf_has_the_keys_its_schema_requires(run: Results, tmp_path: Path) -> None:
    data = json.loads(ctrf.write(run, tmp_path / "ctrf.json").read_text(encoding="utf-8"))
    assert (data["reportFormat"], data["specVersion"]) == ("CTRF", "1.0.0")
    uuid.UUID(data["reportId"])
    assert data["results"]["tool"] == {"name": "iot-testbed", "version": "0.1.0"}
    summary, tests = data["results"]["summary"], data["results"]["tests"]
    for status in ("passed", "failed", "skipped", "pending", "other"):
        assert summary[status] == sum(test["status"] == status for test in tests)
    assert summary["tests"] == len(tests) == len({test["id"] for test in tests}) == len(run.cells)
    assert summary["start"] < summary["stop"]
    for test in tests:
        assert test["name"] and isinstance(test["duration"], int)
        assert (test["status"] == "skipped") == (test["rawStatus"] == "not-applicable")
        assert (test["status"] == "failed") == (test["rawStatus"] == "fail")


def test_the_summary_fits_a_comment_however_large_the_run() -> None:
    text = markdown.summary(make(300, 20, broken=0.9, frames=2))
    assert len(text) < 65_000
    assert "more entries" in text
    assert text.count("<details>") == text.count("</details>")


def test_the_summary_names_broken_musts_first(run: Results) -> None:
    text = markdown.summary(run)
    levels = re.findall(r"<summary>✗ <b>(\w+)</b>( \(provisional\))?", text)
    ranks = [
        (provisional != "", ["MUST", "DEF", "SHOULD", "MAY", "NOTE"].index(level)) for level, provisional in levels
    ]
    assert ranks and ranks == sorted(ranks)
    assert text.index("not kept") < text.index("inconclusive:")


def test_the_summary_calls_nobody_and_draws_nothing_of_a_devices(run: Results) -> None:
    text = markdown.summary(run)
    for trick in ("<script", "@all", "`|", "{{ 7*7", "\u202e", "\x1b"):
        assert trick not in text
    for row in text.splitlines():
        if row.startswith("| <code>"):
            assert row.count("|") in (5, 7)


def test_badges_are_well_formed_and_say_their_verdict(run: Results, tmp_path: Path) -> None:
    folder = badge.write(run, tmp_path / "badges")
    files = sorted(folder.glob("*.svg"))
    assert len(files) == len(run.conformance)
    for file in files:
        top = Xml.parse(file).getroot()
        assert top.tag.endswith("svg")
        assert re.search(r"[✓✗?] (pass|fail|inconclusive)", "".join(top.itertext()))
        assert "http" not in file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")


@given(st.text(st.characters(codec=None), max_size=80))
def test_visible_text_can_be_written_as_xml_and_shown(text: str) -> None:
    shown = visible(text)
    root = Xml.Element("a", b=shown)
    root.text = shown
    again = Xml.fromstring(Xml.tostring(root, encoding="utf-8"))
    assert again.text == (shown or None)
    assert not set(shown) & set("\u202a\u202e\u2066\u0000\u001b")


@given(st.text(st.characters(codec=None), max_size=200))
def test_a_slug_is_a_safe_file_name(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9_][a-z0-9._-]{0,60}", slug(name))
    assert not slug(name).endswith(".")


def test_slugs_of_hostile_names_stay_apart() -> None:
    names = ["..", "../..", "a/b", "a\\b", "a b", HOSTILE, HOSTILE + "2", "", "x" * 500, "x" * 501]
    assert len({slug(name) for name in names}) == len(names)


def test_the_reports_cost_nothing_until_they_are_written() -> None:
    asked = (
        "import sys, harness.report; print([name for name in ('jinja2', 'msgspec', 'xml') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
