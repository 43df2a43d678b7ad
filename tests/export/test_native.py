"""The protobuf format, read back as messages."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import pytest

from agentmon.export.native import NativeRenderer
from agentmon.export.respond import Endpoint
from agentmon.model import catalogue
from agentmon.model.exponential import exponential
from agentmon.model.metric import Kind
from agentmon.model.snapshot import Family, HistogramState
from tests.export.protobuf import families
from tests.export.recording import filled, get

PROTOBUF = {
    "accept": "application/vnd.google.protobuf;"
    "proto=io.prometheus.client.MetricFamily;encoding=delimited"
}
_TYPES = {Kind.COUNTER: 0, Kind.GAUGE: 1, Kind.INFO: 1, Kind.HISTOGRAM: 4}


@pytest.fixture
def collected() -> list[Family]:
    """Every family of a registry with calls, durations with their cells."""
    return filled().collect(cells=True)


def labels(metric: Any) -> tuple[tuple[str, str], ...]:
    """The labels of a message."""
    return tuple((each.name, each.value) for each in metric.label)


def test_every_sample_is_there_with_its_value(collected: list[Family]) -> None:
    """Each family has its name, help, type and samples, constant labels first."""
    read = {
        family.name: family
        for family in families(NativeRenderer({"service": "s"}).render(collected))
    }
    assert set(read) == {family.metric.sample for family in collected if len(family.samples)}
    for family in collected:
        metric = family.metric
        if not len(family.samples):
            continue
        message = read[metric.sample]
        assert (message.help, message.type) == (metric.help, _TYPES[metric.kind])
        assert len(message.metric) == len(family.samples)
        for (values, value), sample in zip(family.samples, message.metric, strict=True):
            expected = (("service", "s"), *zip(metric.label_names, values, strict=True))
            assert labels(sample) == expected
            if not isinstance(value, HistogramState):
                shown = sample.counter if metric.kind is Kind.COUNTER else sample.gauge
                assert shown.value == value


def test_histograms_have_classic_and_native_buckets(collected: list[Family]) -> None:
    """Count, sum, classic buckets and native ones are those of the state."""
    shown = 0
    read = {family.name: family for family in families(NativeRenderer({}).render(collected))}
    for family in collected:
        if family.metric.kind is not Kind.HISTOGRAM:
            continue
        for (_, state), sample in zip(
            family.samples, read[family.metric.sample].metric, strict=True
        ):
            assert isinstance(state, HistogramState)
            assert state.cells is not None
            histogram = sample.histogram
            native = exponential(state.layout, state.cells)
            assert histogram.sample_count == state.count
            assert histogram.sample_sum == pytest.approx(state.sum_ns / 1e9)
            assert [each.cumulative_count for each in histogram.bucket] == list(
                accumulate(state.buckets)
            )
            edges = [each.upper_bound for each in histogram.bucket]
            assert edges == [*state.layout.edges_s, float("inf")]
            assert (histogram.schema, histogram.zero_count) == (native.schema, native.zero_count)
            assert histogram.zero_threshold == native.zero_threshold_s
            spans = tuple((each.offset, each.length) for each in histogram.positive_span)
            assert (spans, tuple(histogram.positive_delta)) == (native.spans, native.deltas)
            shown += 1
    assert shown == 2


def test_histogram_without_cells_is_a_mistake_of_ours() -> None:
    """Durations collected without their cells cannot be rendered natively."""
    with pytest.raises(TypeError, match="without its cells"):
        NativeRenderer({}).render(filled().collect())


def test_rendering_again_shows_what_is_new(collected: list[Family]) -> None:
    """A renderer shows the values of the present, and forgets samples that are gone."""
    renderer = NativeRenderer({"service": "s"})
    first = renderer.render(collected)
    assert renderer.render(collected) == first
    many = [((f"a{n}",), n) for n in range(1000)]
    metric = catalogue.DROPPED
    renderer.render([Family(metric, many)])
    (family,) = families(renderer.render([Family(metric, [(("a7",), 9)])]))
    assert [(labels(each)[-1], each.counter.value) for each in family.metric] == [
        (("reason", "a7"), 9.0)
    ]
    assert len(renderer._kept[metric]) == 1


def test_process_metrics_are_there_too() -> None:
    """A protobuf answer has the metrics of the process as the text has them."""
    endpoint = Endpoint(filled(), service="s", native_histograms=True)
    body = get(endpoint, "/metrics", headers=PROTOBUF).body
    read = {family.name: family for family in families(body)}
    text = get(endpoint, "/metrics").body.decode()
    named = {
        line.split()[2]
        for line in text.splitlines()
        if line.startswith("# TYPE") and not line.split()[2].endswith("_created")
    }
    # The first answer has no time of the one before it.
    assert named - {"agentmon_scrape_duration_seconds"} <= set(read)
    (memory,) = read["process_resident_memory_bytes"].metric
    assert labels(memory) == (("service", "s"),)
    assert memory.gauge.value > 0
    (processor,) = read["process_cpu_seconds_total"].metric
    assert processor.counter.value > 0


def test_names_can_be_chosen() -> None:
    """``name[]`` chooses families of the protobuf format as of the text."""
    endpoint = Endpoint(filled(), native_histograms=True)
    query = "name[]=agentmon_agent_calls_total&name[]=process_open_fds"
    body = get(endpoint, "/metrics", query, PROTOBUF).body
    assert [each.name for each in families(body)] == [
        "agentmon_agent_calls_total",
        "process_open_fds",
    ]
