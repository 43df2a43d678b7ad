"""
Pushing by Prometheus' remote write.

Source: Prometheus, "Remote-Write 1.0 specification".
"""

from __future__ import annotations

import platform
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import accumulate
from typing import Final

from agentmon.export.push.snappy import literal_block
from agentmon.export.push.target import (
    PID,
    Attempt,
    Moment,
    Origin,
    check_every,
    checked_labels,
    named,
)
from agentmon.export.push.web import Line, Web, check_web
from agentmon.export.text import edge_text
from agentmon.export.wire import data, key, text, varint, varint_field
from agentmon.model.metric import Kind
from agentmon.model.snapshot import Distribution, Family, HistogramState

__all__ = ["Receiver", "RemoteWrite", "series"]

_HEADERS: Final = {
    "content-type": "application/x-protobuf",
    "content-encoding": "snappy",
    "x-prometheus-remote-write-version": "0.1.0",
}
#: A request is cut here: what is not compressed is large, and receivers have limits.
_MOST_BYTES: Final = 1024 * 1024
_DOUBLE: Final = struct.Struct("<d").pack


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteWrite(Web):
    """
    A receiver of Prometheus' remote write, for ``configure(push=...)``.

    Args:
        url: Where it is, such as ``http://localhost:9090/api/v1/write``.
        labels: Labels that tell this run from others, as a scrape would put them on. By default
            ``job``, which is the service or ``agentmon``, and ``instance``, which is the name of
            the host; the same names here take their place. ``{pid}`` in a value stands for the id
            of the process.
        every: Push each so many seconds too; by default only at the end, and on `push`.
        timeout: Of one attempt, in seconds.
        headers: Sent along; never shown.
        user: Name for basic authentication.
        password: Its password.
        password_file: File that holds the password instead; read each time.
        token: Bearer token.
        token_file: File that holds the token instead; read each time.
        certificate: File with the certificates to trust instead of the system's.
        client_certificate: File with the certificate to show.
        client_key: File with its key.

    Raises:
        ConfigError: If something cannot be used.
    """

    url: str = field(kw_only=False, repr=False)
    labels: Mapping[str, str] | None = field(default=None, hash=False)
    every: float | None = None

    def __post_init__(self) -> None:
        what = "RemoteWrite"
        check_web(what, self)
        check_every(what, self.every)
        if self.labels is not None:
            labels = checked_labels(f"{what}: labels", self.labels, "service", "region")
            object.__setattr__(self, "labels", labels)

    def __str__(self) -> str:
        return f"remote-write={self.url.partition('?')[0]}"


class Receiver:
    """
    Pushes to it; see `agentmon.export.push.target.Target`.

    Args:
        options: Where and how.
        origin: Where the metrics come from.
    """

    def __init__(self, options: RemoteWrite, origin: Origin) -> None:
        self._options = options
        self._labels = {
            "job": origin.job,
            "instance": platform.node(),
            **origin.constant_labels,
            **(options.labels or {}),
        }
        self._line = Line(options)
        self._at_ms = 0
        self.conflict = (
            ""
            if any(PID in value for value in self._labels.values())
            else f"its samples would be mixed with those of its parent; put {PID} into a label"
        )
        self.abort = self._line.abort
        self.close = self._line.close
        self.abandon = self._line.abandon

    def __str__(self) -> str:
        return str(self._options)

    def prepare(self, moment: Moment) -> Iterator[Attempt]:
        """What sends the samples, in pieces of about 1 MiB."""
        # No receiver takes two samples of one time, or what lies before the one it has.
        self._at_ms = max(moment.at_ns // 1_000_000, self._at_ms + 1)
        own = {name: named(value) for name, value in self._labels.items()}
        pieces: list[bytes] = []
        size = 0
        for one in series(moment.families, own, self._at_ms):
            encoded = data(1, one)
            if size + len(encoded) > _MOST_BYTES and pieces:
                yield self._sending(pieces)
                pieces, size = [], 0
            pieces.append(encoded)
            size += len(encoded)
        yield self._sending(pieces)

    def _sending(self, pieces: Iterable[bytes]) -> Attempt:
        body = literal_block(b"".join(pieces))
        return partial(self._line.ask, "POST", self._options.url, body, _HEADERS)


def series(
    families: Iterable[Family], constant_labels: Mapping[str, str], at_ms: int
) -> Iterator[bytes]:
    """
    Every sample as a TimeSeries of remote write, as a scrape of the text formats would store it.

    Args:
        families: The metrics and their samples.
        constant_labels: Labels of every sample.
        at_ms: When they were read, in milliseconds since 1970.
    """
    sample = _Samples(at_ms)
    for family in families:
        metric = family.metric
        name = metric.sample
        plain, bucket, count, total = (
            _label("__name__", f"{name}{suffix}") for suffix in ("", "_bucket", "_count", "_sum")
        )
        for values, value in family.samples:
            labels = {**constant_labels, **dict(zip(metric.label_names, values, strict=True))}
            first, middle, last = _parted(labels)
            if metric.kind is Kind.HISTOGRAM:
                if not isinstance(value, HistogramState | Distribution):
                    raise TypeError(f"{name}: got {type(value).__name__}, allowed a histogram")
                edges = _edges(value.edges)
                for edge, n in zip(edges, accumulate(value.buckets), strict=True):
                    yield b"".join((first, bucket, middle, edge, last, sample(n)))
                yield b"".join((first, count, middle, last, sample(value.count)))
                yield b"".join((first, total, middle, last, sample(value.total)))
            elif isinstance(value, int | float):
                yield b"".join((first, plain, middle, last, sample(value)))
            else:
                raise TypeError(f"{name}: got {type(value).__name__}, allowed a number")


class _Samples:
    """Makes the sample of a series, with the time that all have."""

    def __init__(self, at_ms: int) -> None:
        self._after = varint_field(2, at_ms)
        self._before = key(2, 2) + varint(9 + len(self._after)) + key(1, 1)

    def __call__(self, value: float) -> bytes:
        return self._before + _DOUBLE(value) + self._after


def _parted(labels: Mapping[str, str]) -> tuple[bytes, bytes, bytes]:
    """
    Labels in their order: what comes before the name, before the edge of a bucket, and after that.

    A label without a value is one that is not there, and must not be sent.
    """
    parts: tuple[list[bytes], list[bytes], list[bytes]] = ([], [], [])
    for name, value in sorted(labels.items()):
        if value:
            parts[(name > "__name__") + (name > "le")].append(_label(name, value))
    first, middle, last = map(b"".join, parts)
    return first, middle, last


def _label(name: str, value: str) -> bytes:
    return data(1, text(1, name) + text(2, value))


@lru_cache(maxsize=32)
def _edges(edges: tuple[float, ...]) -> tuple[bytes, ...]:
    """The labels of the buckets."""
    return tuple(_label("le", each) for each in (*map(edge_text, edges), "+Inf"))
