"""Spans on the host's tracer provider."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest
from opentelemetry import baggage, trace
from opentelemetry import context as otel_context
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode

import agentmon
from agentmon.instrumentation.active import ACTIVE, METRICS, SPANS
from agentmon.instrumentation.host import HostSpans
from agentmon.testing import Recorded
from tests.instrumentation.recording import Spans, errors, outcomes, recording


def _parent(span: Any) -> int | None:
    return None if span.parent is None else span.parent.span_id


def _id(span: Any) -> int:
    return int(span.context.span_id)


def test_names_kinds_and_attributes(traced: Recorded, spans: Spans) -> None:
    """Each kind of operation has its span name, span kind and GenAI attributes."""
    with (
        agentmon.workflow("w"),
        agentmon.step("s"),
        agentmon.agent("a"),
        agentmon.tool("t"),
        agentmon.model_call("chat", model="m", provider="p"),
    ):
        pass
    found = {s.name: (s.kind, dict(s.attributes or {})) for s in spans.ended()}
    assert found == {
        "invoke_workflow w": (
            SpanKind.INTERNAL,
            {"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": "w"},
        ),
        "step s": (SpanKind.INTERNAL, {"agentmon.step.name": "s", "gen_ai.workflow.name": "w"}),
        "invoke_agent a": (
            SpanKind.INTERNAL,
            {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "a"},
        ),
        "execute_tool t": (
            SpanKind.INTERNAL,
            {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "t",
                "gen_ai.agent.name": "a",
            },
        ),
        "chat m": (
            SpanKind.CLIENT,
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": "m",
                "gen_ai.provider.name": "p",
                "gen_ai.agent.name": "a",
            },
        ),
    }
    assert {s.status.status_code for s in spans.ended()} == {StatusCode.UNSET}


def test_nested_spans_are_parents(traced: Recorded, spans: Spans) -> None:
    """Spans nest as calls do, with the host's own spans in between."""

    @agentmon.tool("t")
    def use() -> None:
        with spans.tracer.start_as_current_span("innermost"):
            pass

    @agentmon.agent("a")
    def work() -> None:
        with spans.tracer.start_as_current_span("between"):
            use()

    with spans.tracer.start_as_current_span("root"):
        work()
    chain = ["root", "invoke_agent a", "between", "execute_tool t", "innermost"]
    for above, below in pairwise(chain):
        assert _parent(spans.named(below)) == _id(spans.named(above))
    assert not trace.get_current_span().get_span_context().is_valid


def test_error_has_status_type_and_event(traced: Recorded, spans: Spans) -> None:
    """A failed call has the status error, the error type and one exception event at its end."""

    @agentmon.agent("a")
    def fails() -> None:
        raise KeyError("secret")

    with pytest.raises(KeyError):
        fails()
    (span,) = spans.ended()
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == "KeyError"
    assert span.attributes["error.type"] == "KeyError"
    assert span.attributes["agentmon.outcome"] == "error"
    (event,) = span.events
    assert event.name == "exception"
    assert event.attributes["exception.type"] == "KeyError"
    assert event.timestamp == span.end_time


@pytest.mark.parametrize(
    ("error", "outcome", "status"),
    [
        (asyncio.CancelledError, "cancelled", StatusCode.UNSET),
        (KeyboardInterrupt, "interrupted", StatusCode.UNSET),
        (TimeoutError, "timeout", StatusCode.ERROR),
    ],
)
def test_other_outcomes_are_told(
    traced: Recorded, spans: Spans, error: type[BaseException], outcome: str, status: StatusCode
) -> None:
    """Cancelled and interrupted calls are told without the status error; a pause has no type."""
    with pytest.raises(error), agentmon.agent("a"):
        raise error
    (span,) = spans.ended()
    assert span.attributes["agentmon.outcome"] == outcome
    assert ("error.type" in span.attributes) is (outcome != "interrupted")
    assert span.status.status_code is status
    assert len(span.events) == (status is StatusCode.ERROR)


def test_tokens_are_on_the_span(traced: Recorded, spans: Spans) -> None:
    """The span of a model call has the sums of the valid tokens noted."""
    with agentmon.model_call("chat", model="m") as call:
        call.usage(input_tokens=10, output_tokens=2)
        call.usage(input_tokens=5, output_tokens=-1, cached_tokens=4)
    (span,) = spans.ended()
    assert span.attributes["gen_ai.usage.input_tokens"] == 15
    assert span.attributes["gen_ai.usage.output_tokens"] == 2
    assert span.attributes["gen_ai.usage.cache_read.input_tokens"] == 4


def test_tokens_after_the_end_are_counted_quietly(
    traced: Recorded, spans: Spans, caplog: pytest.LogCaptureFixture
) -> None:
    """Tokens noted after the end are counted, and the provider has nothing to complain of."""
    with agentmon.model_call("chat", model="m") as call:
        pass
    with caplog.at_level(logging.WARNING):
        call.usage(input_tokens=10)
    assert not caplog.records
    assert traced.value("agentmon_model_tokens_total") == 10


def test_span_and_histogram_have_one_duration(traced: Recorded, spans: Spans) -> None:
    """The durations of the spans sum up to that of the histogram, to the nanosecond."""

    @agentmon.agent("a")
    def work() -> None: ...

    for _ in range(50):
        work()
    total_ns = sum(s.end_time - s.start_time for s in spans.ended())  # type: ignore[operator]
    assert round((traced.value("agentmon_agent_duration_seconds_sum") or 0) * 1e9) == total_ns
    assert len(spans.ended()) == 50


def test_threads_without_carrying_start_traces(traced: Recorded, spans: Spans) -> None:
    """With carrying() and carry() work in threads is in the agent's trace, without it is not."""

    @agentmon.tool("t")
    def use(n: int) -> int:
        return n

    @agentmon.agent("a")
    def work() -> None:
        with agentmon.carrying(ThreadPoolExecutor(2)) as pool:
            assert list(pool.map(use, range(3))) == [0, 1, 2]
            assert pool.submit(use, 5).result() == 5
        thread = threading.Thread(target=agentmon.carry(use), args=(1,))
        thread.start()
        thread.join()
        with ThreadPoolExecutor(1) as lone:
            lone.submit(use, 7).result()

    work()
    agent = spans.named("invoke_agent a")
    tools = [s for s in spans.ended() if s.name == "execute_tool t"]
    assert [_parent(t) for t in tools].count(_id(agent)) == 5
    assert [_parent(t) for t in tools].count(None) == 1
    assert outcomes(traced, "tool", agent="a") == {"ok": 5}
    assert outcomes(traced, "tool", agent="") == {"ok": 1}


def test_tasks_inherit_their_parent(traced: Recorded, spans: Spans) -> None:
    """A task is the child of where it was started, also when it outlives that."""

    @agentmon.tool("late")
    async def late(go: asyncio.Event) -> None:
        await go.wait()

    @agentmon.agent("a")
    async def work(go: asyncio.Event) -> asyncio.Task[None]:
        return asyncio.create_task(late(go))

    async def main() -> None:
        go = asyncio.Event()
        task = await work(go)
        go.set()
        await task

    asyncio.run(main())
    assert _parent(spans.named("execute_tool late")) == _id(spans.named("invoke_agent a"))


def test_handles_have_spans_with_the_right_parents(traced: Recorded, spans: Spans) -> None:
    """A handle's span is a child of parent= if given, else of what is current; active() adopts."""
    with spans.tracer.start_as_current_span("root"):
        agent = agentmon.agent("a").begin()
    tool = agentmon.tool("t").begin(parent=agent)
    with tool.active(), spans.tracer.start_as_current_span("inside"):
        pass
    assert not trace.get_current_span().get_span_context().is_valid
    tool.end()
    agent.end()
    assert _parent(spans.named("invoke_agent a")) == _id(spans.named("root"))
    assert _parent(spans.named("execute_tool t")) == _id(spans.named("invoke_agent a"))
    assert _parent(spans.named("inside")) == _id(spans.named("execute_tool t"))
    assert agent.trace_id == f"{spans.named('root').context.trace_id:032x}"


def test_handle_ended_twice_ends_its_span_once(
    traced: Recorded, spans: Spans, caplog: pytest.LogCaptureFixture
) -> None:
    """A call ended twice has one span, and the provider hears of the first end only."""
    call = agentmon.agent("a").begin()
    with caplog.at_level(logging.WARNING):
        call.end()
        call.end(error=ValueError())
    assert not caplog.records
    (span,) = spans.ended()
    assert span.status.status_code is StatusCode.UNSET


def test_interleaved_blocks_leave_no_span_current(traced: Recorded, spans: Spans) -> None:
    """Blocks left in the order of entry leave no span current, but the later while open."""

    def body(name: str) -> Iterator[int]:
        with agentmon.agent(name):
            yield 1

    with spans.tracer.start_as_current_span("root") as root:
        first, second = body("a"), body("b")
        next(first)
        next(second)
        list(first)
        with spans.tracer.start_as_current_span("while b"):
            pass
        list(second)
        assert trace.get_current_span() is root
    assert _parent(spans.named("while b")) == _id(spans.named("invoke_agent b"))


def test_exception_leaves_the_context_as_it_was(traced: Recorded, spans: Spans) -> None:
    """After a failed call the span and baggage of before are current again."""
    token = otel_context.attach(baggage.set_baggage("k", "v"))
    try:
        with spans.tracer.start_as_current_span("root") as root:
            with pytest.raises(KeyError), agentmon.agent("a"):  # noqa: PT012
                assert baggage.get_baggage("k") == "v"
                raise KeyError
            assert trace.get_current_span() is root
            assert baggage.get_baggage("k") == "v"
    finally:
        otel_context.detach(token)


def test_left_in_another_context_without_a_word(
    traced: Recorded, spans: Spans, caplog: pytest.LogCaptureFixture
) -> None:
    """An async generator with an open block, left early and closed elsewhere, logs nothing."""

    async def stream() -> Any:
        with agentmon.agent("a"):
            yield 1
            yield 2

    async def main() -> None:
        async for _ in stream():
            break
        await asyncio.sleep(0.01)

    with caplog.at_level(logging.INFO):
        asyncio.run(main())
    assert not caplog.records
    assert [s.name for s in spans.ended()] == ["invoke_agent a"]
    assert outcomes(traced) == {"cancelled": 1}


def test_unsampled_calls_are_still_counted() -> None:
    """With a sampler that drops everything the metrics are complete, and there is no trace id."""
    spans = Spans(sampler=ALWAYS_OFF)
    with recording("spans", spans=spans) as recorded:
        with agentmon.agent("a") as call:
            assert call.trace_id is None
        with pytest.raises(KeyError), agentmon.agent("a"):
            raise KeyError
        assert outcomes(recorded) == {"ok": 1, "error": 1}
    assert spans.ended() == []


def test_naming_by_arguments_names_the_span(traced: Recorded, spans: Spans) -> None:
    """A span has the name that named_by gave."""

    @agentmon.agent(named_by=lambda who: who)
    def work(who: str) -> str:
        return who

    work("one")
    assert [s.name for s in spans.ended()] == ["invoke_agent one"]


@pytest.mark.usefixtures("traced")
def test_span_has_the_full_name_beyond_the_bound_of_a_label(spans: Spans) -> None:
    """Where the label has become other, the span still has the name that was given."""

    @agentmon.agent(named_by=lambda n: f"a{n}")
    def work(n: int) -> int:
        return n

    for n in range(1002):
        work(n)
    assert spans.ended()[-1].name == "invoke_agent a1001"


class _Broken:
    """A tracer, or a span, whose chosen methods raise."""

    def __init__(self, inner: Any, *broken: str) -> None:
        self._inner = inner
        self._broken = broken

    def __getattr__(self, name: str) -> Any:
        if name in self._broken:
            raise RuntimeError(f"broken {name}")
        found = getattr(self._inner, name)
        if name == "start_span":
            return lambda *args, **kwargs: _Broken(found(*args, **kwargs), *self._broken)
        return found


@pytest.mark.parametrize(
    "broken",
    ["start_span", "get_span_context", "set_attribute", "set_status", "record_exception", "end"],
)
def test_a_provider_that_raises_does_not_break_the_call(spans: Spans, broken: str) -> None:
    """Whatever the provider raises, calls pass, are counted, and the loss is counted."""
    with recording("spans", spans=spans) as recorded:
        host = ACTIVE.spans
        assert isinstance(host, HostSpans)
        host._tracer = _Broken(host._tracer, broken)  # type: ignore[assignment]

        @agentmon.agent("a")
        def work(*, fail: bool) -> int:
            if fail:
                raise KeyError
            with agentmon.model_call("chat", model="m") as call:
                call.usage(input_tokens=3)
            return 5

        @agentmon.agent("a")
        def stream() -> Any:
            yield 1

        assert work(fail=False) == 5
        with pytest.raises(KeyError) as caught:
            work(fail=True)
        assert caught.value.__context__ is None
        assert list(stream()) == [1]
        assert outcomes(recorded) == {"ok": 2, "error": 1}
        assert recorded.value("agentmon_model_tokens_total") == 3
        assert (recorded.value("agentmon_dropped_total", reason="span_error") or 0) >= 1
        assert recorded.value("agentmon_agent_in_flight") == 0
    assert not trace.get_current_span().get_span_context().is_valid


class _HostileError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


def test_exception_without_text_still_ends_the_span(traced: Recorded, spans: Spans) -> None:
    """An exception whose text cannot be made ends the span as an error all the same."""
    with pytest.raises(_HostileError), agentmon.agent("a"):
        raise _HostileError
    (span,) = spans.ended()
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["error.type"] == f"{__name__}._HostileError"
    assert errors(traced) == 1


# ------------------------------------------------------------------ the provider comes later


class _Watch:
    """Finds a provider once there is one."""

    def __init__(self) -> None:
        self.found: HostSpans | None = None
        self.looks = 0

    def look(self, _clock: object) -> HostSpans | None:
        self.looks += 1
        return self.found


def test_provider_set_later_is_noticed_at_the_next_first_use(spans: Spans) -> None:
    """A provider set after configure() gets spans from the next new operation on."""

    @agentmon.agent("old")
    def old() -> None: ...

    with recording("metrics") as recorded:
        watch = _Watch()
        ACTIVE.watch = watch  # type: ignore[assignment]
        old()
        watch.found = HostSpans(spans.provider, ACTIVE.clock)
        old()
        assert (ACTIVE.mode, spans.ended()) == (METRICS, [])
        with agentmon.tool("new"):
            pass
        assert ACTIVE.mode == SPANS
        old()
        looks = watch.looks
        with agentmon.tool("newer"):
            pass
        assert watch.looks == looks
        assert outcomes(recorded) == {"ok": 3}
    assert [s.name for s in spans.ended()] == [
        "execute_tool new",
        "invoke_agent old",
        "execute_tool newer",
    ]


_LATE = """
import agentmon
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

@agentmon.agent("first")
def first(): pass

agentmon.configure({spans})
first()
exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
first()
with agentmon.tool("second"):
    pass
first()
print([span.name for span in exporter.get_finished_spans()])
print(trace.get_tracer_provider() is provider)
agentmon.shutdown()
"""


@pytest.mark.parametrize(
    ("argument", "names"),
    [("", "['execute_tool second', 'invoke_agent first']"), ("traces='none'", "[]")],
)
def test_configure_finds_the_hosts_provider(argument: str, names: str) -> None:
    """configure() uses the provider that the host sets later, unless told not to."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _LATE.format(spans=argument)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [names, "True"]
