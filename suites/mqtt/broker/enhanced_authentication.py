"""Enhanced authentication with a method that the broker supports: MQTT 5.0, section 4.12.

The description of a broker that claims `enhanced-auth` has the parameters `auth-method`, `auth-data` (text for
the CONNECT, may be missing) and `auth-answers` (text for the AUTH packets that follow, one a line, may be missing).
With a method of SCRAM (RFC 5802, RFC 7677) the data are made of the parameters `username` and `password` instead.
"""

from __future__ import annotations

import asyncio
from typing import Any

from harness.case import case
from suites.mqtt import v5
from testbed.findings import Inconclusive
from testbed.mqtt.broker import Broker
from testbed.mqtt.codec import describe, encode
from testbed.mqtt.packets import Auth, Connack, Connect, Disconnect
from testbed.mqtt.properties import Property, get
from testbed.mqtt.reasons import ALLOWED_FROM_SERVER, Reason
from testbed.mqtt.scram import METHODS, ScramClient, ScramError
from testbed.mqtt.scripted_client import Client

METHOD = Property.AUTHENTICATION_METHOD
DATA = Property.AUTHENTICATION_DATA
NEEDS = ("enhanced-auth",)


def _method(broker: Broker) -> str:
    method = str(broker.parameter("auth-method", ""))
    if not method:
        raise Inconclusive("enhanced-auth is claimed, and the description has no parameter auth-method")
    return method


class _Spoken:
    """One exchange as the description gives it: the data of its opening, then an answer to each AUTH."""

    def __init__(self, broker: Broker) -> None:
        self.opening = str(broker.parameter("auth-data", "")).encode()
        self._answers = str(broker.parameter("auth-answers", "")).encode().splitlines()

    async def answer(self, data: bytes) -> bytes | None:
        """The data of the next AUTH, after one with `data`; None when there is nothing more to say."""
        return self._answers.pop(0) if self._answers else None


class _Scram(_Spoken):
    """The same where the method is one of SCRAM: one answer, the proof."""

    def __init__(self, broker: Broker, password: str = "") -> None:
        given = str(broker.parameter("password", ""))
        try:
            self.client = ScramClient(_method(broker), str(broker.parameter("username", "")), password or given)
        except ValueError as error:
            raise Inconclusive(f"the parameters username and password are not for SCRAM: {error}") from None
        self.opening = self.client.first()
        self._said = False

    async def answer(self, data: bytes) -> bytes | None:
        if self._said:
            return None
        self._said = True
        try:
            # A server may ask for so many rounds that all other cells would wait.
            return await asyncio.to_thread(self.client.final, data)
        except ScramError as error:
            raise Inconclusive(f"the broker's first message of SCRAM is none: {error}") from None


def _spoken(broker: Broker) -> _Spoken:
    return _Scram(broker) if _method(broker) in METHODS else _Spoken(broker)


def _block(broker: Broker, data: bytes | None, *more: tuple[Property, Any]) -> tuple[tuple[Property, Any], ...]:
    """The method, `more`, and `data` if there is some."""
    return ((METHOD, _method(broker)), *more, *(((DATA, data),) if data else ()))


def _connect(broker: Broker, spoken: _Spoken, *more: tuple[Property, Any]) -> Connect:
    if isinstance(spoken, _Scram):
        # The user is named within the exchange, and the password is not to be sent at all.
        return broker.connect(properties=_block(broker, spoken.opening, *more), username=None, password=None)
    return broker.connect(properties=_block(broker, spoken.opening, *more))


async def _exchange(
    broker: Broker, client: Client, opening: Connect | Auth, spoken: _Spoken
) -> Connack | Auth | Disconnect | None:
    """Send `opening` and answer each AUTH as `spoken` has it: the last packet of the broker, None when it closed
    without one."""
    await client.send(opening)
    while True:
        packet = await client.until(lambda: client.take(Auth) or client.take(Connack) or client.take(Disconnect))
        if not isinstance(packet, Auth) or packet.code != Reason.CONTINUE_AUTHENTICATION:
            return packet
        answer = await spoken.answer(get(packet.properties, DATA, b""))
        if answer is None:
            return packet
        await client.send(Auth(Reason.CONTINUE_AUTHENTICATION, _block(broker, answer)))


async def _authenticated(broker: Broker) -> Client:
    client, spoken = await broker.linked(), _spoken(broker)
    _accepted(client, await _exchange(broker, client, _connect(broker, spoken), spoken))
    return client


def _accepted(client: Client, last: Connack | Auth | Disconnect | None) -> None:
    if not isinstance(last, Connack) or last.code:
        came = describe(last) if last else client.what_came()
        raise Inconclusive(f"the authentication as the description gives it was not accepted: {came}")
    client.connack = last


def _auths(client: Client) -> list[Auth]:
    return [packet for _, packet in client.received if isinstance(packet, Auth)]


@case(v5("4.12.0-2"), v5("3.15.2-1"), needs=NEEDS)
async def the_brokers_auth_asks_to_continue(broker: Broker) -> None:
    client, spoken = await broker.linked(), _spoken(broker)
    last = await _exchange(broker, client, _connect(broker, spoken), spoken)
    for packet in _auths(client):
        if packet.code != Reason.CONTINUE_AUTHENTICATION:
            client.violated("AUTH with 0x18 Continue authentication until CONNACK", describe(packet))
    _accepted(client, last)


@case(v5("4.12.0-5"), needs=NEEDS)
async def every_auth_and_the_connack_repeat_the_method(broker: Broker) -> None:
    client = await _authenticated(broker)
    assert client.connack is not None
    for packet in (*_auths(client), client.connack):
        if get(packet.properties, METHOD) != _method(broker):
            client.violated(f"Authentication Method {_method(broker)!r}, as in the CONNECT", describe(packet))


@case(v5("3.15.2-2"), v5("3.15.2-3"), v5("3.1.2-24"), needs=NEEDS)
async def auth_stays_within_the_clients_packet_size(broker: Broker) -> None:
    """As large as the largest packet of an exchange without a limit, texts left out."""
    probe = await _authenticated(broker)
    assert probe.connack is not None
    texts = (Property.REASON_STRING, Property.USER_PROPERTY)
    size = len(encode(probe.connack, broker.version))
    for packet in _auths(probe):
        bare = Auth(packet.code, tuple(one for one in packet.properties if one[0] not in texts))
        size = max(size, len(encode(bare, broker.version)))
    client, spoken = await broker.linked(), _spoken(broker)
    opening = _connect(broker, spoken, (Property.MAXIMUM_PACKET_SIZE, size))
    last = await _exchange(broker, client, opening, spoken)
    if last is None:
        raise Inconclusive(f"no answer where packets of {size} B are allowed: {client.what_came()}")
    for packet in _auths(client):
        length = len(encode(packet, broker.version))
        if length > size:
            client.violated(f"AUTH within {size} bytes", f"{length} bytes: {describe(packet)}")


@case(
    v5("4.12.0-4"),
    v5("4.13.2-1"),
    needs=NEEDS,
    rows={"no data": (), "other data": ((DATA, b"\0not what it takes"),)},
)
async def data_that_proves_nothing_closes_the_connection(
    broker: Broker, more: tuple[tuple[Property, bytes], ...]
) -> None:
    """Once the exchange as described was accepted; an AUTH that asks on is answered by nonsense."""
    await _authenticated(broker)
    client = await broker.linked()
    await client.send(broker.connect(properties=((METHOD, _method(broker)), *more)))
    while (packet := await client.until(lambda: client.take(Auth) or client.take(Connack))) is not None:
        if isinstance(packet, Connack):
            if packet.code == 0:
                client.violated("the authentication rejected", describe(packet))
            break
        await client.send(Auth(Reason.CONTINUE_AUTHENTICATION, ((METHOD, _method(broker)), (DATA, b"\0nonsense"))))
    await client.is_closed_by_broker(because="after an authentication that fails")


@case(v5("3.15.2-1"), v5("4.12.0-5"), needs=NEEDS)
async def re_authentication_is_answered_by_auth_of_the_same_method(broker: Broker) -> None:
    client = await _authenticated(broker)
    spoken = _spoken(broker)
    opening = Auth(Reason.RE_AUTHENTICATE, _block(broker, spoken.opening))
    await _exchange(broker, client, opening, spoken)
    answers = [packet for packet in _auths(client) if packet.code in ALLOWED_FROM_SERVER["AUTH"]]
    if len(answers) != len(_auths(client)):
        client.violated("AUTH with 0x00 or 0x18 only", describe(_auths(client)[-1]))
    if not answers and client.ended_at is None:
        client.violated("AUTH, or the connection closed, after AUTH with 0x19 Re-authenticate")
    for packet in answers:
        if get(packet.properties, METHOD) != _method(broker):
            client.violated(f"AUTH with the Authentication Method {_method(broker)!r}", describe(packet))


@case(v5("4.12.1-2"), needs=NEEDS, rows={"another method": True, "nonsense as data": False})
async def a_re_authentication_that_fails_closes_the_connection(broker: Broker, other: bool) -> None:
    client = await _authenticated(broker)
    await client.settled()
    method = "no such method" if other else _method(broker)
    block = ((METHOD, method), (DATA, b"\0nonsense"))
    await client.send(Auth(Reason.RE_AUTHENTICATE, block))
    while await client.maybe(Auth, lambda p: p.code == Reason.CONTINUE_AUTHENTICATION) is not None:
        await client.send(Auth(Reason.CONTINUE_AUTHENTICATION, block))
    await client.is_closed_by_broker(because="after a re-authentication that fails")


@case(v5("4.12.0-2"), v5("4.12.0-5"), needs=(*NEEDS, "scram"))
async def a_scram_exchange_proves_both_sides(broker: Broker) -> None:
    """The broker's first message comes in an AUTH that asks to continue, its proof in the CONNACK."""
    client, spoken = await broker.linked(), _Scram(broker)
    last = await _exchange(broker, client, _connect(broker, spoken), spoken)
    for packet in _auths(client):
        if packet.code != Reason.CONTINUE_AUTHENTICATION:
            client.violated("AUTH with 0x18 Continue authentication until CONNACK", describe(packet))
    _accepted(client, last)
    assert isinstance(last, Connack)
    if get(last.properties, METHOD) != _method(broker):
        client.violated(f"CONNACK with the Authentication Method {_method(broker)!r}", describe(last))
    try:
        spoken.client.proven(get(last.properties, DATA, b""))
    except ScramError as error:
        raise Inconclusive(f"the CONNACK holds no proof of the broker's own: {error}") from None
    await client.is_alive()


def _tampered(final: bytes) -> bytes:
    """The same message with another proof of the same length."""
    bare, _, proof = final.rpartition(b",p=")
    return bare + b",p=" + (b"B" if proof[:1] == b"A" else b"A") + proof[1:]


@case(
    v5("4.12.0-4"),
    v5("4.13.2-1"),
    needs=(*NEEDS, "scram"),
    rows={"another proof": "proof", "another password": "password", "another nonce": "nonce", "no proof": "none"},
)
async def a_wrong_proof_is_refused(broker: Broker, wrong: str) -> None:
    """Once the right one was accepted."""
    await _authenticated(broker)
    spoken = _Scram(broker, "another password" if wrong == "password" else "")
    client = await broker.linked()
    await client.send(_connect(broker, spoken))
    asked = await client.maybe(Auth)
    if asked is None:
        client.unprepared("CONNECT with a first message of SCRAM was not answered by AUTH")
    final = await spoken.answer(get(asked.properties, DATA, b"")) or b""
    changed = {
        "proof": _tampered(final),
        "password": final,
        "nonce": final.replace(b",r=", b",r=x"),
        "none": final.rpartition(b",p=")[0],
    }
    await client.send(Auth(Reason.CONTINUE_AUTHENTICATION, _block(broker, changed[wrong])))
    await client.is_refused(because="as the proof is that of nobody who knows the password")
