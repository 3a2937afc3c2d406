"""Certificates made at run time: an authority, and leaves that are right or wrong in one way each.

Keys are of the curve P-256, which costs a millisecond. Nothing here lives longer than a test run: a leaf that is
right is good for two days.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

#: What can be asked of `Authority.leaf`.
Kind = Literal["good", "expired", "not-yet-valid", "other-host", "self-signed", "unknown-authority"]
#: The host of a certificate for another host. The domain `invalid` is nobody's [RFC 2606].
OTHER_HOST = "elsewhere.invalid"
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Pair:
    """PEM files of a certificate (with what signs it) and of its key."""

    certificate: Path
    key: Path


class Authority:
    """An authority of our own, its files in one folder."""

    def __init__(self, folder: Path, name: str = "test bed authority") -> None:
        self._folder, self._name = folder, _name(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        self._made = (
            _builder(self._name, self._name, self._key, now - _DAY, now + 2 * _DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        folder.mkdir(parents=True, exist_ok=True)
        #: Its certificate in PEM, which whoever trusts it needs.
        self.certificate = _unused(folder, "authority", ".pem")
        self.certificate.write_bytes(_pem(self._made))

    def leaf(self, kind: Kind = "good", hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "::1")) -> Pair:
        """A certificate for `hosts` (names and addresses), right or wrong as `kind` says, for servers and clients."""
        if kind == "unknown-authority":
            return Authority(self._folder, "an authority that nobody trusts").leaf("good", hosts)
        now = datetime.now(UTC)
        since, until = now - _DAY, now + 2 * _DAY
        if kind == "expired":
            since, until = now - 2 * _DAY, now - _DAY
        elif kind == "not-yet-valid":
            since, until = now + _DAY, now + 2 * _DAY
        elif kind == "other-host":
            hosts = (OTHER_HOST,)
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(hosts[0] if hosts else "a client")
        alone = kind == "self-signed"
        builder = (
            _builder(name, name if alone else self._name, key, since, until)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                critical=False,
            )
        )
        if hosts:
            names = x509.SubjectAlternativeName([_alternative(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        if not alone:
            issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
            builder = builder.add_extension(issuer, critical=False)
        made = builder.sign(key if alone else self._key, hashes.SHA256())
        pair = Pair(_unused(self._folder, kind, ".pem"), _unused(self._folder, kind, ".key"))
        pair.certificate.write_bytes(_pem(made))
        pair.key.touch(0o600)
        pair.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return pair


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, since: datetime, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _unused(folder: Path, stem: str, suffix: str) -> Path:
    number, path = 1, folder / f"{stem}{suffix}"
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}{suffix}"
    return path
