"""The naming policy, over every metric that is declared."""

from __future__ import annotations

import re

import pytest

from agentmon.model.capabilities import CAPABILITIES
from agentmon.model.catalogue import (
    CATALOGUE,
    CONSTANT_LABELS,
    DROP_REASONS,
    KINDS,
    OPERATIONS,
    SUBJECTS,
)
from agentmon.model.catalogue.labels import REASON
from agentmon.model.metric import Kind, Label, Metric, Unit
from agentmon.model.outcome import OUTCOMES

SUFFIXES = {
    Kind.COUNTER: ("_total",),
    Kind.GAUGE: ("",),
    Kind.HISTOGRAM: ("_bucket", "_count", "_sum"),
    Kind.INFO: ("_info",),
}
LABELS = {label for metric in CATALOGUE for label in metric.labels} | set(CONSTANT_LABELS)
#: Units that Prometheus advises against, and words that belong into labels or units.
NOT_BASE_UNITS = re.compile(
    r"_(ms|milliseconds|us|ns|nanoseconds|minutes|hours|kb|mb|percent)(_|$)"
)

metrics = pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.sample)
labels = pytest.mark.parametrize(
    "label", sorted(LABELS, key=lambda label: (label.name, label.help)), ids=str
)


@metrics
def test_names_have_the_prefix(metric: Metric) -> None:
    """Every name begins with agentmon_ and is one that Prometheus takes."""
    assert re.fullmatch(r"agentmon_[a-z0-9]+(_[a-z0-9]+)*", metric.sample)


@metrics
def test_names_end_in_their_unit(metric: Metric) -> None:
    """The family name ends in the unit, the sample name in what its kind asks for."""
    assert metric.family.endswith(metric.unit.value)
    assert metric.sample.endswith("_total") == (metric.kind is Kind.COUNTER)
    assert metric.sample.endswith("_info") == (metric.kind is Kind.INFO)


@metrics
def test_units_are_base_units(metric: Metric) -> None:
    """No name has a unit other than the base units."""
    assert not NOT_BASE_UNITS.search(metric.sample)
    if "duration" in metric.name or "oldest" in metric.name:
        assert metric.unit in (Unit.SECONDS, Unit.SECONDS_SQUARED)


@metrics
def test_help_is_a_sentence(metric: Metric) -> None:
    """Help begins with a capital, ends in a period, and is one line."""
    assert re.fullmatch(r"[A-Z][^\n]{8,}\.", metric.help)


@labels
def test_labels_are_valid_and_bounded(label: Label) -> None:
    """Label names are valid, not reserved, explained and bounded."""
    assert re.fullmatch(r"[a-z][a-z0-9_]*", label.name)
    assert label.name not in ("le", "quantile", "job", "instance")
    assert label.help.endswith(".")
    assert 1 <= label.bound <= 2000


def test_labels_of_one_name_have_one_bound_wherever_values_are_recorded() -> None:
    """What a label may hold is the same in every metric of the operations."""
    bounds: dict[str, set[int]] = {}
    for operation in OPERATIONS.values():
        for metric in operation.metrics:
            for label in metric.labels:
                bounds.setdefault(label.name, set()).add(label.bound)
    assert all(len(each) == 1 for each in bounds.values())


@metrics
def test_no_label_hides_a_constant_one(metric: Metric) -> None:
    """The labels of the process are not labels of a metric as well."""
    assert not {label.name for label in CONSTANT_LABELS} & set(metric.label_names)


def test_no_two_metrics_share_a_sample_name() -> None:
    """Neither families nor sample lines collide."""
    families = [metric.family for metric in CATALOGUE]
    assert len(set(families)) == len(families)
    samples = [metric.family + end for metric in CATALOGUE for end in SUFFIXES[metric.kind]]
    assert len(set(samples)) == len(samples)


def test_every_kind_has_all_its_metrics_in_the_catalogue() -> None:
    """What is recorded of a kind of operation is declared, by outcome where it ends in one."""
    for kind in KINDS:
        operation = OPERATIONS[kind]
        assert operation.kind == kind
        assert set(operation.metrics) <= set(CATALOGUE)
        for metric in (operation.calls, operation.duration, operation.duration_squared):
            assert metric.label_names == (*(label.name for label in operation.labels), "outcome")


def test_bounds_leave_room_for_every_fixed_value() -> None:
    """Labels whose values are fixed may hold all of them."""
    outcome = next(label for label in LABELS if label.name == "outcome")
    assert outcome.bound >= len(OUTCOMES)
    assert REASON.bound >= len(DROP_REASONS)
    assert all(re.fullmatch(r"[A-Za-z][^\n]+\.", text) for text in DROP_REASONS.values())


@metrics
def test_every_metric_serves_capabilities_that_there_are_or_says_what_it_is_for(
    metric: Metric,
) -> None:
    """A metric that serves nobody is none."""
    assert metric.serves or metric.diagnostic
    assert set(metric.serves) <= set(CAPABILITIES)


def test_every_capability_with_a_metric_has_one() -> None:
    """What a user is to meet as a series is declared as one."""
    blocks = ("agent_metrics.", "system_metrics.", "monitoring_system.data_collection.")
    owed = {
        name
        for name, capability in CAPABILITIES.items()
        if "metric" in capability.by
        and name.startswith((*blocks, "health_monitoring.operational_health."))
    }
    served = {name for metric in CATALOGUE for name in metric.serves}
    assert owed - served == set()


def test_every_metric_belongs_to_a_subject_or_to_operations_or_to_the_library() -> None:
    """So that each is on the reference page once."""
    assert len({metric.sample for metric in CATALOGUE}) == len(CATALOGUE)
    assert {metric for metrics in SUBJECTS.values() for metric in metrics} < set(CATALOGUE)
