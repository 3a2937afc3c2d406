"""From TLS secrets to open records: cipher suites, key derivation, decryption (RFC 5246, 5288, 6655, 7905, 8446)."""

from __future__ import annotations

import hmac
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from testbed.captured.wrapping import Opaque


class _Cipher(Protocol):
    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Suite:
    """What a cipher suite means for its records."""

    cipher: Callable[[bytes], _Cipher]
    #: Bytes of its key and its tag.
    key: int
    tag: int
    hash: str
    #: Bytes of the nonce that TLS 1.2 puts in front of each record.
    explicit: int = 8


def _ccm(tag: int) -> Callable[[bytes], _Cipher]:
    return lambda key: AESCCM(key, tag)


_KINDS = (
    (Suite(AESGCM, 16, 16, "sha256"), "1301 9C 9E A0 A2 A8 AA AC C02B C02D C02F C031 D001"),
    (Suite(AESGCM, 32, 16, "sha384"), "1302 9D 9F A1 A3 A9 AB AD C02C C02E C030 C032 D002"),
    (Suite(ChaCha20Poly1305, 32, 16, "sha256", 0), "1303 CCA8 CCA9 CCAA CCAB CCAC CCAD CCAE"),
    (Suite(_ccm(16), 16, 16, "sha256"), "1304 C09C C09E C0A4 C0A6 C0AC D005"),
    (Suite(_ccm(16), 32, 16, "sha256"), "C09D C09F C0A5 C0A7 C0AD"),
    (Suite(_ccm(8), 16, 8, "sha256"), "1305 C0A0 C0A2 C0A8 C0AA C0AE D003"),
    (Suite(_ccm(8), 32, 8, "sha256"), "C0A1 C0A3 C0A9 C0AB C0AF"),
)
#: Number in the ServerHello -> suite; all that authenticate and encrypt in one.
SUITES = {int(number, 16): suite for suite, numbers in _KINDS for number in numbers.split()}


class Opener:
    """Opens the records of one direction under one key."""

    def __init__(self, suite: Suite, key: bytes, iv: bytes, *, modern: bool) -> None:
        self._cipher, self._iv, self._modern = suite.cipher(key), iv, modern
        self._explicit = 0 if modern else suite.explicit
        self._tag = suite.tag
        self._count = 0
        self._number = int.from_bytes(iv)

    def open(self, kind: int, header: bytes, record: bytes) -> tuple[int, bytes]:
        """The content type and the content of a record. Opaque when the key does not fit."""
        count = self._count
        self._count += 1
        if self._explicit:
            nonce, record = self._iv + record[: self._explicit], record[self._explicit :]
        else:
            nonce = (self._number ^ count).to_bytes(len(self._iv))
        size = len(record) - self._tag
        if size < 0:
            raise Opaque("a TLS record is too short for its cipher")
        extra = header if self._modern else struct.pack(">QB2sH", count, kind, header[1:3], size)
        try:
            content = self._cipher.decrypt(nonce, record, extra)
        except (InvalidTag, ValueError):
            raise Opaque("the TLS secrets do not fit") from None
        if not self._modern:
            return kind, content
        content = content.rstrip(b"\0")
        return (content[-1], content[:-1]) if content else (0, b"")


def _expanded(suite: Suite, secret: bytes, label: str, size: int) -> bytes:
    """HKDF-Expand-Label (RFC 8446, 7.1) with an empty context."""
    name = b"tls13 " + label.encode()
    info = struct.pack(">HB", size, len(name)) + name + b"\0"
    algorithm = hashes.SHA256() if suite.hash == "sha256" else hashes.SHA384()
    return HKDFExpand(algorithm, size, info).derive(secret)


def opener13(suite: Suite, secret: bytes) -> Opener:
    """The opener under a traffic secret of TLS 1.3."""
    return Opener(suite, _expanded(suite, secret, "key", suite.key), _expanded(suite, secret, "iv", 12), modern=True)


def updated(suite: Suite, secret: bytes) -> bytes:
    """The traffic secret after a KeyUpdate."""
    return _expanded(suite, secret, "traffic upd", len(secret))


def openers12(suite: Suite, master: bytes, client: bytes, server: bytes) -> tuple[Opener, Opener]:
    """The openers of both directions of TLS 1.2, from the master secret and both randoms."""
    fixed = 12 - suite.explicit
    block = _prf(suite.hash, master, b"key expansion" + server + client, 2 * (suite.key + fixed))
    keys = block[: suite.key], block[suite.key : 2 * suite.key]
    rest = block[2 * suite.key :]
    first, second = (
        Opener(suite, key, iv, modern=False) for key, iv in zip(keys, (rest[:fixed], rest[fixed:]), strict=True)
    )
    return first, second


def _prf(hash: str, secret: bytes, seed: bytes, size: int) -> bytes:
    """P_hash (RFC 5246, 5)."""
    out, chain = b"", seed
    while len(out) < size:
        chain = hmac.digest(secret, chain, hash)
        out += hmac.digest(secret, chain + seed, hash)
    return out[:size]
