"""
From arguments and variables to what is in force.

Arguments win over ``AGENTMON_*`` variables, which win over the standard ``OTEL_*`` ones, which win
over the defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from agentmon._settings.find import DEFAULT, find
from agentmon._settings.owned import Owned, owned
from agentmon._settings.table import ACCESS, RESOURCE, SDK_DISABLED, SETTINGS
from agentmon._settings.values import goes_by_otlp
from agentmon.errors import ConfigError
from agentmon.model.buckets import EDGES_S, Layout
from agentmon.record.limits import MAX_SERIES
from agentmon.tracing.options import Traces

if TYPE_CHECKING:
    from agentmon.export.access import Access
    from agentmon.model.prices import PriceTable

__all__ = ["Settings", "access_from", "pushed", "resolve"]


@dataclass(frozen=True, slots=True)
class Settings:
    """
    What is in force.

    Args:
        enabled: Whether anything is recorded.
        instrument: Libraries that are measured by themselves.
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
        prices: What models and computing cost; None for the table that is shipped.
        user_key: Key that ids of users are hashed with; None for a random one.
        interrupts: Exceptions by which programs steer themselves.
        timeouts: Exceptions that mean a timeout.
        layout: Cells and classic buckets of the histograms.
        shared: Folder in which processes share their counts, or None.
        max_series: The most series kept.
        process_metrics: Whether the endpoint shows ``process_*`` and ``python_*`` too.
        resources: Seconds between two samples of resources; 0 for none.
        storage: Paths whose size is sampled, by name.
        standard_metrics: Whether the metrics of the conventions are made.
        agent_cpu: Whether the CPU time of each agent is measured.
        agent_memory: In one of how many calls the memory of agents is measured; 0 for none.
        resource: What ``OTEL_RESOURCE_ATTRIBUTES`` says of the process; read only where it is
            sent.
        sdk_disabled: Whether ``OTEL_SDK_DISABLED`` forbids to send spans and OTLP.
    """

    enabled: bool = True
    instrument: tuple[str, ...] = ()
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
    prices: PriceTable | None = None
    user_key: bytes | None = None
    interrupts: tuple[type[BaseException], ...] = ()
    timeouts: tuple[type[BaseException], ...] = ()
    layout: Layout = field(default_factory=Layout)
    shared: str | None = None
    max_series: int = MAX_SERIES
    process_metrics: bool = True
    resources: float = 15.0
    storage: Mapping[str, str] = field(default_factory=dict, hash=False)
    standard_metrics: bool = False
    agent_cpu: bool = False
    agent_memory: int = 0
    resource: Mapping[str, str] = field(default_factory=dict, hash=False)
    sdk_disabled: bool = False

    @property
    def constant_labels(self) -> dict[str, str]:
        """Labels of every sample."""
        named = {"service": self.service, "region": self.region}
        return {name: value for name, value in named.items() if value}


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
    found = {each.name: find(each, given.get(each.name), environ) for each in SETTINGS}
    values = {name: each.value for name, each in found.items()}
    disabled = values.pop(".disabled")
    instrument = values.pop(".instrument")
    digits, buckets = values.pop("digits"), values.pop("buckets")
    layout = Layout(digits=digits, edges_s=EDGES_S if buckets is None else buckets)
    values["serve"] = values["serve"] or None  # an empty argument is an answer
    sdk_disabled = find(SDK_DISABLED, None, environ).value
    if isinstance(values["traces"], Traces):
        values["traces"] = "none" if sdk_disabled else owned(found["traces"], environ)
    values["push"] = pushed(values["push"], environ, sdk_disabled)
    sends = isinstance(values["traces"], Owned) or values["push"]
    return Settings(
        enabled=not disabled,
        instrument=instrument,
        layout=layout,
        resource=find(RESOURCE, None, environ).value if sends else {},
        sdk_disabled=sdk_disabled,
        **{**values, "access": values["access"] or access_from(environ)},
    )


def pushed(
    places: tuple[Any, ...],
    environ: Mapping[str, str],
    sdk_disabled: bool,  # noqa: FBT001
) -> tuple[Any, ...]:
    """
    The places where metrics are pushed to, with everything said.

    Args:
        places: As they were given.
        environ: Environment variables.
        sdk_disabled: Whether nothing may leave by OTLP.

    Raises:
        ConfigError: If a variable cannot be used.
    """
    if not places:
        return ()
    from agentmon.export.push.ways import ready  # noqa: PLC0415  # few push

    return tuple(
        ready(each, environ) for each in places if not (sdk_disabled and goes_by_otlp(each))
    )


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
    said = {each.setting.last: each.value for each in found if each.source != DEFAULT}
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
