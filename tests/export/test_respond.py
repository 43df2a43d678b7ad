"""The endpoint, asked directly."""

from __future__ import annotations

import gzip
import json
import logging
import subprocess
import sys

import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_prometheus

from agentmon._version import __version__
from agentmon.export.respond import (
    OPENMETRICS,
    PROMETHEUS,
    PROTOBUF,
    Endpoint,
    Mount,
    Response,
)
from agentmon.model import catalogue
from agentmon.model.buckets import Layout
from agentmon.record.registry import Registry
from agentmon.testing import ManualClock
from tests.export.recording import TRIAGE, filled, get, record

OPENMETRICS_1 = OPENMETRICS.format("1.0.0")
PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,"
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
    "encoding=delimited;q=0.7,*/*;q=0.1"
)
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.fixture
def endpoint() -> Endpoint:
    """An endpoint with calls to show, without process metrics."""
    return Endpoint(filled(), service="demo", region="local", process_metrics=False)


def header(response: Response, name: str) -> str | None:
    """The value of a header of the answer; it must not be there twice."""
    found = [value for key, value in response.headers if key == name]
    assert len(found) <= 1, found
    return found[0] if found else None


class Broken(Registry):
    """A registry that cannot be read."""

    def collect(self, *, cells: bool = False) -> list[catalogue.Metric]:  # type: ignore[override]
        """Fail, with a secret in the message."""
        raise RuntimeError("secret")


# ------------------------------------------------------------------ routes


@pytest.mark.parametrize(
    ("path", "kind", "words"),
    [
        ("/metrics", PROMETHEUS, b"agentmon_agent_calls_total{"),
        ("/api/status", "application/json", b'"name":"triage"'),
        ("/hdr", "text/plain; charset=utf-8", b"Tag=agent:triage/invoke/ok,"),
        ("/-/healthy", "text/plain; charset=utf-8", b"healthy"),
        ("/", "text/html; charset=utf-8", b"<!doctype html>"),
    ],
)
def test_every_path_answers(endpoint: Endpoint, path: str, kind: str, words: bytes) -> None:
    """Each path gives what it is for, under its type and with its length."""
    response = get(endpoint, path)
    assert response.status == 200
    assert header(response, "Content-Type") == kind
    assert header(response, "Content-Length") == str(len(response.body))
    assert words.lower() in response.body.lower()


def test_a_slash_at_the_end_changes_nothing(endpoint: Endpoint) -> None:
    """A path with a slash at its end is the same path."""
    assert get(endpoint, "/metrics/").status == 200


def test_an_unknown_path_lists_what_there_is(endpoint: Endpoint) -> None:
    """The answer to an unknown path names the paths, and does not repeat what was asked for."""
    response = get(endpoint, "/<script>", "x=<script>")
    assert response.status == 404
    assert b"/metrics\n/api/status\n/hdr" in response.body
    assert b"script" not in response.body
    assert header(response, "Content-Type") == "text/plain; charset=utf-8"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "get", "<x>"])
def test_other_methods_are_not_allowed(endpoint: Endpoint, method: str) -> None:
    """Anything but GET and HEAD is answered with what is allowed."""
    response = get(endpoint, "/metrics", method=method)
    assert response.status == 405
    assert header(response, "Allow") == "GET, HEAD"
    assert b"<x>" not in response.body


@pytest.mark.parametrize("path", ["/metrics", "/api/status", "/nothing"])
def test_head_has_the_headers_of_get_and_no_body(endpoint: Endpoint, path: str) -> None:
    """HEAD answers as GET does, with the length that the body would have, and without it."""
    response = get(endpoint, path, method="HEAD")
    assert response.body == b""
    assert response.status == get(endpoint, path).status
    assert int(header(response, "Content-Length") or 0) > 50


@pytest.mark.parametrize("path", ["/", "/metrics", "/api/status", "/hdr", "/nothing"])
def test_every_answer_is_guarded(endpoint: Endpoint, path: str) -> None:
    """Nothing may be kept, guessed at, or loaded from elsewhere."""
    response = get(endpoint, path)
    assert header(response, "Cache-Control") == "no-store"
    assert header(response, "X-Content-Type-Options") == "nosniff"
    assert header(response, "Referrer-Policy") == "no-referrer"
    assert header(response, "Content-Security-Policy") == (
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
        "connect-src 'self'; img-src data:"
    )


# ------------------------------------------------------------------ negotiation


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", PROMETHEUS),
        ("*/*", PROMETHEUS),
        (BROWSER, PROMETHEUS),
        ("application/json", PROMETHEUS),
        ("text/plain", PROMETHEUS),
        (PROMETHEUS_2, OPENMETRICS_1),
        (PROMETHEUS_3, OPENMETRICS_1),
        ("application/openmetrics-text", OPENMETRICS_1),
        ("APPLICATION/OPENMETRICS-TEXT ; VERSION = 1.0.0", OPENMETRICS_1),
        ('application/openmetrics-text; version="1.0.0"', OPENMETRICS_1),
        ("application/openmetrics-text; version=0.0.1", OPENMETRICS.format("0.0.1")),
        ("application/openmetrics-text; version=2.0.0", PROMETHEUS),
        ("application/openmetrics-text; version=2.0.0, */*;q=0.1", PROMETHEUS),
        ("application/openmetrics-text; q=0", PROMETHEUS),
        ("application/openmetrics-text; q=0.3, text/plain; q=0.7", PROMETHEUS),
        ("text/plain; q=0.3, application/openmetrics-text; q=0.7", OPENMETRICS_1),
        ("*/*, application/openmetrics-text", OPENMETRICS_1),
        ("text/*, application/openmetrics-text;q=0.9", PROMETHEUS),
        ("application/openmetrics-text, text/plain", OPENMETRICS_1),
        ("text/plain, application/openmetrics-text", PROMETHEUS),
        ("application/openmetrics-text; q=nonsense, text/plain;q=0.1", PROMETHEUS),
        ("application/openmetrics-text; q=nan, text/plain;q=0.1", PROMETHEUS),
        ("application/openmetrics-text; q=7, text/plain;q=0.1", PROMETHEUS),
        (",;=,;;q=,", PROMETHEUS),
    ],
)
def test_the_format_is_what_the_client_likes_best(
    endpoint: Endpoint, accept: str, kind: str
) -> None:
    """OpenMetrics is for those who prefer it by quality, then by naming it, then by order."""
    response = get(endpoint, "/metrics", headers={"accept": accept})
    assert header(response, "Content-Type") == kind
    assert header(response, "Vary") == "Accept, Accept-Encoding"
    assert response.body.endswith(b"# EOF\n") == ("openmetrics" in kind)


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        (PROMETHEUS_3, PROTOBUF),
        (PROMETHEUS_3.replace("q=0.7", "q=0.5"), OPENMETRICS_1),
        (PROMETHEUS_2, OPENMETRICS_1),
        ("application/vnd.google.protobuf;proto=other.Message;encoding=delimited", PROMETHEUS),
        ("application/vnd.google.protobuf", PROMETHEUS),
        ("", PROMETHEUS),
    ],
)
def test_protobuf_is_there_for_those_who_like_it_best(accepted: str, expected: str) -> None:
    """With native histograms on, who likes the right protobuf best gets it, and others do not."""
    endpoint = Endpoint(filled(), native_histograms=True)
    response = get(endpoint, "/metrics", headers={"accept": accepted})
    assert header(response, "Content-Type") == expected


@pytest.mark.parametrize("accepted", ["gzip", "deflate, GZIP;q=0.5", "*", "br;q=1.0, *;q=0.1"])
def test_a_long_answer_is_compressed_for_those_who_accept_it(
    endpoint: Endpoint, accepted: str
) -> None:
    """A compressed answer says so, has its own length, and holds the same."""
    response = get(endpoint, "/metrics", headers={"accept-encoding": accepted})
    assert header(response, "Content-Encoding") == "gzip"
    assert header(response, "Content-Length") == str(len(response.body))
    assert b"agentmon_agent_calls_total{" in gzip.decompress(response.body)


@pytest.mark.parametrize("accepted", ["", "identity", "gzip;q=0", "gzip;q=0, *", "gzip;q=x", "br"])
def test_others_get_it_plain(endpoint: Endpoint, accepted: str) -> None:
    """Without acceptance of gzip nothing is compressed."""
    response = get(endpoint, "/metrics", headers={"accept-encoding": accepted})
    assert header(response, "Content-Encoding") is None
    assert response.body.startswith(b"# HELP")


def test_a_short_answer_is_not_compressed(endpoint: Endpoint) -> None:
    """Compressing a few bytes would make more of them."""
    response = get(endpoint, "/-/healthy", headers={"accept-encoding": "gzip"})
    assert header(response, "Content-Encoding") is None


# ------------------------------------------------------------------ metrics


def test_both_formats_can_be_parsed(endpoint: Endpoint) -> None:
    """The parsers of prometheus_client read the whole of either format."""
    for accept, parse in (("", parse_prometheus), (PROMETHEUS_3, parse_openmetrics)):
        body = get(endpoint, "/metrics", headers={"accept": accept}).body.decode()
        samples = [sample for family in parse(body) for sample in family.samples]
        calls = {
            sample.labels["outcome"]: sample.value
            for sample in samples
            if sample.name == "agentmon_agent_calls_total"
        }
        assert calls == {"ok": 6, "error": 1, "timeout": 0, "cancelled": 0, "interrupted": 0}
        assert {sample.labels["service"] for sample in samples} == {"demo"}
        assert {sample.labels["region"] for sample in samples} == {"local"}


def test_the_endpoint_tells_on_itself() -> None:
    """Scrapes are counted, the time of the previous one is shown, and so is the version."""
    clock = ManualClock()

    class Slow(Registry):
        def collect(self, *, cells: bool = False) -> list:  # type: ignore[type-arg]
            clock.advance(0.25)
            return super().collect(cells=cells)

    endpoint = Endpoint(Slow(Layout(), clock), process_metrics=False)
    first = get(endpoint, "/metrics").body.decode()
    assert "\nagentmon_scrapes_total 0\n" in first
    assert "agentmon_scrape_duration_seconds" not in first
    assert f'\nagentmon_build_info{{version="{__version__}"}} 1\n' in first
    second = get(endpoint, "/metrics").body.decode()
    assert "\nagentmon_scrapes_total 1\n" in second
    assert "\nagentmon_scrape_duration_seconds 0.25\n" in second
    seen = json.loads(get(endpoint, "/api/status").body)["self"]
    assert (seen["scrapes"], seen["scrape_seconds"]) == (2, 0.25)
    assert seen["last_scrape"] is not None


def test_the_status_says_who_it_is() -> None:
    """Service, region and the present kind of spans reach the status."""
    endpoint = Endpoint(filled(), service="demo", region="local", spans=lambda: "host")
    seen = json.loads(get(endpoint, "/api/status").body)
    assert (seen["service"], seen["region"], seen["spans"]) == ("demo", "local", "host")


@pytest.mark.parametrize(
    ("query", "families"),
    [
        ("name[]=agentmon_agent_calls_total", {"agentmon_agent_calls"}),
        ("name[]=agentmon_agent_calls", {"agentmon_agent_calls"}),
        ("name%5B%5D=agentmon_series", {"agentmon_series"}),
        (
            "name[]=agentmon_agent_info&name[]=agentmon_series",
            {"agentmon_agent", "agentmon_series"},
        ),
        ("name[]=agentmon_agent_duration_seconds_bucket", {"agentmon_agent_duration_seconds"}),
        ("name[]=agentmon_agent_duration_seconds_sum", {"agentmon_agent_duration_seconds"}),
        ("name[]=agentmon_scrapes_total", {"agentmon_scrapes"}),
        ("name[]=process_start_time_seconds", {"process_start_time_seconds"}),
        ("name[]=nothing", set()),
    ],
)
def test_families_can_be_chosen_by_name(query: str, families: set[str]) -> None:
    """A name chooses the family that it belongs to, whole, in both formats."""
    endpoint = Endpoint(filled())
    for accept, parse in (("", parse_prometheus), (PROMETHEUS_3, parse_openmetrics)):
        body = get(endpoint, "/metrics", query, {"accept": accept}).body.decode()
        assert {family.name.removesuffix("_info") for family in parse(body)} == families


def test_a_query_without_a_name_shows_everything(endpoint: Endpoint) -> None:
    """Other parameters, and empty names, choose nothing out."""
    assert b"agentmon_series" in get(endpoint, "/metrics", "x=1&name[]=").body


def test_process_metrics_carry_the_constant_labels() -> None:
    """The metrics of prometheus_client's own collectors are there, labelled like all others."""
    endpoint = Endpoint(filled(), service="demo")
    for accept, parse in (("", parse_prometheus), (PROMETHEUS_3, parse_openmetrics)):
        body = get(endpoint, "/metrics", headers={"accept": accept}).body.decode()
        assert body.count("# EOF") == (parse is parse_openmetrics)
        samples = {s.name: s for family in parse(body) for s in family.samples}
        assert samples["process_cpu_seconds_total"].labels == {"service": "demo"}
        assert samples["python_info"].labels["service"] == "demo"
        assert "agentmon_series" in samples


def test_without_process_metrics_prometheus_client_is_not_loaded() -> None:
    """Serving the metrics and the status needs nothing but agentmon itself."""
    code = (
        "import sys\n"
        "from agentmon.export.server import Server\n"
        "from tests.export.recording import filled, get\n"
        "from agentmon.export.respond import Endpoint\n"
        "endpoint = Endpoint(filled(), process_metrics=False)\n"
        "Server(endpoint).close()\n"
        "assert get(endpoint, '/metrics').status == get(endpoint, '/api/status').status == 200\n"
        "heavy = {'prometheus_client', 'hdrh', 'asyncio', 'http.server'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# ------------------------------------------------------------------ failing


def test_a_failure_is_counted_logged_once_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    """What goes wrong inside is answered with 500 and nothing of it, and everything else works."""
    registry = Broken(Layout(), ManualClock())
    endpoint = Endpoint(registry, process_metrics=False)
    with caplog.at_level(logging.ERROR, "agentmon"):
        for _ in range(3):
            response = get(endpoint, "/metrics")
            assert response.status == 500
            assert b"secret" not in response.body
    assert registry.snapshot().dropped["scrape_error"] == 3
    assert len(caplog.records) == 1
    assert caplog.records[0].exc_info is not None
    assert get(endpoint, "/api/status").status == 200


def test_spans_that_cannot_be_told_fail_the_status_only() -> None:
    """A failure of what the host gave does not reach whoever asks."""

    def spans() -> str:
        raise RuntimeError("secret")

    endpoint = Endpoint(filled(), spans=spans, process_metrics=False)
    assert get(endpoint, "/api/status").status == 500
    assert get(endpoint, "/metrics").status == 200


# ------------------------------------------------------------------ mounted


@pytest.mark.parametrize(
    ("root", "path", "words"),
    [
        ("metrics", "", b"# help"),
        ("metrics", "/", b"# help"),
        ("page", "/", b"<!doctype html>"),
        ("page", "", b"<!doctype html>"),
        ("metrics", "/api/status", b"{"),
        ("page", "/metrics", b"# help"),
    ],
)
def test_the_root_of_a_mount_is_chosen(
    endpoint: Endpoint, root: str, path: str, words: bytes
) -> None:
    """Where it is mounted it answers metrics or page; below that, everything is there."""
    mount = Mount(lambda: endpoint, root)  # type: ignore[arg-type]
    response = mount.respond("GET", path, "", {})
    assert response.status == 200
    assert response.body.lower().startswith(words)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_mount_without_an_endpoint_says_so(method: str) -> None:
    """Before `configure` it answers that nothing is configured."""
    response = Mount(lambda: None).respond(method, "/", "", {})
    assert response.status == 503
    assert (b"not configured" in response.body) == (method == "GET")


def test_a_mount_follows_the_process() -> None:
    """It asks for the endpoint at each request, so that a new one is found."""
    current: list[Endpoint] = []
    mount = Mount(lambda: current[-1] if current else None)
    assert mount.respond("GET", "/", "", {}).status == 503
    for outcome in ("ok", "error"):
        registry = Registry(Layout(), ManualClock())
        record(registry, TRIAGE, 1.0, outcome)
        current.append(Endpoint(registry, process_metrics=False))
        assert f'outcome="{outcome}"}} 1\n'.encode() in mount.respond("GET", "/", "", {}).body


def test_a_root_that_is_neither_is_refused() -> None:
    """A mistyped root is an error where it is written."""
    with pytest.raises(ValueError, match="root: got 'pages', allowed metrics, page"):
        Mount(lambda: None, "pages")  # type: ignore[arg-type]


def test_headers_are_looked_up_and_no_more(endpoint: Endpoint) -> None:
    """Only two headers are asked for, whatever else there is."""
    names: set[str] = set()

    class Asked(dict[str, str]):
        def get(self, key: str, default: str = "") -> str:  # type: ignore[override]
            names.add(key)
            return default

    headers = Asked(cookie="secret", authorization="secret")
    assert endpoint.respond("GET", "/metrics", "", headers).status == 200
    assert names == {"accept", "accept-encoding"}
