"""
Log records as the bytes of a request to a collector.

Source: opentelemetry-proto 1.x, logs.proto and logs_service.proto.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import Final

from agentmon.export.otlp.common import MOST_BYTES, Request, attributes, scope
from agentmon.export.wire import data, fixed64, key, text, varint_field
from agentmon.tracing.log import LogRecord
from agentmon.tracing.span import Library

__all__ = ["encode"]

_FLAGS: Final = struct.Struct("<I").pack


def encode(records: Iterable[LogRecord], resource: bytes) -> tuple[list[Request], int]:
    """
    Log records as requests, one unless they are large.

    Args:
        records: The records.
        resource: The resource that they come from, encoded.

    Returns:
        The requests, each of at most `MOST_BYTES` unless one record alone is larger; and how many
        records could not be encoded.

    Guarantees:
        It never raises.
    """
    whose = data(1, resource)
    requests: list[Request] = []
    failed = size = count = 0
    groups: dict[tuple[bytes, bytes], list[bytes]] = {}
    for record in records:
        try:
            who, body = _library(record.library), data(2, _record(record))
        except Exception:  # noqa: BLE001  # somebody gave a record what is no name, time or id
            failed += 1
            continue
        if size and size + len(body) > MOST_BYTES:
            requests.append(Request(_request(whose, groups), count))
            groups, size, count = {}, 0, 0
        groups.setdefault(who, []).append(body)
        size += len(body)
        count += 1
    if count:
        requests.append(Request(_request(whose, groups), count))
    return requests, failed


def _library(library: Library) -> tuple[bytes, bytes]:
    """What stands before and after the records of a library."""
    return data(1, scope(library)), text(3, library.schema_url) if library.schema_url else b""


def _request(whose: bytes, groups: Mapping[tuple[bytes, bytes], list[bytes]]) -> bytes:
    scopes = [data(2, b"".join([who, *pieces, url])) for (who, url), pieces in groups.items()]
    return data(1, whose + b"".join(scopes))


def _record(record: LogRecord) -> bytes:
    parts = [fixed64(1, record.at_ns)]
    if record.severity:
        parts.append(varint_field(2, record.severity))
    if record.severity_text:
        parts.append(text(3, record.severity_text))
    if record.body:
        parts.append(data(5, text(1, record.body)))
    parts.append(attributes(6, record.attributes.items()))
    if record.flags:
        parts.append(key(8, 5) + _FLAGS(record.flags))
    if record.trace_id:
        parts.append(data(9, record.trace_id.to_bytes(16, "big")))
        if record.span_id:
            parts.append(data(10, record.span_id.to_bytes(8, "big")))
    parts.append(fixed64(11, record.at_ns))
    if record.event:
        parts.append(text(12, record.event))
    return b"".join(parts)
