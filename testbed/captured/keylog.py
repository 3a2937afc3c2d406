"""TLS secrets in the NSS key log format: what SSLKEYLOGFILE writes, and what a pcapng file may carry."""

from __future__ import annotations

from pathlib import Path

from testbed.files import FileError

#: Bytes of a key log, and secrets that are kept.
LARGEST = 64 << 20
MOST = 200_000
_LABELS = {
    b"CLIENT_RANDOM",
    b"CLIENT_HANDSHAKE_TRAFFIC_SECRET",
    b"SERVER_HANDSHAKE_TRAFFIC_SECRET",
    b"CLIENT_TRAFFIC_SECRET_0",
    b"SERVER_TRAFFIC_SECRET_0",
}


class KeyLog:
    """Secrets by label and client random."""

    def __init__(self) -> None:
        self._secrets: dict[tuple[bytes, bytes], bytes] = {}

    def __len__(self) -> int:
        return len(self._secrets)

    def read(self, text: bytes) -> None:
        """Take the secrets out of `text`; a line that holds none is passed over."""
        for line in text.splitlines():
            words = line.split()
            if len(words) != 3 or words[0] not in _LABELS or len(self._secrets) >= MOST:
                continue
            try:
                random, secret = bytes.fromhex(words[1].decode()), bytes.fromhex(words[2].decode())
            except ValueError:
                continue
            if len(random) == 32 and 32 <= len(secret) <= 64:
                self._secrets[words[0], random] = secret

    def find(self, label: str, random: bytes) -> bytes | None:
        """The secret `label` of the connection whose ClientHello had this random."""
        return self._secrets.get((label.encode(), random))


def read_keylog(path: Path, secrets: KeyLog) -> None:
    """Add the secrets in the file `path`. FileError when it cannot be read or holds none."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise FileError(
            path, f"cannot be read ({error.strerror})", "name the file that SSLKEYLOGFILE named"
        ) from None
    if len(data) > LARGEST:
        raise FileError(path, f"is larger than {LARGEST >> 20} MiB", "cut it down to the days of the capture")
    before = len(secrets)
    secrets.read(data)
    if len(secrets) == before:
        raise FileError(
            path,
            "holds no TLS secrets",
            "give a key log as SSLKEYLOGFILE makes it: lines of LABEL CLIENT_RANDOM SECRET, the last two in hex",
        )
