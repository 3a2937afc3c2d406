"""CONNECT packets that are not what section 3.1 says, in MQTT 3.1.1 and 5.0.

Improper properties (5.0) are in `connect_properties`.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.broker import Broker
from testbed.mqtt.codec import describe, encode
from testbed.mqtt.packets import Connack, Connect, Raw, Version, Will
from testbed.mqtt.scripted_client import Client
from testbed.mqtt.wire import text

#: From a proper CONNECT and its version to an improper one.
Spoil = Callable[[Connect, Version], Connect | Raw]

_USER, _PASSWORD, _RETAIN, _QOS_1, _WILL, _CLEAN = 0x80, 0x40, 0x20, 0x08, 0x04, 0x02


def _body(connect: Connect, version: Version) -> bytes:
    """What follows the remaining length."""
    frame = encode(connect, version)
    start = 2
    while frame[start - 1] & 0x80:
        start += 1
    return frame[start:]


def _up_to_client_id(connect: Connect, version: Version) -> bytes:
    """The variable header of a CONNECT without properties."""
    return _body(connect, version)[: 11 if version >= Version.V5 else 10]


def _without_will(connect: Connect, flags: int) -> Connect:
    """No will in the payload, and `flags` about it. The credentials, if any, stay in order."""
    credentials = (connect.username is not None) << 7 | (connect.password is not None) << 6
    return replace(connect, will=None, connect_flags=_CLEAN | credentials | flags)


def _will(connect: Connect) -> Will:
    assert connect.will is not None
    return connect.will


#: Seconds: a broker may close only when the time for a first packet that it understands is over.
LATEST = 15.0

#: Of a CONNECT with a will.
FLAWS: dict[str, Spoil] = {
    "flags-in-the-fixed-header": lambda c, v: replace(c, flags=1),
    "reserved-connect-flag": lambda c, v: replace(c, reserved=True),
    "will-qos-3": lambda c, v: replace(c, will=replace(_will(c), qos=3)),
    "will-qos-without-a-will": lambda c, v: _without_will(c, _QOS_1),
    "will-retain-without-a-will": lambda c, v: _without_will(c, _RETAIN),
    "will-flag-without-will-fields": lambda c, v: replace(_without_will(c, _WILL), username=None, password=None),
    "will-fields-without-will-flag": lambda c, v: Raw(
        0x10, _body(_without_will(c, 0), v) + text(_will(c).topic) + text(_will(c).payload)
    ),
    "no-body": lambda c, v: Raw(0x10),
    "ends-in-the-protocol-name": lambda c, v: Raw(0x10, _body(c, v)[:4]),
    "ends-behind-the-protocol-level": lambda c, v: Raw(0x10, _body(c, v)[:7]),
    "ends-in-the-keep-alive": lambda c, v: Raw(0x10, _body(c, v)[:9]),
    "no-client-id": lambda c, v: Raw(0x10, _up_to_client_id(replace(c, will=None), v)),
    "client-id-longer-than-the-packet": lambda c, v: Raw(
        0x10, _up_to_client_id(_without_will(c, 0), v) + b"\xff\xffshort"
    ),
    "ends-in-the-last-field": lambda c, v: Raw(0x10, _body(c, v)[:-1]),
    "a-byte-behind-the-last-field": lambda c, v: Raw(0x10, _body(c, v) + b"\x00"),
}

#: Of a CONNECT with a user name and a password.
CREDENTIAL_FLAWS: dict[str, Spoil] = {
    "user-name-flag-without-user-name": lambda c, v: replace(
        c, username=None, password=None, connect_flags=_CLEAN | _USER
    ),
    "user-name-without-user-name-flag": lambda c, v: replace(c, password=None, connect_flags=_CLEAN),
    "password-flag-without-password": lambda c, v: replace(
        c, password=None, connect_flags=_CLEAN | _USER | _PASSWORD
    ),
    "password-without-password-flag": lambda c, v: replace(c, connect_flags=_CLEAN | _USER),
}

#: Bytes that are not well-formed UTF-8.
NO_UTF_8 = {
    "stray-byte": b"x\xff",
    "surrogate": b"x\xed\xa0\x80",
    "overlong": b"x\xc0\xaf",
    "cut-sequence": b"x\xe2\x82",
}

#: For brokers that check credentials, a refusal of these would not show that they saw the flaw.
UNCHECKED = ("not authentication",)


async def _is_refused_as_malformed(client: Client, broker: Broker) -> None:
    """5.0 may say why in a CONNACK (section 4.13.1); 3.1.1 closes without one. No text says how soon."""
    await client.until(lambda: client.inbox or None, within=max(LATEST, client.trial.patience))
    if broker.v5:
        await client.is_refused(because="which does not have the format of section 3.1")
        return
    await client.is_closed_by_broker(because="after a CONNECT that does not have the format of section 3.1")
    connack = client.take(Connack)
    if connack is not None:
        client.violated("no CONNACK to a CONNECT that does not have the format of section 3.1", describe(connack))


@case(v311("3.1.4-1"), v5("3.1.4-1"), rows=FLAWS)
async def a_malformed_connect_closes_the_connection(broker: Broker, spoil: Spoil) -> None:
    proper = broker.connect(will=Will(broker.topic("will"), b"gone"))
    client = await broker.opened(proper)
    await client.send(spoil(proper, broker.version))
    await _is_refused_as_malformed(client, broker)


@case(v311("3.1.4-1"), v5("3.1.4-1"), needs=UNCHECKED, rows=CREDENTIAL_FLAWS)
async def credentials_that_belie_the_flags_close_the_connection(broker: Broker, spoil: Spoil) -> None:
    proper = broker.connect(username="user", password=b"secret")
    client = await broker.opened(proper)
    await client.send(spoil(proper, broker.version))
    await _is_refused_as_malformed(client, broker)


@case(v311("3.1.4-1"), needs=UNCHECKED)
async def a_password_without_a_user_name_closes_the_connection(broker: Broker) -> None:
    """5.0 allows it."""
    proper = broker.connect(username="user", password=b"secret")
    client = await broker.opened(proper)
    await client.send(replace(proper, username=None))
    await _is_refused_as_malformed(client, broker)


@case(v311("3.1.2-3"), v5("3.1.2-3"))
async def the_reserved_connect_flag_is_validated(broker: Broker) -> None:
    client = await broker.opened()
    await client.send(broker.connect(reserved=True))
    await client.is_refused(because="whose reserved flag is 1")


async def _is_refused_with(broker: Broker, field: str, wrong: bytes) -> None:
    """A CONNECT whose `field` ends in `wrong` is refused, and its twin without that accepted. A 3.1.1 server may
    see a client id that it rejects, and answer with return code 2."""
    name = broker.topic("x") if field == "will-topic" else broker.client_id("x")

    def connect(text: bytes) -> Connect:
        if field == "will-topic":
            return broker.connect(will=Will(text, b"gone"))
        if field == "user-name":
            return broker.connect(username=text, password=b"secret")
        return replace(broker.connect(), client_id=text)

    client = await broker.opened(connect(name.encode()))
    await client.send(connect(name.encode() + wrong))
    await client.is_refused(because=f"whose {field} is no text")


@case(v311("3.1.4-1"), v311("1.5.3-1"), v5("3.1.4-1"), v5("1.5.4-1"), rows=NO_UTF_8)
async def a_client_id_that_is_not_utf_8_closes_the_connection(broker: Broker, wrong: bytes) -> None:
    await _is_refused_with(broker, "client-id", wrong)


@case(v311("3.1.4-1"), v311("1.5.3-1"), v5("3.1.4-1"), v5("1.5.4-1"), rows=NO_UTF_8)
async def a_will_topic_that_is_not_utf_8_closes_the_connection(broker: Broker, wrong: bytes) -> None:
    await _is_refused_with(broker, "will-topic", wrong)


@case(v311("3.1.4-1"), v311("1.5.3-1"), v5("3.1.4-1"), v5("1.5.4-1"), needs=UNCHECKED, rows=NO_UTF_8)
async def a_user_name_that_is_not_utf_8_closes_the_connection(broker: Broker, wrong: bytes) -> None:
    await _is_refused_with(broker, "user-name", wrong)


@case(
    v311("3.1.4-1"),
    v311("1.5.3-2"),
    v5("3.1.4-1"),
    v5("1.5.4-2"),
    rows={"client-id": "client-id", "will-topic": "will-topic"},
)
async def the_null_character_in_connect_closes_the_connection(broker: Broker, field: str) -> None:
    await _is_refused_with(broker, field, b"x\x00")


@case(v311("3.1.4-1"), v311("1.5.3-2"), v5("3.1.4-1"), v5("1.5.4-2"), needs=UNCHECKED)
async def the_null_character_in_a_user_name_closes_the_connection(broker: Broker) -> None:
    await _is_refused_with(broker, "user-name", b"x\x00")
