"""
How agentmon makes and exports spans, from what `Traces` and the standard variables say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agentmon._settings.find import DEFAULT, Found, find
from agentmon._settings.table import LIMITS, PARENT_BASED, RATIO, SHARING, TRACES, TRANSPORT
from agentmon._settings.values import exposed
from agentmon.errors import ConfigError
from agentmon.tracing.limits import DEFAULT as USUAL_LIMITS
from agentmon.tracing.limits import Limits
from agentmon.tracing.options import Traces

if TYPE_CHECKING:
    from agentmon.export.otlp.destination import Destination, Signal

__all__ = ["Owned", "destinations", "owned"]


@dataclass(frozen=True, slots=True)
class Owned:
    """
    How agentmon makes and exports spans: `Traces` with everything said.

    Args:
        to: Where they go: each a `Destination`, or a ``SpanExporter`` or ``SpanProcessor``.
        logs: The same collectors, as log records are sent there.
        share: Share of the traces that are recorded, 0 to 1.
        parent_based: Whether a span that has a parent does as that does.
        sampler: Asked instead, if given: an object with OpenTelemetry's ``should_sample``.
        keep_errors: Whether traces with an error are kept that were not sampled.
        keep_slower_ns: Likewise those with a span that took longer, in nanoseconds.
        queue_size: The most ended spans that wait.
        batch_size: The most sent at once.
        delay_s: The longest that spans wait for others.
        export_timeout_s: How long one batch is tried for.
        limits: What a span may hold.
    """

    to: tuple[Destination | Any, ...]
    logs: tuple[Destination, ...] = ()
    share: float = 1.0
    parent_based: bool = True
    sampler: Any = None
    keep_errors: bool = False
    keep_slower_ns: int | None = None
    queue_size: int = 16384
    batch_size: int = 512
    delay_s: float = 1.0
    export_timeout_s: float = 300.0
    limits: Limits = USUAL_LIMITS


def owned(found: Found, environ: Mapping[str, str]) -> Owned:
    """
    Fill in what `Traces` does not say.

    Args:
        found: The setting ``traces``, whose value is a `Traces`.
        environ: Environment variables.

    Raises:
        ConfigError: If a value cannot be used, or two do not go together.
    """
    asked: Traces = found.value
    said = {each.last: find(each, getattr(asked, each.last), environ) for each in TRACES}
    share, parent_based, custom = _sampling(asked, said["sampler"].value, environ)
    queue_size, batch_size = said["queue_size"].value, said["batch_size"].value
    if batch_size > queue_size:
        if said["batch_size"].source != DEFAULT:
            raise ConfigError(
                f"{said['batch_size'].called}: got {batch_size}, allowed at most "
                f"{said['queue_size'].called}, which is {queue_size}"
            )
        batch_size = queue_size
    slower_s = said["keep_slower_than"].value
    limits = said["limits"].value
    _check_transport(asked)
    return Owned(
        to=tuple(
            _destination("traces", each, found, environ) if isinstance(each, str) else each
            for each in asked.to
        ),
        logs=destinations("logs", found, environ),
        share=share,
        parent_based=parent_based,
        sampler=custom,
        keep_errors=said["keep_errors"].value,
        keep_slower_ns=None if slower_s is None else round(slower_s * 1e9),
        queue_size=queue_size,
        batch_size=batch_size,
        delay_s=said["delay"].value,
        export_timeout_s=said["export_timeout"].value,
        limits=_limits(environ) if limits is None else limits,
    )


def destinations(
    signal: Signal, found: Found, environ: Mapping[str, str]
) -> tuple[Destination, ...]:
    """
    The collectors that a signal goes to.

    Args:
        signal: The signal.
        found: The setting ``traces``, whose value is a `Traces`.
        environ: Environment variables.

    Raises:
        ConfigError: If what says so cannot be used.
    """
    places = (each for each in found.value.to if isinstance(each, str))
    return tuple(_destination(signal, each, found, environ) for each in places)


def _destination(
    signal: Signal, target: str, found: Found, environ: Mapping[str, str]
) -> Destination:
    """The collector at a URL, or where the standard variables say."""
    from agentmon.export.otlp.destination import destination  # noqa: PLC0415  # only to export

    asked: Traces = found.value
    try:
        return destination(
            signal,
            environ,
            url=None if target == "otlp" else target,
            protocol=asked.protocol,
            headers=asked.headers,
            timeout_seconds=asked.timeout,
            compression=asked.compression,
            certificate=asked.certificate,
            client_certificate=asked.client_certificate,
            client_key=asked.client_key,
        )
    except ConfigError as error:
        message = str(error)
        if message.startswith("OTEL_"):
            raise
        raise ConfigError(f"{found.called}: {message}") from None


def _check_transport(asked: Traces) -> None:
    """Check what says how OTLP travels, which is refused where nothing goes by OTLP."""
    travels = any(isinstance(each, str) for each in asked.to)
    for setting in TRANSPORT["traces"]:
        given = getattr(asked, setting.last, None)
        if given is not None and not travels:
            raise ConfigError(
                f"{setting.name}: got one without a collector to send to, allowed with 'otlp' or "
                "a URL"
            )
        find(setting, given, {})


def _sampling(
    asked: Traces, sampler: object, environ: Mapping[str, str]
) -> tuple[float, bool, object]:
    """The share of traces recorded, whether a parent decides, and who else does."""
    if asked.ratio is not None and asked.sampler is None:
        sampler = PARENT_BASED + SHARING
    if not isinstance(sampler, str) or not sampler.endswith(SHARING):
        if asked.ratio is not None:
            raise ConfigError(
                f"traces.ratio: got {asked.ratio!r} with the sampler {exposed(sampler)}, allowed "
                f"only with {SHARING} or {PARENT_BASED}{SHARING}"
            )
        if not isinstance(sampler, str):
            return 1.0, False, sampler
        share = 0.0 if sampler.endswith("always_off") else 1.0
    else:
        share = find(RATIO, asked.ratio, environ).value
    return share, sampler.startswith(PARENT_BASED), None


def _limits(environ: Mapping[str, str]) -> Limits:
    return Limits(**{each.last: find(each, None, environ).value for each in LIMITS})
