"""
The endpoint as a function from request to response; thread server, WSGI and ASGI share it.

It serves ``/`` (the status page), ``/metrics``, ``/api/status``, ``/hdr``, ``/healthz``,
``/readyz`` and ``/-/healthy``.
"""

from __future__ import annotations

import gzip
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING, Literal, Protocol
from urllib.parse import parse_qs

from agentmon._version import __version__
from agentmon.export.status import Facts, status_json
from agentmon.export.text import Renderer
from agentmon.model import catalogue
from agentmon.model.health import Health
from agentmon.model.metric import Kind, Metric
from agentmon.model.snapshot import Family, Sample
from agentmon.record.clock import epoch_offset_ns

if TYPE_CHECKING:
    from agentmon.export.access import Gate
    from agentmon.export.collector import ProcessMetrics
    from agentmon.export.native import NativeRenderer
    from agentmon.record.registry import Registry

__all__ = [
    "HEALTHY",
    "METRICS",
    "OPEN",
    "OPENMETRICS",
    "PROMETHEUS",
    "PROTOBUF",
    "STATUS",
    "Endpoint",
    "Mount",
    "Response",
    "Root",
    "error_response",
]

logger = logging.getLogger("agentmon")

METRICS = "/metrics"
STATUS = "/api/status"
HEALTHY = "/-/healthy"
#: What probes ask for: whoever asks for life gets no more, and need not be known.
OPEN = frozenset({HEALTHY, "/healthz", "/readyz"})
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version={}; charset=utf-8"
PROTOBUF = (
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
)

_PROTOBUF_KIND = "application/vnd.google.protobuf"
_PROTOBUF_PARAMETERS = {"proto": "io.prometheus.client.metricfamily", "encoding": "delimited"}
_TEXT = "text/plain; charset=utf-8"
_GZIP_BYTES = 1024  # less is not worth compressing
_FIXED = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    (
        "Content-Security-Policy",
        (
            "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
            "connect-src 'self'; img-src data:"
        ),
    ),
)
_REASONS = {
    400: "The request is malformed.",
    401: "A user and password, or a token, are needed here, and these will not do.",
    403: "The endpoint goes by another name; `hosts` of agentmon.Access can give it this one.",
    404: "There is nothing here.",
    405: "Only GET and HEAD are answered here.",
    408: "The request took too long.",
    414: "The address asked for is too long.",
    431: "The header of the request is too long.",
    500: "The answer could not be made; the log of the process says why.",
    503: "There are too many requests at once; try again.",
    505: "Only HTTP/1.0 and HTTP/1.1 are spoken here.",
}
_SUFFIXES = {
    Kind.COUNTER: ("",),
    Kind.GAUGE: ("",),
    Kind.INFO: ("",),
    Kind.HISTOGRAM: ("", "_bucket", "_count", "_sum"),
}


@dataclass(frozen=True, slots=True)
class Response:
    """
    What to answer.

    Args:
        status: HTTP status.
        headers: Names and values; ``Content-Length`` is among them.
        body: Empty for HEAD.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Responder(Protocol):
    """What answers requests."""

    def respond(self, method: str, path: str, query: str, headers: Mapping[str, str]) -> Response:
        """Answer one request; see `Endpoint.respond`."""


class Endpoint:
    """
    Answers requests about one registry.

    Guarantees:
        - `respond` never raises: what goes wrong is counted, logged once, and answered with a
          text that says nothing of it.
        - No answer but the page, the metrics and the status holds anything that users chose, and
          none of them anything but names.

    Args:
        registry: Where calls are recorded.
        service: Name of the service, or empty; a label of every sample.
        region: Where it runs, or empty; a label of every sample.
        spans: Says what spans are made now: ``host`` or ``none``.
        process_metrics: Whether ``process_*`` and ``python_*`` metrics are shown as well.
        gate: Decides who is answered; by default everybody is.
        native_histograms: Whether clients that ask for protobuf get it, with native histograms.
        health: Says how the health checks stand.
        own: What this process records, where *registry* is that of several: the scrapes and
            refusals of each of them are counted together.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        service: str = "",
        region: str = "",
        spans: Callable[[], str] = lambda: "none",
        process_metrics: bool = True,
        gate: Gate | None = None,
        native_histograms: bool = False,
        health: Callable[[], Health] = Health,
        own: Registry | None = None,
    ) -> None:
        self._registry = registry
        self._own = own
        self._health = health
        self._native = native_histograms
        self.gate = gate
        self._service = service
        self._region = region
        self._spans = spans
        named = {"service": service, "region": region}
        self.constant = {name: value for name, value in named.items() if value}
        self._renderer = Renderer(self.constant)
        self._messages: NativeRenderer | None = None
        self._process_metrics = process_metrics
        self._process: ProcessMetrics | None = None
        self._lock = Lock()
        self._scrapes = 0
        self._last_scrape_ns: int | None = None
        self._scrape_ns: int | None = None
        self._failed = False
        self._routes: dict[str, Callable[[str, Mapping[str, str]], Response]] = {
            "/": self._page,
            METRICS: self._metrics,
            STATUS: self._status,
            "/hdr": self._hdr,
            "/healthz": self._alive,
            "/readyz": self._ready,
            HEALTHY: self._healthy,
        }

    def respond(self, method: str, path: str, query: str, headers: Mapping[str, str]) -> Response:
        """
        Answer one request.

        Args:
            method: HTTP method, in capitals.
            path: Path, decoded, below wherever the endpoint is mounted.
            query: What follows the question mark.
            headers: Header fields by name in small letters; ``accept``, ``accept-encoding`` and
                ``authorization`` are looked at.
        """
        path = path.rstrip("/") or "/"
        route = self._routes.get(path)
        gate = self.gate
        if gate and path not in OPEN and not gate.admits(headers.get("authorization", "")):
            response = error_response(401, more=gate.challenges())
        elif route is None:
            paths = "\n".join(self._routes)
            response = error_response(404, f"There is nothing here. What there is:\n{paths}")
        elif method not in ("GET", "HEAD"):
            response = error_response(405, more=(("Allow", "GET, HEAD"),))
        else:
            try:
                response = _compressed(route(query, headers), headers.get("accept-encoding", ""))
            except Exception:
                if self._note_failure():
                    logger.exception("agentmon: an answer of the endpoint failed; said once")
                response = error_response(500)
        return replace(response, body=b"") if method == "HEAD" else response

    def _note_failure(self) -> bool:
        """Count a failure; says whether it is the first."""
        self._registry.drop("scrape_error", 1)
        with self._lock:
            first, self._failed = not self._failed, True
        return first

    # ------------------------------------------------------------------ routes

    def _metrics(self, query: str, headers: Mapping[str, str]) -> Response:
        begun_ns = self._registry.clock()
        names = frozenset(parse_qs(query).get("name[]", ()))
        kind = _form(headers.get("accept", ""), native=self._native)
        families = [
            family
            for family in self.families(cells=kind == PROTOBUF)
            if not names or not names.isdisjoint(_names(family.metric))
        ]
        process = self._process_part()
        if kind == PROTOBUF:
            if self._messages is None:
                from agentmon.export.native import NativeRenderer  # noqa: PLC0415  # few ask for it

                self._messages = NativeRenderer(self.constant)
            body = self._messages.render(families)
            body += b"" if process is None else process.protobuf(names)
        elif kind == PROMETHEUS:
            body = self._renderer.prometheus(families)
            body += b"" if process is None else process.prometheus(names)
        else:
            body = self._renderer.openmetrics(families)
            if process is not None:
                body = body.removesuffix(b"# EOF\n") + process.openmetrics(names)
        ended_ns = self._registry.clock()
        with self._lock:
            self._scrapes += 1
            self._last_scrape_ns = ended_ns
            self._scrape_ns = ended_ns - begun_ns
        if self._own is not None:
            self._own.signals.add(catalogue.SCRAPES)
        return _response(200, kind, body, (("Vary", "Accept, Accept-Encoding"),))

    def families(self, *, cells: bool = False) -> list[Family]:
        """
        Every metric of agentmon with its samples, those of the endpoint itself included.

        Args:
            cells: Whether durations come with the counts of all cells.
        """
        with self._lock:
            scrapes, scrape_ns = self._scrapes, self._scrape_ns
        own, refused = self._own, {} if self.gate is None else self.gate.refused()
        if own is not None:
            own.signals.add(catalogue.SCRAPES, (), 0)
            for reason, n in refused.items():
                own.signals.set(catalogue.ENDPOINT_REFUSED, (reason,), n)
        families = self._registry.collect(cells=cells)
        if own is None:
            families.append(Family(catalogue.SCRAPES, [((), scrapes)]))
        if scrape_ns is not None:
            families.append(Family(catalogue.SCRAPE_DURATION, [((), scrape_ns / 1e9)]))
        if self.gate is not None:
            if own is None:
                counts: list[Sample] = [((reason,), n) for reason, n in refused.items()]
                families.append(Family(catalogue.ENDPOINT_REFUSED, counts))
            if (expiry := self.gate.expiry) is not None:
                families.append(Family(catalogue.CERTIFICATE_EXPIRY, [((), expiry)]))
        families.append(Family(catalogue.BUILD_INFO, [((__version__,), 1)]))
        return families

    def _process_part(self) -> ProcessMetrics | None:
        """Made when first asked for, so that nobody loads the package for nothing."""
        if self._process_metrics and self._process is None:
            from agentmon.export.collector import ProcessMetrics  # noqa: PLC0415

            self._process = ProcessMetrics(self.constant)
        return self._process

    def _status(self, _query: str, _headers: Mapping[str, str]) -> Response:
        registry = self._registry
        with self._lock:
            scrapes, last_ns, took_ns = self._scrapes, self._last_scrape_ns, self._scrape_ns
        facts = Facts(
            begun_ns=registry.begun_ns,
            epoch_offset_ns=epoch_offset_ns(registry.clock),
            service=self._service,
            region=self._region,
            spans=self._spans(),
            scrapes=scrapes,
            last_scrape_ns=last_ns,
            scrape_ns=took_ns,
        )
        body = status_json(registry.snapshot(), facts)
        return _response(200, "application/json", body, (("Vary", "Accept-Encoding"),))

    def _hdr(self, _query: str, _headers: Mapping[str, str]) -> Response:
        from agentmon.export.hdrlog import interval_log  # noqa: PLC0415

        registry = self._registry
        offset_ns = epoch_offset_ns(registry.clock)
        body = interval_log(
            registry.layout,
            registry.histograms(),
            (registry.begun_ns + offset_ns) / 1e9,
            (registry.clock() + offset_ns) / 1e9,
        )
        return _response(200, _TEXT, body, (("Vary", "Accept-Encoding"),))

    def _page(self, _query: str, _headers: Mapping[str, str]) -> Response:
        from agentmon.export.page import page  # noqa: PLC0415

        return _response(200, "text/html; charset=utf-8", page(), (("Vary", "Accept-Encoding"),))

    def _alive(self, _query: str, headers: Mapping[str, str]) -> Response:
        failing = self._health().failing(liveness=True)
        return self._stands("failing" if failing else "alive", headers, failing=failing)

    def _ready(self, _query: str, headers: Mapping[str, str]) -> Response:
        health = self._health()
        failing, pending = health.failing(liveness=False), health.pending()
        said = "failing" if failing else "pending" if pending else "ready"
        return self._stands(said, headers, failing=failing, pending=pending)

    def _stands(self, said: str, headers: Mapping[str, str], **names: list[str]) -> Response:
        """How it stands, with the names of checks for those who are known."""
        gate = self.gate
        known = gate is None or not gate.challenges()
        if gate is not None and not known and "authorization" in headers:
            known = gate.admits(headers["authorization"])
        body = {"status": said, **(names if known else {})}
        status = 200 if said in ("alive", "ready") else 503
        return _response(status, "application/json", json.dumps(body).encode() + b"\n")

    def _healthy(self, _query: str, _headers: Mapping[str, str]) -> Response:
        return _response(200, _TEXT, b"healthy\n")


#: What ``/`` answers where a web application of the host mounts the endpoint.
Root = Literal["metrics", "page"]


class Mount:
    """
    The endpoint within a web application of the host.

    Args:
        source: Called at each request; returns the endpoint of the process, or None while
            nothing is configured.
        root: What the path where it is mounted answers: ``metrics`` or ``page``. All other paths
            are there below it either way.

    Raises:
        ValueError: If *root* is neither.
    """

    def __init__(self, source: Callable[[], Responder | None], root: Root = "metrics") -> None:
        if root not in ("metrics", "page"):
            raise ValueError(f"root: got {root!r}, allowed metrics, page")
        self._source = source
        self._root = METRICS if root == "metrics" else "/"

    def respond(self, method: str, path: str, query: str, headers: Mapping[str, str]) -> Response:
        """Answer one request; see `Endpoint.respond`."""
        endpoint = self._source()
        if endpoint is None:
            response = error_response(503, "agentmon is not configured in this process.")
            return replace(response, body=b"") if method == "HEAD" else response
        return endpoint.respond(method, self._root if path in ("", "/") else path, query, headers)


def error_response(status: int, text: str = "", more: tuple[tuple[str, str], ...] = ()) -> Response:
    """
    An answer that says that there is none.

    Args:
        status: HTTP status.
        text: What to say; by default what the status means.
        more: Further headers.
    """
    return _response(status, _TEXT, f"{text or _REASONS[status]}\n".encode(), more)


def _response(
    status: int, kind: str, body: bytes, more: tuple[tuple[str, str], ...] = ()
) -> Response:
    length = ("Content-Length", str(len(body)))
    return Response(status, (("Content-Type", kind), length, *more, *_FIXED), body)


def _names(metric: Metric) -> Iterable[str]:
    """What one may call a family: by its own name, and by those of its sample lines."""
    return metric.family, *(f"{metric.sample}{suffix}" for suffix in _SUFFIXES[metric.kind])


# ---------------------------------------------------------------------- negotiation


def _compressed(response: Response, accepted: str) -> Response:
    if len(response.body) < _GZIP_BYTES or not _accepts_gzip(accepted):
        return response
    body = gzip.compress(response.body, compresslevel=1, mtime=0)
    headers = [
        (name, str(len(body)) if name == "Content-Length" else value)
        for name, value in response.headers
    ]
    return Response(response.status, (*headers, ("Content-Encoding", "gzip")), body)


def _accepts_gzip(accepted: str) -> bool:
    codings = {coding: quality for coding, _, quality in _preferences(accepted)}
    return codings.get("gzip", codings.get("*", 0.0)) > 0


def _form(accepted: str, *, native: bool) -> str:
    """The content type that the client likes best; that of 0.0.4 if it says nothing."""
    best: tuple[float, bool] = (0.0, False)
    form = PROMETHEUS
    for kind, parameters, quality in _preferences(accepted):
        if kind == "application/openmetrics-text":
            version = parameters.get("version", "1.0.0")
            if version not in ("1.0.0", "0.0.1"):
                continue
            offered = OPENMETRICS.format(version)
        elif kind == _PROTOBUF_KIND:
            wanted = _PROTOBUF_PARAMETERS.items() <= parameters.items()
            if not native or not wanted:
                continue
            offered = PROTOBUF
        elif kind in ("text/plain", "text/*", "*/*"):
            offered = PROMETHEUS
        else:
            continue
        rank = (quality, "*" not in kind)
        if rank > best and quality > 0:
            best, form = rank, offered
    return form


def _preferences(header: str) -> Iterable[tuple[str, dict[str, str], float]]:
    """What a header of the Accept family lists: value, parameters and quality of each."""
    for item in header.split(","):
        value, *rest = (part.strip().lower() for part in item.split(";"))
        parameters = {
            name.strip(): text.strip().strip('"')
            for name, sign, text in (part.partition("=") for part in rest)
            if sign
        }
        try:
            quality = float(parameters.pop("q", "1"))
        except ValueError:
            quality = 0.0
        yield value, parameters, quality if 0.0 <= quality <= 1.0 else 0.0
