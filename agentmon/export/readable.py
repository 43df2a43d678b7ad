"""
Light spans as spans of OpenTelemetry's SDK, for any exporter that was written for those.

This module loads the SDK; it is imported only where such an exporter is used.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from threading import Thread
from typing import Any, Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags

from agentmon.export.suppress import suppressed
from agentmon.export.worker import Patience
from agentmon.tracing.span import Library, LightSpan

__all__ = ["Exporter", "readable"]

logger = logging.getLogger("agentmon")

#: What an exporter gets to shut down even if no time is left.
_LEAST_SECONDS: Final = 1.0
_CODES = tuple(StatusCode)


class Exporter:
    """
    Ships spans through an exporter of the SDK: for `agentmon.export.worker.Worker`.

    Guarantees:
        - What the exporter says it failed with, or raises for, is counted.
        - Shutting it down takes no longer than it may; an exporter that takes longer goes on in a
          thread of its own.

    Args:
        exporter: The exporter.
        resource: Makes the attributes of the resource of this process, anew in a forked one.
        count: Told why spans were lost, and how many.
    """

    def __init__(
        self,
        exporter: SpanExporter,
        resource: Callable[[], Mapping[str, Any]],
        count: Callable[[str, int], object],
    ) -> None:
        self._exporter = exporter
        self._make_resource = resource
        self._resource = Resource(dict(resource()))
        self._count = count
        self._said = False
        self._shut = False

    def __call__(self, batch: list[LightSpan], patience: Patience) -> None:  # noqa: ARG002
        """Ship a batch; exporters of the SDK have their own idea of how long that may take."""
        spans = []
        for span in batch:
            try:
                spans.append(readable(span, self._resource))
            except Exception:  # noqa: BLE001  # somebody gave it what is no name, time or id
                self._count("span_export_failed", 1)
        if not spans:
            return
        try:
            with suppressed():
                result = self._exporter.export(spans)
        except Exception:
            self._count("span_export_failed", len(spans))
            if not self._said:
                self._said = True
                logger.exception("agentmon: %s failed; said once", type(self._exporter).__name__)
            return
        # An exporter that returns nothing is one that has no complaint.
        if result is SpanExportResult.FAILURE:
            self._count("span_export_failed", len(spans))

    def abort(self) -> None:
        """Shut the exporter down while it exports: that ends the pauses of those that make any."""
        self.close(_LEAST_SECONDS)

    def abandon(self) -> None:
        """In a forked child: the exporter is the host's, and knows what to do."""
        self._resource = Resource(dict(self._make_resource()))

    def close(self, seconds: float) -> None:
        """Flush the exporter and shut it down, within so long."""
        if self._shut:
            return
        self._shut = True
        seconds = max(seconds, _LEAST_SECONDS)

        def shut_down() -> None:
            with suppressed():
                for step in (lambda: exporter.force_flush(int(seconds * 1000)), exporter.shutdown):
                    try:
                        step()
                    except Exception:
                        logger.exception("agentmon: %s does not shut down", type(exporter).__name__)

        exporter = self._exporter
        thread = Thread(target=shut_down, name="agentmon-shutdown", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter is ending, and starts no threads any more
            shut_down()
            return
        thread.join(seconds)


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
