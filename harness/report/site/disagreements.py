"""Where implementations split: the requirements that some keep and some break, the most even split first."""

from __future__ import annotations

from dataclasses import dataclass

from harness.report.reading import speaking
from harness.report.site.press import WORDS, Nav, Press
from harness.report.site.view import Run
from harness.results import Mark, RequirementInfo


@dataclass(frozen=True)
class Split:
    """A requirement and who answers it how."""

    name: str
    info: RequirementInfo | None
    keep: list[tuple[str, str]]
    #: What came instead -> (product, page) of those that did so.
    readings: dict[str, list[tuple[str, str]]]

    @property
    def broken(self) -> int:
        return sum(map(len, self.readings.values()))

    @property
    def evenness(self) -> float:
        """1.0 when half keep it and half break it; 0.0 when all agree."""
        fewer = min(len(self.keep), self.broken)
        return 2 * fewer / (len(self.keep) + self.broken) if fewer else 0.0


def splits(run: Run) -> list[Split]:
    """The requirements of a run on which its products disagree."""
    made: dict[str, Split] = {}
    for mark in run.results.marks:
        if mark.verdict not in ("pass", "fail"):
            continue
        split = made.setdefault(mark.requirement, Split(mark.requirement, run.infos.get(mark.requirement), [], {}))
        entry = (mark.dut, run.place_of(mark))
        if mark.verdict == "pass":
            split.keep.append(entry)
        else:
            split.readings.setdefault(_came(run, mark), []).append(entry)
    uneven = [split for split in made.values() if split.evenness]
    return sorted(uneven, key=lambda split: (-split.evenness, -split.broken, split.name))


def _came(run: Run, mark: Mark) -> str:
    """What a product did instead, in the words of the deciding finding."""
    for index in mark.cells:
        cell = run.results.cells[index]
        for finding in speaking(cell):
            if finding.requirement == mark.requirement:
                return finding.came or cell.reason
    return ""


def write(press: Press, run: Run, nav: Nav) -> None:
    """Write the page of disagreements of a run."""
    found = splits(run)
    for words in WORDS:
        path = f"{run.folder}/disagreements.html"
        title = words.t["disagreements"]
        press.put("disagreements.html.j2", path, words, title, nav=nav, run=run, splits=found)
