"""
Alerts on what processes run out of: processor, event loop, memory, storage, files.
"""

from __future__ import annotations

from typing import Final

from agentmon.assets.rules.rule import Alert, Group, Runbook
from agentmon.model.catalogue import resources
from agentmon.query.promql import count_of, gauge, over_time, predicted, quantile

__all__ = ["alerts"]

_SYSTEM: Final = "monitoring_system.alerting_system."
_HEALTH: Final = "health_monitoring.performance_health.resource_utilization_health"
_CLASSES: Final = "alerting_framework.alert_classification."
_DASHBOARD: Final = "agentmon-resources"
_BY: Final = ("instance",)
_HOUR_S: Final = 3_600
_THROTTLED: Final = 0.25
_LAG_S: Final = 0.5
_LAGS: Final = 10
_FREE: Final = 0.1
_FILLED: Final = 0.6
_FILES: Final = 0.8


def alerts() -> list[Group]:
    """What watches the resources of processes."""
    return [
        Group(
            "agentmon-resources",
            "1m",
            (
                _throttled(),
                _loop_lags(),
                _memory_filling(),
                _killed(),
                _storage_low(),
                _files(),
            ),
        )
    ]


def _throttled() -> Alert:
    held = over_time("rate", gauge(resources.CGROUP_THROTTLED_PERIODS), "15m").sum(_BY)
    every = over_time("rate", gauge(resources.CGROUP_PERIODS), "15m").sum(_BY)
    return Alert(
        name="AgentmonCpuThrottled",
        expression=(held / (every > 0)).rounded(0.001) > _THROTTLED,
        severity="warning",
        kind="capacity",
        component="instance",
        summary="{{ $labels.instance }} is held back, as it may use no more processor.",
        description="In {{ $value | humanizePercentage }} of the periods within 15 minutes its "
        "container was stopped.",
        runbook=Runbook(
            meaning="A container used up its share of processor in more than 25 % of the periods.",
            impact="Everything in it is slow, in bursts; event loops lag.",
            diagnosis="Compare the processor time of agents with the limit of the container.",
            action="Raise the limit, or do less at once.",
        ),
        hold="10m",
        why="A start takes processor and is over soon.",
        dashboard=_DASHBOARD,
        serves=(
            "agent_metrics.resource_utilization.cpu_usage",
            _SYSTEM + "capacity_alerts",
            _HEALTH,
        ),
    )


def _loop_lags() -> Alert:
    enough = count_of(resources.EVENT_LOOP_LAG, "15m").sum(_BY) * _HOUR_S / 4 >= _LAGS
    lag = quantile(0.9, resources.EVENT_LOOP_LAG, "15m", _BY).rounded(0.01)
    return Alert(
        name="AgentmonEventLoopLags",
        expression=(lag > _LAG_S).also(enough),
        severity="warning",
        kind="threshold",
        component="instance",
        summary="The event loop of {{ $labels.instance }} is late.",
        description="One of ten looks at it within 15 minutes came "
        "{{ $value | humanizeDuration }} late or more.",
        runbook=Runbook(
            meaning="Something keeps the event loop from going on for more than half a second.",
            impact="All agents in this process wait for it, those that are done already too.",
            diagnosis="Look for plain functions that work or wait long within coroutines.",
            action="Move them to a thread (`asyncio.to_thread`) or to a process.",
        ),
        hold="10m",
        why="A start, or a large garbage collection, is over soon.",
        dashboard=_DASHBOARD,
        serves=(_SYSTEM + "threshold_based_alerts", _HEALTH, _CLASSES + "threshold_alerts"),
    )


def _memory_filling() -> Alert:
    limit = gauge(resources.CGROUP_MEMORY_LIMIT).min(_BY)
    memory = gauge(resources.CGROUP_MEMORY)
    used = memory.max(_BY) / (limit > 0)
    ahead = predicted(memory, "1h", 4 * _HOUR_S).max(_BY)
    return Alert(
        name="AgentmonMemoryFilling",
        expression=(used.rounded(0.001) > _FILLED).also(ahead > limit),
        severity="warning",
        kind="prediction",
        component="instance",
        summary="{{ $labels.instance }} will be out of memory within 4 hours.",
        description="{{ $value | humanizePercentage }} of what its container may have are in use, "
        "and it grows.",
        runbook=Runbook(
            meaning="More than 60 % of the memory are in use and, as it grew within the last "
            "hour, none will be left within 4.",
            impact="Then the container is killed, with all that is in flight.",
            diagnosis="See whether it grows with traffic, or ever on: caches, histories, lists of "
            "tasks.",
            action="Restart it at a quiet moment; bound what is kept.",
        ),
        hold="15m",
        why="What is given back at times is no trend.",
        dashboard=_DASHBOARD,
        serves=(
            "agent_metrics.resource_utilization.memory_consumption",
            _SYSTEM + "capacity_alerts",
            _HEALTH,
            _CLASSES + "predictive_alerts",
            "monitoring_system.data_processing.predictive_analytics",
        ),
    )


def _killed() -> Alert:
    kills = over_time("increase", gauge(resources.CGROUP_OOM), "30m").sum(_BY)
    return Alert(
        name="AgentmonOutOfMemory",
        expression=kills.rounded(1) > 0,
        severity="critical",
        kind="capacity",
        component="instance",
        summary="A process of {{ $labels.instance }} was killed for want of memory.",
        description="{{ $value | humanize }} processes of its container were killed within 30 "
        "minutes.",
        runbook=Runbook(
            meaning="The kernel killed a process of the container, as memory was used up.",
            impact="What it had in flight is lost.",
            diagnosis="See what grew before; compare with the limit.",
            action="Raise the limit, or do less at once.",
        ),
        hold="0s",
        why="It has happened.",
        dashboard=_DASHBOARD,
        serves=(_SYSTEM + "capacity_alerts", _HEALTH, _CLASSES + "critical_alerts"),
    )


def _storage_low() -> Alert:
    by = ("instance", "path")
    capacity = gauge(resources.STORAGE_CAPACITY).min(by) > 0
    free = gauge(resources.STORAGE_FREE).min(by) / capacity
    return Alert(
        name="AgentmonStorageLow",
        expression=free.rounded(0.001) < _FREE,
        severity="warning",
        kind="capacity",
        component="instance",
        summary="{{ $labels.path }} on {{ $labels.instance }} is nearly full.",
        description="{{ $value | humanizePercentage }} of it are free.",
        runbook=Runbook(
            meaning="Less than 10 % of a storage are free.",
            impact="Soon nothing can be written.",
            diagnosis="See which files are large.",
            action="Delete what is needed no more, or add storage.",
        ),
        hold="10m",
        why="A file that is removed at once did no harm.",
        dashboard="agentmon-capacity",
        serves=(
            "agent_metrics.resource_utilization.storage_usage",
            _SYSTEM + "capacity_alerts",
            _HEALTH,
        ),
    )


def _files() -> Alert:
    most = gauge(resources.PROCESS_FILES_LIMIT).min(_BY) > 0
    used = gauge(resources.PROCESS_FILES).max(_BY) / most
    return Alert(
        name="AgentmonFilesNearLimit",
        expression=used.rounded(0.001) > _FILES,
        severity="warning",
        kind="capacity",
        component="instance",
        summary="{{ $labels.instance }} has nearly as many files open as it may.",
        description="{{ $value | humanizePercentage }} of the descriptors that it may have are in "
        "use.",
        runbook=Runbook(
            meaning="A process uses more than 80 % of its descriptors.",
            impact="Beyond that it can open no file and no connection.",
            diagnosis="See what is open: connections that nobody closes, mostly.",
            action="Close them; share clients; raise the limit.",
        ),
        hold="10m",
        why="A peak that passes did no harm.",
        dashboard=_DASHBOARD,
        serves=(_SYSTEM + "capacity_alerts", _HEALTH),
    )
