"""Certificates for TLS on loopback, made by openssl."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.servers.processes import missing

__all__ = ["Certificates", "make"]


@dataclass(frozen=True)
class Certificates:
    """An authority, and a server and a client that it has certified."""

    ca: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path


def make(folder: Path) -> Certificates:
    """Make them in a folder."""
    if shutil.which("openssl") is None:
        missing("openssl is missing")
    ca, ca_key = folder / "ca.pem", folder / "ca.key"
    _openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-keyout", ca_key, "-out", ca, "-days", "2", "-subj", "/CN=authority"),
        *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
    )
    made = []
    for name in ("server", "client"):
        request, key, certificate = (folder / f"{name}.{end}" for end in ("csr", "key", "pem"))
        _openssl(
            *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", key, "-out", request, "-subj", f"/CN={name}"),
        )
        extensions = folder / f"{name}.ext"
        extensions.write_text(
            "subjectAltName=IP:127.0.0.1,DNS:localhost\n"
            "authorityKeyIdentifier=keyid\nextendedKeyUsage=serverAuth,clientAuth\n"
        )
        _openssl(
            *("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial"),
            *("-out", certificate, "-days", "2", "-extfile", extensions),
        )
        made += [certificate, key]
    return Certificates(ca, *made)


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
