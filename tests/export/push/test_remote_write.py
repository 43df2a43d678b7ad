"""Remote write: what is sent, read by protobuf's own code, and by the servers that take it."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given
from hypothesis import strategies as st

from agentmon.export.push.remote_write import Receiver, RemoteWrite
from agentmon.export.push.remote_write import series as encoded
from agentmon.export.push.target import Origin
from agentmon.export.wire import data
from agentmon.model.buckets import Layout
from agentmon.model.metric import Kind, Label, Metric, Unit
from agentmon.model.snapshot import Family, HistogramState, Sample
from tests.export.push.exposed import ORIGIN, moment, series, shown
from tests.servers.processes import SCRAPERS, Scraper, scraper

AGENT = Label("agent", "Agent.", 10)
AGE = Metric("age", Kind.GAUGE, Unit.SECONDS, "Age.", (AGENT,))
DURATION = Metric("duration", Kind.HISTOGRAM, Unit.SECONDS, "Duration.", (AGENT,))
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)


@pytest.fixture(params=[pytest.param(key, marks=pytest.mark.servers) for key in SCRAPERS])
def receiver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scraper]:
    """A server that takes remote write, and scrapes nothing."""
    vm = request.param == "victoriametrics"
    more = () if vm else ("--web.enable-remote-write-receiver",)
    with scraper(request.param, (), tmp_path / "server", more=more) as server:
        yield server


def path(server: Scraper) -> str:
    """Where it takes remote write."""
    return f"{server.url}/api/v1/write"


def test_what_is_stored_is_what_a_scrape_would_have_stored(receiver: Scraper) -> None:
    """Every sample arrives with its labels and its exact value."""
    now = moment()
    target = Receiver(RemoteWrite(path(receiver), labels={"instance": "me"}), ORIGIN)
    for attempt in target.prepare(now):
        assert attempt(10.0).verdict == "accepted"
    target.close()
    stored = receiver.instant('{__name__=~"agentmon_.+"}')
    found = {series(s.labels["__name__"], s.labels, "job", "instance"): s.value for s in stored}
    assert found == shown(now.families)
    assert {(s.labels["job"], s.labels["instance"]) for s in stored} == {(ORIGIN.job, "me")}


# ---------------------------------------------------------------------- what is sent


def messages() -> Any:
    """The class of WriteRequest, as the specification declares it."""
    file = descriptor_pb2.FileDescriptorProto(name="remote.proto", package="prometheus")
    file.syntax = "proto3"
    text, number, whole, message = 9, 1, 3, 11
    for name, fields in {
        "Label": [("name", text, ""), ("value", text, "")],
        "Sample": [("value", number, ""), ("timestamp", whole, "")],
        "TimeSeries": [("labels", message, "Label"), ("samples", message, "Sample")],
        "WriteRequest": [("timeseries", message, "TimeSeries")],
    }.items():
        declared = file.message_type.add(name=name)
        for n, (field, kind, of) in enumerate(fields, 1):
            more = {"label": 3, "type_name": f".prometheus.{of}"} if of else {"label": 1}
            declared.field.add(name=field, number=n, type=kind, **more)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("prometheus.WriteRequest"))


def read(families: list[Family], labels: dict[str, str]) -> list[tuple[dict[str, str], float, int]]:
    """Labels, value and time of every series, as protobuf reads them."""
    body = b"".join(data(1, one) for one in encoded(families, labels, 1_700_000_000_123))
    found = []
    for one in messages().FromString(body).timeseries:
        names = [label.name for label in one.labels]
        assert names == sorted(names, key=str.encode)
        assert len(set(names)) == len(names)
        assert all(label.value for label in one.labels)
        (sample,) = one.samples
        given = {label.name: label.value for label in one.labels}
        found.append((given, sample.value, sample.timestamp))
    return found


@given(
    st.dictionaries(st.sampled_from(["job", "instance", "Zone", "_x", "zz"]), TEXTS),
    TEXTS,
    st.integers(-(1 << 53), 1 << 53) | st.floats(allow_nan=False),
)
def test_labels_are_sorted_and_none_is_empty(
    labels: dict[str, str], agent: str, value: float
) -> None:
    """A sample is a series with its labels in order, without those that are empty, and a time."""
    family = Family(AGE, [((agent,), value)])
    wanted = {**labels, "agent": agent, "__name__": "agentmon_age_seconds"}
    ((found, got, at_ms),) = read([family], labels)
    assert found == {name: text for name, text in wanted.items() if text}
    assert (got, at_ms) == (value, 1_700_000_000_123)


def test_a_histogram_is_its_classic_series() -> None:
    """Buckets are cumulative, their edges are spelled as in the text formats, the sum is exact."""
    state = HistogramState(Layout(edges_s=(0.5, 1.0, 3600.0)), (3, 0, 2, 1), 6, 12_345_678_901)
    found = read([Family(DURATION, [(("a",), state)])], {"job": "j"})
    assert [(of["__name__"], of.get("le"), value) for of, value, _ in found] == [
        ("agentmon_duration_seconds_bucket", "0.5", 3),
        ("agentmon_duration_seconds_bucket", "1.0", 3),
        ("agentmon_duration_seconds_bucket", "3600.0", 5),
        ("agentmon_duration_seconds_bucket", "+Inf", 6),
        ("agentmon_duration_seconds_count", None, 6),
        ("agentmon_duration_seconds_sum", None, 12.345678901),
    ]
    assert all((of["agent"], of["job"]) == ("a", "j") for of, _, _ in found)


@pytest.mark.parametrize(
    ("metric", "value"),
    [(DURATION, 5), (AGE, HistogramState(Layout(), (), 0, 0)), (AGE, "5")],
)
def test_a_value_of_the_wrong_kind_is_a_mistake_of_ours(metric: Metric, value: Any) -> None:
    """A histogram without buckets, or a gauge with them, raises and says what it got."""
    with pytest.raises(TypeError, match=f"{metric.sample}: got {type(value).__name__}"):
        list(encoded([Family(metric, [(("a",), value)])], {}, 0))


def test_a_run_is_named_by_job_and_instance() -> None:
    """Service and host are job and instance, unless labels say otherwise; a pid may be in them."""
    origin = Origin({"service": "nightly"}, dict)
    plain = Receiver(RemoteWrite("http://h"), origin)
    assert plain._labels == {"job": "nightly", "instance": platform.node(), "service": "nightly"}
    assert "put {pid} into a label" in plain.conflict
    own = Receiver(RemoteWrite("http://h", labels={"instance": "", "run": "{pid}"}), origin)
    assert own._labels == {"job": "nightly", "instance": "", "service": "nightly", "run": "{pid}"}
    assert own.conflict == ""
    assert Receiver(RemoteWrite("http://h"), Origin({}, dict))._labels["job"] == "agentmon"


def test_large_pushes_are_sent_in_pieces(receiver: Scraper) -> None:
    """What is more than a receiver might take arrives in pieces, all of it."""
    samples: list[Sample] = [((f"{n} " + "x" * 900,), n) for n in range(3000)]
    now = replace(moment(), families=[Family(AGE, samples)])
    target = Receiver(RemoteWrite(path(receiver)), ORIGIN)
    attempts = list(target.prepare(now))
    assert len(attempts) > 2
    for attempt in attempts:
        assert attempt(30.0).verdict == "accepted"
    target.close()
    assert receiver.value("count(agentmon_age_seconds)") == 3000
    assert receiver.value("sum(agentmon_age_seconds)") == sum(range(3000))


def test_pushing_again_moves_on(receiver: Scraper) -> None:
    """A later push of the same run adds to its series, even if a clock was turned back."""
    target = Receiver(RemoteWrite(path(receiver)), ORIGIN)
    now = moment()
    before_ns = now.at_ns - 10**10
    for value, at_ns in (
        (1, before_ns),
        (1, before_ns),
        (2, before_ns - 5 * 10**6),
        (4, now.at_ns),
    ):
        of = replace(now, families=[Family(AGE, [(("a",), value)])], at_ns=at_ns)
        (attempt,) = target.prepare(of)
        assert attempt(30.0).verdict == "accepted"
    target.close()
    assert receiver.value("delta(agentmon_age_seconds[1m]) > 0") > 0
    assert receiver.value("agentmon_age_seconds") == 4
