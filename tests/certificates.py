"""A certificate of our own for 127.0.0.1, for tests of TLS links."""

from __future__ import annotations

from pathlib import Path

from testbed.link.certificates import Authority


def certificate(folder: Path) -> tuple[Path, Path]:
    """PEM files of a certificate that is its own authority, and of its key, in `folder`."""
    pair = Authority(folder).leaf("self-signed")
    return pair.certificate, pair.key
