"""The FastAPI example, called in this process and through a real server."""

from __future__ import annotations

import asyncio
import re
import urllib.request

import httpx
from prometheus_client.parser import text_string_to_metric_families

from examples.fastapi_app import app
from tests.examples.programs import start_program


def calls(text: str) -> dict[tuple[str, str], float]:
    """Calls of the agent triage, by name of the metric's family and outcome."""
    return {
        (family.name, sample.labels["outcome"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name in ("agentmon_agent_calls_total", "agentmon_tool_calls_total")
    }


def test_serves_its_own_metrics() -> None:
    """The mounted application shows the calls that requests to the host caused."""

    async def talk() -> str:
        transport = httpx.ASGITransport(app=app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://app") as client,
        ):
            found = await client.get("/triage", params={"text": "refund please"})
            assert (found.status_code, found.json()) == (200, {"team": "payments"})
            assert (await client.get("/triage", params={"text": "hello"})).status_code == 404
            metrics = await client.get("/metrics", follow_redirects=True)
            assert metrics.status_code == 200
            return metrics.text

    counted = calls(asyncio.run(talk()))
    for family in ("agentmon_agent_calls", "agentmon_tool_calls"):
        assert counted[family, "ok"] == 1
        assert counted[family, "error"] == 1
        assert counted[family, "cancelled"] == 0


def test_runs_under_uvicorn() -> None:
    """Uvicorn serves the host's routes and the metrics from one port."""
    arguments = ("-m", "uvicorn", "examples.fastapi_app:app", "--port", "0", "--no-access-log")
    with start_program(*arguments) as program:
        try:
            assert program.stderr is not None
            heard = []
            for line in program.stderr:
                heard.append(line)
                if found := re.search(r"running on (http://\S+)", line):
                    break
            else:
                raise AssertionError("".join(heard))
            with urllib.request.urlopen(f"{found[1]}/triage?text=parcel", timeout=30) as answer:
                assert b"shipping" in answer.read()
            with urllib.request.urlopen(f"{found[1]}/metrics", timeout=30) as answer:
                counted = calls(answer.read().decode())
        finally:
            program.terminate()
            program.communicate(timeout=30)
    assert counted["agentmon_agent_calls", "ok"] == 1
