"""What spans may hold, for hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags, TraceState

from agentmon.tracing.span import Event, Fixed, Library, LightSpan, LinkTo

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

_COUNTS = st.integers(0, 1000)
_TIMES_NS = st.integers(0, (1 << 63) - 1)
_TRACE_IDS = st.integers(1, (1 << 128) - 1)
_SPAN_IDS = st.integers(1, (1 << 64) - 1)
_STATES = st.dictionaries(
    st.from_regex("[a-z][a-z0-9_]{0,9}", fullmatch=True),
    st.from_regex("[a-z0-9]{1,9}", fullmatch=True),
    max_size=3,
).map(lambda given: TraceState(list(given.items())))
_LIBRARIES = st.sampled_from(
    [
        Library("agentmon", "1.0"),
        Library("agentmon", "1.0", "https://schema"),
        Library("", ""),
        Library("httpx", "2", "", (("team", "web"), ("sizes", (1, 2)), ("more", {"k": None}))),
    ]
)
_NAMES = st.text(max_size=300) | st.sampled_from(["invoke_agent triage", "chat"])
_EVENTS = st.builds(Event, _NAMES, _TIMES_NS, st.none() | ATTRIBUTES, _COUNTS)
_LINKS = st.builds(
    LinkTo,
    st.builds(
        SpanContext,
        _TRACE_IDS,
        _SPAN_IDS,
        st.booleans(),
        st.integers(0, 255).map(TraceFlags),
        _STATES,
    ),
    st.none() | ATTRIBUTES,
    _COUNTS,
)


@st.composite
def light_spans(draw: st.DrawFn) -> LightSpan:
    """An ended span with anything in it."""
    span = LightSpan(
        draw(_NAMES),
        draw(st.sampled_from(SpanKind)),
        draw(_LIBRARIES),
        draw(_TRACE_IDS),
        draw(_SPAN_IDS),
        draw(st.just(0) | _SPAN_IDS),
        draw(st.integers(0, 255)),
        draw(_TIMES_NS),
        lambda _: None,
    )
    span.fixed = draw(st.none() | st.builds(Fixed, ATTRIBUTES))
    span.attributes = draw(st.none() | ATTRIBUTES)
    if span.fixed is not None and span.fixed.attributes and draw(st.booleans()):
        # A shared attribute of which this span has a value of its own.
        overridden = draw(st.sampled_from(sorted(span.fixed.attributes)))
        span.attributes = {**(span.attributes or {}), overridden: draw(VALUES)}
    span.events = draw(st.none() | st.lists(_EVENTS, max_size=3))
    span.links = draw(st.none() | st.lists(_LINKS, max_size=3))
    span.status = draw(st.integers(0, 2))
    span.description = draw(st.text(max_size=200)) if span.status == 2 else ""
    span.trace_state = draw(st.none() | _STATES)
    span.remote_parent = draw(st.booleans()) if span.parent_id else False
    span.dropped_attributes = draw(_COUNTS)
    span.dropped_events = draw(_COUNTS)
    span.dropped_links = draw(_COUNTS)
    span.ended_ns = draw(_TIMES_NS)
    return span
