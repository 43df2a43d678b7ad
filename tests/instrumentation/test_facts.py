"""Facts that programs report."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

import agentmon
from tests.driven import Endpoint

AT = 1_790_000_000.0
PLACE = {"component": "shop", "environment": "production"}


@pytest.mark.drives(
    "agentmon_deployments_total",
    "agentmon_deployment_lead_time_seconds",
    "agentmon_deployment_restore_seconds",
    "agentmon_deployment_last_timestamp_seconds",
)
def test_deployments_count_with_their_lead_and_restore_times(endpoint: Endpoint) -> None:
    """Two that work, two that fail and one taken back: counts, 3 h of lead, 50 min to restore."""
    endpoint.start()
    agentmon.deployed("shop", "production", at=AT, committed_at=AT - 7200)
    agentmon.deployed("shop", "production", result="failed", at=AT + 100)
    moment = datetime.fromtimestamp(AT + 700, tz=timezone.utc)
    agentmon.deployed(
        "shop", "production", at=moment, committed_at=AT - 2900, broken_since=AT + 100
    )
    agentmon.deployed(
        "shop",
        "production",
        result="rolled_back",
        at=AT + 3100,
        committed_at=AT,
        broken_since=AT + 700,
    )
    agentmon.deployed(
        "shop", "production", result="failed", at=AT + 9000, committed_at=AT, broken_since=AT
    )
    assert endpoint.samples("agentmon_deployments_total", **PLACE) == {
        ("succeeded",): 2,
        ("failed",): 2,
        ("rolled_back",): 1,
    }
    assert endpoint.value("agentmon_deployment_lead_time_seconds_count", **PLACE) == 2
    assert endpoint.value("agentmon_deployment_lead_time_seconds_sum", **PLACE) == 10_800
    assert endpoint.value("agentmon_deployment_restore_seconds_sum", **PLACE) == 3000
    assert endpoint.value("agentmon_deployment_last_timestamp_seconds", **PLACE) == AT + 3100


@pytest.mark.drives(
    "agentmon_backups_total",
    "agentmon_backup_last_success_timestamp_seconds",
    "agentmon_backup_size_bytes",
    "agentmon_backup_duration_seconds",
)
def test_backups_count_and_the_last_that_succeeded_shows(endpoint: Endpoint) -> None:
    """A failed backup counts and moves neither size nor time of the last one."""
    endpoint.start()
    agentmon.backed_up("orders", at=AT, size=1000, seconds=5)
    agentmon.backed_up("orders", succeeded=False, at=AT + 10, size=1, seconds=2)
    agentmon.backed_up("orders", restore_test=True, at=AT + 20, seconds=9)
    assert endpoint.samples("agentmon_backups_total", backup="orders") == {
        ("backup", "succeeded"): 1,
        ("backup", "failed"): 1,
        ("restore_test", "succeeded"): 1,
    }
    last = "agentmon_backup_last_success_timestamp_seconds"
    assert endpoint.samples(last, backup="orders") == {
        ("backup",): AT,
        ("restore_test",): AT + 20,
    }
    assert endpoint.value("agentmon_backup_size_bytes", backup="orders") == 1000
    assert endpoint.value("agentmon_backup_duration_seconds", backup_run="backup") == 2


@pytest.mark.drives(
    "agentmon_security_findings",
    "agentmon_security_scan_timestamp_seconds",
    "agentmon_authentications_failed_total",
)
def test_security_shows_findings_and_refused_logins(endpoint: Endpoint) -> None:
    """What a scan does not name it did not find: that is 0, and no gap."""
    endpoint.start()
    agentmon.security_scanned("ports", "shop", {"high": 2}, at=AT)
    for _ in range(3):
        agentmon.authentication_failed("shop", reason="password")
    assert endpoint.value("agentmon_security_findings", severity="high") == 2
    assert endpoint.value("agentmon_security_findings", severity="critical") == 0
    assert endpoint.value("agentmon_security_scan_timestamp_seconds", subject="shop") == AT
    assert endpoint.value("agentmon_authentications_failed_total", reason="password") == 3


@pytest.mark.drives(
    "agentmon_compliance_control_met", "agentmon_compliance_evidence_timestamp_seconds"
)
def test_a_control_shows_whether_it_is_met(endpoint: Endpoint) -> None:
    """A control is 1 or 0, with the time of its evidence."""
    endpoint.start()
    agentmon.compliance_control("reviews", framework="soc2", met=True, evidence_at=AT)
    agentmon.compliance_control("encryption", framework="soc2", met=False)
    assert endpoint.samples("agentmon_compliance_control_met", framework="soc2") == {
        ("reviews",): 1,
        ("encryption",): 0,
    }
    assert endpoint.value("agentmon_compliance_evidence_timestamp_seconds", control="reviews") == AT


@pytest.mark.drives("agentmon_capacity_limit", "agentmon_capacity_used")
def test_a_capacity_shows_what_there_is_and_what_is_used(endpoint: Endpoint) -> None:
    """The latest of each shows."""
    endpoint.start()
    agentmon.capacity_limit("seats", 40)
    agentmon.capacity_used("seats", 12)
    agentmon.capacity_used("seats", 31.5)
    assert endpoint.value("agentmon_capacity_limit", resource="seats") == 40
    assert endpoint.value("agentmon_capacity_used", resource="seats") == 31.5


def test_what_cannot_be_used_is_counted_and_never_raises(endpoint: Endpoint) -> None:
    """Wrong results, numbers, names and times are dropped, each counted once, in whole."""
    endpoint.start()
    agentmon.deployed("shop", "production", result="exploded")  # type: ignore[arg-type]
    agentmon.deployed("shop", "production", at=AT, committed_at=AT + 1)
    agentmon.deployed("", "production")
    agentmon.backed_up("x", size=float("nan"))
    agentmon.backed_up("x" * 201)
    agentmon.security_scanned("s", "x", {"awful": 1})  # type: ignore[dict-item]
    agentmon.capacity_limit("x", "many")  # type: ignore[arg-type]
    agentmon.capacity_used("x", -1)
    agentmon.compliance_control(None, met=True)  # type: ignore[arg-type]
    agentmon.authentication_failed("a\nb")
    assert endpoint.value("agentmon_dropped_total", reason="invalid_value") == 10
    assert endpoint.value("agentmon_deployments_total") is None
    assert endpoint.value("agentmon_backups_total") is None


def test_facts_while_recording_is_off_go_nowhere() -> None:
    """Reporting before `configure` does nothing."""
    agentmon.deployed("shop", "production")
    agentmon.authentication_failed("shop")
