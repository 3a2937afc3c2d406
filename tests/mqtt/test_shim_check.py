"""Given a shim that is wrong in one way, when it is checked, then one clear line says what, and what to do; and the
shims that come with the test bed keep their format."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from harness import formats
from harness.cli import failures, main_group
from testbed.dut import Shim
from testbed.launch import peers
from testbed.launch.programs import peers_root
from testbed.mqtt.shim_check import checking, ends, subject
from testbed.protocol import ShimCheck
from tests.command import need, run_testbed
from tests.mqtt.bad_shims import EXAMPLE, KINDS

HERE = Path(__file__).parent
BAD = [sys.executable, str(HERE / "bad_shims.py")]
DOCS = EXAMPLE.parent / "shims.md"
OURS = [name for name in peers.known() if isinstance(peers.find(name).launch, Shim)]

#: Kind -> the check that it is put to; what is in the name of the one that fails, in what was expected, in what came.
WRONG = {
    "mute": ("publishes", "ready:", "the first line", "nothing within 1 s"),
    "chatty-start": ("publishes", "ready:", "the first line", "no JSON object: 'Welcome to my shim!'"),
    "dies-at-once": (
        "publishes",
        "ready:",
        "the first line",
        "ended with 1; its standard error ends with: no such module",
    ),
    "other-protocol": ("publishes", "ready:", "iot-testbed-shim/1", "my-shim/2"),
    "misspelt-feature": ("publishes", "ready:", "features, of ping", "qos1"),
    "unknown-edition": ("publishes", "ready:", "editions, of mqtt-3.1.1, mqtt-5.0", "mqtt-6"),
    "dies": ("subscribes", "subscribe:", "the shim to live", "ended with 7"),
    "hangs": ("publishes", "publish:", "PUBLISH on the wire", "to `reset`"),
    "never-answers": ("publishes", "publish:", "a reply to `publish` within 1 s", "none"),
    "garbage": ("publishes", "publish:", "one JSON object a line", "no JSON object: 'DEBUG publishing'"),
    "long-line": ("publishes", "publish:", "one JSON object a line", "a line of more than 1 MiB"),
    "flood": ("publishes", "publish:", "", "more than 10000"),
    "flood-of-nothing": ("publishes", "publish:", "", "more than 10000"),
    "other-id": ("says_what_is_ordered", "connect:", "replies to the orders that are open", "which nobody gave"),
    "twice": ("publishes", "publish:", "replies to the orders that are open", "again"),
    "no-number": ("says_what_is_ordered", "connect:", "a reply or an event", "Expected `bool`, got `str`"),
    "always-ok": ("hears_a_refusal", "connect: a CONNACK that refuses", "ok false", '"ok":true'),
    "other-keep-alive": ("says_what_is_ordered", "connect: CONNECT has", "the keep alive 17", "99"),
    "no-will": ("leaves_a_will", "connect: the will", "a will in CONNECT", "none"),
    "reconnects": ("connects_only_when_told", "connect: never without an order", "connections without an order", "1"),
    "polite-reset": ("resets", "reset: closes without DISCONNECT", "DISCONNECT packets on the connection 0", "1"),
    "deaf-at-the-end": ("publishes", "end:", "the end of the shim within 0.5 s", "it runs on"),
}


async def checked(command: list[str], folder: Path, ready: float = 20.0) -> list[ShimCheck]:
    """Every check of a shim."""
    log = folder / "stderr.log"
    log.touch()
    launch = Shim(command, ready=ready, stop=0.5)
    return [one async for one in checking.check("bad", launch, {}, folder, log)]


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Few checks, and little patience."""

    def few(*names: str) -> None:
        rows = {row.run.__name__: row for row in checking.CHECKS}
        monkeypatch.setattr(checking, "CHECKS", tuple(rows[name] for name in names))

    monkeypatch.setattr(subject, "ANSWER", 1.0)
    monkeypatch.setattr(subject, "WIRE", 1.0)
    monkeypatch.setattr(ends, "RESETTING", 0.5)
    return few


@pytest.mark.parametrize("kind", WRONG)
def test_a_bad_shim_is_told_what_is_wrong(kind: str, tmp_path: Path, only: Callable[..., None]) -> None:
    row, name, expected, came = WRONG[kind]
    only(row)
    ready = 1.0 if kind == "mute" else 20.0
    failed = [one for one in asyncio.run(checked([*BAD, kind], tmp_path, ready)) if not one.ok]
    assert failed, "nothing failed"
    first = failed[0]
    assert name in first.name
    assert expected in first.expected
    assert came in first.came
    assert first.remedy
    assert all(len(one.came) < 1000 for one in failed)


def test_a_good_shim_passes_the_checks_that_the_bad_ones_fail(tmp_path: Path, only: Callable[..., None]) -> None:
    rows = dict.fromkeys(row for row, *_ in WRONG.values())
    only(*rows)
    found = asyncio.run(checked([*BAD, "good"], tmp_path))
    assert [one for one in found if not one.ok] == []
    assert len(found) == len(rows) + 2
    assert set(KINDS) == {"good", *WRONG}


def test_a_shim_that_dies_again_and_again_is_given_up(tmp_path: Path, only: Callable[..., None]) -> None:
    only(*["subscribes"] * 6)
    found = asyncio.run(checked([*BAD, "dies"], tmp_path))
    assert [one.ok for one in found[:5]] == [True, False, False, False, False]
    assert found[4].came.startswith("none: 3 in a row were too much")


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[ShimCheck]]:
    """What came of our shims that are installed and of the example, all checked at the same time."""

    async def one(name: str) -> list[ShimCheck]:
        folder = tmp_path_factory.mktemp(name)
        if name == "example":
            return await checked([sys.executable, str(EXAMPLE)], folder)
        launch = peers.find(name).launch
        assert isinstance(launch, Shim)
        values = {"peers": str(peers_root()), "here": str(peers.shipped())}
        (folder / "log").touch()
        return [found async for found in checking.check(name, launch, values, folder, folder / "log")]

    async def every() -> dict[str, list[ShimCheck]]:
        names = ["example", *(name for name in OURS if not peers.installed(peers.find(name)))]
        return dict(zip(names, await asyncio.gather(*map(one, names)), strict=True))

    return asyncio.run(every())


@pytest.mark.parametrize("name", OURS)
def test_our_shims_keep_their_format(name: str, outcomes: dict[str, list[ShimCheck]]) -> None:
    need(name)
    assert [one for one in outcomes[name] if not one.ok] == []
    assert len(outcomes[name]) > 30


def test_the_example_of_the_docs_is_whole_and_keeps_the_format(outcomes: dict[str, list[ShimCheck]]) -> None:
    assert f"```python\n{EXAMPLE.read_text()}```\n" in DOCS.read_text()
    assert [one for one in outcomes["example"] if not one.ok] == []


def test_the_conversation_of_the_docs_keeps_the_published_format() -> None:
    lines = re.findall(r"^([<>]) (\{.*\})$", DOCS.read_text(), re.M)
    assert len(lines) > 8
    for side, line in lines:
        file = "shim-order.schema.json" if side == ">" else "shim-said.schema.json"
        schema = json.loads((formats.folder() / file).read_text())
        Draft202012Validator(schema).validate(json.loads(line))


@pytest.mark.parametrize(
    ("file", "value"),
    [
        ("shim-order.schema.json", {"id": 1, "op": "frobnicate"}),
        ("shim-order.schema.json", {"op": "publish", "topic": "t"}),
        ("shim-order.schema.json", {"id": 1, "op": "publish"}),
        ("shim-said.schema.json", {"id": 1}),
        ("shim-said.schema.json", {"event": "message"}),
        ("shim-said.schema.json", {"event": "ready", "protocol": "p", "library": "l", "version": "1"}),
    ],
)
def test_what_is_none_does_not_keep_the_published_format(file: str, value: object) -> None:
    schema = json.loads((formats.folder() / file).read_text())
    assert not Draft202012Validator(schema).is_valid(value)


def test_every_feature_is_in_the_docs() -> None:
    from testbed.mqtt import shim

    for feature, meaning in shim.FEATURES.items():
        assert f"| `{feature}` | {meaning} |" in DOCS.read_text()


# -- the command


def description(folder: Path, kind: str, how: str = "shim") -> str:
    (folder / "mine.toml").write_text(
        f"""name = "mine"
role = "mqtt-client"
[endpoints]
"mqtt-3.1.1" = "tcp://127.0.0.1:0"
[launch]
how = "{how}"
command = ['{sys.executable}', '{{here}}/shim.py', '{kind}']
ready = 5.0
"""
    )
    (folder / "shim.py").write_text(f"import sys\nsys.exit({kind!r})\n")
    return "mine.toml"


def test_a_description_is_checked(tmp_path: Path) -> None:
    done = run_testbed("check-shim", description(tmp_path, "out of order"), cwd=tmp_path)
    assert done.returncode == 1
    assert "FAIL" in done.stdout and "came: it ended with 1" in done.stdout
    assert "out of order" in done.stdout and "mine: 1 of 1 checks failed" in done.stdout


def test_a_command_names_its_files_as_seen_from_here(tmp_path: Path) -> None:
    description(tmp_path, "was found")
    done = run_testbed("check-shim", "--", "python3", "shim.py", cwd=tmp_path)
    assert done.returncode == 1
    assert "was found" in done.stdout


def test_the_result_as_json_keeps_its_schema(tmp_path: Path) -> None:
    done = run_testbed("check-shim", "--json", "--", *BAD, "chatty-start", cwd=tmp_path)
    assert done.returncode == 1
    result = json.loads(done.stdout)
    schema = json.loads((formats.folder() / "check-shim.schema.json").read_text())
    Draft202012Validator(schema).validate(result)
    assert result["passed"] is False and result["checks"][0]["ok"] is False


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["mosquitto"], 2, "mosquitto is no shim"),
        (["paho-pyton"], 2, "did you mean 'paho-python'?"),
        (["missing.toml"], 2, "missing.toml: cannot be read"),
        (["--", "/no/such/program", "x"], 3, "/no/such/program is not an executable file"),
        ([], 2, "Missing argument"),
        (["--role", "mqtt-broker", "--", "sh", "-c", "true"], 2, "say with --role whose shim it is: mqtt-client"),
    ],
    ids=lambda value: " ".join(value) or "nothing" if isinstance(value, list) else "",
)
def test_wrong_use_is_told_in_one_message(
    words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["check-shim", *words]
    assert failures.said(lambda: main_group.main(line, prog_name="testbed", standalone_mode=False)) == code
    assert said in capsys.readouterr().err


def test_a_shim_that_is_not_installed_is_not_judged(tmp_path: Path) -> None:
    done = run_testbed("check-shim", "paho-python", cwd=tmp_path, TESTBED_PEERS=str(tmp_path))
    assert done.returncode == 3
    assert "paho-python: is not installed" in done.stderr
    assert "remedy: python -m testbed.peers.install paho-python" in done.stderr
