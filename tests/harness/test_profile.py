"""Profiles: inheritance, and errors that name file, line and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import profile
from testbed.files import FileError


def put(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.toml"
    path.write_text(text)
    return path


def test_ours_load_and_select_broker_cases() -> None:
    for name, edition in (("mqtt-broker-3.1.1", "mqtt-3.1.1"), ("mqtt-broker-5.0", "mqtt-5.0")):
        loaded = profile.load(name)
        assert (loaded.role, loaded.edition, loaded.levels) == ("mqtt-broker", edition, ("MUST",))


def test_the_younger_word_wins_and_tables_are_joined(tmp_path: Path) -> None:
    put(
        tmp_path,
        "city",
        'name = "city"\nversion = "2"\nextends = "mqtt-broker-3.1.1"\n'
        '[required]\nwildcards = ""\n[parameters]\nquiet = 1.0\n',
    )
    loaded = profile.load("city", [tmp_path])
    parent = profile.load("mqtt-broker-3.1.1")
    assert loaded.edition == parent.edition and loaded.select == parent.select
    assert set(loaded.required) == {*parent.required, "wildcards"}
    assert loaded.parameters == {"quiet": 1.0}
    assert loaded.digest != parent.digest


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ('name = "x"\nversion = "1"\nextends = "x"\n', 3, "inherits itself (x -> x)"),
        ('name = "x"\nversion = "1"\nextends = "gone"\n', 3, "extends 'gone', which is nowhere"),
        ('name = "x"\nversion = "1"\n[select]\nsuites = ["mqtt"]\ncasses = ["a"]\n', 5, "unknown field `casses`"),
        ('name = "x"\nversion = 1\nrole = "r"\nedition = "e"\n', 2, "Expected `str`, got `int`"),
        ('name = "x"\nversion = "1\n', 2, "is not TOML"),
        ('name = "x"\nversion = "1"\n', 0, "says no role"),
        (
            'name = "x"\nversion = "1"\nrole = "r"\nedition = "e"\nlevels = ["MUSST"]\n',
            5,
            "Invalid enum value 'MUSST'",
        ),
    ],
)
def test_a_wrong_file_is_said_with_its_line(tmp_path: Path, text: str, line: int, says: str) -> None:
    put(tmp_path, "x", text)
    with pytest.raises(FileError) as caught:
        profile.load("x", [tmp_path])
    assert says in str(caught.value)
    assert "remedy: " in str(caught.value)
    assert caught.value.line == line


def test_an_unknown_name_gets_a_suggestion() -> None:
    with pytest.raises(FileError, match=r"did you mean mqtt-broker-5\.0"):
        profile.load("mqtt-broker-50")
