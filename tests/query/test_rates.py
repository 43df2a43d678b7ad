"""Rates of durations that rules record."""

from __future__ import annotations

import pytest

from agentmon.model import catalogue
from agentmon.query.ask import Ask
from agentmon.query.rates import RATES, read_over
from agentmon.query.views import VIEWS


@pytest.mark.parametrize("window", ["1h", "90m", "7d", "1h30m", "$__range", "$__rate_interval"])
def test_a_long_window_is_read_from_what_is_recorded(window: str) -> None:
    """And what a dashboard shows, whose range may be long."""
    assert read_over(window)
    text = VIEWS["agent-p99"].expression(Ask(window)).text
    assert "agent:agentmon_agent_duration_seconds_bucket:rate5m" in text


@pytest.mark.parametrize("window", ["5m", "59m", "30s", "500ms", "$__interval"])
def test_a_short_window_is_read_from_what_is_scraped(window: str) -> None:
    """So that nobody waits for a rule."""
    assert not read_over(window)
    text = VIEWS["agent-p99"].expression(Ask(window)).text
    assert f"rate(agentmon_agent_duration_seconds_bucket[{window}])" in text


def test_what_is_told_apart_by_a_label_that_is_not_recorded_is_read_from_what_is_scraped() -> None:
    """An answer by process, or of one outcome, is as right over a long window."""
    for where in ({"instance": "a:1"}, {"outcome": "ok"}):
        text = VIEWS["agent-p99"].expression(Ask("7d", where)).text
        assert "rate(agentmon_agent_duration_seconds_bucket{" in text


def test_native_histograms_are_read_from_what_is_scraped() -> None:
    """They have no buckets that could be recorded."""
    text = VIEWS["agent-p99"].expression(Ask("7d", native=True)).text
    assert "rate(agentmon_agent_duration_seconds[7d])" in text


def test_the_mean_of_a_long_window_is_of_all_that_was_counted() -> None:
    """Sums and counts are added up before one is divided by the other."""
    text = VIEWS["agent-mean"].expression(Ask("1d")).text
    recorded = "agent:agentmon_agent_duration_seconds_{}:rate5m"
    assert f"sum_over_time({recorded.format('sum')}[1d])" in text
    assert f"sum_over_time({recorded.format('count')}[1d])" in text


def test_what_is_recorded_keeps_labels_of_its_metric_only() -> None:
    """And those that the program and its configuration give."""
    assert catalogue.OPERATIONS["agent"].duration.sample in RATES
    for rates in RATES.values():
        assert set(rates.labels) <= {*rates.metric.label_names, "service", "region"}


def test_a_panel_and_the_command_ask_the_same_over_a_long_window() -> None:
    """Down to the text."""
    for name in ("agent-p90", "tool-p99", "workflow-mean"):
        panel = VIEWS[name].expression(Ask("$__range")).text.replace("$__range", "7d")
        assert panel == VIEWS[name].expression(Ask("7d")).text
