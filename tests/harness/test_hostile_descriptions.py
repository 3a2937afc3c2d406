"""Descriptions and profiles that nobody sane writes: one message, no traceback, nothing outside the run's folder."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from testbed.dut import read_description
from testbed.files import FileError, file_name, line_of, parse_toml
from tests.command import run_testbed

PROFILE = "mqtt-broker-5.0"


def described(folder: Path, name: str = "x", *, extra: str = "", file: str = "x.toml") -> Path:
    path = folder / file
    path.write_text(
        f'name = {name if name.startswith(chr(34)) else chr(34) + name + chr(34)}\nrole = "mqtt-broker"\n'
        f'[endpoints]\ndefault = "tcp://127.0.0.1:1"\n{extra}'
    )
    return path


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("../../x", ".._.._x"),
        ("/etc/passwd", "_etc_passwd"),
        ("a b", "a_b"),
        ("::1:1883", "_1_1883"),
        ("", "dut"),
        ("é" * 200, "_"),
        ("x" * 300, "x" * 60),
        ("..", ".."),
    ],
)
def test_a_name_as_a_file_name_stays_in_its_folder(name: str, file: str) -> None:
    assert file_name(name) == file
    assert "/" not in file_name(name)


@pytest.mark.parametrize(
    "name",
    [r'"\u001b[2J\u001b[31mowned"', r'"two\nlines"', '""', '" "', '"' + "x" * 101 + '"', r'"\u202egpj.exe"'],
)
def test_a_name_that_cannot_be_shown_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileError, match="name"):
        read_description(described(tmp_path, name))


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        ('[parameters]\npatience = "fast"\n', "parameters.patience"),
        ("[parameters]\npatience = -1\n", "parameters.patience"),
        ("[parameters]\nquiet = nan\n", "parameters.quiet"),
        ("[parameters]\nquiet = inf\n", "parameters.quiet"),
        ("[parameters]\npatience = true\n", "parameters.patience"),
        ('[identity]\npattern = "("\n', "identity.pattern"),
        ('[launch]\nhow = "process"\ncommand = []\n', "launch.command"),
        ('[launch]\nhow = "process"\ncommand = ["a\\u0000b"]\n', "launch.command"),
        ('[launch]\nhow = "process"\ncommand = ["true"]\nready = nan\n', "launch.ready"),
        ('[launch]\nhow = "address"\nready = -1\n', "launch.ready"),
    ],
)
def test_a_value_that_cannot_be_used_is_said_with_its_key(tmp_path: Path, extra: str, says: str) -> None:
    with pytest.raises(FileError, match=says):
        read_description(described(tmp_path, extra=extra))


def test_a_number_too_long_for_python_is_a_message() -> None:
    with pytest.raises(FileError, match="not TOML"):
        parse_toml("a = " + "9" * 5000, "x.toml")


@pytest.mark.parametrize(
    "line",
    ["[" + " " * 20_000 + "x", "[" + "a." * 20_000 + "b]", "x" * 200_000, '["' + '".' * 20_000 + "]", "[" * 100_000],
)
def test_a_line_made_to_be_slow_is_not(line: str) -> None:
    began = time.perf_counter()
    assert line_of(f"{line}\nname = 1", ["colour"]) == 0
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize(
    ("text", "keys", "line"),
    [
        ("a = 1\nb = 2\n", ["b"], 2),
        ("[t]\na = 1\n[u]\na = 2\n", ["u", "a"], 4),
        ("[t.u]\na = 1\n", ["t", "u", "a"], 2),
        ("t.u.a = 1\n", ["t", "u", "a"], 1),
        ('["a.b"]\nc = 1\n', ["a.b", "c"], 2),
        ("['a.b']\nc = 1\n", ["a.b", "c"], 2),
        ('"x y" = 1\n', ["x y"], 1),
        ("[t]\n", ["t", "missing"], 1),
        ("a = 1\n", ["z"], 0),
        ("", ["z"], 0),
        ("# a = 1\na = 2\n", ["a"], 2),
        ("[ t ]\n a = 1\n", ["t", "a"], 2),
        # What stands in a text of several lines is no key.
        ('[files]\nconf = """\n[launch]\nready = 1\n"""\n[launch]\nready = "x"\n', ["launch", "ready"], 7),
        ("[files]\nconf = '''\nready = 1\n'''\n[launch]\nready = 1\n", ["launch", "ready"], 6),
        ('a = """one line"""\nb = 1\n', ["b"], 2),
        # The number of an entry in a list of tables.
        ('[[known]]\nreason = "a"\n[[known]]\nreason = 5\n', ["known", 1, "reason"], 4),
        ('[[known]]\nreason = "a"\n[[known]]\nreason = 5\n', ["known", 0, "reason"], 2),
        ("[[known]]\n[[known]]\n", ["known", 1], 2),
    ],
)
def test_the_line_of_a_key(text: str, keys: list[str | int], line: int) -> None:
    assert line_of(text, keys) == line


def test_the_capture_of_a_device_named_like_a_path_stays_in_the_run(tmp_path: Path) -> None:
    from tests.command import device

    inside = tmp_path / "deep" / "er"
    inside.mkdir(parents=True)
    file = inside / device(inside, "polite", patience=0.3, quiet=0.05)
    file.write_text(file.read_text().replace('name = "polite"', 'name = "../../escaped"'))
    done = run_testbed(
        "run", "mqtt-broker-3.1.1", "--dut", file.name, "--case", "mqtt.broker.ping.*", "--out", "run", cwd=inside
    )
    assert done.returncode in (0, 1, 3), done.stderr
    assert list((inside / "run").glob("*.pcapng"))
    assert not [path for path in tmp_path.rglob("*.pcapng") if path.parent != inside / "run"]


def test_a_slash_in_a_name_does_not_end_the_run(tmp_path: Path) -> None:
    from tests.command import device

    file = tmp_path / device(tmp_path, "polite", patience=0.3, quiet=0.05)
    file.write_text(file.read_text().replace('name = "polite"', 'name = "acme/broker"'))
    done = run_testbed(
        "run", "mqtt-broker-3.1.1", "--dut", file.name, "--case", "mqtt.broker.ping.*", "--out", "run", cwd=tmp_path
    )
    assert done.returncode in (0, 1), done.stderr


def test_a_profile_whose_patience_is_no_time_is_refused(tmp_path: Path) -> None:
    from harness.profile import load

    path = tmp_path / "p.toml"
    path.write_text(
        'name = "p"\nversion = "1"\nrole = "mqtt-broker"\nedition = "mqtt-5.0"\n[parameters]\npatience = "x"\n'
    )
    with pytest.raises(FileError, match=r"parameters.patience: 'x' is no time"):
        load(str(path))


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example"])
def test_a_host_that_is_no_name_is_said_in_words(tmp_path: Path, host: str) -> None:
    done = run_testbed("run", PROFILE, "--dut", f"{host}:1883", "-k", "ping", "--out", "run", cwd=tmp_path)
    assert done.returncode == 3
    assert "has no address" in done.stderr and "remedy" in done.stderr
    assert "error of the test bed" not in done.stderr
