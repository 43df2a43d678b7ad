"""Spans of calls where agentmon exports the spans."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.trace.sampling import Decision, SamplingResult
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags, TraceState

import agentmon
from agentmon.instrumentation.active import ACTIVE
from agentmon.tracing.limits import Limits
from agentmon.tracing.sampling import Sampler
from tests.instrumentation.exported import exporting
from tests.instrumentation.recording import outcomes

NOTHING = Sampler(0)


@contextmanager
def around(context: otel_context.Context) -> Iterator[None]:
    """Make a context the present one."""
    token = otel_context.attach(context)
    try:
        yield
    finally:
        otel_context.detach(token)


def remote(flags: int) -> otel_context.Context:
    """A context with a parent in another process."""
    parent = SpanContext(
        0xA,
        0xB,
        is_remote=True,
        trace_flags=TraceFlags(flags),
        trace_state=TraceState([("v", "1")]),
    )
    return trace.set_span_in_context(NonRecordingSpan(parent), otel_context.Context())


def test_call_is_a_span_with_the_names_of_the_conventions() -> None:
    """A decorated agent's span has name, kind and attributes of the conventions, and is a root."""

    @agentmon.agent("triage")
    def triage() -> None: ...

    with exporting() as exported:
        triage()
    (span,) = exported.spans
    assert (span.name, span.kind, span.parent_id) == ("invoke_agent triage", SpanKind.INTERNAL, 0)
    assert span.fixed is not None
    assert span.fixed.attributes == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "triage",
    }
    assert span.library.name == "agentmon"
    assert span.flags == 3


def test_span_and_histogram_have_one_duration() -> None:
    """The span lasts exactly as long as the histogram says, to the nanosecond."""

    @agentmon.tool("t")
    def work() -> None:
        time.sleep(0)

    with exporting() as exported:
        for _ in range(20):
            work()
        total = exported.recorded.value("agentmon_tool_duration_seconds_sum", tool="t")
    assert sum(span.ended_ns - span.begun_ns for span in exported.spans) == round(total * 1e9)


def test_span_begins_at_the_present_time() -> None:
    """Times of spans are those of the calendar, within what the clocks' reading takes."""

    @agentmon.tool("t")
    def work() -> None: ...

    with exporting() as exported:
        before = time.time_ns()
        work()
        after = time.time_ns()
    (span,) = exported.spans
    assert before - 10**8 < span.begun_ns <= span.ended_ns < after + 10**8


def test_calls_nest_with_each_other_and_with_spans_of_others() -> None:
    """An agent, a library's span in it, and a tool in that, make one chain in one trace."""
    with exporting() as exported:

        @agentmon.tool("t")
        def inner() -> None: ...

        @agentmon.agent("a")
        def outer() -> None:
            with exported.other.start_as_current_span("theirs"):
                inner()

        outer()
    tool, theirs, agent = exported.spans
    assert [span.name for span in exported.spans] == ["execute_tool t", "theirs", "invoke_agent a"]
    assert (tool.parent_id, theirs.parent_id) == (theirs.span_id, agent.span_id)
    assert len({span.trace_id for span in exported.spans}) == 1


def test_context_is_as_before_after_the_call() -> None:
    """After a call, whether it returns or raises, OpenTelemetry's context is what it was."""

    @agentmon.agent("a")
    def work(fail: bool) -> None:
        if fail:
            raise ValueError

    with exporting():
        before = otel_context.get_current()
        work(fail=False)
        assert otel_context.get_current() is before
        with pytest.raises(ValueError):  # noqa: PT011
            work(fail=True)
        assert otel_context.get_current() is before


def test_remote_parent_and_its_state_are_taken_over() -> None:
    """Within a context from another process the call's span is a child there, with its state."""

    @agentmon.agent("a")
    def work() -> None: ...

    with exporting() as exported, around(remote(1)):
        work()
        with agentmon.agent("block"):
            pass
    for span in exported.spans:
        assert (span.trace_id, span.parent_id, span.flags) == (0xA, 0xB, 1)
        assert span.remote_parent
        assert span.trace_state is not None
        assert span.trace_state["v"] == "1"


def test_state_goes_down_to_calls_within_calls() -> None:
    """The trace state of a remote parent reaches the spans of inner calls."""

    @agentmon.tool("t")
    def inner() -> None: ...

    @agentmon.agent("a")
    def outer() -> None:
        inner()

    with exporting() as exported, around(remote(1)):
        outer()
    state = exported.named("execute_tool t").trace_state
    assert state is not None
    assert state["v"] == "1"


@pytest.mark.parametrize("form", ["def", "async def", "with", "handle", "generator"])
def test_failure_is_said_on_the_span(form: str) -> None:
    """Whatever the form, a failing call's span has outcome, error.type, status and exception."""

    @agentmon.tool("t")
    def sync() -> None:
        raise LookupError("gone")

    @agentmon.tool("t")
    async def asynchronous() -> None:
        raise LookupError("gone")

    @agentmon.tool("t")
    def items() -> Iterator[int]:
        yield 1
        raise LookupError("gone")

    def block() -> None:
        with agentmon.tool("t"):
            raise LookupError("gone")

    def handle() -> None:
        error = LookupError("gone")
        agentmon.tool("t").begin().end(error=error)
        raise error

    run: dict[str, Any] = {
        "def": sync,
        "async def": lambda: asyncio.run(asynchronous()),
        "with": block,
        "handle": handle,
        "generator": lambda: list(items()),
    }
    with exporting() as exported:
        with pytest.raises(LookupError):
            run[form]()
        assert outcomes(exported.recorded, "tool", tool="t") == {"error": 1}
    (span,) = exported.spans
    assert (span.status, span.description) == (2, "LookupError")
    assert span.attributes is not None
    assert span.attributes["error.type"] == "LookupError"
    assert span.attributes["agentmon.outcome"] == "error"
    (event,) = span.events or ()
    assert event.attributes is not None
    assert event.attributes["exception.message"] == "gone"
    assert event.at_ns == span.ended_ns


def test_late_call_is_a_timeout_on_the_span() -> None:
    """A call that took longer than its timeout has the outcome timeout there too."""

    @agentmon.tool("t", timeout=1e-9)
    def work() -> None: ...

    with exporting() as exported:
        work()
        assert outcomes(exported.recorded, "tool", tool="t") == {"timeout": 1}
    (span,) = exported.spans
    assert span.attributes == {"agentmon.outcome": "timeout", "error.type": "timeout"}
    assert span.status == 2


def test_tokens_are_on_the_span() -> None:
    """Tokens that a model call reports, in parts, stand on its span as sums."""

    @agentmon.model_call("chat", model="m", provider="p")
    def chat() -> None:
        agentmon.usage(input_tokens=3, output_tokens=1)
        agentmon.usage(output_tokens=4)

    with exporting() as exported:
        chat()
    (span,) = exported.spans
    assert (span.name, span.kind) == ("chat m", SpanKind.CLIENT)
    assert span.attributes == {"gen_ai.usage.input_tokens": 3, "gen_ai.usage.output_tokens": 5}


def test_attributes_set_through_the_api_are_kept() -> None:
    """What the function sets on OpenTelemetry's current span stands on the call's span."""

    @agentmon.agent("a")
    def work() -> None:
        trace.get_current_span().set_attribute("mine", 1)

    with exporting() as exported:
        work()
    assert exported.spans[0].attributes == {"mine": 1}


def test_trace_id_of_the_current_call_is_that_of_its_span() -> None:
    """The call that is current says the id of its trace."""
    seen: list[str | None] = []

    @agentmon.agent("a")
    def work() -> None:
        call = agentmon.current()
        seen.append(None if call is None else call.trace_id)

    with exporting() as exported:
        work()
    assert seen == [f"{exported.spans[0].trace_id:032x}"]


@pytest.mark.parametrize("form", ["decorated", "block"])
def test_unsampled_root_leaves_metrics_only(form: str) -> None:
    """Where the sampler says no, nothing within is a span, others' neither, and all is counted."""
    with exporting(NOTHING) as exported:
        tool = agentmon.tool("t")

        @agentmon.agent("a")
        def outer() -> None:
            inside()

        def inside() -> None:
            exported.other.start_span("theirs").end()
            with tool:
                exported.other.start_span("theirs too").end()

        if form == "decorated":
            outer()
        else:
            with agentmon.agent("a"):
                inside()
        assert exported.spans == []
        assert outcomes(exported.recorded, "agent", agent="a") == {"ok": 1}
        assert outcomes(exported.recorded, "tool", tool="t") == {"ok": 1}


def test_all_calls_of_an_unsampled_trace_agree() -> None:
    """Within an unsampled agent each library sees one and the same unsampled trace."""
    seen: list[SpanContext] = []

    @agentmon.tool("t")
    def inner() -> None:
        seen.append(trace.get_current_span().get_span_context())

    @agentmon.agent("a")
    def outer() -> None:
        seen.append(trace.get_current_span().get_span_context())
        inner()

    with exporting(NOTHING):
        outer()
    assert len({context.trace_id for context in seen}) == 1
    assert not any(context.trace_flags.sampled for context in seen)


def test_unsampled_remote_parent_leaves_metrics_only() -> None:
    """A parent elsewhere that is not sampled decides for the calls here."""

    @agentmon.agent("a")
    def work() -> None: ...

    with exporting() as exported, around(remote(0)):
        work()
        assert outcomes(exported.recorded, "agent", agent="a") == {"ok": 1}
    assert exported.spans == []


def test_failing_trace_is_kept_though_not_sampled() -> None:
    """With the tail rule a trace with a failed call is kept with all its spans, and others not."""

    @agentmon.tool("t")
    def inner(fail: bool) -> None:
        if fail:
            raise ValueError

    @agentmon.agent("a")
    def outer(fail: bool) -> None:
        inner(fail=False)
        with suppress(ValueError):
            inner(fail=fail)

    with exporting(NOTHING, keep_errors=True) as exported:
        outer(fail=False)
        assert exported.spans == []
        outer(fail=True)
    assert exported.names() == ["execute_tool t", "execute_tool t", "invoke_agent a"]
    assert len({span.trace_id for span in exported.spans}) == 1


class _Custom:
    """A sampler of a user's own that refuses one name."""

    def should_sample(self, *arguments: Any) -> SamplingResult:
        _, _, name, _, attributes, _ = arguments
        refused = name == "invoke_agent refused"
        return SamplingResult(
            Decision.DROP if refused else Decision.RECORD_AND_SAMPLE, {**attributes, "by": "custom"}
        )


def test_custom_sampler_sees_the_attributes_of_calls() -> None:
    """A sampler of the user's own decides by name and attributes, and may add some."""

    @agentmon.agent("refused")
    def refused() -> None: ...

    @agentmon.agent("welcome")
    def welcome() -> None: ...

    with exporting(Sampler(custom=_Custom())) as exported:
        refused()
        welcome()
    (span,) = exported.spans
    assert span.name == "invoke_agent welcome"
    assert span.attributes is not None
    assert span.attributes["by"] == "custom"
    assert span.attributes["gen_ai.agent.name"] == "welcome"


def test_limits_hold_for_spans_of_calls() -> None:
    """Attributes set within a call are held to the limits of the pipeline."""

    @agentmon.agent("a")
    def work() -> None:
        for n in range(5):
            trace.get_current_span().set_attribute(f"k{n}", "long")

    with exporting(limits=Limits(attributes=2, attribute_length=2)) as exported:
        work()
    (span,) = exported.spans
    assert (span.attributes, span.dropped_attributes) == ({"k3": "lo", "k4": "lo"}, 3)


def test_generator_is_a_span_until_it_is_exhausted() -> None:
    """A generator's span covers its whole life, and is current while it runs only."""
    with exporting() as exported:

        @agentmon.agent("g")
        def items() -> Iterator[int]:
            for n in range(3):
                exported.other.start_span(f"in {n}").end()
                yield n

        for n in items():
            exported.other.start_span(f"out {n}").end()
    whole = exported.named("invoke_agent g")
    assert [exported.named(f"in {n}").parent_id for n in range(3)] == [whole.span_id] * 3
    assert [exported.named(f"out {n}").parent_id for n in range(3)] == [0] * 3
    assert whole.ended_ns >= exported.named("in 2").ended_ns


def test_async_generator_is_a_span_until_it_is_closed() -> None:
    """An async generator left early ends its span when it is closed."""
    with exporting() as exported:

        @agentmon.agent("g")
        async def items() -> AsyncIterator[int]:
            for n in range(3):
                exported.other.start_span(f"in {n}").end()
                yield n

        async def main() -> None:
            stream = items()
            async for _ in stream:
                break
            await stream.aclose()  # type: ignore[attr-defined]

        asyncio.run(main())
    assert exported.named("in 0").parent_id == exported.named("invoke_agent g").span_id


def test_tasks_are_children_of_the_call_that_starts_them() -> None:
    """Calls in tasks that run at once are all children of the agent, each with its own children."""

    @agentmon.tool("t")
    async def inner(n: int) -> None:
        for _ in range(n):
            await asyncio.sleep(0)

    @agentmon.agent("a")
    async def outer() -> None:
        await asyncio.gather(*(inner(n) for n in range(20)))

    with exporting() as exported:
        asyncio.run(outer())
    agent = exported.named("invoke_agent a")
    tools = [span for span in exported.spans if span.name == "execute_tool t"]
    assert [span.parent_id for span in tools] == [agent.span_id] * 20
    assert len({span.span_id for span in tools}) == 20


def test_shutdown_amid_a_call_passes_it_through() -> None:
    """Recording that is turned off within a call leaves its result and the context alone."""

    @agentmon.agent("a")
    def work() -> int:
        ACTIVE.turn_off()
        return 7

    before = otel_context.get_current()
    with exporting():
        assert work() == 7
    assert otel_context.get_current() is before


def test_full_stack_is_the_hosts_error_and_one_failed_call() -> None:
    """A call that runs out of stack raises RecursionError, and nothing of ours."""

    @agentmon.agent("deep")
    def deep(n: int) -> None:
        deep(n + 1)

    with exporting() as exported:
        with pytest.raises(RecursionError):
            deep(0)
        assert exported.recorded.value("agentmon_agent_in_flight", agent="deep") == 0
    assert agentmon.current() is None


def test_nothing_is_lost_between_threads() -> None:
    """Each call of many threads is counted once and is one span, with a small switch interval."""

    @agentmon.tool("t")
    def inner() -> None: ...

    @agentmon.agent("a")
    def outer() -> None:
        inner()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with exporting() as exported:
            threads = [
                threading.Thread(target=lambda: [outer() for _ in range(300)]) for _ in range(8)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert outcomes(exported.recorded, "tool", tool="t") == {"ok": 2400}
    finally:
        sys.setswitchinterval(interval)
    agents = {span.span_id: span for span in exported.spans if span.name == "invoke_agent a"}
    tools = [span for span in exported.spans if span.name == "execute_tool t"]
    assert (len(agents), len(tools)) == (2400, 2400)
    assert all(agents[span.parent_id].trace_id == span.trace_id for span in tools)
