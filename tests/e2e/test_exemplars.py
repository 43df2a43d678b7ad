"""Exemplars in real Prometheus servers: from a slow bucket to the trace."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import ProxyHandler, build_opener

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import agentmon
from tests.servers.processes import scraper

pytestmark = pytest.mark.servers

_open = build_opener(ProxyHandler({})).open


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    """Where this process exports its spans to."""
    one = InMemorySpanExporter()
    agentmon.configure(service="e2e", traces=one, serve="0", native_histograms=True)
    yield one
    agentmon.shutdown()


@agentmon.agent("seldom")
def seldom(seconds: float) -> None:
    """An agent that takes so long."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


@pytest.mark.parametrize("features", ["exemplar-storage", "exemplar-storage,native-histograms"])
@pytest.mark.parametrize("key", ["prometheus2", "prometheus3"])
def test_slow_bucket_leads_to_its_trace(
    key: str, features: str, exporter: InMemorySpanExporter, tmp_path: Path
) -> None:
    """A scrape takes ids of traces along, as text and as protobuf, each with its own duration."""
    address = str(agentmon.endpoint()).removeprefix("http://")
    for seconds in (0.001, 0.3, 0.001):
        seldom(seconds)
    assert agentmon.flush()
    traces = {
        f"{span.context.trace_id:032x}": ((span.end_time or 0) - (span.start_time or 0)) / 1e9
        for span in exporter.get_finished_spans()
        if span.context is not None
    }
    with scraper(key, [address], tmp_path, more=[f"--enable-feature={features}"]) as running:
        running.wait_for_scrape()
        name = "agentmon_agent_duration_seconds"
        query = name if "native" in features else f"{name}_bucket"
        found: list[dict[str, Any]] = []
        deadline = time.monotonic() + 30
        while not found and time.monotonic() < deadline:
            asked = urlencode({"query": query, "start": time.time() - 600, "end": time.time() + 60})
            with _open(f"{running.url}/api/v1/query_exemplars?{asked}", timeout=10) as answer:
                found = json.load(answer)["data"]
            time.sleep(0.1)
    exemplars = [(each["seriesLabels"], shown) for each in found for shown in each["exemplars"]]
    longest = max(traces, key=lambda trace_id: traces[trace_id])
    assert exemplars
    # Of a native histogram Prometheus 2.42 takes exemplars in the order of their buckets, and
    # refuses those that are older than the one before.
    if (key, "native" in features) != ("prometheus2", True):
        assert longest in {shown["labels"]["trace_id"] for _, shown in exemplars}
    for labels, shown in exemplars:
        seconds = traces[shown["labels"]["trace_id"]]
        assert float(shown["value"]) == pytest.approx(seconds, abs=1e-6)
        if "le" in labels:
            assert seconds <= float(labels["le"]) * 1.01
        assert len(shown["labels"]["span_id"]) == 16
