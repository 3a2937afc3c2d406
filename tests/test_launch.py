"""Given a description, when it is launched, then a device answers; whatever happens, nothing stays behind."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from testbed.dut import Description, Dut, Identity, Install, Launch
from testbed.launch import guard, peers, ports, process, programs
from testbed.launch.launching import launch
from testbed.launch.placed import LaunchError, Placed, answers
from testbed.launch.process import Process

# A device in a few lines: it greets everyone, and has a child that leaves its session, as daemons do.
ECHO = """
import os, pathlib, socket, subprocess, sys, signal
port, work = int(sys.argv[1]), pathlib.Path(sys.argv[2])
print("here I am", flush=True)
nap = [sys.executable, "-c", "import time; time.sleep(600)"]
child = subprocess.Popen(nap, start_new_session=True)
(work / "child").write_text(str(child.pid))
with (work / "starts").open("a") as starts:
    starts.write("x")
listener = socket.create_server(("127.0.0.1", port))
while True:
    connection, _ = listener.accept()
    connection.sendall(b"hello")
    connection.close()
"""


def described(program: str = ECHO, **launching: object) -> Description:
    """A device that runs `program`."""
    settings: dict[str, object] = {"ready": 10.0, "stop": 2.0, "files": {"device.py": program}} | launching
    command = [sys.executable, "{work}/device.py", "{port}", "{work}"]
    return Description(
        name="toy",
        role="greeter",
        endpoints={"default": "tcp://127.0.0.1:{port}"},
        claims={"greets": True},
        launch=Launch(command=command, **settings),  # pyright: ignore[reportArgumentType]
        identity=Identity(command=[sys.executable, "--version"], files=[]),
    )


async def greets(dut: Dut) -> None:
    """Ready when it says hello."""
    endpoint = dut.endpoints["default"]
    reader, writer = await asyncio.wait_for(asyncio.open_connection(endpoint.host, endpoint.port), 0.5)
    try:
        if await asyncio.wait_for(reader.read(5), 0.5) != b"hello":
            raise OSError("it is rude")
    finally:
        writer.close()


def lives(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def listens(dut: Dut) -> bool:
    """Whether somebody accepts at its endpoint."""
    endpoint = dut.endpoints["default"]
    with socket.socket() as probe:
        return probe.connect_ex((endpoint.host, endpoint.port)) == 0


def until(true: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Whether `true` becomes true in time."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture(autouse=True)
def no_descriptor_leaks() -> Iterator[None]:
    """Every test closes what it opened; the guard keeps one pipe, opened before."""
    guard.GUARD.watch("test", 0, Path("/nonexistent"))
    guard.GUARD.release("test")
    before = sorted(Path("/proc/self/fd").iterdir())
    yield
    assert sorted(Path("/proc/self/fd").iterdir()) == before


def test_it_comes_up_and_goes_down_with_nothing_left(tmp_path: Path) -> None:
    async def story() -> None:
        device = await launch(described(), tmp_path, greets)
        assert isinstance(device, Process)
        work, child = device.dut.work, 0
        assert work is not None
        child = int((work / "child").read_text())
        assert device.alive and device.exit_status is None and lives(child)
        assert device.dut.version == sys.version.split()[0]
        assert device.dut.digest.startswith("sha256:")
        assert device.dut.claims == {"greets": True}
        assert device.log_tail() == "here I am"
        device.dut.claims["sings"] = True
        assert device.dut.description.claims == {"greets": True}

        await device.stop()
        await device.stop()
        assert not device.alive and device.exit_status == -signal.SIGTERM
        assert not lives(device.pid) and not lives(child) and not work.exists() and not listens(device.dut)
        assert (tmp_path / "toy.log").read_text() == "here I am\n"

    asyncio.run(story())


def test_what_it_stored_outlives_a_kill_and_a_restart(tmp_path: Path) -> None:
    async def story() -> None:
        device = await launch(described(), tmp_path, greets)
        assert isinstance(device, Process)
        work, first = device.dut.work, device.pid
        assert work is not None
        await device.kill()
        assert device.exit_status == -signal.SIGKILL and work.exists() and not listens(device.dut)
        await device.restart()
        assert device.pid != first and device.alive and listens(device.dut)
        await device.restart()
        assert (work / "starts").read_text() == "xxx"
        await device.stop()
        await device.start()
        assert device.dut.work is not None and (device.dut.work / "starts").read_text() == "x"
        await device.stop()

    asyncio.run(story())


def test_a_paused_device_is_silent_and_can_be_resumed_or_stopped(tmp_path: Path) -> None:
    async def story() -> None:
        device = await launch(described(), tmp_path, greets)
        await device.pause()
        with pytest.raises(TimeoutError):
            await greets(device.dut)
        await device.resume()
        await greets(device.dut)
        await device.pause()
        await device.stop()
        assert device.exit_status == -signal.SIGTERM

    asyncio.run(story())


def test_one_that_ignores_sigterm_is_killed_after_its_grace(tmp_path: Path) -> None:
    stubborn = ECHO.replace("port, work", "signal.signal(signal.SIGTERM, signal.SIG_IGN); port, work", 1)

    async def story() -> None:
        device = await launch(described(stubborn, stop=0.3), tmp_path, greets)
        start = time.monotonic()
        await device.stop()
        assert device.exit_status == -signal.SIGKILL
        assert 0.3 <= time.monotonic() - start < 2

    asyncio.run(story())


def test_standard_input_stays_open_until_the_stop(tmp_path: Path) -> None:
    reading = "import threading\n" + ECHO.replace(
        "while True:", "threading.Thread(target=lambda: os.read(0, 1) or os._exit(7)).start()\nwhile True:"
    )
    deaf = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + reading

    async def story() -> None:
        device = await launch(described(deaf, stdin=True), tmp_path, greets)
        await asyncio.sleep(0.1)
        assert device.alive
        await device.stop()
        assert device.exit_status == 7

    asyncio.run(story())


def test_many_at_once_get_ports_of_their_own(tmp_path: Path) -> None:
    async def story() -> None:
        devices = await asyncio.gather(*(launch(described(), tmp_path, greets) for _ in range(6)))
        assert len({device.dut.endpoints["default"].port for device in devices}) == 6
        await asyncio.gather(*(device.stop() for device in devices))

    asyncio.run(story())
    assert len(list(tmp_path.glob("toy*.log"))) == 6


def test_one_that_ends_at_once_is_quoted(tmp_path: Path) -> None:
    dying = "import sys\nfor n in range(100): print('line', n)\nsys.exit(3)"

    async def story() -> None:
        with pytest.raises(LaunchError) as caught:
            await launch(described(dying), tmp_path, greets)
        text = str(caught.value)
        assert "toy: ended before it answered (exit code 3)" in text
        assert "line 99" in text and "line 80" in text and "line 79" not in text

    asyncio.run(story())


def test_one_that_never_answers_is_given_up_and_removed(tmp_path: Path) -> None:
    rude = ECHO.replace("hello", "get out")
    before = set(Path("/tmp").glob("iot-testbed-toy-*"))

    async def story() -> None:
        with pytest.raises(LaunchError, match=r"no greeter answers at tcp://.* after 0.8 s \(it is rude\)"):
            await launch(described(rude, ready=0.8), tmp_path, greets)

    asyncio.run(story())
    assert set(Path("/tmp").glob("iot-testbed-toy-*")) == before


def test_a_cancelled_launch_leaves_nothing(tmp_path: Path) -> None:
    device = Process(described(ECHO.replace("hello", "later")), tmp_path, greets)

    async def story() -> None:
        starting = asyncio.ensure_future(device.start())
        await asyncio.sleep(0.3)
        assert device.alive
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting

    asyncio.run(story())
    assert device.dut.work is not None
    assert not device.alive and not device.dut.work.exists() and not lives(device.pid)


def test_a_cancelled_stop_still_stops(tmp_path: Path) -> None:
    async def story() -> None:
        device = await launch(described(), tmp_path, greets)
        stopping = asyncio.ensure_future(device.stop())
        await asyncio.sleep(0)
        stopping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stopping
        assert not device.alive and device.dut.work is not None and not device.dut.work.exists()

    asyncio.run(story())


def test_a_log_without_end_stays_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "LARGEST_LOG", 100_000)
    chatty = ECHO.replace("while True:", "while print('x' * 99_999, flush=True) or True:")

    async def story() -> None:
        device = await launch(described(chatty), tmp_path, greets)
        assert isinstance(device, Process) and device.log_file is not None
        await greets(device.dut)
        assert len(device.log) <= process.TAIL
        grown = device.log_file.stat().st_size
        await asyncio.sleep(1.2)
        assert device.log_file.stat().st_size < grown
        await device.stop()

    asyncio.run(story())


def test_when_we_are_killed_the_guard_takes_all_down(tmp_path: Path) -> None:
    story = """
import asyncio, os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_launch import described, greets
from testbed.launch.launching import launch
async def story():
    device = await launch(described(), Path(sys.argv[1]), greets)
    print(device.pid, (device.dut.work / "child").read_text(), device.dut.work, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(story())
"""
    command = [sys.executable, "-c", story, str(tmp_path), str(Path(__file__).parent)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    first, child, work = done.stdout.split()
    assert until(lambda: not lives(int(first)) and not lives(int(child)) and not Path(work).exists())


def test_a_missing_program_names_its_remedy(tmp_path: Path) -> None:
    description = described(requires=["no-such-program"])
    description.install = Install(registry="debian", packages=["no-such-package"])
    assert peers.installed(description) == ["no-such-program"]

    async def story() -> None:
        with pytest.raises(LaunchError, match="no-such-program not found\n  remedy: apt-get install no-such-pac"):
            await launch(description, tmp_path, greets)

    asyncio.run(story())


def test_files_stay_inside_the_work_folder(tmp_path: Path) -> None:
    async def story() -> None:
        with pytest.raises(LaunchError, match="lies outside the work folder"):
            await launch(described(files={"../escape": "x"}), tmp_path, greets)

    asyncio.run(story())


def at(address: str, ready: float = 0.3) -> Description:
    """A device that somebody else started."""
    description = Description(name="theirs", role="greeter", endpoints={"default": address})
    description.launch.ready = ready
    return description


def test_a_device_somebody_else_started_is_reached_and_left_alone(tmp_path: Path) -> None:
    async def story() -> None:
        ours = await launch(described(), tmp_path, greets)
        theirs = await launch(at(str(ours.dut.endpoints["default"])), tmp_path, greets)
        assert isinstance(theirs, Placed) and theirs.alive and not theirs.controlled
        with pytest.raises(LaunchError, match="cannot be restarted, it was started by somebody else"):
            await theirs.restart()
        await theirs.stop()
        await greets(ours.dut)
        await ours.stop()

    asyncio.run(story())


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("tcp://no-such-host.invalid:1883", "the host 'no-such-host.invalid' has no address"),
        ("tcp://127.0.0.1:1", "nobody listens at tcp://127.0.0.1:1 within 0.3 s"),
        ("http://127.0.0.1:1", "the transport must be tcp, tls, ws"),
    ],
)
def test_an_address_that_does_not_answer_is_explained(tmp_path: Path, address: str, said: str) -> None:
    async def story() -> None:
        with pytest.raises(LaunchError) as caught:
            await launch(at(address), tmp_path, greets)
        assert said in str(caught.value)

    asyncio.run(story())


def test_a_port_is_claimed_once_on_the_whole_machine() -> None:
    claimed = ports.claim_some(3)
    try:
        assert all(ports.claim(held.port) is None for held in claimed)
        ask = "import sys; from testbed.launch.ports import claim; print(claim(int(sys.argv[1])))"
        command = [sys.executable, "-c", ask, str(claimed[0].port)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent.parent)
        assert done.stdout == "None\n"
    finally:
        for held in claimed:
            held.release()
    again = ports.claim(claimed[0].port)
    assert again is not None
    again.release()


def test_a_port_in_use_is_not_given() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert ports.claim(taken.getsockname()[1]) is None


def test_placeholders_leave_other_braces_alone() -> None:
    filled = programs.fill("listen {port} {unknown} ${Version} {127,0,0,1}", {"port": "1"})
    assert filled == "listen 1 {unknown} ${Version} {127,0,0,1}"


def test_peers_are_looked_for_before_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(programs.PEERS, str(tmp_path))
    program = tmp_path / "python" / "bin" / "sh"
    program.parent.mkdir(parents=True)
    program.write_text("")
    program.chmod(0o755)
    assert programs.find_program("sh") == program
    assert programs.find_files(f"{tmp_path}/**/s?") == [program]
    monkeypatch.delenv(programs.PEERS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert programs.peers_root() == Path("/cache/iot-testbed/peers")
    (tmp_path / ".peers").mkdir()
    assert programs.peers_root() == tmp_path / ".peers"


def test_a_ready_that_fails_in_its_own_way_is_not_swallowed() -> None:
    async def broken(dut: Dut) -> None:
        raise ZeroDivisionError

    async def story() -> None:
        with pytest.raises(ZeroDivisionError):
            await answers(Dut(at("tcp://127.0.0.1:1"), {}), broken, 1.0)

    asyncio.run(story())
