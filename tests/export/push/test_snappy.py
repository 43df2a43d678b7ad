"""Snappy's block format, read by a real decoder."""

from __future__ import annotations

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmon.export.push.snappy import literal_block

#: Where forms of a literal, and the number of literals, change.
EDGES = (0, 1, 2, 59, 60, 61, 255, 256, 257, 65535, 65536, 65537, 131072, 131073, 3_000_000)


@pytest.mark.parametrize("size", EDGES)
def test_every_form_of_a_literal_is_read(size: int) -> None:
    """A block of any size is decoded to what was put in."""
    body = bytes(n * 7 % 251 for n in range(size))
    assert bytes(cramjam.snappy.decompress_raw(literal_block(body))) == body


@given(st.binary(max_size=600))
def test_any_bytes_are_read(body: bytes) -> None:
    """Whatever the bytes are, they are decoded."""
    assert bytes(cramjam.snappy.decompress_raw(literal_block(body))) == body


@pytest.mark.parametrize("size", EDGES)
def test_a_block_is_hardly_larger_than_what_it_holds(size: int) -> None:
    """Three bytes for each 64 KiB, and the length before them, are all that comes on top."""
    assert len(literal_block(b"x" * size)) <= size + 5 + 3 * (size // 65536 + 1)
