"""
Metrics as the bytes of a request to a collector.

Names are those of the text formats, with the suffixes of unit and ``_total``: what translates OTLP
for Prometheus finds them there and appends nothing, and what translates nothing keeps them.

Source: opentelemetry-proto 1.x, metrics.proto and metrics_service.proto.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, Final

from agentmon._version import __version__
from agentmon.export.otlp.common import MOST_BYTES, Request, attributes, scope
from agentmon.export.standard import Attributes, readings
from agentmon.export.wire import data, double, fixed64, key, text, varint_field
from agentmon.model.attributes import Generation
from agentmon.model.metric import Kind, Metric, Unit
from agentmon.model.snapshot import Distribution, Family, HistogramState, Value
from agentmon.model.standard import Standard
from agentmon.tracing.span import Library

__all__ = ["encode"]

_SCOPE: Final = scope(Library("agentmon", __version__))
#: UCUM's names. A unit that it cannot say well is none, as it would become a suffix.
_UNITS: Final = {Unit.SECONDS: "s", Unit.BYTES: "By", Unit.RATIO: "1"}
_CUMULATIVE: Final = varint_field(2, 2)
_MONOTONIC: Final = varint_field(3, 1)
#: Where a metric holds its points, by the number of the field.
_GAUGE, _SUM, _HISTOGRAM = 5, 7, 9
_SIGNED: Final = struct.Struct("<q").pack
_LOWEST: Final = -(1 << 63)
_HIGHEST: Final = (1 << 63) - 1


def encode(
    families: Sequence[Family],
    resource: bytes,
    *,
    begun_ns: int,
    at_ns: int,
    constant_labels: Mapping[str, str] | None = None,
    standard: Generation | None = None,
) -> list[Request]:
    """
    Metrics as requests, one unless they are large.

    Args:
        families: The metrics and their samples.
        resource: The resource that they are of, encoded.
        begun_ns: When counting began, in nanoseconds since 1970.
        at_ns: When the values were read, likewise.
        constant_labels: Attributes that come first on every point of ours.
        standard: Generation of the conventions whose metrics are to be made too, of families that
            come with their cells.

    Returns:
        The requests, each of at most about `MOST_BYTES`; their items are points.

    Raises:
        TypeError: If the value of a sample is none that its metric can have.
    """
    constant = tuple((constant_labels or {}).items())
    counted = fixed64(2, begun_ns) + fixed64(3, at_ns)
    read = fixed64(3, at_ns)
    requests: list[Request] = []
    metrics: list[bytes] = []
    size = count = 0
    ours = (
        (
            partial(_metric, family.metric),
            partial(_point, family.metric, constant),
            counted if family.metric.kind in (Kind.COUNTER, Kind.HISTOGRAM) else read,
            family.samples,
        )
        for family in families
    )
    for whole, part, times, samples in chain(ours, _standard(families, standard, counted)):
        points: list[bytes] = []
        for labels, value in samples:
            point = data(1, part(labels, value, times))
            if size + len(point) > MOST_BYTES and count:
                requests.append(_request(resource, [*metrics, whole(points)], count))
                metrics, points, size, count = [], [], 0, 0
            points.append(point)
            size += len(point)
            count += 1
        metrics.append(whole(points))
    if count:
        requests.append(_request(resource, metrics, count))
    return requests


def _request(resource: bytes, metrics: Iterable[bytes], count: int) -> Request:
    of_scope = data(1, _SCOPE) + b"".join(metrics)
    return Request(data(1, data(1, resource) + data(2, of_scope)), count)


def _standard(
    families: Sequence[Family], generation: Generation | None, times: bytes
) -> Iterator[tuple[Any, Any, bytes, Any]]:
    """The metrics of the conventions: what makes one, what makes a point, and their samples."""
    if generation is None:
        return
    for of, points in readings(families, generation):
        samples = [(attributes, each.distribution(of.edges)) for attributes, each in points.items()]
        yield partial(_standard_metric, of), _standard_point, times, samples


def _standard_metric(standard: Standard, points: list[bytes]) -> bytes:
    if not points:
        return b""
    head = text(1, standard.name) + text(2, standard.help) + text(3, standard.unit)
    return data(2, head + data(_HISTOGRAM, b"".join(points) + _CUMULATIVE))


def _standard_point(labelled: Attributes, value: Distribution, times: bytes) -> bytes:
    return times + _counts(value) + attributes(9, labelled)


def _metric(metric: Metric, points: list[bytes]) -> bytes:
    if not points:
        return b""
    unit = _UNITS.get(metric.unit)
    head = text(1, metric.sample) + text(2, metric.help) + (text(3, unit) if unit else b"")
    held = b"".join(points)
    if metric.kind is Kind.COUNTER:
        return data(2, head + data(_SUM, held + _CUMULATIVE + _MONOTONIC))
    if metric.kind is Kind.HISTOGRAM:
        return data(2, head + data(_HISTOGRAM, held + _CUMULATIVE))
    return data(2, head + data(_GAUGE, held))


def _point(
    metric: Metric,
    constant: tuple[tuple[str, str], ...],
    labels: tuple[str, ...],
    value: Value,
    times: bytes,
) -> bytes:
    labelled = (*constant, *zip(metric.label_names, labels, strict=True))
    if metric.kind is Kind.HISTOGRAM:
        if not isinstance(value, HistogramState | Distribution):
            raise TypeError(f"{metric.sample}: got {type(value).__name__}, allowed a histogram")
        return times + _counts(value) + attributes(9, labelled)
    if isinstance(value, int) and _LOWEST <= value <= _HIGHEST:
        return times + key(6, 1) + _SIGNED(value) + attributes(7, labelled)
    if isinstance(value, int | float):
        return times + double(4, float(value)) + attributes(7, labelled)
    raise TypeError(f"{metric.sample}: got {type(value).__name__}, allowed a number")


def _counts(state: HistogramState | Distribution) -> bytes:
    edges, buckets = state.edges, state.buckets
    return (
        fixed64(4, state.count)
        + double(5, state.total)
        + data(6, struct.pack(f"<{len(buckets)}Q", *buckets))
        + data(7, struct.pack(f"<{len(edges)}d", *edges))
    )
