"""
HdrHistogram's own formats: single histograms (V2, compressed) and the interval log.

Any HdrHistogram tool reads them, and finds every count in the cell that it has here.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from agentmon.model.buckets import Layout

__all__ = ["decode", "encode", "interval_log", "tag"]


def encode(layout: Layout, cells: Mapping[int, int]) -> str:
    """
    One histogram as text.

    Args:
        layout: What the cells are.
        cells: Counts by cell.
    """
    text: str = _filled(layout, cells).encode().decode("ascii")
    return text


def decode(text: str) -> tuple[Layout, dict[int, int]]:
    """
    The reverse of `encode`.

    Args:
        text: A histogram in V2 encoding, compressed, in base 64.

    Returns:
        Its layout, with the default edges, and its counts by cell.

    Raises:
        ValueError: If it is no such thing.
    """
    import zlib  # noqa: PLC0415  # here and below: loaded by those who use it only

    from hdrh.codec import HdrCookieException, HdrLengthException  # noqa: PLC0415
    from hdrh.histogram import HdrHistogram  # noqa: PLC0415

    try:
        histogram = HdrHistogram.decode(text)
    except (HdrCookieException, HdrLengthException, TypeError, ValueError, zlib.error) as error:
        raise ValueError(f"HDR histogram: cannot be decoded: {error}") from error
    layout = Layout(
        digits=histogram.significant_figures,
        lowest_ns=histogram.lowest_trackable_value,
        highest_ns=histogram.highest_trackable_value,
    )
    counts = ((index, histogram.get_count_at_index(index)) for index in range(layout.size))
    return layout, {index: n for index, n in counts if n}


def interval_log(
    layout: Layout,
    histograms: Iterable[tuple[str, tuple[str, ...], str, Mapping[int, int]]],
    begun_seconds: float,
    now_seconds: float,
) -> bytes:
    """
    The interval log: one interval that reaches from the start of recording until now.

    Args:
        layout: What the cells are.
        histograms: Kind, label values, outcome and counts by cell of each series. A series and
            outcome have the tag `tag`.
        begun_seconds: Since 1970.
        now_seconds: Since 1970.
    """
    from hdrh.log import HistogramLogWriter  # noqa: PLC0415

    log = io.StringIO()
    writer = HistogramLogWriter(log)
    writer.output_log_format_version()
    writer.output_comment("[Durations in nanoseconds; Interval_Max in milliseconds]")
    # Not output_start_time(): in the package it fails.
    log.write(f"#[StartTime: {begun_seconds:.3f} (seconds since epoch)]\n")
    writer.output_legend()
    for kind, labels, outcome, cells in histograms:
        log.write(f"Tag={tag(kind, labels, outcome)},")
        writer.output_interval_histogram(_filled(layout, cells), begun_seconds, now_seconds)
    return log.getvalue().encode()


def tag(kind: str, labels: Iterable[str], outcome: str) -> str:
    """
    The tag of one series and outcome, such as ``agent:triage/invoke/ok``.

    What a tag cannot hold, and what would make two series look alike, is percent-encoded.
    """
    parts = (quote(part, safe="", errors="backslashreplace") for part in (*labels, outcome))
    return f"{kind}:{'/'.join(parts)}"


def _filled(layout: Layout, cells: Mapping[int, int]) -> Any:
    """A histogram of the package, which has no types."""
    from hdrh.histogram import HdrHistogram  # noqa: PLC0415

    histogram = HdrHistogram(layout.lowest_ns, layout.highest_ns, layout.digits)
    for index, n in cells.items():
        histogram.record_value(layout.lower(index), n)
    return histogram
