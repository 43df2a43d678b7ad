"""
Facts of operations and development, as programs report them.

``agentmon collect`` makes the same facts of files.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from time import time
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from agentmon.instrumentation.active import ACTIVE
from agentmon.model.catalogue import facts
from agentmon.model.declared import LONGEST_NAME
from agentmon.model.metric import Kind, Metric

if TYPE_CHECKING:
    from agentmon.record.signals import Signals

__all__ = [
    "SEVERITIES",
    "Fact",
    "Time",
    "authentication_failed",
    "backed_up",
    "backup_facts",
    "capacity_facts",
    "capacity_limit",
    "capacity_used",
    "compliance_control",
    "control_facts",
    "deployed",
    "deployment_facts",
    "findings_facts",
    "security_scanned",
    "take",
]

#: A moment: seconds since 1970, or a date and time; one without a time zone is local.
Time: TypeAlias = "float | datetime"

Severity: TypeAlias = Literal["critical", "high", "medium", "low", "unknown"]
SEVERITIES: Final[tuple[Severity, ...]] = ("critical", "high", "medium", "low", "unknown")
RESULTS: Final = ("succeeded", "failed")
DEPLOYMENT_RESULTS: Final = (*RESULTS, "rolled_back")


@dataclass(frozen=True, slots=True)
class Fact:
    """
    One value of one metric.

    Args:
        metric: The metric; a counter gets the value added, a gauge is set to it, a histogram
            observes it.
        labels: Its label values, in their order.
        value: The value.
    """

    metric: Metric
    labels: tuple[str, ...]
    value: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise ValueError(f"{self.metric.name}: got {self.value}, allowed a finite number")


def take(signals: Signals, given: Iterable[Fact]) -> None:
    """Record facts."""
    for fact in given:
        if fact.metric.kind is Kind.COUNTER:
            signals.add(fact.metric, fact.labels, int(fact.value))
        elif fact.metric.kind is Kind.HISTOGRAM:
            signals.observe(fact.metric, fact.labels, fact.value)
        else:
            signals.set(fact.metric, fact.labels, fact.value)


def _note(make: Callable[[], Iterable[Fact]]) -> None:
    """Record what somebody reports, or count that it cannot be used; never raises."""
    registry = ACTIVE.registry
    if registry is None:
        return
    try:
        made = list(make())
    except Exception:  # noqa: BLE001  # whatever the host gave must not come back to it
        registry.drop("invalid_value", 1)
        return
    take(registry.signals, made)


# ------------------------------------------------------------------ deployments


def deployed(
    component: str,
    environment: str,
    *,
    result: Literal["succeeded", "failed", "rolled_back"] = "succeeded",
    at: Time | None = None,
    committed_at: Time | None = None,
    broken_since: Time | None = None,
) -> None:
    """
    Take down a deployment, or that one was rolled back.

    Args:
        component: What was deployed.
        environment: Where, such as ``production``.
        result: How it ended; ``rolled_back`` takes back one that had succeeded.
        at: When; by default now.
        committed_at: When its oldest change was committed; makes the lead time.
        broken_since: When the deployment was that broke what this one restores.
    """
    _note(
        lambda: deployment_facts(
            component, environment, result, at, committed_at=committed_at, broken_since=broken_since
        )
    )


def deployment_facts(
    component: str,
    environment: str,
    result: str,
    at: Time | None = None,
    *,
    committed_at: Time | None = None,
    broken_since: Time | None = None,
) -> Iterator[Fact]:
    """
    What a deployment says; see `deployed`.

    Raises:
        ValueError: If something cannot be used.
    """
    labels = (_name("component", component), _name("environment", environment))
    when = _moment(at)
    yield Fact(facts.DEPLOYMENTS, (*labels, _one_of("result", result, DEPLOYMENT_RESULTS)), 1)
    if result == "failed":
        return
    yield Fact(facts.DEPLOYMENT_LAST, labels, when)
    if committed_at is not None and result == "succeeded":
        yield Fact(facts.DEPLOYMENT_LEAD_TIME, labels, _elapsed("committed_at", committed_at, when))
    if broken_since is not None:
        yield Fact(facts.DEPLOYMENT_RESTORE, labels, _elapsed("broken_since", broken_since, when))


# ------------------------------------------------------------------ backups


def backed_up(
    backup: str,
    *,
    succeeded: bool = True,
    restore_test: bool = False,
    at: Time | None = None,
    size: float | None = None,
    seconds: float | None = None,
) -> None:
    """
    Take down a backup, or a test that it can be restored.

    Args:
        backup: Name of the backup.
        succeeded: Whether it did.
        restore_test: Whether it was a restore that was tried.
        at: When; by default now.
        size: Size of the backup in bytes.
        seconds: How long it took.
    """
    run = "restore_test" if restore_test else "backup"
    result = "succeeded" if succeeded else "failed"
    _note(lambda: backup_facts(backup, run, result, at, size=size, seconds=seconds))


def backup_facts(
    backup: str,
    run: str,
    result: str,
    at: Time | None = None,
    *,
    size: float | None = None,
    seconds: float | None = None,
) -> Iterator[Fact]:
    """
    What a backup or a restore test says; see `backed_up`.

    Raises:
        ValueError: If something cannot be used.
    """
    labels = (_name("backup", backup), _one_of("run", run, ("backup", "restore_test")))
    when = _moment(at)
    yield Fact(facts.BACKUPS, (*labels, _one_of("result", result, RESULTS)), 1)
    if seconds is not None:
        yield Fact(facts.BACKUP_DURATION, labels, _positive("seconds", seconds))
    if result == "succeeded":
        yield Fact(facts.BACKUP_LAST_SUCCESS, labels, when)
        if size is not None and run == "backup":
            yield Fact(facts.BACKUP_SIZE, (backup,), _positive("size", size))


# ------------------------------------------------------------------ security, compliance


def security_scanned(
    scanner: str,
    subject: str,
    findings: Mapping[Severity, int],
    *,
    at: Time | None = None,
) -> None:
    """
    Take down what a scanner found.

    Args:
        scanner: Name of the scanner.
        subject: What was scanned.
        findings: How many, by severity; a severity that is not named has none.
        at: When; by default now.
    """
    _note(lambda: findings_facts(scanner, subject, findings, at))


def findings_facts(
    scanner: str, subject: str, findings: Mapping[Severity, int], at: Time | None = None
) -> Iterator[Fact]:
    """
    What a scan says; see `security_scanned`.

    Raises:
        ValueError: If something cannot be used.
    """
    labels = (_name("scanner", scanner), _name("subject", subject))
    for severity in findings:
        _one_of("findings", severity, SEVERITIES)
    for severity in SEVERITIES:
        count = _positive("findings", findings.get(severity, 0))
        yield Fact(facts.SECURITY_FINDINGS, (*labels, severity), count)
    yield Fact(facts.SECURITY_SCAN, labels, _moment(at))


def authentication_failed(component: str, *, reason: str = "") -> None:
    """
    Take down that somebody could not authenticate.

    Args:
        component: What refused.
        reason: Why, one of few texts; never who it was.
    """

    def made() -> Iterator[Fact]:
        said = _name("reason", reason, empty=True)
        yield Fact(facts.AUTHENTICATIONS_FAILED, (_name("component", component), said), 1)

    _note(made)


def compliance_control(
    control: str, *, met: bool, framework: str = "", evidence_at: Time | None = None
) -> None:
    """
    Take down whether a control is met.

    Args:
        control: Name of the control.
        met: Whether it is.
        framework: What demands it, such as ``soc2``.
        evidence_at: When the evidence was gathered.
    """
    _note(lambda: control_facts(control, framework, met=met, evidence_at=evidence_at))


def control_facts(
    control: str, framework: str, *, met: bool, evidence_at: Time | None = None
) -> Iterator[Fact]:
    """
    What a control says; see `compliance_control`.

    Raises:
        ValueError: If something cannot be used.
    """
    labels = (_name("control", control), _name("framework", framework, empty=True))
    yield Fact(facts.COMPLIANCE_CONTROL, labels, int(bool(met)))
    if evidence_at is not None:
        yield Fact(facts.COMPLIANCE_EVIDENCE, labels, _moment(evidence_at))


# ------------------------------------------------------------------ capacity


def capacity_limit(resource: str, limit: float, /) -> None:
    """
    Say how much of something there is; for calls of an agent, see `capacity`.

    Args:
        resource: Name of what there is only so much of.
        limit: How much, in whatever unit its use has.
    """
    _note(lambda: capacity_facts(resource, limit=limit))


def capacity_used(resource: str, used: float, /) -> None:
    """
    Say how much of something is used by this process.

    Args:
        resource: Name of what there is only so much of.
        used: How much, in the unit of its limit.
    """
    _note(lambda: capacity_facts(resource, used=used))


def capacity_facts(
    resource: str, *, limit: float | None = None, used: float | None = None
) -> Iterator[Fact]:
    """
    What is said of a capacity; see `capacity_limit`.

    Raises:
        ValueError: If something cannot be used.
    """
    labels = (_name("resource", resource),)
    if limit is not None:
        yield Fact(facts.CAPACITY_LIMIT, labels, _positive("limit", limit))
    if used is not None:
        yield Fact(facts.CAPACITY_USED, labels, _positive("used", used))


# ------------------------------------------------------------------ arguments


def _name(what: str, value: object, *, empty: bool = False) -> str:
    if not isinstance(value, str) or (not empty and not value.strip()):
        raise ValueError(f"{what}: got {value!r}, allowed text")
    if len(value) > LONGEST_NAME or not value.isprintable():
        raise ValueError(
            f"{what}: got {value[:60]!r} of {len(value)} characters, allowed at most "
            f"{LONGEST_NAME} printable ones"
        )
    return value


def _one_of(what: str, value: str, allowed: Iterable[str]) -> str:
    if value not in allowed:
        raise ValueError(f"{what}: got {value!r}, allowed {', '.join(allowed)}")
    return value


def _positive(what: str, value: object) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value < math.inf:  # type: ignore[operator]  # it is a number
        raise ValueError(f"{what}: got {value!r}, allowed a number from 0")
    return value  # type: ignore[return-value]  # likewise


def _moment(value: Time | None) -> float:
    if value is None:
        return time()
    seconds = value.timestamp() if isinstance(value, datetime) else value
    return _positive("time", seconds)


def _elapsed(what: str, begin: Time, end: float) -> float:
    seconds = end - _moment(begin)
    if seconds < 0:
        raise ValueError(f"{what}: got a time {-seconds:.0f} s after it was deployed")
    return seconds
