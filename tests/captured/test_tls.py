"""TLS is taken off where its secrets are there; where not, that is said."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from testbed.captured.keylog import KeyLog, read_keylog
from testbed.captured.tls import NO_SECRETS, Tls
from testbed.captured.tls_keys import _expanded, updated
from testbed.captured.wrapping import Opaque
from testbed.files import FileError
from tests.captured.encrypted import tls_talk
from tests.captured.writing import CONNACK, CONNECT, PING, Talk, listened, pcap

SAID = [(0, CONNECT), (1, CONNACK), (0, b"x" * 40_000), (1, b"\x00" * 50), (0, b"z")]
OLD, NEW = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def opened(folder: Path, talk: Talk, log: bytes) -> tuple[Tls, list[bytes]]:
    """What is inside the conversation."""
    (ear,), _ = listened(folder, pcap(talk.packets))
    assert ear.missing == ""
    secrets = KeyLog()
    secrets.read(log)
    wrapping = Tls.begins(ear.order[0][1], secrets)
    assert isinstance(wrapping, Tls)
    inside = [b"", b""]
    for side, data in ear.order:
        for inner, piece in wrapping.feed(side, data):
            inside[inner] += piece
    return wrapping, inside


@pytest.mark.parametrize(
    ("version", "ciphers"),
    [
        (NEW, ""),
        (OLD, "ECDHE-ECDSA-AES128-GCM-SHA256"),
        (OLD, "ECDHE-ECDSA-AES256-GCM-SHA384"),
        (OLD, "ECDHE-ECDSA-CHACHA20-POLY1305"),
        (OLD, "ECDHE-ECDSA-AES128-CCM"),
        (OLD, "ECDHE-ECDSA-AES256-CCM"),
        (OLD, "ECDHE-ECDSA-AES128-CCM8"),
        (OLD, "ECDHE-ECDSA-AES256-CCM8"),
    ],
)
def test_what_was_said_inside_is_heard(tmp_path: Path, version: ssl.TLSVersion, ciphers: str) -> None:
    talk, log = tls_talk(tmp_path, SAID, version=version, ciphers=ciphers)
    wrapping, inside = opened(tmp_path, talk, log)
    assert inside == [b"".join(data for side, data in SAID if side == end) for end in (0, 1)]
    assert wrapping.name == ("TLS 1.3" if version is NEW else "TLS 1.2")


def test_keys_that_are_updated_are_followed(tmp_path: Path) -> None:
    talk, log = tls_talk(tmp_path, [(0, CONNECT)])
    wrapping, _ = opened(tmp_path, talk, log)
    suite, half = wrapping._suite, wrapping._halves[0]
    assert suite is not None
    count, sent = 1, []
    for secret, kind, content in (
        (half.secret, 22, bytes([24, 0, 0, 1, 0])),
        (updated(suite, half.secret), 23, PING),
    ):
        key, iv = (_expanded(suite, secret, label, size) for label, size in (("key", suite.key), ("iv", 12)))
        head = bytes([23, 3, 3]) + (len(content) + 17).to_bytes(2)
        nonce = (int.from_bytes(iv) ^ count).to_bytes(12)
        sent.append(head + AESGCM(key).encrypt(nonce, content + bytes([kind]), head))
        count = 0
    assert wrapping.feed(0, b"".join(sent)) == [(0, PING)]


@pytest.mark.parametrize("version", [OLD, NEW])
def test_without_secrets_nothing_is_heard_and_that_is_said(tmp_path: Path, version: ssl.TLSVersion) -> None:
    talk, _ = tls_talk(tmp_path, SAID, version=version)
    with pytest.raises(Opaque) as caught:
        opened(tmp_path, talk, b"")
    assert str(caught.value) == NO_SECRETS


@pytest.mark.parametrize("version", [OLD, NEW])
def test_secrets_that_do_not_fit_are_said(tmp_path: Path, version: ssl.TLSVersion) -> None:
    talk, log = tls_talk(tmp_path, SAID, version=version)
    wrong = b"\n".join(line[:-8] + b"00000000" for line in log.splitlines())
    with pytest.raises(Opaque, match="do not fit"):
        opened(tmp_path, talk, wrong)


def test_a_suite_that_is_not_decrypted_is_named(tmp_path: Path) -> None:
    talk, log = tls_talk(tmp_path, SAID, version=OLD, ciphers="ECDHE-ECDSA-AES128-SHA256")
    with pytest.raises(Opaque, match="cipher suite 0xC023"):
        opened(tmp_path, talk, log)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", None),
        (b"\x16", ""),
        (b"\x16\x03\x01\x02\x00", ""),
        (b"\x16\x03\x01\x02\x00\x02", None),
        (b"\x16\x04", None),
        (CONNECT, None),
    ],
)
def test_how_tls_begins(data: bytes, found: str | None) -> None:
    assert Tls.begins(data, KeyLog()) == found


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x03\xff\xff" + bytes(10),
        b"\x15\x02\x03\x00\x02" + bytes(2),
        b"\x16\x03\x03\x00\x04\x02\x00\x00\x00",
        b"\x16\x03\x03\x00\x05\x02\x00\x00\x01\x00",
        b"\x16\x03\x03\x00\x04\x01\xff\xff\xff",
        b"\x17\x03\x03\x00\x01\x00",
    ],
)
def test_malformed_records_are_the_end_and_no_crash(data: bytes) -> None:
    with pytest.raises(Opaque):
        Tls(KeyLog()).feed(1, data)


def test_a_key_log_is_read_for_what_it_holds(tmp_path: Path) -> None:
    log = KeyLog()
    random, secret = b"11" * 32, b"22" * 48
    log.read(b"# comment\nCLIENT_RANDOM " + random + b" " + secret + b"\nRSA xx yy\nCLIENT_RANDOM zz\n\xff\xff \n")
    assert len(log) == 1
    assert log.find("CLIENT_RANDOM", bytes.fromhex(random.decode())) == bytes.fromhex(secret.decode())
    for data in (b"", b"hello", b"CLIENT_RANDOM 11 22\n"):
        path = tmp_path / "keys"
        path.write_bytes(data)
        with pytest.raises(FileError, match="holds no TLS secrets"):
            read_keylog(path, KeyLog())
    with pytest.raises(FileError, match="cannot be read"):
        read_keylog(tmp_path / "none", KeyLog())
