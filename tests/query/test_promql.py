"""PromQL that is made from the catalogue."""

from __future__ import annotations

import pytest

from agentmon.errors import CatalogueError
from agentmon.model import catalogue
from agentmon.model.catalogue import coordination, work
from agentmon.query.promql import (
    Expression,
    gauge,
    increase,
    mean,
    native,
    over_time,
    predicted,
    quantile,
    rate,
    recorded,
    total,
    within,
)

AGENT = catalogue.OPERATIONS["agent"]


def test_a_rate_names_the_sample_and_what_is_asked_for() -> None:
    """Counters end in _total; matchers keep their order."""
    found = rate(AGENT.calls, "5m", {"agent": "a", "outcome": ("=~", "ok|error")})
    assert found.text == 'rate(agentmon_agent_calls_total{agent="a", outcome=~"ok|error"}[5m])'


def test_a_label_that_a_metric_has_not_is_refused() -> None:
    """In a selector and in a grouping, with the labels that there are."""
    with pytest.raises(CatalogueError, match=r"got label 'tool', allowed .*agent.*outcome"):
        rate(AGENT.calls, "5m", {"tool": "t"})
    with pytest.raises(CatalogueError, match=r"got label 'tool', allowed .*agent.*outcome"):
        rate(AGENT.calls, "5m").sum(("tool",))
    with pytest.raises(CatalogueError, match="got label 'outcome', allowed agent"):
        rate(AGENT.calls, "5m").sum(("agent",)).max(("outcome",))


def test_labels_of_the_process_and_of_the_scrape_can_be_asked_for() -> None:
    """They are on every sample."""
    found = rate(AGENT.calls, "5m", {"region": "eu", "service": "s"}).sum(("instance", "job"))
    assert 'region="eu", service="s"' in found.text
    assert found.labels == {"instance", "job"}


def test_a_metric_of_the_wrong_kind_is_refused() -> None:
    """A gauge has no rate, a counter no quantile."""
    with pytest.raises(CatalogueError, match="got a gauge, allowed a counter"):
        rate(AGENT.in_flight, "5m")
    with pytest.raises(CatalogueError, match="got a counter, allowed a histogram"):
        quantile(0.5, AGENT.calls, "5m", ())
    with pytest.raises(CatalogueError, match="got a histogram, allowed a counter"):
        total(AGENT.duration)
    with pytest.raises(CatalogueError, match="got a counter, allowed a gauge or info"):
        gauge(AGENT.calls)


@pytest.mark.parametrize("window", ["5", "m", "", "5 m", "5m;drop", "[5m]"])
def test_a_window_that_is_none_is_refused(window: str) -> None:
    """Before it reaches a server."""
    with pytest.raises(CatalogueError, match="allowed one such as 5m"):
        increase(AGENT.calls, window)


@pytest.mark.parametrize("window", ["5m", "1h30m", "$__rate_interval", "$__range", "$window"])
def test_windows_may_be_variables_of_a_dashboard(window: str) -> None:
    """Grafana fills them in."""
    assert f"[{window}]" in increase(AGENT.calls, window).text


def test_values_are_escaped() -> None:
    """A name may hold anything."""
    found = gauge(AGENT.in_flight, {"agent": 'a"b\\c\nd'})
    assert found.text == 'agentmon_agent_in_flight{agent="a\\"b\\\\c\\nd"}'


def test_a_quantile_sums_buckets_before_it_is_worked_out() -> None:
    """Quantiles of processes cannot be averaged."""
    assert quantile(0.99, AGENT.duration, "5m", ("agent",)).text == (
        "histogram_quantile(0.99, sum by (le, agent) "
        "(rate(agentmon_agent_duration_seconds_bucket[5m])))"
    )


def test_a_mean_is_nothing_where_nothing_came() -> None:
    """0 / 0 would be no number, and would poison what is made of it."""
    assert mean(AGENT.duration, "5m", ("agent",)).text == (
        "sum by (agent) (rate(agentmon_agent_duration_seconds_sum[5m])) / "
        "(sum by (agent) (rate(agentmon_agent_duration_seconds_count[5m])) > 0)"
    )


def test_an_edge_is_meant_in_both_spellings() -> None:
    """Prometheus 3 writes 10.0 where 2 writes 10."""
    assert 'le=~"10([.]0)?"' in within(AGENT.duration, 10, "5m", ("agent",)).text
    assert 'le=~"0[.]25"' in within(AGENT.duration, 0.25, "5m", ("agent",)).text


def test_a_native_histogram_has_one_name() -> None:
    """And no buckets to sum."""
    found = native(AGENT.duration, "5m").sum(("agent",)).function("histogram_quantile", 0.9)
    assert found.text == (
        "histogram_quantile(0.9, sum by (agent) (rate(agentmon_agent_duration_seconds[5m])))"
    )


def test_operands_are_bracketed_so_that_they_mean_what_they_meant() -> None:
    """(a + b) * c is not a + b * c."""
    a, b, c = (recorded(f"x:{name}:y", ()) for name in "abc")
    assert ((a + b) * c).text == "(x:a:y + x:b:y) * x:c:y"
    assert (a - (b - c)).text == "x:a:y - (x:b:y - x:c:y)"
    assert ((a > 0.5) * 2).text == "(x:a:y > 0.5) * 2"


def test_expressions_with_other_labels_meet_only_on_labels_that_are_named() -> None:
    """By mistake they would match nothing."""
    flows = rate(work.COST, "5m").sum(("workflow", "currency"))
    tasks = rate(work.TASK_ENDED, "5m").sum(("task",))
    with pytest.raises(CatalogueError, match="their labels differ"):
        _ = flows / tasks
    spent = rate(work.TASK_COST, "5m").sum(("task", "currency"))
    per_task = spent.combine("/", tasks, ("task",), many=True)
    assert " / on (task) group_left () sum by (task) " in per_task.text
    assert per_task.labels == {"task", "currency"}
    with pytest.raises(CatalogueError, match="got label 'agent'"):
        spent.combine("/", tasks, ("agent",))


def test_facts_are_joined_from_one_of_the_processes_that_tell_them() -> None:
    """Two versions of one agent at once would be two matches, which is an error."""
    found = (
        rate(AGENT.calls, "5m")
        .sum(("agent",))
        .joined(catalogue.AGENT_INFO, "agent", ("team",), {"team": ("!=", "")})
    )
    assert found.text.endswith(
        " * on (agent) group_left (team) topk by (agent) (1, group by (agent, team) "
        '(agentmon_agent_info{team!=""}))'
    )
    assert found.labels == {"agent", "team"}
    with pytest.raises(CatalogueError, match="got label 'colour', allowed agent, version"):
        recorded("x:y:z", ("agent",)).joined(catalogue.AGENT_INFO, "agent", ("colour",))


def test_what_is_no_selector_is_worked_out_anew_each_minute_within_a_window() -> None:
    """A range of an expression is a subquery."""
    depth = gauge(coordination.QUEUE_DEPTH)
    assert over_time("max_over_time", depth, "1h").text == "max_over_time(agentmon_queue_depth[1h])"
    summed = over_time("max_over_time", depth.sum(("queue",)), "1h").text
    assert summed == "max_over_time(sum by (queue) (agentmon_queue_depth)[1h:1m])"
    assert predicted(depth, "1h", 3600).text == "predict_linear(agentmon_queue_depth[1h], 3600)"


def test_numbers_are_spelled_without_needless_digits() -> None:
    """As people write them."""
    x = Expression("x", frozenset())
    assert [(x * n).text for n in (2.0, 0.5, 1e-05)] == ["x * 2", "x * 0.5", "x * 1e-05"]
