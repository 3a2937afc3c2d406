"""TLS 1.2 and 1.3 taken off, where the secrets of the connection are known (RFC 5246, 8446).

The handshake is followed just as far as it takes to know randoms, cipher suite and when keys change. Nothing is
verified: who they are is for the two ends to ask.
"""

from __future__ import annotations

from collections.abc import Iterator

from testbed.captured.keylog import KeyLog
from testbed.captured.tls_keys import SUITES, Opener, Suite, opener13, openers12, updated
from testbed.captured.wrapping import Opaque

_CHANGE, _ALERT, _HANDSHAKE, _DATA = 20, 21, 22, 23
_CLIENT_HELLO, _SERVER_HELLO, _FINISHED, _KEY_UPDATE = 1, 2, 20, 24
_SUPPORTED_VERSIONS = 43
#: A record's content and what encryption may add.
_LARGEST = (1 << 14) + 2048
_LONGEST_HELLO = 1 << 16
#: The random of a ServerHello that asks for another ClientHello.
_RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
_NAMES = {0x0300: "SSL 3.0", 0x0301: "TLS 1.0", 0x0302: "TLS 1.1", 0x0303: "TLS 1.2", 0x0304: "TLS 1.3"}
NO_SECRETS = "encrypted with TLS, and the secrets are not there (--keylog)"


class _Messages:
    """A side's handshake messages; of all but the hellos only the kind is kept."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._kind = self._skip = 0

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The messages that `data` completes. Opaque when a hello is too long."""
        rest = self._rest
        rest += data
        while rest or self._skip:
            if self._skip:
                here = min(self._skip, len(rest))
                del rest[:here]
                self._skip -= here
                if self._skip:
                    return
                yield self._kind, b""
                continue
            if len(rest) < 4:
                return
            kind, size = rest[0], int.from_bytes(rest[1:4])
            if kind in (_CLIENT_HELLO, _SERVER_HELLO):
                if size > _LONGEST_HELLO:
                    raise Opaque("a TLS hello is too long")
                if len(rest) < 4 + size:
                    return
                body = bytes(rest[4 : 4 + size])
                del rest[: 4 + size]
                yield kind, body
                continue
            del rest[:4]
            self._kind, self._skip = kind, size
            if not size:
                yield kind, b""


class _Half:
    """One side of a connection."""

    def __init__(self) -> None:
        self.rest = bytearray()
        self.messages = _Messages()
        self.opener: Opener | None = None
        #: The traffic secret in use, TLS 1.3 only.
        self.secret = b""
        self.finished = False


class Tls:
    """One TLS connection (`testbed.captured.wrapping.Wrapping`)."""

    def __init__(self, secrets: KeyLog) -> None:
        self.name = "TLS"
        self._secrets = secrets
        self._halves = _Half(), _Half()
        self._client = self._server = b""
        self._version = 0
        self._suite: Suite | None = None

    @classmethod
    def begins(cls, data: bytes, secrets: KeyLog) -> Tls | str | None:
        """The wrapping when `data`, a connection's first bytes, is a record with a ClientHello; an empty text when
        they are too few to tell, None when it is something else."""
        if data[:1] != b"\x16" or data[1:2] not in (b"", b"\x03") or data[5:6] not in (b"", b"\x01"):
            return None
        return cls(secrets) if len(data) > 5 else ""

    def feed(self, side: int, data: bytes) -> list[tuple[int, bytes]]:
        """The application data of the records that `data` completes."""
        half, out = self._halves[side], []
        rest = half.rest
        rest += data
        at = 0
        while at + 5 <= len(rest):
            kind, size = rest[at], rest[at + 3] << 8 | rest[at + 4]
            if not _CHANGE <= kind <= _DATA + 1 or rest[at + 1] != 3 or size > _LARGEST:
                raise Opaque("what follows is no TLS record")
            end = at + 5 + size
            if end > len(rest):
                break
            content = self._record(side, half, kind, bytes(rest[at : at + 5]), bytes(rest[at + 5 : end]))
            if content:
                out.append((side, content))
            at = end
        del rest[:at]
        return out

    def _record(self, side: int, half: _Half, kind: int, header: bytes, record: bytes) -> bytes:
        """The application data in a record, often none."""
        if kind == _CHANGE:
            if self._version == 0x0303:
                self._change12(side, half)
            return b""
        if half.opener is None:
            if kind == _DATA:
                raise Opaque("TLS early data, which is not decrypted")
            if kind == _HANDSHAKE:
                for message, body in half.messages.feed(record):
                    self._hello(side, message, body)
            return b""
        kind, content = half.opener.open(kind, header, record)
        if kind == _HANDSHAKE and self._version == 0x0304:
            for message, _ in half.messages.feed(content):
                self._after13(side, half, message)
        return content if kind == _DATA else b""

    # -- the handshake

    def _hello(self, side: int, kind: int, body: bytes) -> None:
        if kind == _CLIENT_HELLO and side == 0:
            self._client = body[2:34]
        elif kind == _SERVER_HELLO and side == 1:
            random, suite, version = _read_hello(body)
            if random == _RETRY:
                return
            self._server, self._version = random, version
            self.name = _NAMES.get(version, "TLS")
            if version not in (0x0303, 0x0304):
                raise Opaque(f"encrypted with {_NAMES.get(version, 'an unknown TLS')}, which is not decrypted")
            self._suite = SUITES.get(suite)
            if self._suite is None:
                raise Opaque(f"encrypted with the TLS cipher suite 0x{suite:04X}, which is not decrypted")
            if version == 0x0304:
                for number, name in enumerate(("CLIENT", "SERVER")):
                    self._open13(self._halves[number], f"{name}_HANDSHAKE_TRAFFIC_SECRET")

    def _open13(self, half: _Half, label: str) -> None:
        secret = self._secrets.find(label, self._client)
        if secret is None:
            raise Opaque(NO_SECRETS)
        assert self._suite is not None
        half.secret, half.opener = secret, opener13(self._suite, secret)

    def _after13(self, side: int, half: _Half, message: int) -> None:
        if message == _FINISHED and not half.finished:
            half.finished = True
            self._open13(half, f"{('CLIENT', 'SERVER')[side]}_TRAFFIC_SECRET_0")
        elif message == _KEY_UPDATE:
            assert self._suite is not None
            half.secret = updated(self._suite, half.secret)
            half.opener = opener13(self._suite, half.secret)

    def _change12(self, side: int, half: _Half) -> None:
        if half.opener is not None:
            raise Opaque("TLS is negotiated again, which is not followed")
        master = self._secrets.find("CLIENT_RANDOM", self._client)
        if master is None:
            raise Opaque(NO_SECRETS)
        assert self._suite is not None
        half.opener = openers12(self._suite, master, self._client, self._server)[side]


def _read_hello(body: bytes) -> tuple[bytes, int, int]:
    """Random, cipher suite and version of a ServerHello. Opaque when it is malformed."""
    try:
        version, at = int.from_bytes(body[:2]), 35 + body[34]
        suite, at = int.from_bytes(body[at : at + 2]), at + 5
        while at + 4 <= len(body):
            kind, size = int.from_bytes(body[at : at + 2]), int.from_bytes(body[at + 2 : at + 4])
            if kind == _SUPPORTED_VERSIONS and size == 2:
                version = int.from_bytes(body[at + 4 : at + 6])
            at += 4 + size
    except IndexError:
        raise Opaque("a TLS hello is malformed") from None
    return body[2:34], suite, version
