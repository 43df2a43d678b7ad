"""The scripted example of operations."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from agentmon.model.catalogue import facts
from tests.examples.programs import run_program


def test_it_says_that_it_is_scripted_and_plays_every_kind(tmp_path: Path) -> None:
    """Offline, it shows what programs report and what a CI job collects, and pushes that."""
    path = tmp_path / "shop.prom"
    done = run_program("-m", "examples.operations", f"textfile={path}")
    assert done.stdout.startswith("Scripted: nobody deploys, saves or scans anything here.")
    assert 'environment="staging",result="rolled_back"} 1' in done.stdout
    assert "junit: 2 files" in done.stdout
    families = {each.name: each for each in text_string_to_metric_families(path.read_text())}
    found = {
        sample.labels["result"]: sample.value
        for sample in families["agentmon_deployments"].samples
        if sample.name == "agentmon_deployments_total"
    }
    assert found == {"succeeded": 3, "failed": 1, "rolled_back": 1}
    packages = {sample.labels["package"] for sample in families["agentmon_code_findings"].samples}
    assert packages == {".", "shop", "shop.cart"}
    reported = {each.family for each in facts.METRICS} - {"agentmon_authentications_failed"}
    assert families.keys() == reported
