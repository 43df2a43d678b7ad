"""
The two text formats that Prometheus reads: its own 0.0.4 and OpenMetrics 1.0.

Their sample lines are the same here; only what stands above and below them differs. What does not
change from one rendering to the next, everything but the numbers, is kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, chain

from agentmon.model.metric import Kind, Metric
from agentmon.model.outcome import OUTCOMES
from agentmon.model.snapshot import ByOutcome, Distribution, Family, HistogramState, Sample

__all__ = ["Renderer", "edge_text", "number_text", "seconds_text", "within_bucket_ns"]

_NS = 10**9
_SLACK = 64  # lines that are kept although their series are gone


class Renderer:
    r"""
    Renders families, again and again, in either format.

    Guarantees:
        - The output is valid UTF-8 whatever the label values are: a lone surrogate is written as
          its escape, such as ``\udc80``.
        - Integers and sums of durations are written exactly.
        - What is kept is at most twice what the last rendering needed.
        - Two threads may render at once.

    Args:
        constant_labels: Labels that come first on every sample.
    """

    def __init__(self, constant_labels: Mapping[str, str] | None = None) -> None:
        constant = constant_labels or {}
        self._constant = _pairs(constant, constant.values())
        self._lines: dict[Metric, _Prefixes] = {}
        self._bodies: dict[tuple[Metric, tuple[float, ...]], str] = {}

    def prometheus(self, families: Iterable[Family]) -> bytes:
        """Text format 0.0.4."""
        parts: list[str] = []
        for family in families:
            metric = family.metric
            name = metric.sample
            kind = "gauge" if metric.kind is Kind.INFO else metric.kind.value
            parts.append(f"# HELP {name} {_escape_help(metric.help)}\n# TYPE {name} {kind}\n")
            parts.extend(self._samples(family, exemplars=False))
        return "".join(parts).encode()

    def openmetrics(self, families: Iterable[Family]) -> bytes:
        """OpenMetrics 1.0."""
        parts: list[str] = []
        for family in families:
            metric = family.metric
            name = metric.family
            parts.append(f"# HELP {name} {_escape(metric.help)}\n")
            parts.append(f"# TYPE {name} {metric.kind.value}\n")
            if metric.unit.value:
                parts.append(f"# UNIT {name} {metric.unit.value}\n")
            parts.extend(self._samples(family, exemplars=True))
        parts.append("# EOF\n")
        return "".join(parts).encode()

    def _samples(self, family: Family, *, exemplars: bool) -> Iterable[str]:
        metric, samples = family.metric, family.samples
        if metric.kind is Kind.HISTOGRAM:
            known = self._known(metric, _Labels, len(samples))
            return self._histograms(metric, samples, known, exemplars=exemplars)
        if isinstance(samples, ByOutcome):
            groups = samples.groups
            known = self._known(metric, _Groups, len(groups))
            return [known[labels] % counts for labels, counts in groups]
        known = self._known(metric, _Prefixes, len(samples))
        return [
            f"{known[labels]}{value if value.__class__ is int else number_text(value)}\n"
            for labels, value in samples
        ]

    def _known(self, metric: Metric, form: type[_Prefixes], needed: int) -> _Prefixes:
        """What is kept of the lines of a metric, begun anew where most of it is not needed."""
        known = self._lines.get(metric)
        if type(known) is not form or len(known) > 2 * needed + _SLACK:
            known = self._lines[metric] = form(self, metric)
        return known

    def _histograms(
        self,
        metric: Metric,
        samples: Iterable[Sample],
        known: Mapping[tuple[str, ...], str],
        *,
        exemplars: bool,
    ) -> Iterable[str]:
        name = metric.sample
        for labels, state in samples:
            if not isinstance(state, HistogramState | Distribution):
                raise TypeError(f"{name}: got {type(state).__name__}, allowed a histogram")
            inner = known[labels]
            outer = f"{{{inner[:-1]}}}" if inner else ""
            buckets = self._buckets(metric, state.edges) % (*accumulate(state.buckets),)
            if exemplars and isinstance(state, HistogramState) and state.exemplars:
                buckets = _with_exemplars(buckets, state)
            # No label is in the text yet, so the only NULs in it are the template's.
            yield buckets.replace("\0", inner)
            total = (
                seconds_text(state.sum_ns)
                if isinstance(state, HistogramState)
                else number_text(state.total)
            )
            yield f"{name}_count{outer} {state.count}\n{name}_sum{outer} {total}\n"

    def _buckets(self, metric: Metric, edges_s: tuple[float, ...]) -> str:
        """The bucket lines of one histogram: NUL where labels go, ``%d`` where counts go."""
        body = self._bodies.get((metric, edges_s))
        if body is None:
            edges = chain(map(edge_text, edges_s), ("+Inf",))
            body = "".join(f'{metric.sample}_bucket{{\0le="{edge}"}} %d\n' for edge in edges)
            self._bodies = {**dict(list(self._bodies.items())[-_SLACK:]), (metric, edges_s): body}
        return body

    def labels(self, metric: Metric, values: Sequence[str]) -> str:
        """The labels of one sample, constant ones first, without braces."""
        own = _pairs(metric.label_names, values)
        return f"{self._constant},{own}" if self._constant and own else self._constant or own


def _with_exemplars(buckets: str, state: HistogramState) -> str:
    """The bucket lines of one histogram with the traces that stand for them."""
    lines = buckets.split("\n")
    for place, exemplar in (state.exemplars or {}).items():
        trace, span = f"{exemplar.trace_id:032x}", f"{exemplar.span_id:016x}"
        value = seconds_text(within_bucket_ns(state, place, exemplar.duration_ns))
        at = seconds_text(exemplar.at_ns)
        lines[place] += f' # {{trace_id="{trace}",span_id="{span}"}} {value} {at}'
    return "\n".join(lines)


def within_bucket_ns(state: HistogramState, place: int, duration_ns: int) -> int:
    """A duration, at most the edge of its bucket, which it may exceed by a part of a cell."""
    edges_s = state.layout.edges_s
    return min(duration_ns, round(edges_s[place] * _NS)) if place < len(edges_s) else duration_ns


class _Prefixes(dict[tuple[str, ...], str]):
    """What stands before the number, by label values."""

    def __init__(self, renderer: Renderer, metric: Metric) -> None:
        super().__init__()
        self._renderer = renderer
        self._metric = metric

    def __missing__(self, values: tuple[str, ...]) -> str:
        labels = self._renderer.labels(self._metric, values)
        name = self._metric.sample
        prefix = self[values] = f"{name}{{{labels}}} " if labels else f"{name} "
        return prefix


class _Labels(_Prefixes):
    """The labels of a sample with a comma after each, by label values."""

    def __missing__(self, values: tuple[str, ...]) -> str:
        labels = self._renderer.labels(self._metric, values)
        inner = self[values] = f"{labels}," if labels else ""
        return inner


class _Groups(_Prefixes):
    """The lines of all five outcomes with ``%d`` where counts go, by the label values before."""

    def __missing__(self, values: tuple[str, ...]) -> str:
        name = self._metric.sample
        text = ""
        for outcome in OUTCOMES:
            labels = self._renderer.labels(self._metric, (*values, outcome))
            text += f"{name}{{{labels}}} ".replace("%", "%%") + "%d\n"
        self[values] = text
        return text


def seconds_text(value_ns: int) -> str:
    """A number of nanoseconds in seconds, exact, as in ``0.25``."""
    whole, rest = divmod(abs(value_ns), _NS)
    sign = "-" if value_ns < 0 else ""
    return f"{sign}{whole}.{f'{rest:09d}'.rstrip('0') or '0'}"


def number_text(value: object) -> str:
    """A number as both formats spell it."""
    if isinstance(value, int):
        return str(int(value))
    if not isinstance(value, float):
        raise TypeError(f"sample: got {type(value).__name__}, allowed a number")
    if math.isfinite(value):
        return repr(float(value))
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


def edge_text(edge_s: float) -> str:
    """
    The edge of a bucket, in the one spelling that OpenMetrics allows.

    Source: OpenMetrics, "Considerations: Canonical Numbers"; from 10**6 on, powers of ten.
    """
    text = repr(float(edge_s))
    whole, _, rest = text.partition(".")
    if len(whole) <= 6 or "e" in text:  # noqa: PLR2004  # as the standard says
        return text
    mantissa = f"{whole[0]}.{whole[1:]}{rest}".rstrip("0").rstrip(".")
    return f"{mantissa}e+{len(whole) - 1:02d}"


def _pairs(names: Iterable[str], values: Iterable[str]) -> str:
    return ",".join(f'{name}="{_escape(value)}"' for name, value in zip(names, values, strict=True))


def _escape(text: str) -> str:
    clean = text.encode(errors="backslashreplace").decode()
    return clean.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _escape_help(text: str) -> str:
    """Help as 0.0.4 has it, where quotes stay as they are."""
    return text.replace("\\", "\\\\").replace("\n", "\\n")
