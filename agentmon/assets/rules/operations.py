"""
Alerts of operations: components, dependencies, deployments, backups, security, compliance, pages.
"""

from __future__ import annotations

from typing import Final

from agentmon.assets.rules.rule import Alert, Group, Runbook, Severity
from agentmon.model.catalogue import facts, reliability
from agentmon.model.metric import Metric
from agentmon.query.promql import Expression, Matchers, gauge, increase, total

__all__ = ["alerts"]

_DASHBOARD: Final = "agentmon-system-health"
_OPERATIONS: Final = "health_monitoring.operational_health."
_AVAILABILITY: Final = "health_monitoring.availability_monitoring."
_DAY_S: Final = 86_400
_REFUSED: Final = 10


def alerts() -> list[Group]:
    """What watches operations."""
    return [
        Group(
            "agentmon-operations",
            "1m",
            (
                _component_down(),
                _check_failing(),
                _rate_limited(),
                _deployment_failed(),
                _backup_failed(),
                _backup_old(),
                _restore_test_old(),
                _security_findings(),
                _scan_old(),
                _authentications(),
                _certificate(),
                _control_not_met(),
                _evidence_old(),
                _document_old(),
                _dead_links(),
            ),
        )
    ]


def _age_s(since: Expression) -> Expression:
    """For how long something has been so."""
    return Expression(f"time() - {since.inner}", since.labels, simple=False)


def _alert(
    name: str,
    expression: Expression,
    says: tuple[Severity, str, str, str],
    runbook: Runbook,
    held: tuple[str, str],
    *,
    serves: str,
    kind: str = "operations",
) -> Alert:
    """An alert; what it says is its severity, component, summary and description."""
    severity, component, summary, description = says
    hold, why = held
    return Alert(
        name=f"Agentmon{name}",
        expression=expression,
        severity=severity,
        kind=kind,
        component=component,
        summary=summary,
        description=description,
        runbook=runbook,
        hold=hold,
        why=why,
        dashboard=_DASHBOARD,
        serves=(serves,),
        # What the metric says of the component is kept: two of them are two alerts.
        labels={"component": "{{ $labels.component }}"} if component == "component" else {},
    )


def _counted(metric: Metric, window: str, where: Matchers, by: tuple[str, ...]) -> Expression:
    """
    How many were counted within a window, the first one of its kind too.

    A counter begins at what it has counted already, of which `increase` sees nothing.
    """
    begun = total(metric, where).unless(total(metric, where).offset(window)).sum(by)
    return begun.otherwise(increase(metric, window, where).sum(by)).rounded(1)


def _component_down() -> Alert:
    return _alert(
        "ComponentDown",
        gauge(reliability.COMPONENT_UP).max(("component",)).equals(0),
        (
            "critical",
            "component",
            "Component {{ $labels.component }} is down.",
            "No process says that component {{ $labels.component }} is up.",
        ),
        Runbook(
            meaning="A component is down wherever it is told of.",
            impact="What needs it fails.",
            diagnosis="See which of its checks fails, and what was deployed last.",
            action="Start it again, or roll back.",
        ),
        ("2m", "A restart takes less."),
        serves=_AVAILABILITY + "service_availability",
    )


def _check_failing() -> Alert:
    return _alert(
        "HealthCheckFailing",
        gauge(reliability.HEALTH_CHECK_UP).min(("check", "component", "instance")).equals(0),
        (
            "warning",
            "component",
            "Check {{ $labels.check }} fails on {{ $labels.instance }}.",
            "Check {{ $labels.check }} of {{ $labels.component }} fails on {{ $labels.instance }}.",
        ),
        Runbook(
            meaning="A check has failed for 5 minutes.",
            impact="The component does not do all that it should.",
            diagnosis="Ask `/readyz` of the process: it names the check that fails.",
            action="Repair what the check looks at.",
        ),
        ("5m", "A check that fails once may have met a restart."),
        serves=_AVAILABILITY + "service_availability",
    )


def _rate_limited() -> Alert:
    limited = increase(reliability.RATE_LIMITED, "15m").sum(("dependency",)).rounded(1)
    return _alert(
        "RateLimited",
        limited > _REFUSED,
        (
            "warning",
            "dependency",
            "Dependency {{ $labels.dependency }} refuses calls, as there are too many.",
            "{{ $value | humanize }} calls were refused within 15 minutes.",
        ),
        Runbook(
            meaning="More than 10 calls were refused within 15 minutes for being too many.",
            impact="Work waits for another attempt, or fails.",
            diagnosis="See which agents call it most.",
            action="Call less often, share a limit between processes, or ask for a higher one.",
        ),
        ("5m", "One burst that is tried again is nothing to act on."),
        serves=_AVAILABILITY + "dependency_availability",
        kind="threshold",
    )


def _deployment_failed() -> Alert:
    failed = _counted(
        facts.DEPLOYMENTS,
        "1h",
        {"result": ("=~", "failed|rolled_back")},
        ("component", "environment"),
    )
    return _alert(
        "DeploymentFailed",
        failed > 0,
        (
            "warning",
            "component",
            "A deployment of {{ $labels.component }} to {{ $labels.environment }} failed.",
            "{{ $value | humanize }} deployments failed or were rolled back within one hour.",
        ),
        Runbook(
            meaning="A deployment failed, or was rolled back, within the last hour.",
            impact="What it was to bring is not there; users may have met what it broke.",
            diagnosis="Read the log of the deployment; compare errors before and after.",
            action="Correct the cause before the next attempt.",
        ),
        ("0s", "It is over when it is told of."),
        serves=_OPERATIONS + "deployment_health",
    )


def _backup_failed() -> Alert:
    failed = _counted(
        facts.BACKUPS, "1h", {"result": ("!=", "succeeded")}, ("backup", "backup_run")
    )
    return _alert(
        "BackupFailed",
        failed > 0,
        (
            "warning",
            "backup",
            "Backup {{ $labels.backup }} failed ({{ $labels.backup_run }}).",
            "{{ $value | humanize }} runs failed within one hour.",
        ),
        Runbook(
            meaning="A backup, or a test of restoring one, failed within the last hour.",
            impact="None yet; what is done from now on is not saved, or cannot be brought back.",
            diagnosis="Read the log of the run.",
            action="Repair it, and run it again.",
        ),
        ("0s", "It is over when it is told of."),
        serves=_OPERATIONS + "backup_health",
    )


def _restore_test_old() -> Alert:
    last = gauge(facts.BACKUP_LAST_SUCCESS, {"backup_run": "restore_test"}).max(("backup",))
    return _alert(
        "RestoreTestOld",
        (_age_s(last) > 90 * _DAY_S).rounded(60),
        (
            "info",
            "backup",
            "It is long since {{ $labels.backup }} was restored as a test.",
            "The last test that succeeded is {{ $value | humanizeDuration }} old.",
        ),
        Runbook(
            meaning="For 90 days nobody has shown that the backup can be brought back.",
            impact="It may be of no use when it is needed.",
            diagnosis="See whether tests fail or are not made.",
            action="Restore it to somewhere else, and compare.",
        ),
        ("1h", "Nobody is in a hurry."),
        serves=_OPERATIONS + "backup_health",
    )


def _scan_old() -> Alert:
    last = gauge(facts.SECURITY_SCAN).max(("scanner", "subject"))
    return _alert(
        "ScanOld",
        (_age_s(last) > 7 * _DAY_S).rounded(60),
        (
            "warning",
            "subject",
            "{{ $labels.subject }} was not scanned by {{ $labels.scanner }} for long.",
            "The last scan is {{ $value | humanizeDuration }} old.",
        ),
        Runbook(
            meaning="For a week there was no report of a scanner.",
            impact="What became known since then is not seen.",
            diagnosis="See whether its job runs, and whether its report is collected.",
            action="Run it now.",
        ),
        ("1h", "A run that is about to end may make it good."),
        serves=_OPERATIONS + "security_health",
    )


def _authentications() -> Alert:
    failed = increase(facts.AUTHENTICATIONS_FAILED, "15m").sum(("component",)).rounded(1)
    return _alert(
        "AuthenticationsFailing",
        failed > _REFUSED,
        (
            "warning",
            "component",
            "Many authentications at {{ $labels.component }} fail.",
            "{{ $value | humanize }} failed within 15 minutes.",
        ),
        Runbook(
            meaning="More than 10 authentications failed within 15 minutes.",
            impact="Somebody may be trying passwords; or a credential has expired.",
            diagnosis="See by reason and source who tries.",
            action="Renew the credential; or shut out who is guessing.",
        ),
        ("5m", "Somebody who mistypes is no attack."),
        serves=_OPERATIONS + "security_health",
    )


def _backup_old() -> Alert:
    last = gauge(facts.BACKUP_LAST_SUCCESS, {"backup_run": "backup"}).max(("backup",))
    return _alert(
        "BackupOld",
        (_age_s(last) > 2 * _DAY_S).rounded(60),
        (
            "warning",
            "backup",
            "Backup {{ $labels.backup }} is too old.",
            "The last one that succeeded is {{ $value | humanizeDuration }} old.",
        ),
        Runbook(
            meaning="No backup has succeeded for 2 days.",
            impact="What was done since then would be lost.",
            diagnosis="Read the log of its last run.",
            action="Repair it, and run it now.",
        ),
        ("15m", "A run that is about to end may make it good."),
        serves=_OPERATIONS + "backup_health",
    )


def _security_findings() -> Alert:
    found = gauge(facts.SECURITY_FINDINGS, {"severity": "critical"})
    return _alert(
        "SecurityCritical",
        found.max(("scanner", "subject")) > 0,
        (
            "warning",
            "subject",
            "{{ $labels.scanner }} found something critical in {{ $labels.subject }}.",
            "{{ $value | humanize }} critical findings are open.",
        ),
        Runbook(
            meaning="A scanner reports critical findings.",
            impact="Whoever knows of them may break in.",
            diagnosis="Read the report of the scanner.",
            action="Update or replace what is concerned.",
        ),
        ("0s", "A scan says it, and the next one is far away."),
        serves=_OPERATIONS + "security_health",
    )


def _certificate() -> Alert:
    expires = gauge(facts.CERTIFICATE_EXPIRES).min(("certificate",))
    left = Expression(f"{expires.text} - time()", expires.labels, simple=False)
    return _alert(
        "CertificateExpiring",
        (left < 14 * _DAY_S).rounded(60),
        (
            "warning",
            "certificate",
            "Certificate {{ $labels.certificate }} expires soon.",
            "It is good for {{ $value | humanizeDuration }} more.",
        ),
        Runbook(
            meaning="A certificate expires in less than 14 days.",
            impact="From then on, whoever checks it refuses to connect.",
            diagnosis="See why it was not renewed.",
            action="Renew it, and see that it is loaded.",
        ),
        ("15m", "Days are left."),
        serves=_OPERATIONS + "security_health",
    )


def _control_not_met() -> Alert:
    met = gauge(facts.COMPLIANCE_CONTROL).min(("control", "framework"))
    return _alert(
        "ControlNotMet",
        met.equals(0),
        (
            "warning",
            "control",
            "Control {{ $labels.control }} of {{ $labels.framework }} is not met.",
            "Control {{ $labels.control }} of {{ $labels.framework }} is not met.",
        ),
        Runbook(
            meaning="A control that has to be met is not.",
            impact="An audit would find it.",
            diagnosis="Look at what the control asks for, and at its last evidence.",
            action="Meet it, or have the exception written down.",
        ),
        ("15m", "Nobody acts on it within minutes."),
        serves=_OPERATIONS + "compliance_health",
    )


def _evidence_old() -> Alert:
    last = gauge(facts.COMPLIANCE_EVIDENCE).max(("control", "framework"))
    return _alert(
        "EvidenceOld",
        (_age_s(last) > 90 * _DAY_S).rounded(60),
        (
            "info",
            "control",
            "The evidence for {{ $labels.control }} of {{ $labels.framework }} is old.",
            "It is {{ $value | humanizeDuration }} old.",
        ),
        Runbook(
            meaning="Nobody has shown for 90 days that a control is met.",
            impact="An audit would ask for it.",
            diagnosis="See who gathers it, and whether that still runs.",
            action="Gather it anew.",
        ),
        ("1h", "Nobody is in a hurry."),
        serves=_OPERATIONS + "compliance_health",
    )


def _document_old() -> Alert:
    last = gauge(facts.DOCUMENT_UPDATED).max(("document",))
    return _alert(
        "DocumentOld",
        (_age_s(last) > 365 * _DAY_S).rounded(60),
        (
            "info",
            "document",
            "Document {{ $labels.document }} was not looked at for long.",
            "It was changed {{ $value | humanizeDuration }} ago.",
        ),
        Runbook(
            meaning="A document was not changed for a year.",
            impact="It may say what is no longer so.",
            diagnosis="Read it beside what it is about.",
            action="Correct it, or delete it.",
        ),
        ("1h", "Nobody is in a hurry."),
        serves=_OPERATIONS + "documentation_health",
    )


def _dead_links() -> Alert:
    return _alert(
        "DeadLinks",
        gauge(facts.DOCUMENT_DEAD_LINKS).max(("document",)) > 0,
        (
            "info",
            "document",
            "Document {{ $labels.document }} has dead links.",
            "{{ $value | humanize }} links lead nowhere.",
        ),
        Runbook(
            meaning="Links of a document lead nowhere.",
            impact="Readers do not find what they need.",
            diagnosis="The check of links names them.",
            action="Correct them.",
        ),
        ("1h", "Nobody is in a hurry."),
        serves=_OPERATIONS + "documentation_health",
    )
