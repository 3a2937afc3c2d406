"""Which cells are meant, and who answers to a name."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from harness.case import Case
from harness.judge import reproduce
from harness.plan import PlannedCell
from harness.requirement import Citation
from harness.selection import chooser, nothing
from harness.targets import description, descriptions
from testbed.files import FileError


async def it_works(handle: object) -> None: ...


def planned(id: str = "mqtt.broker.connect.it_works", row: str = "", dut: str = "box") -> PlannedCell:
    case = Case(id, it_works, (Citation("mqtt-5.0", "MQTT-3.1.0-2"),), aliases=("mqtt.broker.old.it_worked",))
    return PlannedCell(case, row, "mqtt-5.0", dut, "prog")


@pytest.mark.parametrize(
    ("pattern", "chosen"),
    [
        ("mqtt.broker.connect.it_works", True),
        ("it_works", True),
        ("*.it_works", True),
        ("mqtt.broker.connect.*", True),
        ("mqtt.broker.old.it_worked", True),
        ("works", False),
        ("it_work", False),
        ("mqtt.broker.connect.it_works[one]", True),
        ("mqtt.broker.connect.it_works[two]", False),
        ("mqtt.broker.connect.it_works[one,mqtt-5.0,box]", True),
        ("it_works[one]", True),
        ("it_works[on*]", False),
        ("*.it_works[on*]", True),
        ("*[one*", True),
    ],
)
def test_a_case_is_chosen_by_id_name_alias_row_and_glob(pattern: str, chosen: bool) -> None:
    assert chooser(cases=[pattern])(planned(row="one")) is chosen


@pytest.mark.parametrize(
    ("pattern", "chosen"),
    [
        ("mqtt-5.0:MQTT-3.1.0-2", True),
        ("MQTT-3.1.0-2", True),
        ("3.1.0-2", True),
        ("3.1.*", True),
        ("3.1.0", False),
        ("mqtt-3.1.1:MQTT-3.1.0-2", False),
    ],
)
def test_a_requirement_is_named_with_or_without_its_prefix(pattern: str, chosen: bool) -> None:
    assert chooser(requirements=[pattern])(planned()) is chosen


@pytest.mark.parametrize(
    ("words", "chosen"),
    [("works", True), ("WORKS and connect", True), ("not box", False), ("3.1.0-2", True), ("other or box", True)],
)
def test_keywords_are_those_of_pytest(words: str, chosen: bool) -> None:
    assert chooser(keywords=words)(planned()) is chosen


def test_an_expression_that_is_none_is_said_in_words() -> None:
    with pytest.raises(LookupError, match="write words with and, or, not"):
        chooser(keywords="a b c (")


def test_what_is_left_of_nothing_is_guessed() -> None:
    assert "did you mean it_works" in nothing(["it_work"], [], "", [planned()])
    assert "--requirement 9" in nothing([], ["9"], "", [planned()])


@pytest.mark.parametrize("row", ["", "one", "0x18 continue", "a, b", "and (or", "QoS=1; 2", "it's", "[x]", "ä*?"])
def test_the_command_that_shows_a_cell_again_chooses_it_and_no_other_row(row: str) -> None:
    cell = planned(row=row)
    words = shlex.split(reproduce(cell))
    assert words[:5] == ["testbed", "run", "prog", "--dut", "box"]
    assert words[5] == "--case" and len(words) == 7
    chosen = chooser(cases=[words[6]])
    assert chosen(cell)
    if row:
        assert not chosen(planned(row="another"))


@pytest.mark.parametrize(
    ("text", "name", "endpoint"),
    [
        ("127.0.0.1:1883", "127.0.0.1:1883", "tcp://127.0.0.1:1883"),
        ("tcp://a.example:1", "a.example:1", "tcp://a.example:1"),
        ("tls://a.example:8883", "a.example:8883", "tls://a.example:8883"),
        ("[::1]:1883", "::1:1883", "tcp://[::1]:1883"),
        ("tls://[fe80::1%eth0]:8883", "fe80::1%eth0:8883", "tls://[fe80::1%eth0]:8883"),
        ("ws://a.example:80", "a.example:80", "ws://a.example:80/mqtt"),
        ("wss://a.example:443/b?c=d", "a.example:443", "wss://a.example:443/b?c=d"),
        ("unix:///run/mqtt.sock", "/run/mqtt.sock", "unix:///run/mqtt.sock"),
    ],
)
def test_an_address_is_a_device(text: str, name: str, endpoint: str) -> None:
    found, folder = description(text, "mqtt-broker")
    assert (found.name, found.endpoints, folder) == (name, {"default": endpoint}, None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("127.0.0.1:0", "from 1 to 65535"),
        ("127.0.0.1:70000", "from 1 to 65535"),
        ("ftp://a:1", "must be tcp, tls, ws, wss or unix"),
        ("tcp://a:1/b", "nothing may follow the port"),
        ("ws://a", "write ws://host:port"),
        ("unix://run/mqtt.sock", "write unix:///path/to/socket"),
        ("::1:1883", "neither a known peer"),
        ("mosqito", "did you mean 'mosquitto'"),
        ("127.0.0.1", "neither a known peer"),
        ("a b:1", "neither a known peer"),
        ("", "neither a known peer"),
    ],
)
def test_what_is_no_device_is_said_in_words(text: str, says: str) -> None:
    with pytest.raises(LookupError, match=says):
        description(text, "mqtt-broker")


def test_devices_of_one_name_are_told_apart_and_keep_their_folders(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "d.toml").write_text(
            'name = "d"\nrole = "mqtt-broker"\n[endpoints]\ndefault = "tcp://127.0.0.1:1"\n'
        )
    texts = [str(tmp_path / folder / "d.toml") for folder in ("a", "b")]
    found, folders, given = descriptions([*texts, "127.0.0.1:1", "127.0.0.1:1"], "mqtt-broker")
    assert [one.name for one in found] == ["d", "d-2", "127.0.0.1:1", "127.0.0.1:1-2"]
    assert given["d-2"] == texts[1]
    assert folders == {"d": tmp_path / "a", "d-2": tmp_path / "b"}


def test_a_folder_is_no_description(tmp_path: Path) -> None:
    (tmp_path / "d.toml").mkdir()
    with pytest.raises(FileError, match="cannot be read"):
        description(str(tmp_path / "d.toml"), "mqtt-broker")
