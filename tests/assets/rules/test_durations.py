"""Rates of durations: what is worked out from them over hours."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentmon.query.ask import Ask
from agentmon.query.views import VIEWS
from tests.assets.rules.promtool import PROMTOOLS, Scenario, expression

pytestmark = pytest.mark.servers

_EDGES = ("1.0", "3.0", "+Inf")


def _calls(region: str, outcome: str, seconds: float, a_minute: int, values: str) -> dict[str, str]:
    """Series of calls that all take as long, so many a minute; *values* has a place for a step."""
    labels = f'agent="a",region="{region}",service="s",outcome="{outcome}",instance="i"'
    name = "agentmon_agent_duration_seconds"
    below = {
        f'{name}_bucket{{{labels},le="{edge}"}}': values.format(
            a_minute if seconds <= float(edge) else 0
        )
        for edge in _EDGES
    }
    return {
        **below,
        f"{name}_count{{{labels}}}": values.format(a_minute),
        f"{name}_sum{{{labels}}}": values.format(a_minute * seconds),
    }


#: For an hour one call a second of 0.5 s; in its second half three more of 2.5 s elsewhere.
_HOUR = {
    **_calls("eu", "ok", 0.5, 45, "0+{0}x60"),
    **_calls("eu", "error", 0.5, 15, "0+{0}x60"),
    **_calls("us", "ok", 2.5, 180, "_x29 0+{0}x30"),
}


def _asked(view: str, window: str = "1h", **where: str) -> str:
    return VIEWS[view].expression(Ask(window, where)).text


@pytest.mark.parametrize("program", PROMTOOLS)
def test_a_long_window_counts_each_call_once(program: str, tmp_path: Path) -> None:
    """A region that was there for half of it weighs what it counted: 3,600 calls and 5,400."""
    expression(
        program,
        Scenario(_HOUR, {}),
        {
            f"round({_asked('agent-mean')}, 0.001)": {60: {'{agent="a"}': 1.7}},
            f"round({_asked('agent-p50')}, 0.001)": {60: {'{agent="a"}': 1.333}},
            _asked("agent-mean", region="eu"): {60: {'{agent="a"}': 0.5}},
            f"round({_asked('agent-p90', region='eu')}, 0.001)": {60: {'{agent="a"}': 0.9}},
        },
        tmp_path,
    )


@pytest.mark.parametrize("program", PROMTOOLS)
def test_a_process_that_begins_anew_is_counted_on(program: str, tmp_path: Path) -> None:
    """Its counters begin with 0 again."""
    anew = _calls("eu", "ok", 0.5, 60, "0+{0}x30 0+{0}x30")
    expression(
        program,
        Scenario(anew, {}),
        {_asked("agent-mean"): {60: {'{agent="a"}': 0.5}}},
        tmp_path,
    )


@pytest.mark.parametrize("program", PROMTOOLS)
def test_an_agent_that_is_idle_has_no_mean(program: str, tmp_path: Path) -> None:
    """And one that was never seen has nothing at all."""
    idle = _calls("eu", "ok", 0.5, 60, "7x90")
    expression(
        program,
        Scenario(idle, {}),
        {_asked("agent-mean"): {60: {}, 90: {}}, _asked("workflow-p90"): {60: {}}},
        tmp_path,
    )
