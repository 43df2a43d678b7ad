"""
Prometheus' protobuf format, which is the one way to scrape native histograms.

Each family is a message with its length before it. Histograms have their classic buckets as well.

Source: ``io/prometheus/client/metrics.proto`` of prometheus/client_model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import accumulate
from struct import Struct
from typing import Any, Final, Protocol

from agentmon.export.text import within_bucket_ns
from agentmon.export.wire import (
    data,
    double,
    packed_signed,
    text,
    varint,
    varint_field,
    zigzag,
)
from agentmon.model.exemplar import Exemplar
from agentmon.model.exponential import exponential
from agentmon.model.metric import Kind, Metric
from agentmon.model.snapshot import Distribution, Family, HistogramState, Value

__all__ = ["NativeRenderer", "foreign_families"]

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
_NUMBER: Final = Struct("<d").pack
_SLACK: Final = 64  # samples that are kept although their series are gone


class ForeignMetric(Protocol):
    """A family as ``prometheus_client`` collects it, as far as it is needed here."""

    name: str
    documentation: str
    type: str
    samples: Any


class NativeRenderer:
    """
    Renders families in the protobuf format, again and again.

    Guarantees:
        - What is kept, the labels of samples, is at most twice what the last rendering needed.
        - Two threads may render at once.

    Args:
        constant_labels: Labels that come first on every sample.
    """

    def __init__(self, constant_labels: Mapping[str, str]) -> None:
        self._constant = _labels(constant_labels.items())
        self._kept: dict[Metric, _Labels] = {}

    def render(self, families: Iterable[Family]) -> bytes:
        """
        Messages, each with its length before it.

        Args:
            families: The families; durations with their cells.
        """
        return b"".join(self._family(family) for family in families if len(family.samples))

    def _family(self, family: Family) -> bytes:
        metric = family.metric
        kind = _TYPES[metric.kind]
        kept = self._kept.get(metric)
        if kept is None or len(kept) > 2 * len(family.samples) + _SLACK:
            form = _Labels if kind == _HISTOGRAM else _Beginnings
            kept = self._kept[metric] = form(self._constant, metric)
        body = [_head(metric.sample, metric.help, kind)]
        if kind == _HISTOGRAM:
            body += [
                data(4, kept[labels] + data(7, _histogram(metric, value)))
                for labels, value in family.samples
            ]
        else:
            body += [kept[labels] + _NUMBER(value) for labels, value in family.samples]
        return _delimited(b"".join(body))


class _Labels(dict[tuple[str, ...], bytes]):
    """The labels of a sample, by their values."""

    def __init__(self, constant: bytes, metric: Metric) -> None:
        super().__init__()
        self._constant = constant
        self._metric = metric

    def __missing__(self, values: tuple[str, ...]) -> bytes:
        kept = self[values] = self._made(values)
        return kept

    def _made(self, values: tuple[str, ...]) -> bytes:
        return self._constant + _labels(zip(self._metric.label_names, values, strict=True))


class _Beginnings(_Labels):
    """What of a sample's message stands before the number, by the values of its labels."""

    def _made(self, values: tuple[str, ...]) -> bytes:
        value = data(_VALUE_FIELD[_TYPES[self._metric.kind]], double(1, 0.0))
        return data(4, super()._made(values) + value)[:-8]


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


def _exemplar(state: HistogramState, place: int, exemplar: Exemplar) -> bytes:
    labels = _labels(
        (("trace_id", f"{exemplar.trace_id:032x}"), ("span_id", f"{exemplar.span_id:016x}"))
    )
    value_s = within_bucket_ns(state, place, exemplar.duration_ns) / _NS
    seconds, rest_ns = divmod(exemplar.at_ns, _NS)
    at = varint_field(1, seconds) + varint_field(2, rest_ns)
    return data(3, labels + double(2, value_s) + data(3, at))


@lru_cache(maxsize=32)  # durations have one layout, and few other things a histogram
def _edges(edges: tuple[float, ...]) -> tuple[bytes, ...]:
    return tuple(double(2, edge) for edge in (*edges, _INFINITY))


def _histogram(metric: Metric, state: Value) -> bytes:
    if isinstance(state, Distribution):
        return _classic(state, {})
    if not isinstance(state, HistogramState) or state.cells is None:
        raise TypeError(f"{metric.sample}: got a histogram without its cells")
    native = exponential(state.layout, state.cells)
    shown = state.exemplars or {}
    exemplars = {place: _exemplar(state, place, each) for place, each in shown.items()}
    parts = [
        _classic(state, exemplars),
        varint_field(5, zigzag(native.schema)),
        double(6, native.zero_threshold_s),
        varint_field(7, native.zero_count),
    ]
    parts.extend(
        data(12, varint_field(1, zigzag(offset)) + varint_field(2, length))
        for offset, length in native.spans
    )
    parts.append(packed_signed(13, native.deltas))
    return b"".join(parts)


def _classic(state: HistogramState | Distribution, exemplars: Mapping[int, bytes]) -> bytes:
    """Count, sum and classic buckets."""
    parts = [varint_field(1, state.count), double(2, state.total)]
    edges = _edges(state.edges)
    for place, (below, edge) in enumerate(zip(accumulate(state.buckets), edges, strict=True)):
        parts.append(data(3, varint_field(1, below) + edge + exemplars.get(place, b"")))
    return b"".join(parts)
