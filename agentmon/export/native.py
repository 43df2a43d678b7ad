"""
Prometheus' protobuf format, which is the one way to scrape native histograms.

Each family is a message with its length before it. Histograms have their classic buckets as well.

Source: ``io/prometheus/client/metrics.proto`` of prometheus/client_model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Any, Final, Protocol

from agentmon.export.text import within_bucket_ns
from agentmon.export.wire import data, double, text, varint, varint_field, zigzag
from agentmon.model.exponential import exponential
from agentmon.model.metric import Kind, Metric
from agentmon.model.snapshot import Exemplar, Family, HistogramState

__all__ = ["foreign_families", "render"]

_COUNTER, _GAUGE, _HISTOGRAM = 0, 1, 4
_TYPES: Final = {
    Kind.COUNTER: _COUNTER,
    Kind.GAUGE: _GAUGE,
    Kind.INFO: _GAUGE,
    Kind.HISTOGRAM: _HISTOGRAM,
}
_VALUE_FIELD: Final = {_GAUGE: 2, _COUNTER: 3}
_INFINITY: Final = float("inf")
_NS: Final = 10**9


class ForeignMetric(Protocol):
    """A family as ``prometheus_client`` collects it, as far as it is needed here."""

    name: str
    documentation: str
    type: str
    samples: Any


def render(families: Iterable[Family], constant_labels: Mapping[str, str]) -> bytes:
    """
    Families in the protobuf format.

    Args:
        families: The families; durations with their cells.
        constant_labels: Labels of every sample.
    """
    constant = _labels(constant_labels.items())
    return b"".join(_family(family, constant) for family in families if len(family.samples))


def foreign_families(families: Iterable[ForeignMetric]) -> bytes:
    """Counters and gauges that ``prometheus_client`` collected, in the protobuf format."""
    parts: list[bytes] = []
    for family in families:
        kind = _COUNTER if family.type == "counter" else _GAUGE
        name = f"{family.name}_total" if kind == _COUNTER else family.name
        body = [_head(name, family.documentation, kind)]
        for sample in family.samples:
            if sample.name in (name, f"{family.name}_info"):  # not the times of creation
                value = data(_VALUE_FIELD[kind], double(1, sample.value))
                body.append(data(4, _labels(sample.labels.items()) + value))
        parts.append(_delimited(b"".join(body)))
    return b"".join(parts)


def _delimited(message: bytes) -> bytes:
    return varint(len(message)) + message


def _head(name: str, help_text: str, kind: int) -> bytes:
    return text(1, name) + text(2, help_text) + varint_field(3, kind)


def _labels(pairs: Iterable[tuple[str, str]]) -> bytes:
    return b"".join(data(1, text(1, name) + text(2, value)) for name, value in pairs)


def _family(family: Family, constant: bytes) -> bytes:
    metric = family.metric
    kind = _TYPES[metric.kind]
    body = [_head(metric.sample, metric.help, kind)]
    names = metric.label_names
    for values, value in family.samples:
        labels = constant + _labels(zip(names, values, strict=True))
        body.append(data(4, labels + _value(metric, kind, value)))
    return _delimited(b"".join(body))


def _value(metric: Metric, kind: int, value: float | HistogramState) -> bytes:
    if isinstance(value, HistogramState):
        return data(7, _histogram(metric, value))
    return data(_VALUE_FIELD[kind], double(1, value))


def _exemplar(state: HistogramState, place: int, exemplar: Exemplar) -> bytes:
    labels = _labels(
        (("trace_id", f"{exemplar.trace_id:032x}"), ("span_id", f"{exemplar.span_id:016x}"))
    )
    value_s = within_bucket_ns(state, place, exemplar.duration_ns) / _NS
    seconds, rest_ns = divmod(exemplar.at_ns, _NS)
    at = varint_field(1, seconds) + varint_field(2, rest_ns)
    return data(3, labels + double(2, value_s) + data(3, at))


def _histogram(metric: Metric, state: HistogramState) -> bytes:
    if state.cells is None:
        raise TypeError(f"{metric.sample}: got a histogram without its cells")
    native = exponential(state.layout, state.cells)
    edges = (*state.layout.edges_s, _INFINITY)
    parts = [varint_field(1, state.count), double(2, state.sum_ns / _NS)]
    shown = state.exemplars or {}
    for place, (below, edge) in enumerate(zip(accumulate(state.buckets), edges, strict=True)):
        exemplar = _exemplar(state, place, shown[place]) if place in shown else b""
        parts.append(data(3, varint_field(1, below) + double(2, edge) + exemplar))
    parts += (
        varint_field(5, zigzag(native.schema)),
        double(6, native.zero_threshold_s),
        varint_field(7, native.zero_count),
    )
    parts.extend(
        data(12, varint_field(1, zigzag(offset)) + varint_field(2, length))
        for offset, length in native.spans
    )
    parts.extend(varint_field(13, zigzag(delta)) for delta in native.deltas)
    return b"".join(parts)
