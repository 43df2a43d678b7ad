"""
Alerts of the monitoring on itself: what is not seen cannot be alerted on.
"""

from __future__ import annotations

from typing import Final

from agentmon.assets.rules.rule import Alert, Group, Runbook
from agentmon.model import catalogue
from agentmon.query.promql import Expression, gauge, increase, over_time, recorded

__all__ = ["alerts"]

_HEALTH: Final = "health_monitoring.operational_health.monitoring_health"
_DASHBOARD: Final = "agentmon-system-health"
_UP: Final = "up"
#: Reasons that something did not get out of the process.
_EXPORTS: Final = (
    "span_queue_full|span_export_failed|span_rejected|"
    "log_queue_full|log_export_failed|log_rejected|push_failed"
)
_STALE_S: Final = 900
_NEAR: Final = 0.8
_REFUSED: Final = 20


def alerts() -> list[Group]:
    """What watches the monitoring."""
    return [
        Group(
            "agentmon-monitoring",
            "1m",
            (
                _watchdog(),
                _target_down(),
                _push_stale(),
                _export_failing(),
                _dropped(),
                _series_near_limit(),
                _refusing(),
                _rules_failing(),
            ),
        )
    ]


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


def _push_stale() -> Alert:
    by = ("job", "instance")
    pushed = recorded("push_time_seconds", by, {"job": ("=~", "agentmon.*")})
    age = Expression(f"time() - {pushed.max(by).text}", frozenset(by), simple=False)
    return Alert(
        name="AgentmonPushStale",
        expression=(age > _STALE_S).rounded(1),
        severity="warning",
        kind="monitoring",
        component="instance",
        summary="What {{ $labels.job }} pushed is old.",
        description="The Pushgateway has got nothing from {{ $labels.job }} for "
        "{{ $value | humanizeDuration }}.",
        runbook=Runbook(
            meaning="What the Pushgateway shows of a job was pushed more than 15 minutes ago.",
            impact="Dashboards show what was, and alerts on this job look at it.",
            diagnosis="See whether the job still runs, and what its log says of pushing.",
            action="Bring it back. Of a job that has ended for good, delete the group from the "
            "Pushgateway; of one that runs each night, silence this.",
        ),
        hold="5m",
        why="A push that fails once is tried again.",
        dashboard=_DASHBOARD,
        variables=(),
        serves=(_HEALTH,),
    )


def _export_failing() -> Alert:
    lost = increase(catalogue.DROPPED, "15m", {"reason": ("=~", _EXPORTS)})
    return Alert(
        name="AgentmonExportFailing",
        expression=(lost.sum(("instance", "reason")) > 0).rounded(1),
        severity="warning",
        kind="monitoring",
        component="instance",
        summary="{{ $labels.instance }} cannot get out what it has: {{ $labels.reason }}.",
        description="{{ $value | humanize }} spans, log records or pushes within 15 minutes did "
        "not arrive.",
        runbook=Runbook(
            meaning="Spans, log records or metrics could not be exported; the reason says which.",
            impact="Traces and logs have holes. Counts of metrics stay right: the next push holds "
            "them.",
            diagnosis="See whether the collector or the Pushgateway is up, reached, and takes "
            "what is sent; `..._queue_full` means that it is too slow.",
            action="Bring it back, or correct address and credentials.",
        ),
        hold="10m",
        why="Batches are tried again; a restart of the collector takes less.",
        keep="15m",
        dashboard=_DASHBOARD,
        variables=(),
        serves=(_HEALTH,),
    )


def _series_near_limit() -> Alert:
    by = ("instance",)
    used = gauge(catalogue.SERIES).max(by) / (gauge(catalogue.SERIES_LIMIT).max(by) > 0)
    return Alert(
        name="AgentmonSeriesNearLimit",
        expression=used.rounded(0.01) > _NEAR,
        severity="warning",
        kind="monitoring",
        component="instance",
        summary="{{ $labels.instance }} has nearly as many series as it may.",
        description="{{ $value | humanizePercentage }} of `max_series` are held.",
        runbook=Runbook(
            meaning="A process holds more than 80 % of the series that it may.",
            impact="None yet; beyond the limit, what is new is recorded as `other`.",
            diagnosis="Look for a name that has many values: an id, a path, a text of a user.",
            action="Name by kind and not by id; raise `max_series` if the names are right.",
        ),
        hold="15m",
        why="Series do not go again; there is time.",
        dashboard=_DASHBOARD,
        variables=(),
        serves=(_HEALTH, "alerting_framework.alert_classification.warning_alerts"),
    )


def _refusing() -> Alert:
    refused = increase(catalogue.ENDPOINT_REFUSED, "15m", {"reason": ("!=", "no_credentials")})
    return Alert(
        name="AgentmonEndpointRefusing",
        expression=(refused.sum(("instance", "reason")) > _REFUSED).rounded(1),
        severity="warning",
        kind="monitoring",
        component="instance",
        summary="{{ $labels.instance }} refuses many who ask for its metrics: "
        "{{ $labels.reason }}.",
        description="{{ $value | humanize }} were refused within 15 minutes.",
        runbook=Runbook(
            meaning="More than 20 requests or connections within 15 minutes were refused.",
            impact="If it is Prometheus, this process is not seen; if it is a stranger, somebody "
            "tries to get in.",
            diagnosis="The reason says why; the targets page of Prometheus says whether it is it.",
            action="Renew credentials or certificate; or shut out who is guessing.",
        ),
        hold="5m",
        why="Credentials that are being changed are refused for moments.",
        dashboard=_DASHBOARD,
        variables=(),
        serves=(_HEALTH, "health_monitoring.operational_health.security_health"),
    )


def _rules_failing() -> Alert:
    by = ("instance", "rule_group")
    failed = recorded("prometheus_rule_evaluation_failures_total", by)
    return Alert(
        name="AgentmonRulesFailing",
        expression=(over_time("increase", failed, "15m").sum(("rule_group",)) > 0).rounded(1),
        severity="critical",
        kind="monitoring",
        component="monitoring",
        summary="Rules of {{ $labels.rule_group }} cannot be worked out.",
        description="{{ $value | humanize }} evaluations within 15 minutes failed.",
        runbook=Runbook(
            meaning="Prometheus could not work out rules of a group.",
            impact="Alerts of this group, and of groups that need its records, do not fire.",
            diagnosis="The rules page of Prometheus shows the error.",
            action="Correct the rule; give Prometheus more memory or time where it lacks that.",
        ),
        hold="5m",
        why="A restart may make one fail.",
        dashboard=_DASHBOARD,
        serves=(_HEALTH, "alerting_framework.alert_classification.critical_alerts"),
    )


def _dropped() -> Alert:
    lost = increase(
        catalogue.DROPPED,
        "15m",
        {"reason": ("!~", f"naming_failed|ended_twice|invalid_usage|invalid_value|{_EXPORTS}")},
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
            impact="Metrics stay right in sum; what is beyond a bound is shown as `other`.",
            diagnosis="`label_bound` and `series_bound`: something that should be an attribute is "
            "a name, such as an id.",
            action="Name by kind and not by id; raise `max_series` if the names are right.",
        ),
        hold="10m",
        why="Once is not worth a ticket: a bound that is met for good counts on.",
        keep="15m",
        dashboard=_DASHBOARD,
        variables=(),
        serves=(_HEALTH,),
    )
