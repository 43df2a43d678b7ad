"""What a recorded span costs: on the caller's path, and in all with its encoding."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import process_time_ns
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

import agentmon
from agentmon.export.otlp.common import resource as encoded_resource
from agentmon.export.otlp.spans import encode
from agentmon.instrumentation.active import ACTIVE
from agentmon.instrumentation.classify import Classifier
from agentmon.instrumentation.owned import OwnedSpans
from agentmon.model.buckets import Layout
from agentmon.record.registry import Registry
from agentmon.tracing.queue import Queue
from agentmon.tracing.resource import resource
from agentmon.tracing.span import LightSpan
from agentmon.tracing.tracer import PROVIDER, Pipeline
from tests.bench.rounds import Case, Timing, interleave, loop_async, loop_sync
from tests.bench.spans import RAW_CALLS, RawSpans
from tests.bench.table import Row, at_most, no_target

__all__ = ["recorded"]

#: A whole number of folds.
_CALLS = 1024
#: Spans recorded and then encoded in one window, by either; a whole number of folds too.
_WHOLE = 512
_BATCH = 512


def _work(x: int) -> int:
    return x


async def _work_async(x: int) -> int:
    return x


class _Encoding(SpanExporter):
    """Encodes spans as OTLP, as OpenTelemetry does it, and sends them nowhere."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Encode."""
        encode_spans(spans).SerializeToString()
        return SpanExportResult.SUCCESS


class _Whole:
    """Record spans and encode them: processor time of both, for each span."""

    def __init__(self, queue: Queue[LightSpan]) -> None:
        self._queue = queue
        self._resource = encoded_resource(resource("bench", "local", {}))
        self._provider = TracerProvider(shutdown_on_exit=False)
        self._provider.add_span_processor(
            BatchSpanProcessor(
                _Encoding(), max_export_batch_size=_BATCH, schedule_delay_millis=3_600_000
            )
        )
        self._tracer = self._provider.get_tracer("bench")

    def close(self) -> None:
        """Stop the exporting thread."""
        self._provider.shutdown()

    def ours(self, attributes: int, *, alike: bool) -> Callable[[int], int]:
        """A window of decorated calls that set so many attributes, and their encoding."""
        setter = _setter(attributes, alike=alike)

        @agentmon.agent("triage")
        def call(x: int) -> None:
            setter(x)

        def window(calls: int) -> int:
            begun_ns = process_time_ns()
            for x in range(calls):
                call(x)
            requests, failed = encode(self._queue.take(calls), self._resource)
            took_ns = process_time_ns() - begun_ns
            assert sum(request.items for request in requests) == calls
            assert not failed
            return took_ns

        return window

    def sdks(self, attributes: int, *, alike: bool) -> Callable[[int], int]:
        """The same with raw spans of the SDK and its encoder."""
        setter = _setter(attributes, alike=alike)
        start = self._tracer.start_as_current_span

        def window(calls: int) -> int:
            begun_ns = process_time_ns()
            for x in range(calls):
                with start("invoke_agent triage") as span:
                    span.set_attribute("gen_ai.operation.name", "invoke_agent")
                    span.set_attribute("gen_ai.agent.name", "triage")
                    setter(x)
            self._provider.force_flush()
            return process_time_ns() - begun_ns

        return window


def _setter(attributes: int, *, alike: bool) -> Callable[[int], None]:
    """Sets so many attributes on the current span: the same ones always, or others each time."""
    keys = [f"app.attribute_{n}" for n in range(attributes)]

    def nothing(x: int) -> None:
        pass

    def same(x: int) -> None:
        span = trace.get_current_span()
        for key in keys:
            span.set_attribute(key, "value")

    def different(x: int) -> None:
        span = trace.get_current_span()
        for key in keys:
            span.set_attribute(key, f"value {x} of {key}")

    if not attributes:
        return nothing
    return same if alike else different


def recorded(rounds: int) -> list[Row]:
    """Decorated calls whose spans are recorded, against raw spans around the same."""
    queue: Queue[LightSpan] = Queue(1 << 20, lambda: None)
    pipeline = Pipeline(queue.put)
    # As configure(traces=...) does, save for the thread that exports: its time is counted here.
    PROVIDER.pipeline = pipeline
    registry = Registry(Layout(), ACTIVE.clock)
    ACTIVE.turn_on(registry, Classifier(), OwnedSpans(pipeline))
    loop, raw, whole = asyncio.new_event_loop(), RawSpans(), _Whole(queue)

    def drop() -> None:
        queue.take(1 << 20)

    try:
        timings = interleave(_cases(loop, raw, drop), rounds)
        totals = interleave(_totals(whole), max(1, rounds // 8))
    finally:
        ACTIVE.turn_off()
        PROVIDER.pipeline = None
        raw.close()
        whole.close()
        loop.close()
    return _rows({**timings, **totals})


def _cases(loop: asyncio.AbstractEventLoop, raw: RawSpans, drop: Callable[[], Any]) -> list[Case]:
    agent = agentmon.agent(
        "triage", version="3.2", team="support", tier="frontline", timeout=30, operation="invoke"
    )
    inner = agentmon.tool("search", timeout=2)(_work)

    def outer(x: int) -> int:
        return inner(x)

    def block(x: int) -> None:
        with agentmon.tool("block"):
            _work(x)

    return [
        Case("span", loop_sync(raw.sync(_work)), RAW_CALLS, raw.drain),
        Case("async span", loop_async(loop, raw.asynchronous(_work_async)), RAW_CALLS, raw.drain),
        Case("span around span", loop_sync(raw.sync(raw.sync(_work))), RAW_CALLS // 2, raw.drain),
        Case("def", loop_sync(agent(_work)), _CALLS, drop),
        Case("async def", loop_async(loop, agent(_work_async)), _CALLS, drop),
        Case("tool in agent", loop_sync(agent(outer)), _CALLS // 2, drop),
        Case("with", loop_sync(block), _CALLS // 2, drop),
    ]


def _totals(whole: _Whole) -> list[Case]:
    return [
        Case(f"{who}, {name}", make(attributes, alike=alike), _WHOLE)
        for name, attributes, alike in (
            ("0 attributes", 0, True),
            ("10 attributes", 10, True),
            ("10 attributes, all different", 10, False),
        )
        for who, make in (("agentmon", whole.ours), ("SDK", whole.sdks))
    ]


def _rows(timings: dict[str, Timing]) -> list[Row]:
    def numbers(*names: str) -> str:
        return "; ".join(
            f"{name} {timings[name].least_ns:,.0f} ns (median {timings[name].median_ns:,.0f})"
            for name in names
        )

    def over(one: str, other: str) -> float:
        return timings[one].least_ns / timings[other].least_ns

    rows = [
        at_most(
            f"decorated {form}, with a recorded span",
            over(form, span),
            0.20,
            "{:.3f} × raw span",
            numbers(form, span),
        )
        for form, span in (("def", "span"), ("async def", "async span"))
    ]
    rows.append(
        no_target(
            "tool in agent, with recorded spans",
            f"{over('tool in agent', 'span around span'):.3f} × span in span",
            numbers("tool in agent", "span around span"),
        )
    )
    rows.append(
        no_target(
            "with agentmon.tool(...), with a recorded span",
            f"{over('with', 'span'):.3f} × raw span",
            numbers("with", "span"),
        )
    )
    for name in ("0 attributes", "10 attributes", "10 attributes, all different"):
        what = f"span in all, OTLP encoding included, {name}"
        ratio, detail = (
            over(f"agentmon, {name}", f"SDK, {name}"),
            numbers(f"agentmon, {name}", f"SDK, {name}"),
        )
        unit = "× raw span and the SDK's encoding"
        if name.endswith("different"):
            rows.append(no_target(what, f"{ratio:.3f} {unit}", detail))
        else:
            rows.append(at_most(what, ratio, 0.25, f"{{:.3f}} {unit}", detail))
    return rows
