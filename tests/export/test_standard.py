"""Metrics of the conventions, made of the same readings as our own."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import textwrap
import threading
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

import agentmon
from agentmon.export import meters
from agentmon.export.otlp.metrics import encode
from agentmon.export.standard import readings
from agentmon.model.buckets import Layout
from agentmon.model.catalogue import OPERATIONS
from agentmon.model.snapshot import Family
from agentmon.model.standard import STANDARD, of_generation
from agentmon.record.batch import Batch
from agentmon.record.histogram import Histogram
from tests.driven import Endpoint
from tests.servers.processes import scraper

NAMES = {
    "genai-1.41": {
        "gen_ai.invoke_agent.duration",
        "gen_ai.invoke_workflow.duration",
        "gen_ai.execute_tool.duration",
        "gen_ai.client.operation.duration",
        "gen_ai.client.operation.time_to_first_chunk",
        "gen_ai.client.token.usage",
    },
    "genai-0.1": {
        "gen_ai.invoke_agent.duration",
        "gen_ai.invoke_workflow.duration",
        "gen_ai.execute_tool.duration",
        "gen_ai.client.inference.duration",
        "gen_ai.client.inference.time_to_first_chunk",
        "gen_ai.client.inference.operation.input_tokens",
        "gen_ai.client.inference.operation.output_tokens",
    },
}


def work() -> None:
    """A workflow with an agent, a tool, a model call, and a failure."""

    @agentmon.tool("look up")
    def look_up() -> None:
        sum(range(1000))

    @agentmon.model_call("chat", model="m", provider="p")
    def ask() -> None:
        call = agentmon.current()
        assert call is not None
        call.first_output()
        call.usage(input_tokens=100, output_tokens=7)

    @agentmon.agent("a")
    def run(*, fail: bool = False) -> None:
        look_up()
        ask()
        if fail:
            raise KeyError

    @agentmon.workflow("w")
    def flow() -> None:
        run()
        run()
        with pytest.raises(KeyError):
            run(fail=True)

    flow()


@pytest.mark.parametrize("generation", ["genai-1.41", "genai-0.1", "both"])
def test_each_generation_has_its_names(generation: Any) -> None:
    """The names are those of the generation, and of either where both are asked for."""
    wanted = NAMES.get(generation, NAMES["genai-1.41"] | NAMES["genai-0.1"])
    assert {each.name for each in of_generation(generation)} == wanted


@given(st.lists(st.integers(1_000, 10**12), min_size=1, max_size=50))
def test_buckets_agree_with_the_counts_of_cells(durations: Sequence[int]) -> None:
    """Each duration counts under its edge, or under the one below within the width of a cell."""
    layout = Layout()
    histogram = Histogram(layout)
    histogram.add(Batch(layout, "ok", 0, sorted(durations)))
    family = Family(
        OPERATIONS["agent"].duration, [(("a", "invoke", "ok"), histogram.state(cells=True))]
    )
    ((standard, points),) = readings([family], "genai-1.41")
    ((attributes, reading),) = points.items()
    assert attributes == (("gen_ai.agent.name", "a"),)
    found = reading.distribution(standard.edges)
    assert found.count == len(durations)
    assert found.total == pytest.approx(sum(durations) / 1e9)
    for n, edge in enumerate(standard.edges, 1):
        under = sum(found.buckets[:n])
        assert under >= sum(each / 1e9 <= edge for each in durations)
        assert under <= sum(each / 1e9 <= edge * (1 + 1 / 127) for each in durations)


@given(
    st.lists(st.integers(1, 4**12), min_size=1, max_size=30),
    st.lists(st.integers(1, 4**12), min_size=1, max_size=30),
)
def test_values_that_are_given_have_the_same_buckets_and_sum(
    first: Sequence[int], then: Sequence[int]
) -> None:
    """What a meter is given of numbers of tokens adds up to them, time after time."""
    (standard,) = (each for each in STANDARD if each.name == "gen_ai.client.token.usage")

    def state(values: Sequence[int]) -> Any:
        from agentmon.record.signals import Scores

        scores = Scores(standard.edges)
        for value in values:
            scores.add(value)
        labels = ("chat", "m", "p", "input")
        ((_, points),) = readings(
            [Family(standard.source, [(labels, scores.state())])], "genai-1.41"
        )
        return next(iter(points.values()))

    before, after = state(first), state([*first, *then])
    values = meters._values(before, after)
    assert sum(n for _, n in values) == len(then)
    assert sum(value * n for value, n in values) == pytest.approx(sum(then))
    placed = [bisect_left(standard.edges, value) for value, n in values for _ in range(n)]
    assert sorted(placed) == sorted(bisect_left(standard.edges, value) for value in then)


class Host:
    """A meter provider that a host has set, read in memory."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider(metric_readers=[self.reader])
        monkeypatch.setattr(metrics, "get_meter_provider", lambda: self.provider)

    def points(self) -> dict[str, dict[tuple[tuple[str, Any], ...], Any]]:
        """The points of each metric, by their attributes."""
        data = self.reader.get_metrics_data()
        return {
            metric.name: {
                tuple(sorted(point.attributes.items())): point for point in metric.data.data_points
            }
            for of_resource in (data.resource_metrics if data else [])
            for of_scope in of_resource.scope_metrics
            for metric in of_scope.metrics
        }


@pytest.mark.drives("agentmon_model_call_tokens")
def test_a_meter_provider_of_the_host_gets_them(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has the recommended edges, the words of the conventions, and the counts of our own."""
    host = Host(monkeypatch)
    endpoint.start(standard_metrics=True)
    work()
    agentmon.flush()
    found = host.points()
    assert found.keys() == NAMES["genai-1.41"]
    edges = {each.name: each.edges for each in STANDARD}
    for name, points in found.items():
        for point in points.values():
            assert tuple(point.explicit_bounds) == edges[name]
    agents = found["gen_ai.invoke_agent.duration"]
    fine, failed = (("gen_ai.agent.name", "a"),), ("error.type", "_OTHER")
    assert {key: point.count for key, point in agents.items()} == {fine: 2, (failed, *fine): 1}
    ours = endpoint.value("agentmon_agent_duration_seconds_sum")
    assert ours is not None
    assert sum(point.sum for point in agents.values()) == pytest.approx(ours)
    (tool,) = found["gen_ai.execute_tool.duration"].items()
    assert tool[0] == (("gen_ai.agent.name", "a"), ("gen_ai.tool.name", "look up"))
    assert tool[1].count == 3
    (workflow,) = found["gen_ai.invoke_workflow.duration"].items()
    assert workflow[0] == (("gen_ai.workflow.name", "w"),)
    model = (
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "p"),
        ("gen_ai.request.model", "m"),
    )
    assert found["gen_ai.client.operation.duration"][model].count == 3
    tokens = {
        dict(key)["gen_ai.token.type"]: (point.count, point.sum)
        for key, point in found["gen_ai.client.token.usage"].items()
    }
    assert tokens == {"input": (3, pytest.approx(300)), "output": (3, pytest.approx(21))}
    by_type = endpoint.samples("agentmon_model_call_tokens_sum", operation="chat", model="m")
    assert by_type == {("p", "input"): 300, ("p", "output"): 21}


def test_values_are_given_once(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often they are given, and at the end, each call is there once."""
    host = Host(monkeypatch)
    endpoint.start(standard_metrics=True)
    work()
    agentmon.flush()
    agentmon.flush()
    work()
    agentmon.shutdown()
    points = host.points()["gen_ai.invoke_agent.duration"].values()
    assert sum(point.count for point in points) == 6
    assert "agentmon-meters" not in [each.name for each in threading.enumerate()]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_gives_its_own(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a fork the child gives what it does itself, and not what its parent did."""
    host = Host(monkeypatch)
    endpoint.start(standard_metrics=True)
    work()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            agentmon.agent("child")(lambda: None)()
            agentmon.flush()
            found = host.points()["gen_ai.invoke_agent.duration"]
            said = repr([(dict(key)["gen_ai.agent.name"], it.count) for key, it in found.items()])
        except BaseException as error:  # noqa: BLE001  # the parent must hear of it
            said = repr(error)
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as heard:
        assert heard.read() == "[('child', 1)]"
    os.waitpid(child, 0)


def test_a_meter_provider_that_raises_harms_nothing(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a host's provider raises goes no further, and is counted."""

    class Broken:
        def get_meter(self, *_: object) -> None:
            raise OSError

    monkeypatch.setattr(metrics, "get_meter_provider", Broken)
    endpoint.start(standard_metrics=True)
    work()
    assert agentmon.flush()
    assert endpoint.value("agentmon_dropped_total", reason="push_failed") == 1


def test_they_are_made_only_where_asked_for(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By default a host's meter provider gets nothing."""
    host = Host(monkeypatch)
    endpoint.start()
    work()
    agentmon.flush()
    assert host.points() == {}
    assert endpoint.value("agentmon_model_call_tokens_count") is None


def test_without_a_provider_of_the_host_nothing_happens() -> None:
    """Where the host sets no provider, none is set and nothing fails; one set later gets all."""
    program = """
        import agentmon
        from opentelemetry import metrics
        agentmon.configure(traces="none", resources=False, standard_metrics=True)
        agentmon.agent("a")(lambda: None)()
        assert agentmon.flush()
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import InMemoryMetricReader
        reader = InMemoryMetricReader()
        metrics.set_meter_provider(MeterProvider(metric_readers=[reader]))
        assert agentmon.flush()
        data = reader.get_metrics_data()
        (metric,) = data.resource_metrics[0].scope_metrics[0].metrics
        print(metric.name, metric.data.data_points[0].count)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["gen_ai.invoke_agent.duration", "1"]


@pytest.mark.servers
def test_a_real_store_takes_them_by_otlp(tmp_path: Path) -> None:
    """VictoriaMetrics stores them beside our own, with the same counts and sums."""
    more = ("-opentelemetry.usePrometheusNaming",)
    with scraper("victoriametrics", (), tmp_path / "server", more=more) as server:
        agentmon.configure(
            traces="none",
            standard_metrics=True,
            push=f"otlp={server.url}/opentelemetry",
        )
        try:
            work()
            agentmon.push()
        finally:
            agentmon.shutdown()

        def total(query: str) -> float:
            (sample,) = server.instant(query)
            return sample.value

        for theirs, ours, count in (
            ("gen_ai_invoke_agent_duration_seconds", "agentmon_agent_duration_seconds", 3),
            ("gen_ai_execute_tool_duration_seconds", "agentmon_tool_duration_seconds", 3),
            ("gen_ai_client_operation_duration_seconds", "agentmon_model_duration_seconds", 3),
            (
                "gen_ai_client_operation_time_to_first_chunk_seconds",
                "agentmon_model_first_output_seconds",
                3,
            ),
            ("gen_ai_invoke_workflow_duration_seconds", "agentmon_workflow_duration_seconds", 1),
            ("gen_ai_client_token_usage", "agentmon_model_call_tokens", 6),
        ):
            assert total(f"sum({theirs}_count)") == total(f"sum({ours}_count)") == count
            assert math.isclose(
                total(f"sum({theirs}_sum)"), total(f"sum({ours}_sum)"), rel_tol=1e-9
            )
            assert total(f'sum({theirs}_bucket{{le="+Inf"}})') == count
        (failed,) = server.instant(
            'gen_ai_invoke_agent_duration_seconds_count{error_type="_OTHER"}'
        )
        assert failed.value == 1
        assert failed.labels["gen_ai_agent_name"] == "a"


def test_without_being_asked_for_they_are_not_pushed() -> None:
    """Requests hold nothing but our own unless a generation is named."""
    family = Family(OPERATIONS["agent"].duration, [])
    assert encode([family], b"", begun_ns=0, at_ns=1) == []
