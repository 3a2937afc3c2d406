"""Each rule is silent on a sound node or host, and names the assertion that a planted fault breaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from testbed.dut import Description, Dut, Itself
from testbed.mqtt.codec import Framer, decode, encode
from testbed.mqtt.packets import Connack, Connect, Packet, Publish, Subscribe, Subscription, Version, Will
from testbed.protocol import Fault, Planted
from testbed.sparkplug import codec, rules
from testbed.sparkplug.faults import (
    host_certificates,
    host_commands,
    node_connects,
    node_metrics,
    node_payloads,
    node_says,
)
from testbed.sparkplug.faults.tap import Plan
from testbed.sparkplug.payload import DataType, Metric, Payload, Value
from testbed.sparkplug.state import State
from testbed.sparkplug.topics import Topic, state_topic
from testbed.trial import Trial, Watch
from tests.sparkplug.sound_client import expiring, leaving, now
from tests.sparkplug.sound_node import node_metrics as born_metrics

NODE = Topic("plant", "NBIRTH", "n1")
#: What the tester says is marked so.
Said = tuple[bool, Packet]


def _payload(seq: int | None, *metrics: Metric) -> bytes:
    return codec.encode(Payload(now(), metrics, seq))


def _death() -> bytes:
    return _payload(None, Metric("bdSeq", None, now(), DataType.INT64, value=Value("long", 0)))


def node_session(version: Version) -> Iterator[Said]:
    """All that a sound node says, and what it is told."""
    will = Will(str(NODE.of("NDEATH")), _death(), qos=1)
    yield False, Connect("n1", will=will, properties=expiring(version))
    yield True, Connack()
    yield False, Publish(str(NODE), _payload(0, *born_metrics(0, 1, False)))
    opening = Metric("Opening", 10, now(), DataType.INT32, value=Value("int", 2))
    yield False, Publish(str(NODE.of("DBIRTH", "valve")), _payload(1, opening))
    # As many messages as carry the sequence number once around.
    for index in range(2, 260):
        data = Metric(None, 1, now(), value=Value("int", 100 + index))
        yield False, Publish(str(NODE.of("NDATA")), _payload(index % 256, data))
    data = Metric(None, 10, now(), value=Value("int", 9))
    yield False, Publish(str(NODE.of("DDATA", "valve")), _payload(4, data))
    yield False, Publish(str(NODE.of("DDEATH", "valve")), _payload(5))
    yield False, Publish(str(NODE.of("NDEATH")), _death())
    yield False, leaving(version)


def host_session(version: Version, aliases: bool = False) -> Iterator[Said]:
    """All that a sound host says, and what it is told."""
    topic, at = state_topic("scada"), now()
    yield False, Connect("h", will=Will(topic, State(False, at).encoded(), 1, True), properties=expiring(version))
    yield True, Connack()
    yield False, Subscribe(1, (Subscription(topic, 1), Subscription("spBv1.0/#", 1)))
    yield False, Publish(topic, State(True, at).encoded(), 1, True, packet_id=1)
    alias = 7 if aliases else None
    for kind, device in (("NBIRTH", None), ("DBIRTH", "d1")):
        target = Metric("Target", alias, now(), DataType.INT32, value=Value("int", 0))
        yield True, Publish(str(NODE.of(kind, device)), _payload(0, target))
    written = Metric(None if aliases else "Target", alias, now(), value=Value("int", 4))
    for kind, device in (("NCMD", None), ("DCMD", "d1")):
        yield False, Publish(str(NODE.of(kind, device)), _payload(None, written))
    rebirth = Metric("Node Control/Rebirth", None, now(), value=Value("boolean", True))
    yield False, Publish(str(NODE.of("NCMD")), _payload(None, rebirth))
    yield False, Publish(topic, State(False, now()).encoded(), 1, True, packet_id=2)
    yield False, leaving(version)


def broken(session: Iterator[Said], version: Version, role: str, fault: Fault | None = None) -> set[str]:
    """What the rules say is broken, the fault planted between client and tester."""
    description = Description(
        "d", role, {"default": "tcp://127.0.0.1:1"}, parameters={"devices": "valve"}, launch=Itself()
    )
    trial = Trial(Dut(description, {}), "sparkplug-3.0", "t")
    watch = (rules.watch_node if role == "sparkplug-edge" else rules.watch_host)(trial, 0)
    tap = fault.tap(Planted()) if fault else None
    for told, packet in session:
        if told:
            wire = encode(packet, version)
            if tap is None:
                watch.sent(wire, 0)
            else:
                tap.forward = lambda data: watch.sent(data, 0)
                tap.deliver = lambda data: watch.received(data, 0)
                tap.from_tester(wire)
        elif tap is None:
            watch.received(encode(packet, version), 0)
        else:
            tap.deliver = _cut(watch)
            tap.forward = lambda data: None
            tap.from_dut(encode(packet, version))
    return {breach.requirement.removeprefix("sparkplug-3.0:tck-id-") for breach in trial.breaches}


def _cut(watch: Watch) -> Callable[[bytes], None]:
    def deliver(data: bytes) -> None:
        for frame in Framer(1 << 20).feed(data):
            watch.received(frame, 0)

    return deliver


@pytest.mark.parametrize("version", [Version.V311, Version.V5])
def test_nothing_is_said_of_a_sound_node(version: Version) -> None:
    assert broken(node_session(version), version, "sparkplug-edge") == set()


@pytest.mark.parametrize("version", [Version.V311, Version.V5])
@pytest.mark.parametrize("aliases", [False, True])
def test_nothing_is_said_of_a_sound_host(version: Version, aliases: bool) -> None:
    assert broken(host_session(version, aliases), version, "sparkplug-host") == set()


def _watched(plans: tuple[Plan, ...], side: str) -> list[Plan]:
    """Those whose assertion a rule judges; which verb a command should have had only a case can tell."""
    acts = {"node-written-by-dcmd", "device-written-by-ncmd"}
    return [plan for plan in plans if plan.breaks in _short(side) and plan.name not in acts]


def _short(side: str) -> set[str]:
    return {number.removeprefix("tck-id-") for number in rules.watched_on(side)}


EDGE = _watched((*node_connects.PLANS, *node_says.PLANS, *node_metrics.PLANS, *node_payloads.PLANS), "edge")
HOST = _watched((*host_certificates.PLANS, *host_commands.PLANS), "host")


def _version(plan: Plan) -> Version:
    return Version.V5 if plan.name.endswith("-v5") else Version.V311


@pytest.mark.parametrize("plan", EDGE, ids=lambda plan: plan.name)
def test_a_fault_of_a_node_is_named(plan: Plan) -> None:
    version = _version(plan)
    assert plan.breaks in broken(node_session(version), version, "sparkplug-edge", plan.fault())


@pytest.mark.parametrize("plan", HOST, ids=lambda plan: plan.name)
def test_a_fault_of_a_host_is_named(plan: Plan) -> None:
    version = _version(plan)
    aliases = plan.name == "name-beside-alias"
    assert plan.breaks in broken(host_session(version, aliases), version, "sparkplug-host", plan.fault())


def test_there_are_enough_of_them() -> None:
    assert len(EDGE) > 100
    assert len(HOST) > 40


def test_packets_read_back() -> None:
    for _, packet in node_session(Version.V5):
        assert decode(encode(packet, Version.V5), Version.V5).kind == packet.kind
