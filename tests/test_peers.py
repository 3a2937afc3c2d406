"""Given a known peer, when it is started, then it accepts CONNECT of each version it speaks; it leaves nothing."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

import pytest

from testbed.dut import WAYS, Address, Description, Dut, read_description
from testbed.launch import guard, peers
from testbed.launch.launching import launch
from testbed.launch.ports import claim
from testbed.launch.process import Process
from testbed.peers import install, registries
from testbed.protocol import roles

LEVELS = {"mqtt-3.1.1": 4, "mqtt-5.0": 5}
#: Claims that any broker's description may make.
CLAIMS = {
    "qos-1",
    "qos-2",
    "retain",
    "wildcards",
    "shared-subscriptions",
    "subscription-identifiers",
    "topic-alias",
    "session-expiry",
    "assigned-client-id",
    "enhanced-auth",
    "scram",
    "authentication",
} | set(WAYS)


def connect(level: int, username: str, password: str) -> bytes:
    """A CONNECT that starts clean; section 3.1 of either version."""
    fields = ["MQTT", "launch-test", *([username, password] if username else [])]
    name, *payload = [len(field).to_bytes(2, "big") + field.encode() for field in fields]
    flags = 0x02 | (0xC0 if username else 0)
    body = name + bytes([level, flags, 0, 60]) + (b"\0" if level == 5 else b"") + b"".join(payload)
    return bytes([0x10, len(body)]) + body


async def accepts(dut: Dut) -> None:
    """Ready when each version's CONNECT is answered by a CONNACK with code 0."""
    username, password = str(dut.parameter("username", "")), str(dut.parameter("password", ""))
    for edition, level in LEVELS.items():
        if edition not in dut.endpoints:
            continue
        endpoint = dut.endpoints[edition]
        reader, writer = await asyncio.wait_for(asyncio.open_connection(endpoint.host, endpoint.port), 1)
        try:
            writer.write(connect(level, username, password))
            answer = await asyncio.wait_for(reader.read(64), 1)
            if answer[:1] != b"\x20" or answer[3:4] != b"\0":
                raise OSError(f"{edition}: the answer to CONNECT is {answer.hex() or 'a close'}")
        finally:
            writer.close()


def present(name: str) -> Description:
    """The peer's description; a visible skip where it is not installed, a failure where CI should have it."""
    description = peers.find(name)
    lacking = peers.installed(description)
    if lacking:
        reason = f"{name} lacks {', '.join(lacking)}: {install.command(description)}"
        if os.environ.get("CI") and description.install and description.install.ci:
            pytest.fail(reason)
        pytest.skip(reason)
    return description


#: Peers that are started once and answer; clients and nodes come to the tester, many at a time.
BROKERS = [name for name in peers.known() if peers.find(name).role == "mqtt-broker"]


@pytest.mark.parametrize("name", BROKERS)
def test_a_peer_starts_answers_and_leaves_nothing_behind(name: str, tmp_path: Path) -> None:
    description = present(name)

    async def story() -> Process:
        device = await launch(description, tmp_path, accepts)
        assert isinstance(device, Process)
        try:
            assert device.alive and device.dut.version and device.dut.digest.startswith("sha256:")
            assert pinned(description) in ("", device.dut.version)
        finally:
            await device.stop()
        return device

    device = asyncio.run(story())
    assert device.dut.work is not None and not device.dut.work.exists()
    assert not device.alive
    assert guard.members(device._mark, device.pid) == []
    for endpoint in device.dut.endpoints.values():
        if endpoint.transport == "unix":
            assert not Path(endpoint.path).exists()
            continue
        held = claim(endpoint.port, again=True)
        assert held is not None, f"port {endpoint.port} is still in use"
        held.release()


@pytest.mark.parametrize("name", [name for name in peers.known() if name not in BROKERS])
def test_a_peer_that_comes_to_the_tester_is_there_in_its_version(name: str, tmp_path: Path) -> None:
    description = present(name)

    async def ready(dut: Dut) -> None:
        """Nothing can be asked of it yet."""

    async def story() -> Dut:
        device = await launch(description, tmp_path, ready)
        await device.stop()
        return device.dut

    dut = asyncio.run(story())
    # One that is built on two libraries names both.
    assert dut.version and dut.version.startswith(pinned(description))
    assert dut.work is not None and not dut.work.exists()


def pinned(description: Description) -> str:
    """The version that its package is installed in; empty where the system chooses."""
    package = description.install.packages[0] if description.install else ""
    found = re.search(r"(?:==|@v?|:)(\d[\w.]*)$", package)
    return found[1] if found else ""


def test_a_peer_survives_kill_and_restart_on_its_ports(tmp_path: Path) -> None:
    description = present("mosquitto")

    async def story() -> None:
        device = await launch(description, tmp_path, accepts)
        await device.kill()
        with pytest.raises(OSError):
            await accepts(device.dut)
        await device.restart()
        await accepts(device.dut)
        await device.stop()

    asyncio.run(story())


@pytest.mark.parametrize("name", peers.known())
def test_a_description_is_complete(name: str) -> None:
    description = read_description(peers.known()[name])
    assert description.name == name
    role = roles()[description.role]
    assert set(description.endpoints) <= {*role.editions, *WAYS}
    assert description.title and description.vendor and description.homepage.startswith("https://")
    assert set(description.claims) <= CLAIMS | set(role.claims)
    assert not isinstance(description.launch, Address) and description.install
    assert description.identity.command or description.identity.version
    if description.install.source:
        assert (peers.shipped() / description.install.source).is_dir()
    assert install.command(description) == f"python -m testbed.peers.install {name}"


def test_a_wrong_name_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(LookupError, match="'mosquito': did you mean 'mosquitto'"):
        peers.find("mosquito")
    assert install.main(["mosquito"]) == 2
    assert "did you mean 'mosquitto'" in capsys.readouterr().err


def test_one_peer_that_fails_to_install_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TESTBED_PEERS", str(tmp_path))
    calls: list[str] = []

    def pypi(job: registries.Job, place: registries.Place) -> None:
        calls.append(job.title)
        if any(peer.name == "moat" for peer in job.peers):
            registries.run(place, ["sh", "-c", "echo no such version; exit 4"])
        for peer in job.peers:
            program = place.root / "python" / "bin" / peer.name
            program.parent.mkdir(parents=True, exist_ok=True)
            program.touch(0o755)

    monkeypatch.setitem(registries.REGISTRIES, "pypi", pypi)
    assert install.main(["amqtt", "moat", "mqttools"]) == 1
    assert calls == ["amqtt moat mqttools", "amqtt", "moat", "mqttools"]
    shown = capsys.readouterr()
    assert "no such version" in shown.err and "exit code 4" in shown.err
    assert shown.out.count("FAILED") == 3 and "mqttools │ pypi     │ installed" in shown.out

    calls.clear()
    assert install.main(["amqtt", "mqttools"]) == 0
    assert calls == []
    assert "was there" in capsys.readouterr().out


def test_a_missing_client_is_named(tmp_path: Path) -> None:
    with pytest.raises(registries.InstallError, match="the program no-such-cargo is missing"):
        registries.run(registries.Place(tmp_path, tmp_path / "log"), ["no-such-cargo"])
