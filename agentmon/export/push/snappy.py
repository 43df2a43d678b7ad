"""
The block format of Snappy, as remote write asks for it: valid, and not compressed.

Source: google/snappy, "format_description.txt".
"""

from __future__ import annotations

from typing import Final

from agentmon.export.wire import varint

__all__ = ["literal_block"]

#: Bytes of one literal: compressors work on blocks of so many, and every reader takes them.
_LONGEST: Final = 1 << 16
#: Of a literal whose length, less one, follows in two bytes.
_LONG: Final = bytes((61 << 2,))
#: Shorter ones have it within the tag. They must: some readers want more behind a long one.
_SHORT: Final = 60


def literal_block(body: bytes) -> bytes:
    """
    A block that holds *body* as it is, in literals.

    Args:
        body: Less than 4 GiB.
    """
    pieces = [varint(len(body))]
    for begin in range(0, len(body), _LONGEST):
        literal = body[begin : begin + _LONGEST]
        last = len(literal) - 1
        head = bytes((last << 2,)) if last < _SHORT else _LONG + last.to_bytes(2, "little")
        pieces += head, literal
    return b"".join(pieces)
