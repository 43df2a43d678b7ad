"""A scrape: collecting and rendering, against prometheus_client in the same process."""

from __future__ import annotations

import gzip
from time import perf_counter_ns

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import generate_latest

from agentmon.export.native import NativeRenderer
from agentmon.export.text import Renderer
from agentmon.model.buckets import EDGES_S, Layout
from agentmon.record.declaration import Declaration
from agentmon.record.registry import Registry
from tests.bench.rounds import Case, interleave, one_call
from tests.bench.table import Row, at_least, no_target

__all__ = ["scrape"]

_COUNTERS = 10_000
_OUTCOMES = 5
_HISTOGRAMS = 100


def _idle() -> Registry:
    """2,000 operations that were declared and not called: 10,000 counters, 4,000 gauges."""
    registry = Registry(Layout(), perf_counter_ns, max_series=_COUNTERS)
    for agent in range(20):
        scope = registry.bind(Declaration("agent", f"agent{agent}"), None).scope
        for tool in range(_COUNTERS // _OUTCOMES // 20):
            registry.bind(Declaration("tool", f"tool{tool}"), scope)
    return registry


def _called() -> Registry:
    """100 operations that were called: 100 histograms, and all that goes with them."""
    registry = Registry(Layout(), perf_counter_ns)
    for agent in range(_HISTOGRAMS):
        recorder = registry.bind(Declaration("agent", f"agent{agent}", "invoke"), None)
        recorder.enter_cell(perf_counter_ns())
        recorder.plain.extend(range(10**7, 10**10, 10**8))
    return registry


def _counters() -> CollectorRegistry:
    registry = CollectorRegistry()
    counter = Counter("tool_calls", "d", ["tool", "agent", "outcome"], registry=registry)
    for n in range(_COUNTERS):
        counter.labels(f"tool{n // 100}", f"agent{n // 5 % 20}", f"outcome{n % 5}").inc()
    return registry


def _histograms() -> CollectorRegistry:
    registry = CollectorRegistry()
    histogram = Histogram(
        "duration_seconds",
        "d",
        ["agent", "operation", "outcome"],
        registry=registry,
        buckets=EDGES_S,
    )
    for n in range(_HISTOGRAMS):
        for value in range(10**7, 10**10, 10**8):
            histogram.labels(f"agent{n}", "invoke", "ok").observe(value / 1e9)
    return registry


def _samples(text: bytes) -> int:
    return sum(not line.startswith(b"#") for line in text.splitlines())


def scrape(rounds: int) -> list[Row]:
    """Rendering 10,000 counters, and 100 histograms; compressing the former."""
    idle, called = _idle(), _called()
    constant = {"service": "bench", "region": "local"}
    renderer, native = Renderer(constant), NativeRenderer(constant)
    begun_ns = perf_counter_ns()
    text = renderer.prometheus(idle.collect())
    first_ns = perf_counter_ns() - begun_ns
    counters, histograms = _counters(), _histograms()

    def without_created() -> bytes:
        prometheus_client.disable_created_metrics()
        try:
            return generate_latest(counters)
        finally:
            prometheus_client.enable_created_metrics()

    theirs = (_samples(generate_latest(counters)), _samples(without_created()))
    if theirs != (2 * _COUNTERS, _COUNTERS):
        raise AssertionError(f"prometheus_client rendered {theirs} samples")
    own = _samples(text)
    compressed = gzip.compress(text, compresslevel=1, mtime=0)
    cases = {
        "idle": lambda: renderer.prometheus(idle.collect()),
        "called": lambda: renderer.prometheus(called.collect()),
        "idle native": lambda: native.render(idle.collect(cells=True)),
        "called native": lambda: native.render(called.collect(cells=True)),
        "gzip": lambda: gzip.compress(text, compresslevel=1, mtime=0),
        "counters": lambda: generate_latest(counters),
        "without created": without_created,
        "histograms": lambda: generate_latest(histograms),
    }
    timings = interleave([Case(name, one_call(run), 1) for name, run in cases.items()], rounds)
    ms = {name: timing.least_ns / 1e6 for name, timing in timings.items()}
    return [
        at_least(
            "scrape of 10,000 counters",
            ms["counters"] / ms["idle"],
            20,
            "{:.0f} × faster than prometheus_client",
            f"{ms['idle']:.1f} ms for {own:,} samples, {first_ns / 1e6:.0f} ms the first time; "
            f"{ms['counters']:.0f} ms for {2 * _COUNTERS:,}",
        ),
        no_target(
            "the same, without creation times",
            f"{ms['without created'] / ms['idle']:.0f} × faster than prometheus_client",
            f"{ms['without created']:.0f} ms for {_COUNTERS:,} samples",
        ),
        no_target(
            "scrape of 100 histograms",
            f"{ms['histograms'] / ms['called']:.0f} × faster than prometheus_client",
            f"{ms['called']:.2f} ms with counters and gauges; {ms['histograms']:.1f} ms without, "
            f"{len(EDGES_S)} edges each",
        ),
        no_target(
            "the same over protobuf, native histograms",
            f"{ms['called native'] / ms['called']:.1f} × the text",
            f"{ms['called native']:.1f} ms; the 10,000 counters {ms['idle native']:.1f} ms",
        ),
        no_target(
            "gzip of the 10,000 counters",
            f"{ms['gzip']:.1f} ms",
            f"{len(text) / 1024:,.0f} KiB become {len(compressed) / 1024:,.0f} KiB",
        ),
    ]
