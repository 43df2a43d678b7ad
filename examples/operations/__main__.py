"""See the docstring of the package."""

from __future__ import annotations

import os
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.request import urlopen

import agentmon
from agentmon.cli import main as command

HERE = Path(__file__).parent
REPORTS = HERE / "reports"

#: What a CI job gives to ``agentmon collect``.
COLLECTED = (
    "coverage.xml",
    "junit-*.xml",
    "radon-cc.json",
    "radon-mi.json",
    "ruff.json",
    "mypy.json",
    "bandit.json",
    "pip-audit=pip-audit-found.json",
    "trivy.json",
    "evaluation=evaluation.csv",
    "certificate:shop=shop.pem",
    "documentation=docs",
    "controls=controls.toml",
    "backups=backups.jsonl",
    "deployments=deployments.jsonl",
    "capacity=capacity.json",
)


def pipeline(now: datetime) -> None:
    """What a program that deploys says: one works, one fails, one mends that, one is taken back."""
    place = ("shop", "staging")
    hour = timedelta(hours=1)
    agentmon.deployed(*place, at=now - 8 * hour, committed_at=now - 10 * hour)
    agentmon.deployed(*place, result="failed", at=now - 5 * hour)
    agentmon.deployed(
        *place, at=now - 4 * hour, committed_at=now - 5 * hour, broken_since=now - 5 * hour
    )
    agentmon.deployed(*place, result="rolled_back", at=now - hour, broken_since=now - 4 * hour)


def nightly(now: datetime) -> None:
    """What a job that saves and scans says."""
    agentmon.backed_up("carts", at=now - timedelta(hours=3), size=52_428_800, seconds=41)
    agentmon.backed_up("carts", restore_test=True, succeeded=False, at=now, seconds=7)
    agentmon.security_scanned("port-scan", "shop.example", {"medium": 1}, at=now)
    agentmon.compliance_control("logs-kept", framework="soc2", met=True, evidence_at=now)


def service() -> None:
    """What a service says."""
    agentmon.certificate("shop", REPORTS / "shop.pem")
    agentmon.capacity_limit("seats", 40)
    agentmon.capacity_used("seats", 31)
    for _ in range(3):
        agentmon.authentication_failed("shop", reason="wrong password")


def main(push: str | None = None) -> int:
    """Play all of it."""
    print("Scripted: nobody deploys, saves or scans anything here.")
    agentmon.configure(service="shop", serve="127.0.0.1:0", traces="none", push=())
    now = datetime.now(timezone.utc)
    pipeline(now)
    nightly(now)
    service()
    print("\nWhat a server would scrape from a program that calls agentmon:")
    with urlopen(f"{agentmon.endpoint()}/metrics") as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith(
                ("agentmon_deployments_", "agentmon_backups_", "agentmon_capacity_")
            ):
                print(line)
    agentmon.shutdown()

    print("\nWhat a CI job collects:")
    os.environ["AGENTMON_SERVICE"] = "shop"
    os.chdir(REPORTS)
    return command(
        ["collect", "--root", "/srv/shop", *COLLECTED, *(["--push", push] if push else [])]
    )


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:2]))
