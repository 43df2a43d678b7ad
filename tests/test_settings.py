"""What is configured, and from where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from agentmon import _settings
from agentmon._settings import Settings
from agentmon.errors import ConfigError
from agentmon.model.buckets import EDGES_S, Layout


def resolve(environ: Mapping[str, str] | None = None, **arguments: Any) -> Settings:
    """Resolve some arguments."""
    return _settings.resolve(environ or {}, arguments)


def test_defaults() -> None:
    """Without arguments and variables, the defaults are in force."""
    settings = resolve()
    assert settings == Settings()
    assert settings.enabled
    assert (settings.service, settings.region, settings.serve) == ("", "", None)
    assert settings.traces == "auto"
    assert settings.layout == Layout(digits=2, edges_s=EDGES_S)
    assert settings.constant_labels == {}


@pytest.mark.parametrize(
    ("field", "names", "value"),
    [
        ("service", ("AGENTMON_SERVICE", "OTEL_SERVICE_NAME"), "s"),
        ("region", ("AGENTMON_REGION",), "r"),
        ("serve", ("AGENTMON_SERVE",), "127.0.0.1:9464"),
        ("traces", ("AGENTMON_TRACES",), "none"),
    ],
)
def test_arguments_win_over_variables(field: str, names: tuple[str, ...], value: str) -> None:
    """An argument wins over our variable, which wins over the standard one."""
    for rank, name in enumerate(names):
        environ = {name: value, **dict.fromkeys(names[:rank], "")}
        environ |= dict.fromkeys(names[rank + 1 :], "weaker")
        assert getattr(resolve(environ), field) == value
        given = "host" if field == "traces" else "given:1"
        assert getattr(resolve(environ, **{field: given}), field) == given


def test_an_empty_argument_is_an_answer() -> None:
    """An argument that is empty turns off what a variable asks for."""
    environ = {"AGENTMON_SERVICE": "s", "AGENTMON_REGION": "r", "AGENTMON_SERVE": "x:1"}
    settings = resolve(environ, service="", region="", serve="")
    assert (settings.service, settings.region, settings.serve) == ("", "", None)


def test_constant_labels_are_those_that_are_set() -> None:
    """Only what is configured becomes a label."""
    assert resolve(service="s").constant_labels == {"service": "s"}
    assert resolve(service="s", region="r").constant_labels == {"service": "s", "region": "r"}


@pytest.mark.parametrize("value", ["1", "true", "YES", " on "])
def test_disabled(value: str) -> None:
    """AGENTMON_DISABLED takes the usual words for yes."""
    assert not resolve({"AGENTMON_DISABLED": value}).enabled


@pytest.mark.parametrize("value", ["0", "False", "no", "off", ""])
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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"service": 5}, "service: got 5, allowed at most 200 printable"),
        ({"service": "x" * 201}, "service: got 'xxx.*, allowed at most 200 printable"),
        ({"region": "a\nb"}, r"region: got 'a\\nb', allowed at most 200 printable"),
        ({"serve": 9464}, "serve: got 9464, allowed an address such as '127.0.0.1:9464'"),
        ({"traces": "owned"}, "traces: got 'owned', allowed auto, host, none"),
        ({"max_series": 0}, "max_series: got 0, allowed a whole number above 0"),
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
    ],
)
def test_arguments_that_cannot_be_used(arguments: dict[str, Any], message: str) -> None:
    """A bad argument raises at once: what, what was got, what is allowed."""
    with pytest.raises(ConfigError, match=message):
        resolve(**arguments)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("AGENTMON_DISABLED", "maybe", "AGENTMON_DISABLED: got 'maybe', allowed 1, true, yes, on"),
        ("AGENTMON_TRACES", "all", "AGENTMON_TRACES: got 'all', allowed auto, host, none"),
        ("AGENTMON_SERVICE", "a\tb", r"AGENTMON_SERVICE: got 'a\\tb', allowed"),
        ("OTEL_SERVICE_NAME", "a\tb", r"OTEL_SERVICE_NAME: got 'a\\tb', allowed"),
        ("AGENTMON_REGION", "x" * 201, "AGENTMON_REGION: got 'xxx.*, allowed"),
    ],
)
def test_variables_that_cannot_be_used(name: str, value: str, message: str) -> None:
    """A bad variable raises as a bad argument does."""
    with pytest.raises(ConfigError, match=message):
        resolve({name: value})
