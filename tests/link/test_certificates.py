"""TLS at both ends: versions, names, certificates of both sides, and which of them is refused with which words."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from pathlib import Path

import pytest
from ends import End, Place

from testbed.dut import Endpoint
from testbed.link.certificates import Authority, Kind
from testbed.link.serving import Refusal, serve_streams
from testbed.link.stream import open_stream
from testbed.link.tls import TlsError, Version, server_context, tls_context, why_no_tls

LOCAL = Endpoint.parse("tls://127.0.0.1:0")


async def meet(
    server: ssl.SSLContext, client: ssl.SSLContext, name: str = "", endpoint: Endpoint = LOCAL
) -> tuple[End, End]:
    """Both ends of a connection over which two words have crossed."""
    place, here = Place(), End()
    served = await serve_streams(endpoint, place.accept, tls=server)
    try:
        here.stream = await open_stream(served.endpoint, [], here.hear, here.end, tls=client, server_name=name)
        there = await place.first()
        here.stream.send(b"hello")
        await there.has(b"hello")
        there.stream.send(b"welcome")
        await here.has(b"welcome")
        here.stream.close()
        await there.over()
        return here, there
    finally:
        served.close()


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_each_version_is_spoken_when_it_is_asked_for(tmp_path: Path, version: Version) -> None:
    authority = Authority(tmp_path)
    leaf = authority.leaf()
    server = server_context(str(leaf.certificate), str(leaf.key), minimum=version, maximum=version)
    here, there = asyncio.run(meet(server, tls_context(authority=str(authority.certificate))))
    for end in (here, there):
        assert end.stream.tls and end.stream.tls.version == f"TLSv{version}" and end.stream.tls.cipher


def test_versions_without_overlap_come_to_nothing(tmp_path: Path) -> None:
    leaf = Authority(tmp_path).leaf()
    server = server_context(str(leaf.certificate), str(leaf.key), minimum="1.3")
    with pytest.raises(OSError):
        asyncio.run(meet(server, tls_context(verify=False, maximum="1.2")))


def test_the_name_that_a_client_asks_for_is_seen(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    leaf = authority.leaf(hosts=("broker.example",))
    server = server_context(str(leaf.certificate), str(leaf.key))
    client = tls_context(authority=str(authority.certificate))
    here, there = asyncio.run(meet(server, client, "broker.example"))
    assert there.stream.tls and there.stream.tls.server_name == "broker.example"
    assert here.stream.tls and here.stream.tls.certificate == ssl.PEM_cert_to_DER_cert(leaf.certificate.read_text())
    _, there = asyncio.run(meet(server, tls_context(verify=False)))
    assert there.stream.tls and there.stream.tls.server_name is None  # an address is no name


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("expired", "certificate has expired"),
        ("not-yet-valid", "certificate is not yet valid"),
        ("other-host", "certificate is not valid for '127.0.0.1'"),
        ("self-signed", "self-signed certificate"),
        ("unknown-authority", "unable to get local issuer certificate"),
    ],
)
def test_each_wrong_certificate_is_refused_and_the_server_is_told(tmp_path: Path, kind: Kind, says: str) -> None:
    authority = Authority(tmp_path)
    leaf = authority.leaf(kind)
    client = tls_context(authority=str(authority.certificate))

    async def main() -> tuple[str, list[Refusal], int]:
        place, told = Place(), asyncio.Event()
        served = await serve_streams(
            LOCAL,
            place.accept,
            tls=server_context(str(leaf.certificate), str(leaf.key)),
            on_refused=lambda refusal: told.set(),
        )
        with pytest.raises(ssl.SSLCertVerificationError) as failed:
            await open_stream(served.endpoint, [], End().hear, End().end, tls=client)
        async with asyncio.timeout(5):
            await told.wait()
        served.close()
        return why_no_tls(failed.value), served.refusals, len(place.ends)

    why, refusals, streams = asyncio.run(main())
    assert says in why
    assert len(refusals) == 1 and refusals[0].layer == "tls" and refusals[0].by_client, refusals
    assert streams == 0  # what never was a connection is none of the case's


def test_the_alert_that_a_client_gives_is_told(tmp_path: Path) -> None:
    """A library on a plain socket sends one before it closes; asyncio's client only closes."""
    authority = Authority(tmp_path)
    leaf = authority.leaf("expired")
    client = tls_context(authority=str(authority.certificate))

    def connect(port: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as plain, contextlib.suppress(ssl.SSLError):
            client.wrap_socket(plain, server_hostname="127.0.0.1")

    async def main() -> list[Refusal]:
        told = asyncio.Event()
        served = await serve_streams(
            LOCAL,
            Place().accept,
            tls=server_context(str(leaf.certificate), str(leaf.key)),
            on_refused=lambda refusal: told.set(),
        )
        await asyncio.to_thread(connect, served.endpoint.port)
        async with asyncio.timeout(5):
            await told.wait()
        served.close()
        return served.refusals

    (refusal,) = asyncio.run(main())
    assert refusal.by_client and refusal.reason.endswith("alert certificate expired")


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_client_without_certificate_is_refused_where_one_is_wanted(tmp_path: Path, version: Version) -> None:
    authority = Authority(tmp_path)
    leaf, own = authority.leaf(), authority.leaf(hosts=())
    trusted = str(authority.certificate)
    server = server_context(str(leaf.certificate), str(leaf.key), authority=trusted, maximum=version, minimum=version)
    known = tls_context(authority=trusted, certificate=str(own.certificate), key=str(own.key))
    _, there = asyncio.run(meet(server, known))
    assert there.stream.tls
    assert there.stream.tls.certificate == ssl.PEM_cert_to_DER_cert(own.certificate.read_text())

    async def main() -> list[Refusal]:
        place, told, end = Place(), asyncio.Event(), End()
        served = await serve_streams(LOCAL, place.accept, tls=server, on_refused=lambda refusal: told.set())
        try:
            # In TLS 1.3 the client is done before the server has looked for its certificate.
            await open_stream(served.endpoint, [], end.hear, end.end, tls=tls_context(authority=trusted))
            await end.over()
        except OSError:
            pass
        async with asyncio.timeout(5):
            await told.wait()
        served.close()
        assert not place.ends
        return served.refusals

    (refusal,) = asyncio.run(main())
    assert not refusal.by_client and "did not return a certificate" in refusal.reason


def test_the_secrets_are_written_down_when_asked_for(tmp_path: Path) -> None:
    leaf = Authority(tmp_path).leaf()
    log = tmp_path / "keys"
    server = server_context(str(leaf.certificate), str(leaf.key), keylog=str(log))
    asyncio.run(meet(server, tls_context(verify=False)))
    assert "SERVER_TRAFFIC_SECRET_0" in log.read_text()


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    leaf, other = Authority(tmp_path).leaf(), Authority(tmp_path).leaf()
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("hello")
    gone = str(tmp_path / "gone.pem")
    for make, says in (
        (lambda: tls_context(authority=gone), "gone.pem cannot be read (No such file or directory)"),
        (lambda: tls_context(authority=str(nonsense)), "nonsense.pem is not a PEM file of the authority's"),
        (lambda: server_context(gone), "gone.pem cannot be read"),
        (lambda: server_context(str(leaf.certificate), gone), "tls-key"),
        (lambda: server_context(str(nonsense)), "is not a certificate and the key that belongs to it"),
        (lambda: server_context(str(leaf.certificate), str(other.key)), "key values mismatch"),
        (lambda: server_context(str(leaf.certificate), str(leaf.key), authority=gone), "tls-authority"),
        (lambda: tls_context(keylog=str(tmp_path / "no" / "where")), "cannot be written"),
        (lambda: tls_context(authority=str(tmp_path)), "cannot be read (Is a directory)"),
    ):
        with pytest.raises(TlsError) as failed:
            make()
        assert says in str(failed.value)


def test_a_secure_endpoint_needs_something_to_show() -> None:
    with pytest.raises(ValueError, match="needs a certificate"):
        asyncio.run(serve_streams(LOCAL, Place().accept))
