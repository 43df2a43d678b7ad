"""
From arguments and variables to what is in force.

Arguments win over ``AGENTMON_*`` variables, which win over the standard ``OTEL_*`` ones, which win
over the defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from agentmon._settings.table import (
    ACCESS,
    LIMITS,
    PARENT_BASED,
    RATIO,
    RESOURCE,
    SDK_DISABLED,
    SETTINGS,
    SHARING,
    TRACES,
    Setting,
)
from agentmon._settings.values import exposed, targets_of
from agentmon.errors import ConfigError
from agentmon.model.buckets import EDGES_S, Layout
from agentmon.record.limits import MAX_SERIES
from agentmon.tracing.limits import Limits
from agentmon.tracing.options import Owned, Traces

if TYPE_CHECKING:
    from agentmon.export.access import Access

__all__ = ["DEFAULT", "Found", "Settings", "access_from", "find", "owned", "resolve"]

#: The sources of values that are no variable.
ARGUMENT: Final = "argument"
DEFAULT: Final = "default"


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
        traces: ``auto``, ``host`` or ``none``, or how agentmon makes and exports spans itself.
        semconv: Which semantic conventions spans follow.
        content: Whether prompts, arguments and results are put on spans.
        redact: What their texts pass through; None for `agentmon.redaction.standard`.
        content_limit: Characters kept of one of them.
        failure_logs: Whether failures are logged.
        native_histograms: Whether native histograms are offered.
        push: Where metrics are pushed to.
        access: Who may read the endpoint; None for anybody.
        interrupts: Exceptions by which programs steer themselves.
        timeouts: Exceptions that mean a timeout.
        layout: Cells and classic buckets of the histograms.
        max_series: The most series kept.
        process_metrics: Whether the endpoint shows ``process_*`` and ``python_*`` too.
        resource: What ``OTEL_RESOURCE_ATTRIBUTES`` says of the process; read only where it is
            sent.
        sdk_disabled: Whether ``OTEL_SDK_DISABLED`` forbids sending by OTLP.
    """

    enabled: bool = True
    service: str = ""
    region: str = ""
    serve: str | None = None
    serve_optional: bool = False
    traces: Literal["auto", "host", "none"] | Owned = "auto"
    semconv: Literal["genai-1.41", "genai-0.1", "both"] = "genai-1.41"
    content: bool = False
    redact: Callable[[str], str] | None = None
    content_limit: int = 8192
    failure_logs: bool = True
    native_histograms: bool = False
    push: tuple[Any, ...] = ()
    access: Access | None = None
    interrupts: tuple[type[BaseException], ...] = ()
    timeouts: tuple[type[BaseException], ...] = ()
    layout: Layout = field(default_factory=Layout)
    max_series: int = MAX_SERIES
    process_metrics: bool = True
    resource: Mapping[str, str] = field(default_factory=dict, hash=False)
    sdk_disabled: bool = False

    @property
    def constant_labels(self) -> dict[str, str]:
        """Labels of every sample."""
        named = {"service": self.service, "region": self.region}
        return {name: value for name, value in named.items() if value}


@dataclass(frozen=True, slots=True)
class Found:
    """
    The value of one setting.

    Args:
        setting: The setting.
        value: What is in force.
        source: ``argument``, ``default``, or the variable that said it.
        hidden: The variables that are set as well, and outranked.
    """

    setting: Setting
    value: Any
    source: str
    hidden: tuple[str, ...] = ()


def find(setting: Setting, given: object, environ: Mapping[str, str]) -> Found:
    """
    Look where the value of a setting comes from, and check it.

    Args:
        setting: The setting.
        given: The argument; None for none.
        environ: Environment variables; one that is empty is as if it were not set.

    Raises:
        ConfigError: If the value cannot be used.
    """
    said = [name for name in setting.variables if environ.get(name, "").strip()]
    if given is not None:
        hidden = (each for each in said if _says(setting, each, environ))
        return Found(setting, _checked(setting, setting.name, given), ARGUMENT, tuple(hidden))
    for rank, name in enumerate(said):
        text = environ[name].strip()
        try:
            value = setting.variables[name](text)
        except ValueError:
            raise _refusal(setting, name, text) from None
        if value is not None:
            value = _checked(setting, name, value, text)
            hidden = (each for each in said[rank + 1 :] if _says(setting, each, environ))
            return Found(setting, value, name, tuple(hidden))
    return Found(setting, setting.default, DEFAULT)


def _says(setting: Setting, name: str, environ: Mapping[str, str]) -> bool:
    """Whether a variable that is set says anything of the setting."""
    try:
        return setting.variables[name](environ[name].strip()) is not None
    except ValueError:
        return True


def _checked(setting: Setting, source: str, value: object, text: str | None = None) -> Any:
    try:
        return setting.check(value)
    except ValueError:
        raise _refusal(setting, source, value if text is None else text) from None


def _refusal(setting: Setting, source: str, got: object) -> ConfigError:
    shown = "a value that is not shown" if setting.secret else exposed(got)
    return ConfigError(f"{source}: got {shown}, allowed {setting.allowed}")


def resolve(environ: Mapping[str, str], arguments: Mapping[str, object] | None = None) -> Settings:
    """
    Check the arguments of ``configure()`` and fill in what the environment says.

    Args:
        environ: Environment variables.
        arguments: Arguments by name; None is what was not given.

    Raises:
        ConfigError: If a value cannot be used: what, what was got, what is allowed.
    """
    given = arguments or {}
    values = {each.name: find(each, given.get(each.name), environ).value for each in SETTINGS}
    disabled = values.pop(".disabled")
    digits, buckets = values.pop("digits"), values.pop("buckets")
    layout = Layout(digits=digits, edges_s=EDGES_S if buckets is None else buckets)
    values["serve"] = values["serve"] or None  # an empty argument is an answer
    sdk_disabled = find(SDK_DISABLED, None, environ).value
    if isinstance(values["traces"], Traces):
        values["traces"] = "none" if sdk_disabled else owned(values["traces"], environ)
    sends = isinstance(values["traces"], Owned) or values["push"]
    return Settings(
        enabled=not disabled,
        layout=layout,
        resource=find(RESOURCE, None, environ).value if sends else {},
        sdk_disabled=sdk_disabled,
        **{**values, "access": values["access"] or access_from(environ)},
    )


def owned(asked: Traces, environ: Mapping[str, str]) -> Owned:
    """
    Fill in what `Traces` does not say.

    Args:
        asked: What it says.
        environ: Environment variables.

    Raises:
        ConfigError: If a value cannot be used, or two do not go together.
    """
    found = {_last(each): find(each, getattr(asked, _last(each)), environ) for each in TRACES}
    share, parent_based, custom = _sampling(asked, found["sampler"].value, environ)
    queue_size, batch_size = found["queue_size"].value, found["batch_size"].value
    if batch_size > queue_size:
        if found["batch_size"].source != DEFAULT:
            raise ConfigError(
                f"{_called(found['batch_size'])}: got {batch_size}, allowed at most "
                f"{_called(found['queue_size'])}, which is {queue_size}"
            )
        batch_size = queue_size
    slower_s = found["keep_slower_than"].value
    limits = found["limits"].value
    return Owned(
        to=targets_of(asked.to),
        share=share,
        parent_based=parent_based,
        sampler=custom,
        keep_errors=found["keep_errors"].value,
        keep_slower_ns=None if slower_s is None else round(slower_s * 1e9),
        queue_size=queue_size,
        batch_size=batch_size,
        delay_s=found["delay"].value,
        export_timeout_s=found["export_timeout"].value,
        limits=_limits(environ) if limits is None else limits,
        asked=asked,
    )


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
    return Limits(**{_last(each): find(each, None, environ).value for each in LIMITS})


def access_from(environ: Mapping[str, str]) -> Access | None:
    """
    Who may read the endpoint, as variables say it.

    Args:
        environ: Environment variables.

    Returns:
        None if they say nothing.

    Raises:
        ConfigError: If they are of no use.
    """
    found = [find(each, None, environ) for each in ACCESS]
    said = {_last(each.setting): each.value for each in found if each.source != DEFAULT}
    if not said:
        return None
    from agentmon.export.access import Access  # noqa: PLC0415  # few restrict access

    try:
        return Access(**said)
    except ConfigError as error:
        message = str(error).removeprefix("access: ")
        name, colon, rest = message.partition(": ")
        if name in said:
            raise ConfigError(f"AGENTMON_ACCESS_{name.upper()}{colon}{rest}") from None
        raise ConfigError(f"AGENTMON_ACCESS_*: {message}") from None


def _last(setting: Setting) -> str:
    """The name of a setting within what it belongs to."""
    return setting.name.rpartition(".")[2]


def _called(found: Found) -> str:
    """What to call a value in a message."""
    variable = found.source not in (ARGUMENT, DEFAULT)
    return found.source if variable else found.setting.name
