"""``agentmon config``: what is in force in an environment, and what is wrong with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmon._settings import resolve
from agentmon._settings.explain import Explanation, Row, explain
from agentmon._settings.spelling import KNOWN
from agentmon._settings.table import SETTINGS
from agentmon.cli import main
from agentmon.errors import ConfigError

SECRET = "hunter2"  # noqa: S105  # it is none
WIDTHS = (80, 160)

#: Texts that are of use to some variable, and some that are to none.
_TEXTS = st.sampled_from(
    [
        *("", " ", "1", "0", "true", "no", "12", "-1", "0.5", "x", "otlp", "none", "grpc", "gzip"),
        *("a=b", "service.name=s", "http://host:4318", "grpc://u:p@host", "always_off", "xray"),
        *("traceidratio", "pushgateway=http://h", "127.0.0.1:0", "a\x07b", "both"),
    ]
)
_ENVIRONMENTS = st.dictionaries(
    st.sampled_from(sorted({*KNOWN, "AGENTMON_SERVIC", "OTEL_SERVICE_NAM"})), _TEXTS
)


def row(explanation: Explanation, name: str) -> Row:
    """The row of a setting, the first if there are several."""
    return next(each for part in explanation.parts for each in part.rows if each.name == name)


def run(
    monkeypatch: pytest.MonkeyPatch, environ: Mapping[str, str], *arguments: str, columns: int = 80
) -> int:
    """Run the command in an environment; returns its status."""
    for name in list(os.environ):
        if name.startswith(("AGENTMON_", "OTEL_")):
            monkeypatch.delenv(name)
    for name, text in environ.items():
        monkeypatch.setenv(name, text)
    monkeypatch.setenv("COLUMNS", str(columns))
    return main(["config", *arguments])


# ---------------------------------------------------------------------- values and sources


def test_every_setting_is_shown_with_its_default() -> None:
    """In an empty environment everything is there, from the default, and nothing is wrong."""
    shown = explain({})
    assert shown.well
    assert [part.used for part in shown.parts] == [True, True, False]
    assert {each.source for part in shown.parts for each in part.rows} == {"default"}
    names = {each.name for part in shown.parts for each in part.rows}
    assert names >= {each.name.removeprefix(".") for each in SETTINGS} - {"access"}
    variables = {each for part in shown.parts for row in part.rows for each in row.variables}
    wanted = {name for name in KNOWN if not name.startswith("OTEL_EXPORTER_OTLP_")}
    assert variables >= wanted | {"OTEL_EXPORTER_OTLP_ENDPOINT"}


def test_the_source_and_what_it_hides_are_shown() -> None:
    """A value says which variable it comes from, and which weaker ones are set in vain."""
    environ = {
        "AGENTMON_SERVICE": "a",
        "OTEL_SERVICE_NAME": "b",
        "OTEL_RESOURCE_ATTRIBUTES": "service.name=c",
        "AGENTMON_REGION": " ",
    }
    shown = row(explain(environ), "service")
    assert (shown.value, shown.source) == ("a", "AGENTMON_SERVICE")
    assert shown.hides == ("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES")
    assert row(explain(environ), "region").source == "default"


@pytest.mark.parametrize(
    ("name", "environ", "value"),
    [
        ("disabled", {"AGENTMON_DISABLED": "yes"}, "true"),
        ("traces", {"AGENTMON_TRACES": "grpc://c:4317"}, "grpc://c:4317"),
        ("push", {"AGENTMON_PUSH": "otlp,textfile=/x.prom"}, "otlp, textfile=/x.prom"),
        ("traces.delay", {"OTEL_BSP_SCHEDULE_DELAY": "250"}, "0.25 s"),
        ("traces.limits.events", {"OTEL_SPAN_EVENT_COUNT_LIMIT": "0"}, "0"),
        ("traces.limits.attribute_length", {}, "no limit"),
        ("resource", {"OTEL_RESOURCE_ATTRIBUTES": "a=b,c=%20"}, "a=b, c= "),
        ("traces.timeout", {"OTEL_EXPORTER_OTLP_TIMEOUT": "3"}, "3 s"),
        ("propagators", {"OTEL_PROPAGATORS": "b3"}, "b3"),
        ("access.hosts", {"AGENTMON_ACCESS_HOSTS": "a,b"}, "a, b"),
        ("buckets", {}, "20 edges"),
    ],
)
def test_values_are_in_words(name: str, environ: dict[str, str], value: str) -> None:
    """Values are shown with their unit, lists with commas, without marks of the documentation."""
    assert row(explain(environ), name).value == value


def test_a_url_says_where_spans_go() -> None:
    """The endpoint in force is that of AGENTMON_TRACES, which hides the standard one."""
    shown = explain({"AGENTMON_TRACES": "grpc://c", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"})
    endpoint = row(shown, "traces.endpoint")
    assert (endpoint.value, endpoint.source) == ("http://c:4317", "AGENTMON_TRACES")
    assert endpoint.hides == ("OTEL_EXPORTER_OTLP_ENDPOINT",)
    assert (row(shown, "traces.protocol").value, shown.parts[2].used) == ("grpc", True)


def test_a_disabled_sdk_is_why_there_are_no_spans() -> None:
    """With OTEL_SDK_DISABLED no spans are in force, and it is said by what."""
    environ = {"AGENTMON_TRACES": "otlp", "AGENTMON_PUSH": "otlp,textfile=/x.prom"}
    shown = explain({**environ, "OTEL_SDK_DISABLED": "true"})
    push = row(shown, "push")
    assert (push.value, push.source) == ("textfile=/x.prom", "OTEL_SDK_DISABLED")
    traces = row(shown, "traces")
    assert (traces.value, traces.source) == ("none", "OTEL_SDK_DISABLED")
    assert (traces.hides, shown.parts[2].used) == (("AGENTMON_TRACES",), False)


def test_a_batch_that_has_shrunk_is_shown_as_it_is() -> None:
    """A default that gives way to another setting is shown as it is in force."""
    environ = {"AGENTMON_TRACES": "otlp", "OTEL_BSP_MAX_QUEUE_SIZE": "100"}
    assert row(explain(environ), "traces.batch_size").value == "100"


def test_signals_that_differ_have_their_part() -> None:
    """What log records and metrics have of their own is shown apart."""
    environ = {"AGENTMON_TRACES": "otlp", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://l"}
    part = explain(environ).parts[-1]
    assert (part.title, part.used) == ("Log records by OTLP, where it differs from spans", True)
    assert [(each.name, each.value) for each in part.rows] == [("logs.endpoint", "http://l")]


# ---------------------------------------------------------------------- what is wrong


def test_everything_wrong_is_listed() -> None:
    """All that configure() would refuse is listed at once, each under its name."""
    environ = {
        "AGENTMON_CONTENT_LIMIT": "0",
        "AGENTMON_TRACES": "otlp",
        "AGENTMON_ACCESS_USER": "u",
        "OTEL_TRACES_SAMPLER": "xray",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "smoke",
        "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT": "0",
        "OTEL_RESOURCE_ATTRIBUTES": "x",
    }
    shown = explain(environ)
    assert sorted(each.partition(":")[0] for each in shown.problems) == [
        "AGENTMON_ACCESS_*",
        "AGENTMON_CONTENT_LIMIT",
        "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT",
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        "OTEL_RESOURCE_ATTRIBUTES",
        "OTEL_TRACES_SAMPLER",
    ]
    assert row(shown, "traces.sampler").value == "cannot be used"
    assert row(shown, "traces.sampler").source == "OTEL_TRACES_SAMPLER"
    assert not shown.well


def test_what_is_not_used_cannot_be_wrong() -> None:
    """Variables for spans are not held against an environment in which the host makes them."""
    shown = explain({"OTEL_TRACES_SAMPLER": "xray", "OTEL_EXPORTER_OTLP_PROTOCOL": "smoke"})
    assert shown.well
    assert row(shown, "traces.sampler").value == "cannot be used"


def test_a_ratio_that_no_sampler_asks_for_cannot_be_wrong() -> None:
    """The argument of the sampler is held against an environment if its sampler has one."""
    environ = {"AGENTMON_TRACES": "otlp", "OTEL_TRACES_SAMPLER_ARG": "half"}
    assert explain(environ).well
    environ["OTEL_TRACES_SAMPLER"] = "parentbased_traceidratio"
    (problem,) = explain(environ).problems
    assert problem.startswith("OTEL_TRACES_SAMPLER_ARG: got 'half', allowed a number")


@given(_ENVIRONMENTS)
def test_it_finds_wrong_what_configure_refuses(environ: dict[str, str]) -> None:
    """Problems are listed if and only if configure() without arguments raises, of that variable."""
    found = {each.partition(":")[0] for each in explain(environ).problems}
    refused = set()
    try:
        resolve(environ)
    except ConfigError as error:
        refused = {str(error).partition(":")[0]}
    assert refused <= found
    assert bool(refused) == bool(found)


@given(_ENVIRONMENTS)
def test_it_can_always_be_shown(environ: dict[str, str]) -> None:
    """Whatever the environment says, it is shown: within the width, in one line each, as JSON."""
    shown = explain(environ)
    assert json.loads(shown.json())["problems"] == list(shown.problems)
    for width in WIDTHS:
        text = shown.text(width)
        assert text.replace("\n", "").isprintable()
        assert max(map(len, text.splitlines())) <= width


# ---------------------------------------------------------------------- the command


def test_the_command_says_that_all_is_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nothing is wrong the status is 0."""
    assert run(monkeypatch, {"AGENTMON_SERVICE": "shop"}) == 0
    said = capsys.readouterr().out
    assert "  service            shop                         AGENTMON_SERVICE\n" in said
    assert "Spans that agentmon exports itself (not used)\n" in said
    assert said.endswith("\nNothing is wrong.\n")


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"AGENTMON_CONTENT": "perhaps"}, "Wrong: AGENTMON_CONTENT: got 'perhaps', allowed True"),
        (
            {"AGENTMON_SERVIC": "shop"},
            "Doubtful: AGENTMON_SERVIC is not known to agentmon: did you mean AGENTMON_SERVICE?",
        ),
        ({"OTEL_SDK_DISABLED": "1"}, "Doubtful: OTEL_SDK_DISABLED got '1', which means false"),
    ],
)
def test_the_command_says_what_is_wrong(
    environ: dict[str, str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Where something is wrong the status is 1, and it stands at the end."""
    assert run(monkeypatch, environ, columns=160) == 1
    said = capsys.readouterr().out
    assert said.splitlines()[-1].startswith(words)
    assert "Nothing is wrong" not in said


def test_the_command_writes_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """--json says the same for programs, with the same status."""
    environ = {"AGENTMON_SERVICE": "shop", "AGENTMON_SERVIC": "x", "AGENTMON_CONTENT": "x"}
    assert run(monkeypatch, environ, "--json") == 1
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    general = said["parts"][0]
    assert general["used"] is True
    (service,) = (each for each in general["rows"] if each["name"] == "service")
    assert service == {
        "name": "service",
        "value": "shop",
        "source": "AGENTMON_SERVICE",
        "hides": [],
        "variables": ["AGENTMON_SERVICE", "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"],
    }
    assert said["problems"][0].startswith("AGENTMON_CONTENT: got 'x'")
    assert list(said["doubts"]) == ["AGENTMON_SERVIC"]


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_secrets_are_not_shown(
    arguments: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Passwords, tokens, headers and logins are said to be there, wherever they stand."""
    environ = {
        "AGENTMON_TRACES": f"https://user:{SECRET}@host?key={SECRET}",
        "AGENTMON_PUSH": f"pushgateway=http://user:{SECRET}@host",
        "AGENTMON_ACCESS_USER": "user",
        "AGENTMON_ACCESS_PASSWORD": SECRET,
        "AGENTMON_ACCESS_TOKEN": f"{SECRET} x",
        "AGENTMON_ACCESS_TOKN": SECRET,
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization={SECRET}",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"http://user:{SECRET}@host",
        "OTEL_EXPORTER_OTLP_LOGS_HEADERS": SECRET,
    }
    assert run(monkeypatch, environ, *arguments, columns=300) == 1
    said = capsys.readouterr().out
    assert SECRET not in said
    assert "https://***@host?***" in said
    assert said.count("set, not shown") >= 3


def test_it_runs_as_a_program() -> None:
    """The program itself exits with the status, loads no SDK and says nothing else."""
    program = "import sys; from agentmon.cli import main; code = main(['config']); "
    program += (
        "print([m for m in sys.modules if m.startswith('opentelemetry.sdk')]); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={"PATH": "/usr/bin:/bin", "AGENTMON_SERVE": "nowhere"},
        capture_output=True,
        text=True,
        check=False,
        cwd=os.curdir,
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert "Wrong: AGENTMON_SERVE: got 'nowhere', allowed an address" in done.stdout
    assert done.stdout.endswith("[]\n")
