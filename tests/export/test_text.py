"""The two text formats, read back by the parsers of prometheus_client."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_prometheus
from prometheus_client.utils import floatToGoString

from agentmon.export.collector import AgentmonCollector
from agentmon.export.text import Renderer, edge_text, seconds_text
from agentmon.model.buckets import Layout
from agentmon.model.catalogue import OPERATIONS
from agentmon.model.exemplar import Exemplar
from agentmon.model.metric import Kind, Label, Metric, Unit
from agentmon.model.snapshot import ByOutcome, Family, HistogramState

AGENT = Label("agent", "Agent.", 10)
OUTCOME = Label("outcome", "Outcome.", 5)
CALLS = Metric("calls", Kind.COUNTER, Unit.NONE, "Calls.", (AGENT, OUTCOME))
AGE = Metric("age", Kind.GAUGE, Unit.SECONDS, "Age.", (AGENT,))
SERIES = Metric("series", Kind.GAUGE, Unit.NONE, "Series.")
BUILD = Metric("build", Kind.INFO, Unit.NONE, "Build.", (Label("version", "Version.", 1),))
DURATION = Metric("duration", Kind.HISTOGRAM, Unit.SECONDS, "Duration.", (AGENT,))

LAYOUT = Layout(edges_s=(0.01, 0.1, 1.0))
STATE = HistogramState(LAYOUT, (3, 0, 2, 1), 6, 12_345_678_901)

# What the parsers' authors call text; that they strip or split at no other characters is theirs.
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)

#: Name of a sample line, its labels, its value.
Line = tuple[str, tuple[tuple[str, str], ...], float]


def lines(families: Iterable[object]) -> set[Line]:
    """Every sample of what a parser found."""
    return {
        (sample.name, tuple(sorted(sample.labels.items())), sample.value)
        for family in families
        for sample in family.samples  # type: ignore[attr-defined]
    }


def test_a_counter_reads_as_prometheus_writes_it() -> None:
    """A counter's help, type and samples come in the format 0.0.4, the constant labels first."""
    family = Family(CALLS, [(("triage", "ok"), 3), (("triage", "error"), 0)])
    assert Renderer({"service": "demo"}).prometheus([family]).decode() == (
        "# HELP agentmon_calls_total Calls.\n"
        "# TYPE agentmon_calls_total counter\n"
        'agentmon_calls_total{service="demo",agent="triage",outcome="ok"} 3\n'
        'agentmon_calls_total{service="demo",agent="triage",outcome="error"} 0\n'
    )


def test_a_histogram_is_cumulative_and_its_sum_exact() -> None:
    """Buckets accumulate, count is their total, and the sum has every nanosecond."""
    assert Renderer().prometheus([Family(DURATION, [(("a",), STATE)])]).decode() == (
        "# HELP agentmon_duration_seconds Duration.\n"
        "# TYPE agentmon_duration_seconds histogram\n"
        'agentmon_duration_seconds_bucket{agent="a",le="0.01"} 3\n'
        'agentmon_duration_seconds_bucket{agent="a",le="0.1"} 3\n'
        'agentmon_duration_seconds_bucket{agent="a",le="1.0"} 5\n'
        'agentmon_duration_seconds_bucket{agent="a",le="+Inf"} 6\n'
        'agentmon_duration_seconds_count{agent="a"} 6\n'
        'agentmon_duration_seconds_sum{agent="a"} 12.345678901\n'
    )


def test_openmetrics_has_units_family_names_and_an_end() -> None:
    """OpenMetrics names families without their suffixes, gives units and types, and ends in EOF."""
    text = Renderer().openmetrics(
        [
            Family(CALLS, [(("a", "ok"), 3)]),
            Family(AGE, [(("a",), 1.5)]),
            Family(BUILD, [(("0.1",), 1)]),
        ]
    )
    assert text.decode() == (
        "# HELP agentmon_calls Calls.\n"
        "# TYPE agentmon_calls counter\n"
        'agentmon_calls_total{agent="a",outcome="ok"} 3\n'
        "# HELP agentmon_age_seconds Age.\n"
        "# TYPE agentmon_age_seconds gauge\n"
        "# UNIT agentmon_age_seconds seconds\n"
        'agentmon_age_seconds{agent="a"} 1.5\n'
        "# HELP agentmon_build Build.\n"
        "# TYPE agentmon_build info\n"
        'agentmon_build_info{version="0.1"} 1\n'
        "# EOF\n"
    )


def test_an_info_metric_is_a_gauge_in_the_older_format() -> None:
    """The format 0.0.4 knows no info type, so such a metric is a gauge there."""
    text = Renderer().prometheus([Family(BUILD, [(("0.1",), 1)])]).decode()
    assert "# TYPE agentmon_build_info gauge\n" in text


def test_a_sample_without_labels_has_no_braces() -> None:
    """A metric without any label is written as its bare name, also as a histogram."""
    bare = Metric("duration", Kind.HISTOGRAM, Unit.SECONDS, "Duration.")
    text = Renderer().prometheus([Family(SERIES, [((), 7)]), Family(bare, [((), STATE)])]).decode()
    assert "\nagentmon_series 7\n" in text
    assert '\nagentmon_duration_seconds_bucket{le="0.01"} 3\n' in text
    assert "\nagentmon_duration_seconds_count 6\n" in text


def test_constant_labels_alone_stand_in_braces() -> None:
    """A metric without labels of its own carries the constant ones, also as a histogram."""
    bare = Metric("duration", Kind.HISTOGRAM, Unit.SECONDS, "Duration.")
    renderer = Renderer({"service": "s", "region": "r"})
    text = renderer.prometheus([Family(SERIES, [((), 7)]), Family(bare, [((), STATE)])]).decode()
    assert '\nagentmon_series{service="s",region="r"} 7\n' in text
    assert '\nagentmon_duration_seconds_bucket{service="s",region="r",le="0.01"} 3\n' in text
    assert '\nagentmon_duration_seconds_count{service="s",region="r"} 6\n' in text


def test_integers_beyond_a_double_stay_exact() -> None:
    """A count above 2**53 is written digit by digit."""
    text = Renderer().prometheus([Family(SERIES, [((), 2**53 + 1)])]).decode()
    assert text.endswith("agentmon_series 9007199254740993\n")


@pytest.mark.parametrize(
    ("value", "text"), [(math.nan, "NaN"), (math.inf, "+Inf"), (-math.inf, "-Inf"), (1e-9, "1e-09")]
)
def test_odd_numbers_are_spelled_as_prometheus_spells_them(value: float, text: str) -> None:
    """Not-a-number and the infinities have their own spelling."""
    assert Renderer().prometheus([Family(SERIES, [((), value)])]).endswith(f" {text}\n".encode())


def test_help_is_escaped_by_the_rules_of_each_format() -> None:
    """Backslash and line feed are escaped in both formats, quotes in OpenMetrics only."""
    odd = Metric("odd", Kind.GAUGE, Unit.NONE, 'A "\\"\nB.')
    families = [Family(odd, [((), 1)])]
    assert b'# HELP agentmon_odd A "\\\\"\\nB.\n' in Renderer().prometheus(families)
    assert b'# HELP agentmon_odd A \\"\\\\\\"\\nB.\n' in Renderer().openmetrics(families)


@given(value=TEXTS, constant=TEXTS)
def test_any_label_value_comes_back_from_both_formats(value: str, constant: str) -> None:
    """Whatever a label holds, the parsers of both formats read exactly that."""
    renderer = Renderer({"service": constant})
    families = [Family(AGE, [((value,), 1)]), Family(DURATION, [((value,), STATE)])]
    for parsed in (
        lines(parse_prometheus(renderer.prometheus(families).decode())),
        lines(parse_openmetrics(renderer.openmetrics(families).decode())),
    ):
        labels = (("agent", value), ("service", constant))
        assert ("agentmon_age_seconds", labels, 1.0) in parsed
        assert ("agentmon_duration_seconds_count", labels, 6.0) in parsed
        edges = (("agent", value), ("le", "1.0"), ("service", constant))
        assert ("agentmon_duration_seconds_bucket", edges, 5.0) in parsed


@given(st.text(st.characters(categories=("Cs", "L", "P")), min_size=1, max_size=5))
def test_a_lone_surrogate_gives_valid_text_all_the_same(value: str) -> None:
    """A string that is no Unicode text is written as UTF-8, the surrogate as its escape."""
    text = Renderer().prometheus([Family(AGE, [((value,), 1)])]).decode()
    expected = value.encode(errors="backslashreplace").decode()
    assert lines(parse_prometheus(text)) == {("agentmon_age_seconds", (("agent", expected),), 1.0)}


def test_what_prometheus_client_renders_is_the_same() -> None:
    """Both formats, parsed back, equal what prometheus_client makes of the same families."""
    families = [
        Family(CALLS, [(("a", "ok"), 3), (('b"\\\n', "error"), 4)]),
        Family(AGE, [(("a",), 0.1 + 0.2)]),
        Family(BUILD, [(("0.1",), 1)]),
        Family(DURATION, [(("a",), STATE), (("b",), HistogramState(Layout(), (1,) * 21, 21, 5))]),
    ]
    registry = CollectorRegistry()
    registry.register(AgentmonCollector(lambda: ({"service": "s"}, families)))
    renderer = Renderer({"service": "s"})
    ours = renderer.prometheus(families).decode()
    theirs = generate_latest(registry).decode()
    assert lines(parse_prometheus(ours)) == lines(parse_prometheus(theirs))
    assert _headers(ours) == _headers(theirs)
    ours = renderer.openmetrics(families).decode()
    theirs = generate_openmetrics(registry).decode()
    assert lines(parse_openmetrics(ours)) == lines(parse_openmetrics(theirs))
    assert _headers(ours) == _headers(theirs)


def _headers(text: str) -> set[str]:
    return {line for line in text.splitlines() if line.startswith("#")}


def test_a_renderer_used_again_writes_the_new_numbers() -> None:
    """What is kept from one rendering to the next is everything but the numbers."""
    renderer = Renderer()
    renderer.prometheus([Family(SERIES, [((), 1)]), Family(DURATION, [(("a",), STATE)])])
    other = HistogramState(LAYOUT, (3, 0, 2, 2), 7, 13_000_000_000)
    text = renderer.prometheus([Family(SERIES, [((), 2)]), Family(DURATION, [(("a",), other)])])
    assert b"agentmon_series 2\n" in text
    assert b'le="+Inf"} 7\n' in text
    assert b'_sum{agent="a"} 13.0\n' in text


def test_histograms_of_another_layout_get_their_own_edges() -> None:
    """A renderer does not mix up the edges of two layouts of one metric."""
    renderer = Renderer()
    renderer.prometheus([Family(DURATION, [(("a",), STATE)])])
    other = HistogramState(Layout(edges_s=(5.0,)), (1, 1), 2, 0)
    text = renderer.prometheus([Family(DURATION, [(("a",), other)])]).decode()
    assert text.count("_bucket") == 2
    assert 'le="5.0"} 1\n' in text


def test_what_is_kept_is_bounded_by_what_is_shown() -> None:
    """Label values that are gone are not kept for ever."""
    renderer = Renderer()
    for turn in range(50):
        samples = [((f"{turn}-{i}",), turn) for i in range(100)]
        renderer.prometheus([Family(AGE, samples)])
    assert sum(map(len, renderer._lines.values())) <= 400


def test_groups_that_are_gone_are_not_kept() -> None:
    """What is kept of groups by outcome is bounded by how many groups are shown."""
    renderer = Renderer()
    for turn in range(50):
        groups = [((f"{turn}-{i}",), (1, 0, 0, 0, 0)) for i in range(100)]
        renderer.prometheus([Family(CALLS, ByOutcome(groups))])
    assert sum(map(len, renderer._lines.values())) <= 400


def test_groups_by_outcome_read_like_their_samples() -> None:
    """Samples in groups are rendered as they are one by one, whichever came first."""
    groups = ByOutcome([(("100 %d",), (2**70, 0, 3, 0, 0)), (('a"\\\n\udc80',), (1, 2, 3, 4, 5))])
    grouped, flat = Family(CALLS, groups), Family(CALLS, list(groups))
    renderer = Renderer({"service": "50 %"})
    texts = [renderer.prometheus([family]) for family in (grouped, flat, grouped)]
    assert texts[0] == texts[1] == texts[2]
    assert b'service="50 %",agent="100 %d",outcome="ok"} 1180591620717411303424\n' in texts[0]
    (family,) = parse_prometheus(texts[0].decode())
    assert len(family.samples) == 10


@given(st.integers(min_value=0, max_value=2**80))
def test_seconds_are_exact_to_the_nanosecond(value_ns: int) -> None:
    """The text of a sum, read as a decimal, is the sum."""
    whole, fraction = seconds_text(value_ns).split(".")
    assert int(whole) * 10**9 + int(fraction.ljust(9, "0")) == value_ns


@given(st.floats(min_value=1e-9, max_value=1e14))
def test_edges_are_spelled_as_prometheus_client_spells_them(edge_s: float) -> None:
    """The label ``le`` has the one spelling that other clients give it, so that series match."""
    assert edge_text(edge_s) == floatToGoString(edge_s)


@pytest.mark.parametrize(("edge_s", "text"), [(1, "1.0"), (0.025, "0.025"), (2_000_000, "2e+06")])
def test_edges_are_canonical(edge_s: float, text: str) -> None:
    """Whole edges keep a decimal, and large ones get a power of ten."""
    assert edge_text(edge_s) == text


@pytest.mark.parametrize("value", ["3", None, b"3"])
def test_what_is_no_number_is_refused(value: object) -> None:
    """A sample that is no number is an error of the caller, not a broken line."""
    with pytest.raises(TypeError, match="allowed a number"):
        Renderer().prometheus([Family(SERIES, [((), value)])])  # type: ignore[list-item]


def test_a_histogram_without_buckets_is_refused() -> None:
    """A number where a histogram belongs is an error of the caller."""
    with pytest.raises(TypeError, match="allowed a histogram"):
        Renderer().prometheus([Family(DURATION, [(("a",), 3)])])


def test_exemplars_stand_on_their_buckets_in_openmetrics_only() -> None:
    """OpenMetrics has an exemplar on the line of its bucket, and 0.0.4 has none."""
    state = HistogramState(
        Layout(edges_s=(0.1, 1.0)),
        (1, 1, 1),
        3,
        5 * 10**9,
        exemplars={1: Exemplar(0xABC, 0xDEF, 250_000_000, 1_790_000_000_500_000_000)},
    )
    families = [Family(OPERATIONS["workflow"].duration, [(("w", "ok"), state)])]
    renderer = Renderer({"service": "s"})
    lines = renderer.openmetrics(families).decode().splitlines()
    (line,) = [each for each in lines if "trace_id" in each]
    assert line == (
        "agentmon_workflow_duration_seconds_bucket"
        '{service="s",workflow="w",outcome="ok",le="1.0"} 2'
        f' # {{trace_id="{0xABC:032x}",span_id="{0xDEF:016x}"}} 0.25 1790000000.5'
    )
    assert b"trace_id" not in renderer.prometheus(families)


def test_exemplar_is_not_above_the_edge_of_its_bucket() -> None:
    """A duration that exceeds its bucket's edge by a part of a cell is shown as the edge."""
    layout = Layout(edges_s=(0.1, 1.0))
    exemplars = {0: Exemplar(1, 1, 100_200_000, 10**18), 2: Exemplar(2, 2, 9 * 10**9, 10**18)}
    state = HistogramState(layout, (1, 0, 1), 2, 1, exemplars=exemplars)
    families = [Family(OPERATIONS["workflow"].duration, [(("w", "ok"), state)])]
    text = Renderer().openmetrics(families).decode()
    assert "} 0.1 1000000000.0\n" in text
    assert "} 9.0 1000000000.0\n" in text


def test_exemplars_can_be_read_by_others() -> None:
    """The parser of prometheus_client reads an exemplar's labels, value and time."""
    state = HistogramState(
        Layout(edges_s=(1.0,)), (1, 0), 1, 1, exemplars={0: Exemplar(7, 8, 5 * 10**8, 2 * 10**9)}
    )
    families = [Family(OPERATIONS["workflow"].duration, [(("w", "ok"), state)])]
    text = Renderer().openmetrics(families).decode()
    shown = [
        sample.exemplar
        for family in parse_openmetrics(text)
        for sample in family.samples
        if sample.exemplar is not None
    ]
    ((labels, value, at),) = [(each.labels, each.value, float(each.timestamp)) for each in shown]
    assert labels == {"trace_id": f"{7:032x}", "span_id": f"{8:016x}"}
    assert (value, at) == (0.5, 2.0)
