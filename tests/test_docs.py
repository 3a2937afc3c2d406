"""What the README and docs/ say holds: links lead somewhere, commands parse, files load, the worked examples run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from harness import profile
from harness.cli import COMMANDS, main_group
from harness.expected import Expected
from testbed.dut import Description
from testbed.files import convert, parse_toml
from testbed.launch import peers
from tests.command import HERE, need, peers_folder

ROOT = HERE.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.M | re.S)


def fences(page: Path) -> Iterator[tuple[str, str]]:
    """(language, text) of each fenced block, without its indentation."""
    for found in FENCE.finditer(page.read_text()):
        yield found[2], re.sub(f"^{found[1]}", "", found[3], flags=re.M)


def commands(page: Path) -> Iterator[tuple[str, bool]]:
    """Each line of shell that the page quotes, and whether it stands in a block (and so is whole)."""
    for language, text in fences(page):
        if language == "":
            for line in text.splitlines():
                yield line.removeprefix("$ "), True
    for found in re.finditer(r"`([^`\n]+)`", FENCE.sub("", page.read_text())):
        yield found[1], False


def anchors(page: Path) -> set[str]:
    """The anchors of the page's headings, as forges make them."""
    heads = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@by_page
def test_relative_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link} leads nowhere"
        assert target.is_relative_to(ROOT), f"{page.name}: {link} leaves the repository"
        if anchor:
            assert anchor in anchors(target), f"{page.name}: {link}: no such heading"


def parse(words: list[str], *, whole: bool) -> None:
    """Parse a command line of `testbed` without running it; click.UsageError when it is none."""
    command: click.Command = main_group
    context = click.Context(command, info_name="testbed")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name, *words = words
        found = command.get_command(context, name)
        if found is None:
            raise click.UsageError(f"testbed has no command {name!r}")
        command, context = found, click.Context(found, context, info_name=name)
    if isinstance(command, click.Group):
        return
    try:
        command.make_context(context.info_name, words, parent=context.parent)
    except click.MissingParameter:
        if whole:
            raise


@by_page
def test_commands_of_testbed_parse(page: Path) -> None:
    for line, whole in commands(page):
        if not line.startswith("testbed ") or "--version" in line or "--help" in line:
            continue
        words = [word for word in shlex.split(line, comments=True)[1:] if word != "..."]
        try:
            parse(words, whole=whole)
        except click.UsageError as error:
            pytest.fail(f"{page.name}: `{line}`: {error.format_message()}")


@by_page
def test_make_targets_and_peers_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    for line, _ in commands(page):
        made = re.match(r"make ([a-z]+)$", line)
        if made:
            assert made[1] in targets, f"{page.name}: {line}"
        if line.startswith("python -m testbed.peers.install "):
            for name in shlex.split(line, comments=True)[3:]:
                assert name in peers.known() or name == "NAME", f"{page.name}: {line}"


@by_page
def test_files_shown_are_files_that_load(page: Path, tmp_path: Path) -> None:
    for language, text in fences(page):
        if language != "toml":
            continue
        data = tomllib.loads(text)
        if "endpoints" in data:
            convert(parse_toml(text, page), Description, text, page)
        elif "known" in data:
            convert(parse_toml(text, page), Expected, text, page)
        elif "extends" in data:
            (tmp_path / f"{data['name']}.toml").write_text(text)
            assert profile.load(data["name"], [tmp_path]).name == data["name"]


def test_the_readme_names_every_known_peer_profile_and_command() -> None:
    text = (ROOT / "README.md").read_text()
    of_role: dict[str, list[str]] = {}
    for name in peers.known():
        of_role.setdefault(peers.find(name).role, []).append(name)
    for role, names in of_role.items():
        assert f"| `{role}` | {', '.join(names)} |" in text, "the peers of each role, in the order of their names"
    assert all(f"`{name}`" in text for name in profile.places() if name.startswith("mqtt-broker"))
    assert all(f"testbed {name}" in text for name in COMMANDS)


@by_page
def test_no_path_of_a_machine_is_told(page: Path) -> None:
    found = re.findall(r"(?<![\w.])/(?:root|home|work|tmp|Users)/\S*", page.read_text())
    assert not found, f"{page.name}: {found}"


def test_every_parameter_that_a_case_asks_for_is_described() -> None:
    text = (ROOT / "docs" / "describing-a-dut.md").read_text() + (ROOT / "docs" / "sparkplug.md").read_text()
    for file in [*(ROOT / "suites").rglob("*.py"), *(ROOT / "testbed" / "mqtt").rglob("*.py")]:
        for name in re.findall(r"\.parameter\(\"([a-z-]+)\"", file.read_text()):
            assert f"`{name}`" in text, f"{file.name} asks for the parameter {name}"


def test_the_picture_is_small_enough_for_a_slow_line() -> None:
    data = (ROOT / "docs" / "site.png").read_bytes()
    assert data.startswith(b"\x89PNG") and len(data) < 250_000


# -- the worked examples of docs/writing-a-case.md

GUIDE = ROOT / "docs" / "writing-a-case.md"


def run_pytest(*arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=180,
        env=kept | {"TESTBED_PEERS": str(peers_folder())} | env,
    )


def example(sign: str) -> str:
    """The first block of the guide that holds `sign`."""
    return next(text for _, text in fences(GUIDE) if sign in text)


def test_the_first_case_of_the_guide_runs(tmp_path: Path) -> None:
    need("mosquitto")
    (tmp_path / "test_mine.py").write_text(example("@case("))
    done = run_pytest("test_mine.py", "--dut", "mosquitto", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "8 passed" in done.stdout


def test_the_suite_of_the_guide_is_found_through_its_entry_points(tmp_path: Path) -> None:
    """What an installed package leaves behind is written by hand here, so that no index is asked."""
    need("mosquitto")
    package = tmp_path / "acme_suite"
    (package / "profiles").mkdir(parents=True)
    (package / "__init__.py").write_text(example("SUITE = Suite("))
    (package / "sleeping.py").write_text(example("@case("))
    (package / "profiles" / "__init__.py").touch()
    (package / "profiles" / "acme-gateway.toml").write_text(example('"acme_suite.*"'))
    project = tomllib.loads(example("[project.entry-points"))["project"]
    info = tmp_path / "acme_suite-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    groups = (
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
        for group, entries in project["entry-points"].items()
    )
    (info / "entry_points.txt").write_text("\n".join(groups))
    folder = tmp_path / "empty"
    folder.mkdir()
    there = {"PYTHONPATH": str(tmp_path)}
    done = run_pytest("--pyargs", "acme_suite", "--dut", "mosquitto", cwd=folder, **there)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout
    line = ("run", "acme-gateway", "--dut", "mosquitto", "--case", "acme_suite.*", "--out", "run")
    called = subprocess.run(
        [sys.executable, "-c", "from harness.cli import main; main()", *line],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"TESTBED_PEERS": str(peers_folder())} | there,
    )
    assert called.returncode == 0, called.stdout + called.stderr
    assert "mosquitto  acme-gateway  PASS" in called.stdout
