"""Every metric that reports make, from the file to what is scraped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agentmon.cli import main
from tests.collect.reports import REPORTS, SHOP
from tests.driven import Endpoint


def collected(endpoint: Endpoint, folder: Path, *given: str) -> None:
    """Collect reports into a textfile, and look at that."""
    path = folder / "x.prom"
    assert main(["collect", "--root", str(SHOP), *given, "--textfile", str(path)]) == 0
    endpoint.take(path.read_text())


@pytest.mark.drives("agentmon_coverage_ratio")
def test_coverage_is_counted_from_the_lines(endpoint: Endpoint, tmp_path: Path) -> None:
    """9 of 12 lines and 3 of 4 branches in one package, 16 of 19 and 5 of 6 in all."""
    collected(endpoint, tmp_path, f"coverage={REPORTS}/coverage.xml")
    assert endpoint.samples("agentmon_coverage_ratio") == {
        ("shop", "line"): 9 / 12,
        ("shop", "branch"): 3 / 4,
        ("shop.cart", "line"): 1,
        ("shop.cart", "branch"): 1,
        ("(all)", "line"): 16 / 19,
        ("(all)", "branch"): 5 / 6,
    }


@pytest.mark.drives(
    "agentmon_tests",
    "agentmon_tests_flaky",
    "agentmon_test_run_duration_seconds",
    "agentmon_test_run_timestamp_seconds",
)
def test_the_latest_run_shows_with_what_is_flaky_over_all(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    """The second run counts; one test failed in the first and passed in it."""
    collected(endpoint, tmp_path, f"{REPORTS}/junit-*.xml")
    assert endpoint.samples("agentmon_tests", suite="shop") == {
        ("passed",): 2,
        ("failed",): 1,
        ("error",): 1,
        ("skipped",): 1,
    }
    assert endpoint.value("agentmon_tests_flaky", suite="shop") == 1
    assert endpoint.value("agentmon_test_run_duration_seconds", suite="shop") == 0.127
    at = endpoint.value("agentmon_test_run_timestamp_seconds", suite="shop")
    assert at == pytest.approx(1795433105, abs=3)


@pytest.mark.drives(
    "agentmon_code_complexity", "agentmon_code_maintainability_index", "agentmon_code_findings"
)
def test_code_shows_complexity_maintainability_and_findings(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    """Functions of complexity 4, 1 and 1; modules of 100 and 61.79; findings by rule."""
    files = ("radon-cc.json", "radon-mi.json", "ruff.json", "mypy.json")
    collected(endpoint, tmp_path, *(f"{REPORTS}/{name}" for name in files))
    assert endpoint.samples("agentmon_code_complexity", package="shop") == {
        ("mean",): 2,
        ("largest",): 4,
    }
    assert endpoint.samples("agentmon_code_complexity", package="shop.cart") == {
        ("mean",): 1.5,
        ("largest",): 2,
    }
    index = endpoint.value("agentmon_code_maintainability_index", package="shop")
    assert index == pytest.approx((100 + 61.78844938400493) / 2)
    assert endpoint.samples("agentmon_code_findings", checker="ruff") == {
        ("shop.cart", "D107"): 1,
        ("shop", "F401"): 1,
        ("shop", "D401"): 1,
        ("shop", "ANN201"): 1,
        ("shop", "D103"): 2,
        (".", ""): 0,
    }
    assert endpoint.samples("agentmon_code_findings", checker="mypy") == {
        ("shop", "no-untyped-def"): 1,
        ("shop", "return-value"): 1,
        (".", ""): 0,
    }


@pytest.mark.drives("agentmon_security_findings", "agentmon_security_scan_timestamp_seconds")
def test_scans_show_findings_by_severity(endpoint: Endpoint, tmp_path: Path) -> None:
    """Of bandit, pip-audit and trivy; a check of trivy that passed is no finding."""
    files = ("bandit.json", "pip-audit-found.json", "trivy.json")
    collected(endpoint, tmp_path, *(f"{REPORTS}/{name}" for name in files))
    name = "agentmon_security_findings"
    assert endpoint.samples(name, scanner="bandit", subject="code") == {
        ("critical",): 0,
        ("high",): 0,
        ("medium",): 1,
        ("low",): 1,
        ("unknown",): 0,
    }
    assert endpoint.value(name, scanner="pip-audit", severity="unknown") == 2
    assert endpoint.value(name, scanner="trivy") == 3
    assert endpoint.value(name, scanner="trivy", severity="medium") == 0
    at = endpoint.value("agentmon_security_scan_timestamp_seconds", scanner="trivy")
    assert at == pytest.approx(1795341600.123456)


@pytest.mark.drives("agentmon_evaluation_run_score_ratio")
def test_scores_are_averaged_by_version_and_dimension(endpoint: Endpoint, tmp_path: Path) -> None:
    """0.75 and 1 are 0.875."""
    collected(endpoint, tmp_path, f"evaluation={REPORTS}/evaluation.csv")
    assert endpoint.samples("agentmon_evaluation_run_score_ratio", agent="triage") == {
        ("2.1", "accuracy"): 0.875,
        ("2.1", "safety"): 1,
        ("2.0", "accuracy"): 0.5,
    }


@pytest.mark.drives("agentmon_certificate_expiry_timestamp_seconds")
def test_a_certificate_shows_its_end(endpoint: Endpoint, tmp_path: Path) -> None:
    """The first second of 2027."""
    collected(endpoint, tmp_path, f"certificate:shop={REPORTS}/shop.pem")
    name = "agentmon_certificate_expiry_timestamp_seconds"
    assert endpoint.value(name, certificate="shop") == 1798761600


@pytest.mark.drives(
    "agentmon_documentation_updated_timestamp_seconds", "agentmon_documentation_dead_links"
)
def test_pages_show_their_age_and_dead_links(endpoint: Endpoint, tmp_path: Path) -> None:
    """Outside of git the age is that of the file; one of four links is local and dead."""
    for name in ("runbook.md", "deploying.md"):
        (tmp_path / name).write_text((REPORTS / "docs" / name).read_text())
        os.utime(tmp_path / name, (1_700_000_000, 1_700_000_000))
    collected(endpoint, tmp_path, f"documentation={tmp_path}")
    page = f"{tmp_path}/runbook.md"
    updated = "agentmon_documentation_updated_timestamp_seconds"
    assert endpoint.value(updated, document=page) == 1_700_000_000
    assert endpoint.value("agentmon_documentation_dead_links", document=page) == 1
    other = f"{tmp_path}/deploying.md"
    assert endpoint.value("agentmon_documentation_dead_links", document=other) == 0


@pytest.mark.drives(
    "agentmon_compliance_control_met", "agentmon_compliance_evidence_timestamp_seconds"
)
def test_a_control_without_its_evidence_is_not_met(endpoint: Endpoint, tmp_path: Path) -> None:
    """Of three, one has its evidence, one's is missing, one is declared unmet."""
    collected(endpoint, tmp_path, f"controls={REPORTS}/controls.toml")
    assert endpoint.samples("agentmon_compliance_control_met") == {
        ("access-reviewed", "soc2"): 1,
        ("backups-restored", "soc2"): 0,
        ("data-encrypted", "iso27001"): 0,
    }
    evidence = "agentmon_compliance_evidence_timestamp_seconds"
    assert endpoint.samples(evidence) == {("access-reviewed", "soc2"): 1793491200}


@pytest.mark.drives("agentmon_capacity_limit", "agentmon_capacity_used")
def test_capacities_show(endpoint: Endpoint, tmp_path: Path) -> None:
    """What is used shows where it is said."""
    collected(endpoint, tmp_path, f"capacity={REPORTS}/capacity.json")
    assert endpoint.samples("agentmon_capacity_limit") == {
        ("database connections",): 100,
        ("tokens per minute",): 90_000,
    }
    assert endpoint.samples("agentmon_capacity_used") == {("database connections",): 37}


@pytest.mark.drives(
    "agentmon_backups_total",
    "agentmon_backup_last_success_timestamp_seconds",
    "agentmon_backup_size_bytes",
    "agentmon_backup_duration_seconds",
)
def test_a_history_of_backups_shows_its_counts_and_its_end(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    """Three backups, of which one failed, and a restore test."""
    collected(endpoint, tmp_path, f"backups={REPORTS}/backups.jsonl")
    assert endpoint.samples("agentmon_backups_total", backup="orders") == {
        ("backup", "succeeded"): 2,
        ("backup", "failed"): 1,
        ("restore_test", "succeeded"): 1,
    }
    last = "agentmon_backup_last_success_timestamp_seconds"
    assert endpoint.value(last, backup_run="backup") == 1795312800
    assert endpoint.value("agentmon_backup_size_bytes", backup="orders") == 1_114_112
    assert endpoint.value("agentmon_backup_duration_seconds", backup_run="backup") == 101.5


@pytest.mark.drives(
    "agentmon_deployments_total",
    "agentmon_deployment_lead_time_seconds",
    "agentmon_deployment_restore_seconds",
    "agentmon_deployment_last_timestamp_seconds",
)
def test_a_history_of_deployments_makes_the_dora_inputs(endpoint: Endpoint, tmp_path: Path) -> None:
    """Leads of 2 h, 20 min and 4 h; restored after 30 min, and after 45 min by a rollback."""
    collected(endpoint, tmp_path, f"deployments={REPORTS}/deployments.jsonl")
    assert endpoint.samples("agentmon_deployments_total", component="shop") == {
        ("production", "succeeded"): 3,
        ("production", "failed"): 1,
        ("production", "rolled_back"): 1,
    }
    assert endpoint.value("agentmon_deployment_lead_time_seconds_count") == 3
    assert endpoint.value("agentmon_deployment_lead_time_seconds_sum") == 22_800
    assert endpoint.value("agentmon_deployment_restore_seconds_count") == 2
    assert endpoint.value("agentmon_deployment_restore_seconds_sum") == 4500
    assert endpoint.value("agentmon_deployment_last_timestamp_seconds") == 1793796300
