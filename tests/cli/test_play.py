"""`testbed play`, traces, and the cases made of them, as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from harness import formats, trace
from tests.command import need, run_testbed

MOVES = {
    "loses a will": [
        {"do": "connect", "who": "a", "clean": False, "kept": True, "will": {"topic": "x"}},
        {"do": "connect", "who": "a", "clean": False, "kept": True},
    ],
    "keeps the rules": [
        {"do": "connect", "who": "a"},
        {"do": "subscribe", "who": "a", "filter": "+", "qos": 1},
        {"do": "publish", "who": "a", "topic": "x", "qos": 2, "count": 3},
    ],
}


def written(folder: Path, steps: list[dict[str, Any]], **fields: Any) -> Path:
    """A trace file."""
    made = {
        "role": "mqtt-broker",
        "game": "model",
        "edition": "mqtt-3.1.1",
        "requirement": "mqtt-3.1.1:MQTT-3.1.2-8",
        "kind": "a will is not published",
        "expected": "a will",
        "came": "nothing",
        "moves": steps,
        "dut": "mosquitto",
    }
    path = folder / "one.trace.json"
    path.write_text(json.dumps(made | fields))
    return path


def test_a_seed_is_played_and_what_is_found_is_told_and_written(tmp_path: Path) -> None:
    need("mosquitto")
    arguments = ("--dut", "mosquitto", "--examples", "40", "--seconds", "15", "--seed", "1", "--out", "found")
    done = run_testbed("play", "mqtt-broker-3.1.1", *arguments, cwd=tmp_path)
    assert done.returncode in (0, 1), done.stderr
    assert "seed 1" in done.stdout
    traces = list((tmp_path / "found").glob("*.trace.json"))
    assert bool(traces) == (done.returncode == 1)
    for path in traces:
        jsonschema.validate(json.loads(path.read_text()), formats.schema("trace.schema.json"))
        assert trace.read(path).shown == 3


def test_a_trace_is_replayed(tmp_path: Path) -> None:
    need("mosquitto")
    fails = run_testbed(
        "play", "--replay", str(written(tmp_path, MOVES["loses a will"])), "--dut", "mosquitto", cwd=tmp_path
    )
    assert fails.returncode == 1, fails.stdout + fails.stderr
    assert "3 of 3 replays show it" in fails.stdout
    holds = run_testbed(
        "play", "--replay", str(written(tmp_path, MOVES["keeps the rules"])), "--dut", "mosquitto", cwd=tmp_path
    )
    assert holds.returncode == 0, holds.stdout + holds.stderr


def test_a_trace_becomes_a_case_that_runs_from_a_folder(tmp_path: Path) -> None:
    need("mosquitto")
    path = written(tmp_path, MOVES["loses a will"])
    made = run_testbed(
        "new", "case", str(path), "--name", "a_will_is_published_at_a_take_over", "--out", "mine", cwd=tmp_path
    )
    assert made.returncode == 0, made.stderr
    assert "testbed run mqtt-broker-3.1.1 --suite-path mine" in made.stdout
    command = made.stdout.partition("next: testbed ")[2].split()
    done = run_testbed(*command, "--out", "run", "--no-capture", cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    (cell,) = [c for c in json.loads((tmp_path / "run/results.json").read_text())["cells"] if c["verdict"] == "fail"]
    assert cell["case"].endswith(".a_will_is_published_at_a_take_over")
    assert "--suite-path" in cell["command"]
    assert cell["findings"][0]["requirement"] == "mqtt-3.1.1:MQTT-3.1.2-8"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"moves": [{"do": "fly", "who": "a"}]}, "no moves of this game"),
        ({"moves": [{"do": "drop", "who": "z"}]}, "no client is called 'z'"),
        ({"moves": [{"do": "drop", "who": "a"}] * 500}, "too many"),
        ({"game": "chess"}, "has no game 'chess'"),
        ({"role": "toaster"}, "no installed protocol has a role"),
        ({"format": "iot-testbed-trace/9"}, "is of the format"),
        ({"colour": 1}, "is no trace"),
    ],
)
def test_a_wrong_trace_is_one_clear_message(tmp_path: Path, fields: dict[str, Any], said: str) -> None:
    path = written(tmp_path, [], **fields)
    done = run_testbed("play", "--replay", str(path), "--dut", "mosquitto", cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["mqtt-broker-5.0"], 2, "name at least one --dut"),
        (["--dut", "mosquitto"], 2, "name a PROFILE"),
        (["mqtt-broker-5.0", "--game", "chess", "--dut", "mosquitto"], 2, "it has model, hostile"),
        (["mqtt-client-5.0", "--dut", "127.0.0.1:1"], 2, "no game is known for the role mqtt-client"),
        (["--replay", "nowhere.json", "--dut", "mosquitto"], 2, "nowhere.json"),
        (["mqtt-broker-5.0", "--seconds", "1", "--dut", "127.0.0.1:1"], 3, "nobody listens"),
    ],
)
def test_wrong_use_and_absent_devices(tmp_path: Path, arguments: list[str], code: int, said: str) -> None:
    done = run_testbed("play", *arguments, cwd=tmp_path)
    assert done.returncode == code, done.stdout + done.stderr
    assert said in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import nothing_of_this_name\n", "ModuleNotFoundError"),
        ("def f(:\n", "SyntaxError"),
        ("x = 1\n", "no module in it has a case"),
    ],
)
def test_a_wrong_folder_of_cases_is_one_clear_message(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/one.py").write_text(text)
    done = run_testbed("run", "mqtt-broker-5.0", "--suite-path", "mine", "--dut", "mosquitto", cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_name_that_is_none_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, MOVES["keeps the rules"])
    for name, out in (("A Case", "mine"), ("class", "mine"), ("a_good_name", "no-package")):
        done = run_testbed("new", "case", str(path), "--name", name, "--out", out, cwd=tmp_path)
        assert done.returncode == 2, name
