"""User name and password: MQTT 5.0 section 3.1.4, MQTT 3.1.1 sections 3.1.4 and 3.2.2.3.

For brokers that check them: the parameters `username` and `password` are those that it accepts.
"""

from __future__ import annotations

from typing import Any

from harness.case import case
from suites.mqtt import v5, v311
from testbed.findings import Inconclusive
from testbed.mqtt.broker import Broker
from testbed.mqtt.packets import Connack, Connect

#: What is put in the place of the accepted credentials.
WRONG: dict[str, dict[str, Any]] = {
    "wrong-password": {"password": b"not the password"},
    "empty-password": {"password": b""},
    "unknown-user": {"username": "nobody-has-this-name"},
    "no-password": {"password": None},
    "none": {"username": None, "password": None},
}


def _wrong(broker: Broker, fields: dict[str, Any]) -> Connect:
    if not broker.parameter("username", ""):
        raise Inconclusive("the description of this broker has no parameter `username`, so nothing is known right")
    return broker.connect(**fields)


@case(v5("3.1.4-2"), needs=("authentication",), rows=WRONG)
async def wrong_credentials_close_the_connection(broker: Broker, fields: dict[str, Any]) -> None:
    client = await broker.opened()
    await client.send(_wrong(broker, fields))
    await client.is_refused(because="with wrong credentials")


@case(v311("3.2.2-5"), v5("3.2.2-7"), needs=("authentication",), rows=WRONG)
async def a_refusal_of_credentials_ends_the_connection(broker: Broker, fields: dict[str, Any]) -> None:
    client = await broker.opened()
    await client.send(_wrong(broker, fields))
    connack = await client.maybe(Connack)
    if connack is not None and connack.code == 0:
        raise Inconclusive("the broker accepted wrong credentials")
    await client.is_closed_by_broker(because="after CONNACK refused the credentials")
