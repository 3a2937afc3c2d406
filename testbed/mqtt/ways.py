"""Ways to a broker besides its first endpoint: a connection over each, and which of them are there."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from testbed.dut import WAYS
from testbed.findings import Inconclusive
from testbed.link.stream import Stream
from testbed.link.websocket import MQTT
from testbed.mqtt.broker import Broker
from testbed.mqtt.packets import Connack
from testbed.mqtt.scripted_client import Client

#: Claims of the role mqtt-broker that are ways to it.
CLAIMS = {
    "websocket": "takes connections over WebSocket",
    "tls": "takes connections over TLS",
    "unix": "takes connections over a Unix socket",
    "ipv6": "takes connections over IPv6",
}

#: Seconds before each attempt to reach a way that is described.
_PAUSES = (0.0, 0.05, 0.2, 0.5)


async def linked(
    broker: Broker,
    way: str,
    *,
    offer: Sequence[str] = (MQTT,),
    tls: Mapping[str, str | bool] | None = None,
) -> tuple[Client, Stream]:
    """A client whose connection over `way` is open and on which nothing was said yet, and its stream. Inconclusive
    when the broker does not accept it; `offer` and `tls` as for `Trial.connect`."""
    client = Client(broker.trial, broker.version)
    stream, link = await broker.trial.connect(client.hear, client.end, way=way, offer=offer, tls=tls)
    client.attach(stream, link)
    return client, stream


async def discover(broker: Broker) -> dict[str, bool]:
    """Claim -> whether a CONNECT over that way is accepted; a way that the description does not name is not there."""
    found = await asyncio.gather(*(_accepts(broker, way) for way in WAYS))
    return dict(zip(WAYS, found, strict=True))


async def _accepts(broker: Broker, way: str) -> bool:
    if broker.trial.dut.way(way, broker.trial.edition) is None:
        return False
    # A listener beside the first one may open a little later than that.
    for pause in _PAUSES:
        await asyncio.sleep(pause)
        try:
            client, _ = await linked(broker, way)
        except Inconclusive:
            continue
        await client.send(broker.connect())
        connack = await client.maybe(Connack)
        return connack is not None and connack.code == 0
    return False
