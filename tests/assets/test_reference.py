"""The reference of the metrics, rendered from the catalogue."""

from __future__ import annotations

from agentmon.assets.reference import metrics_page
from agentmon.model import catalogue
from agentmon.model.buckets import EDGES_S


def _rows() -> dict[str, list[str]]:
    """The cells of each row of a table, by its first cell."""
    rows = (
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in metrics_page().splitlines()
        if line.startswith("| `")
    )
    return {row[0].strip("`"): row for row in rows}


def test_every_metric_has_its_row() -> None:
    """Each metric is there by the name of its sample, with type, unit, labels and help."""
    rows = _rows()
    for metric in catalogue.CATALOGUE:
        _, kind, unit, labels, said = rows[metric.sample]
        assert kind == metric.kind.value
        assert unit == metric.unit.value.replace("_", " ")
        assert labels.replace("`", "").split(", ") == list(metric.label_names or [""])
        assert said == metric.help


def test_every_label_has_its_bound() -> None:
    """Each label of an operation is there with its bound and what its values are."""
    rows = _rows()
    for operation in catalogue.OPERATIONS.values():
        for label in operation.labels:
            assert rows[label.name] == [f"`{label.name}`", f"{label.bound:,}", label.help]


def test_every_reason_and_bucket_is_said() -> None:
    """Each reason of loss and each edge of a bucket is on the page."""
    rows = _rows()
    for reason, text in catalogue.DROP_REASONS.items():
        assert rows[reason][1] == text
    assert ", ".join(f"{edge:g}" for edge in EDGES_S) in metrics_page()
