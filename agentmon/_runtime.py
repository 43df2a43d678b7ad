"""
The only mutable global wiring: joins recording and exporting between configure and shutdown.
"""

from __future__ import annotations

import atexit
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from threading import RLock
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from agentmon.errors import ConfigError, DeclarationError, EndpointError, PushError
from agentmon.instrumentation.active import ACTIVE, OFF
from agentmon.instrumentation.adapters import AUTO, instrument
from agentmon.instrumentation.classify import Classifier
from agentmon.model.attributes import Conventions
from agentmon.record.limits import MAX_SERIES

# The rest is loaded by `configure`: many processes import instrumented code and never call it.
if TYPE_CHECKING:
    import asyncio

    from agentmon._settings import Exceptions, Settings
    from agentmon._settings.owned import Owned
    from agentmon.export.access import Access
    from agentmon.export.asgi import ASGIApplication
    from agentmon.export.collector import AgentmonCollector
    from agentmon.export.meters import Meters
    from agentmon.export.push.pusher import Pushing
    from agentmon.export.push.ways import Place
    from agentmon.export.respond import Endpoint, Root
    from agentmon.export.server import Server
    from agentmon.export.wsgi import WSGIApplication
    from agentmon.instrumentation.active import Watch
    from agentmon.instrumentation.content import Content
    from agentmon.instrumentation.metering import Metering
    from agentmon.instrumentation.span import Spans
    from agentmon.instrumentation.spending import Spending
    from agentmon.model.health import Health
    from agentmon.model.snapshot import Family, OperationSnapshot
    from agentmon.model.statistics import Statistics
    from agentmon.model.summary import OperationSummary
    from agentmon.observe.certificates import Certificates
    from agentmon.observe.health import Checker
    from agentmon.observe.loops import LoopWatch
    from agentmon.observe.sampler import Sampler
    from agentmon.record.registry import Registry
    from agentmon.record.shared.member import Member
    from agentmon.tracing.log import LogRecord
    from agentmon.tracing.options import Target, Traces

__all__ = [
    "asgi_app",
    "certificate",
    "configure",
    "endpoint",
    "flush",
    "health_check",
    "prometheus_collector",
    "push",
    "remove_health_check",
    "shutdown",
    "stand_in",
    "statistics",
    "watch_loop",
    "wsgi_app",
]

F = TypeVar("F", bound="Callable[[], Any]")

logger = logging.getLogger("agentmon")


#: How long the end of the process may be held up by what is still to be exported.
_DRAIN_SECONDS = 5.0


class Outlet(Protocol):
    """A way out of the process that has a thread of its own."""

    def flush(self, seconds: float) -> bool:
        """Let out all that waits, within so many seconds; says whether that was done."""
        ...

    def close(self, seconds: float) -> None:
        """Let out all that waits, within so many seconds, and end."""
        ...

    def abandon(self) -> None:
        """Begin anew in a forked child."""
        ...


class _Runtime:
    """What ``configure()`` set up."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.settings: Settings | None = None
        self.registry: Registry | None = None
        self.endpoint: Endpoint | None = None
        self.server: Server | None = None
        self.outlets: list[Outlet] = []
        self.sampler: Sampler | None = None
        self.meters: Meters | None = None
        self.certificates: Certificates | None = None
        self.pushing: Pushing | None = None
        #: Whether any health check is declared, and what runs them.
        self.checked = False
        self.checker: Checker | None = None
        self.member: Member | None = None
        self.hooked = False
        #: Whether it is only the environment that has said how, until the program does.
        self.standing_in = False
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
    push: Place | Iterable[Place] | None = None,
    access: Access | None = None,
    prices: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    user_key: str | bytes | None = None,
    interrupts: Exceptions = (),
    timeouts: Exceptions = (),
    digits: int = 2,
    buckets: Iterable[float] | None = None,
    shared: str | os.PathLike[str] | None = None,
    max_series: int = MAX_SERIES,
    process_metrics: bool = True,
    resources: float | Literal[False] | None = None,
    storage: Mapping[str, str | os.PathLike[str]] | None = None,
    agent_cpu: bool | None = None,
    agent_memory: int | None = None,
    standard_metrics: bool | None = None,
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
        prices: What models and computing cost, besides the prices that are shipped: a mapping
            with ``models``, or the path of a file of JSON. Else ``AGENTMON_PRICES``.
        user_key: Key that ids of users are hashed with, the same for all processes of a
            deployment. Else ``AGENTMON_USER_KEY``; else a random one for each process.
        interrupts: Exceptions by which programs steer themselves, such as a pause for a human:
            they have the outcome interrupted.
        timeouts: Exceptions that mean a timeout, besides `TimeoutError`.
        digits: Significant digits of the histograms, 1 to 4. Each more takes ten times the memory.
        buckets: Upper edges of the classic buckets, in seconds, rising; set objectives at edges.
        shared: Folder in which several processes share their counts: each shows those of all. Where
            several have the same address to serve on, one serves, and another when that one ends.
            Else ``AGENTMON_SHARED_DIR``; else each process shows its own.
        max_series: The most series kept; what is beyond folds into ``other``.
        process_metrics: Serve ``process_*`` and ``python_*`` metrics as well.
        resources: Sample what the process and its host use each so many seconds, in a thread;
            False for not at all. Else ``AGENTMON_RESOURCES``; else 15.
        storage: Paths whose size is sampled too, by name. Else ``AGENTMON_STORAGE``.
        agent_cpu: Measure the CPU time of each agent. Else ``AGENTMON_AGENT_CPU``; else no.
        agent_memory: Measure the memory that agents allocate in one of so many calls of each.
            Else ``AGENTMON_AGENT_MEMORY``; else 0, for none.
        standard_metrics: Make the metrics of the conventions too, named ``gen_ai.*``, for the
            host's meter provider and where metrics are pushed by OTLP; *semconv* says which.
            Else ``AGENTMON_STANDARD_METRICS``; else no.

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
        "prices": prices,
        "user_key": user_key,
        "interrupts": interrupts,
        "timeouts": timeouts,
        "digits": digits,
        "buckets": buckets,
        "shared": shared,
        "max_series": max_series,
        "process_metrics": process_metrics,
        "resources": resources,
        "storage": storage,
        "agent_cpu": agent_cpu,
        "agent_memory": agent_memory,
        "standard_metrics": standard_metrics,
    }
    settings = resolve(os.environ, arguments)
    with _runtime.lock:
        if _runtime.settings is None and ACTIVE.mode is not OFF:
            raise ConfigError(
                "agentmon.testing.capture() is recording: call configure() before it or after it"
            )
        if _runtime.settings is not None:
            if _runtime.settings == settings:
                return
            if not _runtime.standing_in:
                raise ConfigError(
                    "agentmon is configured already, with other settings: call "
                    "agentmon.shutdown() first"
                )
            shutdown()
        if settings.enabled:
            try:
                _start(settings)
            except BaseException:
                _leave()
                raise
        _runtime.settings = settings
        _runtime.standing_in = False
        for name, doubt in doubts(os.environ).items():
            if name not in _runtime.doubted:
                _runtime.doubted.add(name)
                logger.warning("agentmon: the variable %s %s", name, doubt)


def stand_in() -> None:
    """
    Start recording as the environment says, until the program itself calls `configure`.

    Libraries are measured by themselves: those that the environment names, by default all.

    Raises:
        ConfigError: If a variable cannot be used.
        EndpointError: If the address cannot be had.
    """
    configure()
    _runtime.standing_in = True
    if _runtime.settings is not None and _runtime.settings.enabled:
        instrument(*_runtime.settings.instrument or (AUTO,))


def _start(settings: Settings) -> None:
    from agentmon.instrumentation.failure_log import FailureLog  # noqa: PLC0415
    from agentmon.record.registry import Registry  # noqa: PLC0415

    registry = Registry(settings.layout, perf_counter_ns, settings.max_series)
    _runtime.member = member = _joined(settings, registry)
    answering = _answering(settings, registry, member)
    pushing = _pushing(settings, answering)
    ACTIVE.conventions = Conventions(settings.semconv)
    spans, watch = _spans(settings, registry)
    if settings.serve is not None:
        _runtime.server = _served(settings, answering, settings.serve)
    _runtime.registry = registry
    _runtime.endpoint = answering
    if member is not None:
        member.start()
    if settings.standard_metrics:
        from agentmon.export.meters import Meters  # noqa: PLC0415  # few ask for it

        meters = Meters(lambda: _runtime.registry, settings.semconv)
        meters.start()
        _runtime.meters = meters
        _runtime.outlets.append(meters)
    if settings.resources:
        from agentmon.observe.sampler import Sampler  # noqa: PLC0415  # loads psutil

        sampler = Sampler(lambda: _runtime.registry, settings.resources, settings.storage)
        sampler.start()
        _runtime.sampler = sampler
        _runtime.outlets.append(sampler)
    if pushing is not None:
        pushing.start()
        _runtime.pushing = pushing
        _runtime.outlets.append(pushing)  # last, so that it knows what the others have lost
    classifier = Classifier(settings.interrupts, settings.timeouts)
    events = _events(settings)
    failures = FailureLog(events) if settings.failure_logs else None
    ACTIVE.redact = settings.redact
    ACTIVE.content = _content(settings)
    ACTIVE.metering = _metering(settings, registry)
    ACTIVE.user_key = settings.user_key
    ACTIVE.turn_on(
        registry,
        classifier,
        spans,
        watch,
        failures=failures,
        events=events,
        spending=_spending(settings, registry),
    )
    if settings.instrument:
        instrument(*settings.instrument)
    if _runtime.checked:
        _run_checks()
    if not _runtime.hooked:
        _runtime.hooked = True
        atexit.register(shutdown)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_after_fork_in_child)
    logger.info(
        "agentmon: recording%s%s; spans: %s",
        f", serving on {_runtime.server.url}" if _runtime.server is not None else "",
        f", pushing to {', '.join(map(str, settings.push))}" if settings.push else "",
        _where_spans_go(settings),
    )


def _spans(settings: Settings, registry: Registry) -> tuple[Spans | None, Watch | None]:
    """What makes spans, and what looks now and then whether to make them otherwise."""
    from agentmon.instrumentation.host import HostSpans, ProviderWatch, host_provider  # noqa: PLC0415

    if settings.traces == "none":
        return None, None
    provider = host_provider()
    if not isinstance(settings.traces, str):
        if provider is not None:
            raise ConfigError(
                "traces: got a place to export spans to, but the program has set a tracer provider "
                "already, which is never replaced: leave traces out and spans go there, or call "
                "configure() before it is set"
            )
        return _owned_spans(settings, settings.traces)
    if provider is not None:
        return HostSpans(provider, registry.clock), None
    if settings.traces == "host":
        raise ConfigError(
            "traces: got 'host', but the host has set no tracer provider: set one before "
            "configure(), or use traces='auto'"
        )
    return None, ProviderWatch()


def _owned_spans(settings: Settings, owned: Owned) -> tuple[Spans, Watch]:
    """Spans that agentmon makes and exports itself, for the whole process."""
    from opentelemetry import trace  # noqa: PLC0415

    from agentmon.export.traces import Batching, SpanExport  # noqa: PLC0415  # only to export
    from agentmon.instrumentation.owned import OwnedSpans  # noqa: PLC0415
    from agentmon.tracing.sampling import Sampler, Tail, ratio_bound  # noqa: PLC0415
    from agentmon.tracing.tracer import PROVIDER, Pipeline  # noqa: PLC0415

    export = SpanExport(
        owned.to,
        lambda: _resource(settings),
        _count,
        Batching(owned.queue_size, owned.batch_size, owned.delay_s, owned.export_timeout_s),
    )
    tail = None
    if owned.keep_errors or owned.keep_slower_ns is not None:
        tail = Tail(
            export.sink,
            lambda n: _count("span_queue_full", n),
            errors=owned.keep_errors,
            slower_ns=owned.keep_slower_ns,
        )
    sampler = Sampler(
        ratio_bound(owned.share), parent_based=owned.parent_based, custom=owned.sampler
    )
    pipeline = Pipeline(
        export.sink,
        sampler,
        tail,
        owned.limits,
        started=export.started,
        flush=export.flush,
        resource=_resource(settings),
    )
    export.start()
    _runtime.outlets.append(export)
    PROVIDER.pipeline = pipeline
    if trace.get_tracer_provider() is not PROVIDER:
        trace.set_tracer_provider(PROVIDER)
    spans = OwnedSpans(pipeline)
    return spans, spans


def _events(settings: Settings) -> Callable[[LogRecord], object] | None:
    """What takes log records for a collector."""
    from agentmon.instrumentation.host_log import to_host  # noqa: PLC0415  # loads OpenTelemetry's API

    owned = settings.traces
    if isinstance(owned, str):
        return None if owned == "none" else to_host
    if not owned.logs:
        return to_host
    from agentmon.export.logs import LogExport  # noqa: PLC0415  # only to export

    export = LogExport(
        owned.logs,
        lambda: _resource(settings),
        _count,
        delay_s=owned.delay_s,
        give_up_s=owned.export_timeout_s,
    )
    export.start()
    _runtime.outlets.append(export)
    return export.sink


def _spending(settings: Settings, registry: Registry) -> Spending:
    """What prices the tokens of model calls."""
    from agentmon._settings.prices import shipped  # noqa: PLC0415  # reads a file
    from agentmon.instrumentation.spending import Spending  # noqa: PLC0415  # only to record

    return Spending(registry, settings.prices or shipped(), sizes=settings.standard_metrics)


def _metering(settings: Settings, registry: Registry) -> Metering | None:
    """What measures agents, if that is asked for."""
    if not settings.agent_cpu and not settings.agent_memory:
        return None
    from agentmon.instrumentation.metering import Metering  # noqa: PLC0415  # few ask for it

    return Metering(registry, cpu=settings.agent_cpu, memory=settings.agent_memory)


def _content(settings: Settings) -> Content | None:
    """What puts content on spans, if that is asked for."""
    if not settings.content:
        return None
    from agentmon.instrumentation.content import Content  # noqa: PLC0415  # few ask for it
    from agentmon.redaction import standard  # noqa: PLC0415  # likewise

    return Content(settings.redact or standard, settings.content_limit)


def _resource(settings: Settings) -> dict[str, Any]:
    from agentmon.tracing.resource import resource  # noqa: PLC0415

    return {**resource(settings.service, settings.region, settings.resource)}


def _count(reason: str, n: int) -> None:
    """Count what is lost on the way out."""
    registry = _runtime.registry
    if registry is not None:
        registry.drop(reason, n)


def _pushing(settings: Settings, answering: Endpoint) -> Pushing | None:
    """What pushes metrics; None where nothing is pushed."""
    if not settings.push:
        return None
    from agentmon.export.push.pusher import Pushing  # noqa: PLC0415  # few push
    from agentmon.export.push.target import Origin  # noqa: PLC0415  # likewise

    generation = settings.semconv if settings.standard_metrics else None
    origin = Origin(settings.constant_labels, lambda: _resource(settings), generation)
    return Pushing(settings.push, origin, _pushed(settings, answering), _count)


def _pushed(settings: Settings, answering: Endpoint) -> Callable[[], list[Family]]:
    """Returns what is pushed: with the cells of durations, where standard metrics need them."""
    return partial(answering.families, cells=settings.standard_metrics)


def _spans_mode() -> str:
    """``host``, ``owned`` or ``none``."""
    return "none" if ACTIVE.spans is None else ACTIVE.spans.mode


def _where_spans_go(settings: Settings) -> str:
    if isinstance(settings.traces, str):
        nowhere = "none, as OTEL_SDK_DISABLED says" if settings.sdk_disabled else "none"
        return nowhere if ACTIVE.spans is None else "to the host's tracer provider"
    return "to " + ", ".join(str(each) for each in settings.traces.to)


def _joined(settings: Settings, registry: Registry) -> Member | None:
    """The process among those that share their counts; None where it is alone."""
    if settings.shared is None:
        return None
    from pathlib import Path  # noqa: PLC0415  # few share

    from agentmon.record.shared.member import Member  # noqa: PLC0415  # few share

    try:
        return Member(Path(settings.shared), registry, settings.max_series, _succeed)
    except OSError as error:
        registry.drop("not_shared", 1)
        logger.warning(
            "agentmon: counts are not shared: %s: %s; this process shows its own only",
            settings.shared,
            error,
        )
        return None


def _leave() -> None:
    """Share counts no more."""
    member, _runtime.member = _runtime.member, None
    if member is not None:
        member.close()


def _succeed() -> None:
    """Serve, if that is asked for and whoever did so before has ended."""
    with _runtime.lock:
        settings, answering = _runtime.settings, _runtime.endpoint
        if (
            settings is not None
            and answering is not None
            and settings.serve is not None
            and _runtime.server is None
        ):
            _runtime.server = _served(settings, answering, settings.serve, again=True)


def _answering(settings: Settings, registry: Registry, member: Member | None) -> Endpoint:
    """What answers requests about the registry, whoever serves it."""
    from agentmon.export.access import Gate  # noqa: PLC0415  # as long as nothing is recorded
    from agentmon.export.respond import Endpoint  # noqa: PLC0415  # likewise

    return Endpoint(
        registry if member is None else member.merged,
        service=settings.service,
        region=settings.region,
        spans=_spans_mode,
        # Those of whoever happens to answer would jump from one process to the next.
        process_metrics=settings.process_metrics and member is None,
        own=None if member is None else registry,
        gate=Gate(settings.access),
        native_histograms=settings.native_histograms,
        health=_health,
    )


def _served(
    settings: Settings, answering: Endpoint, address: str, *, again: bool = False
) -> Server | None:
    """A server of the endpoint; None where it may do without and the address cannot be had."""
    from agentmon.export.server import Server, parse_address  # noqa: PLC0415  # only to serve

    tls = None
    if settings.access is not None and settings.access.certificate is not None:
        from agentmon.export.tls import TLS  # noqa: PLC0415  # loads ssl

        tls = TLS(settings.access)
    try:
        return Server(answering, *parse_address(address), gate=answering.gate, tls=tls)
    except EndpointError as error:
        if settings.shared is not None:
            if not again:
                logger.info("agentmon: another process serves, or none can: %s", error)
            return None
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


def flush(timeout: float = _DRAIN_SECONDS) -> bool:
    """
    Export now what waits to be exported, for programs that are about to be frozen or killed.

    Metrics are pushed as well, if they are to be; `push` does that alone, and says what fails.

    Args:
        timeout: How long this may take, in seconds.

    Returns:
        Whether all of it went out, or was counted as lost, in time.

    Raises:
        ValueError: If *timeout* is not a number of 0 or more.
    """
    until = time.monotonic() + _seconds("timeout", timeout)
    with _runtime.lock:
        outlets = list(_runtime.outlets)
    done = [each.flush(seconds) for each, seconds in _shares(outlets, until)]
    return all(done)


def push(timeout: float = _DRAIN_SECONDS) -> None:
    """
    Push the metrics now, for programs that are about to be frozen, and for notebooks.

    When recording ends they are pushed anyway; see the argument ``push`` of `configure`. Nothing
    happens where the environment turns off agentmon, or the only way to push.

    Args:
        timeout: How long this may take, in seconds.

    Raises:
        ConfigError: If it is not configured where to.
        PushError: If it failed somewhere, with what went wrong there.
        ValueError: If *timeout* is not a number of 0 or more.
    """
    seconds = _seconds("timeout", timeout)
    with _runtime.lock:
        settings, pushing = _runtime.settings, _runtime.pushing
    if pushing is None:
        if settings is None or (settings.enabled and not settings.sdk_disabled):
            raise ConfigError("push: got nowhere to push to, allowed after configure(push=...)")
        return
    if wrong := pushing.push(seconds):
        raise PushError("; ".join(wrong))


def shutdown(timeout: float = _DRAIN_SECONDS) -> None:
    """
    Stop recording, exporting and serving.

    Calls in flight end unrecorded; more calls pass straight through. This happens by itself when
    the interpreter exits. Doing so again changes nothing.

    Args:
        timeout: How long this may take because of what waits to be exported, in seconds. What is
            left then is dropped.

    Raises:
        ValueError: If *timeout* is not a number of 0 or more.
    """
    until = time.monotonic() + _seconds("timeout", timeout)
    with _runtime.lock:
        ACTIVE.turn_off()
        if _runtime.settings is not None and not isinstance(_runtime.settings.traces, str):
            from agentmon.tracing.tracer import PROVIDER  # noqa: PLC0415  # loaded where it is used

            PROVIDER.pipeline = None
        server, _runtime.server = _runtime.server, None
        outlets, _runtime.outlets = _runtime.outlets, []
        _runtime.pushing = _runtime.sampler = _runtime.meters = None
        _runtime.endpoint = None
        _runtime.settings = None
        checker, _runtime.checker = _runtime.checker, None
    if checker is not None:
        checker.close()
    for each, seconds in _shares(outlets, until):
        each.close(seconds)
    if server is not None:
        server.close()
    _leave()
    with _runtime.lock:
        if _runtime.settings is None:  # else it was configured anew meanwhile
            _runtime.registry = None


def watch_loop(loop: asyncio.AbstractEventLoop | None = None, name: str = "main") -> LoopWatch:
    """
    Look at how late an event loop is, ten times a second, from now on.

    It may be called before `configure`; while recording is off nothing is recorded.

    Args:
        loop: The event loop; by default the one that is running here.
        name: Its name, for the label of ``agentmon_event_loop_lag_seconds``.

    Returns:
        What `LoopWatch.stop` ends it with; it ends with the loop anyway.

    Raises:
        DeclarationError: If the name cannot be used, or no loop is given and none runs here.
    """
    import asyncio  # noqa: PLC0415  # who has a loop has loaded it

    from agentmon.model.declared import check_text  # noqa: PLC0415
    from agentmon.observe.loops import LoopWatch  # noqa: PLC0415

    check_text("watch_loop", "name", name or None)
    if loop is None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise DeclarationError(
                "watch_loop: loop: got none and none is running here, allowed an event loop"
            ) from None
    return LoopWatch(loop, name, lambda: ACTIVE.registry)


def certificate(name: str, path: str | os.PathLike[str], /) -> None:
    """
    Watch when a certificate ends; its file is read anew when it has changed.

    Args:
        name: Name of the certificate.
        path: Its file, in PEM; of several certificates, the one that ends first counts.

    Raises:
        DeclarationError: If the name cannot be used, or the file holds no certificate.
    """
    from agentmon.observe.certificates import Certificates  # noqa: PLC0415  # few watch any

    with ACTIVE.lock:
        watched = _runtime.certificates
        if watched is not None:
            watched.watch(name, path)
            return
        watched = Certificates()
        watched.watch(name, path)
        _runtime.certificates = watched

        def follow(registry: Registry) -> None:
            registry.looks.append(lambda: watched.look(registry))

        ACTIVE.followers.append(follow)
        if ACTIVE.registry is not None:
            follow(ACTIVE.registry)


def _shares(outlets: list[Outlet], until: float) -> Iterator[tuple[Outlet, float]]:
    """Each with its share of the time that is left, so that one that hangs leaves some."""
    for n, each in enumerate(outlets):
        yield each, max(0.0, until - time.monotonic()) / (len(outlets) - n)


def _seconds(what: str, value: float) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and 0 <= value < float("inf"):
        return value
    raise ValueError(f"{what}: got {value!r}, allowed a number of seconds of 0 or more")


def health_check(
    name: str,
    /,
    *,
    component: str | None = None,
    category: str = "dependency",
    interval: float = 30.0,
    timeout: float = 5.0,
    failures: int = 3,
    successes: int = 2,
    needed: bool = True,
) -> Callable[[F], F]:
    """
    Ask a function now and then whether something works, from `configure` to `shutdown`.

    It passes unless it returns False, raises, or takes too long. Each run has a thread of its own,
    a coroutine there an event loop of its own; one that hangs is not begun again before it has
    ended. ``/readyz`` and ``/healthz`` of the endpoint say how the checks stand.

    Args:
        name: Name of the check.
        component: The component that is down while the check fails; by default of the same name.
        category: Category, such as ``readiness``, ``dependency`` or ``data``. Where it is
            ``liveness``, ``/healthz`` fails with the check.
        interval: Seconds from the begin of one run to that of the next.
        timeout: Seconds; a run that takes longer has failed.
        failures: Runs in a row that must fail until the check does.
        successes: Runs in a row that must pass until a check that fails passes again.
        needed: Whether ``/readyz`` fails with the check.

    Returns:
        A decorator that leaves the function as it is.

    Raises:
        DeclarationError: If an argument cannot be used, or there are too many checks.
    """
    from agentmon.observe.health import Check, declare  # noqa: PLC0415  # few have checks

    def decorate(run: F) -> F:
        of_component = name if component is None else component
        thresholds = (interval, timeout, failures, successes)
        declare(Check(name, of_component, category, *thresholds, needed, run))
        with _runtime.lock:
            _runtime.checked = True
            if _runtime.registry is not None and _runtime.settings is not None:
                _run_checks()
        return run

    return decorate


def remove_health_check(name: str) -> None:
    """
    Ask a health check no more, because what it checks is meant to be gone.

    Its component is neither up nor down then, unless somebody else watches it.

    Args:
        name: Name of the check; nothing happens where there is none of this name.
    """
    if not _runtime.checked:
        return
    from agentmon.observe.health import CHECKS  # noqa: PLC0415  # few have checks

    check = CHECKS.pop(name, None)
    checker = _runtime.checker
    if check is not None and checker is not None:
        checker.forget(check)


def _run_checks() -> None:
    """Begin to run the checks that are declared."""
    from agentmon.observe.health import Checker  # noqa: PLC0415  # few have checks

    if _runtime.checker is None:
        _runtime.checker = Checker(
            lambda: ACTIVE.registry,
            lambda: None if ACTIVE.aftermath is None else ACTIVE.aftermath.components,
        )
    _runtime.checker.start()


def _health() -> Health:
    """How the checks stand."""
    from agentmon.model.health import Health  # noqa: PLC0415  # only where it is asked for

    checker = _runtime.checker
    return Health() if checker is None else checker.health()


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
    if _runtime.member is not None and registry is _runtime.registry:
        registry = _runtime.member.merged
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
    for each in _runtime.outlets:
        each.abandon()
    registry, settings = _runtime.registry, _runtime.settings
    if registry is None or settings is None:
        return
    from agentmon.tracing.ids import reseed  # noqa: PLC0415

    reseed()
    registry.abandon_lock()
    ACTIVE.abandon_lock()
    fresh = type(registry)(settings.layout, registry.clock, settings.max_series)
    _runtime.registry = fresh
    if _runtime.sampler is not None:
        _runtime.sampler.start()
    if _runtime.meters is not None:
        _runtime.meters.start()
    if _runtime.member is not None:
        _runtime.member.abandon()
        _runtime.member = _joined(settings, fresh)
    _runtime.endpoint = _answering(settings, fresh, _runtime.member)
    if _runtime.pushing is not None:
        _runtime.pushing.families = _pushed(settings, _runtime.endpoint)
    failures, events = ACTIVE.failures, ACTIVE.events
    if failures is not None:
        failures.abandon()
    ACTIVE.metering = _metering(settings, fresh)
    ACTIVE.turn_on(
        fresh,
        ACTIVE.classifier,
        ACTIVE.spans,
        ACTIVE.watch,
        failures=failures,
        events=events,
        spending=_spending(settings, fresh),
    )
    if _runtime.member is not None:
        _runtime.member.start()
    if _runtime.checker is not None:
        _runtime.checker.abandon()
