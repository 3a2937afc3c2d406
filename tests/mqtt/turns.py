"""Conversations for the tests of the passive rules: who said what, and what the rules find broken in it."""

from __future__ import annotations

from typing import NamedTuple

from testbed.dut import Description, Dut
from testbed.mqtt.codec import encode
from testbed.mqtt.handle import VERSIONS
from testbed.mqtt.packets import Connack, Connect, Packet
from testbed.mqtt.rules import Name, watch_client, watch_server
from testbed.trial import Trial

V311, V5 = "mqtt-3.1.1", "mqtt-5.0"
BOTH = (V311, V5)


class Said(NamedTuple):
    """A packet on the wire, and who said it."""

    by_server: bool
    what: Packet | bytes


def c(*what: Packet | bytes) -> list[Said]:
    return [Said(False, one) for one in what]


def s(*what: Packet | bytes) -> list[Said]:
    return [Said(True, one) for one in what]


CLEAN = c(Connect("id")) + s(Connack())


def breached(edition: str, *turns: list[Said], judged: Name = "server") -> set[str]:
    """The numbers, without catalogue and `MQTT-`, that the rules on one side find broken in a conversation."""
    trial = Trial(Dut(Description(name="b", role=f"mqtt-{judged}", endpoints={}), {}), edition, "x")
    watching = (watch_server if judged == "server" else watch_client)(trial, 0)
    frame = 0
    for said in (one for turn in turns for one in turn):
        data = encode(said.what, VERSIONS[edition])
        (watching.received if said.by_server is (judged == "server") else watching.sent)(data, frame)
        frame += 1
    watching.closed(frame)
    ids = [breach.requirement for breach in trial.breaches]
    assert len(ids) == len(set(ids)), "a requirement is named once a connection"
    assert all(breach.expected and breach.came and 0 <= breach.frame < frame for breach in trial.breaches)
    return {number.removeprefix(f"{edition}:MQTT-") for number in ids}
