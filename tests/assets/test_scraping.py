"""The configuration of Prometheus: real servers load what is committed, unchanged."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

import agentmon
from tests.docs.pages import ROOT
from tests.servers.processes import _open, _serving, required, wait_until

pytestmark = pytest.mark.servers

FOLDER = ROOT / "prometheus"
NATIVE = "--enable-feature=native-histograms"


@pytest.mark.parametrize(
    ("promtool", "file"),
    [
        ("promtool2", "prometheus.yml"),
        ("promtool3", "prometheus.yml"),
        ("promtool2", "prometheus-native-2.yml"),
        ("promtool3", "prometheus-native-2.yml"),
        ("promtool3", "prometheus-native-3.yml"),
    ],
)
def test_promtool_takes_the_configuration(promtool: str, file: str) -> None:
    """The tool of each line finds nothing wrong, in the rules neither."""
    done = subprocess.run(
        [required(promtool), "check", "config", FOLDER / file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rules = list(
        (FOLDER / ("rules-native" if file.endswith("native-2.yml") else "rules")).iterdir()
    )
    assert f"{len(rules)} rule files found" in done.stdout


def test_the_old_line_does_not_take_that_of_the_new_one() -> None:
    """Why there is a file for each: 2.42 does not know how to keep classic buckets."""
    done = subprocess.run(
        [required("promtool2"), "check", "config", FOLDER / "prometheus-native-3.yml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "always_scrape_classic_histograms not found" in done.stderr


def test_vmalert_takes_the_rules() -> None:
    """VictoriaMetrics' tool finds nothing wrong with the rules."""
    done = subprocess.run(
        [required("vmalert"), f"-rule={FOLDER}/rules/*.yml", "-dryRun", "-rule.validateTemplates"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def agents() -> Iterator[str]:
    """Something to scrape; the address that the configuration names may be taken."""
    agentmon.configure(
        service="s", serve="127.0.0.1:0", traces="none", native_histograms=True, resources=False
    )
    for _ in range(20):
        agentmon.agent("a").begin().end()
    yield str(agentmon.endpoint()).removeprefix("http://")
    agentmon.shutdown()


@pytest.mark.slow  # groups are worked out each minute, at different moments of it
@pytest.mark.parametrize(
    ("key", "file", "more"),
    [
        ("prometheus2", "prometheus.yml", []),
        ("prometheus3", "prometheus.yml", []),
        ("prometheus2", "prometheus-native-2.yml", [NATIVE]),
        ("prometheus3", "prometheus-native-3.yml", [NATIVE]),
    ],
)
def test_prometheus_loads_what_is_committed_and_works_out_the_rules(
    key: str, file: str, more: list[str], agents: str, tmp_path: Path
) -> None:
    """Unchanged but for the targets, which a file beside it names; no rule fails."""
    folder = tmp_path / "prometheus"
    (folder / "targets").mkdir(parents=True)
    for name in ("rules", "rules-native"):
        (folder / name).symlink_to(FOLDER / name)
    (folder / file).symlink_to(FOLDER / file)
    (folder / "targets" / "here.yml").write_text(json.dumps([{"targets": [agents]}]))
    program = required(key)

    def command(port: int) -> list[str]:
        return [
            str(program),
            f"--config.file={folder / file}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--enable-feature=exemplar-storage",
            "--log.level=warn",
            *more,
        ]

    with ExitStack() as stack:
        url = stack.enter_context(_serving(command, tmp_path / "log"))

        def ask(path: str) -> Any:
            with _open(f"{url}/api/v1/{path}", timeout=10) as answer:
                return json.load(answer)["data"]

        def rules(longest_s: float = math.inf) -> list[dict[str, Any]]:
            """Those of the groups that are worked out at least so often."""
            return [
                rule
                for group in ask("rules")["groups"]
                for rule in group["rules"]
                if group["interval"] <= longest_s
            ]

        def has(query: str) -> bool:
            return bool(ask(f"query?query={query}")["result"])

        committed = [
            rule
            for path in (FOLDER / "rules").iterdir()
            for group in yaml.safe_load(path.read_text())["groups"]
            for rule in group["rules"]
        ]
        assert len(rules()) == len(committed)
        wait_until(
            lambda: all(rule["health"] != "unknown" for rule in rules(longest_s=60)),
            timeout_s=90,
            what="the rules to be worked out",
        )
        assert [rule for rule in rules() if rule["health"] == "err"] == []
        (manager,) = ask("alertmanagers")["activeAlertmanagers"]
        assert manager["url"] == "http://localhost:9093/api/v2/alerts"
        wait_until(
            lambda: has(f'agentmon_agent_calls_total{{instance="{agents}"}}'),
            timeout_s=60,
            what="the agents",
        )
        classic = has(f'agentmon_agent_duration_seconds_bucket{{instance="{agents}"}}')
        assert classic is (file != "prometheus-native-2.yml")
        assert has(f'agentmon_agent_duration_seconds{{instance="{agents}"}}') is bool(more)
