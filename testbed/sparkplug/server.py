"""The handle on an MQTT server that a Sparkplug infrastructure is to stand on (3.0, section 10.1.3 and 10.1.4)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from testbed.dut import Dut
from testbed.findings import Inconclusive
from testbed.mqtt.broker import Broker
from testbed.mqtt.packets import Connack, Version
from testbed.mqtt.scripted_client import Client
from testbed.sparkplug import codec
from testbed.sparkplug.payload import DataType, Metric, Payload, Value
from testbed.sparkplug.serving import now_ms
from testbed.sparkplug.topics import Topic
from testbed.trial import Trial

CLAIMS = {"aware": "is Sparkplug Aware: keeps births below $sparkplug/certificates"}
#: Where an aware server keeps births.
CERTIFICATES = "$sparkplug/certificates"
#: Seconds a first answer may take while it is not known whether anybody is there.
FIRST = 1.0


class SparkplugServer(Broker):
    """A server under test, as one case sees it; MQTT 3.1.1 is spoken with it."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.version = Version.V311
        self._names = 0

    def node_topic(self, type: str, device: str | None = None) -> str:
        """A topic of a node that belongs to this cell alone."""
        return str(Topic(self.trial.scope, type, "n1", device))

    def birth(self, seq: int = 0) -> bytes:
        """A birth of that node, or of a device when `seq` is not 0."""
        now = now_ms()
        metric = Metric("bdSeq", None, now, DataType.INT64, value=Value("long", 0))
        return codec.encode(Payload(now, (metric,), seq))

    async def certificate(self, topic: str) -> Client:
        """A client that has subscribed to what an aware server keeps of `topic`."""
        return await self.subscriber(f"{CERTIFICATES}/{topic}", qos=1)


async def ready(dut: Dut) -> None:
    """Returns when the server accepts a CONNECT. OSError otherwise."""
    trial = Trial(dut, next(iter(dut.endpoints)), "probe", patience=FIRST)
    try:
        server = SparkplugServer(trial)
        client = await server.linked()
        await client.send(server.connect())
        connack = await client.maybe(Connack)
    except Inconclusive as refusal:
        raise ConnectionRefusedError(refusal.reason) from None
    finally:
        trial.close()
    if connack is None or connack.code:
        raise ConnectionError("it accepts the connection, but no CONNACK accepts a CONNECT")


async def probe(dut: Dut) -> dict[str, str]:
    """Nothing: whoever knocks meets an MQTT server like any other, which the role mqtt-broker finds."""
    return {}


async def discover(trial: Trial) -> dict[str, bool]:
    """Whether a birth is kept where an aware server keeps it. Inconclusive when a CONNECT is not accepted."""
    server = SparkplugServer(trial)
    topic = server.node_topic("NBIRTH")
    node = await server.connected()
    await node.published(topic, server.birth())
    await node.settled()
    reader = await server.connected()
    try:
        await reader.subscribed(f"{CERTIFICATES}/{topic}", qos=1)
        await reader.delivered(within=0.5)
    except Inconclusive:
        return {"aware": False}
    return {"aware": True}


@asynccontextmanager
async def tester(trial: Trial) -> AsyncIterator[SparkplugServer]:
    """The handle for one trial; every connection is closed behind it."""
    try:
        yield SparkplugServer(trial)
    finally:
        trial.close()
