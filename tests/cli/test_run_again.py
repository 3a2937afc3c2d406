"""A run is resumed and shown again by what it wrote down itself, from wherever one stands."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from harness import journal
from tests.command import device, run_testbed

PROFILE = "mqtt-broker-3.1.1"
SECOND = "a_second_connect_closes_the_connection"


def cells(folder: Path) -> list[dict]:  # type: ignore[type-arg]
    return json.loads((folder / "results.json").read_text())["cells"]


def test_the_command_of_a_failing_cell_shows_it_again(tmp_path: Path) -> None:
    name = device(tmp_path, "polite", patience=0.3, quiet=0.05)
    (tmp_path / "devices").mkdir()
    (tmp_path / name).rename(tmp_path / "devices" / name)
    chosen = ("--case", "mqtt.broker.fixed_header.*", "--case", SECOND)
    run_testbed("run", PROFILE, "--dut", f"devices/{name}", *chosen, "--out", "run", cwd=tmp_path)
    found = [cell for cell in cells(tmp_path / "run") if not cell["case"].startswith("claim.")]
    failing = [cell for cell in found if cell["verdict"] == "fail"]
    failing = [*(c for c in failing if c.get("row"))][:1] + [c for c in failing if not c.get("row")][:1]
    assert len(failing) == 2
    for number, cell in enumerate(failing):
        words = shlex.split(cell["command"])
        done = run_testbed(*words[1:], "--out", f"again{number}", cwd=tmp_path)
        assert done.returncode == 1, done.stderr
        again = [c["id"] for c in cells(tmp_path / f"again{number}") if not c["case"].startswith("claim.")]
        assert again == [cell["id"]]


def _without_the_last_cell(folder: Path) -> None:
    lines = (folder / journal.NAME).read_bytes().splitlines(keepends=True)
    last = max(number for number, line in enumerate(lines) if b'"kind":"cell"' in line)
    (folder / journal.NAME).write_bytes(b"".join(lines[:last]))


def test_a_run_is_resumed_from_another_folder(tmp_path: Path) -> None:
    name = device(tmp_path, "polite", patience=0.3, quiet=0.05)
    chosen = ("--case", SECOND, "--repeat", "3")
    run_testbed("run", PROFILE, "--dut", name, *chosen, "--out", "run", cwd=tmp_path)
    _without_the_last_cell(tmp_path / "run")
    (tmp_path / "elsewhere").mkdir()
    done = run_testbed("run", "--resume", "../run", cwd=tmp_path / "elsewhere")
    assert done.returncode == 1, done.stderr
    (cell,) = [c for c in cells(tmp_path / "run") if c["case"].endswith(SECOND)]
    assert cell["repeats"] == ["fail"] * 3
    told = [r for r in journal.read(tmp_path / "run" / journal.NAME) if r.kind == "cell"]
    keys = [(r.data["cell"]["id"], r.data["repeat"]) for r in told]
    assert len(keys) == len(set(keys)), "nothing is judged twice"


def test_a_device_that_became_another_build_is_not_judged_on(tmp_path: Path) -> None:
    name = device(tmp_path, "polite", patience=0.3, quiet=0.05)
    file = tmp_path / name
    (tmp_path / "firmware").write_text("one")
    file.write_text(file.read_text() + f'[identity]\nfiles = ["{tmp_path}/firmware"]\n')
    run_testbed("run", PROFILE, "--dut", name, "--case", SECOND, "--repeat", "2", "--out", "run", cwd=tmp_path)
    _without_the_last_cell(tmp_path / "run")
    (tmp_path / "firmware").write_text("two")
    done = run_testbed("run", "--resume", "run", cwd=tmp_path)
    assert done.returncode in (1, 3), done.stdout + done.stderr
    assert "error" in next(c["repeats"] for c in cells(tmp_path / "run") if c["case"].endswith(SECOND))
    assert "is another build" in done.stderr


def test_a_run_of_pytest_is_not_resumed(tmp_path: Path) -> None:
    name = device(tmp_path, "polite", patience=0.3, quiet=0.05)
    run_testbed("run", PROFILE, "--dut", name, "--case", SECOND, "--out", "run", cwd=tmp_path)
    records = journal.read(tmp_path / "run" / journal.NAME)
    other = journal.Journal(tmp_path / "pytest")
    other.append("run", records[0].data | {"asked": {}})
    other.close()
    done = run_testbed("run", "--resume", "pytest", cwd=tmp_path)
    assert done.returncode == 2
    assert "cannot be resumed" in done.stderr


def test_two_profiles_that_share_cells_are_refused(tmp_path: Path) -> None:
    """A cell belongs to one profile: the other would be judged by what is left."""
    (tmp_path / "mine.toml").write_text(
        f'name = "mine"\nversion = "1"\nextends = "{PROFILE}"\n[select]\ncases = ["*ping*"]\n'
    )
    name = device(tmp_path, "polite", patience=0.3, quiet=0.05)
    arguments = ("--dut", name, "--case", SECOND)
    done = run_testbed("run", PROFILE, "mine.toml", *arguments, "--out", "run", cwd=tmp_path)
    assert done.returncode == 2
    assert "mine" in done.stderr and PROFILE in done.stderr and "one after the other" in done.stderr
    twice = run_testbed("run", PROFILE, PROFILE, *arguments, "--out", "twice", cwd=tmp_path)
    assert twice.returncode == 1, twice.stderr
    assert twice.stdout.count(f"polite  {PROFILE}") == 1


def test_the_folder_of_a_run_is_named_by_the_profile_and_not_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(f'name = "mine"\nversion = "1"\nextends = "{PROFILE}"\n')
    name = device(tmp_path, "polite", patience=0.3, quiet=0.05)
    run_testbed("run", str(tmp_path / "mine.toml"), "--dut", name, "--case", SECOND, cwd=tmp_path)
    (folder,) = (tmp_path / "results").iterdir()
    assert folder.name.endswith("-mine")
    assert (folder / journal.NAME).exists()
