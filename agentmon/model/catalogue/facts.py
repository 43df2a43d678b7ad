"""
Facts of operations and development: deployments, backups, security, compliance, tests, code.

Most of them come from files that other tools write; see ``agentmon collect``.
"""

from __future__ import annotations

from agentmon.model.catalogue.declare import DAYS, counter, gauge, histogram
from agentmon.model.catalogue.labels import AGENT, COMPONENT, VERSION
from agentmon.model.metric import Across, Label, Metric, Unit

__all__ = [
    "AUTHENTICATIONS_FAILED",
    "BACKUPS",
    "BACKUP_DURATION",
    "BACKUP_LAST_SUCCESS",
    "BACKUP_SIZE",
    "CAPACITY_LIMIT",
    "CAPACITY_USED",
    "CERTIFICATE_EXPIRES",
    "CODE_COMPLEXITY",
    "CODE_FINDINGS",
    "CODE_MAINTAINABILITY",
    "COMPLIANCE_CONTROL",
    "COMPLIANCE_EVIDENCE",
    "COVERAGE",
    "DEPLOYMENTS",
    "DEPLOYMENT_LAST",
    "DEPLOYMENT_LEAD_TIME",
    "DEPLOYMENT_RESTORE",
    "DOCUMENT_DEAD_LINKS",
    "DOCUMENT_UPDATED",
    "EVALUATION_RUN",
    "METRICS",
    "SECURITY_FINDINGS",
    "SECURITY_SCAN",
    "TESTS",
    "TESTS_FLAKY",
    "TEST_DURATION",
    "TEST_RUN",
]

_OPERATIONS = "health_monitoring.operational_health."
_DEVELOPER = "visualization_framework.developer_dashboards."
_DEPLOYMENT = _OPERATIONS + "deployment_health"
_DORA = _DEVELOPER + "deployment_metrics"
_BACKUP = _OPERATIONS + "backup_health"
_SECURITY = _OPERATIONS + "security_health"
_COMPLIANCE = _OPERATIONS + "compliance_health"
_DOCUMENTATION = _OPERATIONS + "documentation_health"
_TESTS = _DEVELOPER + "testing_coverage_view"
_CODE = _DEVELOPER + "code_quality_metrics"


def _latest(
    name: str, help_text: str, labels: tuple[Label, ...], *serves: str, unit: Unit = Unit.NONE
) -> Metric:
    """What was reported last, by whichever process."""
    return gauge(name, help_text, labels, *serves, unit=unit, across=Across.NEWEST)


# ------------------------------------------------------------------ deployments

_ENVIRONMENT = Label("environment", "Where it was deployed, such as production.", 20)
_DEPLOYED = (COMPONENT, _ENVIRONMENT)
DEPLOYMENTS = counter(
    "deployments",
    "Deployments, by result.",
    (*_DEPLOYED, Label("result", "succeeded, failed or rolled_back (after it had succeeded).", 3)),
    _DEPLOYMENT,
    _DORA,
)
DEPLOYMENT_LEAD_TIME = histogram(
    "deployment_lead_time",
    "Time from the commit to its deployment.",
    _DEPLOYED,
    _DORA,
    edges=DAYS,
)
DEPLOYMENT_RESTORE = histogram(
    "deployment_restore",
    "Time from a deployment that failed to the restored service.",
    _DEPLOYED,
    _DORA,
    edges=DAYS,
)
DEPLOYMENT_LAST = _latest(
    "deployment_last_timestamp",
    "When it was deployed last, in seconds since 1970.",
    _DEPLOYED,
    _DEPLOYMENT,
    _DORA,
    unit=Unit.SECONDS,
)

# ------------------------------------------------------------------ backups

_BACKUP_LABEL = Label("backup", "Name of the backup.", 200)
BACKUPS = counter(
    "backups",
    "Backups and restore tests, by result.",
    (
        _BACKUP_LABEL,
        Label("backup_run", "backup or restore_test.", 2),
        Label("result", "succeeded or failed.", 2),
    ),
    _BACKUP,
)
BACKUP_LAST_SUCCESS = _latest(
    "backup_last_success_timestamp",
    "When it succeeded last, in seconds since 1970.",
    (_BACKUP_LABEL, Label("backup_run", "backup or restore_test.", 2)),
    _BACKUP,
    unit=Unit.SECONDS,
)
BACKUP_SIZE = _latest(
    "backup_size", "Size of the latest backup.", (_BACKUP_LABEL,), _BACKUP, unit=Unit.BYTES
)
BACKUP_DURATION = _latest(
    "backup_duration",
    "Time that the latest run took.",
    (_BACKUP_LABEL, Label("backup_run", "backup or restore_test.", 2)),
    _BACKUP,
    unit=Unit.SECONDS,
)

# ------------------------------------------------------------------ security, compliance

_SCANNED = (
    Label("scanner", "pip-audit, bandit, trivy or another.", 20),
    Label("subject", "What was scanned.", 200),
)
SECURITY_FINDINGS = _latest(
    "security_findings",
    "Findings of the latest scan, by severity.",
    (*_SCANNED, Label("severity", "critical, high, medium, low or unknown.", 5)),
    _SECURITY,
)
SECURITY_SCAN = _latest(
    "security_scan_timestamp",
    "When the latest scan was, in seconds since 1970.",
    _SCANNED,
    _SECURITY,
    unit=Unit.SECONDS,
)
CERTIFICATE_EXPIRES = gauge(
    "certificate_expiry_timestamp",
    "When the certificate ends, in seconds since 1970.",
    (Label("certificate", "Name of the certificate.", 200),),
    _SECURITY,
    unit=Unit.SECONDS,
    across=Across.SMALLEST,
)
AUTHENTICATIONS_FAILED = counter(
    "authentications_failed",
    "Authentications that failed, as the program reports them.",
    (COMPONENT, Label("reason", "Why.", 20)),
    _SECURITY,
)
_CONTROL = (
    Label("control", "Name of the control.", 500),
    Label("framework", "What demands it, such as soc2.", 20),
)
COMPLIANCE_CONTROL = _latest(
    "compliance_control_met",
    "Whether the control is met: 1 or 0.",
    _CONTROL,
    _COMPLIANCE,
)
COMPLIANCE_EVIDENCE = _latest(
    "compliance_evidence_timestamp",
    "When the evidence of the control was gathered, in seconds since 1970.",
    _CONTROL,
    _COMPLIANCE,
    unit=Unit.SECONDS,
)

# ------------------------------------------------------------------ documentation, capacity

_DOCUMENT = (Label("document", "Path or name of the document.", 500),)
DOCUMENT_UPDATED = _latest(
    "documentation_updated_timestamp",
    "When the document was changed last, in seconds since 1970.",
    _DOCUMENT,
    _DOCUMENTATION,
    unit=Unit.SECONDS,
)
DOCUMENT_DEAD_LINKS = _latest(
    "documentation_dead_links",
    "Links of the document that lead nowhere.",
    _DOCUMENT,
    _DOCUMENTATION,
)
_RESOURCE = (Label("resource", "Name of what there is only so much of.", 200),)
CAPACITY_LIMIT = _latest(
    "capacity_limit",
    "How much of the resource there is, declared or measured.",
    _RESOURCE,
    "system_metrics.throughput_metrics.system_capacity",
)
CAPACITY_USED = gauge(
    "capacity_used",
    "How much of the resource is used.",
    _RESOURCE,
    "system_metrics.throughput_metrics.system_capacity",
)

# ------------------------------------------------------------------ tests and code

_PACKAGE = Label("package", "Package or folder; (all) for all of them.", 200)
_SUITE = Label("suite", "Name of the test suite.", 100)
COVERAGE = _latest(
    "coverage",
    "Share of the code that tests ran.",
    (_PACKAGE, Label("coverage", "line or branch.", 2)),
    _TESTS,
    unit=Unit.RATIO,
)
TESTS = _latest(
    "tests",
    "Tests of the latest run, by result.",
    (_SUITE, Label("result", "passed, failed, error or skipped.", 4)),
    _TESTS,
)
TESTS_FLAKY = _latest(
    "tests_flaky",
    "Tests that both passed and failed within the runs that were collected.",
    (_SUITE,),
    _TESTS,
)
TEST_DURATION = _latest(
    "test_run_duration", "Time that the latest run took.", (_SUITE,), _TESTS, unit=Unit.SECONDS
)
TEST_RUN = _latest(
    "test_run_timestamp",
    "When the latest run was, in seconds since 1970.",
    (_SUITE,),
    _TESTS,
    unit=Unit.SECONDS,
)
CODE_COMPLEXITY = _latest(
    "code_complexity",
    "Cyclomatic complexity of the functions of the package.",
    (_PACKAGE, Label("statistic", "mean or largest.", 2)),
    _CODE,
)
CODE_MAINTAINABILITY = _latest(
    "code_maintainability_index",
    "Maintainability index of the package's modules, on average: from 0 to 100.",
    (_PACKAGE,),
    _CODE,
)
CODE_FINDINGS = _latest(
    "code_findings",
    "Findings of linters and type checkers.",
    (
        _PACKAGE,
        Label("checker", "ruff, mypy or another.", 10),
        Label(
            "rule",
            "Rule or kind of the finding; empty with 0, which says that there was a look.",
            200,
        ),
    ),
    _CODE,
)
EVALUATION_RUN = _latest(
    "evaluation_run_score",
    "Mean score of the agent's version in the latest evaluation run, from 0 to 1.",
    (AGENT, VERSION, Label("dimension", "What was judged.", 50)),
    _DEVELOPER + "agent_development_metrics",
    unit=Unit.RATIO,
)

METRICS = (
    DEPLOYMENTS,
    DEPLOYMENT_LEAD_TIME,
    DEPLOYMENT_RESTORE,
    DEPLOYMENT_LAST,
    BACKUPS,
    BACKUP_LAST_SUCCESS,
    BACKUP_SIZE,
    BACKUP_DURATION,
    SECURITY_FINDINGS,
    SECURITY_SCAN,
    CERTIFICATE_EXPIRES,
    AUTHENTICATIONS_FAILED,
    COMPLIANCE_CONTROL,
    COMPLIANCE_EVIDENCE,
    DOCUMENT_UPDATED,
    DOCUMENT_DEAD_LINKS,
    CAPACITY_LIMIT,
    CAPACITY_USED,
    COVERAGE,
    TESTS,
    TESTS_FLAKY,
    TEST_DURATION,
    TEST_RUN,
    CODE_COMPLEXITY,
    CODE_MAINTAINABILITY,
    CODE_FINDINGS,
    EVALUATION_RUN,
)
