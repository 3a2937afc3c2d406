"""SCRAM, both sides of it: RFC 5802 with the hashes of RFC 5802 and RFC 7677, as MQTT 5.0 section 4.12 carries it.

CONNECT holds the client's first message, AUTH the server's first and the client's final one, CONNACK the server's
final one. There is no socket and no clock here; channel binding is not spoken (`n,,`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import stringprep
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

#: Authentication Method -> name of its hash.
METHODS = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}
#: Limits of what a device may ask for or send: rounds of the key derivation (a million are a good half second of one
#: core, so `final` is for a thread where others wait for the event loop), and bytes of a message.
MOST_ROUNDS, LONGEST = 1_000_000, 4096
#: GS2 header of a client that speaks no channel binding, and the same in base64.
_HEADER, _BINDING = "n,,", "biws"
_NONCE = re.compile(r"[!-+\--~]+")


class ScramError(Exception):
    """The other side's message is none of SCRAM's, or proves nothing. Its text says what was expected and came."""


@dataclass(frozen=True, slots=True)
class Secret:
    """What a server keeps of a password."""

    salt: bytes
    rounds: int
    stored_key: bytes
    server_key: bytes


def secret(method: str, password: str, *, salt: bytes = b"", rounds: int = 4096) -> Secret:
    """What a server keeps of `password`; a random `salt` unless given. ValueError for an unknown method or a
    password that SASLprep forbids."""
    salt = salt or secrets.token_bytes(16)
    salted = _salted(_hash(method), password, salt, rounds)
    client_key = _mac(_hash(method), salted, b"Client Key")
    stored = hashlib.new(_hash(method), client_key).digest()
    return Secret(salt, rounds, stored, _mac(_hash(method), salted, b"Server Key"))


class ScramClient:
    """The client's side of one exchange: `first`, then `final`, then `proven`."""

    def __init__(self, method: str, user: str, password: str, *, nonce: str = "") -> None:
        self._hash, self._password = _hash(method), password
        name = _prepared(user).replace("=", "=3D").replace(",", "=2C")
        self._nonce = nonce or secrets.token_urlsafe(18)
        self._bare = f"n={name},r={self._nonce}"
        self._signature = b""

    def first(self) -> bytes:
        """The client's first message."""
        return (_HEADER + self._bare).encode()

    def final(self, server_first: bytes) -> bytes:
        """The client's final message, with its proof. ScramError when `server_first` is no answer to `first`."""
        text = _text(server_first)
        fields = _fields(text, "rsi")
        nonce = fields["r"]
        if not nonce.startswith(self._nonce) or len(nonce) == len(self._nonce) or not _NONCE.fullmatch(nonce):
            raise ScramError(f"a nonce that goes on from {self._nonce!r} was expected; came {nonce[:80]!r}")
        if not re.fullmatch(r"[1-9]\d{0,9}", fields["i"]) or int(fields["i"]) > MOST_ROUNDS:
            raise ScramError(f"1 to {MOST_ROUNDS:,} rounds were expected; came {fields['i'][:80]!r}")
        salted = _salted(self._hash, self._password, _decoded(fields["s"]), int(fields["i"]))
        client_key = _mac(self._hash, salted, b"Client Key")
        stored = hashlib.new(self._hash, client_key).digest()
        bare = f"c={_BINDING},r={nonce}"
        whole = f"{self._bare},{text},{bare}".encode()
        proof = _xor(client_key, _mac(self._hash, stored, whole))
        self._signature = _mac(self._hash, _mac(self._hash, salted, b"Server Key"), whole)
        return f"{bare},p={_encoded(proof)}".encode()

    def proven(self, server_final: bytes) -> None:
        """Return when the server has proven that it knows the password; ScramError otherwise."""
        text = _text(server_final)
        if text.startswith("e="):
            raise ScramError(f"a proof was expected; came the error {text[2:80]!r}")
        if not self._signature or not hmac.compare_digest(_decoded(_fields(text, "v")["v"]), self._signature):
            raise ScramError("the server's proof is not that of one who knows the password")


class ScramServer:
    """The server's side of one exchange: `first`, then `final`. `known` gives what is kept of a user, or None."""

    def __init__(self, method: str, known: Callable[[str], Secret | None], *, nonce: str = "") -> None:
        self._hash, self._known = _hash(method), known
        self._own = nonce or secrets.token_urlsafe(18)
        self._nonce = self._said = ""
        self._secret: Secret | None = None
        #: The user that the client's first message names.
        self.user = ""

    def first(self, client_first: bytes) -> bytes:
        """The server's first message. ScramError when `client_first` is no such message, or names nobody."""
        text = _text(client_first)
        if not text.startswith(_HEADER):
            raise ScramError(f"a first message without channel binding (n,,) was expected; came {text[:80]!r}")
        bare = text[len(_HEADER) :]
        fields = _fields(bare, "nr")
        if not _NONCE.fullmatch(fields["r"]):
            raise ScramError(f"a printable nonce was expected; came {fields['r'][:80]!r}")
        if re.search(r"=(?!2C|3D)", fields["n"]):
            raise ScramError(f"a user name with =2C and =3D alone was expected; came {fields['n'][:80]!r}")
        self.user = fields["n"].replace("=2C", ",").replace("=3D", "=")
        self._secret = self._known(self.user)
        if self._secret is None:
            raise ScramError(f"nobody is known as {self.user[:80]!r}")
        self._nonce = fields["r"] + self._own
        said = f"r={self._nonce},s={_encoded(self._secret.salt)},i={self._secret.rounds}"
        self._said = f"{bare},{said}"
        return said.encode()

    def final(self, client_final: bytes) -> bytes:
        """The server's final message, with its proof. ScramError when the client's proves nothing."""
        if self._secret is None:
            raise ScramError("a final message came before a first one")
        text = _text(client_final)
        bare, comma, proof = text.rpartition(",p=")
        fields = _fields(bare, "cr")
        if not comma or fields["c"] != _BINDING or fields["r"] != self._nonce:
            raise ScramError(
                f"c={_BINDING}, the nonce of this exchange and a proof were expected; came {text[:120]!r}"
            )
        whole = f"{self._said},{bare}".encode()
        signature = _mac(self._hash, self._secret.stored_key, whole)
        key = _xor(_decoded(proof), signature)
        if not hmac.compare_digest(hashlib.new(self._hash, key).digest(), self._secret.stored_key):
            raise ScramError("the client's proof is not that of one who knows the password")
        return f"v={_encoded(_mac(self._hash, self._secret.server_key, whole))}".encode()


def _hash(method: str) -> str:
    if method not in METHODS:
        raise ValueError(f"{method!r} is no method of SCRAM; known are {', '.join(METHODS)}")
    return METHODS[method]


def _mac(name: str, key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, name)


def _salted(name: str, password: str, salt: bytes, rounds: int) -> bytes:
    return hashlib.pbkdf2_hmac(name, _prepared(password).encode(), salt, rounds)


def _xor(one: bytes, other: bytes) -> bytes:
    if len(one) != len(other):
        raise ScramError(f"a proof of {len(other)} bytes was expected; came {len(one)}")
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _text(message: bytes) -> str:
    if len(message) > LONGEST:
        raise ScramError(f"a message of at most {LONGEST} bytes was expected; came {len(message)}")
    try:
        return message.decode()
    except UnicodeDecodeError:
        raise ScramError(f"a text in UTF-8 was expected; came {message[:40]!r}") from None


def _fields(text: str, wanted: str) -> dict[str, str]:
    """The attributes of a message, which must begin with `wanted` in that order; extensions may follow."""
    parts = text.split(",")
    if len(parts) < len(wanted) or any(
        part[:2] != f"{name}=" for name, part in zip(wanted, parts[: len(wanted)], strict=True)
    ):
        raise ScramError(f"{','.join(f'{name}=...' for name in wanted)} was expected; came {text[:120]!r}")
    return {name: part[2:] for name, part in zip(wanted, parts, strict=False)}


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ScramError(f"base64 was expected; came {text[:80]!r}") from None


def _prepared(text: str) -> str:
    """`text` as SASLprep has it (RFC 4013). ValueError when it holds what is forbidden there."""
    mapped = "".join(
        " " if stringprep.in_table_c12(letter) else letter for letter in text if not stringprep.in_table_b1(letter)
    )
    out = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    forbidden = (
        stringprep.in_table_c12,
        stringprep.in_table_c21_c22,
        stringprep.in_table_c3,
        stringprep.in_table_c4,
        stringprep.in_table_c5,
        stringprep.in_table_c6,
        stringprep.in_table_c7,
        stringprep.in_table_c8,
        stringprep.in_table_c9,
    )
    for letter in out:
        if any(table(letter) for table in forbidden):
            raise ValueError(f"U+{ord(letter):04X} may be in no user name or password of SCRAM")
    if any(map(stringprep.in_table_d1, out)):
        whole = stringprep.in_table_d1(out[0]) and stringprep.in_table_d1(out[-1])
        if not whole or any(map(stringprep.in_table_d2, out)):
            raise ValueError("a text from right to left holds letters from left to right")
    return out
