"""HDR histograms and interval logs, read back by the hdrhistogram package."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agentmon.export.hdrlog import decode, encode, interval_log, tag
from agentmon.model.buckets import DAY_NS, Layout

LAYOUT = Layout()
#: Lone surrogates included.
ANY_TEXT = st.text(st.characters(), max_size=5)
DURATIONS = st.lists(st.integers(0, DAY_NS), max_size=200)


def cells(layout: Layout, values: list[int]) -> dict[int, int]:
    """Counts by cell."""
    return Counter(map(layout.index, values))


def recorded(layout: Layout, values: list[int]) -> HdrHistogram:
    """The package's own recording of the same durations."""
    histogram = HdrHistogram(layout.lowest_ns, layout.highest_ns, layout.digits)
    for value in values:
        assert histogram.record_value(value)
    return histogram


def read(log: bytes, folder: Path) -> list[HdrHistogram]:
    """Every histogram of a log, as the package's reader finds them."""
    path = folder / "durations.hlog"
    path.write_bytes(log)
    reader = HistogramLogReader(str(path), HdrHistogram(1, DAY_NS, 2))
    found = []
    while (histogram := reader.get_next_interval_histogram()) is not None:
        found.append(histogram)
    reader.close()
    return found


@settings(max_examples=20)  # the package takes 10 ms to look at every cell
@given(DURATIONS, st.integers(1, 3))
def test_counts_and_percentiles_equal_those_of_the_package(values: list[int], digits: int) -> None:
    """What is encoded here is to the package what it would have recorded itself."""
    layout = Layout(digits=digits)
    theirs = recorded(layout, values)
    ours = HdrHistogram.decode(encode(layout, cells(layout, values)))
    assert ours.get_total_count() == len(values)
    assert (ours.significant_figures, ours.counts_len) == (digits, theirs.counts_len)
    for index in {layout.index(value) for value in values} | set(range(0, layout.size, 97)):
        assert ours.get_count_at_index(index) == theirs.get_count_at_index(index)
    percentiles = [0.1, 50, 90, 99, 99.9, 100]
    expected = theirs.get_percentile_to_value_dict(percentiles)
    assert ours.get_percentile_to_value_dict(percentiles) == expected


@settings(max_examples=20)
@given(DURATIONS, st.integers(1, 3))
def test_decoding_gives_back_what_was_encoded(values: list[int], digits: int) -> None:
    """Layout and counts survive the way there and back."""
    layout = Layout(digits=digits)
    counted = cells(layout, values)
    assert decode(encode(layout, counted)) == (layout, counted)


@pytest.mark.parametrize("text", ["", "x", "HISTFAAA", "HISTFAAAABx42pNpmSzMwMDAxAABzAAAAxgBBg=="])
def test_what_is_no_histogram_is_refused(text: str) -> None:
    """Text that holds no histogram is a ValueError, whatever the package raises."""
    with pytest.raises(ValueError, match="HDR histogram"):
        decode(text)


def test_the_log_holds_every_series(tmp_path: Path) -> None:
    """The package's reader finds each series under its tag, with its time and its exact counts."""
    quick, slow = [1_000_000, 1_000_500, 25_000_000], [DAY_NS, 0, 90 * 10**9]
    log = interval_log(
        LAYOUT,
        [
            ("agent", ("triage", "invoke"), "ok", cells(LAYOUT, quick)),
            ("tool", ("search", ""), "error", cells(LAYOUT, slow)),
        ],
        1_790_000_000.0,
        1_790_000_060.0,
    )
    found = read(log, tmp_path)
    assert [histogram.get_tag() for histogram in found] == [
        "agent:triage/invoke/ok",
        "tool:search//error",
    ]
    for ours, values in zip(found, (quick, slow), strict=True):
        theirs = recorded(LAYOUT, values)
        assert ours.get_start_time_stamp() == 1_790_000_000_000
        assert ours.get_end_time_stamp() == 1_790_000_060_000
        for index in range(LAYOUT.size):
            assert ours.get_count_at_index(index) == theirs.get_count_at_index(index)


def test_the_log_can_be_merged_by_its_reader(tmp_path: Path) -> None:
    """Adding every interval to one histogram counts every duration."""
    log = interval_log(
        LAYOUT,
        [("tool", (name,), "ok", cells(LAYOUT, [10**6, 10**9])) for name in "abc"],
        1.0,
        2.0,
    )
    path = tmp_path / "durations.hlog"
    path.write_bytes(log)
    total = HdrHistogram(LAYOUT.lowest_ns, LAYOUT.highest_ns, LAYOUT.digits)
    reader = HistogramLogReader(str(path), total)
    while reader.add_next_interval_histogram() is not None:
        pass
    reader.close()
    assert total.get_total_count() == 6


def test_the_log_begins_with_its_version_and_legend() -> None:
    """A log without any series is a valid log: version, start time and legend."""
    first, *rest = interval_log(LAYOUT, [], 1_790_000_000.0, 1_790_000_001.0).decode().splitlines()
    assert first == "#[Histogram log format version 1.2]"
    assert "#[StartTime: 1790000000.000 (seconds since epoch)]" in rest
    assert rest[-1].startswith('"StartTimestamp","Interval_Length"')


@example(("\udc80", ""), ("?", ""))
@example(("a/b", "c"), ("a", "b/c"))
@given(st.tuples(ANY_TEXT, ANY_TEXT), st.tuples(ANY_TEXT, ANY_TEXT))
def test_tags_are_safe_and_tell_series_apart(one: tuple[str, str], other: tuple[str, str]) -> None:
    """A tag holds nothing that ends it, and two series have two tags."""
    mine = tag("agent", one, "ok")
    assert mine.isascii()
    assert not set(mine) & set(", \t\r\n\"'")
    if [part.encode(errors="backslashreplace") for part in one] != [
        part.encode(errors="backslashreplace") for part in other
    ]:
        assert mine != tag("agent", other, "ok")
