"""What panels show that no history has which is written: traces, and native histograms."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode
from urllib.request import ProxyHandler, build_opener

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import agentmon
from agentmon.assets.dashboards import files
from agentmon.model.objectives import Objectives
from tests.assets.dashboards.test_truth import filled
from tests.history.expected import LIVE
from tests.servers.processes import Scraper, scraper, wait_until

pytestmark = [pytest.mark.servers, pytest.mark.slow]

_open = build_opener(ProxyHandler({})).open
#: What Prometheus has to be started with, as the docs say.
_FEATURES: Final = "--enable-feature=exemplar-storage,native-histograms"


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    """Where this process exports its spans to."""
    one = InMemorySpanExporter()
    agentmon.configure(service="live", traces=one, serve="127.0.0.1:0", native_histograms=True)
    yield one
    agentmon.shutdown()


@pytest.fixture
def running(exporter: InMemorySpanExporter, tmp_path: Path) -> Iterator[Scraper]:
    """A server that keeps traces, classic buckets and native histograms of this process."""
    address = str(agentmon.endpoint()).removeprefix("http://")
    job = {
        "job_name": "live",
        "always_scrape_classic_histograms": True,
        "static_configs": [{"targets": [address]}],
    }
    with scraper("prometheus3", [], tmp_path, jobs=[job], more=[_FEATURES]) as server:
        yield server


def run() -> None:
    """A workflow with an agent, which takes some time."""
    with agentmon.workflow("audit"), agentmon.agent("triage"):
        until = time.perf_counter() + 0.05
        while time.perf_counter() < until:
            pass


def panels() -> Iterator[dict[str, Any]]:
    """The panels of all dashboards, as Grafana reads them."""
    for path, text in files(Objectives()).items():
        if path.endswith(".json"):
            for panel in json.loads(text)["panels"]:
                yield from (panel, *panel.get("panels", ()))


def traces_of(server: Scraper, text: str) -> set[str]:
    """The traces that a server has as exemplars of what an expression names."""
    asked = urlencode({"query": text, "start": time.time() - 600, "end": time.time() + 60})
    with _open(f"{server.url}/api/v1/query_exemplars?{asked}", timeout=10) as answer:
        found = json.load(answer)["data"]
    return {shown["labels"]["trace_id"] for each in found for shown in each["exemplars"]}


def test_points_of_a_panel_are_traces(running: Scraper, exporter: InMemorySpanExporter) -> None:
    """Wherever a panel asks for exemplars there are some, and each is a trace that was made."""
    run()
    assert agentmon.flush()
    made = {f"{span.context.trace_id:032x}" for span in exporter.get_finished_spans()}
    asked = {
        panel["title"]: filled(target["expr"], None)
        for panel in panels()
        for target in panel.get("targets", ())
        if target.get("exemplar")
    }
    assert set(asked) == {"Durations", "Duration"}
    for title, text in asked.items():
        wait_until(lambda text=text: traces_of(running, text) == made, timeout_s=30, what=title)
        assert running.instant(text) == []


def test_the_panel_that_asks_exemplars_names_their_histogram_first() -> None:
    """Grafana asks for none where a query before it names the same."""
    for panel in panels():
        targets = panel.get("targets", [])
        assert not any(each.get("exemplar") for each in targets[1:]), panel["title"]


def test_the_fine_heat_map_shows_native_histograms(running: Scraper) -> None:
    """Its histogram has as many calls as there were, where they were."""
    ((_, title),) = LIVE
    (panel,) = (each for each in panels() if each["title"] == title)
    (target,) = panel["targets"]
    assert (target["format"], panel["type"]) == ("heatmap", "heatmap")
    text = filled(target["expr"], None)
    calls = "sum(agentmon_agent_duration_seconds_count)"
    for expected in (1, 21):  # a rate is of what came after the first scrape
        for _ in range(20 if expected > 1 else 1):
            run()
        wait_until(
            lambda n=expected: running.value(calls) == n, timeout_s=30, what=f"{expected} calls"
        )
    came = running.value("sum(rate(agentmon_agent_duration_seconds_count[5m]))")
    assert running.value(f"histogram_count({text})") == pytest.approx(came, rel=0.2)
    assert running.value(f"histogram_fraction(0.049, 0.2, {text})") == pytest.approx(1, abs=0.1)
    assert running.value(f"histogram_quantile(0.5, {text})") == pytest.approx(0.05, rel=0.1)
