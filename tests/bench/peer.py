"""
Measure one library's decorators in the environment it is installed in.

``python -m tests.bench.peer NAME ROUNDS`` prints JSON. Run by `tests.bench.peers`.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import io
import json
import logging
import socket
import sys
import warnings
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, TypeAlias

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from tests.bench.rounds import Case, interleave, loop_async, loop_sync
from tests.bench.spans import RAW_CALLS, NullExporter, RawSpans

Decorator: TypeAlias = Callable[[Any], Any]

_OTLP = (
    "opentelemetry.exporter.otlp.proto.http.trace_exporter.OTLPSpanExporter",
    "opentelemetry.exporter.otlp.proto.grpc.trace_exporter.OTLPSpanExporter",
    "opentelemetry.exporter.otlp.proto.http.metric_exporter.OTLPMetricExporter",
    "opentelemetry.exporter.otlp.proto.grpc.metric_exporter.OTLPMetricExporter",
)


def _work(x: int) -> int:
    return x


async def _work_async(x: int) -> int:
    return x


def _refuse_network() -> list[str]:
    """Let no socket reach beyond this machine; returns what was tried, as it grows."""
    tried: list[str] = []
    connect, resolve = socket.socket.connect, socket.getaddrinfo

    def local(host: object) -> bool:
        try:
            return ip_address(str(host)).is_loopback
        except ValueError:
            return host in ("localhost", None)

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not local(address[0]):
            tried.append(str(address[0]))
            raise OSError("no network in benchmarks")
        connect(self, address)

    def guarded_resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
        if not local(host):
            tried.append(str(host))
            raise OSError("no network in benchmarks")
        return resolve(host, *args, **kwargs)

    socket.socket.connect = guarded  # type: ignore[method-assign]
    socket.getaddrinfo = guarded_resolve
    return tried


def _export_nothing() -> None:
    """Make the exporters that libraries choose by themselves succeed at once."""
    from opentelemetry.sdk.metrics.export import MetricExportResult
    from opentelemetry.sdk.trace.export import SpanExportResult

    for path in _OTLP:
        module, _, name = path.rpartition(".")
        with contextlib.suppress(ImportError):
            exporter = getattr(importlib.import_module(module), name)
            spans = name.startswith("OTLPSpan")
            result = SpanExportResult.SUCCESS if spans else MetricExportResult.SUCCESS
            exporter.export = lambda *_args, result=result, **_kwargs: result


def _global_provider() -> TracerProvider:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(NullExporter()))
    trace.set_tracer_provider(provider)
    return provider


def _agentmon() -> Decorator:
    import agentmon

    agentmon.configure(traces="none", process_metrics=False)
    return agentmon.agent("triage", version="1", team="support", timeout=30)


def _agentmon_spans() -> Decorator:
    import agentmon

    _global_provider()
    agentmon.configure(traces="host", process_metrics=False)
    return agentmon.agent("triage", version="1", team="support", timeout=30)


def _autometrics(tracker: str) -> Decorator:
    from autometrics import autometrics, init

    init(tracker=tracker, service_name="bench")
    decorator: Decorator = autometrics
    return decorator


def _openlit() -> Decorator:
    _global_provider()
    import openlit

    decorator: Decorator = openlit.trace
    return decorator


def _traceloop() -> Decorator:
    from traceloop.sdk import Traceloop
    from traceloop.sdk.decorators import task

    Traceloop.init(
        app_name="bench", exporter=NullExporter(), telemetry_enabled=False, instruments=set()
    )
    decorator: Decorator = task(name="triage")
    return decorator


def _langfuse() -> Decorator:
    from langfuse import Langfuse, observe

    Langfuse(
        public_key="pk-lf-bench",
        secret_key="sk-lf-bench",  # noqa: S106  # of nobody
        base_url="http://127.0.0.1:9",
        span_exporter=NullExporter(),
    )
    decorator: Decorator = observe()
    return decorator


def _logfire() -> Decorator:
    import logfire

    logfire.configure(
        send_to_logfire=False,
        console=False,
        inspect_arguments=False,
        additional_span_processors=[BatchSpanProcessor(NullExporter())],
    )
    decorator: Decorator = logfire.instrument("triage")
    return decorator


def _openinference() -> Decorator:
    from openinference.instrumentation import TracerProvider as Provider

    provider = Provider()
    provider.add_span_processor(BatchSpanProcessor(NullExporter()))
    trace.set_tracer_provider(provider)
    decorator: Decorator = provider.get_tracer("bench").agent
    return decorator


def _agentops() -> Decorator:
    from agentops.sdk.core import tracer
    from agentops.sdk.decorators import operation

    tracer.initialize(
        exporter_endpoint="http://127.0.0.1:9/v1/traces",
        metrics_endpoint="http://127.0.0.1:9/v1/metrics",
    )
    decorator: Decorator = operation
    return decorator


def _mlflow() -> Decorator:
    import mlflow

    decorator: Decorator = mlflow.trace
    return decorator


#: What each is called, and what makes its decorator ready.
DECORATORS: dict[str, tuple[str, Callable[[], Decorator]]] = {
    "agentmon": ("@agentmon.agent(...), metrics", _agentmon),
    "agentmon-spans": ("@agentmon.agent(...), metrics and the host's SDK span", _agentmon_spans),
    "autometrics": ("@autometrics, default", lambda: _autometrics("opentelemetry")),
    "autometrics-prometheus": ("@autometrics, prometheus", lambda: _autometrics("prometheus")),
    "openlit": ("@openlit.trace", _openlit),
    "traceloop": ("@task", _traceloop),
    "langfuse": ("@observe()", _langfuse),
    "logfire": ("@logfire.instrument()", _logfire),
    "openinference": ("@tracer.agent", _openinference),
    "agentops": ("@operation", _agentops),
    "mlflow": ("@mlflow.trace", _mlflow),
}


def _drain() -> None:
    flush = getattr(trace.get_tracer_provider(), "force_flush", None)
    if flush is not None:
        flush()


def measure(name: str, rounds: int) -> dict[str, object]:
    """Time of a span and of the decorator, around a function and a coroutine function."""
    tried = _refuse_network()
    _export_nothing()
    raw = RawSpans()
    label, ready = DECORATORS[name]
    decorate = ready()
    loop = asyncio.new_event_loop()
    calls = 1024 if name == "agentmon" else RAW_CALLS
    cases = [
        Case("span", loop_sync(raw.sync(_work)), RAW_CALLS, raw.drain),
        Case("async span", loop_async(loop, raw.asynchronous(_work_async)), RAW_CALLS, raw.drain),
        Case("sync", loop_sync(decorate(_work)), calls, _drain),
        Case("async", loop_async(loop, decorate(_work_async)), calls, _drain),
    ]
    timings = interleave(cases, rounds)
    ns = {key: timing.least_ns for key, timing in timings.items()}
    return {"label": label, "ns": ns, "refused": sorted(set(tried))}


def main() -> None:
    """Measure what the command line names; what a library prints is not the result."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    out = sys.stdout
    with contextlib.redirect_stdout(io.StringIO()):
        found = measure(sys.argv[1], int(sys.argv[2]))
    out.write(json.dumps(found) + "\n")
    out.flush()
    # Some wait for a server that is not there when they are left in peace.
    import os

    os._exit(0)


if __name__ == "__main__":
    main()
