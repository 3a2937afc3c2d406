"""Enhanced authentication: MQTT 5.0, sections 3.15 and 4.12. Methods are any names that both sides know; one exchange
is that of SCRAM-SHA-256 (RFC 7677)."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5
from testbed.mqtt.client import Client
from testbed.mqtt.codec import describe
from testbed.mqtt.packets import Auth, Disconnect, Malformed, Packet, Publish, Subscribe
from testbed.mqtt.properties import Property, get, props
from testbed.mqtt.scram import ScramClient, ScramServer, secret
from testbed.mqtt.scripted_broker import Connection

METHOD, DATA = Property.AUTHENTICATION_METHOD, Property.AUTHENTICATION_DATA
PLAIN, SCRAM = "X-METHOD", "SCRAM-SHA-256"
NAMES = {"plain": PLAIN, "beyond ASCII": "größe-漢字"}
_ANSWERS = ("authentication", "properties", "orders")


def _auth(data: bytes, method: str = PLAIN, flags: int | None = None) -> Auth:
    """AUTH that asks to continue."""
    return Auth(0x18, props({METHOD: method, DATA: data}), flags=flags)


async def _opens(client: Client, *answers: bytes, method: str = PLAIN, data: bytes = b"") -> Connection:
    """Set-up: a CONNECT with an Authentication Method, not answered."""
    told = {METHOD: method, DATA: data} if data else {METHOD: method}
    connection = await client.opens(properties=told, answers=answers)
    if connection.announced(METHOD) != method:
        connection.unprepared("the client was told an Authentication Method, and sends another, or none")
    return connection


# -- the client answers AUTH


@case(v5("4.12.0-3"), v5("3.15.2-1"), needs=_ANSWERS)
async def auth_that_asks_to_continue_is_answered_by_auth_0x18(client: Client) -> None:
    connection = await _opens(client, b"answer")
    await connection.send(_auth(b"challenge"))
    auth = await connection.expect(Auth, code=0x18, because="in answer to our AUTH")
    _answers(connection, auth, b"answer")


@case(v5("4.12.0-3"), v5("4.12.0-5"), needs=_ANSWERS)
async def every_further_auth_is_answered_likewise(client: Client) -> None:
    answers = (b"one", b"two", b"three")
    connection = await _opens(client, *answers)
    for answer in answers:
        await connection.send(_auth(b"challenge"))
        auth = await connection.expect(Auth, code=0x18, because="in answer to our AUTH")
        if get(auth.properties, METHOD) != PLAIN:
            connection.violated(f"the Authentication Method {PLAIN} of the CONNECT", describe(auth))
        _answers(connection, auth, answer)


def _answers(connection: Connection, auth: Auth, told: bytes) -> None:
    """The client's own answer, as it was told, and no echo of ours."""
    if get(auth.properties, DATA) != told:
        connection.unprepared(f"the client was told to answer {told!r}, and answers {describe(auth)}")


@case(v5("4.12.0-5"), needs=_ANSWERS, rows=NAMES)
async def auth_names_the_method_of_the_connect(client: Client, method: str) -> None:
    connection = await _opens(client, b"answer", method=method)
    await connection.send(_auth(b"challenge", method))
    auth = await connection.asked(Auth)
    _answers(connection, auth, b"answer")
    if get(auth.properties, METHOD) != method:
        connection.violated(f"the Authentication Method {method} of the CONNECT", describe(auth))


@case(v5("4.12.0-3"), v5("4.12.0-5"), needs=_ANSWERS)
async def an_exchange_of_scram_is_carried_through(client: Client) -> None:
    """The server checks the client's proof, and the client is connected then."""
    user, server = _scram()
    first = user.first()
    challenge = server.first(first)
    connection = await _opens(client, user.final(challenge), method=SCRAM, data=first)
    await connection.send(_auth(challenge, SCRAM))
    auth = await connection.expect(Auth, code=0x18, because="in answer to the server's first message")
    if get(auth.properties, METHOD) != SCRAM:
        connection.violated(f"the Authentication Method {SCRAM} of the CONNECT", describe(auth))
    proof = server.final(get(auth.properties, DATA, b""))
    await client.accepts(connection, connack={METHOD: SCRAM, DATA: proof})
    await connection.is_alive()


def _scram() -> tuple[ScramClient, ScramServer]:
    known = secret(SCRAM, "pencil", salt=b"0123456789abcdef", rounds=4096)
    return ScramClient(SCRAM, "user", "pencil", nonce="rOprNGfwEbeRWgbNEkqO"), ScramServer(SCRAM, lambda _: known)


# -- before CONNACK


@case(v5("3.1.2-30"), needs=("properties", "orders", "publish", "subscribe"))
async def nothing_but_auth_and_disconnect_is_sent_before_connack(client: Client) -> None:
    """The client is told to subscribe and to publish meanwhile."""
    connection = await _opens(client)
    client.subscribe()
    client.publish(payload=b"early")

    def early(packet: Packet) -> bool:
        return not isinstance(packet, Auth | Disconnect)

    packet = await connection.until(lambda: next(filter(early, connection.inbox), None), connection.trial.quiet)
    if packet is not None:
        connection.violated("nothing but AUTH or DISCONNECT before the CONNACK", describe(packet))
    await client.accepts(connection, connack={METHOD: PLAIN})
    await connection.settled()


# -- without an Authentication Method


@case(v5("4.12.0-7"))
async def without_a_method_auth_before_connack_is_not_answered_by_auth(client: Client) -> None:
    """The server breaks the protocol by it; the client may leave."""
    if client.control.orders:
        await (await client.connected()).settled()
    connection = await client.opens()
    if connection.announced(METHOD) is not None:
        connection.unprepared("the client authenticates by itself")
    await connection.send(_auth(b"challenge"))
    await _sends_no_auth(client, connection, connected=False)


@case(v5("4.12.0-7"), needs=("orders",))
async def without_a_method_auth_after_connack_is_not_answered_by_auth(client: Client) -> None:
    connection = await client.connected()
    await connection.settled()
    await connection.send(_auth(b"challenge"))
    await _sends_no_auth(client, connection, connected=True)


@case(v5("4.12.0-7"), needs=("authenticate", "orders"))
async def without_a_method_the_client_does_not_authenticate_again(client: Client) -> None:
    connection = await client.connected()
    order = client.authenticate(b"first")
    await client.sends_no(connection, Auth, order, because="as the CONNECT had no Authentication Method")


async def _sends_no_auth(client: Client, connection: Connection, *, connected: bool) -> None:
    because = "as the CONNECT had no Authentication Method"
    auth = await connection.maybe(Auth, within=connection.trial.quiet)
    if auth is not None:
        connection.violated(f"no AUTH, {because}", describe(auth))
    if connection.ended_at is not None:
        return
    if not connected:
        await client.accepts(connection)
    if client.control.orders:
        await connection.receives_no(Auth, for_=0.0, because=because)
        return
    # Nobody can make it say anything, but it has something to do.
    if await connection.maybe((Subscribe, Publish)) is None and connection.ended_at is None:
        connection.unprepared("the client does not show that it lives", cause="no proof of life")
    auth = connection.take(Auth)
    if auth is not None:
        connection.violated(f"no AUTH, {because}", describe(auth))


# -- AUTH that cannot be read


_FLAGS = {f"flags {bits:04b}": bits for bits in (1, 2, 4, 8, 15)}


@case(v5("3.15.1-1"), needs=("properties", "orders"), rows=_FLAGS)
async def auth_with_wrong_flags_before_connack_closes_the_connection(client: Client, flags: int) -> None:
    await _twin(client)
    connection = await _opens(client, b"answer")
    await connection.send(_auth(b"challenge", flags=flags))
    await connection.is_closed_by_client(because=f"as AUTH has the flags {flags:04b}")
    _went_on(connection)


@case(v5("3.15.1-1"), needs=("properties", "orders"), rows=_FLAGS)
async def auth_with_wrong_flags_after_connack_closes_the_connection(client: Client, flags: int) -> None:
    connection = await _opens(client, b"answer")
    await client.accepts(connection, connack={METHOD: PLAIN})
    await connection.settled()
    await connection.send(_auth(b"challenge", flags=flags))
    await connection.is_closed_by_client(because=f"as AUTH has the flags {flags:04b}")
    _went_on(connection)


async def _twin(client: Client) -> None:
    """Set-up: the client takes a good AUTH, where it takes any, and a CONNACK."""
    connection = await _opens(client, b"answer")
    if client.claims("authentication"):
        await connection.send(_auth(b"challenge"))
        await connection.asked(Auth)
    await client.accepts(connection, connack={METHOD: PLAIN})


def _went_on(connection: Connection) -> None:
    """An AUTH in answer is none that treats ours as malformed, even before the end."""
    answer = connection.take((Auth, Malformed))
    if answer is not None:
        connection.violated("the connection closed and no answer, as AUTH is malformed", describe(answer))
