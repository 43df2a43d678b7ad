"""The questions that have a name."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import yaml

import agentmon
from agentmon.cli import main
from agentmon.errors import CatalogueError
from agentmon.model import catalogue
from agentmon.model.capabilities import CAPABILITIES
from agentmon.query.ask import Ask
from agentmon.query.views import VIEWS, Measure, View
from tests.servers.processes import Scraper, required, wait_until

AGENT = catalogue.OPERATIONS["agent"]


def test_every_metric_is_asked_for_or_says_why_not() -> None:
    """What nobody asks for need not be recorded."""
    asked = set(re.findall(r"agentmon_\w+", " ".join(v.expression().text for v in VIEWS.values())))
    forgotten = [
        metric.sample
        for metric in catalogue.CATALOGUE
        if not metric.diagnostic and not any(name.startswith(metric.sample) for name in asked)
    ]
    assert forgotten == []


def test_names_of_views_are_words_with_dashes() -> None:
    """So that they can be typed."""
    assert [name for name in VIEWS if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)] == []


def test_every_capability_of_the_metrics_has_a_question() -> None:
    """What is to be met as a panel or a rule of the agents and of the system is asked somewhere."""
    served = {name for view in VIEWS.values() for name in view.serves}
    owed = {
        name
        for name, capability in CAPABILITIES.items()
        if name.startswith(("agent_metrics.", "system_metrics."))
        and {"panel", "rule"} & set(capability.by)
    }
    # Combined of several series: a recording rule.
    assert owed - served <= {"system_metrics.reliability_metrics.resilience_score"}


def test_a_view_whose_answer_has_other_labels_than_declared_is_refused() -> None:
    """Tables and panels rely on them."""
    with pytest.raises(CatalogueError, match=r"the answer has labels \['agent'\]"):
        View(
            "x",
            "X",
            "How?",
            Measure.COUNT,
            ("tool",),
            lambda ask: ask.rate(AGENT.calls, ("agent",)),
        )


@pytest.mark.servers
@pytest.mark.parametrize("program", ["promtool2", "promtool3", "vmalert"])
@pytest.mark.parametrize("native", [False, True], ids=["classic", "native"])
def test_every_view_is_valid_on_every_server(program: str, native: bool, tmp_path: Path) -> None:
    """With and without native histograms, and with everything that can be chosen."""
    where = {"agent": ("=~", "a|b"), "service": "s", "region": "r", "workflow": "w", "model": "m"}
    groups = {
        "groups": [
            {
                "name": "views",
                "rules": [
                    {
                        "record": f"x:{name.replace('-', '_')}:{n}",
                        "expr": view.expression(Ask("1h", chosen, native)).text,  # type: ignore[arg-type]
                    }
                    for name, view in VIEWS.items()
                    for n, chosen in enumerate(({}, where))
                ],
            }
        ]
    }
    (tmp_path / "views.yml").write_text(yaml.safe_dump(groups))
    if program == "vmalert":
        if native:
            pytest.skip("VictoriaMetrics has no native histograms")
        command = ["-dryRun", f"-rule={tmp_path}/views.yml"]
    else:
        command = ["check", "rules", "--lint=none", str(tmp_path / "views.yml")]
    run = subprocess.run([required(program), *command], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_what_is_asked_of_a_real_server_is_what_was_recorded(
    scrape: Callable[[Sequence[str]], Scraper], capsys: pytest.CaptureFixture[str]
) -> None:
    """Three calls of four failed: the share is 0.75, in JSON, as CSV and for people."""
    agentmon.configure(serve="127.0.0.1:0", traces="none", process_metrics=False)
    try:
        handles = [agentmon.agent("triage").begin() for _ in range(4)]
        address = agentmon.endpoint()
        assert address is not None
        server = scrape([address.removeprefix("http://")])
        server.wait_for_scrape()
        for n, handle in enumerate(handles):
            handle.end(outcome="error" if n else "ok")
        counted = 'count(rate(agentmon_agent_calls_total{outcome=~"ok|error"}[5m]) > 0) == 2'
        wait_until(lambda: bool(server.instant(counted)), timeout_s=30, what="both outcomes")
        asked = ["ask", "agent-outcomes", "--url", server.url, "--window", "5m"]
        assert main([*asked, "--format", "json"]) == 0
        told = json.loads(capsys.readouterr().out)
        rates = {row["labels"]["outcome"]: row["value"] for row in told["rows"]}
        assert rates["error"] == pytest.approx(3 * rates["ok"])
        assert rates["timeout"] == 0
        share = ["ask", "agent-errors", "--url", server.url, "--where", "agent=triage"]
        assert main([*share, "--format", "csv"]) == 0
        head, row = capsys.readouterr().out.splitlines()
        assert head == "agent,ratio"
        assert row.partition(",")[0] == "triage"
        assert float(row.partition(",")[2]) == pytest.approx(0.75)
        assert main(share) == 0
        assert capsys.readouterr().out.splitlines()[-1].split() == ["triage", "75.0", "%"]
        assert main([*share[:-1], "agent=nobody"]) == 0
        told = capsys.readouterr().out
        assert "nothing was recorded" in told
        assert "rules" not in told
        assert main(["ask", "agent-p90", "--url", server.url, "--window", "1h"]) == 0
        assert "rules record: are they loaded?" in capsys.readouterr().out
    finally:
        agentmon.shutdown()
