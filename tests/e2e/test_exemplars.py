"""Exemplars in real Prometheus servers: from a slow bucket to the trace."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import ProxyHandler, build_opener

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import agentmon
from tests.servers.processes import Scraper, scraper

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


def exemplars_of(running: Scraper, query: str) -> list[tuple[dict[str, str], Any]]:
    """The exemplars that a server has of these series, each with the labels of its series."""
    found: list[dict[str, Any]] = []
    deadline = time.monotonic() + 30
    while not found and time.monotonic() < deadline:
        asked = urlencode({"query": query, "start": time.time() - 600, "end": time.time() + 60})
        with _open(f"{running.url}/api/v1/query_exemplars?{asked}", timeout=10) as answer:
            found = json.load(answer)["data"]
        time.sleep(0.1)
    return [(each["seriesLabels"], shown) for each in found for shown in each["exemplars"]]


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
        exemplars = exemplars_of(running, query)
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


HOST = """
import sys

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

import agentmon

trace.set_tracer_provider(TracerProvider())
agentmon.configure(service="e2e", serve="127.0.0.1:0")
with agentmon.agent("seldom"):
    trace_id = trace.get_current_span().get_span_context().trace_id
print(agentmon.endpoint().removeprefix("http://"), f"{trace_id:032x}", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("key", ["prometheus2", "prometheus3"])
def test_bucket_leads_to_a_trace_of_the_hosts_provider(key: str, tmp_path: Path) -> None:
    """A scrape takes the ids of the host's own traces along as well."""
    with subprocess.Popen(
        [sys.executable, "-c", HOST], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        address, trace_id = process.stdout.readline().split()
        features = ["--enable-feature=exemplar-storage"]
        with scraper(key, [address], tmp_path, more=features) as running:
            running.wait_for_scrape()
            found = exemplars_of(running, "agentmon_agent_duration_seconds_bucket")
        process.communicate()
    ((labels, shown),) = found
    assert (labels["agent"], shown["labels"]["trace_id"]) == ("seldom", trace_id)
    assert float(shown["value"]) <= float(labels["le"])
