"""
Reliability and health: causes of failures, recoveries, outages, health checks, dependencies.
"""

from __future__ import annotations

from agentmon.model.catalogue.declare import NANOSECONDS, counter, gauge, histogram
from agentmon.model.catalogue.labels import (
    AGENT,
    COMPONENT,
    DEPENDENCY,
    DEPENDENCY_KIND,
    TASK,
)
from agentmon.model.metric import Across, Label, Unit

__all__ = [
    "CHECK",
    "COMPONENT_TIME",
    "COMPONENT_UP",
    "FAILURES",
    "HEALTH_CHECK_DURATION",
    "HEALTH_CHECK_LAST_RUN",
    "HEALTH_CHECK_RUNS",
    "HEALTH_CHECK_UP",
    "METRICS",
    "OUTAGES",
    "OUTAGE_DURATION",
    "POOL_WAIT",
    "RATE_LIMITED",
    "RECOVERIES",
    "TASK_ERRORS",
]

_RELIABILITY = "system_metrics.reliability_metrics."
_AVAILABILITY = "health_monitoring.availability_monitoring."

FAILURES = counter(
    "failures",
    "Failed calls, by whether another failure caused them.",
    (
        Label("kind", "Kind of the operation that failed.", 7),
        AGENT,
        Label("cause", "primary, or cascade: a callee or an upstream in its trace failed.", 2),
    ),
    _RELIABILITY + "cascade_failure_rate",
)
TASK_ERRORS = counter(
    "task_errors",
    "Errors that began within tasks: each failure once, not at every call that it passes.",
    (TASK,),
    _RELIABILITY + "error_recovery_rate",
)
RECOVERIES = counter(
    "recoveries",
    "Errors within tasks that were followed by success within the same task.",
    (TASK, Label("way", "retry, fallback or other_agent.", 3)),
    _RELIABILITY + "error_recovery_rate",
)

# ------------------------------------------------------------------ components

COMPONENT_UP = gauge(
    "component_up",
    "Whether the component is up: 1 or 0.",
    (COMPONENT,),
    _AVAILABILITY + "service_availability",
    _AVAILABILITY + "dependency_availability",
    across=Across.SMALLEST,
)
COMPONENT_TIME = counter(
    "component_time",
    "Time that the component was seen up or down; what nobody observed is in neither.",
    (COMPONENT, Label("state", "up or down.", 2)),
    _RELIABILITY + "system_uptime",
    _RELIABILITY + "mtbf",
    _RELIABILITY + "mttr",
    _AVAILABILITY + "dependency_availability",
    unit=Unit.SECONDS,
    scale=NANOSECONDS,
)
OUTAGES = counter(
    "outages",
    "Outages begun.",
    (COMPONENT,),
    _RELIABILITY + "mtbf",
)
OUTAGE_DURATION = histogram(
    "outage_duration",
    "Time from the begin of an outage to its end.",
    (COMPONENT,),
    _RELIABILITY + "mttr",
)

# ------------------------------------------------------------------ health checks

CHECK = Label("check", "Name of the health check.", 200)
_CATEGORY = Label("category", "Category of the check, such as readiness, dependency or data.", 20)
HEALTH_CHECK_UP = gauge(
    "health_check_up",
    "Whether the check passes, by its thresholds: 1 or 0.",
    (CHECK, COMPONENT, _CATEGORY),
    _AVAILABILITY + "dependency_availability",
    across=Across.SMALLEST,
)
HEALTH_CHECK_RUNS = counter(
    "health_check_runs",
    "Runs of the check, by result.",
    (CHECK, COMPONENT, Label("result", "passed, failed, raised or timeout.", 4)),
    _AVAILABILITY + "dependency_availability",
)
HEALTH_CHECK_DURATION = histogram(
    "health_check_duration",
    "Time that runs of the check took.",
    (CHECK, COMPONENT),
    _AVAILABILITY + "dependency_availability",
)
HEALTH_CHECK_LAST_RUN = gauge(
    "health_check_last_run_timestamp",
    "When the check ended last, in seconds since 1970.",
    (CHECK, COMPONENT),
    "health_monitoring.operational_health.monitoring_health",
    unit=Unit.SECONDS,
    across=Across.LARGEST,
)

# ------------------------------------------------------------------ dependencies

RATE_LIMITED = counter(
    "dependency_rate_limited",
    "Calls that the dependency refused because there were too many (status 429 and its like).",
    (DEPENDENCY, DEPENDENCY_KIND, AGENT),
    _AVAILABILITY + "dependency_availability",
)
POOL_WAIT = histogram(
    "dependency_pool_wait",
    "Time that callers waited for a connection of a pool.",
    (DEPENDENCY, DEPENDENCY_KIND),
    _AVAILABILITY + "dependency_availability",
)

METRICS = (
    FAILURES,
    TASK_ERRORS,
    RECOVERIES,
    COMPONENT_UP,
    COMPONENT_TIME,
    OUTAGES,
    OUTAGE_DURATION,
    HEALTH_CHECK_UP,
    HEALTH_CHECK_RUNS,
    HEALTH_CHECK_DURATION,
    HEALTH_CHECK_LAST_RUN,
    RATE_LIMITED,
    POOL_WAIT,
)
