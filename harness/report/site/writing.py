"""The whole site, from runs and measurements to a folder of files."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

from harness.report.filenames import slug
from harness.report.site import cells, disagreements, index, matrix, products, requirements
from harness.report.site import quality as figures
from harness.report.site.cells import Past
from harness.report.site.press import Nav, Press
from harness.report.site.view import Run, view
from harness.results import FaultResult, Quality, Results

#: Files that every page uses.
ASSETS = ("style.css", "script.js")


def write_site(
    runs: Sequence[Results],
    folder: Path,
    quality: Sequence[Quality] = (),
    attachments: Mapping[str, Path] | None = None,
) -> Path:
    """Write the site of `runs` into `folder` and return its `index.html`.

    `attachments` are files to copy in, by `<run>/<name>`, where the name is a DUT's capture or log (its pages link
    it) or anything else (the index lists it). Whatever else is in `folder` stays. `ValueError` when two runs
    have one name, since one would hide the other.
    """
    names = [results.run for results in runs]
    if len({slug(name) for name in names}) < len(names):
        raise ValueError(f"expected runs of different names, came {', '.join(sorted(names))}; give each run its own")
    folder.mkdir(parents=True, exist_ok=True)
    press = Press(folder)
    views = [
        view(results, _attach(folder, results.run, attachments or {}))
        for results in sorted(runs, key=lambda results: results.started)
    ]
    for name in ASSETS:
        folder.joinpath(name).write_bytes(resources.files("harness.report.site").joinpath(name).read_bytes())
    measured = [figures.figures(one) for one in quality]
    faults = _faults(quality)
    history = _history(views)
    for number, run in enumerate(views):
        nav = Nav(run.folder, [(sheet.title, sheet.path) for sheet in run.sheets], bool(measured))
        matrix.write(press, run, nav)
        cells.write(press, run, nav, history)
        products.write(press, run, nav, views[:number])
        requirements.write(press, run, nav, faults)
        disagreements.write(press, run, nav)
    latest = Nav("", [], bool(measured))
    if measured:
        figures.write(press, views, measured, latest)
    return index.write(press, views, measured, latest)


def _attach(folder: Path, run: str, attachments: Mapping[str, Path]) -> dict[str, str]:
    """Copy the files of one run; name within the run -> path from the root of the site."""
    copied: dict[str, str] = {}
    for key, source in attachments.items():
        if not key.startswith(f"{run}/"):
            continue
        name = key.removeprefix(f"{run}/")
        stem, dot, suffix = name.rpartition(".")
        safe = slug(stem or suffix) + (f".{slug(suffix, 12)}" if stem and dot else "")
        target = folder / "files" / slug(run) / safe
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        copied[name] = target.relative_to(folder).as_posix()
    return copied


def _faults(quality: Sequence[Quality]) -> dict[str, list[tuple[FaultResult, str, str]]]:
    faults: dict[str, list[tuple[FaultResult, str, str]]] = {}
    for one in quality:
        for fault in one.faults:
            faults.setdefault(fault.requirement, []).append((fault, one.profile, one.dut))
    return faults


def _history(views: Sequence[Run]) -> dict[str, list[Past]]:
    """What became of every cell in every run; empty for a single run, which has no past."""
    history: dict[str, list[Past]] = {}
    for run in views if len(views) > 1 else ():
        for cell, place in zip(run.results.cells, run.places, strict=True):
            past = Past(run.results.run, run.results.started, cell.verdict, f"{run.folder}/{place}")
            history.setdefault(cell.id, []).append(past)
    return history
