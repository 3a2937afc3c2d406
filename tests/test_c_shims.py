"""Given the JSON reader of our shims in C, when it is told what is no order, then it refuses each line and lives; and
when what a peer is built from changes, then it is built again."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.launch import peers
from testbed.launch.programs import find_program
from testbed.peers import install
from tests.command import need

SHIMS = ("libmosquitto", "paho-c")
#: Everything that the reader knows, in one line that is no order.
LINE = json.dumps(
    {"id": 7, "op": "nothing", "a": [1, -2.5e3, True, False, None, [], {}], "b": {"c": 'é\u0001\U0001f600"\\/'}}
)
TERRIBLE = (
    "[" * 5000,
    '{"id":1,"a":' + "[" * 40 + "]" * 40 + "}",
    '{"id":1,"a":' + "[1," * 9000 + "1" + "]" * 9000 + "}",
    '{"id":1,"op":"\\ud83d"}',
    '{"id":1,"op":"\\u0000"}',
    '{"id":1e999}',
    '{"id":1,"op":"x"} {}',
    '{"a"}',
    '{"a":1,}',
    '"\\',
    "nul",
    '{"id":1,"op":"publish","payload":"0"}',
    '{"id":1,"op":"subscribe","filters":{"a":1}}',
    '{"id":1,"op":"connect","edition":"mqtt-5.0","host":[],"port":"x","timeout":1,"properties":7}',
)


def lines() -> Iterator[bytes]:
    """Lines that are wrong by design, and a thousand that are wrong by accident."""
    chance = random.Random(5)
    yield from (line.encode() for line in TERRIBLE)
    whole = LINE.encode()
    for _ in range(1000):
        broken = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            broken[chance.randrange(len(broken))] = chance.choice(b'{}[]",:\\u0e-\xff\xc3\x01 ')
        yield bytes(broken[: chance.randint(1, len(broken))])


@pytest.mark.parametrize("name", SHIMS)
def test_a_shim_in_c_refuses_what_is_no_order_and_lives(name: str) -> None:
    need(name)
    told = [line for line in lines() if b"\n" not in line]
    said = subprocess.run(
        [str(find_program(name))],
        input=b"\n".join([*told, b'{"id":99,"op":"reset"}', b""]),
        capture_output=True,
        timeout=20,
        check=True,
    )
    ready, *replies = [json.loads(line) for line in said.stdout.splitlines()]
    assert ready["event"] == "ready"
    assert len(replies) == len(told) + 1 and replies.pop() == {"id": 99, "ok": True}
    assert not any(reply["ok"] for reply in replies)


@pytest.mark.parametrize("name", [*SHIMS, "paho-java", "hivemq-client"])
def test_a_peer_is_built_again_when_a_folder_changes_that_it_uses(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    description = peers.find(name)
    assert description.install
    folders = [description.install.source, *description.install.uses]
    assert len(folders) > 1
    for folder in folders:
        shutil.copytree(peers.shipped() / folder, tmp_path / folder)
    monkeypatch.setattr(install, "shipped", lambda: tmp_path)
    before = install._fingerprint(description)
    assert install._fingerprint(description) == before
    for folder in folders:
        changed = next(path for path in sorted((tmp_path / folder).iterdir()) if path.is_file())
        changed.write_text(changed.read_text() + "\n")
        assert install._fingerprint(description) != before
        before = install._fingerprint(description)
