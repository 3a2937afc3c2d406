"""AUTH: MQTT 5.0, section 3.15, and what section 4.12 asks of every broker, whatever methods it supports."""

from __future__ import annotations

from typing import Any

from harness.case import case
from suites.mqtt import v5
from testbed.mqtt.broker import Broker
from testbed.mqtt.codec import describe
from testbed.mqtt.packets import Auth, Connack
from testbed.mqtt.properties import Property, get
from testbed.mqtt.reasons import Reason

METHOD = Property.AUTHENTICATION_METHOD
DATA = Property.AUTHENTICATION_DATA
UNKNOWN = "no such method"


@case(v5("4.12.0-6"))
async def without_a_method_the_broker_speaks_of_none(broker: Broker) -> None:
    client = await broker.linked()
    await client.send(broker.connect())
    connack = await client.expect(Connack, code=0, because="to a CONNECT without Authentication Method")
    if get(connack.properties, METHOD) is not None:
        client.violated("CONNACK without Authentication Method, as the CONNECT had none", describe(connack))
    await client.receives_no(Auth, because="as the CONNECT had no Authentication Method")


@case(v5("4.12.0-1"), rows={"alone": {METHOD: UNKNOWN}, "with data": {METHOD: UNKNOWN, DATA: b"x"}})
async def an_unknown_method_is_refused(broker: Broker, properties: dict[Property, Any]) -> None:
    client = await broker.opened()
    await client.send(broker.connect(properties=properties))
    await client.is_refused(because="as no broker supports its Authentication Method")


@case(v5("4.13.1-1"))
async def data_without_a_method_is_refused(broker: Broker) -> None:
    """Section 3.1.2.11.10: Authentication Data without Authentication Method is a Protocol Error."""
    client = await broker.opened()
    await client.send(broker.connect(properties={DATA: b"x"}))
    await client.is_refused(because="as it has Authentication Data without a method")


@case(
    v5("4.13.1-1"),
    rows={
        "0x18 continue": Auth(Reason.CONTINUE_AUTHENTICATION, ((METHOD, UNKNOWN), (DATA, b"x"))),
        "0x19 re-authenticate": Auth(Reason.RE_AUTHENTICATE, ((METHOD, UNKNOWN), (DATA, b"x"))),
        "0x19 without a method": Auth(Reason.RE_AUTHENTICATE),
        "0x00 success": Auth(form="short"),
        "unlisted code": Auth(0x80),
    },
)
async def auth_closes_a_connection_without_a_method(broker: Broker, packet: Auth) -> None:
    client = await broker.connected()
    await client.settled()
    await client.send(packet)
    await client.is_closed_by_broker(because="after an AUTH where the CONNECT had no Authentication Method")


@case(v5("4.13.1-1"))
async def auth_before_connect_closes_the_connection(broker: Broker) -> None:
    client = await broker.opened()
    await client.send(Auth(Reason.CONTINUE_AUTHENTICATION, ((METHOD, UNKNOWN),)))
    await client.is_closed_by_broker(because="after an AUTH before any CONNECT")


@case(
    v5("3.15.1-1"),
    v5("2.1.3-1"),
    v5("4.13.1-1"),
    rows={f"flags {flags:04b}": flags for flags in (0b0001, 0b0010, 0b0100, 0b1000, 0b1111)},
)
async def auth_with_wrong_flags_closes_the_connection(broker: Broker, flags: int) -> None:
    client = await broker.connected()
    await client.settled()
    await client.send(Auth(Reason.RE_AUTHENTICATE, ((METHOD, UNKNOWN),), flags=flags))
    await client.is_closed_by_broker(because=f"after an AUTH with the flags {flags:04b}")
