"""`testbed judge`: what is found of both ends, what is said of the rest, and with which exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness import offline, overheard, products, verdict
from harness.report.schema import schema_of
from harness.report.site.view import view
from harness.results import Results
from testbed.captured import source
from testbed.captured import tcp as tcp_module
from testbed.protocol import roles
from tests.captured.encrypted import tls_talk
from tests.captured.writing import (
    ACK,
    CONNACK,
    CONNACK_311,
    CONNECT,
    CONNECT_31,
    CONNECT_311,
    DISCONNECT,
    PING,
    PONG,
    STRAY_PUBACK,
    Talk,
    enhanced,
    interface,
    pcap,
    pcapng,
    secrets,
    section,
    tcp,
    usual,
)
from tests.command import need, run_testbed

BROKEN = {"mqtt-5.0:MQTT-2.2.1-5", "mqtt-5.0:MQTT-4.3.2-4"}
SERVER, CLIENT = "10.0.0.1:1883", "abc (10.0.0.5)"


def judge(folder: Path, data: bytes, *options: str, code: int) -> tuple[Results, subprocess.CompletedProcess[str]]:
    """Judge a capture by the command; its results."""
    (folder / "c.pcap").write_bytes(data)
    done = run_testbed("judge", "c.pcap", "--out", "out", *options, cwd=folder)
    assert done.returncode == code, done.stdout + done.stderr
    return msgspec.json.decode((folder / "out" / "results.json").read_bytes(), type=Results), done


def found(data: bytes, folder: Path) -> Results:
    """The same without the command."""
    path = folder / "c.pcap"
    path.write_bytes(data)
    offline.judge(path, folder / "out")
    return verdict.results(folder / "out")


def broken(results: Results, dut: str) -> set[str]:
    return {finding.requirement for cell in results.cells if cell.dut == dut for finding in cell.findings}


# -- both ends


def test_a_clean_capture_passes_without_claiming_a_requirement(tmp_path: Path) -> None:
    results, done = judge(tmp_path, pcap(usual().packets), code=0)
    assert [(dut.name, dut.role) for dut in results.duts] == [(SERVER, "mqtt-broker"), (CLIENT, "mqtt-client")]
    assert [(cell.verdict, cell.findings, cell.requirements) for cell in results.cells] == [("pass", [], [])] * 2
    assert results.marks == []
    assert results.conformance == []
    assert "1 of 1 connection, packets it said in all: 2" in results.cells[0].reason
    assert "1 connection, 5 packets judged" in done.stdout
    for name in ("journal.jsonl", "junit.xml", "ctrf.json", "summary.md"):
        assert (tmp_path / "out" / name).stat().st_size


def test_what_the_server_breaks_is_found_with_its_packet(tmp_path: Path) -> None:
    talk = Talk().client(CONNECT).server(CONNACK).client(PING).server(PONG, STRAY_PUBACK).client(PING).close()
    results, done = judge(tmp_path, pcap(talk.packets), "--site", "site", "--junit", "j.xml", code=1)
    assert broken(results, SERVER) == BROKEN
    assert broken(results, CLIENT) == set()
    cell = next(cell for cell in results.cells if cell.verdict == "fail")
    finding = cell.findings[0]
    assert cell.frames[finding.frame].text.startswith("PUBACK")
    assert cell.frames[finding.frame].way == "received"
    assert "(packet 8 of the capture)" in finding.came
    assert cell.filter == "ip.addr == 10.0.0.5 and tcp.port == 40000 and ip.addr == 10.0.0.1 and tcp.port == 1883"
    assert cell.started.startswith("2023-11-14T22:13:20")
    assert cell.frames[-1].text == "the connection ended"
    assert f"{SERVER}  mqtt-broker  FAIL  does not keep mqtt-5.0:MQTT-2.2.1-5, mqtt-5.0:MQTT-4.3.2-4" in done.stdout
    pages = "".join(path.read_text() for path in (tmp_path / "site").rglob("*.html"))
    assert "ip.addr == 10.0.0.5 and tcp.port == 40000" in pages
    assert "(packet 8 of the capture)" in (tmp_path / "j.xml").read_text()


@pytest.mark.skipif("mqtt-client" not in roles(), reason="no rules on clients are installed")
def test_what_the_client_breaks_is_found_in_its_own_column(tmp_path: Path) -> None:
    talk = Talk().client(CONNECT).server(CONNACK).client(STRAY_PUBACK).close()
    results = found(pcap(talk.packets), tmp_path)
    assert "mqtt-5.0:MQTT-2.2.1-5" in broken(results, CLIENT)
    assert broken(results, SERVER) == set()
    cell = next(cell for cell in results.cells if cell.verdict == "fail")
    assert [frame.way for frame in cell.frames[:3]] == ["received", "sent", "received"]


def test_editions_are_told_apart_by_connection(tmp_path: Path) -> None:
    old = Talk(("10.0.0.6", 1)).client(CONNECT_311).server(CONNACK_311).server(bytes.fromhex("62020007")).close()
    results = found(pcap(usual().packets + old.packets), tmp_path)
    server = [cell for cell in results.cells if cell.dut == SERVER]
    assert {(cell.edition, cell.verdict) for cell in server} == {("mqtt-5.0", "pass"), ("mqtt-3.1.1", "fail")}
    assert broken(results, SERVER) == {"mqtt-3.1.1:MQTT-2.3.1-6"}


def test_a_known_failure_does_not_fail_and_a_stale_one_does(tmp_path: Path) -> None:
    talk = Talk().client(CONNECT).server(CONNACK, STRAY_PUBACK).close()
    known = tmp_path / "expected.toml"
    known.write_text('[[known]]\nrequirement = "MQTT-[24].*"\ndut = "10.0.0.1:*"\nreason = "ticket 1"\n')
    (tmp_path / "c.pcap").write_bytes(pcap(talk.packets))
    (tmp_path / "d.pcap").write_bytes(pcap(usual().packets))
    for name, code in (("c", 0), ("d", 1)):
        done = run_testbed("judge", f"{name}.pcap", "--out", name, "--expect", str(known), cwd=tmp_path)
        assert done.returncode == code, done.stdout
        assert ("stale" in done.stdout) == bool(code)


def test_reports_are_made_again_from_the_journal_alone(tmp_path: Path) -> None:
    talk = Talk().client(CONNECT).server(CONNACK, STRAY_PUBACK).close()
    judge(tmp_path, pcap(talk.packets[:-1]), code=1)
    before = (tmp_path / "out" / "results.json").read_bytes()
    (tmp_path / "out" / "results.json").unlink()
    done = run_testbed("report", "out", "--site", "site", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "results.json").read_bytes() == before


def test_results_fit_their_schema(tmp_path: Path) -> None:
    jsonschema: Any = pytest.importorskip("jsonschema")
    talk = Talk().client(CONNECT).server(CONNACK, STRAY_PUBACK)
    _, done = judge(tmp_path, pcap(talk.packets), "--json", code=1)
    jsonschema.validate(json.loads(done.stdout), schema_of(Results, "iot-testbed-results/1"))


def test_standard_input_is_read(tmp_path: Path) -> None:
    program = [sys.executable, "-c", "from harness.cli import main; main()", "judge", "-", "--out", "out"]
    done = subprocess.run(program, cwd=tmp_path, input=pcapng(usual().packets), capture_output=True)
    assert done.returncode == 0, done.stderr
    assert b"5 packets judged" in done.stdout


# -- wrappings


def test_tls_is_judged_by_a_key_log_or_by_secrets_in_the_capture(tmp_path: Path) -> None:
    said = [(0, CONNECT), (1, CONNACK), (1, STRAY_PUBACK)]
    talk, log = tls_talk(tmp_path, said, talk=Talk(server=("10.0.0.1", 9999)))
    assert broken(found(pcapng(talk.packets, before=secrets(log)), tmp_path), "10.0.0.1:9999") == BROKEN
    results, _ = judge(tmp_path / "out", pcap(talk.packets), "--keylog", str(tmp_path / "keys.log"), code=1)
    assert broken(results, "10.0.0.1:9999") == BROKEN
    assert results.duts[0].endpoints == {"mqtt-5.0": "tls://10.0.0.1:9999"}


def test_encrypted_connections_without_secrets_are_counted(tmp_path: Path) -> None:
    talk, _ = tls_talk(tmp_path, [(0, CONNECT)])
    results, done = judge(tmp_path, pcap(talk.packets), code=3)
    note = "Not judged: 1 connection: encrypted with TLS, and the secrets are not there (--keylog)."
    assert results.notes == [note]
    assert note in done.stderr
    assert "nothing in it could be judged" in done.stderr


# -- what was not seen


def test_a_gap_judges_what_came_before_and_says_so(tmp_path: Path) -> None:
    talk = Talk().client(CONNECT).server(CONNACK, STRAY_PUBACK).client(PING).server(PONG, STRAY_PUBACK * 3).close()
    lost = next(number for number, packet in enumerate(talk.packets) if packet.endswith(PING))
    results = found(pcap(talk.packets[:lost] + talk.packets[lost + 1 :]), tmp_path)
    cell = next(cell for cell in results.cells if cell.verdict == "fail")
    assert "judged in part: 2 bytes before packet 9 cannot be found in the capture" in cell.reason
    assert len(cell.frames) == 4
    clean = next(cell for cell in results.cells if cell.dut == CLIENT)
    assert "judged in part: 1: 2 bytes before packet 9" in clean.reason


def test_a_truncated_file_judges_what_came_before_and_says_so(tmp_path: Path) -> None:
    talk = Talk().client(CONNECT).server(CONNACK, STRAY_PUBACK).client(PING)
    results, done = judge(tmp_path, pcap(talk.packets)[:-1], code=1)
    note = "The capture is not whole: the file ends in the middle of packet 7. What came before is judged."
    assert results.notes == [note]
    assert note in done.stdout
    assert "What came before is judged" in (tmp_path / "out" / "summary.md").read_text()
    assert tcp_module.ENDS in next(cell for cell in results.cells if cell.verdict == "fail").reason


def test_a_connection_from_before_the_capture_is_not_judged(tmp_path: Path) -> None:
    late = Talk(("10.0.0.6", 1), opened=False).server(STRAY_PUBACK).client(PING)
    results = found(pcap(usual().packets + late.packets), tmp_path)
    assert broken(results, SERVER) == set()
    assert results.notes == ["Not judged: 1 connection: the capture does not show the beginning."]


def test_a_connect_without_its_handshake_is_a_beginning(tmp_path: Path) -> None:
    talk = Talk(opened=False).client(CONNECT).server(CONNACK, STRAY_PUBACK).close()
    assert broken(found(pcap(talk.packets), tmp_path), SERVER) == BROKEN


@pytest.mark.parametrize(
    ("first", "note"),
    [
        (CONNECT_31, "there are no rules for mqtt-3.1."),
        (CONNECT_311[:8] + b"\x09" + CONNECT_311[9:], "there are no rules for mqtt of unknown level 9."),
        (CONNECT_311[:8] + b"\x84" + CONNECT_311[9:], "there are no rules for mqtt-3.1.1 of a bridge."),
    ],
)
def test_other_versions_are_not_judged(tmp_path: Path, first: bytes, note: str) -> None:
    results, _ = judge(tmp_path, pcap(Talk().client(first).server(CONNACK_311).close().packets), code=3)
    assert results.notes == [f"Not judged: 1 connection: {note}"]
    assert results.cells == []


def test_other_protocols_are_passed_over(tmp_path: Path) -> None:
    other = Talk(server=("10.0.0.1", 25)).server(b"220 mail\r\n").client(b"EHLO x\r\n").close()
    strange = Talk(("10.0.0.6", 1)).client(PING).close()
    results = found(pcap(usual().packets + other.packets + strange.packets), tmp_path)
    assert results.notes == [
        "Not judged: 1 connection to a known address: the opening is of no known protocol.",
        "Passed over: 1 connection of other protocols.",
    ]


def test_a_connect_byte_by_byte_is_found_on_any_port(tmp_path: Path) -> None:
    talk = Talk(server=("10.0.0.1", 5)).client(*(bytes([byte]) for byte in CONNECT)).server(CONNACK, STRAY_PUBACK)
    assert broken(found(pcap(talk.packets), tmp_path), "10.0.0.1:5") == BROKEN


def test_a_packet_larger_than_the_tester_ever_takes_breaks_nothing(tmp_path: Path) -> None:
    size = 5 << 20
    packet = b"\x30" + bytes([size & 127 | 128, size >> 7 & 127 | 128, size >> 14 & 127 | 128, size >> 21])
    packet += b"\0\1t\0" + bytes(size - 4)
    pieces = [packet[start : start + 60_000] for start in range(0, len(packet), 60_000)]
    talk = Talk().client(CONNECT).server(CONNACK).client(*pieces, PING).server(PONG).close()
    results = found(pcap(talk.packets), tmp_path)
    assert {cell.verdict for cell in results.cells} == {"pass"}
    assert "said in all: 3" in next(cell for cell in results.cells if cell.dut == CLIENT).reason


# -- bad input


@pytest.mark.parametrize(
    ("data", "code", "word"),
    [
        (b"", 2, "is empty (0 bytes)"),
        (b"\x00\x01\x02\x03", 2, "is no capture"),
        (pcap([]), 3, "c.pcap holds no packets"),
        (pcap([bytes(60)] * 2, link_type=195), 3, "2 packets of link type 195, which is unknown here. Known: 0 NULL"),
        (pcap(Talk(server=("10.0.0.1", 25)).client(b"EHLO\r\n").packets), 3, "1 connection of other protocols"),
        (pcap([tcp(("10.0.0.1", 1), ("10.0.0.2", 2), 1, 1, ACK)]), 3, "no connection of a protocol known here"),
        (b"just some text\n", 3, "1 line: lines without hex"),
    ],
)
def test_what_cannot_be_judged_is_one_clear_message(tmp_path: Path, data: bytes, code: int, word: str) -> None:
    (tmp_path / "c.pcap").write_bytes(data)
    done = run_testbed("judge", "c.pcap", "--out", "out", cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert word in done.stderr
    assert done.stdout == ""
    assert (tmp_path / "out").exists() == (code == 3)


def test_wrong_use_is_said(tmp_path: Path) -> None:
    (tmp_path / "c.pcap").write_bytes(pcap(usual().packets))
    for arguments, word in (
        ([], "Missing argument"),
        (["none.pcap"], "cannot be read (No such file"),
        (["c.pcap", "--keylog", "c.pcap"], "holds no TLS secrets"),
        (["c.pcap", "--expect", "none.toml"], "cannot be read"),
    ):
        done = run_testbed("judge", *arguments, cwd=tmp_path)
        assert (done.returncode, word in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "results").exists()


def test_results_are_never_overwritten(tmp_path: Path) -> None:
    judge(tmp_path, pcap(usual().packets), code=0)
    done = run_testbed("judge", "c.pcap", "--out", "out", cwd=tmp_path)
    assert done.returncode == 3
    assert "already holds a run" in done.stderr


# -- many


def test_many_clients_do_not_explode_the_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "MOST_KEPT", 60)
    monkeypatch.setattr(products, "MOST_SHOWN", 5)
    monkeypatch.setattr(products, "MOST_CELLS", 8)
    packets = []
    for number in range(100):
        talk = Talk((f"10.1.0.{number}", 5)).client(CONNECT).server(CONNACK)
        if number % 2:
            talk.server(STRAY_PUBACK)
        packets += talk.close().packets
    results = found(pcap(packets), tmp_path)
    assert len(results.duts) == 7
    assert results.duts[-1].name == "more than 55 other of role mqtt-client" or "mqtt-client" not in roles()
    server = [cell for cell in results.cells if cell.dut == SERVER]
    shown = [cell for cell in server if cell.row.startswith("connection")]
    assert 1 <= len(shown) <= 8
    further = next(cell for cell in server if cell.row == "further connections")
    assert {finding.requirement for finding in further.findings} == BROKEN
    assert f"{50 - len(shown)} more connections;" in further.reason
    assert next(cell for cell in server if not cell.row).reason.startswith("50 of 100 connections,")


def test_a_long_connection_keeps_the_packets_around_a_breach_only(tmp_path: Path) -> None:
    talk = Talk().client(CONNECT).server(CONNACK)
    for number in range(500):
        talk.client(PING).server(PONG)
        if number == 300:
            talk.server(STRAY_PUBACK)
    talk.client(DISCONNECT).close()
    results = found(pcap(talk.packets), tmp_path)
    cell = next(cell for cell in results.cells if cell.verdict == "fail")
    assert len(cell.frames) < 20
    assert sum(frame.way == "event" for frame in cell.frames) == 3
    assert cell.frames[cell.findings[0].frame].text.startswith("PUBACK")


def test_the_packets_of_one_connection_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overheard, "MOST_FRAMES", 50)
    talk = Talk().client(CONNECT).server(CONNACK)
    for _ in range(50):
        talk.client(PING).server(PONG)
    results = found(pcap(talk.server(STRAY_PUBACK).close().packets), tmp_path)
    assert all("judged up to its packet 50 only" in cell.reason for cell in results.cells)


def test_a_rule_that_fails_is_an_error_of_ours_and_costs_its_connection_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = roles()["mqtt-broker"]
    make = role.watch
    assert make is not None

    class Faulty:
        def __init__(self, trial: object, link: int) -> None:
            self._watch = make(trial, link)  # type: ignore[arg-type]
            self.sent, self.closed = self._watch.sent, self._watch.closed

        def received(self, data: bytes, frame: int) -> None:
            if data == PONG:
                raise ZeroDivisionError("a bug")
            self._watch.received(data, frame)

    monkeypatch.setattr(type(role), "__setattr__", object.__setattr__)
    monkeypatch.setattr(role, "watch", Faulty)
    one = Talk(("10.0.0.6", 1)).client(CONNECT).server(CONNACK, STRAY_PUBACK).close()
    results = found(pcap(usual().packets + one.packets), tmp_path)
    server = {cell.verdict: cell for cell in results.cells if cell.dut == SERVER}
    assert set(server) == {"error", "fail"}
    assert "ZeroDivisionError: a bug" in server["error"].reason
    assert "Traceback" in server["error"].trace


def test_an_interruption_keeps_what_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_TICK", 7)
    talk = Talk().client(CONNECT).server(CONNACK, STRAY_PUBACK).client(PING).server(PONG)
    path = tmp_path / "c.pcap"
    path.write_bytes(pcap(talk.packets))

    def stop(done: int, size: int) -> None:
        assert done == size
        raise KeyboardInterrupt

    outcome = offline.judge(path, tmp_path / "out", tick=stop)
    assert outcome.interrupted
    results = verdict.results(tmp_path / "out")
    assert not results.complete
    assert broken(results, SERVER) == BROKEN
    assert results.notes == ["Reading was interrupted after packet 7. What came before is judged."]


@pytest.mark.skipif("mqtt-client" not in roles(), reason="no rules on clients are installed")
def test_the_matrix_of_a_role_has_the_rows_that_bind_it(tmp_path: Path) -> None:
    nameless = CONNECT[:-5] + b"\0\0"
    nameless = nameless[:1] + bytes([len(nameless) - 2]) + nameless[2:]
    packets = Talk(("10.0.0.6", 1)).client(nameless).server(CONNACK).close().packets
    packets += Talk().client(CONNECT).server(CONNACK).client(STRAY_PUBACK).close().packets
    results = found(pcap(packets), tmp_path)
    sheets = {sheet.role: sheet for sheet in view(results, {}).sheets}
    server, client = sheets["mqtt-broker"], sheets["mqtt-client"]
    assert {row.side for row in server.requirements} == {"server", "both"}
    assert "server" not in {row.side for row in client.requirements}


def test_a_log_of_hex_is_judged_without_addresses(tmp_path: Path) -> None:
    log = f"dev > {CONNECT.hex()}\ndev < {CONNACK.hex()}\ndev < {STRAY_PUBACK.hex(' ')}\n"
    results, _ = judge(tmp_path, log.encode(), "--site", "site", code=1)
    assert [dut.name for dut in results.duts] == ["server", "abc (dev)"]
    assert broken(results, "server") == BROKEN
    cell = next(cell for cell in results.cells if cell.verdict == "fail")
    assert (cell.row, cell.filter) == ("connection 1, dev", "")
    assert "(line 3 of the log)" in cell.findings[0].came


def test_names_of_clients_are_made_fit_to_be_shown(tmp_path: Path) -> None:
    packets = []
    for number, name in enumerate(["x" * 3000, "x" * 2999 + "y", "a\nb", "\u202eabc", "🙂", ""]):
        id = name.encode()
        body = CONNECT[2:13] + len(id).to_bytes(2) + id
        size = bytes([len(body) & 127 | 128, len(body) >> 7]) if len(body) > 127 else bytes([len(body)])
        packets += Talk((f"10.0.1.{number}", 5)).client(b"\x10" + size + body).server(CONNACK).close().packets
    results, done = judge(tmp_path, pcap(packets), "--site", "site", code=1)
    names = [dut.name for dut in results.duts if dut.role == "mqtt-client"]
    assert len(set(names)) == 6
    assert all(len(name) <= 100 and name.isprintable() for name in names)
    assert "10.0.1.5" in names
    assert "a b (10.0.1.2)" in done.stdout


def test_the_capture_of_a_run_shows_what_the_rules_saw_in_the_run(tmp_path: Path) -> None:
    need("mqttools")
    case = "mqtt.broker.client_id.an_assigned_client_id_is_told_and_new"
    run = run_testbed("run", "mqtt-broker-5.0", "--dut", "mqttools", "--case", case, "--out", "run", cwd=tmp_path)
    assert run.returncode == 1, run.stderr
    found_then = json.loads((tmp_path / "run" / "results.json").read_bytes())["cells"][0]["findings"]
    seen = {finding["requirement"] for finding in found_then if finding.get("source") == "rule"}
    done = run_testbed("judge", "run/mqttools.pcapng", "--out", "judged", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    results = msgspec.json.decode((tmp_path / "judged" / "results.json").read_bytes(), type=Results)
    assert seen
    assert broken(results, "127.0.0.1:1883") == seen


@pytest.mark.parametrize("ticks", [0, (1 << 64) - 1, 1 << 63])
def test_times_that_no_clock_tells_are_left_out(tmp_path: Path, ticks: int) -> None:
    talk = Talk().client(CONNECT).server(CONNACK, STRAY_PUBACK).close()
    data = section() + interface(resolution=0)
    data += b"".join(enhanced(packet, ticks if n else ticks ^ 1 << 40) for n, packet in enumerate(talk.packets))
    results, _ = judge(tmp_path, data, "--site", "site", code=1)
    assert broken(results, SERVER) == BROKEN
    assert all(frame.at >= 0 for cell in results.cells for frame in cell.frames)
