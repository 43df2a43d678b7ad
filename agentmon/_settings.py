"""
What is configured, and from where.

Arguments win over ``AGENTMON_*`` variables, which win over the standard ``OTEL_*`` ones, which win
over the defaults.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, TypeVar

from agentmon.errors import ConfigError
from agentmon.model.buckets import EDGES_S, Layout
from agentmon.record.limits import MAX_SERIES

__all__ = ["Exceptions", "Settings", "resolve"]

#: An exception class or several.
Exceptions: TypeAlias = "type[BaseException] | Iterable[type[BaseException]]"

T = TypeVar("T")

_SPANS = ("auto", "host", "none")
_LONGEST_TEXT = 200
_TRUE = ("1", "true", "yes", "on")
_FALSE = ("0", "false", "no", "off", "")


@dataclass(frozen=True, slots=True)
class Settings:
    """
    What is in force.

    Args:
        enabled: Whether anything is recorded.
        service: Name of the service; a label of every sample.
        region: Where it runs; a label of every sample.
        serve: Address to serve on, or None.
        serve_optional: Whether to go on when that address is taken.
        spans: ``auto``, ``host`` or ``none``.
        interrupts: Exceptions by which programs steer themselves.
        timeouts: Exceptions that mean a timeout.
        layout: Cells and classic buckets of the histograms.
        max_series: The most series kept.
        process_metrics: Whether the endpoint shows ``process_*`` and ``python_*`` too.
    """

    enabled: bool = True
    service: str = ""
    region: str = ""
    serve: str | None = None
    serve_optional: bool = False
    spans: Literal["auto", "host", "none"] = "auto"
    interrupts: tuple[type[BaseException], ...] = ()
    timeouts: tuple[type[BaseException], ...] = ()
    layout: Layout = field(default_factory=Layout)
    max_series: int = MAX_SERIES
    process_metrics: bool = True

    @property
    def constant_labels(self) -> dict[str, str]:
        """Labels of every sample."""
        named = {"service": self.service, "region": self.region}
        return {name: value for name, value in named.items() if value}


def resolve(
    environ: Mapping[str, str],
    *,
    service: str | None,
    region: str | None,
    serve: str | None,
    serve_optional: bool,
    spans: str | None,
    interrupts: Exceptions,
    timeouts: Exceptions,
    digits: int,
    buckets: Iterable[float] | None,
    max_series: int,
    process_metrics: bool,
) -> Settings:
    """
    Check the arguments of ``configure()`` and fill in what the environment says.

    Args:
        environ: Environment variables.

    Raises:
        ConfigError: If a value cannot be used: what, what was got, what is allowed.
    """
    service = _first(service, environ, "AGENTMON_SERVICE", "OTEL_SERVICE_NAME") or ""
    region = _first(region, environ, "AGENTMON_REGION") or ""
    for what, value in (("service", service), ("region", region)):
        if not isinstance(value, str) or len(value) > _LONGEST_TEXT or not value.isprintable():
            raise ConfigError(
                f"{what}: got {value!r:.80}, allowed at most {_LONGEST_TEXT} printable characters"
            )
    serve = _first(serve, environ, "AGENTMON_SERVE") or None
    if serve is not None and not isinstance(serve, str):
        raise ConfigError(f"serve: got {serve!r}, allowed an address such as '127.0.0.1:9464'")
    chosen = _first(spans, environ, "AGENTMON_SPANS") or "auto"
    if chosen not in _SPANS:
        raise ConfigError(f"spans: got {chosen!r}, allowed {', '.join(_SPANS)}")
    if isinstance(max_series, bool) or not isinstance(max_series, int) or max_series < 1:
        raise ConfigError(f"max_series: got {max_series!r}, allowed a whole number above 0")
    edges_s = EDGES_S if buckets is None else _items("buckets", buckets, "rising numbers")
    return Settings(
        enabled=not _flag(environ, "AGENTMON_DISABLED"),
        service=service,
        region=region,
        serve=serve,
        serve_optional=_yes_or_no("serve_optional", serve_optional),
        spans=chosen,  # type: ignore[arg-type]  # one of _SPANS
        interrupts=_exceptions("interrupts", interrupts),
        timeouts=_exceptions("timeouts", timeouts),
        layout=Layout(digits=digits, edges_s=edges_s),
        max_series=max_series,
        process_metrics=_yes_or_no("process_metrics", process_metrics),
    )


def _first(argument: str | None, environ: Mapping[str, str], *names: str) -> str | None:
    """The argument, else the first of the variables that is set and not empty."""
    if argument is not None:
        return argument
    return next((environ[name] for name in names if environ.get(name)), None)


def _yes_or_no(what: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{what}: got {value!r}, allowed True or False")
    return value


def _flag(environ: Mapping[str, str], name: str) -> bool:
    value = environ.get(name, "").strip().lower()
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise ConfigError(f"{name}: got {value!r}, allowed {', '.join(_TRUE + _FALSE[:-1])}")


def _items(what: str, given: Iterable[T], allowed: str) -> tuple[T, ...]:
    try:
        return tuple(given)
    except TypeError:
        raise ConfigError(f"{what}: got {given!r}, allowed {allowed}") from None


def _exceptions(what: str, classes: Exceptions) -> tuple[type[BaseException], ...]:
    given: tuple[type[BaseException], ...] = (
        (classes,) if isinstance(classes, type) else _items(what, classes, "exception classes")
    )
    for item in given:
        if not (isinstance(item, type) and issubclass(item, BaseException)):
            raise ConfigError(f"{what}: got {item!r}, allowed exception classes")
    return given
