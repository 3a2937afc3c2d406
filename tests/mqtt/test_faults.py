"""Planted faults: well tied, unseen until they find what they break, and never in the way of odd traffic."""

from __future__ import annotations

from importlib.resources import files

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from mqtt_values import odd_packets, packets

from harness.requirement import read_catalogue
from testbed.link.tap import Tap
from testbed.mqtt.codec import encode
from testbed.mqtt.faults import PLANS, faults
from testbed.mqtt.faults.tap import EDITIONS
from testbed.mqtt.matching import matches
from testbed.mqtt.packets import (
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Publish,
    Suback,
    Subscribe,
    Subscription,
)
from testbed.protocol import Fault, Planted

ALL = [fault for edition in EDITIONS for fault in faults(edition)]


def named(fault: Fault) -> str:
    return f"{fault.edition}-{fault.name}"


class Line:
    """A tap with both ends in hand."""

    def __init__(self, fault: Fault) -> None:
        self.planted = Planted()
        self.to_tester, self.to_dut = b"", b""
        self.ended = self.hung_up = False
        self.tap: Tap = fault.tap(self.planted)
        self.tap.deliver, self.tap.forward = self._deliver, self._forward
        self.tap.end, self.tap.hang_up = self._end, self._hang_up

    def _deliver(self, data: bytes) -> None:
        self.to_tester += data

    def _forward(self, data: bytes) -> None:
        self.to_dut += data

    def _end(self) -> None:
        self.ended = True

    def _hang_up(self, abruptly: bool) -> None:
        self.hung_up = True


def one(name: str, edition: str = "mqtt-5.0") -> Line:
    return Line(next(fault for fault in faults(edition) if fault.name == name))


def test_there_are_many() -> None:
    assert len(ALL) >= 160


@pytest.mark.parametrize("edition", list(EDITIONS))
def test_names_are_unique(edition: str) -> None:
    names = [fault.name for fault in faults(edition)]
    assert len(names) == len(set(names))


def test_every_plan_is_planted_somewhere() -> None:
    assert all(plan.faults() for plan in PLANS)
    assert len({plan.name for plan in PLANS}) == len(PLANS)


@pytest.mark.parametrize("edition", list(EDITIONS))
def test_each_breaks_a_requirement_that_binds_a_server(edition: str) -> None:
    rows = read_catalogue(edition, files("suites.mqtt") / "requirements" / f"{edition}.tsv")
    for fault in faults(edition):
        assert fault.requirement in rows, fault
        assert rows[fault.requirement].binds("server"), fault
        assert fault.text, fault


#: A conversation in which nothing can be broken but the most ordinary things.
CLEAN: list[tuple[str, Packet]] = [
    ("sent", Connect("abc")),
    ("received", Connack()),
    ("sent", Subscribe(1, (Subscription("a/b", 1),))),
    ("received", Suback(1, (1,))),
    ("sent", Publish("a/b", b"x")),
    ("received", Publish("a/b", b"x")),
    ("sent", Pingreq()),
    ("received", Pingresp()),
    ("sent", Disconnect()),
]


#: They announce a limit that the broker does not have: legal in itself, broken later.
ANNOUNCING = {"will-above-maximum-qos", "will-retained-anyway", "filters-above-maximum-qos-refused"}


@pytest.mark.parametrize("fault", [fault for fault in ALL if fault.name not in ANNOUNCING], ids=named)
def test_clean_traffic_passes_unchanged_until_something_is_broken(fault: Fault) -> None:
    line = Line(fault)
    sent, received = b"", b""
    for way, packet in CLEAN:
        data = encode(packet, EDITIONS[fault.edition])
        for index in range(len(data)):
            byte = data[index : index + 1]
            (line.tap.from_tester if way == "sent" else line.tap.from_dut)(byte)
        sent, received = (sent + data, received) if way == "sent" else (sent, received + data)
        if line.planted.touched:
            return
        # A fault may keep a message back to swap it with the next; nothing else may be missing.
        assert line.to_dut == sent
        assert received.startswith(line.to_tester)
    line.tap.tester_closed(False)
    line.tap.dut_closed()
    assert (line.to_dut, line.to_tester) == (sent, received) or line.planted.touched
    assert line.hung_up
    assert line.ended or line.planted.touched


@pytest.mark.parametrize("edition", list(EDITIONS))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_nothing_makes_a_tap_raise(edition: str, data: st.DataObject) -> None:
    said = st.one_of(packets(EDITIONS[edition]), odd_packets(EDITIONS[edition])).map(
        lambda packet: wire(packet, edition)
    )
    talk = data.draw(st.lists(st.tuples(st.booleans(), said | st.binary(max_size=12)), max_size=12))
    for fault in faults(edition):
        note(fault.name)
        line = Line(fault)
        for sent, chunk in talk:
            (line.tap.from_tester if sent else line.tap.from_dut)(chunk)
        line.tap.dut_closed()
        line.tap.tester_closed(True)


def wire(packet: Packet, edition: str) -> bytes:
    """Nothing, when it has no wire form."""
    try:
        return encode(packet, EDITIONS[edition])
    except ValueError:
        return b""


@pytest.mark.parametrize("fault", ALL, ids=named)
def test_what_cannot_be_cut_into_packets_passes_whole(fault: Fault) -> None:
    line = Line(fault)
    endless = b"\x30\xff\xff\xff\xff" + bytes(range(256)) * 300
    line.tap.from_dut(endless)
    assert line.to_tester.startswith(endless)


@pytest.mark.parametrize(
    ("name", "packet", "becomes"),
    [
        ("suback-backwards", Suback(1, (0, 1)), [Suback(1, (1, 0))]),
        ("suback-for-each-filter", Suback(1, (0, 1)), [Suback(1, (0,)), Suback(1, (1,))]),
        ("no-pingresp", Pingresp(), []),
        ("connack-twice", Connack(), [Connack(), Connack()]),
        ("topic-elsewhere", Publish("a"), [Publish("a/x")]),
        ("suback-backwards", Suback(1, (1, 1)), [Suback(1, (1, 1))]),
    ],
)
def test_answers_are_broken_as_the_text_says(name: str, packet: Packet, becomes: list[Packet]) -> None:
    line = one(name)
    line.tap.from_dut(encode(packet, EDITIONS["mqtt-5.0"]))
    assert line.to_tester == b"".join(encode(packet, EDITIONS["mqtt-5.0"]) for packet in becomes)
    assert line.planted.touched is (becomes != [packet])


def test_a_delivery_of_another_qos_is_acknowledged_in_the_testers_stead() -> None:
    line = one("qos-lost")
    line.tap.from_dut(encode(Publish("a", b"x", 2, packet_id=4), EDITIONS["mqtt-5.0"]))
    line.tap.from_dut(bytes.fromhex("62020004"))
    assert line.to_dut.hex() == "50020004" + "70020004"
    assert line.to_tester == encode(Publish("a", b"x"), EDITIONS["mqtt-5.0"])


def test_a_connection_held_open_ends_when_the_tester_closes() -> None:
    line = one("disconnect-served-on")
    line.tap.from_dut(encode(Disconnect(0x82), EDITIONS["mqtt-5.0"]))
    line.tap.dut_closed()
    line.tap.from_tester(encode(Pingreq(), EDITIONS["mqtt-5.0"]))
    assert not line.ended and line.planted.touched
    assert line.to_tester.endswith(encode(Pingresp(), EDITIONS["mqtt-5.0"]))
    line.tap.tester_closed(False)
    assert line.ended and line.hung_up


@pytest.mark.parametrize(
    ("given", "topic", "match"),
    [
        ("a/b", "a/b", True),
        ("a/+", "a/b", True),
        ("a/+", "a/b/c", False),
        ("a/#", "a", True),
        ("#", "$SYS/x", False),
        ("$share/g/a/+", "a/b", True),
        ("+", "a/b", False),
    ],
)
def test_filters_reach_topics_by_the_letter(given: str, topic: str, match: bool) -> None:
    assert matches(given, topic) is match
