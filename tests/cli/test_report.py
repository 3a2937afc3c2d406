"""Given journals, when reports are asked for, then everything is made again from them, or it is said why not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest

from harness.report.schema import FORMATS
from harness.results import FaultResult, Quality
from tests.command import device, run_testbed

SECOND = "a_second_connect_closes_the_connection"
REPORTS = ("results.json", "junit.xml", "ctrf.json", "summary.md")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the run `first`, in which the device failed."""
    folder = tmp_path_factory.mktemp("runs")
    name = device(folder, "polite", patience=0.4, quiet=0.1)
    done = run_testbed("run", "mqtt-broker-3.1.1", "--dut", name, "--case", SECOND, "--out", "first", cwd=folder)
    assert done.returncode == 1, done.stderr
    return folder


@pytest.fixture
def runs(finished: Path, tmp_path: Path) -> Path:
    """A copy that the test may spoil."""
    return Path(shutil.copytree(finished, tmp_path / "runs"))


def test_reports_are_made_again_from_the_journal_alone(runs: Path) -> None:
    before = {name: (runs / "first" / name).read_bytes() for name in REPORTS}
    for path in (runs / "first").iterdir():
        if path.name != "journal.jsonl":
            path.unlink() if path.is_file() else shutil.rmtree(path)
    done = run_testbed("report", "first", cwd=runs)
    assert done.returncode == 0, done.stderr
    assert {name: (runs / "first" / name).read_bytes() for name in REPORTS} == before
    assert "polite  mqtt-broker-3.1.1  FAIL" in done.stdout


def test_the_site_of_several_runs(runs: Path) -> None:
    shutil.copytree(runs / "first", runs / "second")
    figures = Quality(
        profile="mqtt-broker-3.1.1",
        dut="mosquitto",
        made="2026-01-01T00:00:00Z",
        covered=1,
        testable=1,
        untried=0,
        faults=[FaultResult("deaf", "mqtt-3.1.1", "mqtt-3.1.1:MQTT-3.1.0-2", "it does not hear", "caught", [SECOND])],
        vacuity={"silent": []},
    )
    (runs / "quality.json").write_bytes(msgspec.json.encode(figures))
    done = run_testbed("report", "first", "second", "--site", "site", "--quality", "quality.json", cwd=runs)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f"site: {runs / 'site' / 'index.html'}\n")
    text = (runs / "site" / "index.html").read_text()
    assert "first" in text
    assert "second" in text


def test_the_journal_itself_may_be_named_and_a_run_twice(runs: Path) -> None:
    done = run_testbed("report", "first/journal.jsonl", "first", "./first/", cwd=runs)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("reports written") == 1


def test_known_failures_are_marked_as_in_the_run(runs: Path) -> None:
    (runs / "expected.toml").write_text(f'[[known]]\ncase = "*.{SECOND}"\nreason = "ticket 7"\n')
    assert run_testbed("report", "first", "--expect", "expected.toml", cwd=runs).returncode == 0
    cells = json.loads((runs / "first" / "results.json").read_text())["cells"]
    assert next(cell for cell in cells if cell["case"].endswith(SECOND))["known"]


def test_a_folder_without_journal_and_no_folder(runs: Path) -> None:
    for name, said in ((".", "holds no journal"), ("nowhere", "nowhere does not exist")):
        done = run_testbed("report", name, cwd=runs)
        assert done.returncode == 2
        assert said in done.stderr
        assert "name the folder that `testbed run` printed" in done.stderr


def test_two_runs_of_one_name(runs: Path) -> None:
    shutil.copytree(runs / "first", runs / "other" / "first")
    done = run_testbed("report", "first", "other/first", cwd=runs)
    assert done.returncode == 2
    assert "have one name; rename one of the folders" in done.stderr


def test_an_altered_journal_is_not_believed(runs: Path) -> None:
    journal = runs / "first" / "journal.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b'"fail"', b'"pass"', 1))
    (runs / "first" / "results.json").unlink()
    done = run_testbed("report", "first", cwd=runs)
    assert done.returncode == 3
    assert "the line was altered or lost" in done.stderr
    assert not (runs / "first" / "results.json").exists()


@pytest.mark.parametrize("content", [b"", b"{}\n", b"\xff\xfe\x00", b"[" * 100_000])
def test_a_journal_that_is_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_bytes(content)
    done = run_testbed("report", ".", cwd=tmp_path)
    assert done.returncode == 3
    assert "holds no run" in done.stderr


def test_a_journal_of_another_version(tmp_path: Path) -> None:
    from harness.journal import Journal

    journal = Journal(tmp_path / "old")
    journal.append("run", {"tool": "iot-testbed 0.0.1"})
    journal.close()
    done = run_testbed("report", "old", cwd=tmp_path)
    assert done.returncode == 3
    assert "old/journal.jsonl was written by another version of the test bed" in done.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read (No such file or directory)"),
        (b"{", "holds no figures of a qualification"),
        (b"\xff", "holds no figures of a qualification"),
        (b"[" * 100_000, "holds no figures of a qualification"),
        (b'{"profile": 1}', "holds no figures of a qualification"),
        (
            b'{"profile":"p","dut":"d","made":"","covered":0,"testable":0,"untried":0,"faults":[],"vacuity":{},'
            b'"format":"iot-testbed-quality/99"}',
            f"has the format 'iot-testbed-quality/99', not '{FORMATS['quality.schema.json'][1]}'",
        ),
    ],
    ids=["absent", "torn", "binary", "deep", "typed wrongly", "later"],
)
def test_figures_that_are_none(content: bytes | None, said: str, runs: Path) -> None:
    if content is not None:
        (runs / "q.json").write_bytes(content)
    done = run_testbed("report", "first", "--site", "site", "--quality", "q.json", cwd=runs)
    assert done.returncode == 2
    assert f"q.json: {said}" in done.stderr
    assert "testbed qualify --out FILE" in done.stderr
    assert not (runs / "site").exists()


def test_figures_without_a_site(runs: Path) -> None:
    done = run_testbed("report", "first", "--quality", "q.json", cwd=runs)
    assert done.returncode == 2
    assert "--site DIR" in done.stderr


def test_a_site_that_cannot_be_written(runs: Path) -> None:
    (runs / "site").write_text("a file")
    done = run_testbed("report", "first", "--site", "site", cwd=runs)
    assert done.returncode == 2
    assert "cannot be written" in done.stderr
    assert "remedy" in done.stderr
