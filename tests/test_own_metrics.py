"""What is said of agents and failures beside their calls, and of the library itself."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

import agentmon
from tests.driven import Endpoint
from tests.export.certificates import Authority


@pytest.mark.drives("agentmon_agent_info", "agentmon_model_tokens_total")
def test_an_agent_says_who_owns_it_and_what_its_models_used(endpoint: Endpoint) -> None:
    """Version, team and tier of an agent, and the tokens of its calls by type, each once."""
    endpoint.start()
    with agentmon.agent("clerk", version="3", team="desk", tier="front"):
        for _ in range(2):
            with agentmon.model_call("chat", model="m", provider="p") as call:
                call.usage(input_tokens=100, output_tokens=20, cached_tokens=10)
    assert endpoint.samples("agentmon_agent_info") == {("clerk", "3", "desk", "front"): 1}
    tokens = endpoint.samples("agentmon_model_tokens_total", model="m", agent="clerk")
    assert {key[-1]: n for key, n in tokens.items()} == {"input": 200, "output": 40, "cached": 20}


@pytest.mark.drives(
    "agentmon_error_group_failures_total",
    "agentmon_error_group_first_seen_timestamp_seconds",
    "agentmon_error_group_last_seen_timestamp_seconds",
)
def test_failures_that_are_alike_are_a_group(endpoint: Endpoint) -> None:
    """Three failures at one place are counted together, from the first until the last."""
    endpoint.start()
    moments = [time.time()]
    for _ in range(3):
        with suppress(LookupError), agentmon.agent("clerk"):
            raise LookupError
        moments.append(time.time())
    alike = {"error_type": "LookupError", "kind": "agent", "name": "clerk"}
    assert list(endpoint.samples("agentmon_error_group_failures_total", **alike).values()) == [3]
    first = endpoint.value("agentmon_error_group_first_seen_timestamp_seconds", **alike)
    last = endpoint.value("agentmon_error_group_last_seen_timestamp_seconds", **alike)
    assert first is not None
    assert last is not None
    assert moments[0] - 0.01 <= first <= moments[1] + 0.01
    assert moments[2] - 0.01 <= last <= moments[3] + 0.01


@pytest.mark.drives(
    "agentmon_dropped_total",
    "agentmon_series",
    "agentmon_series_limit",
    "agentmon_scrapes_total",
    "agentmon_scrape_duration_seconds",
    "agentmon_build_info",
)
def test_the_library_says_what_it_is_and_what_it_did(endpoint: Endpoint) -> None:
    """Its version, the series it holds, answers by format, their time, and what it dropped."""
    endpoint.start(max_series=123)
    assert endpoint.value("agentmon_series_limit") == 123
    assert endpoint.samples("agentmon_build_info") == {(version("agentmon-telemetry"),): 1}
    before = endpoint.value("agentmon_series")
    assert before is not None
    for name in ("clerk", "judge"):
        with agentmon.tool(name) as call:
            pass
        call.end()
    assert endpoint.value("agentmon_series") == before + 2
    assert endpoint.value("agentmon_dropped_total", reason="ended_twice") == 2
    scrapes = endpoint.value("agentmon_scrapes_total")
    assert scrapes == 5  # before this one
    duration_s = endpoint.value("agentmon_scrape_duration_seconds")
    assert duration_s is not None
    assert 0 < duration_s < 30


@pytest.mark.drives("agentmon_endpoint_refused_total")
def test_the_endpoint_counts_whom_it_refused(endpoint: Endpoint) -> None:
    """Two without a token and one with another are refused, by reason."""
    endpoint.start(access=agentmon.Access(token="right"))  # noqa: S106  # of this test
    url = f"{agentmon.endpoint()}/metrics"
    for said in ({}, {}, {"Authorization": "Bearer wrong"}):
        with pytest.raises(HTTPError) as refused:
            urlopen(Request(url, headers=said))
        refused.value.close()
    with urlopen(Request(url, headers={"Authorization": "Bearer right"})) as answer:
        endpoint.take(answer.read().decode())
    reasons = endpoint.samples("agentmon_endpoint_refused_total")
    assert reasons["no_credentials",] == 2
    assert reasons["wrong_credentials",] == 1


@pytest.mark.drives("agentmon_endpoint_certificate_expiry_timestamp_seconds")
def test_the_endpoint_says_when_its_certificate_ends(endpoint: Endpoint, tmp_path: Path) -> None:
    """The moment that the certificate itself says."""
    ends = datetime(2031, 5, 6, 7, 8, 9, tzinfo=timezone.utc)
    authority = Authority(tmp_path)
    certificate, key = authority.issue("endpoint", until=ends)
    endpoint.start(access=agentmon.Access(certificate=certificate, key=key))
    with urlopen(f"{agentmon.endpoint()}/metrics", context=authority.trusting()) as answer:
        endpoint.take(answer.read().decode())
    expiry = endpoint.value("agentmon_endpoint_certificate_expiry_timestamp_seconds")
    assert expiry == ends.timestamp()
