"""
A program that has its telemetry already: agentmon joins, and sets nothing up of its own.

Its spans go to the tracer provider that the program has set; its metrics appear in the program's
prometheus_client registry, beside the program's own, and leave through the program's exposition.

Run: python examples/existing_telemetry.py
"""

from __future__ import annotations

from contextlib import suppress

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry, Counter, generate_latest

import agentmon


@agentmon.tool("lookup")
def lookup(word: str) -> int:
    """Where a word stands."""
    return ["alpha", "beta", "gamma"].index(word)


@agentmon.agent("librarian", version="2.0")
def find(word: str) -> int:
    """Find a word."""
    return lookup(word)


def main() -> None:
    """Set up telemetry as such a program does, let agentmon join, work, and show both."""
    finished = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(finished))
    trace.set_tracer_provider(provider)
    registry = CollectorRegistry()
    requests = Counter("requests", "Requests answered.", registry=registry)

    agentmon.configure(service="library", traces="host")
    registry.register(agentmon.prometheus_collector())

    tracer = trace.get_tracer("library")
    for word in ("alpha", "gamma", "delta"):
        with tracer.start_as_current_span(f"request {word}"):
            requests.inc()
            with suppress(ValueError):  # agentmon counts it as an error of the tool and the agent
                find(word)

    names = {span.context.span_id: span.name for span in finished.get_finished_spans()}
    for span in finished.get_finished_spans():
        parent = names.get(span.parent.span_id) if span.parent else None
        print(f"span    {span.name:24} within {parent or '-':24} {span.status.status_code.name}")
    for line in generate_latest(registry).decode().splitlines():
        chosen = line.startswith(("requests_total", "agentmon_agent_calls", "agentmon_tool_calls"))
        if chosen and not line.endswith(" 0.0"):
            print(f"metric  {line}")
    agentmon.shutdown()


if __name__ == "__main__":
    main()
