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
    "tls-1.2": "takes connections over TLS 1.2",
    "tls-1.3": "takes connections over TLS 1.3",
    "mutual-tls": "asks for a client's certificate and takes no connection without one",
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
    ways = await asyncio.gather(*(_accepts(broker, way) for way in WAYS))
    found = dict(zip(WAYS, ways, strict=True))
    if not found["tls"]:
        return found | dict.fromkeys(("tls-1.2", "tls-1.3", "mutual-tls"), False)
    older, newer, anonymous = await asyncio.gather(
        _accepts(broker, "tls", maximum="1.2"),
        _accepts(broker, "tls", minimum="1.3"),
        _accepts(broker, "tls", certificate="", key=""),
    )
    return found | {"tls-1.2": older, "tls-1.3": newer, "mutual-tls": not anonymous}


async def _accepts(broker: Broker, way: str, **tls: str) -> bool:
    if broker.trial.dut.way(way, broker.trial.edition) is None:
        return False
    # A listener beside the first one may open a little later than that; what was reached once is open.
    for pause in _PAUSES if not tls else _PAUSES[:1]:
        await asyncio.sleep(pause)
        try:
            client, _ = await linked(broker, way, tls=tls)
        except Inconclusive:
            continue
        await client.send(broker.connect())
        connack = await client.maybe(Connack)
        return connack is not None and connack.code == 0
    return False
