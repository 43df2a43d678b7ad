"""Rules that ask native histograms say what those say that ask classic buckets."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import agentmon
from agentmon.assets import rules
from agentmon.assets.native import natively
from agentmon.model import catalogue
from agentmon.model.objectives import Latency, Objectives, Promise
from tests.servers.chain import chain
from tests.servers.processes import wait_until

OBJECTIVES = Objectives(defaults=Promise(latency=Latency(0.1, 0.9)).over(Objectives.defaults))
DURATIONS = [each.duration.sample for each in catalogue.OPERATIONS.values()]


def asked(text: str) -> str:
    """An expression that asks native histograms."""
    return str(natively([{"rules": [{"expr": text}]}])[0]["rules"][0]["expr"])


A, T = "agentmon_agent_duration_seconds", "agentmon_tool_duration_seconds"
WAYS = {
    f"histogram_quantile(0.9, sum by (le, agent) (rate({A}_bucket[5m])))": (
        f"histogram_quantile(0.9, sum by (agent) (rate({A}[5m])))"
    ),
    f"histogram_quantile(0.9, sum by (le) (rate({T}_bucket[5m])))": (
        f"histogram_quantile(0.9, sum (rate({T}[5m])))"
    ),
    f"sum (rate({A}_sum{{agent='a'}}[5m])) / sum (rate({A}_count{{agent='a'}}[5m]))": (
        f"sum (histogram_sum(rate({A}{{agent='a'}}[5m]))) "
        f"/ sum (histogram_count(rate({A}{{agent='a'}}[5m])))"
    ),
    f"increase({A}_count[1h]) > 5": f"histogram_count(increase({A}[1h])) > 5",
}


@pytest.mark.parametrize("classic", WAYS)
def test_each_way_of_asking_has_its_like(classic: str) -> None:
    """Quantiles, counts and sums."""
    assert asked(classic) == WAYS[classic]


@pytest.mark.parametrize(
    "text",
    [
        "agentmon_agent_calls_total > 0",
        "agentmon_agent_duration_seconds_squared_total",
        "sum by (le) (rate(agentmon_evaluation_score_ratio_bucket[5m]))",
        "agent:agentmon_calls:rate5m",
    ],
)
def test_what_is_no_native_histogram_is_left_alone(text: str) -> None:
    """Counters, records, and histograms that are classic everywhere."""
    assert asked(text) == text


def test_no_rule_asks_what_is_not_there() -> None:
    """None of the shipped rules asks for classic parts of durations any more."""
    for group in natively(
        [
            group.rendered(OBJECTIVES)
            for group in (*rules.record_groups(OBJECTIVES), *rules.alert_groups())
        ]
    ):
        for rule in group["rules"]:
            left = re.findall(rf"\b(?:{'|'.join(DURATIONS)})_(?:bucket|count|sum)\b", rule["expr"])
            assert not left, rule


@pytest.fixture
def busy() -> Iterator[str]:
    """Three agents: one quick, one slow, one that does nothing any more."""
    agentmon.configure(
        service="s", serve="127.0.0.1:0", traces="none", native_histograms=True, resources=False
    )
    yield str(agentmon.endpoint()).removeprefix("http://")
    agentmon.shutdown()


@pytest.mark.servers
@pytest.mark.parametrize("key", ["prometheus2", "prometheus3"])
def test_records_are_those_of_classic_buckets(key: str, busy: str, tmp_path: Path) -> None:
    """What is under the threshold is counted; where nothing comes it is 0, and a number."""

    def record(suffix: str, agent: str) -> float:
        found = running.query(f'agent:agentmon_{suffix}:rate5m{{agent="{agent}"}}')
        return float(found[0]["value"][1]) if found else math.nan

    def work() -> bool:
        for agent, slow in (("quick", False), ("slow", True), ("half", False), ("half", True)):
            call = agentmon.agent(agent).begin()
            if slow:
                time.sleep(0.12)
            call.end()
        calls = record("calls", "half")
        return calls > 0 and record("calls_quick", "half") == pytest.approx(calls / 2, rel=0.2)

    with chain(
        key,
        OBJECTIVES,
        targets=[busy],
        told="127.0.0.1:9",
        folder=tmp_path,
        factor=100,
        native=True,
    ) as running:
        agentmon.agent("idle").begin().end()
        wait_until(work, timeout_s=60, what="half of the calls to be quick")
        assert record("calls_quick", "quick") == pytest.approx(record("calls", "quick"), rel=0.2)
        assert record("calls_quick", "slow") == pytest.approx(0, abs=0.01)
        assert record("calls_quick", "idle") == 0
        assert running.query("agent:agentmon_slow:ratio_rate1h{agent='slow'} > 0.9")
        assert not running.query("agentmon_agent_duration_seconds_bucket")
        assert running.failing() == []
