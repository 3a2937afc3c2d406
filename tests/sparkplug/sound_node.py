"""A sound edge node as a program: `python -m tests.sparkplug.sound_node HOST PORT NODE 3|5`.

It waits for the primary host `scada`, has the device `valve`, aliases, properties, a data set and a template, and
reports what is written to `Setpoint` and `Opening`. While `Lose device` is true, the device is gone.
"""

from __future__ import annotations

import asyncio
import signal
import sys

from msgspec.structs import replace

from testbed.mqtt.packets import Connect, Publish, Version, Will
from testbed.sparkplug import codec, state
from testbed.sparkplug.payload import (
    DataSet,
    DataSetValue,
    DataType,
    Metric,
    Parameter,
    Payload,
    PropertySet,
    PropertyValue,
    Row,
    Template,
    Value,
)
from testbed.sparkplug.state import State
from testbed.sparkplug.topics import Topic, read, state_topic
from tests.sparkplug.sound_client import Link, expiring, for_ever, leaving, now, open_link

REBIRTH = "Node Control/Rebirth"
HOST = state_topic("scada")


def _boolean(value: bool) -> Value:
    return Value("boolean", value)


def template(definition: bool) -> Template:
    """The template Point, or an instance of it."""
    members = tuple(Metric(name, datatype=DataType.DOUBLE, value=Value("double", 0.5)) for name in "xy")
    unit = Parameter("unit", DataType.STRING, Value("string", "m"))
    return Template("1", members, (unit,), None if definition else "Point", definition)


def node_metrics(bdseq: int, setpoint: int, lost: bool) -> tuple[Metric, ...]:
    """The metrics of an NBIRTH."""
    at = now()
    cells = (DataSetValue(Value("string", "fill")), DataSetValue(Value("int", 3)))
    recipe = DataSet(2, ("step", "litres"), (DataType.STRING, DataType.INT32), (Row(cells),))
    quality = PropertySet(("Quality",), (PropertyValue(DataType.INT32, None, Value("int", 192)),))
    return (
        Metric("bdSeq", None, at, DataType.INT64, value=Value("long", bdseq)),
        Metric(REBIRTH, None, at, DataType.BOOLEAN, value=_boolean(False)),
        Metric("Setpoint", 1, at, DataType.INT32, value=Value("int", setpoint)),
        Metric("Lose device", 2, at, DataType.BOOLEAN, value=_boolean(lost)),
        Metric("Tank", 3, at, DataType.DOUBLE, properties=quality, value=Value("double", 1.5)),
        Metric("Recipe", 4, at, DataType.DATASET, value=Value("dataset", recipe)),
        Metric("Point", 5, at, DataType.TEMPLATE, value=Value("template", template(True))),
        Metric("Arm", 6, at, DataType.TEMPLATE, value=Value("template", template(False))),
    )


class Node:
    """The node and its device, over all its connections."""

    def __init__(self, host: str, port: int, name: str, version: Version) -> None:
        self.server, self.version = (host, port), version
        self.topic = Topic("plant", "NBIRTH", name)
        self.bdseq, self.seq = -1, -1
        self.setpoint, self.opening, self.lost = 1, 2, False
        self.link: Link | None = None

    def say(self, type: str, *metrics: Metric, device: str | None = None) -> None:
        self.seq = 0 if type == "NBIRTH" else (self.seq + 1) % 256
        payload = Payload(now(), metrics, self.seq)
        assert self.link is not None
        self.link.send(Publish(str(self.topic.of(type, device)), codec.encode(payload)))

    def death(self) -> bytes:
        metric = Metric("bdSeq", None, now(), DataType.INT64, value=Value("long", self.bdseq))
        return codec.encode(Payload(now(), (metric,)))

    def births(self) -> None:
        self.say("NBIRTH", *node_metrics(self.bdseq, self.setpoint, self.lost))
        if not self.lost:
            self.device_birth()

    def device_birth(self) -> None:
        opening = Metric("Opening", 10, now(), DataType.INT32, value=Value("int", self.opening))
        self.say("DBIRTH", opening, device="valve")

    async def session(self) -> None:
        self.bdseq = (self.bdseq + 1) % 256
        will = Will(str(self.topic.of("NDEATH")), self.death(), qos=1)
        connect = Connect(self.topic.node, will=will, properties=expiring(self.version))
        commands = [str(self.topic.of("NCMD")), str(self.topic.of("DCMD", "valve")), HOST]
        self.link = await open_link(*self.server, connect, commands, self.version)
        if self.link is None:
            return
        born: int | None = None
        newest = -1
        while (packet := await self.link.packet()) is not None:
            if not isinstance(packet, Publish):
                continue
            found = state.read(packet.payload) if packet.topic == HOST else None
            if isinstance(found, State) and found.timestamp >= newest:
                newest = found.timestamp
                if found.online and born is None:
                    born = newest
                    self.births()
                elif not found.online and born is not None:
                    await self.leave()
                    return
            elif born is not None and read(packet.topic) is not None:
                self.told(codec.decode(packet.payload))

    async def leave(self) -> None:
        if self.link is not None:
            self.link.send(Publish(str(self.topic.of("NDEATH")), self.death()))
            self.link.send(leaving(self.version))
            await self.link.close()

    def told(self, payload: Payload | codec.Unreadable) -> None:
        for metric in payload.metrics if isinstance(payload, Payload) else ():
            value = metric.value.value if metric.value else None
            if metric.name == REBIRTH and value is True:
                self.births()
            elif metric.alias == 1 and isinstance(value, int):
                self.setpoint = value
                self.say("NDATA", Metric(None, 1, now(), value=Value("int", value)))
            elif metric.alias == 2 and isinstance(value, bool):
                self.lost = value
                self.say("DDEATH", device="valve") if value else self.device_birth()
                self.say("NDATA", Metric(None, 2, now(), value=_boolean(value)))
            elif metric.alias == 10 and isinstance(value, int):
                self.opening = value
                data = Metric(None, 10, now(), value=Value("int", value))
                self.say("DDATA", replace(data), device="valve")


async def main(host: str, port: str, name: str, version: str) -> None:
    node = Node(host, int(port), name, Version.V5 if version == "5" else Version.V311)
    sessions = asyncio.ensure_future(for_ever(node.session))
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    sessions.cancel()
    await node.leave()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:5]))
