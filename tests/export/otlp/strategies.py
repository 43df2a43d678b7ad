"""What spans may hold, for hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

KEYS = st.text(min_size=1, max_size=150)
PLAIN = (
    st.text(max_size=300)
    | st.binary(max_size=300)
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats()
    | st.none()
)
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=4).map(tuple) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=6,
)
ATTRIBUTES = st.dictionaries(KEYS, VALUES, max_size=12)
