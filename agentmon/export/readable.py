"""
Light spans as spans of OpenTelemetry's SDK, for any exporter that was written for those.

This module loads the SDK; it is imported only where such an exporter is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags

from agentmon.tracing.span import Library, LightSpan

__all__ = ["readable"]

_CODES = tuple(StatusCode)


def readable(span: LightSpan, resource: Resource) -> ReadableSpan:
    """
    An ended span as exporters and processors of the SDK read it.

    Args:
        span: The span.
        resource: What made it.
    """
    context = span.get_span_context()
    parent = None
    if span.parent_id:
        parent = SpanContext(
            span.trace_id,
            span.parent_id,
            is_remote=span.remote_parent,
            trace_flags=TraceFlags(span.flags),
            trace_state=context.trace_state,
        )
    fixed = span.fixed.attributes if span.fixed is not None else {}
    return ReadableSpan(
        name=span.name,
        context=context,
        parent=parent,
        resource=resource,
        attributes=_attributes({**fixed, **(span.attributes or {})}, span.dropped_attributes),
        events=_list(
            [
                Event(
                    event.name,
                    _attributes(event.attributes, event.dropped_attributes),
                    event.at_ns,
                )
                for event in span.events or ()
            ],
            span.dropped_events,
        ),
        links=_list(
            [
                Link(link.context, _attributes(link.attributes, link.dropped_attributes))
                for link in span.links or ()
            ],
            span.dropped_links,
        ),
        kind=span.kind,
        status=Status(_CODES[span.status], span.description or None),
        start_time=span.begun_ns,
        end_time=span.ended_ns,
        instrumentation_scope=_scope(span.library),
    )


def _attributes(given: Mapping[str, Any] | None, dropped: int) -> BoundedAttributes:
    attributes = BoundedAttributes(attributes=given)
    attributes.dropped = dropped
    return attributes


def _list(items: Iterable[Any], dropped: int) -> BoundedList[Any]:
    kept: BoundedList[Any] = BoundedList.from_seq(None, items)
    kept.dropped = dropped
    return kept


def _scope(library: Library) -> InstrumentationScope:
    return InstrumentationScope(
        library.name,
        library.version or None,
        library.schema_url or None,
        dict(library.attributes),
    )
