"""
Every setting, declared once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from agentmon._settings import values as v
from agentmon.record.limits import MAX_SERIES
from agentmon.tracing.limits import DEFAULT

__all__ = [
    "ACCESS",
    "LIMITS",
    "PARENT_BASED",
    "PROPAGATORS",
    "RESOURCE",
    "SDK_DISABLED",
    "SETTINGS",
    "TRACES",
    "TRANSPORT",
    "Setting",
]

_LONGEST_TEXT = 200
PARENT_BASED: Final = "parentbased_"
SHARING: Final = "traceidratio"
_ROOTS: Final = ("always_on", "always_off", SHARING)
_SAMPLERS: Final = (*_ROOTS, *(PARENT_BASED + name for name in _ROOTS))

#: Reads the text of a variable. None is as if the variable were not set.
Read = Callable[[str], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """
    One setting.

    Args:
        name: The argument of ``configure()``; with a dot before its last part, the argument of an
            object that is one. Settings that are no argument begin with a dot.
        variables: The variables that say it, strongest first, and how each is read.
        check: Makes of what was given or read what is meant; raises `ValueError` if it cannot.
        default: What it is if nobody says; not checked.
        allowed: What it may be, in words.
        shown: The default in words, where the value does not say enough.
        help: What it is.
        secret: Whether it must not be shown.
        unit: What its number counts, where that is not plain.
    """

    name: str
    variables: Mapping[str, Read] = field(default_factory=dict)
    check: Callable[[object], Any] = v.as_it_is
    default: Any = None
    allowed: str
    shown: str = ""
    help: str
    secret: bool = False
    unit: str = ""

    @property
    def last(self) -> str:
        """The last part of its name."""
        return self.name.rpartition(".")[2]


_FLAG: Final = ", ".join((*v.TRUE, *v.FALSE))

SETTINGS: Final[tuple[Setting, ...]] = (
    Setting(
        name=".disabled",
        variables={"AGENTMON_DISABLED": v.flag},
        default=False,
        allowed=_FLAG,
        help="Record nothing and serve nothing.",
    ),
    Setting(
        name=".instrument",
        variables={"AGENTMON_INSTRUMENT": v.listed},
        check=v.libraries_of,
        default=(),
        allowed="auto, or what `instrument()` takes; several separated by commas",
        shown="none; of `agentmon run` auto",
        help="Libraries that are [measured by themselves](../run.md), from `configure()` on.",
    ),
    Setting(
        name="service",
        variables={
            "AGENTMON_SERVICE": v.just,
            "OTEL_SERVICE_NAME": v.just,
            "OTEL_RESOURCE_ATTRIBUTES": v.service_name,
        },
        check=v.text_of(_LONGEST_TEXT),
        default="",
        allowed=f"at most {_LONGEST_TEXT} printable characters",
        shown="none",
        help="Name of the service; a label of every sample.",
    ),
    Setting(
        name="region",
        variables={"AGENTMON_REGION": v.just},
        check=v.text_of(_LONGEST_TEXT),
        default="",
        allowed=f"at most {_LONGEST_TEXT} printable characters",
        shown="none",
        help="Where it runs; a label of every sample.",
    ),
    Setting(
        name="serve",
        variables={"AGENTMON_SERVE": v.just},
        check=v.address_of,
        allowed="an address such as '127.0.0.1:9464', [IPv6 address]:port, or a port from 0 to "
        "65535",
        shown="nothing is served",
        help="Address to serve on: `host:port`, `[IPv6 address]:port`, or a port alone, which "
        "means loopback. Port 0 takes any free one.",
    ),
    Setting(
        name="serve_optional",
        check=v.flag_of,
        default=False,
        allowed="True or False",
        help="Where the address cannot be had, go on without serving, with a warning in the log.",
    ),
    Setting(
        name="traces",
        variables={"AGENTMON_TRACES": v.just},
        check=v.traces_of,
        default="auto",
        allowed="auto, host, none, otlp, a URL such as http://localhost:4318 or "
        "grpc://localhost:4317, agentmon.Traces(...), a SpanExporter, a SpanProcessor, or a list "
        "of targets",
        help="`auto`: spans as soon as the host has a tracer provider. `host`: insist that it has "
        "one. `none`: no spans. Anything else: agentmon makes and exports them.",
    ),
    Setting(
        name="semconv",
        variables={"AGENTMON_SEMCONV": v.just},
        check=v.choice_of("genai-1.41", "genai-0.1", "both"),
        default="genai-1.41",
        allowed="genai-1.41, genai-0.1, both",
        help="Which semantic conventions the attributes of spans follow.",
    ),
    Setting(
        name="content",
        variables={"AGENTMON_CONTENT": v.flag},
        check=v.flag_of,
        default=False,
        allowed=f"True or False; as a variable {_FLAG}",
        help="Put prompts, arguments and results on spans, after redaction.",
    ),
    Setting(
        name="redact",
        check=v.callable_of,
        allowed="a function from text to text",
        shown="`agentmon.redaction.standard`",
        help="What every text of content passes through before it is kept.",
    ),
    Setting(
        name="content_limit",
        variables={"AGENTMON_CONTENT_LIMIT": v.whole},
        check=v.whole_of(1),
        default=8192,
        allowed="a whole number above 0",
        help="Characters kept of one value of content.",
    ),
    Setting(
        name="failure_logs",
        variables={"AGENTMON_FAILURE_LOGS": v.flag},
        check=v.flag_of,
        default=True,
        allowed=f"True or False; as a variable {_FLAG}",
        help="Log a record for each failure.",
    ),
    Setting(
        name="native_histograms",
        variables={"AGENTMON_NATIVE_HISTOGRAMS": v.flag},
        check=v.flag_of,
        default=False,
        allowed=f"True or False; as a variable {_FLAG}",
        help="Offer native histograms to servers that ask for protobuf.",
    ),
    Setting(
        name="push",
        variables={"AGENTMON_PUSH": v.listed},
        check=v.pushes_of,
        default=(),
        allowed="pushgateway=URL, textfile=PATH, remote-write=URL, otlp=URL, otlp, the objects "
        "of agentmon for them, or a list of those; as a variable, separated by commas",
        shown="nowhere",
        help="Where metrics are pushed to when recording ends, besides being served.",
    ),
    Setting(
        name="access",
        check=v.access_of,
        allowed="agentmon.Access(...)",
        shown="anybody who reaches the address",
        help="Who may read the endpoint.",
        secret=True,
    ),
    Setting(
        name="prices",
        variables={"AGENTMON_PRICES": v.just},
        check=v.prices_of,
        allowed="a mapping with 'models', or the path of a file of JSON with one",
        shown="shipped",
        help="What models and computing cost, on top of the [prices that are shipped](../cost.md).",
    ),
    Setting(
        name="user_key",
        variables={"AGENTMON_USER_KEY": v.just},
        check=v.key_of,
        allowed="text or bytes, at least 16 of them",
        shown="random",
        help="Key that ids of users are hashed with, the same for all processes of a deployment; "
        "by default a random one for each process.",
        secret=True,
    ),
    Setting(
        name="interrupts",
        check=v.exceptions_of,
        default=(),
        allowed="exception classes",
        shown="none",
        help="Exceptions by which programs steer themselves; they have the outcome interrupted.",
    ),
    Setting(
        name="timeouts",
        check=v.exceptions_of,
        default=(),
        allowed="exception classes",
        shown="none",
        help="Exceptions that mean a timeout, besides `TimeoutError` and those of `asyncio` and "
        "`concurrent.futures`.",
    ),
    Setting(
        name="digits",
        default=2,
        allowed="1, 2, 3 or 4",
        help="Significant digits of the histograms.",
    ),
    Setting(
        name="buckets",
        check=v.items_of,
        allowed="rising numbers",
        shown="[20 edges](metrics.md#buckets)",
        help="Upper edges of the classic buckets in seconds, rising, at most 255, below 24 h.",
    ),
    Setting(
        name="shared",
        variables={"AGENTMON_SHARED_DIR": v.just},
        check=v.folder_of,
        allowed="a folder",
        shown="nothing is shared",
        help="Folder in which several processes share their counts, so that each of them shows "
        "those of all.",
    ),
    Setting(
        name="max_series",
        check=v.whole_of(1),
        default=MAX_SERIES,
        allowed="a whole number above 0",
        help="The most series kept; what is beyond is recorded as `other`.",
    ),
    Setting(
        name="process_metrics",
        check=v.flag_of,
        default=True,
        allowed="True or False",
        help="Whether the endpoint shows `process_*` and `python_*` metrics as well.",
    ),
    Setting(
        name="resources",
        variables={"AGENTMON_RESOURCES": v.seconds_or_no},
        check=v.repeated_of,
        default=15.0,
        allowed="seconds above 0, or False",
        help="How often [what the process and its host use](../resources.md) is sampled, in "
        "seconds; `False`, or `off` as a variable, for not at all.",
        unit="s",
    ),
    Setting(
        name="storage",
        variables={"AGENTMON_STORAGE": v.attributes},
        check=v.storage_of,
        default={},
        allowed="paths by name; as a variable name=path, separated by commas",
        shown="none",
        help="Paths whose size is sampled with the resources.",
    ),
    Setting(
        name="standard_metrics",
        variables={"AGENTMON_STANDARD_METRICS": v.flag},
        check=v.flag_of,
        default=False,
        allowed=f"True or False; as a variable {_FLAG}",
        help="Make the [metrics of the conventions](../standard-metrics.md), `gen_ai.*`, too.",
    ),
    Setting(
        name="agent_cpu",
        variables={"AGENTMON_AGENT_CPU": v.flag},
        check=v.flag_of,
        default=False,
        allowed=f"True or False; as a variable {_FLAG}",
        help="Measure the [CPU time of each agent](../resources.md#cpu-time-of-agents).",
    ),
    Setting(
        name="agent_memory",
        variables={"AGENTMON_AGENT_MEMORY": v.whole},
        check=v.whole_of(0),
        default=0,
        allowed="a whole number, 0 for none",
        help="Measure the [memory that agents allocate](../resources.md#memory-of-agents) in one "
        "of so many calls of each.",
    ),
)

RESOURCE: Final = Setting(
    name=".resource",
    variables={"OTEL_RESOURCE_ATTRIBUTES": v.attributes},
    default={},
    allowed="key=value pairs, separated by commas",
    shown="none",
    help="What spans, log records and pushed metrics say of the process, besides the service.",
)

SDK_DISABLED: Final = Setting(
    name=".sdk_disabled",
    variables={"OTEL_SDK_DISABLED": v.true_only},
    default=False,
    allowed="true or false",
    help="`true`: agentmon makes no spans itself and pushes nothing to `otlp`, whatever "
    "arguments say.",
)

RATIO: Final = Setting(
    name="traces.ratio",
    variables={"OTEL_TRACES_SAMPLER_ARG": v.fraction},
    check=v.ratio_of,
    default=1.0,
    allowed="a number from 0 to 1",
    help="Share of the traces that the sampler `traceidratio` records.",
)

#: What `Traces` says, and the variables for what it does not.
TRACES: Final[tuple[Setting, ...]] = (
    Setting(
        name="traces.sampler",
        variables={"OTEL_TRACES_SAMPLER": str.lower},
        check=v.sampler_of(*_SAMPLERS),
        default="parentbased_always_on",
        allowed=f"{', '.join(_SAMPLERS)}; as an argument also an object with should_sample",
        help="Which traces are recorded.",
    ),
    Setting(
        name="traces.keep_errors",
        check=v.flag_of,
        default=False,
        allowed="True or False",
        help="Record traces with an error even if they were not sampled.",
    ),
    Setting(
        name="traces.keep_slower_than",
        check=v.seconds_of(zero=True),
        allowed="seconds, 0 or more",
        shown="off",
        help="Likewise those with a span that took longer, in seconds.",
        unit="s",
    ),
    Setting(
        name="traces.queue_size",
        variables={"OTEL_BSP_MAX_QUEUE_SIZE": v.whole},
        check=v.whole_of(1),
        default=16384,
        allowed="a whole number above 0",
        help="The most ended spans that wait to be sent; more are dropped and counted.",
    ),
    Setting(
        name="traces.batch_size",
        variables={"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": v.whole},
        check=v.whole_of(1),
        default=512,
        allowed="a whole number above 0, at most the size of the queue",
        help="The most spans sent at once.",
    ),
    Setting(
        name="traces.delay",
        variables={"OTEL_BSP_SCHEDULE_DELAY": v.milliseconds},
        check=v.seconds_of(zero=True),
        default=1.0,
        allowed="seconds, 0 or more; as a variable whole milliseconds",
        help="The longest that spans wait for others to be sent with, in seconds; the variable "
        "says it in milliseconds.",
        unit="s",
    ),
    Setting(
        name="traces.export_timeout",
        variables={"OTEL_BSP_EXPORT_TIMEOUT": v.milliseconds},
        check=v.seconds_of(),
        default=300.0,
        allowed="seconds above 0; as a variable whole milliseconds",
        help="How long one batch is tried for, all attempts together, in seconds; the variable "
        "says it in milliseconds.",
        unit="s",
    ),
    Setting(
        name="traces.limits",
        check=v.limits_of,
        allowed="agentmon.Limits(...)",
        shown="as below",
        help="What a span may hold; where it is given, the variables below are not read.",
    ),
)

_OTLP = "OTEL_EXPORTER_OTLP_"


def _transport(signal: str) -> tuple[Setting, ...]:
    """
    How OTLP is sent for one signal; checked by `agentmon.export.otlp.destination`.

    Args:
        signal: ``traces``, ``logs`` or ``metrics``.
    """
    return tuple(
        Setting(
            name=f"{signal}.{what}",
            variables=dict.fromkeys(
                (f"{_OTLP}{signal.upper()}_{what.upper()}", f"{_OTLP}{what.upper()}"),
                {"headers": v.attributes, "timeout": v.fraction}.get(what, v.just),
            ),
            check=check,
            allowed=allowed,
            shown=default,
            help=meaning,
            secret=what == "headers",
            unit="s" if what == "timeout" else "",
        )
        for what, check, default, allowed, meaning in (
            (
                "endpoint",
                v.as_it_is,
                "`http://localhost:4318`; by gRPC port 4317",
                "http://, https://, grpc:// or grpcs:// with host and port",
                f"Where `otlp` is sent; `/v1/{signal}` is added to what the general variable says.",
            ),
            (
                "protocol",
                v.choice_of("http/protobuf", "grpc"),
                "`http/protobuf`",
                "http/protobuf, grpc",
                "How it travels.",
            ),
            (
                "headers",
                v.headers_of,
                "none",
                "names and texts; as a variable key=value, separated by commas",
                "Sent along; never shown.",
            ),
            ("compression", v.choice_of("gzip", "none"), "`none`", "gzip, none", "Of the body."),
            (
                "timeout",
                v.seconds_of(),
                "10 s",
                "seconds above 0, also as a variable",
                "Of one attempt to send; the variable as OpenTelemetry for Python reads it.",
            ),
            ("certificate", v.path_of, "the system's", "a file", "Certificates to trust, in PEM."),
            ("client_certificate", v.path_of, "none", "a file", "Certificate to show, in PEM."),
            ("client_key", v.path_of, "none", "a file", "Its key, in PEM."),
            (
                "insecure",
                v.as_it_is,
                "`false`",
                "true, false",
                "No TLS by gRPC, where the address has no scheme.",
            ),
        )
    )


#: How spans, log records and metrics travel by OTLP.
TRANSPORT: Final = {signal: _transport(signal) for signal in ("traces", "logs", "metrics")}

#: The fields of `Limits`, which `Traces` takes as a whole.
LIMITS: Final[tuple[Setting, ...]] = tuple(
    Setting(
        name=f"traces.limits.{field_name}",
        variables=dict.fromkeys(variables, v.whole),
        check=v.limit_of,
        default=default,
        allowed="a whole number",
        shown="" if default is not None else "no limit",
        help=meaning,
    )
    for field_name, default, meaning, variables in (
        (
            "attributes",
            DEFAULT.attributes,
            "Attributes of a span.",
            ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"),
        ),
        (
            "attribute_length",
            DEFAULT.attribute_length,
            "Characters of an attribute's text.",
            ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"),
        ),
        ("events", DEFAULT.events, "Events of a span.", ("OTEL_SPAN_EVENT_COUNT_LIMIT",)),
        ("links", DEFAULT.links, "Links of a span.", ("OTEL_SPAN_LINK_COUNT_LIMIT",)),
        (
            "event_attributes",
            DEFAULT.event_attributes,
            "Attributes of an event.",
            ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"),
        ),
        (
            "link_attributes",
            DEFAULT.link_attributes,
            "Attributes of a link.",
            ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"),
        ),
    )
)

#: The arguments of `Access`, where the argument gives none.
ACCESS: Final[tuple[Setting, ...]] = tuple(
    Setting(
        name=f"access.{argument}",
        variables={f"AGENTMON_ACCESS_{argument.upper()}": read},
        allowed=allowed,
        shown="none",
        help=meaning,
        secret=argument in ("password", "token"),
    )
    for argument, read, allowed, meaning in (
        ("user", v.just, "text without a colon", "Name for basic authentication."),
        ("password", v.just, "text", "Its password."),
        ("password_file", v.just, "a file", "File that holds the password instead."),
        ("token", v.just, "letters, digits and -._~+/, then =", "Bearer token."),
        ("token_file", v.just, "a file", "File that holds the token instead."),
        ("certificate", v.just, "a file", "Certificate of the endpoint in PEM, for TLS."),
        ("key", v.just, "a file", "Its private key in PEM."),
        ("client_ca", v.just, "a file", "Authorities whose certificates clients must show."),
        (
            "hosts",
            v.listed,
            "names, or '*'; as a variable separated by commas",
            "Names by which the endpoint may be asked.",
        ),
    )
)

#: What OpenTelemetry's API reads by itself.
PROPAGATORS: Final = Setting(
    name=".propagators",
    variables={"OTEL_PROPAGATORS": v.just},
    default="tracecontext,baggage",
    allowed="names, separated by commas",
    help="How the trace is passed on between processes; read by OpenTelemetry itself.",
)
