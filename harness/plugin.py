"""The pytest plug-in: a case is a pytest item.

    pytest --pyargs suites.mqtt --dut mosquitto

Items are collected per case, edition and DUT, judged ahead on a thread of their own, and reported in pytest's
order. A failed verdict is a failure; inconclusive and error are errors (never skips); not-applicable is a skip
with the claim that decided it. Everything of the harness is loaded only when there are cases to run.
"""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Generator, Iterable
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

MARKERS = {
    "requirement(id)": "a requirement the case cites",
    "dut(name)": "the device under test",
    "edition(name)": "the edition of the standard",
    "exclusive": "the case takes the device alone",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("testbed", "conformance test bed")
    group.addoption(
        "--dut",
        action="append",
        default=[],
        metavar="DUT",
        help="device under test: known peer, host:port, FILE.toml",
    )
    group.addoption(
        "--testbed-profile",
        action="append",
        default=[],
        metavar="NAME",
        help="profile to judge by (default: every known one that fits the device)",
    )
    group.addoption("--testbed-lanes", type=int, default=128, metavar="N", help="cells at once on a device [128]")
    group.addoption("--testbed-out", metavar="DIR", help="folder of the run [results/<time>-pytest]")


def pytest_configure(config: pytest.Config) -> None:
    for name, text in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {text}")


@cache
def _roots() -> dict[Path, str]:
    """Folder of each installed suite -> its package; found without loading a case."""
    found: dict[Path, str] = {}
    for entry in entry_points(group="testbed.suites"):
        spec = importlib.util.find_spec(entry.module)
        for place in (spec.submodule_search_locations or []) if spec else []:
            found[Path(place)] = entry.module
    return found


def _module(path: Path) -> str:
    """The module a file of a suite is; empty for files elsewhere."""
    for root, package in _roots().items():
        if path.is_relative_to(root):
            parts = path.relative_to(root).with_suffix("").parts
            return ".".join((package, *(part for part in parts if part != "__init__")))
    return ""


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.suffix == ".py" and file_path.name != "__init__.py" and _module(file_path):
        return CaseFile.from_parent(parent, path=file_path)
    return None


def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> Iterable[pytest.Item] | None:
    """Cases in ordinary test modules, outside any suite."""
    # A case is a function; anything else must not even be asked, as a proxy may raise.
    if not inspect.isfunction(obj) or getattr(obj, "case", None) is None:
        return None
    if _module(collector.path):
        return []
    from harness.case import Case

    return list(_items(collector, [obj.case])) if isinstance(obj.case, Case) else None  # type: ignore[attr-defined]


class CaseFile(pytest.File):
    """A module of a suite."""

    def collect(self) -> Iterable[pytest.Item]:
        from harness.case import cases_of

        yield from _items(self, cases_of(importlib.import_module(_module(self.path))))


def _items(parent: pytest.Collector, cases: Iterable[Any]) -> Iterable[CaseItem]:
    session = _session(parent.config)
    for case in cases:
        for cell in session.cells_of(case):
            name = f"{case.name}{cell.id[len(case.id) :]}"
            # Given as text, so that a pytest that takes ids apart finds it again in its cache (--lf, --ff, --nf).
            yield CaseItem.from_parent(parent, name=name, nodeid=f"{parent.nodeid}::{name}", cell=cell)


_KEY = pytest.StashKey[Any]()


def _session(config: pytest.Config) -> Any:
    """The conformance session of this pytest run, made when the first case is collected."""
    if _KEY not in config.stash:
        from harness.pytest_session import ConformanceSession

        config.stash[_KEY] = ConformanceSession(config)
    return config.stash[_KEY]


class CaseItem(pytest.Item):
    """One cell as a pytest item."""

    def __init__(self, *, cell: Any, **options: Any) -> None:
        super().__init__(**options)
        self.cell = cell
        self.result: Any = None
        self.obj = cell.case.run
        for id in cell.requirements:
            self.add_marker(pytest.mark.requirement(id))
            self.extra_keyword_matches.add(id.partition(":")[2])
        self.add_marker(pytest.mark.dut(cell.dut))
        self.add_marker(pytest.mark.edition(cell.edition))
        if cell.case.alone(cell.row):
            self.add_marker(pytest.mark.exclusive)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.cell.case.place[1] - 1, self.name

    def setup(self) -> None:
        from harness.pytest_session import NotJudged

        self.result = result = _session(self.config).result(self.cell)
        self.user_properties += [
            ("verdict", result.verdict),
            ("requirements", " ".join(result.requirements)),
            ("dut", result.dut),
            ("edition", result.edition),
        ]
        if result.verdict == "not-applicable":
            pytest.skip(f"not applicable ({result.claim}): {result.reason}")
        if result.verdict in ("inconclusive", "error"):
            raise NotJudged(result)

    def runtest(self) -> None:
        from harness.pytest_session import Nonconformance

        if self.result.verdict == "fail":
            raise Nonconformance(self.result)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        from harness.pytest_session import Nonconformance, NotJudged, explained

        if isinstance(excinfo.value, Nonconformance | NotJudged):
            return explained(excinfo.value.result)
        return super().repr_failure(excinfo, style)


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    items = [item for item in getattr(session, "items", []) if isinstance(item, CaseItem)]
    option = session.config.option
    broken = session.testsfailed and not option.continue_on_collection_errors
    if not items or option.collectonly or broken:
        return (yield)
    conformance = _session(session.config)
    conformance.start([item.cell for item in items])
    try:
        return (yield)
    finally:
        conformance.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if isinstance(item, CaseItem) and item.result is not None:
        deciding = "setup" if report.when == "setup" and not report.passed else "call"
        report.duration = item.result.seconds if report.when == deciding else 0.0
    return report


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if _KEY in config.stash and config.stash[_KEY].folder is not None:
        terminalreporter.write_line(f"conformance evidence: {config.stash[_KEY].folder}")
