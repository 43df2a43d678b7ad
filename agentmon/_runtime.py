"""
The only mutable global wiring: joins recording and exporting between configure and shutdown.
"""

from __future__ import annotations

import atexit
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from threading import RLock
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Literal

from agentmon.errors import ConfigError, EndpointError
from agentmon.instrument.active import ACTIVE, OFF
from agentmon.instrument.classify import Classifier
from agentmon.record.limits import MAX_SERIES

# The rest is loaded by `configure`: many processes import instrumented code and never call it.
if TYPE_CHECKING:
    from agentmon._settings import Exceptions, Settings
    from agentmon.export.access import Access
    from agentmon.export.asgi import ASGIApplication
    from agentmon.export.collector import AgentmonCollector
    from agentmon.export.respond import Endpoint, Root
    from agentmon.export.server import Server
    from agentmon.export.wsgi import WSGIApplication
    from agentmon.model.snapshot import Family, OperationSnapshot
    from agentmon.model.statistics import Statistics
    from agentmon.model.summary import OperationSummary
    from agentmon.record.registry import Registry
    from agentmon.tracing.options import Target, Traces

__all__ = [
    "asgi_app",
    "configure",
    "endpoint",
    "prometheus_collector",
    "shutdown",
    "statistics",
    "wsgi_app",
]

logger = logging.getLogger("agentmon")


class _Runtime:
    """What ``configure()`` set up."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.settings: Settings | None = None
        self.registry: Registry | None = None
        self.endpoint: Endpoint | None = None
        self.server: Server | None = None
        self.hooked = False
        self.doubted: set[str] = set()


_runtime = _Runtime()


def configure(
    *,
    service: str | None = None,
    region: str | None = None,
    serve: str | None = None,
    serve_optional: bool = False,
    traces: Target | Traces | Iterable[Target] | None = None,
    semconv: Literal["genai-1.41", "genai-0.1", "both"] | None = None,
    content: bool | None = None,
    redact: Callable[[str], str] | None = None,
    content_limit: int | None = None,
    failure_logs: bool | None = None,
    native_histograms: bool | None = None,
    push: Any | Iterable[Any] | None = None,
    access: Access | None = None,
    interrupts: Exceptions = (),
    timeouts: Exceptions = (),
    digits: int = 2,
    buckets: Iterable[float] | None = None,
    max_series: int = MAX_SERIES,
    process_metrics: bool = True,
) -> None:
    """
    Start recording, and serving if an address is given.

    Doing so again with the same arguments changes nothing; to change them, `shutdown` first.

    Args:
        service: Name of the service, put on every sample; else ``AGENTMON_SERVICE``, else
            ``OTEL_SERVICE_NAME``.
        region: Where it runs, put on every sample; else ``AGENTMON_REGION``.
        serve: Address to serve the metrics and the status page on, such as ``127.0.0.1:9464``;
            port 0 takes any free one, see `endpoint`. Else ``AGENTMON_SERVE``; else nothing is
            served.
        serve_optional: Go on without serving, with a warning, if the address is taken.
        traces: ``auto`` makes spans as soon as the host has set a tracer provider, ``host`` insists
            that it has, ``none`` makes none. Otherwise agentmon makes and exports them: to
            ``otlp``, the URL of a collector, a ``SpanExporter`` or ``SpanProcessor``, several of
            those, or as a `Traces` says. Else ``AGENTMON_TRACES``; else ``auto``.
        semconv: Semantic conventions that spans follow. Else ``AGENTMON_SEMCONV``; else
            ``genai-1.41``.
        content: Put prompts, arguments and results on spans, after redaction. Else
            ``AGENTMON_CONTENT``; else no.
        redact: What their texts pass through; by default `agentmon.redaction.standard`.
        content_limit: Characters kept of one of them. Else ``AGENTMON_CONTENT_LIMIT``; else 8192.
        failure_logs: Log a record for each failure. Else ``AGENTMON_FAILURE_LOGS``; else yes.
        native_histograms: Offer native histograms to servers that ask for protobuf. Else
            ``AGENTMON_NATIVE_HISTOGRAMS``; else no.
        push: Where metrics are pushed to, one or several: ``pushgateway=URL``, ``textfile=PATH``,
            ``remote-write=URL``, ``otlp=URL``, ``otlp``, or the objects for them. Else
            ``AGENTMON_PUSH``; else nowhere.
        access: Who may read the endpoint. Else ``AGENTMON_ACCESS_*``; else anybody.
        interrupts: Exceptions by which programs steer themselves, such as a pause for a human:
            they have the outcome interrupted.
        timeouts: Exceptions that mean a timeout, besides `TimeoutError`.
        digits: Significant digits of the histograms, 1 to 4. Each more takes ten times the memory.
        buckets: Upper edges of the classic buckets, in seconds, rising; set objectives at edges.
        max_series: The most series kept; what is beyond folds into ``other``.
        process_metrics: Serve ``process_*`` and ``python_*`` metrics as well.

    Raises:
        ConfigError: If an argument or variable cannot be used, if agentmon is configured otherwise
            already, or within ``agentmon.testing.capture()``.
        EndpointError: If the address cannot be had.
    """
    from agentmon._settings import doubts, resolve  # noqa: PLC0415

    arguments = {
        "service": service,
        "region": region,
        "serve": serve,
        "serve_optional": serve_optional,
        "traces": traces,
        "semconv": semconv,
        "content": content,
        "redact": redact,
        "content_limit": content_limit,
        "failure_logs": failure_logs,
        "native_histograms": native_histograms,
        "push": push,
        "access": access,
        "interrupts": interrupts,
        "timeouts": timeouts,
        "digits": digits,
        "buckets": buckets,
        "max_series": max_series,
        "process_metrics": process_metrics,
    }
    settings = resolve(os.environ, arguments)
    with _runtime.lock:
        if _runtime.settings is None and ACTIVE.mode is not OFF:
            raise ConfigError(
                "agentmon.testing.capture() is recording: call configure() before it or after it"
            )
        if _runtime.settings is not None:
            if _runtime.settings != settings:
                raise ConfigError(
                    "agentmon is configured already, with other settings: call "
                    "agentmon.shutdown() first"
                )
            return
        if settings.enabled:
            _start(settings)
        _runtime.settings = settings
        for name, doubt in doubts(os.environ).items():
            if name not in _runtime.doubted:
                _runtime.doubted.add(name)
                logger.warning("agentmon: the variable %s %s", name, doubt)


def _start(settings: Settings) -> None:
    from agentmon.instrument.host import HostSpans, ProviderWatch, host_provider  # noqa: PLC0415
    from agentmon.record.registry import Registry  # noqa: PLC0415

    registry = Registry(settings.layout, perf_counter_ns, settings.max_series)
    provider = None if settings.traces == "none" else host_provider()
    if provider is None and settings.traces == "host":
        raise ConfigError(
            "traces: got 'host', but the host has set no tracer provider: set one before "
            "configure(), or use traces='auto'"
        )
    spans = None if provider is None else HostSpans(provider, registry.clock)
    watch = ProviderWatch() if spans is None and settings.traces == "auto" else None
    answering = _answering(settings, registry)
    if settings.serve is not None:
        _runtime.server = _served(settings, answering, settings.serve)
    _runtime.registry = registry
    _runtime.endpoint = answering
    ACTIVE.turn_on(registry, Classifier(settings.interrupts, settings.timeouts), spans, watch)
    if not _runtime.hooked:
        _runtime.hooked = True
        atexit.register(shutdown)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_after_fork_in_child)
    logger.info(
        "agentmon: recording%s; spans: %s",
        f", serving on {_runtime.server.url}" if _runtime.server is not None else "",
        "to the host's tracer provider" if spans is not None else "none",
    )


def _answering(settings: Settings, registry: Registry) -> Endpoint:
    """What answers requests about the registry, whoever serves it."""
    from agentmon.export.access import Gate  # noqa: PLC0415  # as long as nothing is recorded
    from agentmon.export.respond import Endpoint  # noqa: PLC0415  # likewise

    return Endpoint(
        registry,
        service=settings.service,
        region=settings.region,
        spans=lambda: "none" if ACTIVE.spans is None else "host",
        process_metrics=settings.process_metrics,
        gate=Gate(settings.access),
    )


def _served(settings: Settings, answering: Endpoint, address: str) -> Server | None:
    """A server of the endpoint; None where it may do without and the address cannot be had."""
    from agentmon.export.server import Server, parse_address  # noqa: PLC0415  # only to serve

    tls = None
    if settings.access is not None and settings.access.certificate is not None:
        from agentmon.export.tls import TLS  # noqa: PLC0415  # loads ssl

        tls = TLS(settings.access)
    try:
        return Server(answering, *parse_address(address), gate=answering.gate, tls=tls)
    except EndpointError as error:
        if not settings.serve_optional:
            raise
        logger.warning("agentmon: goes on without serving: %s", error)
        return None


def endpoint() -> str | None:
    """
    Where the metrics and the status page are served.

    Returns:
        A URL such as ``http://127.0.0.1:9464``, or None while nothing is served.
    """
    server = _runtime.server
    return None if server is None else server.url


def shutdown() -> None:
    """
    Stop recording and serving. Calls in flight end unrecorded; more calls pass straight through.

    Runs by itself when the interpreter exits. Doing so again changes nothing.
    """
    with _runtime.lock:
        ACTIVE.turn_off()
        server, _runtime.server = _runtime.server, None
        _runtime.registry = None
        _runtime.endpoint = None
        _runtime.settings = None
    if server is not None:
        server.close()


def asgi_app(root: Root = "metrics") -> ASGIApplication:
    """
    The metrics and the status page as an ASGI application, to be mounted in the host's own.

    Args:
        root: What the path where it is mounted answers: ``metrics``, or ``page`` for the status
            page, with ``/metrics`` below it.

    Returns:
        An application that answers for whatever is configured at the time of each request, and
        with 503 while nothing is.

    Raises:
        ValueError: If *root* is neither.
    """
    from agentmon.export.asgi import asgi_app as make  # noqa: PLC0415  # only where it is used

    return make(lambda: _runtime.endpoint, root)


def wsgi_app(root: Root = "metrics") -> WSGIApplication:
    """
    The metrics and the status page as a WSGI application, to be mounted in the host's own.

    Args:
        root: What the path where it is mounted answers: ``metrics``, or ``page`` for the status
            page, with ``/metrics`` below it.

    Returns:
        An application that answers for whatever is configured at the time of each request, and
        with 503 while nothing is.

    Raises:
        ValueError: If *root* is neither.
    """
    from agentmon.export.wsgi import wsgi_app as make  # noqa: PLC0415  # only where it is used

    return make(lambda: _runtime.endpoint, root)


def prometheus_collector() -> AgentmonCollector:
    """
    All metrics as a collector for a registry of ``prometheus_client`` that the host has already.

    Returns:
        To be given to ``registry.register()``; it shows whatever is configured at the time of each
        scrape, with the service and region of then, and nothing while nothing is.
    """
    from agentmon.export.collector import AgentmonCollector  # noqa: PLC0415  # costly

    def source() -> tuple[Mapping[str, str], list[Family]]:
        answering = _runtime.endpoint
        return ({}, []) if answering is None else (answering.constant, answering.families())

    return AgentmonCollector(source)


def statistics(
    window: Literal["1m", "5m", "1h"] | None = None, kind: str | None = None
) -> list[OperationSummary]:
    """
    What the calls of this process say, for each operation.

    Args:
        window: ``1m``, ``5m`` or ``1h``: only calls that ended within that time. By default all
            since recording began.
        kind: Only operations of this kind.

    Returns:
        One summary for each operation and set of labels; empty before ``configure()``.

    Raises:
        ValueError: If *window* or *kind* is not known.
    """
    from agentmon.model import catalogue  # noqa: PLC0415
    from agentmon.model.statistics import variance_shares  # noqa: PLC0415
    from agentmon.model.summary import OperationSummary, summarise  # noqa: PLC0415
    from agentmon.record.window import WINDOWS  # noqa: PLC0415

    if window is not None and window not in WINDOWS:
        raise ValueError(f"window: got {window!r}, allowed None, {', '.join(WINDOWS)}")
    if kind is not None and kind not in catalogue.KINDS:
        raise ValueError(f"kind: got {kind!r}, allowed None, {', '.join(catalogue.KINDS)}")
    registry = ACTIVE.registry
    if registry is None:
        return []
    found: list[OperationSummary] = []
    by_kind: dict[str, list[tuple[OperationSnapshot, Statistics]]] = {}
    for operation in registry.snapshot().operations:
        chosen = operation.life if window is None else operation.windows[window]
        by_kind.setdefault(operation.kind, []).append((operation, chosen))
    for each, members in by_kind.items():
        if kind not in (None, each):
            continue
        names = [label.name for label in catalogue.OPERATIONS[each].labels]
        shares = variance_shares([chosen for _, chosen in members])
        found.extend(
            OperationSummary(
                kind=each,
                labels=dict(zip(names, operation.labels, strict=True)),
                summary=summarise(chosen),
                variance_share=share,
                in_flight=operation.in_flight,
                errors=operation.errors,
            )
            for (operation, chosen), share in zip(members, shares, strict=True)
        )
    return found


def _after_fork_in_child() -> None:
    """
    Start anew in a forked child: with its own counts from zero, and without the parent's socket.

    The child has one thread, so nothing races; locks may have been held by threads that it has not.
    """
    _runtime.lock = RLock()
    server, _runtime.server = _runtime.server, None
    if server is not None:
        server.abandon()
    registry, settings = _runtime.registry, _runtime.settings
    if registry is None or settings is None:
        return
    registry.abandon_lock()
    ACTIVE.abandon_lock()
    fresh = type(registry)(settings.layout, registry.clock, settings.max_series)
    _runtime.registry = fresh
    _runtime.endpoint = _answering(settings, fresh)
    ACTIVE.turn_on(fresh, ACTIVE.classifier, ACTIVE.spans, ACTIVE.watch)
