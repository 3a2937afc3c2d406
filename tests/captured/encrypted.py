"""TLS conversations made in memory, with their secrets."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from pathlib import Path

from tests.captured.writing import Talk
from tests.certificates import certificate


def tls_talk(
    folder: Path,
    said: Iterable[tuple[int, bytes]],
    *,
    version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
    ciphers: str = "",
    talk: Talk | None = None,
) -> tuple[Talk, bytes]:
    """A conversation (0 client, 1 server) inside TLS, and its key log."""
    cert, key = certificate(folder)
    log = folder / "keys.log"
    log.unlink(missing_ok=True)
    ends = []
    for side, purpose in enumerate((ssl.PROTOCOL_TLS_CLIENT, ssl.PROTOCOL_TLS_SERVER)):
        context = ssl.SSLContext(purpose)
        context.minimum_version = context.maximum_version = version
        if ciphers:
            context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
        if side:
            context.load_cert_chain(cert, key)
        else:
            context.load_verify_locations(cert)
            context.check_hostname = False
            context.keylog_filename = str(log)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        ends.append((context.wrap_bio(incoming, outgoing, server_side=bool(side)), incoming, outgoing))
    talk = talk or Talk()

    def moved(side: int) -> None:
        data = ends[side][2].read()
        if data:
            # In pieces, so that records are split over segments.
            for start in range(0, len(data), 700):
                talk.put(side, 24, data[start : start + 700])
            ends[1 - side][1].write(data)

    done = [False, False]
    while not all(done):
        for side, (end, _, _) in enumerate(ends):
            if not done[side]:
                try:
                    end.do_handshake()
                    done[side] = True
                except ssl.SSLWantReadError:
                    pass
            moved(side)
    for side, data in said:
        ends[side][0].write(data)
        moved(side)
        got = b""
        while len(got) < len(data):
            got += ends[1 - side][0].read(1 << 20)
        assert got == data
    return talk.close(), log.read_bytes()
