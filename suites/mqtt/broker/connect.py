"""CONNECT: MQTT 3.1.1 and 5.0, section 3.1."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.broker import Broker


@case(v311("3.1.0-2"), v5("3.1.0-2"))
async def a_second_connect_closes_the_connection(broker: Broker) -> None:
    client = await broker.connected()
    await client.send(broker.connect(client.id))
    await client.is_closed_by_broker(because="after a second CONNECT")
