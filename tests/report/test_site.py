"""The site as a browser meets it: well formed, whole, mute towards the network, deaf to what devices inject."""

from __future__ import annotations

import string
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import msgspec
import pytest
from factory import HOSTILE, make, quality

from harness.report.filenames import slug
from harness.report.site import conversation, write_site
from harness.report.site.cells import wireshark
from harness.report.site.messages import LANGUAGES, messages
from harness.report.site.view import is_open, view
from harness.results import Results

VOID = {"meta", "link", "input", "br", "img", "hr"}


@dataclass
class Page(HTMLParser):
    """A page read strictly: every end tag must close what is open."""

    ids: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    resources: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    attributes: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    language: str = ""
    _open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.attributes |= values.keys()
        self.language = values["lang"] if tag == "html" else self.language
        self.ids += [values["id"]] if "id" in values else []
        if len(values) < len(attrs):
            self.faults.append(f"<{tag}> repeats an attribute")
        if tag == "a":
            self.links.append(values["href"])
        elif "href" in values or "src" in values:
            self.resources.append(values.get("href") or values["src"])
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.faults.append(f"</{tag}> closes nothing, line {self.getpos()[0]}")

    def finish(self) -> Page:
        self.close()
        self.faults += [f"<{tag}> stays open" for tag in self._open]
        return self


@dataclass(frozen=True)
class Site:
    folder: Path
    runs: list[Results]
    pages: dict[Path, Page]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("site")
    capture = folder / "source.pcapng"
    capture.write_bytes(b"\n\r\r\n")
    runs = [
        make(34, 4, seed=2, run="2026-01-20", started="2026-01-20T08:00:00Z", broken=0.3),
        make(34, 4, broken=0.3),
    ]
    attachments = {f"{run.run}/{dut.capture}": capture for run in runs for dut in run.duts}
    attachments[f"{runs[0].run}/results.json"] = capture
    index = write_site(runs, folder / "out", [quality(runs[1])], attachments)
    assert index == folder / "out" / "index.html"
    pages: dict[Path, Page] = {}
    for path in (folder / "out").rglob("*.html"):
        page = Page()
        page.feed(path.read_text(encoding="utf-8"))
        pages[path] = page.finish()
    return Site(folder / "out", runs, pages)


def test_every_page_is_well_formed(site: Site) -> None:
    faults = {path.name: page.faults for path, page in site.pages.items() if page.faults}
    assert not faults
    for path, page in site.pages.items():
        assert page.tags.count("h1") == 1, path
        assert page.tags.count("main") == 1, path
        assert len(page.ids) == len(set(page.ids)), path


def test_every_link_leads_somewhere_within_the_site(site: Site) -> None:
    for path, page in site.pages.items():
        for link in page.links + page.resources:
            if link.startswith("https://"):
                assert link.endswith(".example/"), "only a vendor's home page is outside"
                continue
            target, _, part = link.partition("#")
            aim = (path.parent / unquote(target)).resolve() if target else path
            assert aim.is_file(), (path, link)
            assert aim.is_relative_to(site.folder)
            if part:
                assert part in site.pages[aim].ids, (path, link)


def test_nothing_is_fetched_from_elsewhere(site: Site) -> None:
    for path, page in site.pages.items():
        names = sorted(Path(resource).name for resource in page.resources)
        assert names == ["script.js", "style.css"], path
    for name in ("style.css", "script.js"):
        text = (site.folder / name).read_text(encoding="utf-8")
        for word in ("http:", "https:", "url(", "@import", "fetch(", "XMLHttp", "import("):
            assert word not in text


def test_what_devices_say_stays_text(site: Site) -> None:
    for path, page in site.pages.items():
        assert page.tags.count("script") == 1, path
        assert not {name for name in page.attributes if name.startswith("on")}, path
        assert not [link for link in page.links if link.lower().startswith(("javascript:", "data:"))], path
        text = path.read_text(encoding="utf-8")
        for trick in ("<script>alert", "\u202e", "\x1b", "\x00", "{{ 49 }}"):
            assert trick not in text, path


def test_both_languages_have_every_page(site: Site) -> None:
    english = {
        path.relative_to(site.folder) for path in site.pages if "zh" not in path.relative_to(site.folder).parts[:1]
    }
    chinese = {path.relative_to(site.folder / "zh") for path in site.pages if path.is_relative_to(site.folder / "zh")}
    assert english == chinese
    for path, page in site.pages.items():
        assert page.language == ("zh-CN" if path.is_relative_to(site.folder / "zh") else "en")


def test_every_cell_of_the_matrix_leads_to_its_cell(site: Site) -> None:
    run = view(site.runs[1], {})
    for sheet in run.sheets:
        links = set(site.pages[site.folder / run.folder / sheet.path].links)
        for info in sheet.requirements:
            assert run.requirement_page(info.id) in links
            for dut in sheet.duts:
                mark = run.marks.get((info.id, dut.name))
                assert mark is None or run.place_of(mark) in links


def test_a_failing_cell_shows_why_and_how_to_see_it_again(site: Site) -> None:
    run = view(site.runs[1], {})
    index = next(i for i, cell in enumerate(run.results.cells) if cell.verdict == "fail" and ".." not in cell.dut)
    cell = run.results.cells[index]
    path = site.folder / run.folder / run.places[index]
    text = unescape(path.read_text(encoding="utf-8"))
    for part in (
        cell.command,
        cell.findings[1].came,
        'frame.comment contains "',
        run.infos[cell.requirements[0]].clause,
    ):
        assert part in text
    frame = cell.findings[1].frame
    assert frame < 0 or f'class="r bad" id="f{frame}"' in text or f'class="s bad" id="f{frame}"' in text
    assert any(link.endswith(".pcapng") or "/files/" in link for link in site.pages[path].links)


def test_a_cell_names_what_became_of_it_in_other_runs(site: Site) -> None:
    first, second = (view(results, {}) for results in site.runs)
    index = next(i for i, cell in enumerate(second.results.cells) if is_open(cell))
    page = site.pages[site.folder / second.folder / second.places[index]]
    ids = [cell.id for cell in first.results.cells]
    assert f"../../{first.folder}/{first.places[ids.index(second.results.cells[index].id)]}" in page.links


def test_settled_cells_share_a_page_by_case(site: Site) -> None:
    run = view(site.runs[1], {})
    for index, cell in enumerate(run.results.cells):
        if not is_open(cell):
            page, _, part = run.places[index].partition("#")
            assert page.startswith("cases/") and part in site.pages[site.folder / run.folder / page].ids


def test_the_quality_page_names_what_escaped(site: Site) -> None:
    text = unescape((site.folder / "quality.html").read_text(encoding="utf-8"))
    for fault in quality(site.runs[1]).faults:
        assert (f">{fault.name[:7]}" in text) or fault.outcome == "caught"
    assert "missed" in text and "never found anything to break" in text


def test_runs_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="different names"):
        write_site([make(), make()], tmp_path)


def test_an_empty_run_still_makes_a_site(tmp_path: Path) -> None:
    bare = msgspec.structs.replace(
        make(), duts=[], cells=[], marks=[], conformance=[], requirements=[], profiles=[], complete=False
    )
    text = write_site([bare], tmp_path).read_text(encoding="utf-8")
    assert "interrupted" in text
    assert write_site([], tmp_path / "none").is_file()


def test_attachments_cannot_leave_the_site(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"x")
    run = make()
    keys = [f"{run.run}/../../../escaped.pcapng", f"{run.run}/{HOSTILE}", f"{run.run}//etc/passwd", "other/run.json"]
    write_site([run], tmp_path / "out", attachments=dict.fromkeys(keys, tmp_path / "source"))
    copied = [path for path in (tmp_path / "out" / "files").rglob("*") if path.is_file()]
    assert len(copied) == 3
    assert {path.name for path in tmp_path.iterdir()} == {"source", "out"}


def test_the_catalogue_has_every_message_in_every_language() -> None:
    spoken = {language: messages(language) for language in LANGUAGES}
    for key, text in spoken["en"].items():
        fields = {name for _, name, _, _ in string.Formatter().parse(text)}
        assert fields == {name for _, name, _, _ in string.Formatter().parse(spoken["zh"][key])}, key


def test_no_message_is_idle() -> None:
    here = Path(conversation.__file__).parent
    source = "".join(path.read_text(encoding="utf-8") for path in [*here.rglob("*.j2"), *here.glob("*.py")])
    made = ("verdict_", "source_", "outcome_")
    for key in messages("en"):
        used = f"t.{key}" in source or f'["{key}"]' in source or f"['{key}']" in source
        assert used or key.startswith(made) or f"'{key.removesuffix('_why')}'" in source, key


def test_a_dropped_middle_keeps_the_numbers_of_what_follows() -> None:
    cell = next(cell for cell in make(broken=0.9).cells if cell.verdict == "fail")
    numbers = [number for number, _ in conversation.numbered(cell)]
    half = len(cell.frames) // 2
    assert numbers[:half] == list(range(half))
    assert numbers[half] == half + cell.frames_dropped


def test_a_filter_for_wireshark_is_quoted() -> None:
    cell = msgspec.structs.replace(make().cells[0], id='a"b\\c')
    assert wireshark(cell) == 'frame.comment contains "a\\"b\\\\c"'


def test_page_names_do_not_collide() -> None:
    run = view(make(60, 20, hostile=False), {})
    assert len(set(run.places)) == len(run.places)
    assert len({slug(info.id, 64) for info in run.results.requirements}) == len(run.results.requirements)
