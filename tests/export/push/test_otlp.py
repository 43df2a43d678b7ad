"""Metrics pushed by OTLP: options, what a collector gets, and what a real store makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agentmon.errors import ConfigError
from agentmon.export.otlp.destination import Destination
from agentmon.export.push.otlp import Collector, OTLPMetrics, resolved
from agentmon.export.push.target import Origin
from tests.export.push.exposed import ORIGIN, moment, series, shown
from tests.servers import otlp
from tests.servers.processes import scraper

#: What a store makes of resource and scope.
WHOSE = ("service.name", "service.instance.id", "scope.name", "scope.version")


@pytest.mark.servers
@pytest.mark.parametrize("naming", [(), ("-opentelemetry.usePrometheusNaming",)])
def test_what_is_stored_is_what_a_scrape_would_have_stored(
    tmp_path: Path, naming: tuple[str, ...]
) -> None:
    """Names, labels and values are those of a scrape, whether a store translates names or not."""
    with scraper("victoriametrics", (), tmp_path / "server", more=naming) as server:
        now = moment()
        target = Collector(OTLPMetrics(f"{server.url}/opentelemetry"), ORIGIN)
        for attempt in target.prepare(now):
            assert attempt(10.0).verdict == "accepted"
        target.close()
        stored = server.instant('{__name__=~"agentmon_.+"}')
        without = (*WHOSE, *(name.replace(".", "_") for name in WHOSE))
        found = {series(s.labels["__name__"], s.labels, *without): s.value for s in stored}
        assert found == shown(now.families)


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_a_collector_gets_everything_by_either_protocol(protocol: str) -> None:
    """Points arrive with the resource of the process, the constant labels, and their times."""
    with otlp.collector() as collector:
        now = moment()
        target = Collector(OTLPMetrics(collector.address(protocol), headers={"a": "b"}), ORIGIN)
        (attempt,) = target.prepare(now)
        assert attempt(10.0).verdict == "accepted"
        target.close()
        (request,) = collector.kept("metrics")
    assert (request.signal, request.protocol, request.headers["a"]) == ("metrics", protocol, "b")
    (of_resource,) = request.message.resource_metrics
    assert {each.key: each.value.string_value for each in of_resource.resource.attributes} == dict(
        ORIGIN.resource()
    )
    (of_scope,) = of_resource.scope_metrics
    assert {metric.name for metric in of_scope.metrics} == {
        family.metric.sample for family in now.families if family.samples
    }
    (info,) = (metric for metric in of_scope.metrics if metric.name == "agentmon_build_info")
    (point,) = info.gauge.data_points
    assert point.time_unix_nano == now.at_ns
    assert [each.key for each in point.attributes] == ["service", "region", "version"]


def test_points_that_are_rejected_are_a_failure() -> None:
    """A collector that throws a part away is said to, with its reason."""
    with otlp.collector() as collector:
        collector.behave(otlp.partial(3, "too old"))
        target = Collector(OTLPMetrics(collector.address("http")), ORIGIN)
        (attempt,) = target.prepare(moment())
        answer = attempt(10.0)
        target.close()
    assert answer.verdict == "failed"
    assert answer.message.startswith("it rejects 3 of ")
    assert answer.message.endswith(" points: too old")


def test_a_forked_child_is_a_resource_of_its_own() -> None:
    """After a fork the resource is made anew, and connections are the child's own."""
    made: list[int] = []

    def resource() -> dict[str, object]:
        made.append(1)
        return {"n": len(made)}

    with otlp.collector() as collector:
        target = Collector(OTLPMetrics(collector.address("http")), Origin({}, resource))
        for _ in range(2):
            (attempt,) = target.prepare(moment())
            assert attempt(10.0).verdict == "accepted"
            target.abandon()
        target.close()
        numbers = [
            of.resource.attributes[0].value.int_value
            for request in collector.kept("metrics")
            for of in request.message.resource_metrics
        ]
    assert numbers == [1, 2]
    assert target.conflict == ""


# ---------------------------------------------------------------------- options


def test_the_standard_variables_say_what_the_options_do_not() -> None:
    """The collector, its headers and times come from OTEL_EXPORTER_OTLP_*, unless given."""
    environ = {
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://metrics:1/own",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://all:1",
        "OTEL_EXPORTER_OTLP_HEADERS": "a=b",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "3",
    }
    assert resolved(OTLPMetrics(), environ).to == Destination(
        "http://metrics:1/own", headers={"a": "b"}, timeout_seconds=3.0
    )
    given = OTLPMetrics("http://here:2", headers={"c": "d"}, timeout=1.5, compression="gzip")
    assert resolved(given, environ).to == Destination(
        "http://here:2/v1/metrics",
        headers={"c": "d"},
        timeout_seconds=1.5,
        compression="gzip",
    )
    assert resolved(OTLPMetrics("grpcs://here"), {}).to == Destination(
        "https://here:4317", "grpc", insecure=False
    )
    assert resolved(resolved(given, environ), {}) == resolved(given, environ)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"to": "gw:9091"}, "OTLPMetrics: URL of a collector: got 'gw:9091', allowed http://"),
        ({"to": 5}, "OTLPMetrics: to: got 5, allowed otlp or the URL of a collector"),
        ({"every": 0}, "OTLPMetrics: every: got 0, allowed None or seconds above 0"),
        ({"protocol": "smoke"}, "OTLPMetrics: protocol: got 'smoke', allowed http/protobuf, grpc"),
        ({"timeout": -1}, "OTLPMetrics: timeout: got -1, allowed seconds above 0"),
        ({"headers": 5}, "OTLPMetrics: headers: got no mapping, allowed names and texts"),
        ({"certificate": "/none"}, "OTLPMetrics: certificate: got '/none', allowed a file"),
    ],
)
def test_options_that_cannot_be_used(arguments: dict[str, Any], message: str) -> None:
    """What cannot be used is refused when it is said: what, got, allowed."""
    with pytest.raises(ConfigError) as caught:
        OTLPMetrics(**arguments)
    assert str(caught.value).startswith(message)


def test_a_variable_that_cannot_be_used_is_named() -> None:
    """What the environment says wrongly is refused by the variable's name."""
    with pytest.raises(ConfigError, match=r"^OTEL_EXPORTER_OTLP_TIMEOUT: got 'soon'"):
        resolved(OTLPMetrics(), {"OTEL_EXPORTER_OTLP_TIMEOUT": "soon"})


def test_nothing_secret_is_shown() -> None:
    """Neither a login, a query nor headers are in what is shown of the options."""
    options = OTLPMetrics("http://u:hunter2@h:1/?k=hunter2", headers={"a": "hunter2"})
    for each in (options, resolved(options, {})):
        assert "hunter2" not in f"{each!r} {each}"
    assert str(options) == "otlp=http://h:1/v1/metrics (HTTP)"
    assert str(OTLPMetrics()) == "otlp"


def test_options_that_are_equal_are_the_same_settings() -> None:
    """Equal options compare equal, whatever becomes of what was given."""
    headers = {"a": "b"}
    one = OTLPMetrics("http://h", headers=headers)
    headers["a"] = "c"
    assert one == OTLPMetrics("http://h", headers={"a": "b"})
    assert hash(one) == hash(OTLPMetrics("http://h", headers={"a": "b"}))
