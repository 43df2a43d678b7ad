"""The bridge to prometheus_client, in a real registry of it."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_prometheus

from agentmon.export.collector import AgentmonCollector, ProcessMetrics
from agentmon.model import catalogue
from agentmon.model.buckets import Layout
from agentmon.model.exemplar import Exemplar
from agentmon.model.metric import Metric
from agentmon.model.snapshot import Family, HistogramState
from tests.export.recording import SECOND, TRIAGE, filled, record

AGENT = {"agent": "triage", "operation": "invoke"}


@pytest.fixture
def registry() -> CollectorRegistry:
    """A host's registry."""
    return CollectorRegistry()


def test_the_host_sees_every_value(registry: CollectorRegistry) -> None:
    """Counters, histograms, gauges and infos are in the host's registry, with exact values."""
    recorded = filled()
    recorded.bind(TRIAGE, None).live[object()] = recorded.clock() - 3 * SECOND
    registry.register(AgentmonCollector(lambda: ({}, recorded.collect())))
    ok, error = {**AGENT, "outcome": "ok"}, {**AGENT, "outcome": "error"}
    value = registry.get_sample_value
    assert value("agentmon_agent_calls_total", ok) == 6
    assert value("agentmon_agent_calls_total", error) == 1
    assert value("agentmon_agent_duration_seconds_count", ok) == 6
    assert value("agentmon_agent_duration_seconds_sum", ok) == 24.42
    assert value("agentmon_agent_duration_seconds_bucket", {**ok, "le": "0.25"}) == 3
    assert value("agentmon_agent_duration_seconds_bucket", {**ok, "le": "+Inf"}) == 6
    assert value("agentmon_agent_errors_total", {**AGENT, "error_type": "ValueError"}) == 1
    assert value("agentmon_agent_in_flight", AGENT) == 1
    assert value("agentmon_agent_oldest_in_flight_seconds", AGENT) == 3.0
    facts = {"agent": "triage", "version": "3.2", "team": "support", "tier": "frontline"}
    assert value("agentmon_agent_info", facts) == 1
    assert value("agentmon_series") == 1


def test_each_scrape_sees_the_present(registry: CollectorRegistry) -> None:
    """The source is asked anew at every scrape."""
    recorded = filled()
    registry.register(AgentmonCollector(lambda: ({}, recorded.collect())))
    ok = {**AGENT, "outcome": "ok"}
    assert registry.get_sample_value("agentmon_agent_calls_total", ok) == 6
    record(recorded, TRIAGE, 1.0)
    assert registry.get_sample_value("agentmon_agent_calls_total", ok) == 7


def test_constant_labels_are_on_every_sample(registry: CollectorRegistry) -> None:
    """Service and region reach each sample there as well, infos and histograms included."""
    constant = {"service": "s", "region": "r"}
    registry.register(AgentmonCollector(lambda: (constant, filled().collect())))
    samples = [sample for family in registry.collect() for sample in family.samples]
    assert len(samples) > 50
    assert all(s.labels["service"] == "s" and s.labels["region"] == "r" for s in samples)


def test_registering_twice_is_found(registry: CollectorRegistry) -> None:
    """A second collector in one registry is refused, although nothing was recorded yet."""
    registry.register(AgentmonCollector(lambda: ({}, [])))
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        registry.register(AgentmonCollector(lambda: ({}, [])))


@pytest.mark.parametrize("metric", catalogue.CATALOGUE, ids=lambda metric: metric.sample)
def test_a_name_of_the_catalogue_is_taken(registry: CollectorRegistry, metric: Metric) -> None:
    """The host cannot register a metric by a name that agentmon may come to show."""
    registry.register(AgentmonCollector(lambda: ({}, [])))
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        Gauge(metric.sample, "Another.", registry=registry)


def test_the_host_keeps_its_own(registry: CollectorRegistry) -> None:
    """Both sets of metrics leave through the host's exposition."""
    Counter("requests", "Requests.", registry=registry).inc()
    registry.register(AgentmonCollector(lambda: ({}, filled().collect())))
    text = generate_latest(registry).decode()
    names = {family.name for family in parse_prometheus(text)}
    assert {"requests", "agentmon_agent_calls", "agentmon_agent_duration_seconds"} <= names


@pytest.mark.parametrize(
    "metric",
    [catalogue.SERIES, catalogue.SCRAPES, catalogue.OPERATIONS["workflow"].duration],
    ids=lambda metric: metric.kind.value,
)
def test_a_value_of_the_wrong_kind_is_refused(metric: Metric) -> None:
    """A sample that does not fit its metric is an error of agentmon's, not a wrong number."""
    labels = tuple("x" for _ in metric.labels)
    wrong = Family(metric, [(labels, "1")])  # type: ignore[list-item]
    with pytest.raises(TypeError, match=f"{metric.family}: got str"):
        list(AgentmonCollector(lambda: ({}, [wrong])).collect())


def test_process_metrics_are_of_this_process() -> None:
    """The usual metrics of a Python process are there in both formats."""
    metrics = ProcessMetrics()
    for text, parse in (
        (metrics.prometheus(), parse_prometheus),
        (metrics.openmetrics(), parse_openmetrics),
    ):
        names = {family.name for family in parse(text.decode())}
        assert {"process_resident_memory_bytes", "python_gc_collections"} <= names


def test_process_metrics_can_be_chosen_and_labelled() -> None:
    """Only the families named are shown, with the constant labels added."""
    text = ProcessMetrics({"region": "r"}).prometheus(["process_cpu_seconds_total"]).decode()
    ((sample,),) = [family.samples for family in parse_prometheus(text)]
    assert (sample.name, sample.labels) == ("process_cpu_seconds_total", {"region": "r"})


def test_the_hosts_registry_is_left_alone() -> None:
    """Showing process metrics registers nothing with the host."""
    from prometheus_client import REGISTRY

    before = set(REGISTRY._collector_to_names)
    ProcessMetrics().prometheus()
    assert set(REGISTRY._collector_to_names) == before


def test_exemplars_reach_the_hosts_registry(registry: CollectorRegistry) -> None:
    """The host's OpenMetrics answer has exemplars on their buckets, and its text has none."""
    state = HistogramState(
        Layout(edges_s=(0.1, 1.0)),
        (1, 1, 1),
        3,
        5 * SECOND,
        exemplars={
            0: Exemplar(0xABC, 0xDEF, 100_200_000, SECOND),
            2: Exemplar(7, 8, 9 * SECOND, 1_790_000_000_500_000_000),
        },
    )
    families = [Family(catalogue.OPERATIONS["workflow"].duration, [(("w", "ok"), state)])]
    registry.register(AgentmonCollector(lambda: ({}, families)))
    (family,) = parse_openmetrics(openmetrics(registry).decode())
    shown = {
        sample.labels["le"]: (
            sample.exemplar.labels,
            sample.exemplar.value,
            float(sample.exemplar.timestamp),
        )
        for sample in family.samples
        if sample.exemplar is not None
    }
    assert shown == {
        "0.1": ({"trace_id": f"{0xABC:032x}", "span_id": f"{0xDEF:016x}"}, 0.1, 1.0),
        "+Inf": ({"trace_id": f"{7:032x}", "span_id": f"{8:016x}"}, 9.0, 1_790_000_000.5),
    }
    assert b"trace_id" not in generate_latest(registry)
