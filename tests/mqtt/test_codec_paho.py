"""Our bytes are those of paho-mqtt's own encoder, for what both can say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mqtt_values import blobs, one_property, two, well_formed

from testbed.mqtt.codec import encode
from testbed.mqtt.packets import Connect, Packet, Publish, Subscribe, Subscription, Unsubscribe, Version, Will
from testbed.mqtt.properties import TABLE, Properties, Property, Wire, get_all

mqtt = pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed (extra: dev)")
from paho.mqtt.packettypes import PacketTypes  # noqa: E402
from paho.mqtt.properties import Properties as PahoProperties  # noqa: E402
from paho.mqtt.subscribeoptions import SubscribeOptions  # noqa: E402

v311_or_v5 = st.sampled_from((Version.V311, Version.V5))
slower = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
# What paho checks that we leave to the rules.
_VALID = {
    Property.PAYLOAD_FORMAT_INDICATOR: (0, 1),
    Property.REQUEST_PROBLEM_INFORMATION: (0, 1),
    Property.REQUEST_RESPONSE_INFORMATION: (0, 1),
    Property.RECEIVE_MAXIMUM: (1, 65_535),
    Property.TOPIC_ALIAS: (1, 65_535),
    Property.MAXIMUM_PACKET_SIZE: (1, 268_435_455),
    Property.SUBSCRIPTION_IDENTIFIER: (1, 268_435_455),
}


class Recorder(mqtt.Client):  # type: ignore[name-defined, misc]
    """A client whose packets go into a list."""

    def __init__(self, version: Version, client_id: str = "", clean: bool = True) -> None:
        clean_session = None if version is Version.V5 else clean
        super().__init__(mqtt.CallbackAPIVersion.VERSION2, client_id, clean_session, protocol=int(version))
        self.sent: list[bytes] = []
        self._sock = object()  # it refuses to encode without one

    def _packet_queue(self, command: int, packet: bytes, *rest: Any) -> int:
        self.sent.append(bytes(packet))
        return 0

    def reset_sockets(self) -> None:
        self._sock = None

    def __del__(self) -> None:
        self._sock = None


def properties_of(kind: str) -> st.SearchStrategy[Properties]:
    """Properties of `kind` that paho takes: well-formed, in range, single, in the order it writes them."""

    def fits(item: tuple[Property, Any]) -> bool:
        key, value = item
        low, high = _VALID.get(key, (0, 1 << 32))
        strings = value if isinstance(value, tuple) else (value,)
        text_only = TABLE[key].wire not in (Wire.STRING, Wire.PAIR) or all(
            isinstance(one, str) and "\0" not in one for one in strings
        )
        return kind in TABLE[key].packets and text_only and (not isinstance(value, int) or low <= value <= high)

    return (
        st.lists(one_property.filter(fits), max_size=3, unique_by=lambda item: item[0])
        .map(lambda found: sorted(found, key=lambda item: _ORDER.index(item[0])))
        .map(tuple)
    )


_PAHO = PahoProperties(PacketTypes.CONNECT)
_ORDER = list(_PAHO.names.values())


def to_paho(kind: int, block: Properties) -> PahoProperties:
    made = PahoProperties(kind)
    names = {ident: name.replace(" ", "") for name, ident in made.names.items()}
    for key, value in block:
        setattr(made, names[int(key)], value)
    return made


plain = well_formed.filter(lambda value: "\0" not in value)


@slower
@given(st.data(), v311_or_v5, plain, blobs, st.integers(0, 2), st.booleans(), st.booleans(), two)
def test_publish(
    data: st.DataObject,
    version: Version,
    topic: str,
    payload: bytes,
    qos: int,
    retain: bool,
    dup: bool,
    identifier: int,
) -> None:
    block = data.draw(properties_of("PUBLISH")) if version is Version.V5 else ()
    paho = Recorder(version)
    extra = to_paho(PacketTypes.PUBLISH, block) if version is Version.V5 else None
    paho._send_publish(identifier, topic.encode(), payload, qos, retain, dup, None, extra)
    ours = Publish(topic, payload, qos, retain, dup, identifier if qos else None, block)
    assert paho.sent == [encode(ours, version)]


@slower
@given(
    st.data(),
    v311_or_v5,
    st.lists(st.tuples(plain, st.integers(0, 2), st.booleans(), st.booleans(), st.integers(0, 2)), min_size=1),
)
def test_subscribe_and_unsubscribe(
    data: st.DataObject, version: Version, wanted: list[tuple[str, int, bool, bool, int]]
) -> None:
    v5 = version is Version.V5
    block = data.draw(properties_of("SUBSCRIBE")) if v5 else ()
    paho = Recorder(version)
    topics = [(row[0].encode(), SubscribeOptions(*row[1:]) if v5 else row[1]) for row in wanted]
    paho._send_subscribe(0, topics, to_paho(PacketTypes.SUBSCRIBE, block) if v5 else None)
    paho._send_unsubscribe(0, [topic for topic, _ in topics])
    subscriptions = tuple(Subscription(*row) if v5 else Subscription(*row[:2]) for row in wanted)
    expected: list[Packet] = [
        Subscribe(1, subscriptions, block),
        Unsubscribe(2, tuple(row[0] for row in wanted)),
    ]
    assert paho.sent == [encode(packet, version) for packet in expected]


@slower
@given(
    st.data(),
    v311_or_v5,
    plain,
    st.booleans(),
    two,
    st.none() | plain,
    st.none() | blobs,
    st.booleans(),
    plain,
)
def test_connect(
    data: st.DataObject,
    version: Version,
    client_id: str,
    clean: bool,
    keep_alive: int,
    username: str | None,
    password: bytes | None,
    wills: bool,
    will_topic: str,
) -> None:
    v5 = version is Version.V5
    if not client_id:
        client_id = "c"
    paho = Recorder(version, client_id, clean)
    paho._clean_start = clean
    if username is not None:
        paho._username = username.encode()
        paho._password = password
    will = Will(will_topic or "w", b"gone", 1, True) if wills else None
    block: Properties = data.draw(properties_of("CONNECT")) if v5 else ()
    if will is not None:
        will_block: Properties = data.draw(properties_of("WILL")) if v5 else ()
        will = Will(will.topic, will.payload, will.qos, will.retain, will_block)
        extra = to_paho(PacketTypes.WILLMESSAGE, will_block) if v5 else None
        paho.will_set(str(will.topic), will.payload, will.qos, will.retain, extra)
    if v5:
        paho._connect_properties = to_paho(PacketTypes.CONNECT, block)
    paho._send_connect(keep_alive)
    ours = Connect(client_id, clean, keep_alive, will, username, password if username is not None else None, block)
    assert paho.sent == [encode(ours, version)]
    assert not get_all(block, Property.TOPIC_ALIAS)
