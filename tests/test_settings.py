"""What is configured, and from where."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk import environment_variables as standard
from opentelemetry.sdk.resources import OTELResourceDetector
from opentelemetry.sdk.trace import SpanLimits, sampling
from opentelemetry.sdk.trace.export import (
    ConsoleSpanExporter,
    SimpleSpanProcessor,
)

import agentmon
from agentmon import _settings
from agentmon._settings import Owned, Settings, doubts
from agentmon._settings import prices as price_files
from agentmon._settings.find import ARGUMENT, DEFAULT, find
from agentmon._settings.spelling import KNOWN
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
    Setting,
)
from agentmon.errors import ConfigError
from agentmon.export.access import Access
from agentmon.export.otlp.destination import Destination
from agentmon.export.push.otlp import OTLPMetrics
from agentmon.export.push.textfile import Textfile
from agentmon.model.buckets import EDGES_S, Layout
from agentmon.tracing.limits import Limits
from agentmon.tracing.options import Traces

EVERY: tuple[Setting, ...] = (
    *(*SETTINGS, *TRACES, *LIMITS, *ACCESS, RATIO, RESOURCE, SDK_DISABLED, PROPAGATORS),
    *(each for signal in TRANSPORT.values() for each in signal),
)
SECRET = "hunter2"  # noqa: S105  # it is none

#: A text for each variable, and what it means.
PRICES = str(max(price_files._FOLDER.glob("*.json")))

TEXTS: dict[str, tuple[str, Any]] = {
    "AGENTMON_INSTRUMENT": ("httpx, redis", ("httpx", "redis")),
    "AGENTMON_PRICES": (PRICES, price_files.table(PRICES)),
    "AGENTMON_USER_KEY": ("k" * 16, b"k" * 16),
    "AGENTMON_DISABLED": ("yes", True),
    "AGENTMON_SERVICE": ("ours", "ours"),
    "AGENTMON_REGION": ("eu", "eu"),
    "AGENTMON_SERVE": ("127.0.0.1:9464", "127.0.0.1:9464"),
    "AGENTMON_TRACES": ("http://c:4318", Traces(("http://c:4318",))),
    "AGENTMON_SEMCONV": ("both", "both"),
    "AGENTMON_CONTENT": ("on", True),
    "AGENTMON_CONTENT_LIMIT": ("17", 17),
    "AGENTMON_FAILURE_LOGS": ("off", False),
    "AGENTMON_NATIVE_HISTOGRAMS": ("TRUE", True),
    "AGENTMON_PUSH": ("textfile=/srv/x.prom, otlp", (Textfile("/srv/x.prom"), OTLPMetrics())),
    "AGENTMON_ACCESS_HOSTS": ("a, b", ("a", "b")),
    "AGENTMON_SHARED_DIR": ("/srv/shared", "/srv/shared"),
    "AGENTMON_RESOURCES": ("2.5", 2.5),
    "AGENTMON_STANDARD_METRICS": ("on", True),
    "AGENTMON_AGENT_CPU": ("on", True),
    "AGENTMON_AGENT_MEMORY": ("100", 100),
    "AGENTMON_STORAGE": ("cache=/srv/cache", {"cache": "/srv/cache"}),
    "OTEL_SERVICE_NAME": ("standard", "standard"),
    "OTEL_RESOURCE_ATTRIBUTES": ("a=1,b=x%20y", {"a": "1", "b": "x y"}),
    "OTEL_SDK_DISABLED": ("True", True),
    "OTEL_TRACES_SAMPLER": ("Always_Off", "always_off"),
    "OTEL_TRACES_SAMPLER_ARG": ("0.25", 0.25),
    "OTEL_BSP_MAX_QUEUE_SIZE": ("2048", 2048),
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": ("64", 64),
    "OTEL_BSP_SCHEDULE_DELAY": ("250", 0.25),
    "OTEL_BSP_EXPORT_TIMEOUT": ("1500", 1.5),
    **{
        variable: {
            "TIMEOUT": ("2.5", 2.5),
            "HEADERS": ("a=b,c=d%3D", {"a": "b", "c": "d="}),
            "PROTOCOL": ("grpc", "grpc"),
            "COMPRESSION": ("gzip", "gzip"),
        }.get(variable.rpartition("_")[2], ("text", "text"))
        for variable in KNOWN
        if variable.startswith("OTEL_EXPORTER_OTLP_")
    },
    **{
        variable: (str(number), number)
        for number, variable in enumerate(
            sorted(name for name in KNOWN if name.endswith("_LIMIT") and name.startswith("OTEL_"))
        )
    },
}
#: An argument for each setting that can be one.
ARGUMENTS: dict[str, Any] = {
    "service": "given",
    "region": "given",
    "serve": "9465",
    "serve_optional": True,
    "traces": "host",
    "semconv": "genai-0.1",
    "content": False,
    "redact": str.upper,
    "content_limit": 3,
    "failure_logs": True,
    "native_histograms": False,
    "push": (Textfile("/srv/given.prom"),),
    "prices": price_files.shipped(),
    "user_key": b"given" * 4,
    "access": Access(token="given"),  # noqa: S106  # it is none
    "interrupts": (KeyError,),
    "timeouts": (OSError,),
    "digits": 3,
    "buckets": (1, 2),
    "max_series": 5,
    "process_metrics": False,
    "shared": "/given",
    "resources": 60.0,
    "storage": {"given": "/given"},
    "standard_metrics": False,
    "agent_cpu": False,
    "agent_memory": 7,
    "traces.sampler": "traceidratio",
    "traces.ratio": 0.75,
    "traces.keep_errors": True,
    "traces.keep_slower_than": 2.0,
    "traces.queue_size": 9,
    "traces.batch_size": 8,
    "traces.delay": 0.0,
    "traces.export_timeout": 7.0,
    "traces.limits": Limits(events=1),
    "traces.protocol": "grpc",
    "traces.headers": {"given": "1"},
    "traces.compression": "none",
    "traces.timeout": 1.0,
    "traces.certificate": "/given",
}


class Exporter:
    """Stands for an exporter of the SDK."""

    def export(self, spans: object) -> None:
        """Take spans."""

    def shutdown(self) -> None:
        """Stop."""


def resolve(environ: Mapping[str, str] | None = None, **arguments: Any) -> Settings:
    """Resolve some arguments."""
    return _settings.resolve(environ or {}, arguments)


def owned(environ: Mapping[str, str] | None = None, **options: Any) -> Owned:
    """What is in force where agentmon exports spans."""
    traces = resolve(environ, traces=Traces(**options)).traces
    assert isinstance(traces, Owned)
    return traces


# ---------------------------------------------------------------------- the table


def test_the_table_is_what_configure_takes() -> None:
    """Every argument of configure() is in the table, with the same default, and nothing else is."""
    parameters = inspect.signature(agentmon.configure).parameters
    declared = {each.name: each for each in SETTINGS if not each.name.startswith(".")}
    assert set(declared) == set(parameters)
    for name, parameter in parameters.items():
        assert parameter.default is None or parameter.default == declared[name].default


def test_the_table_is_what_traces_takes() -> None:
    """Every argument of Traces is in the table, and all in the table but endpoints are one."""
    declared = {each.last for each in (*TRACES, RATIO, *TRANSPORT["traces"])}
    taken = set(inspect.signature(Traces).parameters)
    assert declared - taken == {"endpoint", "insecure"}
    assert taken - declared == {"to"}


def test_the_table_is_what_limits_and_access_take() -> None:
    """Every field of Limits and argument of Access is in the table, and nothing else is."""
    assert [each.last for each in LIMITS] == list(inspect.signature(Limits).parameters)
    assert [each.last for each in ACCESS] == list(inspect.signature(Access).parameters)


def test_defaults_of_the_table_are_in_force() -> None:
    """Without arguments and variables, what the table says is in force."""
    settings = resolve()
    assert settings == Settings()
    assert settings.enabled
    assert (settings.service, settings.region, settings.serve) == ("", "", None)
    assert settings.traces == "auto"
    assert settings.layout == Layout(digits=2, edges_s=EDGES_S)
    assert settings.constant_labels == {}
    for each in SETTINGS:
        if each.name not in (".disabled", "service", "region", "digits", "buckets"):
            assert getattr(settings, each.last) == each.default, each.name
    standing = Owned(to=owned().to, logs=owned().logs)
    assert owned() == standing
    assert standing.limits == Limits()


def test_every_default_is_allowed() -> None:
    """A default that is a value passes its own check."""
    for each in EVERY:
        if each.default is not None:
            value = each.check(each.default)
            assert value == each.default or value.to == (each.default,), each.name


# ---------------------------------------------------------------------- what wins


@given(st.data())
def test_the_strongest_source_wins(data: st.DataObject) -> None:
    """An argument wins over all variables, a variable over those after it, and it says so."""
    setting = data.draw(st.sampled_from(EVERY))
    meant = {name: TEXTS.get(name, ("text", "text")) for name in setting.variables}
    if setting.name == "service":
        meant["OTEL_RESOURCE_ATTRIBUTES"] = ("a=b,service.name=among", "among")
    blank = st.sampled_from(["", " ", "\t"])
    environ, said = {}, []
    for name, (text, _) in meant.items():
        kind = data.draw(st.sampled_from(["said", "blank", "unset"]))
        if kind == "said":
            environ[name] = data.draw(st.sampled_from([text, f" {text} "]))
            said.append(name)
        elif kind == "blank":
            environ[name] = data.draw(blank)
    argument = ARGUMENTS.get(setting.name) if data.draw(st.booleans()) else None
    found = find(setting, argument, environ)
    if argument is not None:
        assert (found.source, found.hidden) == (ARGUMENT, tuple(said))
        assert found.value == argument
    elif said:
        assert (found.source, found.hidden) == (said[0], tuple(said[1:]))
        assert found.value == meant[said[0]][1]
    else:
        assert (found.source, found.hidden, found.value) == (DEFAULT, (), setting.default)


def test_our_variables_are_stronger_than_the_standard_ones() -> None:
    """In every setting AGENTMON_* stands before OTEL_*."""
    for each in EVERY:
        ours = [name.startswith("AGENTMON_") for name in each.variables]
        assert ours == sorted(ours, reverse=True), each.name
        assert all(name.startswith(("AGENTMON_", "OTEL_")) for name in each.variables)


def test_arguments_that_a_test_needs_are_there() -> None:
    """The table of this test has an argument for each setting that can be one."""
    can = {each.name for each in (*SETTINGS, *TRACES, RATIO) if not each.name.startswith(".")}
    assert set(ARGUMENTS) >= can


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("service", "AGENTMON_SERVICE"),
        ("region", "AGENTMON_REGION"),
        ("serve", "AGENTMON_SERVE"),
        ("semconv", "AGENTMON_SEMCONV"),
        ("content", "AGENTMON_CONTENT"),
        ("content_limit", "AGENTMON_CONTENT_LIMIT"),
        ("failure_logs", "AGENTMON_FAILURE_LOGS"),
        ("native_histograms", "AGENTMON_NATIVE_HISTOGRAMS"),
    ],
)
def test_variables_and_arguments_arrive(field: str, name: str) -> None:
    """What a variable says is in force, and an argument instead of it if there is one."""
    text, meant = TEXTS[name]
    assert getattr(resolve({name: text}), field) == meant
    argument = ARGUMENTS[field]
    assert getattr(resolve({name: text}, **{field: argument}), field) == argument


def test_an_empty_argument_is_an_answer() -> None:
    """An argument that is empty turns off what a variable asks for."""
    environ = {"AGENTMON_SERVICE": "s", "AGENTMON_REGION": "r", "AGENTMON_SERVE": "x:1"}
    environ |= {"AGENTMON_PUSH": "otlp"}
    settings = resolve(environ, service="", region="", serve="", push=())
    assert (settings.service, settings.region, settings.serve) == ("", "", None)
    assert settings.push == ()


def test_constant_labels_are_those_that_are_set() -> None:
    """Only what is configured becomes a label."""
    assert resolve(service="s").constant_labels == {"service": "s"}
    assert resolve(service="s", region="r").constant_labels == {"service": "s", "region": "r"}


@pytest.mark.parametrize("text", ["a=b", "nonsense", "a=b,nonsense"])
def test_a_resource_without_a_service_names_none(text: str) -> None:
    """Attributes of the resource that name no service, or are malformed, leave it unnamed."""
    assert resolve({"OTEL_RESOURCE_ATTRIBUTES": text}).service == ""
    environ = {"OTEL_SERVICE_NAME": "s", "OTEL_RESOURCE_ATTRIBUTES": "a=b"}
    (setting,) = (each for each in SETTINGS if each.name == "service")
    assert find(setting, None, environ).hidden == ()


@pytest.mark.parametrize("value", ["1", "true", "YES", " on "])
def test_disabled(value: str) -> None:
    """AGENTMON_DISABLED takes the usual words for yes."""
    assert not resolve({"AGENTMON_DISABLED": value}).enabled


@pytest.mark.parametrize("value", ["0", "False", "no", "off", "", " "])
def test_not_disabled(value: str) -> None:
    """AGENTMON_DISABLED takes the usual words for no."""
    assert resolve({"AGENTMON_DISABLED": value}).enabled


def test_exceptions_may_be_one_or_several() -> None:
    """One class, a tuple, and any other iterable of classes are taken."""
    assert resolve(interrupts=KeyError).interrupts == (KeyError,)
    assert resolve(timeouts=[KeyError, OSError]).timeouts == (KeyError, OSError)
    assert resolve(timeouts=iter((KeyError,))).timeouts == (KeyError,)


def test_buckets_may_be_any_iterable() -> None:
    """Edges come from any iterable of numbers."""
    assert resolve(buckets=iter([1, 2.5])).layout.edges_s == (1, 2.5)


# ---------------------------------------------------------------------- spans


@pytest.mark.parametrize("mode", ["auto", "host", "none"])
def test_modes_are_words(mode: str) -> None:
    """The modes in which agentmon exports nothing stay words."""
    assert resolve(traces=mode).traces == mode
    assert resolve({"AGENTMON_TRACES": mode}).traces == mode


def test_otlp_goes_where_the_standard_variables_say() -> None:
    """Spans and log records to otlp go to their own endpoints, else to the general one."""
    (to,) = owned().to
    assert to == Destination("http://localhost:4318/v1/traces")
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "https://c",
        "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://l/x",
    }
    there = resolve(environ, traces="otlp").traces
    assert isinstance(there, Owned)
    assert [each.url for each in there.to] == ["https://c/v1/traces"]
    assert [each.url for each in there.logs] == ["http://l/x"]
    quiet = resolve(environ, traces="otlp", failure_logs=False).traces
    assert isinstance(quiet, Owned)
    assert quiet.logs == there.logs  # evaluations are log records too


def test_a_url_wins_over_the_standard_endpoint() -> None:
    """An URL is where spans go, whatever endpoint a variable names; its headers still count."""
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://weaker",
        "OTEL_EXPORTER_OTLP_HEADERS": "a=b",
        "AGENTMON_TRACES": "grpcs://c",
    }
    traces = resolve(environ).traces
    assert isinstance(traces, Owned)
    (to,) = traces.to
    assert (to.url, to.protocol, to.headers) == ("https://c:4317", "grpc", {"a": "b"})


def test_transport_arrives_at_the_destination(tmp_path: Path) -> None:
    """What Traces says of the way wins over the variables for it."""
    file = tmp_path / "pem"
    file.touch()
    environ = {f"OTEL_EXPORTER_OTLP_{name}": "x" for name in ("PROTOCOL", "COMPRESSION", "TIMEOUT")}
    (to,) = owned(
        environ | {"OTEL_EXPORTER_OTLP_HEADERS": "weaker=1"},
        to="http://c",
        protocol="grpc",
        headers={"K": "v"},
        compression="gzip",
        timeout=3,
        certificate=file,
        client_certificate=file,
        client_key=str(file),
    ).to
    assert (to.protocol, to.headers, to.compression) == ("grpc", {"k": "v"}, "gzip")
    assert (to.timeout_seconds, to.certificate) == (3.0, str(file))
    assert (to.client_certificate, to.client_key) == (str(file), str(file))


def test_exporters_processors_and_lists_are_taken() -> None:
    """What the SDK exports with goes through as it is, alone and among others."""
    exporter, processor = ConsoleSpanExporter(), SimpleSpanProcessor(ConsoleSpanExporter())
    for given_, wanted in (
        (exporter, (exporter,)),
        (processor, (processor,)),
        ([exporter, processor], (exporter, processor)),
        (Traces([exporter, "http://c"]), (exporter, Destination("http://c/v1/traces"))),
    ):
        traces = resolve(traces=given_).traces
        assert isinstance(traces, Owned)
        assert traces.to == wanted
    processor.shutdown()


def test_what_the_caller_changes_later_changes_nothing() -> None:
    """Lists and headers are copied when they are given."""
    targets, headers = ["otlp"], {"a": "b"}
    asked = Traces(targets, headers=headers)
    targets.append("http://c")
    headers["a"] = "c"
    assert asked == Traces(["otlp"], headers={"a": "b"})
    hash(asked)


def test_delays_and_times_are_converted() -> None:
    """Arguments are seconds, the variables of the batch milliseconds, what is in force its name."""
    there = owned(TEXTS_OF_BATCH)
    assert (there.queue_size, there.batch_size) == (2048, 64)
    assert (there.delay_s, there.export_timeout_s) == (0.25, 1.5)
    assert owned(keep_slower_than=1.5).keep_slower_ns == 1_500_000_000
    assert owned(TEXTS_OF_BATCH, delay=3, export_timeout=4).delay_s == 3.0


TEXTS_OF_BATCH = {name: text for name, (text, _) in TEXTS.items() if "_BSP_" in name}


def test_a_batch_is_no_larger_than_the_queue() -> None:
    """The default gives way to a small queue; what was asked for is refused."""
    assert owned(queue_size=100).batch_size == 100
    with pytest.raises(
        ConfigError, match=r"traces\.batch_size: got 9, allowed at most traces\.queue_size.* 8"
    ):
        owned(queue_size=8, batch_size=9)
    environ = {"OTEL_BSP_MAX_QUEUE_SIZE": "8", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "9"}
    with pytest.raises(
        ConfigError, match=r"OTEL_BSP_MAX_EXPORT_BATCH_SIZE: .* OTEL_BSP_MAX_QUEUE_SIZE, which is 8"
    ):
        owned(environ)


def test_limits_that_are_given_are_in_force_as_a_whole() -> None:
    """Where Limits are given, no variable for them is read."""
    environ = {"OTEL_SPAN_EVENT_COUNT_LIMIT": "7", "OTEL_SPAN_LINK_COUNT_LIMIT": "nonsense"}
    assert owned(environ, limits=Limits(attributes=1)).limits == Limits(attributes=1)


class _Custom:
    def should_sample(self) -> None:
        """Decide."""


@pytest.mark.parametrize(
    ("environ", "options", "wanted"),
    [
        ({}, {}, (1.0, True)),
        ({}, {"sampler": "always_on"}, (1.0, False)),
        ({}, {"sampler": "always_off"}, (0.0, False)),
        ({}, {"sampler": "parentbased_always_off"}, (0.0, True)),
        ({}, {"ratio": 0.5}, (0.5, True)),
        ({}, {"ratio": 0}, (0.0, True)),
        ({}, {"sampler": "traceidratio"}, (1.0, False)),
        ({}, {"sampler": "traceidratio", "ratio": 0.5}, (0.5, False)),
        ({"OTEL_TRACES_SAMPLER": "traceidratio"}, {}, (1.0, False)),
        ({"OTEL_TRACES_SAMPLER": "always_off"}, {"ratio": 0.5}, (0.5, True)),
        ({"OTEL_TRACES_SAMPLER": "always_off"}, {"sampler": "always_on"}, (1.0, False)),
        ({"OTEL_TRACES_SAMPLER_ARG": "0.1"}, {"sampler": "traceidratio"}, (0.1, False)),
        ({"OTEL_TRACES_SAMPLER_ARG": "nonsense"}, {}, (1.0, True)),
    ],
)
def test_samplers(
    environ: dict[str, str], options: dict[str, Any], wanted: tuple[float, bool]
) -> None:
    """A sampler is a share and whether a parent decides; a ratio alone asks for one."""
    there = owned(environ, **options)
    assert (there.share, there.parent_based, there.sampler) == (*wanted, None)


def test_a_sampler_of_ones_own_is_passed_on() -> None:
    """An object that decides is in force as it is."""
    custom = _Custom()
    assert owned({"OTEL_TRACES_SAMPLER": "always_off"}, sampler=custom).sampler is custom


def test_variables_of_spans_are_not_read_where_the_host_makes_them() -> None:
    """What the host's own SDK may understand and agentmon does not is no error then."""
    environ = {"OTEL_TRACES_SAMPLER": "xray", "OTEL_BSP_SCHEDULE_DELAY": "soon"}
    environ |= {"OTEL_RESOURCE_ATTRIBUTES": "nonsense", "OTEL_EXPORTER_OTLP_PROTOCOL": "smoke"}
    for mode in ("auto", "host", "none"):
        assert resolve(environ, traces=mode).traces == mode


def test_the_resource_is_read_where_it_is_sent() -> None:
    """Attributes of the resource are in force with spans of agentmon and pushed metrics only."""
    environ = {"OTEL_RESOURCE_ATTRIBUTES": "a=b"}
    assert resolve(environ).resource == {}
    assert resolve(environ, traces="otlp").resource == {"a": "b"}
    assert resolve(environ, push="otlp").resource == {"a": "b"}
    with pytest.raises(ConfigError, match="OTEL_RESOURCE_ATTRIBUTES: got 'a', allowed key=value"):
        resolve({"OTEL_RESOURCE_ATTRIBUTES": "a"}, traces="otlp")


@pytest.mark.parametrize("traces", ["otlp", Exporter(), "http://c"])
def test_a_disabled_sdk_makes_no_spans(traces: object) -> None:
    """OTEL_SDK_DISABLED wins over whoever asks agentmon for spans; recording goes on."""
    settings = resolve({"OTEL_SDK_DISABLED": "TRUE"}, traces=traces)
    assert (settings.traces, settings.enabled, settings.sdk_disabled) == ("none", True, True)
    for word in ("1", "yes", "false", ""):
        assert isinstance(resolve({"OTEL_SDK_DISABLED": word}, traces=traces).traces, Owned)


def test_a_disabled_sdk_pushes_no_otlp() -> None:
    """Of the places where metrics are pushed to, OTEL_SDK_DISABLED leaves those without OTLP."""
    push = ["otlp", "textfile=/x.prom", "otlp=http://c", OTLPMetrics("http://c")]
    assert resolve({"OTEL_SDK_DISABLED": "true"}, push=push).push == (Textfile("/x.prom"),)


@pytest.mark.parametrize("mode", ["auto", "host", "none"])
def test_a_disabled_sdk_leaves_the_host_alone(mode: str) -> None:
    """What the host's provider does when it is disabled is its own affair."""
    assert resolve({"OTEL_SDK_DISABLED": "true"}, traces=mode).traces == mode


# ---------------------------------------------------------------------- as OpenTelemetry's SDK


@given(
    st.dictionaries(
        st.sampled_from(sorted({name for each in LIMITS for name in each.variables})),
        st.one_of(st.integers(0, 10**6).map(str), st.just(" ")),
    )
)
def test_limits_are_those_of_the_sdk(environ: dict[str, str]) -> None:
    """Limits of spans come from the same variables in the same order as in the SDK."""
    ours = owned(environ).limits
    with pytest.MonkeyPatch.context() as patch:
        for each in LIMITS:
            for name in each.variables:
                patch.delenv(name, raising=False)
        for name, text in environ.items():
            if text.strip():  # of one that is empty the SDK makes no limit; it is to be as unset
                patch.setenv(name, text)
        theirs = SpanLimits()
    assert ours == Limits(
        attributes=theirs.max_span_attributes,
        attribute_length=theirs.max_span_attribute_length,
        events=theirs.max_events,
        links=theirs.max_links,
        event_attributes=theirs.max_event_attributes,
        link_attributes=theirs.max_link_attributes,
    )


@pytest.mark.parametrize("argument", ["", "0", "0.25", "1"])
@pytest.mark.parametrize(
    "name", ["", *(f"{parent}{root}" for parent in ("", "parentbased_") for root in (
        "always_on", "always_off", "traceidratio"))]
)  # fmt: skip
def test_samplers_are_those_of_the_sdk(
    name: str, argument: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variables of the sampler ask for what they ask of the SDK."""
    environ = {"OTEL_TRACES_SAMPLER": name, "OTEL_TRACES_SAMPLER_ARG": argument}
    for variable, text in environ.items():
        monkeypatch.setenv(variable, text)
    if not argument:
        monkeypatch.delenv("OTEL_TRACES_SAMPLER_ARG")
    if not name:  # the SDK wants it not to be there
        monkeypatch.delenv("OTEL_TRACES_SAMPLER")
    theirs = sampling._get_from_env_or_default()
    ours = owned(environ)
    root = theirs._root if isinstance(theirs, sampling.ParentBased) else theirs
    shares = {sampling.ALWAYS_ON: 1.0, sampling.ALWAYS_OFF: 0.0}
    share = root.rate if isinstance(root, sampling.TraceIdRatioBased) else shares[root]
    assert (ours.share, ours.parent_based) == (share, isinstance(theirs, sampling.ParentBased))


@given(
    st.dictionaries(
        st.text("abz.%C3 é", min_size=1).map(str.strip).filter(bool),
        st.text("ab=%20é ").map(str.strip),
        min_size=1,
    )
)
def test_resources_are_those_of_the_sdk(attributes: dict[str, str]) -> None:
    """Values of attributes of the resource mean what they mean to the SDK."""
    text = ",".join(f"{key.replace('%', '')}k={value}" for key, value in attributes.items())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_RESOURCE_ATTRIBUTES", text)
        patch.delenv("OTEL_SERVICE_NAME", raising=False)
        theirs = dict(OTELResourceDetector().detect().attributes)
    assert resolve({"OTEL_RESOURCE_ATTRIBUTES": text}, traces="otlp").resource == theirs


# ---------------------------------------------------------------------- access and push


def test_access_comes_from_its_variables(tmp_path: Path) -> None:
    """AGENTMON_ACCESS_* are the arguments of Access; an argument hides all of them."""
    file = tmp_path / "password"
    file.write_text(f"{SECRET}\n")
    environ = {
        "AGENTMON_ACCESS_USER": "u",
        "AGENTMON_ACCESS_PASSWORD_FILE": str(file),
        "AGENTMON_ACCESS_HOSTS": "a.example, b.example",
    }
    assert resolve(environ).access == Access(
        user="u", password_file=file, hosts=("a.example", "b.example")
    )
    given_ = Access(token=SECRET)
    assert resolve(environ, access=given_).access is given_
    assert resolve({"AGENTMON_ACCESS_USER": " "}).access is None


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        (
            {"AGENTMON_ACCESS_USER": "u"},
            r"AGENTMON_ACCESS_\*: got user without a password, allowed both or neither",
        ),
        (
            {"AGENTMON_ACCESS_TOKEN": f"{SECRET} ?"},
            "AGENTMON_ACCESS_TOKEN: got a text with white space, allowed letters",
        ),
        (
            {"AGENTMON_ACCESS_TOKEN_FILE": "/nowhere/at/all"},
            "AGENTMON_ACCESS_TOKEN_FILE: cannot read '/nowhere/at/all': No such file",
        ),
    ],
)
def test_access_that_cannot_be_used(environ: dict[str, str], message: str) -> None:
    """What is wrong with access names the variable, and not the secret."""
    with pytest.raises(ConfigError, match=message) as caught:
        resolve(environ)
    assert SECRET not in str(caught.value)


# ---------------------------------------------------------------------- the same, and not


def test_equal_settings_are_equal() -> None:
    """Settings from equal arguments are equal; of objects, only the same one is."""
    exporter, other = Exporter(), Exporter()
    asked: dict[str, Any] = {"service": "s", "redact": str.upper, "access": Access(user="u", password="p")}  # noqa: S106, E501  # fmt: skip
    one = resolve(traces=Traces([exporter, "http://c"], ratio=0.5), **asked)
    asked["access"] = Access(user="u", password="p")  # noqa: S106
    assert one == resolve(traces=Traces([exporter, "http://c"], ratio=0.5), **asked)
    assert one != resolve(traces=Traces([other, "http://c"], ratio=0.5), **asked)
    assert one != resolve(traces=Traces([exporter, "http://c"], ratio=0.6), **asked)
    assert resolve(traces=exporter) == resolve(traces=[exporter])
    assert resolve(traces="http://c") == resolve({"AGENTMON_TRACES": "http://c"})


# ---------------------------------------------------------------------- what cannot be used


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"service": 5}, "service: got 5, allowed at most 200 printable"),
        ({"service": "x" * 201}, "service: got 'xxx.*, allowed at most 200 printable"),
        ({"region": "a\nb"}, r"region: got 'a\\nb', allowed at most 200 printable"),
        ({"serve": 9464}, "serve: got 9464, allowed an address such as '127.0.0.1:9464'"),
        ({"serve": "host"}, "serve: got 'host', allowed an address such as '127.0.0.1:9464'"),
        ({"serve_optional": "yes"}, "serve_optional: got 'yes', allowed True or False"),
        ({"traces": "owned"}, "traces: got 'owned', allowed auto, host, none"),
        ({"traces": 5}, "traces: got 5, allowed auto, host, none"),
        ({"traces": []}, r"traces: got \[\], allowed auto, host, none"),
        ({"traces": ["otlp", "auto"]}, r"traces: got \['otlp', 'auto'\], allowed auto"),
        ({"traces": "ftp://host"}, "traces: got 'ftp://host', allowed auto, host, none"),
        ({"traces": "http://"}, "traces: got 'http://', allowed auto, host, none"),
        ({"traces": "http://h:99999"}, "traces: got 'http://h:99999', allowed auto"),
        ({"traces": "http://h:0x1"}, "traces: got 'http://h:0x1', allowed auto"),
        ({"traces": Exporter}, "traces: got <class '.*Exporter'>, allowed auto, host, none"),
        ({"semconv": "1.41"}, "semconv: got '1.41', allowed genai-1.41, genai-0.1, both"),
        ({"content": 1}, "content: got 1, allowed True or False"),
        ({"redact": "x"}, "redact: got 'x', allowed a function from text to text"),
        ({"content_limit": 0}, "content_limit: got 0, allowed a whole number above 0"),
        ({"failure_logs": "no"}, "failure_logs: got 'no', allowed True or False"),
        ({"native_histograms": 0}, "native_histograms: got 0, allowed True or False"),
        ({"push": 5}, "push: got 5, allowed pushgateway=URL"),
        ({"push": "gateway=http://h"}, "push: got 'gateway=http://h', allowed pushgateway=URL"),
        ({"push": "textfile="}, "push: got 'textfile=', allowed pushgateway=URL"),
        ({"access": ("u", SECRET)}, "access: got a value that is not shown, allowed agentmon"),
        ({"max_series": 0}, "max_series: got 0, allowed a whole number above 0"),
        ({"resources": 0}, "resources: got 0, allowed seconds above 0, or False"),
        ({"resources": True}, "resources: got True, allowed seconds above 0, or False"),
        ({"storage": {"": "/x"}}, "storage: got {'': '/x'}, allowed paths by name"),
        ({"storage": {"a": 1}}, "storage: got {'a': 1}, allowed paths by name"),
        ({"max_series": 1.5}, "max_series: got 1.5, allowed a whole number above 0"),
        ({"max_series": True}, "max_series: got True, allowed a whole number above 0"),
        ({"max_series": "9"}, "max_series: got '9', allowed a whole number above 0"),
        ({"interrupts": 5}, "interrupts: got 5, allowed exception classes"),
        ({"interrupts": int}, "interrupts: got <class 'int'>, allowed exception classes"),
        ({"timeouts": [KeyError()]}, r"timeouts: got \[KeyError\(\)\], allowed exception classes"),
        ({"timeouts": "KeyError"}, "timeouts: got 'KeyError', allowed exception classes"),
        ({"digits": 5}, "digits: got 5, allowed 1, 2, 3 or 4"),
        ({"digits": "2"}, "digits: got '2', allowed 1, 2, 3 or 4"),
        ({"buckets": 5}, "buckets: got 5, allowed rising numbers"),
        ({"buckets": []}, r"bucket edges: got \(\), allowed rising numbers"),
        ({"buckets": [2, 1]}, r"bucket edges: got \(2, 1\), allowed rising numbers"),
        ({"buckets": ["1"]}, r"bucket edges: got \('1',\), allowed rising numbers"),
        ({"process_metrics": None.__class__}, "process_metrics: got <class 'NoneType'>, allowed"),
    ],
)
def test_arguments_that_cannot_be_used(arguments: dict[str, Any], message: str) -> None:
    """A bad argument raises at once: what, what was got, what is allowed."""
    with pytest.raises(ConfigError, match=message):
        resolve(**arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"to": "nowhere"}, r"traces: got Traces\(to='nowhere'.*, allowed auto, host, none"),
        ({"sampler": "sometimes"}, "traces.sampler: got 'sometimes', allowed always_on"),
        ({"sampler": 5}, "traces.sampler: got 5, allowed always_on"),
        ({"ratio": 2}, "traces.ratio: got 2, allowed a number from 0 to 1"),
        ({"ratio": True}, "traces.ratio: got True, allowed a number from 0 to 1"),
        ({"ratio": float("nan")}, "traces.ratio: got nan, allowed a number from 0 to 1"),
        (
            {"sampler": "always_on", "ratio": 0.5},
            "traces.ratio: got 0.5 with the sampler 'always_on', allowed only with traceidratio",
        ),
        ({"sampler": _Custom(), "ratio": 0.5}, "traces.ratio: got 0.5 with the sampler <"),
        ({"keep_errors": 1}, "traces.keep_errors: got 1, allowed True or False"),
        ({"keep_slower_than": -1}, "traces.keep_slower_than: got -1, allowed seconds, 0 or more"),
        ({"queue_size": 0}, "traces.queue_size: got 0, allowed a whole number above 0"),
        ({"batch_size": 1.5}, "traces.batch_size: got 1.5, allowed a whole number above 0"),
        ({"delay": "1"}, "traces.delay: got '1', allowed seconds, 0 or more"),
        ({"delay": float("inf")}, "traces.delay: got inf, allowed seconds, 0 or more"),
        ({"export_timeout": 0}, "traces.export_timeout: got 0, allowed seconds above 0"),
        ({"limits": 5}, r"traces.limits: got 5, allowed agentmon.Limits\(...\)"),
        ({"protocol": "smoke"}, "traces.protocol: got 'smoke', allowed http/protobuf, grpc"),
        ({"compression": "zip"}, "traces.compression: got 'zip', allowed gzip, none"),
        ({"timeout": -1}, "traces.timeout: got -1, allowed seconds above 0"),
        ({"headers": SECRET}, "traces.headers: got a value that is not shown, allowed names"),
        ({"certificate": 5}, "traces.certificate: got 5, allowed a file"),
        ({"certificate": "/no/such"}, "traces: certificate: got '/no/such', allowed a file"),
        (
            {"to": Exporter(), "headers": {"a": "b"}},
            "traces.headers: got one without a collector to send to, allowed with 'otlp' or a URL",
        ),
    ],
)
def test_options_of_spans_that_cannot_be_used(options: dict[str, Any], message: str) -> None:
    """A bad argument of Traces raises at configure(): what, what was got, what is allowed."""
    with pytest.raises(ConfigError, match=message):
        resolve(traces=Traces(**options))


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("AGENTMON_DISABLED", "maybe", "1, true, yes, on, 0, false, no, off"),
        ("AGENTMON_TRACES", "all", "auto, host, none"),
        ("AGENTMON_SERVICE", "a\tb", "at most 200 printable"),
        ("OTEL_SERVICE_NAME", "a\tb", "at most 200 printable"),
        ("AGENTMON_REGION", "x" * 99 + "\n1", "at most 200 printable"),
        ("AGENTMON_SERVE", "9464x", "an address such as"),
        ("AGENTMON_SEMCONV", "x", "genai-1.41, genai-0.1, both"),
        ("AGENTMON_CONTENT", "x", "True or False; as a variable 1, true"),
        ("AGENTMON_CONTENT_LIMIT", "1.5", "a whole number above 0"),
        ("AGENTMON_CONTENT_LIMIT", "٣", "a whole number above 0"),
        ("AGENTMON_FAILURE_LOGS", "x", "True or False; as a variable 1, true"),
        ("AGENTMON_NATIVE_HISTOGRAMS", "x", "True or False; as a variable 1, true"),
        ("AGENTMON_PUSH", "x", "pushgateway=URL"),
        ("OTEL_TRACES_SAMPLER", "xray", "always_on, always_off"),
        ("OTEL_BSP_SCHEDULE_DELAY", "1.5", "seconds, 0 or more; as a variable whole milliseconds"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "0", "seconds above 0; as a variable whole milliseconds"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "a whole number above 0"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "-1", "a whole number above 0"),
        *((name, "-1", "a whole number") for each in LIMITS for name in each.variables),
        ("OTEL_RESOURCE_ATTRIBUTES", "a", "key=value pairs, separated by commas"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "x", "http/protobuf, grpc"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "x", "seconds above 0"),
        ("OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", "x", "seconds above 0"),
    ],
)
def test_variables_that_cannot_be_used(name: str, value: str, allowed: str) -> None:
    """A bad variable raises as a bad argument does, under its own name."""
    asked = {} if name == "AGENTMON_TRACES" else {"traces": "otlp"}
    with pytest.raises(ConfigError) as caught:
        resolve({name: value}, **asked)
    message = str(caught.value)
    assert message.startswith(f"{name}: got {value!r:.60}"[:60])
    assert f", allowed {allowed}" in message


def test_a_ratio_that_is_needed_must_be_one() -> None:
    """The argument of the sampler is looked at where the sampler has one."""
    environ = {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "half"}
    with pytest.raises(
        ConfigError, match="OTEL_TRACES_SAMPLER_ARG: got 'half', allowed a number from 0 to 1"
    ):
        owned(environ)


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [
        ({"traces": f"ftp://user:{SECRET}@host"}, {}),
        ({"traces": f"http://host:x?key={SECRET}"}, {}),
        ({"traces": f"http://user:{SECRET}@host:99999"}, {}),
        ({"traces": [f"http://user:{SECRET}@host", 5]}, {}),
        ({"traces": Traces("nowhere", headers={"authorization": SECRET})}, {}),
        ({"traces": Traces(headers={"authorization": f"{SECRET}\n"})}, {}),
        ({"traces": Traces(f"http://user:{SECRET}@host", protocol="x")}, {}),  # type: ignore[arg-type]
        ({"push": f"pushgatway=http://user:{SECRET}@host"}, {}),
        ({}, {"AGENTMON_TRACES": f"htp://user:{SECRET}@host"}),
        ({}, {"AGENTMON_PUSH": f"x=http://user:{SECRET}@host/?token={SECRET}"}),
        ({"traces": "otlp"}, {"OTEL_EXPORTER_OTLP_ENDPOINT": f"htp://u:{SECRET}@host"}),
        ({"traces": "otlp"}, {"OTEL_EXPORTER_OTLP_HEADERS": SECRET}),
        ({}, {"AGENTMON_ACCESS_PASSWORD": SECRET}),
        ({}, {"AGENTMON_ACCESS_TOKEN": f"{SECRET}\x00"}),
    ],
)
def test_messages_hold_no_secret(arguments: dict[str, Any], environ: dict[str, str]) -> None:
    """Passwords in addresses, headers and tokens are not repeated in what is raised."""
    with pytest.raises(ConfigError) as caught:
        resolve(environ, **arguments)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


# ---------------------------------------------------------------------- misspelt variables


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("AGENTMON_SERVIC", "AGENTMON_SERVICE"),
        ("AGENTMON_SEVRE", "AGENTMON_SERVE"),
        ("AGENTMON_DISABLE", "AGENTMON_DISABLED"),
        ("AGENTMON_TRACE", "AGENTMON_TRACES"),
        ("AGENTMON_ACCESS_PASSWORT", "AGENTMON_ACCESS_PASSWORD"),
        ("agentmon_serve", "AGENTMON_SERVE"),
        ("AGENT_MON_SERVE", "AGENTMON_SERVE"),
        ("OTEL_SERVICENAME", "OTEL_SERVICE_NAME"),
        ("OTEL_TRACE_SAMPLER", "OTEL_TRACES_SAMPLER"),
        ("OTEL_EXPORTER_OTPL_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
    ],
)
def test_a_misspelt_variable_is_pointed_out(name: str, meant: str) -> None:
    """The name that was probably meant is named."""
    (said,) = doubts({name: SECRET, "PATH": "/bin"}).items()
    assert said[0] == name
    assert said[1].endswith(f"did you mean {meant}?")
    assert SECRET not in said[1]


def test_a_variable_far_from_all_is_pointed_out_if_it_is_ours() -> None:
    """One with our prefix is never silent; one of others is left alone."""
    names = ("AGENTMON_XYZZY", "OTEL_XYZZY", "OTEL_METRICS_SAMPLER", "AGENT_HOME", "SERVICE")
    far = dict.fromkeys((*names, "OTEL_SERVICE_NAMESPACE", "AGENT_SERVICE"), "1")
    assert doubts(far) == {"AGENTMON_XYZZY": "is not known to agentmon"}


def test_what_is_known_is_not_doubted() -> None:
    """Neither the variables that agentmon reads nor those that OpenTelemetry's SDK reads are."""
    names = {value for value in vars(standard).values() if isinstance(value, str)}
    names = {name for name in names if name.startswith("OTEL_")}
    assert len(names) > 50
    assert doubts(dict.fromkeys(names | KNOWN, "true")) == {}


def test_a_word_that_does_not_disable_is_pointed_out() -> None:
    """OTEL_SDK_DISABLED=1 means no, as the specification says, and whoever set it is told."""
    assert doubts({"OTEL_SDK_DISABLED": "1"}) == {
        "OTEL_SDK_DISABLED": "got '1', which means false: allowed true"
    }


# ---------------------------------------------------------------------- cost


def test_settings_load_nothing_heavy() -> None:
    """Resolving settings loads no SDK, no server, no TLS and no client library."""
    program = (
        "import sys; from agentmon import _settings; _settings.resolve({}, {}); "
        "_settings.doubts({'AGENTMON_SERVICE': 's'}); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    heavy = {"opentelemetry.sdk", "ssl", "socket", "grpc", "requests", "asyncio", "difflib"}
    heavy |= {"http.client", "hashlib", "prometheus_client", "agentmon.export.server"}
    assert not heavy & set(done.stdout.split())
