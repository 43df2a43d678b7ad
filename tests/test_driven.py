"""The fixture that proves that a metric is driven."""

from __future__ import annotations

import pytest

import agentmon
from tests.driven import Endpoint


@pytest.mark.drives("agentmon_agent_calls_total", "agentmon_agent_duration_seconds")
def test_calls_are_read_as_a_server_scrapes_them(endpoint: Endpoint) -> None:
    """Three calls in, three calls out."""
    endpoint.start()
    for _ in range(3):
        with agentmon.agent("triage"):
            pass
    assert endpoint.value("agentmon_agent_calls_total", agent="triage", outcome="ok") == 3
    assert endpoint.value("agentmon_agent_duration_seconds_count", agent="triage") == 3
    assert endpoint.value("agentmon_agent_calls_total", agent="nobody") is None
