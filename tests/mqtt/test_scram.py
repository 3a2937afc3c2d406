"""SCRAM: the published examples, the two halves against each other, and what is refused."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.mqtt.scram import LONGEST, METHODS, ScramClient, ScramError, ScramServer, Secret, secret

#: Method, client nonce, what the server adds, salt, and the four messages: RFC 5802 section 5, RFC 7677 section 3.
EXAMPLES = [
    (
        "SCRAM-SHA-1",
        "fyko+d2lbbFgONRv9qkxdawL",
        "3rfcNHYJY1ZVvWVs7j",
        "QSXCR+Q6sek8bf92",
        "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
        "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
        "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    ),
    (
        "SCRAM-SHA-256",
        "rOprNGfwEbeRWgbNEkqO",
        "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        "W22ZaJ0SNY7soEsUEjb6gQ==",
        "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    ),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example[0])
def test_the_published_examples(example: tuple[str, ...]) -> None:
    method, nonce, added, salt, first, server_first, final, server_final = example
    client = ScramClient(method, "user", "pencil", nonce=nonce)
    kept = secret(method, "pencil", salt=base64.b64decode(salt))
    server = ScramServer(method, {"user": kept}.get, nonce=added)
    assert client.first() == first.encode()
    assert server.first(first.encode()) == server_first.encode()
    assert client.final(server_first.encode()) == final.encode()
    assert server.final(final.encode()) == server_final.encode()
    client.proven(server_final.encode())


@pytest.mark.parametrize("method", list(METHODS))
@pytest.mark.parametrize(
    ("user", "password"), [("a,b=c", "secret"), ("zoë", "pass\u00a0word"), ("I\u00adX", "\u2168")]
)
def test_the_two_halves_agree(method: str, user: str, password: str) -> None:
    kept = secret(method, password, rounds=5)
    server = ScramServer(method, lambda name: kept)
    client = ScramClient(method, user, password)
    client.proven(server.final(client.final(server.first(client.first()))))
    assert server.user == user.replace("\u00ad", "")


def exchange() -> tuple[ScramClient, ScramServer, bytes]:
    kept = secret("SCRAM-SHA-256", "right", rounds=5)
    server = ScramServer("SCRAM-SHA-256", {"me": kept}.get)
    client = ScramClient("SCRAM-SHA-256", "me", "right")
    return client, server, server.first(client.first())


def test_a_wrong_password_proves_nothing_on_either_side() -> None:
    _, server, _ = exchange()
    stranger = ScramClient("SCRAM-SHA-256", "me", "wrong")
    with pytest.raises(ScramError, match="not that of one who knows"):
        server.final(stranger.final(server.first(stranger.first())))
    client, server, said = exchange()
    client.final(said)
    with pytest.raises(ScramError, match="not that of one who knows"):
        client.proven(b"v=" + base64.b64encode(bytes(32)))
    with pytest.raises(ScramError, match="invalid-proof"):
        client.proven(b"e=invalid-proof")


def test_another_nonce_proves_nothing() -> None:
    client, server, said = exchange()
    final = client.final(said)
    with pytest.raises(ScramError, match="nonce of this exchange"):
        server.final(final.replace(b",r=", b",r=x"))
    with pytest.raises(ScramError, match="goes on from"):
        client.final(b"r=another,s=AAAA,i=5")


@pytest.mark.parametrize(
    ("first", "says"),
    [
        (b"n,,n=you,r=x", "nobody is known"),
        (b"p=tls-unique,,n=me,r=x", "without channel binding"),
        (b"n,,n=m=e,r=x", "=2C and =3D"),
        (b"n,,r=x,n=me", "was expected"),
        (b"n,,n=me,r=\x7f", "printable nonce"),
        (b"\xff", "UTF-8"),
        (b"", "was expected"),
        (bytes(LONGEST + 1), "at most"),
    ],
)
def test_a_first_message_that_is_none(first: bytes, says: str) -> None:
    kept = secret("SCRAM-SHA-1", "right", rounds=5)
    with pytest.raises(ScramError, match=says):
        ScramServer("SCRAM-SHA-1", {"me": kept}.get).first(first)


@pytest.mark.parametrize("rounds", ["0", "-1", "99999999999", "1e3", "", "1000001"])
def test_a_server_cannot_make_the_tester_count_for_ever(rounds: str) -> None:
    client = ScramClient("SCRAM-SHA-1", "me", "right", nonce="n")
    with pytest.raises(ScramError, match="rounds were expected"):
        client.final(f"r=nm,s=AAAA,i={rounds}".encode())


@given(st.binary(max_size=200))
def test_nonsense_is_refused_and_never_more(data: bytes) -> None:
    client, server, _ = exchange()
    for take in (client.final, client.proven, server.final, ScramServer("SCRAM-SHA-1", lambda name: None).first):
        with pytest.raises(ScramError):
            take(data)


def test_unknown_methods_and_forbidden_letters() -> None:
    with pytest.raises(ValueError, match="no method of SCRAM"):
        ScramClient("PLAIN", "me", "x")
    with pytest.raises(ValueError, match="U\\+0007"):
        secret("SCRAM-SHA-1", "\x07")
    with pytest.raises(ValueError, match="right to left"):
        secret("SCRAM-SHA-1", "\u06271")
    assert secret("SCRAM-SHA-1", "x", salt=b"1", rounds=1) == secret("SCRAM-SHA-1", "x", salt=b"1", rounds=1)
    assert isinstance(secret("SCRAM-SHA-1", "x", rounds=1), Secret)
