"""Client identifier: MQTT 3.1.1 and 5.0, section 3.1.3.1."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.client import Client
from testbed.mqtt.codec import describe
from testbed.mqtt.packets import Publish

_NAMES = {
    "one character": "a",
    "23 letters and digits": "0123456789ABCDEFGHIJklm",
    "punctuation": "a/b+c#d $e.f-g_h",
    "beyond ASCII": "zähler-漢字-\U0001f600",
    "200 characters": "x" * 200,
}


@case(v311("3.1.3-3"), v311("3.1.3-4"), v5("3.1.3-3"), v5("3.1.3-4"), needs=("orders",), rows=_NAMES)
async def the_client_identifier_comes_first_as_it_is_told(client: Client, name: str) -> None:
    connection = await client.arrives(client_id=name)
    connect = await connection.begins()
    if connect.client_id != name:
        connection.violated(f"the client identifier {name!r}", describe(connect))


@case(v311("3.1.3-3"), v5("3.1.3-3"))
async def there_is_a_client_identifier(client: Client) -> None:
    connection = await client.arrives()
    await connection.begins()


@case(v311("3.1.3-3"), v5("3.1.3-3"), needs=("orders",))
async def without_a_name_the_client_identifier_is_present_and_empty(client: Client) -> None:
    """One that the client makes up is as good."""
    connection = await client.arrives(client_id="")
    await connection.begins()


@case(v311("3.1.3-7"), needs=("orders", "session"))
async def without_a_name_no_lasting_session_is_asked_for(client: Client) -> None:
    """The client may refuse, set Clean Session, or make up a name."""
    await client.connected(clean=False)
    if (tried := await client.tries(client_id="", clean=False)) is None:
        return
    connection, connect = tried
    if connect.client_id == "" and not connect.clean_start:
        connection.violated("Clean Session 1 with an empty client identifier", describe(connect))


@case(v311("3.1.3-2"), v5("3.1.3-2"), needs=("publish", "orders", "session", "qos-1"))
async def the_session_of_one_client_identifier_is_not_used_for_another(client: Client) -> None:
    """A message of the one is open; the other, whose session is empty, must not send it."""
    connection, open_ = await client.publishing(payload=b"of the one", qos=1, stored=True)
    connection.drop()
    other = await client.connected(client_id=client.client_id("other"), stored=True)
    await other.receives_no(Publish, lambda p: p.payload == open_.payload, because="of another client identifier")


@case(v311("3.1.3-2"), v5("3.1.3-2"), needs=("publish", "orders", "session", "qos-1"))
async def the_session_is_found_by_its_client_identifier(client: Client) -> None:
    connection, open_ = await client.publishing(payload=b"mine", qos=1, stored=True)
    connection.drop()
    again = await client.opens(stored=True)
    connect = again.connect
    if connect is None or connect.clean_start:
        again.unprepared("the client asks for no session that lasts", cause="resumes no session")
    if connect.client_id != client.id:
        again.violated(f"the client identifier {client.id!r} of the session it was told to resume", describe(connect))
    await again.accept(session_present=True)
    await again.expect(Publish, payload=b"mine", packet_id=open_.packet_id, because="from the client's session")
