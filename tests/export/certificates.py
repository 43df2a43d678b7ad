"""Certificates for tests: an authority, what it signs, and the files of both."""

from __future__ import annotations

import ssl
from datetime import datetime
from pathlib import Path

import trustme

__all__ = ["Authority"]


class Authority:
    """
    An authority of its own.

    Args:
        folder: Where it writes files.
        above: An authority that has signed its own certificate.
    """

    def __init__(self, folder: Path, above: Authority | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._authority = above._authority.create_child_ca() if above else trustme.CA()
        self.path = folder / "authority.pem"
        self._authority.cert_pem.write_to_path(str(self.path))

    def issue(self, stem: str, *names: str, until: datetime | None = None) -> tuple[Path, Path]:
        """Sign a certificate, to end at a moment; the files of it and of its key."""
        chosen = names or ("localhost", "127.0.0.1")
        issued = self._authority.issue_cert(*chosen, not_after=until)
        certificate, key = self._folder / f"{stem}.pem", self._folder / f"{stem}.key"
        certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        key.write_bytes(issued.private_key_pem.bytes())
        return certificate, key

    def trusting(self, *own: Path) -> ssl.SSLContext:
        """What a client has that trusts this authority, and shows certificate and key if given."""
        context = ssl.create_default_context(cafile=str(self.path))
        if own:
            context.load_cert_chain(*own)
        return context
