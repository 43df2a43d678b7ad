"""
When certificates end: read from PEM, as `ssl` tells it of connections only.

Source: RFC 5280, section 4.1; the elements are skipped by their lengths, X.690, section 8.1.
"""

from __future__ import annotations

import base64
import re
from datetime import datetime
from typing import Final

__all__ = ["earliest", "expiries"]

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
#: Tags of elements of DER.
_VERSION, _UTC_TIME = 0xA0, 0x17
#: Serial number, algorithm, issuer: what comes before the validity.
_BEFORE: Final = 3


def expiries(content: bytes) -> list[float | None]:
    """
    The end of each certificate in a file, in seconds since 1970; None for one that is broken.

    Args:
        content: The file, in PEM.
    """
    return [_expiry(match[1]) for match in _PEM.finditer(content)]


def earliest(content: bytes) -> float:
    """
    When the certificate in a file ends; of several, the one that ends first.

    Args:
        content: The file, in PEM.

    Raises:
        ValueError: If there is none, or one is broken.
    """
    found = expiries(content)
    ends = [each for each in found if each is not None]
    if not found or len(ends) < len(found):
        raise ValueError("allowed a file with whole certificates in PEM")
    return min(ends)


def _expiry(text: bytes) -> float | None:
    try:
        der = base64.b64decode(b"".join(text.split()), validate=True)
        at, _ = _content(der, 0)  # the certificate
        at, _ = _content(der, at)  # what is signed
        if der[at] == _VERSION:
            at = _after(der, at)
        for _ in range(_BEFORE):
            at = _after(der, at)
        at, _ = _content(der, at)  # validity
        at = _after(der, at)  # its begin
        start, stop = _content(der, at)
        when = der[start:stop].decode("ascii")
        if der[at] == _UTC_TIME:  # with two digits of the year
            when = ("19" if when >= "5" else "20") + when
        return datetime.strptime(when, "%Y%m%d%H%M%S%z").timestamp()
    except (IndexError, ValueError):
        return None


def _content(der: bytes, at: int) -> tuple[int, int]:
    """From where to where the content of an element of DER reaches."""
    length, start = der[at + 1], at + 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[at + 2 : start], "big")
    return start, start + length


def _after(der: bytes, at: int) -> int:
    return _content(der, at)[1]
