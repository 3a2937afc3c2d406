"""Client identifiers: MQTT 3.1.1 and 5.0, section 3.1.3.1 (and 5.0 section 3.2.2.3.7)."""

from __future__ import annotations

import string

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.broker import Broker
from testbed.mqtt.codec import describe
from testbed.mqtt.packets import Connack, Disconnect
from testbed.mqtt.properties import Property
from testbed.mqtt.reasons import Reason, ReturnCode

LETTERS = string.digits + string.ascii_lowercase + string.ascii_uppercase


@case(
    v311("3.1.3-5"),
    v5("3.1.3-5"),
    rows={"digits": LETTERS[:10], "a-to-m": LETTERS[10:23], "n-to-z": LETTERS[23:36], "A-to-M": LETTERS[36:49]}
    | {"N-to-Z": LETTERS[49:]},
)
async def every_letter_and_digit_is_allowed(broker: Broker, letters: str) -> None:
    await _is_accepted(broker, (broker.client_id("x")[:9] + letters)[:23])


@case(v311("3.1.3-5"), v5("3.1.3-5"))
async def a_client_id_of_23_bytes_is_allowed(broker: Broker) -> None:
    await _is_accepted(broker, broker.client_id("x").ljust(23, "0"))


@case(v311("3.1.3-5"), v5("3.1.3-5"))
async def a_client_id_of_1_byte_is_allowed(broker: Broker) -> None:
    """It cannot be the cell's own: another cell may take it over, after it was accepted."""
    client = await broker.linked()
    await client.send(broker.connect(LETTERS[broker.version]))
    await client.expect(Connack, code=0, because="as a server must allow a client id of one letter")


async def _is_accepted(broker: Broker, name: str) -> None:
    client = await broker.linked()
    await client.send(broker.connect(name))
    await client.expect(Connack, code=0, because=f"as a server must allow the client id {name}")
    await client.is_alive()


@case(
    v311("3.1.3-9"),
    v5("3.1.3-8"),
    rows={
        "of-24-bytes": "{0:x<24}",
        "of-65535-bytes": "{0:x<65535}",
        "with-punctuation": "{0} -._~/:;@",
        "with-wildcards": "{0}/+/#",
        "in-other-scripts": "{0}é中\U0001f4e1",
    },
)
async def an_unusual_client_id_is_accepted_or_properly_rejected(broker: Broker, pattern: str) -> None:
    """Beyond 23 letters and digits the server is free; if it rejects the id, 3.1.1 wants CONNACK 2 and the end of
    the connection, 5.0 the end (and 0x85 if it says anything about the id)."""
    client = await broker.opened()
    await client.send(broker.connect(pattern.format(broker.client_id("x"))))
    connack = await client.maybe(Connack)
    if connack is not None and connack.code == 0:
        await client.is_alive()
        return
    if not broker.v5 and (connack is None or connack.code != ReturnCode.IDENTIFIER_REJECTED):
        came = describe(connack) if connack else client.what_came()
        client.violated("CONNACK with return code 0x02 for a client id that the server rejects", came)
    if await client.until(lambda: client.ended_at) is None and client.ended_at is None:
        client.violated("the broker to close the connection after it rejected the client id")


@case(v311("3.1.3-8"), v311("3.1.3-9"))
async def an_empty_client_id_without_clean_session_is_rejected_by_return_code_2(broker: Broker) -> None:
    twin = await broker.connected(stored=True)
    await twin.send(Disconnect())
    client = await broker.linked()
    await client.send(broker.connect("", clean=False))
    await client.is_refused(
        {ReturnCode.IDENTIFIER_REJECTED}, must_answer=True, because="with no client id and Clean Session 0"
    )


@case(v311("3.1.3-9"), v5("3.1.3-8"), needs=("not assigned-client-id",))
async def an_empty_client_id_that_is_not_allowed_is_rejected(broker: Broker) -> None:
    client = await broker.opened()
    await client.send(broker.connect(""))
    if broker.v5:
        await client.is_refused({Reason.CLIENT_IDENTIFIER_NOT_VALID}, because="with no client id")
    else:
        await client.is_refused({ReturnCode.IDENTIFIER_REJECTED}, must_answer=True, because="with no client id")


# -- ids given by the server


@case(v311("3.1.3-6"), v5("3.1.3-6"), needs=("assigned-client-id",))
async def clients_without_an_id_do_not_take_each_other_over(broker: Broker) -> None:
    """Each has an id of its own: each lives, and gets what it subscribed to and nothing else."""
    first, second = await broker.connected(""), await broker.connected("")
    await first.is_alive()
    await first.subscribed(broker.topic("first"))
    await second.subscribed(broker.topic("second"))
    other = await broker.connected()
    await other.published(broker.topic("first"), b"for the first")
    await other.published(broker.topic("second"), b"for the second")
    await first.message(payload=b"for the first")
    await second.message(payload=b"for the second")


@case(v5("3.1.3-7"), v5("3.2.2-16"), needs=("assigned-client-id",))
async def an_assigned_client_id_is_told_and_new(broker: Broker) -> None:
    given = set()
    for _ in range(3):
        client = await broker.connected("")
        name = client.announced(Property.ASSIGNED_CLIENT_IDENTIFIER)
        if not name:
            client.violated("CONNACK with an Assigned Client Identifier", describe(client.connack))  # type: ignore[arg-type]
        if name in given:
            client.violated("an Assigned Client Identifier that no other session has", f"{name!r} twice")
        given.add(name)


@case(v5("3.1.3-7"), needs=("assigned-client-id", "session-expiry"))
async def an_assigned_client_id_names_the_session(broker: Broker) -> None:
    """The session of a client without an id can be resumed under the id that the server gave."""
    first = await broker.connected("", clean=True, properties={Property.SESSION_EXPIRY_INTERVAL: 60})
    name = first.announced(Property.ASSIGNED_CLIENT_IDENTIFIER)
    if not name:
        first.violated("CONNACK with an Assigned Client Identifier", describe(first.connack))  # type: ignore[arg-type]
    await first.disconnect()
    second = await broker.linked()
    await second.send(broker.connect(name, stored=True))
    await second.expect(Connack, code=0, session_present=True, because=f"for the session of {name}")


@case(v5("3.1.3-7"), needs=("assigned-client-id",))
async def an_assigned_client_id_is_taken_over_like_any_other(broker: Broker) -> None:
    first = await broker.connected("")
    name = first.announced(Property.ASSIGNED_CLIENT_IDENTIFIER)
    if not name:
        first.violated("CONNACK with an Assigned Client Identifier", describe(first.connack))  # type: ignore[arg-type]
    await broker.connected(name)
    await first.is_closed_by_broker(reason=Reason.SESSION_TAKEN_OVER, because="whose client id connected again")


# -- ids and sessions


@case(
    v311("3.1.3-2"),
    v5("3.1.3-2"),
    needs=("session-expiry", "qos-1"),
    rows={"another": "{0}b", "a-prefix": "{0}", "in-other-case": "{0}A"},
)
async def a_session_belongs_to_its_client_id(broker: Broker, pattern: str) -> None:
    """A client id that is nearly the same finds no session; the same one does."""
    stem = broker.client_id("x")
    keeper = await broker.subscriber(broker.topic(), qos=1, id=f"{stem}a", stored=True)
    await keeper.disconnect()
    stranger = await broker.linked()
    await stranger.send(broker.connect(pattern.format(stem), stored=True))
    await stranger.expect(Connack, code=0, session_present=False, because="for a client id without a session")
    back = await broker.linked()
    await back.send(broker.connect(keeper.id, stored=True))
    await back.expect(Connack, code=0, session_present=True, because="for the client id that has the session")
