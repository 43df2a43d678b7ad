"""Where OTLP is sent: arguments, URLs and the standard variables."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from agentmon.errors import ConfigError
from agentmon.export.otlp.destination import Destination, destination

OTLP = "OTEL_EXPORTER_OTLP_"


@pytest.mark.parametrize(
    ("environ", "url", "protocol"),
    [
        ({}, "http://localhost:4318/v1/traces", "http/protobuf"),
        ({"PROTOCOL": "grpc"}, "http://localhost:4317", "grpc"),
        ({"ENDPOINT": "http://c:4318"}, "http://c:4318/v1/traces", "http/protobuf"),
        ({"ENDPOINT": "http://c:4318/"}, "http://c:4318/v1/traces", "http/protobuf"),
        ({"ENDPOINT": "https://c/otel/"}, "https://c/otel/v1/traces", "http/protobuf"),
        ({"TRACES_ENDPOINT": "http://c:4318"}, "http://c:4318/", "http/protobuf"),
        ({"TRACES_ENDPOINT": "http://c/as/it/is"}, "http://c/as/it/is", "http/protobuf"),
        (
            {"ENDPOINT": "http://c:4318", "TRACES_ENDPOINT": "http://own:1/x?k=v"},
            "http://own:1/x?k=v",
            "http/protobuf",
        ),
        ({"ENDPOINT": "http://c:4317", "PROTOCOL": "grpc"}, "http://c:4317", "grpc"),
        ({"ENDPOINT": "https://c/x", "PROTOCOL": "grpc"}, "https://c:4317", "grpc"),
        ({"ENDPOINT": "c:4317", "PROTOCOL": "grpc"}, "https://c:4317", "grpc"),
        (
            {"ENDPOINT": "c:4317", "PROTOCOL": "grpc", "INSECURE": "True"},
            "http://c:4317",
            "grpc",
        ),
        (
            {"ENDPOINT": "https://c:4317", "PROTOCOL": "grpc", "INSECURE": "true"},
            "https://c:4317",
            "grpc",
        ),
        (
            {"PROTOCOL": "grpc", "TRACES_PROTOCOL": "http/protobuf"},
            "http://localhost:4318/v1/traces",
            "http/protobuf",
        ),
        (
            {"ENDPOINT": "", "TRACES_ENDPOINT": " "},
            "http://localhost:4318/v1/traces",
            "http/protobuf",
        ),
        ({"ENDPOINT": "http://[::1]:4318"}, "http://[::1]:4318/v1/traces", "http/protobuf"),
    ],
)
def test_the_variables_say_where(environ: dict[str, str], url: str, protocol: str) -> None:
    """Addresses are made of the standard variables as the specification says."""
    got = destination("traces", {OTLP + name: value for name, value in environ.items()})
    assert (got.url, got.protocol) == (url, protocol)
    assert got.insecure is url.startswith("http:")


@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
def test_each_signal_has_its_own_variables(signal: Any) -> None:
    """A signal takes its own variables before the general ones, and none of another signal."""
    other = "LOGS" if signal == "traces" else "TRACES"
    got = destination(
        signal,
        {
            f"{OTLP}HEADERS": "a=general",
            f"{OTLP}TIMEOUT": "3",
            f"{OTLP}{signal.upper()}_HEADERS": "b=own",
            f"{OTLP}{other}_TIMEOUT": "99",
            f"{OTLP}COMPRESSION": "gzip",
        },
    )
    assert got.url == f"http://localhost:4318/v1/{signal}"
    assert got.headers == {"b": "own"}
    assert got.timeout_seconds == 3
    assert got.compression == "gzip"


@pytest.mark.parametrize(
    ("url", "expected", "protocol"),
    [
        ("http://c:4318", "http://c:4318/v1/traces", "http/protobuf"),
        ("http://c:4318/v1/traces", "http://c:4318/v1/traces", "http/protobuf"),
        ("https://c/api/public/otel", "https://c/api/public/otel/v1/traces", "http/protobuf"),
        ("HTTP://c", "http://c/v1/traces", "http/protobuf"),
        ("grpc://c:4317", "http://c:4317", "grpc"),
        ("grpcs://c", "https://c:4317", "grpc"),
    ],
)
def test_a_url_says_where(url: str, expected: str, protocol: str) -> None:
    """A URL given by hand says how it is spoken to and gets the path of the signal."""
    got = destination("traces", {OTLP + "ENDPOINT": "http://elsewhere:1"}, url=url)
    assert (got.url, got.protocol) == (expected, protocol)


def test_arguments_win_over_variables(tmp_path: Path) -> None:
    """What is said in code holds, whatever the variables say."""
    file = tmp_path / "ca.pem"
    file.touch()
    got = destination(
        "traces",
        {
            OTLP + "PROTOCOL": "http/protobuf",
            OTLP + "HEADERS": "a=b",
            OTLP + "TIMEOUT": "3",
            OTLP + "COMPRESSION": "gzip",
            OTLP + "CERTIFICATE": "/nowhere",
        },
        url="http://c:1",
        protocol="grpc",
        headers={"Api-Key": "k"},
        timeout_seconds=7,
        compression="none",
        certificate=file,
        client_certificate=str(file),
        client_key=file,
    )
    assert got == Destination(
        "http://c:1",
        "grpc",
        {"api-key": "k"},
        7.0,
        "none",
        str(file),
        str(file),
        str(file),
        insecure=True,
    )


def test_headers_are_percent_decoded() -> None:
    """Names and values of the variable are decoded, and spaces around them do not count."""
    text = "authorization=Basic%20dXNlcg%3D%3D, x-team = a%2Cb ,y=1=2,"
    got = destination("traces", {OTLP + "HEADERS": text})
    assert got.headers == {"authorization": "Basic dXNlcg==", "x-team": "a,b", "y": "1=2"}


def test_a_login_of_the_url_becomes_a_header() -> None:
    """Name and password of a URL are sent as basic authentication, and are in no address."""
    got = destination("traces", {}, url="http://me:se%3Acret@c:4318")
    assert got.url == "http://c:4318/v1/traces"
    assert base64.b64decode(got.headers["authorization"].split()[1]) == b"me:se:cret"


def test_nothing_secret_is_shown() -> None:
    """Neither headers nor logins nor queries are in any text that a destination is shown by."""
    got = destination(
        "traces",
        {OTLP + "HEADERS": "api-key=hush1", OTLP + "TRACES_ENDPOINT": "http://u:hush2@c/x?k=hush3"},
    )
    shown = f"{got} {got!r} {got.shown}"
    assert "hush" not in shown
    assert str(got) == "http://c/x (HTTP)"


@pytest.mark.parametrize(
    ("environ", "arguments", "said"),
    [
        ({"ENDPOINT": "localhost:4318"}, {}, f"{OTLP}ENDPOINT: got 'localhost:4318', allowed http"),
        ({"TRACES_ENDPOINT": "ftp://c"}, {}, f"{OTLP}TRACES_ENDPOINT: got 'ftp://c'"),
        ({"ENDPOINT": "http://u:hush@c:port"}, {}, "ENDPOINT: got 'http://...@c:port'"),
        ({"ENDPOINT": "http://"}, {}, "allowed http://host:4318"),
        ({"ENDPOINT": "grpc://c:1"}, {}, "got grpc:// with protocol 'http/protobuf'"),
        (
            {"PROTOCOL": "http/json"},
            {},
            f"{OTLP}PROTOCOL: got 'http/json', allowed http/protobuf, grpc",
        ),
        ({"COMPRESSION": "zstd"}, {}, f"{OTLP}COMPRESSION: got 'zstd', allowed gzip, none"),
        ({"TIMEOUT": "soon"}, {}, f"{OTLP}TIMEOUT: got 'soon', allowed seconds above 0"),
        ({"TRACES_TIMEOUT": "0"}, {}, f"{OTLP}TRACES_TIMEOUT: got '0'"),
        ({"TIMEOUT": "inf"}, {}, "got 'inf'"),
        ({"HEADERS": "hush"}, {}, f"{OTLP}HEADERS: got an item without '='"),
        ({"HEADERS": "a b=hush"}, {}, "got the name 'a b'"),
        ({"HEADERS": "a=hush%0D%0Ab: c"}, {}, "a value of a with control"),
        ({"CERTIFICATE": "/nowhere"}, {}, f"{OTLP}CERTIFICATE: got '/nowhere', allowed a file"),
        ({"ENDPOINT": "c:1", "PROTOCOL": "grpc", "INSECURE": "maybe"}, {}, "INSECURE: got 'maybe'"),
        ({}, {"url": "c:4318"}, "URL of a collector: got 'c:4318'"),
        ({}, {"url": "grpc://c", "protocol": "http/protobuf"}, "protocol: got 'http/protobuf'"),
        ({}, {"protocol": "smoke"}, "protocol: got 'smoke'"),
        ({}, {"compression": "zip"}, "compression: got 'zip'"),
        ({}, {"timeout_seconds": -1}, "timeout: got -1"),
        ({}, {"headers": {"a": "hush\n"}}, "headers: got a value of a"),
        ({}, {"client_key": __file__}, "client_key: got one without a client_certificate"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_cannot_be_used_is_said(
    environ: dict[str, str], arguments: dict[str, Any], said: str
) -> None:
    """A mistake is an error at once that names the variable, what was got and what is allowed."""
    with pytest.raises(ConfigError) as caught:
        destination("traces", {OTLP + k: v for k, v in environ.items()}, **arguments)
    assert said in str(caught.value)
    assert "hush" not in str(caught.value)
