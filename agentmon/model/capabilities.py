"""
What agentmon owes its users, by name: what each capability means and where a user meets it.

Metrics name the capabilities that they serve; so do rules, alerts and dashboards.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

__all__ = ["CAPABILITIES", "Capability", "Where"]

#: A series, a recording rule, an alert, a panel, the Python API, a command, a generated report, or
#: something that acts within the user's process.
Where: TypeAlias = Literal["metric", "rule", "alert", "panel", "api", "cli", "report", "runtime"]


class Capability(NamedTuple):
    """
    One capability.

    Args:
        means: What it is.
        by: Where a user meets it.
    """

    means: str
    by: tuple[Where, ...]


#: Each capability by block, group and name, with dots between.
CAPABILITIES: Final[dict[str, Capability]] = {
    "agent_metrics.response_time_metrics.mean_response_time": Capability(
        "Sum/count of agent-call durations, per agent, over any window.",
        (
            "metric",
            "rule",
            "panel",
        ),
    ),
    "agent_metrics.response_time_metrics.p50_response_time": Capability(
        "Median from the HDR histogram, per agent; live sliding window in-process and any window "
        "in Prometheus.",
        (
            "metric",
            "rule",
            "panel",
        ),
    ),
    "agent_metrics.response_time_metrics.p90_response_time": Capability(
        "As p50, at 0.90.",
        (
            "metric",
            "rule",
            "panel",
        ),
    ),
    "agent_metrics.response_time_metrics.p99_response_time": Capability(
        "As p50, at 0.99; mergeable across processes and hosts without averaging quantiles.",
        (
            "metric",
            "rule",
            "panel",
            "alert",
        ),
    ),
    "agent_metrics.response_time_metrics.timeout_rate": Capability(
        "Calls that exceeded their declared timeout / calls.",
        (
            "metric",
            "rule",
            "panel",
            "alert",
        ),
    ),
    "agent_metrics.response_time_metrics.variance_analysis": Capability(
        "Variance, standard deviation and coefficient of variation of duration per agent, from "
        "the histogram; which agent and operation contributes most.",
        (
            "metric",
            "rule",
            "panel",
            "api",
        ),
    ),
    "agent_metrics.quality_metrics.task_completion_rate": Capability(
        "Tasks completed successfully / tasks ended.",
        (
            "metric",
            "rule",
            "panel",
            "alert",
        ),
    ),
    "agent_metrics.quality_metrics.user_satisfaction_score": Capability(
        "Mean and distribution of user ratings normalised to 0..1 (thumbs, 1..5 stars, NPS 0..10 "
        "accepted), attributable to agent and task after the fact by task id.",
        (
            "metric",
            "rule",
            "panel",
            "alert",
        ),
    ),
    "agent_metrics.quality_metrics.error_rate": Capability(
        "Failed calls / calls, split by error type.",
        (
            "metric",
            "rule",
            "panel",
            "alert",
        ),
    ),
    "agent_metrics.quality_metrics.rework_rate": Capability(
        "Tasks attempted again after they had ended, or flagged for rework / tasks.",
        (
            "metric",
            "rule",
            "panel",
            "alert",
        ),
    ),
    "agent_metrics.quality_metrics.accuracy_score": Capability(
        "Scores 0..1 from any evaluator (callable, human, LLM judge) per agent and dimension.",
        (
            "metric",
            "rule",
            "panel",
            "alert",
        ),
    ),
    "agent_metrics.quality_metrics.consistency_score": Capability(
        "Agreement among outputs of similar tasks: 1 - normalised dispersion of scores or of "
        "outputs under a similarity function, over a similarity key.",
        (
            "metric",
            "api",
            "panel",
        ),
    ),
    "agent_metrics.resource_utilization.cpu_usage": Capability(
        "CPU seconds attributed to each agent, correct for threads and for interleaved "
        "coroutines; and per process.",
        (
            "metric",
            "rule",
            "panel",
            "alert",
        ),
    ),
    "agent_metrics.resource_utilization.memory_consumption": Capability(
        "Process RSS/USS, and (opt-in, sampled) net allocation attributed to each agent; growth "
        "pattern.",
        (
            "metric",
            "rule",
            "panel",
            "alert",
        ),
    ),
    "agent_metrics.resource_utilization.network_bandwidth": Capability(
        "Bytes sent/received per process and, through instrumented clients, per agent.",
        (
            "metric",
            "rule",
            "panel",
        ),
    ),
    "agent_metrics.resource_utilization.storage_usage": Capability(
        "Bytes read/written per process, and size of declared storage paths with growth.",
        (
            "metric",
            "rule",
            "panel",
            "alert",
        ),
    ),
    "agent_metrics.resource_utilization.cost_per_task": Capability(
        "Model tokens x price table (versioned, overridable) + declared compute price x CPU "
        "seconds, per completed task.",
        (
            "metric",
            "rule",
            "panel",
            "alert",
        ),
    ),
    "agent_metrics.resource_utilization.resource_efficiency_ratio": Capability(
        "Completed tasks per unit of cost and per CPU second, and useful tokens / all tokens "
        "(failed and reworked tasks are waste).",
        (
            "rule",
            "panel",
        ),
    ),
    "system_metrics.throughput_metrics.requests_per_hour": Capability(
        "Rate of top-level requests x 3600.",
        (
            "rule",
            "panel",
        ),
    ),
    "system_metrics.throughput_metrics.concurrent_users": Capability(
        "Distinct users with a request in flight now; peak per window.",
        (
            "metric",
            "rule",
            "panel",
        ),
    ),
    "system_metrics.throughput_metrics.task_completion_rate": Capability(
        "Overall, across agents.",
        (
            "rule",
            "panel",
        ),
    ),
    "system_metrics.throughput_metrics.system_capacity": Capability(
        "In-flight / declared or measured capacity, per agent pool and overall.",
        (
            "metric",
            "rule",
            "panel",
            "alert",
        ),
    ),
    "system_metrics.throughput_metrics.queue_depth": Capability(
        "Current, time-averaged and peak depth, and waiting time, per queue.",
        (
            "metric",
            "rule",
            "panel",
            "alert",
        ),
    ),
    "system_metrics.throughput_metrics.processing_velocity": Capability(
        "Tasks completed per minute across agents, and its trend.",
        (
            "rule",
            "panel",
        ),
    ),
    "system_metrics.reliability_metrics.system_uptime": Capability(
        "Availability = time up / time observed, per component and overall, over 1d/7d/30d.",
        (
            "rule",
            "panel",
            "report",
        ),
    ),
    "system_metrics.reliability_metrics.mtbf": Capability(
        "Operating time / number of failures over the window.",
        (
            "rule",
            "api",
            "panel",
            "report",
        ),
    ),
    "system_metrics.reliability_metrics.mttr": Capability(
        "Mean duration of outages over the window.",
        (
            "rule",
            "api",
            "panel",
            "report",
        ),
    ),
    "system_metrics.reliability_metrics.error_recovery_rate": Capability(
        "Errors followed by success within the same task (retry, fallback, other agent) / errors.",
        (
            "metric",
            "rule",
            "panel",
        ),
    ),
    "system_metrics.reliability_metrics.cascade_failure_rate": Capability(
        "Failures caused by a failed upstream or callee within the same trace / failures.",
        (
            "metric",
            "rule",
            "panel",
            "alert",
        ),
    ),
    "system_metrics.reliability_metrics.resilience_score": Capability(
        "Goodput kept under stress relative to baseline, combined with recovery time; the formula "
        "is documented.",
        (
            "api",
            "rule",
            "panel",
            "report",
        ),
    ),
    "system_metrics.coordination_metrics.handoff_success_rate": Capability(
        "Handoffs accepted and completed / handoffs begun, per source and target; lost ones time "
        "out and count as failed, across processes too.",
        (
            "metric",
            "rule",
            "panel",
            "alert",
        ),
    ),
    "system_metrics.coordination_metrics.workflow_completion_rate": Capability(
        "Workflows completed / ended, per workflow.",
        (
            "metric",
            "rule",
            "panel",
            "alert",
        ),
    ),
    "system_metrics.coordination_metrics.escalation_appropriateness": Capability(
        "Escalations judged appropriate / judged; the verdict may come later by id.",
        (
            "metric",
            "rule",
            "panel",
        ),
    ),
    "system_metrics.coordination_metrics.context_preservation": Capability(
        "Share of the context handed over that the receiver has: keys, bytes, tokens or a user's "
        "scorer.",
        (
            "metric",
            "rule",
            "panel",
            "alert",
        ),
    ),
    "system_metrics.coordination_metrics.coordination_efficiency": Capability(
        "Time in useful agent work / workflow wall time on the critical path; the rest is "
        "handoff, waiting and synchronisation.",
        (
            "metric",
            "rule",
            "panel",
        ),
    ),
    "system_metrics.coordination_metrics.synchronization_success": Capability(
        "Barriers/joins in which all parties arrived in time / barriers; skew between first and "
        "last.",
        (
            "metric",
            "rule",
            "panel",
        ),
    ),
    "monitoring_system.data_collection.agent_instrumentation": Capability(
        "Decorators and context managers for def, async def, generators, async generators, "
        "methods, classes; adapters for the main agent frameworks.",
        ("api",),
    ),
    "monitoring_system.data_collection.request_tracing": Capability(
        "OpenTelemetry spans after the GenAI semantic conventions, one trace across agents, "
        "threads, tasks, processes and hosts (W3C traceparent + baggage).",
        ("api",),
    ),
    "monitoring_system.data_collection.error_logging": Capability(
        "Every failure as span status + exception event + structured log record correlated by "
        "trace id; fingerprinted into error groups.",
        (
            "api",
            "metric",
            "panel",
        ),
    ),
    "monitoring_system.data_collection.user_interaction_tracking": Capability(
        "Sessions, turns, users (hashed), feedback, abandonment, follow-ups.",
        (
            "api",
            "metric",
            "panel",
        ),
    ),
    "monitoring_system.data_collection.resource_monitoring": Capability(
        "Psutil and cgroup v1/v2 limits, in real time, event-loop lag, GC, threads, file "
        "descriptors.",
        (
            "metric",
            "panel",
        ),
    ),
    "monitoring_system.data_collection.business_metrics": Capability(
        "Declared value per outcome, deflection, conversions, cost, margin, per workflow.",
        (
            "api",
            "metric",
            "panel",
        ),
    ),
    "monitoring_system.data_processing.real_time_analytics": Capability(
        "Sliding-window statistics in-process, shown live in the status page and terminal.",
        (
            "api",
            "cli",
        ),
    ),
    "monitoring_system.data_processing.trend_analysis": Capability(
        "Robust slope with significance and change points for any series.",
        (
            "api",
            "cli",
            "rule",
        ),
    ),
    "monitoring_system.data_processing.anomaly_detection": Capability(
        "Seasonality-aware detection, in Prometheus as rules and offline with labelled-benchmark "
        "scores.",
        (
            "api",
            "cli",
            "rule",
            "alert",
        ),
    ),
    "monitoring_system.data_processing.correlation_analysis": Capability(
        "Lagged rank correlation between metrics with multiple-testing control.",
        (
            "api",
            "cli",
            "report",
        ),
    ),
    "monitoring_system.data_processing.predictive_analytics": Capability(
        "Forecasts with intervals for performance and capacity series.",
        (
            "api",
            "cli",
            "rule",
            "alert",
        ),
    ),
    "monitoring_system.data_processing.root_cause_analysis": Capability(
        "Ranked causes for an incident window from metrics, call graph and traces.",
        (
            "api",
            "cli",
            "report",
        ),
    ),
    "monitoring_system.alerting_system.threshold_based_alerts": Capability(
        "SLO and fixed thresholds per agent.",
        ("alert",),
    ),
    "monitoring_system.alerting_system.trend_based_alerts": Capability(
        "Sustained worsening before the threshold is hit.",
        ("alert",),
    ),
    "monitoring_system.alerting_system.anomaly_alerts": Capability(
        "Outside the seasonal band, by rule.",
        ("alert",),
    ),
    "monitoring_system.alerting_system.capacity_alerts": Capability(
        "Will run out within the horizon, or is near the limit now.",
        ("alert",),
    ),
    "monitoring_system.alerting_system.quality_alerts": Capability(
        "Accuracy, completion, rework, consistency degrade.",
        ("alert",),
    ),
    "monitoring_system.alerting_system.user_impact_alerts": Capability(
        "Satisfaction, abandonment, user-visible failures and slow turns.",
        ("alert",),
    ),
    "visualization_framework.executive_dashboards.system_health_overview": Capability(
        "One screen: availability, error budget, open alerts, health by component, region and "
        "tier.",
        ("panel",),
    ),
    "visualization_framework.executive_dashboards.performance_summary": Capability(
        "All agents side by side: traffic, p50/p90/p99, errors, timeouts, with last period.",
        ("panel",),
    ),
    "visualization_framework.executive_dashboards.cost_efficiency_view": Capability(
        "Cost by agent/model/workflow, cost per task, waste, biggest savings.",
        ("panel",),
    ),
    "visualization_framework.executive_dashboards.user_satisfaction_metrics": Capability(
        "Score, distribution, trend, by agent and workflow, abandonment.",
        ("panel",),
    ),
    "visualization_framework.executive_dashboards.business_impact_view": Capability(
        "Value delivered, deflection, margin, return.",
        ("panel",),
    ),
    "visualization_framework.executive_dashboards.trend_analysis_view": Capability(
        "Week-over-week, projection with band, projected date of breach.",
        ("panel",),
    ),
    "visualization_framework.operational_dashboards.agent_performance_details": Capability(
        "One agent: latency heatmap, percentiles, outcomes, error types, in flight, tokens, "
        "exemplars to traces.",
        ("panel",),
    ),
    "visualization_framework.operational_dashboards.resource_utilization_view": Capability(
        "CPU, memory, network, storage, loop lag; per process and per agent.",
        ("panel",),
    ),
    "visualization_framework.operational_dashboards.error_analysis_dashboard": Capability(
        "Error types, groups, first seen, cascades, recovery, MTTR.",
        ("panel",),
    ),
    "visualization_framework.operational_dashboards.workflow_efficiency_view": Capability(
        "Workflow duration, critical path by agent and by kind of wait, handoff matrix.",
        ("panel",),
    ),
    "visualization_framework.operational_dashboards.capacity_planning_view": Capability(
        "Utilisation, headroom, forecast, days to exhaustion, recommended replicas.",
        ("panel",),
    ),
    "visualization_framework.operational_dashboards.optimization_opportunities": Capability(
        "Ranked recommendations with expected gain.",
        ("panel",),
    ),
    "visualization_framework.developer_dashboards.agent_development_metrics": Capability(
        "Per agent version: evaluation scores, latency, cost, adoption.",
        ("panel",),
    ),
    "visualization_framework.developer_dashboards.code_quality_metrics": Capability(
        "Complexity, maintainability, lint and type findings per package, from real tools' output.",
        ("panel",),
    ),
    "visualization_framework.developer_dashboards.testing_coverage_view": Capability(
        "Coverage, test counts, failures, flakiness, duration, from coverage.xml and JUnit XML.",
        ("panel",),
    ),
    "visualization_framework.developer_dashboards.deployment_metrics": Capability(
        "The four DORA metrics: frequency, lead time, change failure rate, time to restore; "
        "rollbacks.",
        ("panel",),
    ),
    "visualization_framework.developer_dashboards.performance_regression_view": Capability(
        "Change points by version with size and significance.",
        ("panel",),
    ),
    "visualization_framework.developer_dashboards.optimization_impact_view": Capability(
        "Before/after of each optimisation and experiment with intervals.",
        ("panel",),
    ),
    "health_monitoring.availability_monitoring.service_availability": Capability(
        "Per agent.",
        (
            "metric",
            "rule",
            "panel",
            "alert",
        ),
    ),
    "health_monitoring.availability_monitoring.system_availability": Capability(
        "Overall, from user-visible success.",
        (
            "rule",
            "panel",
            "alert",
        ),
    ),
    "health_monitoring.availability_monitoring.dependency_availability": Capability(
        "Per dependency: passive (calls) and active (checks).",
        (
            "metric",
            "rule",
            "panel",
            "alert",
        ),
    ),
    "health_monitoring.availability_monitoring.geographic_availability": Capability(
        "Per region.",
        (
            "rule",
            "panel",
            "alert",
        ),
    ),
    "health_monitoring.availability_monitoring.tier_availability": Capability(
        "Per agent tier.",
        (
            "rule",
            "panel",
            "alert",
        ),
    ),
    "health_monitoring.availability_monitoring.workflow_availability": Capability(
        "Per workflow.",
        (
            "rule",
            "panel",
            "alert",
        ),
    ),
    "health_monitoring.performance_health.response_time_health": Capability(
        "Latency SLO and error budget.",
        (
            "rule",
            "panel",
            "alert",
        ),
    ),
    "health_monitoring.performance_health.throughput_health": Capability(
        "Traffic within expected band; absence detected.",
        (
            "rule",
            "panel",
            "alert",
        ),
    ),
    "health_monitoring.performance_health.error_rate_health": Capability(
        "Multi-window burn rate.",
        (
            "rule",
            "panel",
            "alert",
        ),
    ),
    "health_monitoring.performance_health.resource_utilization_health": Capability(
        "Utilisation within limits.",
        (
            "rule",
            "panel",
            "alert",
        ),
    ),
    "health_monitoring.performance_health.quality_health": Capability(
        "Quality SLO.",
        (
            "rule",
            "panel",
            "alert",
        ),
    ),
    "health_monitoring.performance_health.user_satisfaction_health": Capability(
        "Satisfaction target.",
        (
            "rule",
            "panel",
            "alert",
        ),
    ),
    "health_monitoring.operational_health.deployment_health": Capability(
        "Deployments and rollbacks that work.",
        (
            "metric",
            "panel",
            "alert",
        ),
    ),
    "health_monitoring.operational_health.monitoring_health": Capability(
        "The monitoring watches itself: dropped samples, stale scrape, exporter errors, dead- "
        "man's switch end to end.",
        (
            "metric",
            "panel",
            "alert",
        ),
    ),
    "health_monitoring.operational_health.backup_health": Capability(
        "Age and result of the last backup and restore test.",
        (
            "metric",
            "panel",
            "alert",
        ),
    ),
    "health_monitoring.operational_health.security_health": Capability(
        "Findings by severity from scanners' output, failed authentications, certificate expiry.",
        (
            "metric",
            "panel",
            "alert",
        ),
    ),
    "health_monitoring.operational_health.compliance_health": Capability(
        "Declared controls with evidence and age.",
        (
            "metric",
            "panel",
            "alert",
        ),
    ),
    "health_monitoring.operational_health.documentation_health": Capability(
        "Runbook for each alert, age and dead links.",
        (
            "metric",
            "panel",
            "alert",
        ),
    ),
    "alerting_framework.alert_classification.critical_alerts": Capability(
        "Pages.",
        ("alert",),
    ),
    "alerting_framework.alert_classification.warning_alerts": Capability(
        "Tickets with a time to act.",
        ("alert",),
    ),
    "alerting_framework.alert_classification.informational_alerts": Capability(
        "Notices, never page.",
        ("alert",),
    ),
    "alerting_framework.alert_classification.predictive_alerts": Capability(
        "Forecast breach.",
        ("alert",),
    ),
    "alerting_framework.alert_classification.correlation_alerts": Capability(
        "Fires on a combination that single alerts miss.",
        ("alert",),
    ),
    "alerting_framework.alert_classification.threshold_alerts": Capability(
        "Plain thresholds.",
        ("alert",),
    ),
    "alerting_framework.alert_routing.escalation_routing": Capability(
        "Unacknowledged for N minutes goes to the next level.",
        (
            "runtime",
            "cli",
        ),
    ),
    "alerting_framework.alert_routing.expertise_routing": Capability(
        "By owning team of the agent/component.",
        ("cli",),
    ),
    "alerting_framework.alert_routing.geographic_routing": Capability(
        "By region and working hours, follow the sun.",
        ("cli",),
    ),
    "alerting_framework.alert_routing.priority_routing": Capability(
        "By business priority.",
        (
            "cli",
            "runtime",
        ),
    ),
    "alerting_framework.alert_routing.context_routing": Capability(
        "By state: maintenance, deployment in progress, ongoing incident.",
        (
            "cli",
            "runtime",
        ),
    ),
    "alerting_framework.alert_routing.feedback_routing": Capability(
        "By who resolved such alerts fastest.",
        ("runtime",),
    ),
    "alerting_framework.alert_management.alert_correlation": Capability(
        "Related alerts become one incident (graph, time, trace).",
        ("runtime",),
    ),
    "alerting_framework.alert_management.alert_suppression": Capability(
        "Duplicates, flapping and dependents are held back, and counted.",
        ("runtime",),
    ),
    "alerting_framework.alert_management.alert_enrichment": Capability(
        "Runbook, dashboard link with time range, suspects, recent deployments, exemplar traces.",
        ("runtime",),
    ),
    "alerting_framework.alert_management.alert_prioritization": Capability(
        "Score from business impact, users affected, budget burned.",
        ("runtime",),
    ),
    "alerting_framework.alert_management.alert_automation": Capability(
        "Allow-listed playbooks with dry run, approval, timeout, audit.",
        ("runtime",),
    ),
    "alerting_framework.alert_management.alert_learning": Capability(
        "Precision per alert from feedback; proposes threshold, routing and silence changes.",
        (
            "runtime",
            "report",
        ),
    ),
}
