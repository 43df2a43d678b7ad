"""
Alerts of the monitoring on itself: what is not seen cannot be alerted on.
"""

from __future__ import annotations

from typing import Final

from agentmon.assets.rules.rule import Alert, Group, Runbook
from agentmon.model import catalogue
from agentmon.query.promql import Expression, increase, recorded

__all__ = ["alerts"]

_HEALTH: Final = "health_monitoring.operational_health.monitoring_health"
_DASHBOARD: Final = "agentmon-system-health"
_UP: Final = "up"


def alerts() -> list[Group]:
    """What watches the monitoring."""
    return [Group("agentmon-monitoring", "1m", (_watchdog(), _target_down(), _dropped()))]


def _watchdog() -> Alert:
    return Alert(
        name="AgentmonWatchdog",
        expression=Expression("vector(1)", frozenset()),
        severity="none",
        kind="monitoring",
        component="monitoring",
        summary="The alerts of agentmon are alive.",
        description="This fires always. Whoever receives it tells when it stops coming.",
        runbook=Runbook(
            meaning="Always firing: it shows that rules are worked out and notifications arrive.",
            impact="None while it fires. When it stops coming, nobody is told of anything.",
            diagnosis="See whether Prometheus is up, whether it knows an Alertmanager "
            "(`prometheus_notifications_alertmanagers_discovered`), and whether that one delivers "
            "(`alertmanager_notifications_failed_total`).",
            action="Bring up again what is down. Whoever watches for this alert should allow twice "
            "its `group_interval` before saying that it is missing.",
        ),
        hold="0s",
        why="It has to fire from the first moment on.",
        dashboard=_DASHBOARD,
        serves=(_HEALTH,),
    )


def _target_down() -> Alert:
    up = recorded(_UP, ("job", "instance"), {"job": ("=~", "agentmon.*")})
    return Alert(
        name="AgentmonTargetDown",
        expression=up.equals(0),
        severity="warning",
        kind="monitoring",
        component="instance",
        summary="{{ $labels.instance }} cannot be scraped.",
        description="Prometheus gets no metrics from {{ $labels.instance }} "
        "(job {{ $labels.job }}).",
        runbook=Runbook(
            meaning="The endpoint does not answer, or not in time, or not with what Prometheus can "
            "read.",
            impact="What this process does is not seen: alerts on its agents cannot fire.",
            diagnosis="The targets page of Prometheus says what went wrong. Ask the endpoint "
            "yourself: `curl http://INSTANCE/metrics`.",
            action="Start the process again, or correct address, credentials or certificate. A "
            "process that is gone for good has to leave the targets.",
        ),
        hold="5m",
        why="A restart takes less.",
        dashboard=_DASHBOARD,
        variables=(),
        serves=(_HEALTH, "alerting_framework.alert_classification.warning_alerts"),
    )


def _dropped() -> Alert:
    lost = increase(
        catalogue.DROPPED,
        "15m",
        {"reason": ("!~", "naming_failed|ended_twice|invalid_usage|invalid_value")},
    )
    return Alert(
        name="AgentmonDropping",
        expression=(lost.sum(("instance", "reason")) > 0).rounded(1),
        severity="warning",
        kind="monitoring",
        component="instance",
        summary="{{ $labels.instance }} cannot keep all that is recorded: {{ $labels.reason }}.",
        description="{{ $value | humanize }} recordings within 15 minutes were not kept as they "
        "came.",
        runbook=Runbook(
            meaning="A bound was reached, or something could not be exported; the reason says "
            "which (see the list of reasons in the reference of metrics).",
            impact="Metrics stay right in sum; what is beyond a bound is shown as `other`. Spans "
            "that could not be exported are missing.",
            diagnosis="`label_bound` and `series_bound`: something that should be an attribute is "
            "a name, such as an id. `span_queue_full`, `span_export_failed`: the collector is slow "
            "or away.",
            action="Name by kind and not by id; raise `max_series` if the names are right; bring "
            "the collector back.",
        ),
        hold="10m",
        why="Once is not worth a ticket: a bound that is met for good counts on.",
        keep="15m",
        dashboard=_DASHBOARD,
        variables=(),
        serves=(_HEALTH,),
    )
