"""
Variables that are set and do not do what whoever set them wanted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from agentmon._settings.table import (
    ACCESS,
    LIMITS,
    PROPAGATORS,
    RATIO,
    RESOURCE,
    SDK_DISABLED,
    SETTINGS,
    TRACES,
    TRANSPORT,
)
from agentmon._settings.values import exposed

__all__ = ["KNOWN", "doubts"]

_OURS: Final = "AGENTMON_"
_ALMOST_OURS: Final = "AGENT"
_STANDARD: Final = "OTEL_"
_NEAR: Final = 0.6
_VERY_NEAR: Final = 0.93

#: Every variable that is read.
KNOWN: Final = frozenset(
    variable
    for setting in (
        *(*SETTINGS, *TRACES, *LIMITS, *ACCESS),
        *(RATIO, RESOURCE, SDK_DISABLED, PROPAGATORS),
        *(each for signal in TRANSPORT.values() for each in signal),
    )
    for variable in setting.variables
)

_OUR_ENDS: Final = [name.removeprefix(_OURS) for name in KNOWN if name.startswith(_OURS)]

#: What others read: near to a name that is known, and no mistake.
_OF_OTHERS: Final = frozenset(
    f"OTEL_{name}"
    for name in (
        *("CONFIG_FILE", "ENTITIES", "LOG_LEVEL", "EXPERIMENTAL_RESOURCE_DETECTORS"),
        *("LOGS_EXPORTER", "METRICS_EXPORTER", "TRACES_EXPORTER", "METRICS_EXEMPLAR_FILTER"),
        *("BLRP_EXPORT_TIMEOUT", "BLRP_MAX_EXPORT_BATCH_SIZE", "BLRP_MAX_QUEUE_SIZE"),
        *("BLRP_SCHEDULE_DELAY", "METRIC_EXPORT_INTERVAL", "METRIC_EXPORT_TIMEOUT"),
        *("LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT"),
        *("EXPORTER_PROMETHEUS_HOST", "EXPORTER_PROMETHEUS_PORT"),
        *("EXPORTER_ZIPKIN_ENDPOINT", "EXPORTER_ZIPKIN_TIMEOUT"),
        *("EXPORTER_JAEGER_ENDPOINT", "EXPORTER_JAEGER_TIMEOUT"),
        "EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
        "EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
    )
)


def doubts(environ: Mapping[str, str]) -> dict[str, str]:
    """
    The variables that look as if they were meant for agentmon and do nothing.

    Args:
        environ: Environment variables.

    Returns:
        What to say of each, without its value; in the order of their names.
    """
    found: dict[str, str] = {}
    for name in sorted(environ):
        upper = name.upper()  # capitals matter to the system, and are easily forgotten
        if name in KNOWN or name in _OF_OTHERS:
            continue
        if upper.startswith(_OURS):
            near = _nearest(upper.removeprefix(_OURS), _OUR_ENDS, _NEAR)
            meant = f": did you mean {_OURS}{near}?" if near else ""
            found[name] = f"is not known to agentmon{meant}"
        elif upper.startswith(_ALMOST_OURS):
            near = _nearest(upper, KNOWN, _VERY_NEAR)
            if near is not None:
                found[name] = f"is not known to agentmon: did you mean {near}?"
        elif upper.startswith(_STANDARD):
            near = _nearest(upper, KNOWN | _OF_OTHERS, _VERY_NEAR)
            if near is not None:
                found[name] = f"is not known to OpenTelemetry: did you mean {near}?"
    disabled = environ.get("OTEL_SDK_DISABLED", "").strip()
    if disabled.lower() not in ("", "true", "false"):
        found["OTEL_SDK_DISABLED"] = f"got {exposed(disabled)}, which means false: allowed true"
    return found


def _nearest(name: str, known: Iterable[str], cutoff: float) -> str | None:
    from difflib import get_close_matches  # noqa: PLC0415  # few misspell

    return next(iter(get_close_matches(name, sorted(known), 1, cutoff)), None)
