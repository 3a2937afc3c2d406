"""TLS of stream links: the settings of either end, and what was agreed on."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal
from weakref import WeakKeyDictionary

Version = Literal["1.2", "1.3"]
_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a TLS handshake came to."""

    #: `TLSv1.3`.
    version: str
    cipher: str
    #: The name that a client asked for (SNI); None when it named none, and where the tester is the client.
    server_name: str | None
    #: The other end's certificate in DER; empty when it showed none.
    certificate: bytes


class TlsError(OSError):
    """Settings of TLS that cannot be used: a file is missing, or holds something else. Its text is complete."""


@lru_cache(maxsize=32)
def tls_context(
    *,
    authority: str = "",
    certificate: str = "",
    key: str = "",
    verify: bool = True,
    minimum: Version = "1.2",
    maximum: Version = "1.3",
    keylog: str = "",
) -> ssl.SSLContext:
    """A client's TLS settings: `authority` is a PEM file with the CA (the system's when empty). TlsError says which
    file cannot be used. Read once: each connection would stop the event loop for as long as that takes."""
    _there(authority, "tls-authority", "a PEM file of the authority's certificate")
    try:
        context = ssl.create_default_context(cafile=authority or None)
    except ssl.SSLError as error:
        raise _unfit(authority, "tls-authority", "a PEM file of the authority's certificate", error) from None
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    _limit(context, minimum, maximum, keylog)
    if certificate:
        _load(context, certificate, key)
    return context


def server_context(
    certificate: str,
    key: str = "",
    *,
    authority: str = "",
    minimum: Version = "1.2",
    maximum: Version = "1.3",
    keylog: str = "",
) -> ssl.SSLContext:
    """The TLS settings of the tester as a server, which shows the chain in `certificate` (PEM) with its `key`.

    With `authority` a client must show a certificate that this one has signed. The name that a client asks for is
    found in its stream's `tls`. `keylog` is a file that gets the secrets, for Wireshark. TlsError says which file
    cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _limit(context, minimum, maximum, keylog)
    _load(context, certificate, key)
    if authority:
        _there(authority, "tls-authority", "a PEM file of the authority's certificate")
        try:
            context.load_verify_locations(authority)
        except ssl.SSLError as error:
            raise _unfit(authority, "tls-authority", "a PEM file of the authority's certificate", error) from None
        context.verify_mode = ssl.CERT_REQUIRED
    context.sni_callback = _remember
    return context


def spoken(transport: asyncio.BaseTransport) -> Spoken | None:
    """What TLS came to on `transport`; None where none is spoken."""
    session = transport.get_extra_info("ssl_object")
    if session is None:
        return None
    cipher = session.cipher()
    return Spoken(
        session.version() or "",
        cipher[0] if cipher else "",
        _asked.get(session),
        session.getpeercert(binary_form=True) or b"",
    )


def why_no_tls(error: ssl.SSLError) -> str:
    """Why a handshake failed, in words: what is wrong with the certificate, or which alert came."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate was not accepted ({error.verify_message})"
    return (error.reason or str(error)).replace("_", " ").lower()


#: The name that the client of a session has asked for.
_asked: WeakKeyDictionary[ssl.SSLObject, str] = WeakKeyDictionary()


def _remember(session: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
    if name is not None and isinstance(session, ssl.SSLObject):
        _asked[session] = name


def _limit(context: ssl.SSLContext, minimum: Version, maximum: Version, keylog: str) -> None:
    context.minimum_version, context.maximum_version = _VERSIONS[minimum], _VERSIONS[maximum]
    if keylog:
        try:
            context.keylog_filename = keylog
        except OSError as error:
            raise TlsError(f"the key log {keylog} cannot be written ({error.strerror or error})") from None


def _load(context: ssl.SSLContext, certificate: str, key: str) -> None:
    what = "a PEM file of the certificate and what signs it"
    _there(certificate, "tls-certificate", what)
    _there(key, "tls-key", "a PEM file of the certificate's private key")
    try:
        context.load_cert_chain(certificate, key or None, password=lambda: b"")
    except ssl.SSLError as error:
        pair = f"{certificate} with the key {key}" if key else certificate
        fit = "a certificate and the key that belongs to it, PEM, without password"
        raise _unfit(pair, "tls-certificate", fit, error) from None


def _there(file: str, parameter: str, what: str) -> None:
    if not file:
        return
    try:
        with Path(file).open("rb") as opened:
            opened.read(1)
    except OSError as error:
        raise TlsError(f"{parameter}: {file} cannot be read ({error.strerror}); give {what}") from None


def _unfit(file: str, parameter: str, what: str, error: ssl.SSLError) -> TlsError:
    why = (error.reason or str(error) or "no certificate in it").replace("_", " ").lower()
    return TlsError(f"{parameter}: {file} is not {what} ({why})")
