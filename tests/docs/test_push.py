"""What the page on pushing shows: places, objects, rules and configuration, with real servers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

import agentmon
from agentmon._settings import resolve
from tests.docs.pages import ROOT, blocks
from tests.servers.processes import Scraper, pushgateway, required, scraper, wait_until

PAGE = ROOT / "docs" / "push.md"
PLACES = re.findall(r"`((?:pushgateway|textfile|remote-write|otlp)=\S+|otlp)`", PAGE.read_text())
OBJECTS = [block.text for block in blocks(PAGE, "text")]
VARIABLES = [block.text for block in blocks(PAGE, "sh") if block.text.startswith("AGENTMON_")]
(CONFIGURATION,) = (
    yaml.safe_load(block.text) for block in blocks(PAGE, "yaml") if "scrape_configs" in block.text
)
(RULES,) = (block.text for block in blocks(PAGE, "yaml") if "groups:" in block.text)

#: A run that had a call that failed.
JOB = """
import sys
import agentmon

agentmon.configure(service="nightly", push=sys.argv[1], traces="none", failure_logs=False)
agentmon.agent("triage").begin().end()
agentmon.agent("triage").begin().end(error=ValueError("x"))
"""


def run(place: str) -> None:
    """Run the job to its end."""
    done = subprocess.run(
        [sys.executable, "-c", JOB, place], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""


def test_the_page_shows_something_of_each_kind() -> None:
    """There is something to be tested."""
    ways = {place.partition("=")[0] for place in PLACES}
    assert ways == {"pushgateway", "textfile", "remote-write", "otlp"}
    assert (len(OBJECTS), len(VARIABLES)) == (2, 1)


@pytest.mark.parametrize("place", PLACES)
def test_places_are_accepted(place: str) -> None:
    """What the page says as a text is taken, and shown as it was said."""
    (options,) = resolve({}, {"push": place}).push
    assert str(options).startswith(place)


@pytest.mark.parametrize("text", OBJECTS)
def test_objects_can_be_made(text: str) -> None:
    """What the page says as an object is taken."""
    (options,) = resolve({}, {"push": eval(text, {"agentmon": agentmon})}).push  # noqa: S307  # ours
    assert type(options).__name__ in text


@pytest.mark.parametrize("text", VARIABLES)
def test_variables_are_accepted(text: str) -> None:
    """`agentmon config` finds nothing wrong with the variables of the page."""
    variables = dict(line.split("=", 1) for line in text.splitlines())
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("AGENTMON_", "OTEL_"))}
    done = subprocess.run(
        [sys.executable, "-c", "from agentmon.cli import main; raise SystemExit(main(['config']))"],
        env={**clean, **variables},
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout
    assert "Nothing is wrong." in done.stdout


@pytest.mark.servers
@pytest.mark.parametrize("key", ["promtool2", "promtool3"])
def test_rules_are_valid(tmp_path: Path, key: str) -> None:
    """Prometheus takes the rules of the page."""
    file = tmp_path / "rules.yml"
    file.write_text(RULES)
    done = subprocess.run(
        [required(key), "check", "rules", file], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def scraped(key: str, folder: Path) -> Iterator[tuple[Scraper, str]]:
    """A server that scrapes a Pushgateway as the page says, and the gateway's URL."""
    with pushgateway(folder / "gateway") as url:
        jobs: list[dict[str, Any]] = CONFIGURATION["scrape_configs"]
        (job,) = jobs
        address = url.removeprefix("http://")
        of = {**job, "static_configs": [{"targets": [address]}], "scrape_interval": "1s"}
        with scraper(key, (), folder / "server", jobs=[of]) as server:
            yield server, url


@pytest.mark.servers
@pytest.mark.parametrize("key", ["prometheus2", "prometheus3", "victoriametrics"])
def test_rules_find_what_a_job_has_pushed(tmp_path: Path, key: str) -> None:
    """With the configuration of the page, its rules see that a job ran, and failed."""
    (group,) = yaml.safe_load(RULES)["groups"]
    missing, failed = (rule["expr"] for rule in group["rules"])
    with scraped(key, tmp_path) as (server, url):
        run(f"pushgateway={url}")
        wait_until(lambda: server.instant(failed) != [], timeout_s=30, what="a scrape")
        assert [(s.labels["job"], s.value) for s in server.instant(failed)] == [("nightly", 1)]
        assert server.instant(missing) == []
        (age,) = server.instant(missing.partition(" > ")[0])
        assert 0 <= age.value < 60


@pytest.mark.servers
@pytest.mark.parametrize("key", ["prometheus2", "prometheus3", "victoriametrics"])
def test_the_last_push_is_found_later(tmp_path: Path, key: str) -> None:
    """One sample that was written by remote write is found beyond the five minutes of a query."""
    (query,) = (
        block.text.strip() for block in blocks(PAGE, "promql") if "last_over_time" in block.text
    )
    more = () if key == "victoriametrics" else ("--web.enable-remote-write-receiver",)
    with scraper(key, (), tmp_path / "server", more=more) as server:
        run(f"remote-write={server.url}/api/v1/write")
        (sample,) = (
            s for s in server.instant("agentmon_agent_calls_total") if s.labels["outcome"] == "ok"
        )
        later = sample.points[-1][0] + 3600
        assert server.instant("agentmon_agent_calls_total", at=later) == []
        assert {(s.labels["outcome"], s.value) for s in server.instant(query, at=later)} >= {
            ("ok", 1),
            ("error", 1),
        }
