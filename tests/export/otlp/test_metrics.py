"""Metrics as bytes of OTLP, read by the messages of opentelemetry-proto."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

import agentmon
from agentmon.export.otlp.common import MOST_BYTES, resource
from agentmon.export.otlp.metrics import encode
from agentmon.model.buckets import Layout
from agentmon.model.metric import Kind, Label, Metric, Unit
from agentmon.model.snapshot import ByOutcome, Family, HistogramState

AGENT = Label("agent", "Agent.", 10)
OUTCOME = Label("outcome", "Outcome.", 5)
CALLS = Metric("calls", Kind.COUNTER, Unit.NONE, "Calls.", (AGENT, OUTCOME))
SQUARES = Metric("time", Kind.COUNTER, Unit.SECONDS_SQUARED, "Squares.", (AGENT,))
AGE = Metric("age", Kind.GAUGE, Unit.SECONDS, "Age.", (AGENT,))
FACTS = Metric("facts", Kind.INFO, Unit.NONE, "Facts.", (AGENT,))
DURATION = Metric("duration", Kind.HISTOGRAM, Unit.SECONDS, "Duration.", (AGENT,))

BEGUN_NS, AT_NS = 1_700_000_000_000_000_001, 1_700_000_123_456_789_012
CUMULATIVE = 2
INTEGERS = st.integers(-(1 << 63), (1 << 63) - 1)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)


def read(
    families: Iterable[Family], labels: dict[str, str] | None = None, **of: Any
) -> ExportMetricsServiceRequest:
    """What protobuf reads of the only request."""
    (request,) = encode(
        families, resource(of), begun_ns=BEGUN_NS, at_ns=AT_NS, constant_labels=labels
    )
    return ExportMetricsServiceRequest.FromString(request.body)


def metrics(families: Iterable[Family], labels: dict[str, str] | None = None) -> list[Any]:
    """The metrics of the only request."""
    ((of_scope,),) = (of.scope_metrics for of in read(families, labels).resource_metrics)
    return list(of_scope.metrics)


def pairs(attributes: Any) -> list[tuple[str, str]]:
    """Keys and texts."""
    return [(each.key, each.value.string_value) for each in attributes]


@given(st.lists(st.tuples(TEXTS, INTEGERS | st.floats()), max_size=20))
def test_counters_are_sums_since_the_beginning(given_: list[tuple[str, float]]) -> None:
    """A counter is a monotonic, cumulative sum; each value is there exactly, with its times."""
    family = Family(SQUARES, [((agent,), value) for agent, value in given_])
    if not given_:
        assert encode([family], b"", begun_ns=BEGUN_NS, at_ns=AT_NS) == []
        return
    (metric,) = metrics([family])
    assert (metric.name, metric.unit) == ("agentmon_time_seconds_squared_total", "")
    assert metric.description == "Squares."
    assert metric.sum.is_monotonic
    assert metric.sum.aggregation_temporality == CUMULATIVE
    points = metric.sum.data_points
    assert {(p.start_time_unix_nano, p.time_unix_nano) for p in points} == {(BEGUN_NS, AT_NS)}
    assert [pairs(p.attributes) for p in points] == [[("agent", agent)] for agent, _ in given_]
    for point, (_, value) in zip(points, given_, strict=True):
        kind = point.WhichOneof("value")
        assert kind == ("as_int" if isinstance(value, int) else "as_double")
        got = getattr(point, kind)
        assert got == value or (math.isnan(got) and math.isnan(value))


@given(st.lists(st.integers(0, 1 << 62), min_size=4, max_size=4), st.integers(0, 1 << 62))
def test_histograms_have_their_buckets(counts: list[int], sum_ns: int) -> None:
    """A histogram has the classic edges, the count of each bucket, the sum, and no extremes."""
    layout = Layout(edges_s=(0.01, 0.1, 1.0))
    state = HistogramState(layout, tuple(counts), sum(counts), sum_ns)
    if state.count >= 1 << 64:
        return
    (metric,) = metrics([Family(DURATION, [(("triage",), state)])])
    assert (metric.name, metric.unit) == ("agentmon_duration_seconds", "s")
    assert metric.histogram.aggregation_temporality == CUMULATIVE
    (point,) = metric.histogram.data_points
    assert list(point.explicit_bounds) == [0.01, 0.1, 1.0]
    assert list(point.bucket_counts) == counts
    assert (point.count, point.sum) == (sum(counts), sum_ns / 1e9)
    assert (point.start_time_unix_nano, point.time_unix_nano) == (BEGUN_NS, AT_NS)
    assert not point.HasField("min")
    assert not point.HasField("max")
    assert pairs(point.attributes) == [("agent", "triage")]


@pytest.mark.parametrize("metric", [AGE, FACTS])
def test_gauges_have_no_beginning(metric: Metric) -> None:
    """What is read, and facts, are gauges; their points say when, and not since when."""
    (found,) = metrics([Family(metric, [(("a",), 1), (("b",), 0.5)])])
    assert found.name == metric.sample
    assert found.unit == ("s" if metric is AGE else "")
    assert [p.as_int or p.as_double for p in found.gauge.data_points] == [1, 0.5]
    assert {p.start_time_unix_nano for p in found.gauge.data_points} == {0}
    assert {p.time_unix_nano for p in found.gauge.data_points} == {AT_NS}


def test_labels_of_the_process_come_first_on_every_point() -> None:
    """Constant labels are attributes of each point, before its own."""
    state = HistogramState(Layout(edges_s=(1.0,)), (1, 0), 1, 5)
    families = [
        Family(CALLS, ByOutcome([(("a",), (1, 2, 3, 4, 5))])),
        Family(DURATION, [(("a",), state)]),
    ]
    calls, duration = metrics(families, {"service": "s", "region": "ü"})
    own = [("service", "s"), ("region", "ü"), ("agent", "a")]
    assert [pairs(p.attributes) for p in calls.sum.data_points] == [
        [*own, ("outcome", outcome)]
        for outcome in ("ok", "error", "timeout", "cancelled", "interrupted")
    ]
    assert [p.as_int for p in calls.sum.data_points] == [1, 2, 3, 4, 5]
    assert [pairs(p.attributes) for p in duration.histogram.data_points] == [own]


def test_the_request_says_who_made_it() -> None:
    """Resource and scope are there, once."""
    request = read([Family(AGE, [(("a",), 1)]), Family(FACTS, [(("a",), 1)])], pid=7)
    ((of_resource),) = request.resource_metrics
    assert [(each.key, each.value.int_value) for each in of_resource.resource.attributes] == [
        ("pid", 7)
    ]
    (of_scope,) = of_resource.scope_metrics
    assert (of_scope.scope.name, of_scope.scope.version) == ("agentmon", agentmon.__version__)


def test_families_without_samples_are_left_out() -> None:
    """A metric without points is not sent."""
    found = metrics([Family(AGE, []), Family(FACTS, [(("a",), 1)]), Family(DURATION, [])])
    assert [metric.name for metric in found] == ["agentmon_facts_info"]
    assert encode([Family(AGE, [])], b"", begun_ns=0, at_ns=0) == []


def test_a_lone_surrogate_does_no_harm() -> None:
    """A label that is no valid text is written as its escape."""
    (metric,) = metrics([Family(AGE, [(("\udc80",), 1)])])
    assert pairs(metric.gauge.data_points[0].attributes) == [("agent", "\\udc80")]


def test_numbers_beyond_64_bits_are_sent_as_well_as_they_can_be() -> None:
    """A whole number that does not fit is sent as a double."""
    numbers = ((1 << 63) - 1, 1 << 63, -(1 << 63), -(1 << 63) - 1)
    (metric,) = metrics([Family(AGE, [((str(n),), n) for n in numbers])])
    points = metric.gauge.data_points
    assert [p.as_int for p in points] == [(1 << 63) - 1, 0, -(1 << 63), 0]
    assert [p.as_double for p in points] == [0, 2.0**63, 0, -(2.0**63)]


def test_large_requests_are_cut() -> None:
    """No request is larger than a collector takes; every point is in one of them, once."""
    families = [
        Family(metric, [((f"{n} " + "x" * 900,), n) for n in range(5000)])
        for metric in (AGE, SQUARES)
    ]
    requests = encode(families, resource({"a": 1}), begun_ns=BEGUN_NS, at_ns=AT_NS)
    assert len(requests) > 2
    assert all(len(request.body) < MOST_BYTES + 500 for request in requests)
    found: list[tuple[str, str, float]] = []
    for request in requests:
        message = ExportMetricsServiceRequest.FromString(request.body)
        (of_resource,) = message.resource_metrics
        assert of_resource.resource.attributes[0].key == "a"
        (of_scope,) = of_resource.scope_metrics
        assert of_scope.scope.name == "agentmon"
        points = [
            (metric.name, pairs(point.attributes)[0][1].partition(" ")[0], point.as_int)
            for metric in of_scope.metrics
            for point in (metric.gauge.data_points or metric.sum.data_points)
        ]
        assert request.items == len(points)
        assert all(metric.description for metric in of_scope.metrics)
        found += points
    assert found == [(metric.sample, str(n), n) for metric in (AGE, SQUARES) for n in range(5000)]


@pytest.mark.parametrize(
    ("metric", "value"),
    [(DURATION, 5), (AGE, HistogramState(Layout(), (), 0, 0)), (AGE, "5")],
)
def test_a_value_of_the_wrong_kind_is_a_mistake_of_ours(metric: Metric, value: Any) -> None:
    """A histogram without buckets, or a gauge with them, raises and says what it got."""
    with pytest.raises(TypeError, match=f"{metric.sample}: got {type(value).__name__}"):
        encode([Family(metric, [(("a",), value)])], b"", begun_ns=0, at_ns=0)
