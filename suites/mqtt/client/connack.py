"""CONNACK: MQTT 3.1.1 and 5.0, section 3.2. What it says of the session, `session_present` asks; of the server's
limits, `receive_maximum`, `packet_size`, `topic_alias`, `server_limits` and `keep_alive`."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.findings import Inconclusive
from testbed.mqtt.client import Client
from testbed.mqtt.codec import describe
from testbed.mqtt.packets import (
    Connack,
    Packet,
    Pingresp,
    Puback,
    Publish,
    Raw,
    Suback,
    Subscribe,
)
from testbed.mqtt.properties import Property, props
from testbed.mqtt.reasons import ALLOWED, name


async def _closes(client: Client, answer: Packet | bytes, because: str) -> None:
    """The client has taken a good CONNACK before, where one can make it connect again; `answer` in its place ends the
    connection."""
    if client.control.orders:
        await (await client.connected()).settled()
    connection = await client.opens()
    await connection.send(answer)
    await connection.is_closed_by_client(because=because)
    went_on = connection.take((Publish, Subscribe))
    if went_on is not None and not client.control.orders:
        raise Inconclusive(f"the client said {describe(went_on)} before it left, so nobody can tell why it did")


# -- refusals


_REFUSALS = {f"0x{code:02X} {name(code, 'CONNACK')}": code for code in sorted(ALLOWED["CONNACK"]) if code >= 0x80}


@case(v5("4.13.2-1"), rows=_REFUSALS)
async def a_refusal_ends_the_connection(client: Client, code: int) -> None:
    """Also where the server does not close."""
    await _closes(client, Connack(code=code), f"as CONNACK 0x{code:02X} refuses it")


@case(v311("4.8.0-1"), rows={"6": 6, "127": 127, "128": 128, "255": 255})
async def a_return_code_that_is_reserved_ends_the_connection(client: Client, code: int) -> None:
    await _closes(client, Connack(code=code), f"as the return code {code} is reserved")


# -- redirection


_ELSEWHERE = {
    f"{name(code, 'CONNACK')}{with_}": (code, where)
    for code in (0x9C, 0x9D)
    for with_, where in ((" with Server Reference", "elsewhere.example:1883"), (", not told where", ""))
}


@case(v5("4.13.2-1"), rows=_ELSEWHERE)
async def a_redirection_ends_the_connection(client: Client, code_and_where: tuple[int, str]) -> None:
    """Section 4.11. Whether the client follows is its own affair; it does not stay."""
    code, where = code_and_where
    properties = props({Property.SERVER_REFERENCE: where}) if where else ()
    await _closes(client, Connack(code=code, properties=properties), f"as CONNACK 0x{code:02X} sends it elsewhere")


# -- what is no CONNACK


@case(v311("2.2.2-2"), rows={f"flags {bits:04b}": bits for bits in (1, 2, 4, 8, 15)})
async def connack_with_wrong_flags_ends_the_connection(client: Client, flags: int) -> None:
    await _closes(client, Connack(flags=flags), f"as CONNACK has the flags {flags:04b}")


@case(
    v311("4.8.0-1"),
    rows={
        "empty": Raw(0x20),
        "one byte": Raw(0x20, b"\0"),
        "three bytes": Raw(0x20, b"\0\0\0"),
        "flags 0x02": Connack(acknowledge_flags=0x02),
        "flags 0x80": Connack(acknowledge_flags=0x80),
        "flags 0xFF": Connack(acknowledge_flags=0xFF),
    },
)
async def a_malformed_connack_ends_the_connection(client: Client, connack: Packet) -> None:
    await _closes(client, connack, "as CONNACK is malformed")


@case(
    v311("4.8.0-1"),
    rows={
        "PUBLISH": Publish("t", b"x"),
        "PUBACK": Puback(1),
        "SUBACK": Suback(1, (0,)),
        "PINGRESP": Pingresp(),
    },
)
async def another_packet_than_connack_first_ends_the_connection(client: Client, packet: Packet) -> None:
    """The server's first packet must be CONNACK [MQTT-3.2.0-1]."""
    await _closes(client, packet, "as the server's first packet is no CONNACK")
