"""
The bridge to ``prometheus_client``, and the only module that loads it.

One way, it shows agentmon's metrics in a registry that the host has already. The other way, it
brings that package's ``process_*`` and ``python_*`` metrics to agentmon's own endpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import accumulate, count

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.metrics_core import Metric as ForeignMetric
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

from agentmon.export.text import edge_text, within_bucket_ns
from agentmon.model import catalogue, exemplar
from agentmon.model.metric import Kind, Metric
from agentmon.model.snapshot import Distribution, Family, HistogramState

__all__ = ["AgentmonCollector", "ProcessMetrics"]


class AgentmonCollector(Collector):
    """
    Agentmon's metrics for a registry of ``prometheus_client``.

    ::

        prometheus_client.REGISTRY.register(AgentmonCollector(source))

    Args:
        source: Called at each scrape; returns the labels that come first on every sample, and the
            families to show.
    """

    def __init__(self, source: Callable[[], tuple[Mapping[str, str], Iterable[Family]]]) -> None:
        self._source = source

    def collect(self) -> Iterator[ForeignMetric]:
        """Every family with its samples."""
        constant, families = self._source()
        for family in families:
            foreign = self._empty(family.metric, constant)
            for labels, value in family.samples:
                self._add(foreign, (*constant.values(), *labels), value)
            yield foreign

    def describe(self) -> Iterator[ForeignMetric]:
        """Every family that there can be, so that a name given twice is found at once."""
        return (self._empty(metric, {}) for metric in catalogue.CATALOGUE)

    @staticmethod
    def _empty(metric: Metric, constant: Mapping[str, str]) -> ForeignMetric:
        names = (*constant, *metric.label_names)
        name = metric.family
        if metric.kind is Kind.COUNTER:
            return CounterMetricFamily(name, metric.help, labels=names, unit=metric.unit.value)
        if metric.kind is Kind.HISTOGRAM:
            return HistogramMetricFamily(name, metric.help, labels=names, unit=metric.unit.value)
        if metric.kind is Kind.INFO:
            # Labels go with the value here, since that class tells the two apart.
            return InfoMetricFamily(name, metric.help, labels=names)
        return GaugeMetricFamily(name, metric.help, labels=names, unit=metric.unit.value)

    @staticmethod
    def _add(foreign: ForeignMetric, labels: tuple[str, ...], value: object) -> None:
        if isinstance(foreign, HistogramMetricFamily):
            if not isinstance(value, HistogramState | Distribution):
                raise TypeError(f"{foreign.name}: got {type(value).__name__}")
            edges = (*map(edge_text, value.edges), "+Inf")
            shown = (value.exemplars or {}) if isinstance(value, HistogramState) else {}
            buckets: list[tuple[str, float] | tuple[str, float, Exemplar]] = [
                (edge, below, _exemplar(value, place, shown[place]))
                if isinstance(value, HistogramState) and place in shown
                else (edge, below)
                for place, edge, below in zip(
                    count(), edges, accumulate(value.buckets), strict=False
                )
            ]
            foreign.add_metric(labels, buckets, value.total)
        elif isinstance(foreign, InfoMetricFamily):
            foreign.add_metric(labels, {})
        elif isinstance(foreign, (CounterMetricFamily, GaugeMetricFamily)):
            if not isinstance(value, (int, float)):
                raise TypeError(f"{foreign.name}: got {type(value).__name__}")
            foreign.add_metric(labels, value)


def _exemplar(state: HistogramState, place: int, own: exemplar.Exemplar) -> Exemplar:
    value_s = within_bucket_ns(state, place, own.duration_ns) / 1e9
    ids = {"trace_id": f"{own.trace_id:032x}", "span_id": f"{own.span_id:016x}"}
    return Exemplar(ids, value_s, own.at_ns / 1e9)


class ProcessMetrics:
    """
    The ``process_*`` and ``python_*`` metrics, as ``prometheus_client`` collects them.

    They are collected in a registry of their own; the host's is left alone.

    Args:
        constant_labels: Labels that come first on every sample.
    """

    def __init__(self, constant_labels: Mapping[str, str] | None = None) -> None:
        self._constant = dict(constant_labels or {})
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def prometheus(self, names: Collection[str] = ()) -> bytes:
        """
        Text format 0.0.4.

        Args:
            names: Families or samples to show; by default all.
        """
        return generate_latest(_Chosen(self._registry, self._constant, names))

    def openmetrics(self, names: Collection[str] = ()) -> bytes:
        """
        OpenMetrics 1.0, with the end mark.

        Args:
            names: Families or samples to show; by default all.
        """
        chosen = _Chosen(self._registry, self._constant, names)
        text: bytes = generate_openmetrics(chosen)  # type: ignore[no-untyped-call]
        return text

    def protobuf(self, names: Collection[str] = ()) -> bytes:
        """
        Prometheus' protobuf format.

        Args:
            names: Families or samples to show; by default all.
        """
        from agentmon.export.native import foreign_families  # noqa: PLC0415  # few ask for it

        return foreign_families(_Chosen(self._registry, self._constant, names).collect())


class _Chosen(Collector):
    """Some families of a registry, with more labels."""

    def __init__(
        self, registry: CollectorRegistry, labels: Mapping[str, str], names: Collection[str]
    ) -> None:
        self._registry = registry
        self._labels = labels
        self._names = frozenset(names)

    def collect(self) -> Iterator[ForeignMetric]:
        for metric in self._registry.collect():
            known = {metric.name, *(sample.name for sample in metric.samples)}
            if self._names and self._names.isdisjoint(known):
                continue
            metric.samples = [
                sample._replace(labels={**self._labels, **sample.labels})
                for sample in metric.samples
            ]
            yield metric
