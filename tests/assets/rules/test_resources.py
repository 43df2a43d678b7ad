"""Alerts on what processes run out of."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentmon.assets.rules import resources
from tests.assets.rules.promtool import PROMTOOLS, Case, Fired, prove

pytestmark = pytest.mark.servers

_AT = {"instance": "h:1"}


def _of(name: str, values: str, more: str = "") -> dict[str, str]:
    return {f'agentmon_{name}{{instance="h:1"{more}}}': values}


def _lags(late: int) -> dict[str, str]:
    """A hundred looks a minute, some of them 0.5 to 1 s late; after an hour none."""
    bucket = "event_loop_lag_seconds_bucket"
    return {
        **_of(bucket, f"0+{100 - late}x60 {60 * (100 - late)}+100x140", ',le="0.5"'),
        **_of(bucket, "0+100x200", ',le="1.0"'),
        **_of(bucket, "0+100x200", ',le="+Inf"'),
        **_of("event_loop_lag_seconds_count", "0+100x200"),
    }


CASES = {
    "AgentmonCpuThrottled": Case(
        {
            **_of("cgroup_cpu_periods", "0+100x200"),
            **_of("cgroup_cpu_throttled_periods", "0+25x200"),
        },
        {
            **_of("cgroup_cpu_periods", "0+100x200"),
            **_of("cgroup_cpu_throttled_periods", "0+26x60 1560x140"),
        },
        50,
        110,
        Fired(
            _AT,
            "h:1 is held back, as it may use no more processor.",
            "In 26% of the periods within 15 minutes its container was stopped.",
        ),
    ),
    "AgentmonEventLoopLags": Case(
        _lags(10),
        _lags(11),
        50,
        110,
        Fired(
            _AT,
            "The event loop of h:1 is late.",
            "One of ten looks at it within 15 minutes came 550ms late or more.",
        ),
    ),
    "AgentmonMemoryFilling": Case(
        {
            **_of("cgroup_memory_bytes", "650+1x200"),
            **_of("cgroup_memory_limit_bytes", "1100x200"),
        },
        {
            **_of("cgroup_memory_bytes", "650+2x70 100x130"),
            **_of("cgroup_memory_limit_bytes", "1100x200"),
        },
        65,
        150,
        Fired(
            _AT,
            "h:1 will be out of memory within 4 hours.",
            "70.9% of what its container may have are in use, and it grows.",
        ),
    ),
    "AgentmonOutOfMemory": Case(
        _of("cgroup_oom_kills", "3x200"),
        _of("cgroup_oom_kills", "0x40 2x160"),
        50,
        110,
        Fired(
            _AT,
            "A process of h:1 was killed for want of memory.",
            "2 processes of its container were killed within 30 minutes.",
        ),
    ),
    "AgentmonStorageLow": Case(
        {
            **_of("storage_free_bytes", "100x200", ',path="/"'),
            **_of("storage_capacity_bytes", "1000x200", ',path="/"'),
        },
        {
            **_of("storage_free_bytes", "99x60 500x140", ',path="/"'),
            **_of("storage_capacity_bytes", "1000x200", ',path="/"'),
        },
        50,
        110,
        Fired({**_AT, "path": "/"}, "/ on h:1 is nearly full.", "9.9% of it are free."),
    ),
    "AgentmonFilesNearLimit": Case(
        {
            **_of("process_open_files", "800x200"),
            **_of("process_open_files_limit", "1000x200"),
        },
        {
            **_of("process_open_files", "801x60 10x140"),
            **_of("process_open_files_limit", "1000x200"),
        },
        50,
        110,
        Fired(
            _AT,
            "h:1 has nearly as many files open as it may.",
            "80.1% of the descriptors that it may have are in use.",
        ),
    ),
}


@pytest.mark.parametrize("program", PROMTOOLS)
@pytest.mark.parametrize("name", CASES)
def test_an_alert_fires_above_what_is_allowed_and_only_there(
    program: str, name: str, tmp_path: Path
) -> None:
    """It is silent just below, fires just above, and is over after repair."""
    prove(program, name, CASES[name], tmp_path)


def test_every_alert_of_resources_has_a_case() -> None:
    """One that nobody put to the test may never fire."""
    assert {rule.name for group in resources.alerts() for rule in group.rules} == set(CASES)
