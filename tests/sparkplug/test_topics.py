"""Topics and STATE payloads are read for what they are."""

from __future__ import annotations

import pytest

from testbed.mqtt.matching import matches
from testbed.sparkplug import state
from testbed.sparkplug.state import State
from testbed.sparkplug.topics import Topic, host_of, read, state_topic


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("spBv1.0/g/NBIRTH/n", Topic("g", "NBIRTH", "n")),
        ("spBv1.0/g/DDATA/n/d", Topic("g", "DDATA", "n", "d")),
        ("spBv1.0/g/DDATA/n", Topic("g", "DDATA", "n")),
        ("spAv1.0/g/NDATA/n", Topic("g", "NDATA", "n", namespace="spAv1.0")),
        ("spBv1.0/STATE/scada", None),
        ("spBv1.0/g/BIRTH/n", None),
        ("spBv1.0/g/NDATA/n/d/x", None),
        (b"spBv1.0/\xff/NDATA/n", None),
    ],
)
def test_a_topic_is_read_with_its_elements(text: str | bytes, topic: Topic | None) -> None:
    assert read(text) == topic
    if topic is not None:
        assert str(topic) == text


@pytest.mark.parametrize(
    ("filter", "topic", "fits"),
    [
        ("spBv1.0/#", "spBv1.0/g/NDATA/n", True),
        ("spBv1.0/+/NDATA/+", "spBv1.0/g/NDATA/n", True),
        ("spBv1.0/+/NDATA", "spBv1.0/g/NDATA/n", False),
        ("spBv1.0/g/NCMD/n/#", "spBv1.0/g/NCMD/n", True),
        ("$share/hosts/spBv1.0/#", "spBv1.0/g/NDATA/n", True),
        ("spBv1.0/STATE/a", "spBv1.0/STATE/ab", False),
        (b"\xff", "spBv1.0", False),
    ],
)
def test_a_filter_takes_in_what_mqtt_says(filter: str | bytes, topic: str, fits: bool) -> None:
    assert matches(filter, topic) is fits


def test_a_state_topic_names_its_host() -> None:
    assert host_of(state_topic("scada")) == "scada"
    assert host_of("STATE/scada") is None


def test_a_state_is_what_it_says() -> None:
    assert state.read(State(True, 5).encoded()) == State(True, 5)


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        (b"ONLINE", "no JSON"),
        (b"\xff", "no JSON"),
        (b"[1]", "no JSON object"),
        (b'{"online":1,"timestamp":5}', "without a Boolean online"),
        (b'{"online":true}', "without a whole number timestamp"),
        (b'{"online":true,"timestamp":true}', "without a whole number timestamp"),
        (b'{"online":true,"timestamp":5,"more":1}', "more than online and timestamp"),
        (b"[" * 100_000, "bytes"),
        (b"[" * 60_000, "no JSON"),
    ],
)
def test_another_payload_says_what_is_wrong_with_it(payload: bytes, problem: str) -> None:
    found = state.read(payload)
    assert isinstance(found, str)
    assert problem in found
