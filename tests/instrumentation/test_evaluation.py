"""Scores of calls, as events of the conventions."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import nullcontext
from fractions import Fraction
from typing import Any

import pytest
from opentelemetry import trace

import agentmon
from agentmon.instrumentation.active import ACTIVE
from agentmon.instrumentation.content import Content
from agentmon.tracing.log import LogRecord
from tests.instrumentation.recording import MODES, Spans, recording


@pytest.fixture
def sent() -> Iterator[list[LogRecord]]:
    """What goes to a collector, while calls have spans."""
    with recording("owned"):
        records: list[LogRecord] = []
        ACTIVE.events = records.append
        yield records


def test_a_score_is_an_event_of_the_conventions(sent: list[LogRecord]) -> None:
    """Name, score, label and response are where the conventions put them."""
    before_ns = time.time_ns()
    with agentmon.agent("desk") as call:
        agentmon.score("relevance", 0.75, label="pass", response_id="r-1")
    (record,) = sent
    assert record.event == "gen_ai.evaluation.result"
    assert record.attributes == {
        "gen_ai.evaluation.name": "relevance",
        "gen_ai.evaluation.score.value": 0.75,
        "gen_ai.evaluation.score.label": "pass",
        "gen_ai.response.id": "r-1",
    }
    assert call.span is not None
    context = call.span.get_span_context()
    assert (record.trace_id, record.span_id) == (context.trace_id, context.span_id)
    assert before_ns <= record.at_ns <= time.time_ns()
    assert (record.severity, record.body, record.library.name) == (0, "", "agentmon")


def test_what_is_not_given_is_not_said(sent: list[LogRecord]) -> None:
    """A label alone, or a value alone, is enough."""
    agentmon.score("helpful", label="yes")
    agentmon.score("helpful", 0)
    assert [set(record.attributes) for record in sent] == [
        {"gen_ai.evaluation.name", "gen_ai.evaluation.score.label"},
        {"gen_ai.evaluation.name", "gen_ai.evaluation.score.value"},
    ]
    assert type(sent[1].attributes["gen_ai.evaluation.score.value"]) is float


@pytest.mark.parametrize("value", [3, -1.5, Fraction(1, 4), 10**20])
def test_numbers_of_any_kind_are_scores(sent: list[LogRecord], value: Any) -> None:
    """Whatever is a finite number is written as one."""
    agentmon.score("n", value)
    assert sent[0].attributes["gen_ai.evaluation.score.value"] == float(value)


def test_a_score_belongs_to_the_innermost_call(sent: list[LogRecord]) -> None:
    """Without a call it is the current one that is judged, also in a decorated function."""

    @agentmon.tool("search")
    def search() -> str:
        agentmon.score("found", 1)
        return f"{trace.get_current_span().get_span_context().span_id:016x}"

    with agentmon.agent("desk"):
        span_id = search()
    assert f"{sent[0].span_id:016x}" == span_id


def test_a_call_that_has_ended_can_be_judged(sent: list[LogRecord]) -> None:
    """The score of a call given later belongs to its span still."""
    with agentmon.agent("desk") as call:
        pass
    with agentmon.agent("judge"):
        agentmon.score("good", 1, call=call)
    assert f"{sent[0].trace_id:032x}" == call.trace_id


def test_outside_calls_it_belongs_to_the_current_span(sent: list[LogRecord], spans: Spans) -> None:
    """A span of the host's is judged where there is no call; without any, none is."""
    with spans.tracer.start_as_current_span("theirs") as span:
        agentmon.score("good", 1)
    agentmon.score("good", 1)
    assert [each.span_id for each in sent] == [span.get_span_context().span_id, 0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": ""}, "name: got '', allowed text that is not blank"),
        ({"name": " ", "value": 1}, "name: got ' ', allowed text that is not blank"),
        ({"name": 3, "value": 1}, "name: got 3, allowed text that is not blank"),
        ({"name": "n"}, "value, label: got neither, allowed one of them or both"),
        ({"name": "n", "value": math.nan}, "value: got nan, allowed a finite number or None"),
        ({"name": "n", "value": math.inf}, "value: got inf, allowed a finite number or None"),
        ({"name": "n", "value": True}, "value: got True, allowed a finite number or None"),
        ({"name": "n", "value": "1"}, "value: got '1', allowed a finite number or None"),
        ({"name": "n", "value": 1j}, "value: got 1j, allowed a finite number or None"),
        ({"name": "n", "label": 1}, "label: got 1, allowed text or None"),
        ({"name": "n", "value": 1, "explanation": 1}, "explanation: got 1, allowed text or None"),
        ({"name": "n", "value": 1, "response_id": 1}, "response_id: got 1, allowed text or None"),
        ({"name": "n", "value": 1, "call": "c"}, "call: got 'c', allowed a call or None"),
    ],
)
@pytest.mark.parametrize("on", [True, False])
def test_what_is_no_score_is_refused(on: bool, arguments: dict[str, Any], message: str) -> None:
    """A mistake is said at once, whether anything is recorded or not."""
    with (
        recording("metrics") if on else nullcontext(),
        pytest.raises(ValueError) as caught,  # noqa: PT011  # compared below
    ):
        agentmon.score(**arguments)
    assert str(caught.value).endswith(message)


@pytest.mark.parametrize("mode", MODES)
def test_without_a_way_to_a_collector_nothing_happens(mode: str) -> None:
    """A score costs nothing where nobody takes it."""
    with recording(mode), agentmon.agent("desk"):
        agentmon.score("good", 1)
    agentmon.score("good", 1)


def test_a_sink_that_raises_is_counted() -> None:
    """What a logger provider of the host's raises does not reach the host."""

    def sink(_: LogRecord) -> None:
        raise RuntimeError

    with recording("owned") as recorded:
        ACTIVE.events = sink
        agentmon.score("good", 1)
        assert recorded.value("agentmon_dropped_total", reason="log_error") == 1


def test_explanations_are_not_kept_unless_asked_for(sent: list[LogRecord]) -> None:
    """Without capture of content an explanation is not sent."""
    agentmon.score("good", 1, explanation="the customer said ...")
    assert "gen_ai.evaluation.explanation" not in sent[0].attributes


def test_explanations_are_redacted_where_asked_for(sent: list[LogRecord]) -> None:
    """With capture of content an explanation is sent, as the hook for redaction leaves it."""
    ACTIVE.content = Content(lambda text: text.replace("Ada", "[name]"), 100)
    agentmon.score("good", 1, explanation="Ada said so")
    assert sent[0].attributes["gen_ai.evaluation.explanation"] == "[name] said so"
