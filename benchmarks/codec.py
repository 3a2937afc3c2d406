"""How fast the MQTT codec is beside other Python codecs, in one run.

    python benchmarks/codec.py [--rivals VENV] [--rounds N]

paho-mqtt comes with the dev extra. The others are looked for in the virtual environment VENV (of the same
Python), filled by `pip install amqtt gmqtt mqttools ohmqtt moat-lib-mqtt mqtt5` and, as it is old, by
`pip install mqtt-codec` with PIP_CONSTRAINT naming a file that says `setuptools<58`. A rival that is missing,
or cannot say a workload, is a line that says so. mqtt5 is no Python: it shows how far there is to go.

Each workload is checked first: a rival's bytes must be ours, its decoded topic and payload what was sent. A
figure is the best of N rounds in microseconds per packet, the ratio rival / ours (above 1: ours is faster).
Encoding includes making the packet value; decoding starts from a whole frame.
"""

from __future__ import annotations

import argparse
import sys
import timeit
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from testbed.mqtt.codec import decode, encode
from testbed.mqtt.packets import Publish, Version
from testbed.mqtt.properties import Property

TOPIC = "factory/line-4/cell/17/temperature"
SMALL = b'{"celsius": 21.5}'
LARGE = bytes(range(256)) * 256


class Workload(NamedTuple):
    """A PUBLISH; `rich` has two properties (5.0)."""

    name: str
    version: Version
    payload: bytes
    qos: int
    rich: bool

    def packet(self) -> Publish:
        block = ((Property.CONTENT_TYPE, "text/json"), (Property.USER_PROPERTY, ("k", "v"))) if self.rich else ()
        return Publish(TOPIC, self.payload, self.qos, packet_id=7 if self.qos else None, properties=block)


WORKLOADS = [
    Workload("3.1.1 QoS 1, 17 B", Version.V311, SMALL, 1, False),
    Workload("5.0 QoS 0, 17 B", Version.V5, SMALL, 0, False),
    Workload("5.0 QoS 1, 17 B", Version.V5, SMALL, 1, False),
    Workload("5.0 QoS 1, 17 B, 2 properties", Version.V5, SMALL, 1, True),
    Workload("5.0 QoS 1, 64 KiB", Version.V5, LARGE, 1, False),
]

Encode = Callable[[], Any]
Decode = Callable[[bytes], Any]
#: Encoder, decoder (None when the rival has none apart from its sockets), topic and payload of a decoded one.
Rival = tuple[Encode | None, Decode | None, Callable[[Any], tuple[Any, Any]]]


def ours(work: Workload) -> Rival:
    block = work.packet().properties
    identifier = 7 if work.qos else None
    version, payload, qos = work.version, work.payload, work.qos
    return (
        lambda: encode(Publish(TOPIC, payload, qos, packet_id=identifier, properties=block), version),
        lambda frame: decode(frame, version),
        lambda packet: (packet.topic, packet.payload),
    )


def paho(work: Workload) -> Rival:
    from paho.mqtt import _packet, client
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    class Recorder(client.Client):
        def _packet_queue(self, command: int, packet: bytes, *rest: Any) -> Any:
            self.last = packet
            return 0

        def __del__(self) -> None:
            self._sock = None

    level = client.MQTTv5 if work.version is Version.V5 else client.MQTTv311
    recorder = Recorder(client.CallbackAPIVersion.VERSION2, protocol=level)
    recorder._sock = object()  # type: ignore[assignment]  # it refuses to encode without one
    topic, header = TOPIC.encode(), 0x30 | work.qos << 1

    def say() -> Any:
        block = None
        if work.rich:
            block = Properties(PacketTypes.PUBLISH)
            block.ContentType = "text/json"
            block.UserProperty = ("k", "v")
        recorder._send_publish(7, topic, work.payload, work.qos, False, False, None, block)
        return recorder.last

    return (
        say,
        # The body is what its reader hands over; cutting it off costs next to nothing.
        lambda frame: _packet.decode_publish(header, frame[2 if frame[1] < 128 else 4 :], level),
        lambda packet: (packet.topic.decode(), packet.payload),
    )


def gmqtt(work: Workload) -> Rival:
    from gmqtt.client import Message
    from gmqtt.mqtt.package import PublishPacket

    class Protocol:
        proto_ver = int(work.version)

        class id_generator:  # the name it looks for
            next_id = staticmethod(lambda: 7)

    extra = {"content_type": "text/json", "user_property": ("k", "v")} if work.rich else {}
    protocol = Protocol()
    return (
        lambda: PublishPacket.build_package(Message(TOPIC, work.payload, qos=work.qos, **extra), protocol)[1],
        None,
        lambda packet: packet,
    )


def mqttools(work: Workload) -> Rival:
    from mqttools import common

    if work.version is not Version.V5 or work.qos:
        raise NotImplementedError("has 5.0 and QoS 0 only")

    def read(frame: bytes) -> Any:
        reader = common.PayloadReader(frame[2 if frame[1] < 128 else 4 :])
        return common.unpack_publish(reader, 0)

    return (
        lambda: common.pack_publish(TOPIC, work.payload, False, {}),
        read,
        lambda packet: packet[:2],
    )


def ohmqtt(work: Workload) -> Rival:
    from ohmqtt.mqtt_spec import MQTTQoS
    from ohmqtt.packet import MQTTPublishPacket, decode_packet
    from ohmqtt.property import MQTTPublishProps

    if work.version is not Version.V5:
        raise NotImplementedError("has 5.0 only")
    qos = MQTTQoS(work.qos)

    def say() -> bytes:
        made = (
            MQTTPublishProps(ContentType="text/json", UserProperty=[("k", "v")]) if work.rich else MQTTPublishProps()
        )
        return MQTTPublishPacket(TOPIC, work.payload, qos, packet_id=7, properties=made).encode()

    return say, decode_packet, lambda packet: (packet.topic, packet.payload)


def moat(work: Workload) -> Rival:
    from moat.lib.mqtt import _types as types

    if work.version is not Version.V5:
        raise NotImplementedError("has 5.0 only")
    qos = types.QoS(work.qos)
    identifier = 7 if work.qos else None

    def say() -> bytearray:
        buffer = bytearray()
        packet = types.MQTTPublishPacket(topic=TOPIC, payload=work.payload, packet_id=identifier, qos=qos)
        if work.rich:
            packet.properties[types.PropertyType.CONTENT_TYPE] = "text/json"
            packet.user_properties["k"] = "v"
        packet.encode(buffer)
        return buffer

    return (
        say,
        lambda frame: types.decode_packet(memoryview(frame))[1],
        lambda packet: (packet.topic, packet.payload),
    )


def mqtt_codec(work: Workload) -> Rival:
    from io import BytesIO

    from mqtt_codec.packet import MqttFixedHeader, MqttPublish

    if work.version is Version.V5:
        raise NotImplementedError("has 3.1.1 only")

    def say() -> bytes:
        out = BytesIO()
        MqttPublish(7, TOPIC, work.payload, False, work.qos, False).encode(out)
        return out.getvalue()

    def read(frame: bytes) -> Any:
        file = BytesIO(frame)
        _, header = MqttFixedHeader.decode(file)
        return MqttPublish.decode_body(header, file)[1]

    return say, read, lambda packet: (packet.topic, packet.payload)


def amqtt(work: Workload) -> Rival:
    from amqtt.mqtt.packet import MQTTFixedHeader
    from amqtt.mqtt.publish import PublishPacket

    if work.version is Version.V5:
        raise NotImplementedError("has 3.1.1 only")

    class Reader:
        """Bytes at hand behind the coroutine that its decoder reads from: nothing waits."""

        def __init__(self, data: bytes) -> None:
            self.data, self.at = data, 0

        async def read(self, count: int = -1) -> bytes:
            self.at += count
            return self.data[self.at - count : self.at]

    async def parse(frame: bytes) -> Any:
        reader: Any = Reader(frame)
        return await PublishPacket.from_stream(reader, await MQTTFixedHeader.from_stream(reader))

    def read(frame: bytes) -> Any:
        try:
            parse(frame).send(None)
        except StopIteration as done:
            return done.value
        raise RuntimeError("it waited")

    return (
        lambda: PublishPacket.build(TOPIC, work.payload, 7, False, work.qos, False).to_bytes(),
        read,
        lambda packet: (packet.topic_name, packet.data),
    )


def mqtt5_rust(work: Workload) -> Rival:
    import mqtt5

    if work.version is not Version.V5:
        raise NotImplementedError("has 5.0 only")
    extra: dict[str, Any] = {"content_type": "text/json", "user_properties": [("k", "v")]} if work.rich else {}
    qos, identifier = mqtt5.QoS(work.qos), 7 if work.qos else None
    return (
        lambda: mqtt5.PublishPacket(TOPIC, work.payload, qos=qos, packet_id=identifier, **extra).write(),
        lambda frame: mqtt5.read(memoryview(frame))[0],
        lambda packet: (packet.topic, packet.payload),
    )


RIVALS: dict[str, Callable[[Workload], Rival]] = {
    "paho-mqtt": paho,
    "gmqtt": gmqtt,
    "mqttools": mqttools,
    "ohmqtt": ohmqtt,
    "moat-lib-mqtt": moat,
    "mqtt-codec": mqtt_codec,
    "amqtt": amqtt,
    "mqtt5 (Rust)": mqtt5_rust,
}


def cost(run: Callable[[], Any], rounds: int) -> float:
    """Microseconds per call: the best of `rounds` rounds of at least 20 ms."""
    timer = timeit.Timer(run)
    count, taken = timer.autorange()
    count = max(1, int(count * 0.02 / taken))
    return min(timer.repeat(rounds, count)) / count * 1e6


def compare(work: Workload, rounds: int) -> Iterator[str]:
    """The lines of one workload."""
    frame = encode(work.packet(), work.version)
    say, read, _ = ours(work)
    assert say is not None and read is not None
    mine = cost(say, rounds), cost(lambda: read(frame), rounds)
    yield f"{work.name}  ({len(frame)} B on the wire)"
    yield f"  {'this test bed':<16} encode {mine[0]:7.2f} µs          decode {mine[1]:7.2f} µs"
    for name, make in RIVALS.items():
        try:
            say, read, content = make(work)
        except ImportError as error:
            yield f"  {name:<16} SKIPPED: not installed ({error})"
            continue
        except NotImplementedError as error:
            yield f"  {name:<16} left out: {error}"
            continue
        cells = ["encode   has none            ", "decode   has none"]
        if say is not None:
            # The same properties in another order are the same work.
            same = bytes(say()) == frame or (work.rich and len(say()) == len(frame))
            assert same, f"{name} says {bytes(say()[:40]).hex()}, not {frame[:40].hex()}"
            took = cost(say, rounds)
            cells[0] = f"encode {took:7.2f} µs {took / mine[0]:5.1f} x "
        if read is not None:
            assert content(read(frame)) == (TOPIC, work.payload), f"{name} reads something else"
            took = cost(lambda read=read: read(frame), rounds)
            cells[1] = f"decode {took:7.2f} µs {took / mine[1]:5.1f} x"
        yield f"  {name:<16} {' '.join(cells)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rivals", type=Path, help="virtual environment with other codecs")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    if arguments.rivals:
        sys.path += [str(path) for path in arguments.rivals.glob("lib/python3*/site-packages")]
    for work in WORKLOADS:
        print(*compare(work, arguments.rounds), sep="\n", flush=True)


if __name__ == "__main__":
    main()
