"""User name and password: MQTT 3.1.1 and 5.0, sections 3.1.2.8, 3.1.2.9 and 3.1.3."""

from __future__ import annotations

from harness.case import case
from suites.mqtt import v5, v311
from testbed.mqtt.client import Client
from testbed.mqtt.codec import describe

_NEEDS = ("credentials",)
_BOTH = {
    "plain": ("user", "secret"),
    "beyond ASCII": ("zähler-漢字", "geheim-\U0001f600"),
    "255 and 1000 characters": ("u" * 255, "p" * 1000),
    "with spaces and signs": ("a b:c/d", " p=w,\t"),
}


@case(
    v311("3.1.2-19"),
    v311("3.1.2-21"),
    v311("3.1.3-11"),
    v5("3.1.2-17"),
    v5("3.1.2-19"),
    v5("3.1.3-12"),
    needs=_NEEDS,
    rows=_BOTH,
)
async def user_name_and_password_are_sent_as_they_are_told(client: Client, both: tuple[str, str]) -> None:
    username, password = both
    connection = await client.arrives(username=username, password=password)
    connect = await connection.begins()
    if connect.username is None and connect.password is None:
        connection.unprepared("the client was told a user name and a password, and sends none")
    if client.obeys and (connect.username, connect.password) != (username, password.encode()):
        connection.violated(f"the user name {username!r} and the password {password!r}", describe(connect))


@case(v311("3.1.2-18"), v311("3.1.2-20"), v5("3.1.2-16"), v5("3.1.2-18"), needs=("orders",))
async def without_credentials_there_are_none(client: Client) -> None:
    connection = await client.arrives()
    connect = await connection.begins()
    if connect.username is not None or connect.password is not None:
        connection.violated("neither user name nor password, as the client was told none", describe(connect))


@case(
    v311("3.1.2-18"),
    v311("3.1.2-20"),
    v5("3.1.2-16"),
    v5("3.1.2-18"),
    needs=(*_NEEDS, "orders"),
)
async def a_user_name_alone_comes_without_password(client: Client) -> None:
    connection = await client.arrives(username="user")
    connect = await connection.begins()
    if connect.username != "user" or connect.password is not None:
        connection.violated("the user name 'user' and no password", describe(connect))


@case(v311("3.1.2-22"), needs=(*_NEEDS, "orders"))
async def no_password_comes_without_user_name(client: Client) -> None:
    """The client may refuse, leave it out, or send an empty user name."""
    await client.connected(username="user", password="secret")
    if (tried := await client.tries(password="secret")) is None:
        return
    connection, connect = tried
    if connect.password is not None and connect.username is None:
        connection.violated("no password, as there is no user name", describe(connect))


@case(v5("3.1.2-16"), needs=(*_NEEDS, "orders"))
async def a_password_alone_comes_without_user_name(client: Client) -> None:
    """Which 5.0 allows; a library that has no way to say so may refuse, leave it out, or send an empty user name."""
    await client.connected(username="user", password="secret")
    if (tried := await client.tries(password="secret")) is None:
        return
    connection, connect = tried
    if connect.username not in (None, "") or connect.password not in (None, b"secret"):
        connection.violated("no user name, and the password b'secret'", describe(connect))


@case(v311("3.1.2-18"), v311("3.1.2-20"), v5("3.1.2-16"), v5("3.1.2-18"), needs=(*_NEEDS, "orders"))
async def credentials_of_one_connection_are_not_used_on_the_next(client: Client) -> None:
    first = await client.connected(username="user", password="secret")
    assert first.connect is not None
    if first.connect.username is None:
        first.unprepared("the client was told a user name, and sends none")
    again = await client.arrives()
    connect = await again.begins()
    if connect.username is not None or connect.password is not None:
        again.violated("neither user name nor password, as the client was told none this time", describe(connect))
