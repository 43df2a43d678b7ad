"""What the page on web frameworks shows, with the real ones, in an environment of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.servers.environments import OURS, EnvironmentFailed, alone, environment
from tests.servers.processes import missing

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "celery==5.7.0",
    "django==5.2.19",
    "fastapi==0.165.0",
    "flask==3.1.3",
    "httpx2",
    "structlog==26.1.0",
    *OURS,
)
TRACE = "0af7651916cd43dd8448eb211c80319c"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def seen(name: str) -> dict[str, Any]:
    """What came of what is shown."""
    folder = Path.home() / ".cache" / "agentmon-frameworks" / "web"
    try:
        python = environment(folder, PACKAGES)
    except EnvironmentFailed as error:
        missing(f"web frameworks cannot be installed: {error}")
        raise
    program = Path(__file__).with_name("web_runs.py")
    said = alone([python, program, name], 120)
    told: dict[str, Any] = json.loads(said.splitlines()[-1])
    return told


@pytest.mark.parametrize("name", ["fastapi", "starlette", "flask", "django"])
def test_an_application_serves_its_metrics_and_goes_on_with_the_trace(name: str) -> None:
    """Its health too."""
    assert seen(name) == {"trace": TRACE, "statuses": [200, 200, 200], "counted": True}


def test_a_task_of_celery_is_in_the_trace_of_whoever_sent_it() -> None:
    """And one that nobody's call sent is in one of its own."""
    assert seen("celery") == {"same": True, "alone": True}


def test_an_entry_of_structlog_says_what_it_belongs_to() -> None:
    """Besides what it says itself."""
    said = {"agent": "clerk", "operation": "agent clerk", "order": 7, "same": True}
    assert seen("structlog") == said
