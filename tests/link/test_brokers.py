"""Real brokers over every transport: found out, judged, captured; and what is said where it cannot be."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from testbed.link.certificates import Authority, Kind
from tests.command import need, run_testbed

CASES = ("--case", "mqtt.broker.transports.*", "--case", "mqtt.broker.ping.*", "--case", "mqtt.broker.websocket.*")


def mosquitto(folder: Path, endpoint: str, listener: str, parameters: str = "") -> str:
    """A description of mosquitto with one listener more, in `folder`; returns the file's name."""
    (folder / "dut.toml").write_text(
        f'''name = "m"
role = "mqtt-broker"
[endpoints]
default = "{endpoint}"
[parameters]
patience = 1.0
{parameters}
[launch]
how = "process"
command = ["mosquitto", "-c", "{{work}}/mosquitto.conf"]
ready = 1.5
[launch.files]
"mosquitto.conf" = """
listener {{port2}} 127.0.0.1
{listener}
allow_anonymous true
user root
log_dest stderr
"""
'''
    )
    return "dut.toml"


def secured(folder: Path, kind: Kind = "good", more: str = "") -> tuple[str, str]:
    """Lines of mosquitto's configuration, and parameters that trust its authority."""
    authority = Authority(folder)
    leaf, own = authority.leaf(kind), authority.leaf(hosts=("tester",))
    listener = f"certfile {leaf.certificate}\nkeyfile {leaf.key}\ncafile {authority.certificate}\n{more}"
    return listener, (
        f"tls-authority = '{authority.certificate}'\ntls-certificate = '{own.certificate}'\ntls-key = '{own.key}'"
    )


def judged(folder: Path, *more: str) -> tuple[dict[str, str], set[str]]:
    """Name of each case and row -> its verdict; and the claims that were found."""
    arguments = ("run", "mqtt-broker-5.0", "--dut", "dut.toml", *CASES, "--out", "run", "--json", *more)
    done = run_testbed(*arguments, cwd=folder)
    assert done.returncode in (0, 1), done.stderr
    results = json.loads(done.stdout)
    verdicts: dict[str, str] = {}
    for cell in results["cells"]:
        name = cell["id"].removeprefix("mqtt.broker.").removesuffix("mqtt-5.0,m]").rstrip(",[")
        verdicts[name] = cell["verdict"]
    return verdicts, {claim["name"] for claim in results["duts"][0]["claims"]["mqtt-5.0"] if claim["found"]}


PLAIN = "listener {port} 127.0.0.1\n"


@pytest.mark.parametrize("oldest", ["1.2", "1.3"])
def test_a_broker_reached_over_tls_alone(tmp_path: Path, oldest: str) -> None:
    need("mosquitto")
    mutual = oldest == "1.3"
    listener, parameters = secured(
        tmp_path, more=f"tls_version tlsv{oldest}\nrequire_certificate {str(mutual).lower()}"
    )
    mosquitto(tmp_path, "tls://127.0.0.1:{port}", PLAIN + listener, parameters)
    found, claims = judged(tmp_path)
    assert {"tls", "tls-1.3"} <= claims and ("tls-1.2" in claims) == (oldest == "1.2")
    assert ("mutual-tls" in claims) == mutual and not {"websocket", "unix", "ipv6"} & claims
    carried = "carries_what_is_said_byte_for_byte"
    assert found[f"transports.tls_1_3_{carried}"] == "pass"
    assert found[f"transports.tls_1_2_{carried}"] == ("pass" if oldest == "1.2" else "not-applicable")
    assert found[f"transports.a_websocket_{carried}"] == "not-applicable"
    assert found["ping.pingreq_is_answered_after_messages"] == "pass"


@pytest.mark.parametrize("secure", [False, True])
def test_a_broker_reached_over_websocket_alone(tmp_path: Path, secure: bool) -> None:
    need("mosquitto")
    listener, parameters = secured(tmp_path) if secure else ("", "")
    endpoint = "wss://localhost:{port}/mqtt" if secure else "ws://127.0.0.1:{port}"
    mosquitto(tmp_path, endpoint, PLAIN + "protocol websockets\n" + listener, parameters)
    found, claims = judged(tmp_path, "--capture")
    assert "websocket" in claims
    passed = [name for name, verdict in found.items() if verdict == "pass"]
    assert "transports.a_websocket_carries_what_is_said_byte_for_byte" in passed
    assert "ping.pingreq_is_answered_after_messages" in passed
    assert sum("websocket." in name for name in passed) == 11
    assert all(found[name] == "fail" for name in found if "a_text_frame" in name)  # entry R of docs/disputes.md
    assert (tmp_path / "run" / "m.pcapng").stat().st_size > 1000


def test_a_broker_reached_over_a_unix_socket_alone(tmp_path: Path) -> None:
    need("mosquitto")
    mosquitto(tmp_path, "unix://{work}/s", "listener 0 {work}/s")
    found, claims = judged(tmp_path, "--capture")
    assert "unix" in claims
    assert found["transports.a_unix_socket_carries_what_is_said_byte_for_byte"] == "pass"
    assert found["ping.pingreq_is_answered_after_messages"] == "pass"


def test_a_broker_of_which_every_way_is_described(tmp_path: Path) -> None:
    need("mosquitto")
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"no ::1 here: {error}")
    listener, parameters = secured(tmp_path)
    mosquitto(
        tmp_path,
        'tcp://127.0.0.1:{port2}"\nwebsocket = "ws://127.0.0.1:{port}/mqtt"\ntls = "tls://127.0.0.1:{port3}"\n'
        'unix = "unix://{work}/s"\nipv6 = "tcp://[::1]:{port2}',
        "listener {port} 127.0.0.1\nprotocol websockets\nlistener 0 {work}/s\nlistener {port2} ::1\n"
        f"listener {{port3}} 127.0.0.1\n{listener}",
        parameters,
    )
    found, claims = judged(tmp_path)
    assert {"websocket", "tls", "tls-1.2", "tls-1.3", "unix", "ipv6"} <= claims and "mutual-tls" not in claims
    carried = [verdict for name, verdict in found.items() if name.startswith("transports.")]
    assert carried == ["pass"] * 5


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("expired", "certificate has expired"),
        ("other-host", "not valid for '127.0.0.1'"),
    ],
)
def test_a_certificate_that_is_not_to_be_trusted_is_said_so(tmp_path: Path, kind: Kind, says: str) -> None:
    need("mosquitto")
    listener, parameters = secured(tmp_path, kind)
    mosquitto(tmp_path, "tls://127.0.0.1:{port}", PLAIN + listener, parameters)
    done = run_testbed("run", "mqtt-broker-5.0", "--dut", "dut.toml", *CASES, "--out", "run", cwd=tmp_path)
    assert done.returncode == 3
    assert "no TLS with tls://127.0.0.1:" in done.stderr and says in done.stderr, done.stderr


@pytest.mark.parametrize("name", ["tls-authority", "tls-certificate", "tls-key"])
def test_a_certificate_file_that_is_missing_is_named_with_its_line(tmp_path: Path, name: str) -> None:
    mosquitto(tmp_path, "tls://127.0.0.1:{port}", PLAIN, f"{name} = 'gone.pem'")
    done = run_testbed("run", "mqtt-broker-5.0", "--dut", "dut.toml", *CASES, cwd=tmp_path)
    assert done.returncode == 2
    assert f"dut.toml:7: {'parameters.' + name}" in done.stderr and "'gone.pem' is no file here" in done.stderr
    assert "remedy" in done.stderr and len(done.stderr.strip().splitlines()) == 2


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('websocket = "tcp://127.0.0.1:1"', "no way of the kind websocket"),
        ('tls = "ws://127.0.0.1:1"', "no way of the kind tls"),
        ('"mqtt-5.0" = "tcp://127.0.0.1:0"', "must listen on a port"),
        ('"mqtt-5.0" = "unix://run/s"', "write unix:///path/to/socket"),
        ('"mqtt-5.0" = "tcp://127.0.0.1:1/path"', "nothing may follow the port"),
        ('"mqtt-5.0" = "ws://127.0.0.1/path"', "write ws://host:port"),
    ],
)
def test_an_endpoint_that_is_none_is_said_with_its_line(tmp_path: Path, line: str, says: str) -> None:
    (tmp_path / "x.toml").write_text(
        f'name = "x"\nrole = "mqtt-broker"\n[endpoints]\ndefault = "tcp://127.0.0.1:1"\n{line}\n'
    )
    done = run_testbed("run", "mqtt-broker-5.0", "--dut", "x.toml", cwd=tmp_path)
    assert done.returncode == 2
    assert "x.toml:5:" in done.stderr and says in done.stderr and "remedy" in done.stderr
