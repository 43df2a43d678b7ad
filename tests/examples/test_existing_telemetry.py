"""The example with a tracer provider and a metrics registry of its own."""

from __future__ import annotations

from tests.examples.programs import run_program


def test_joins_the_hosts_telemetry() -> None:
    """Spans arrive at the host's provider under the host's spans, metrics in its registry."""
    lines = [
        " ".join(line.split())
        for line in run_program("examples/existing_telemetry.py").stdout.splitlines()
    ]
    assert "span invoke_agent librarian within request alpha UNSET" in lines
    assert "span execute_tool lookup within invoke_agent librarian ERROR" in lines
    assert "metric requests_total 3.0" in lines
    assert any(
        line.startswith("metric agentmon_agent_calls_total{")
        and 'agent="librarian"' in line
        and 'outcome="error"' in line
        and line.endswith(" 1.0")
        for line in lines
    ), lines
