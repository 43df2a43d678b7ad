"""Who may ask: what `Access` takes, and how `Gate` decides."""

from __future__ import annotations

import base64
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentmon.errors import ConfigError
from agentmon.export.access import Access, Gate, named_host
from agentmon.export.respond import Endpoint, Mount
from agentmon.model import catalogue
from tests.export.certificates import Authority
from tests.export.recording import filled, get

SECRET = "correct-horse"  # noqa: S105  # of a test


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority whose files all tests of this module may read."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def served(authority: Authority) -> tuple[Path, Path]:
    """Certificate and key of an endpoint."""
    return authority.issue("endpoint")


def basic(user: str, password: str, encoding: str = "utf-8") -> str:
    """The header field of basic authentication."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode(encoding)).decode()


# ------------------------------------------------------------------ what it takes


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "got nothing, allowed user with a password, token, certificate, hosts"),
        ({"user": "u"}, "got user without a password"),
        ({"password": SECRET}, "got a password without user"),
        ({"password_file": "/x"}, "got a password without user"),
        ({"user": "", "password": SECRET}, "user: got ''"),
        ({"user": "a:b", "password": SECRET}, "user: got 'a:b', allowed .* without a colon"),
        ({"user": "a\n", "password": SECRET}, "user: got"),
        ({"user": 5, "password": SECRET}, "user: got 5"),
        ({"user": "u", "password": ""}, "password: got nothing"),
        ({"user": "u", "password": SECRET + "\n"}, "password: got a text with white space"),
        ({"user": "u", "password": SECRET.encode()}, "password: got bytes"),
        ({"user": "u", "password": SECRET, "password_file": "/x"}, "got password and password_fi"),
        ({"token": ""}, "token: got nothing"),
        ({"token": SECRET + " x"}, "token: got a text with white space, allowed letters"),
        ({"token": SECRET + "é"}, "token: got a text with characters outside ASCII"),
        ({"token": SECRET + '"'}, "token: got a text with other characters"),
        ({"token": b"t"}, "token: got bytes"),
        ({"token": SECRET, "token_file": "/x"}, "got token and token_file"),
        ({"token_file": "/nowhere/token"}, "token_file: cannot read '/nowhere/token': No such"),
        ({"token_file": ""}, "token_file: got '', allowed the path of a file"),
        ({"token_file": 3}, "token_file: got 3, allowed the path of a file"),
        ({"token_file": "/dev/null"}, "token_file: '/dev/null' is no regular file"),
        ({"token_file": "/"}, "token_file: cannot read '/': Is a directory"),
        ({"token_file": "a\0b"}, "token_file: cannot read .* null byte"),
        ({"key": "/x"}, "got key without certificate"),
        ({"client_ca": "/x", "token": "t"}, "got client_ca without certificate"),
        ({"certificate": "/nowhere/c.pem"}, "certificate: cannot read '/nowhere/c.pem': No such"),
        ({"hosts": "metrics.example"}, "hosts: got 'metrics.example', allowed several names"),
        ({"hosts": ["http://x"]}, "hosts: got 'http://x', allowed names without scheme"),
        ({"hosts": ["x:80"]}, "hosts: got 'x:80'"),
        ({"hosts": [5]}, "hosts: got 5"),
        ({"hosts": 5}, "hosts: got 5"),
    ],
)
def test_what_is_of_no_use_is_refused(given: dict[str, Any], words: str) -> None:
    """A part that is missing, doubled or malformed raises, and no secret is in the message."""
    with pytest.raises(ConfigError, match=f"^access: {words}") as raised:
        Access(**given)
    assert SECRET not in str(raised.value)


def test_a_file_must_hold_a_secret(tmp_path: Path) -> None:
    """An empty, oversized, binary or pipe-like file is refused at once, without waiting for it."""
    file = tmp_path / "secret"
    for content, words in (
        (b" \n", "token_file: got nothing"),
        (b"x" * 20_000, "is longer than 16,384 bytes"),
        (b"\xff\xfe\x00", "is not in UTF-8"),
        ("tokén".encode(), "token_file: got a text with characters outside ASCII"),
    ):
        file.write_bytes(content)
        with pytest.raises(ConfigError, match=words):
            Access(token_file=file)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="is no regular file"):
        Access(token_file=tmp_path / "pipe")


def test_secrets_do_not_show() -> None:
    """Neither password nor token is in the representation."""
    shown = repr(Access(user="scraper", password=SECRET, token=SECRET))
    assert "scraper" in shown
    assert SECRET not in shown


def test_equal_ones_are_equal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same settings compare equal, as configuring the same again needs, however written."""
    (tmp_path / "token").write_text("t")
    monkeypatch.chdir(tmp_path)
    relative = Access(token_file="token", hosts=["a"])  # noqa: S106  # a path
    monkeypatch.chdir("/")
    assert relative == Access(token_file=tmp_path / "token", hosts=("a",))
    assert hash(relative) == hash(Access(token_file=tmp_path / "token", hosts=("a",)))
    assert relative != Access(token="t")  # noqa: S106


def test_certificates_are_tried(
    authority: Authority, served: tuple[Path, Path], tmp_path: Path
) -> None:
    """Files that make no usable TLS are refused, each with what is wrong with it."""
    certificate, key = served
    _, strange = authority.issue("strange")
    locked = tmp_path / "locked.key"
    subprocess.run(
        ["openssl", "rsa", "-aes256", "-passout", "pass:x", "-in", key, "-out", locked]
        if b"RSA" in key.read_bytes()
        else ["openssl", "ec", "-aes256", "-passout", "pass:x", "-in", key, "-out", locked],
        check=True,
        capture_output=True,
    )
    broken = tmp_path / "broken.pem"
    broken.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    for given, words in (
        ({"certificate": key, "key": key}, "certificate: '.*' holds no certificate in PEM"),
        ({"certificate": certificate}, "key: '.*' holds no private key in PEM; name the file"),
        ({"certificate": certificate, "key": certificate}, "key: '.*' holds no private key in"),
        ({"certificate": certificate, "key": strange}, "key: '.*' does not belong to the certif"),
        ({"certificate": certificate, "key": locked}, "key: it has a passphrase; give one with"),
        ({"certificate": broken, "key": key}, "certificate '.*' with key '.*': "),
        ({"certificate": certificate, "key": key, "client_ca": key}, "client_ca: '.*' holds no"),
        ({"certificate": certificate, "key": key, "client_ca": broken}, "client_ca: '.*' holds"),
    ):
        with pytest.raises(ConfigError, match=f"^access: {words}"):
            Access(**given)
    combined = tmp_path / "combined.pem"
    combined.write_bytes(key.read_bytes() + certificate.read_bytes())
    assert Access(certificate=combined).key is None


def test_without_certificates_no_tls_is_loaded() -> None:
    """Passwords and tokens are checked without loading ssl."""
    code = (
        "import sys; from agentmon.export.access import Access, Gate; "
        "Gate(Access(user='u', password='p')).admits('Basic eA=='); print('ssl' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


# ------------------------------------------------------------------ credentials


def test_without_access_everybody_is_admitted() -> None:
    """No access, or one without credentials, asks for none."""
    assert Gate().admits("")
    assert Gate(Access(hosts=["a"])).admits("Basic x")
    assert Gate().challenges() == Gate(Access(hosts=["a"])).challenges() == ()


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (basic("scraper", "pässwörd: 1"), None),
        ("basic   " + basic("scraper", "pässwörd: 1")[6:], None),
        ("Bearer abc.DEF-1~+/=", None),
        ("BEARER abc.DEF-1~+/= ", None),
        ("", "no_credentials"),
        (basic("scraper", "pässwörd"), "wrong_credentials"),
        (basic("scraper", ""), "wrong_credentials"),
        (basic("Scraper", "pässwörd: 1"), "wrong_credentials"),
        (basic("", "pässwörd: 1"), "wrong_credentials"),
        (basic("scraper", "pässwörd: 1", "latin-1"), "wrong_credentials"),
        (basic("scraper", "pässwörd: 1").replace("c2", "c!2"), "wrong_credentials"),
        ("Basic", "wrong_credentials"),
        ("Basic !!!", "wrong_credentials"),
        ("Basic \xe4\xf6", "wrong_credentials"),
        ("Bearer", "wrong_credentials"),
        ("Bearer abc.DEF-1~+/", "wrong_credentials"),
        ("Bearer \xe4\u2028", "wrong_credentials"),
        ("Digest username=scraper", "wrong_credentials"),
        ("abc.DEF-1~+/=", "wrong_credentials"),
    ],
)
def test_credentials_are_decided_and_counted(given: str, reason: str | None) -> None:
    """User and password or the token will do, nothing else does, and each refusal is counted."""
    gate = Gate(Access(user="scraper", password="pässwörd: 1", token="abc.DEF-1~+/="))  # noqa: S106
    assert gate.admits(given) is (reason is None)
    counted = {name for name, n in gate.refused().items() if n}
    assert counted == ({reason} if reason else set())
    assert set(gate.refused()) == set(catalogue.REFUSAL_REASONS)


def test_one_kind_does_not_open_the_other() -> None:
    """Where only one kind is configured, nothing passes as the other, not even nothing."""
    assert not Gate(Access(token="t")).admits(basic("None", "None"))  # noqa: S106
    assert not Gate(Access(token="t")).admits(basic("", ""))  # noqa: S106
    assert not Gate(Access(user="u", password="p")).admits("Bearer None")  # noqa: S106
    assert not Gate(Access(user="u", password="p")).admits("Bearer ")  # noqa: S106


def test_comparing_takes_the_same_way_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials are compared as digests of one length by the function made for it."""
    import hmac

    compared: list[tuple[int, int]] = []
    compare = hmac.compare_digest

    def watching(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", watching)
    gate = Gate(Access(user="u", password="p" * 99, token="t"))  # noqa: S106
    for given in (basic("u", "p" * 99), basic("u", "x"), "Basic !", "Bearer t", "Bearer tttt"):
        gate.admits(given)
    assert compared == [(32, 32)] * 5


def test_files_are_read_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A changed file counts at the next request; a broken one changes nothing and is said once."""
    token, password = tmp_path / "token", tmp_path / "password"
    token.write_text(" first\n")
    password.write_bytes(b"\xef\xbb\xbfp1\r\n")
    gate = Gate(Access(user="u", password_file=password, token_file=token))
    assert gate.admits("Bearer first")
    assert gate.admits(basic("u", "p1"))
    (tmp_path / "new").write_text("second")
    (tmp_path / "new").replace(token)
    password.write_text("p2")
    assert not gate.admits("Bearer first")
    assert gate.admits("Bearer second")
    assert not gate.admits(basic("u", "p1"))
    assert gate.admits(basic("u", "p2"))
    assert not caplog.records
    token.write_text("")
    for _ in range(3):
        assert gate.admits("Bearer second")
        assert not gate.admits("Bearer ")
    token.unlink()
    assert gate.admits("Bearer second")
    (entry,) = caplog.records
    assert entry.levelno == logging.WARNING
    assert "stays in force" in entry.getMessage()
    assert "second" not in caplog.text
    token.write_text("third")
    assert gate.admits("Bearer third")


def test_a_file_that_was_never_good_admits_nobody(tmp_path: Path) -> None:
    """If the file is gone before the first request, nobody is admitted."""
    token = tmp_path / "token"
    token.write_text("t")
    gate = Gate(Access(token_file=token))
    token.unlink()
    assert not gate.admits("Bearer t")
    assert not gate.admits("Bearer ")
    assert not gate.admits("Bearer None")


# ------------------------------------------------------------------ names

LOOPBACK_NAMES = Gate().names("127.0.0.1", loopback=True)


@pytest.mark.parametrize(
    ("host", "known"),
    [
        *(
            (each, True)
            for each in ("", "localhost", "LOCALHOST:9464", "localhost.", "a.localhost")
        ),
        *((each, True) for each in ("127.0.0.1:9464", "10.1.2.3", "[::1]:9464", "[fe80::1%25x]")),
        *((each, True) for each in ("host.docker.internal:9464", "host.containers.internal")),
        *(
            (each, False)
            for each in ("evil.example", "evil.example:9464", "127.0.0.1.evil.example")
        ),
        *((each, False) for each in ("localhost.evil.example", "evil-localhost", "1", "0x7f.1")),
        *((each, False) for each in ("localhost:9464:1", "localhost/x", "[::1", "a b", "user@::1")),
    ],
)
def test_on_loopback_a_strangers_name_is_known(host: str, known: bool) -> None:
    """Addresses, localhost and the names that containers have for their host are its own."""
    assert LOOPBACK_NAMES is not None
    assert named_host(host, LOOPBACK_NAMES) is known


def test_more_names_can_be_given() -> None:
    """The name it listens by and those in hosts are its own; elsewhere only if some are given."""
    hosts = Gate(Access(hosts=["Metrics.example"]))
    for names in (
        hosts.names("127.0.0.1", loopback=True),
        hosts.names("0.0.0.0", loopback=False),  # noqa: S104  # not bound
    ):
        assert names is not None
        assert named_host("metrics.EXAMPLE:443", names)
        assert not named_host("other.example", names)
    bound = Gate().names("devbox", loopback=True)
    assert bound is not None
    assert named_host("devbox:9464", bound)
    assert Gate().names("0.0.0.0", loopback=False) is None  # noqa: S104
    assert Gate(Access(hosts=["*"])).names("127.0.0.1", loopback=True) is None


# ------------------------------------------------------------------ the endpoint


PATHS = ("/", "/metrics", "/api/status", "/hdr", "/nothing/here")


def _by_endpoint(gate: Gate) -> Callable[..., Any]:
    return Endpoint(filled(), process_metrics=False, gate=gate).respond


def _by_mount(gate: Gate) -> Callable[..., Any]:
    endpoint = Endpoint(filled(), process_metrics=False, gate=gate)
    return Mount(lambda: endpoint, "page").respond


@pytest.mark.parametrize("respond_by", [_by_endpoint, _by_mount])
def test_every_path_but_health_asks_who_it_is(respond_by: Callable[..., Any]) -> None:
    """Without credentials each path is 401 with both challenges; with them all is as it was."""
    respond = respond_by(Gate(Access(user="u", password="p", token="t")))  # noqa: S106
    for method in ("GET", "HEAD", "POST"):
        for path in PATHS:
            answer = respond(method, path, "", {})
            assert answer.status == 401
            challenges = [value for name, value in answer.headers if name == "WWW-Authenticate"]
            assert challenges == [
                'Basic realm="agentmon", charset="UTF-8"',
                'Bearer realm="agentmon"',
            ]
            assert b"triage" not in answer.body
    for authorization in (basic("u", "p"), "Bearer t"):
        assert respond("GET", "/metrics", "", {"authorization": authorization}).status == 200
        assert respond("GET", "/nothing/here", "", {"authorization": authorization}).status == 404
    assert respond("GET", "/-/healthy", "", {}).status == 200
    assert respond("GET", "/-/healthy/", "", {}).status == 200


def test_refusals_are_metrics() -> None:
    """Each reason is a sample, from 0 on, and failed authentications are counted in it."""
    gate = Gate(Access(token="t"))  # noqa: S106
    endpoint = Endpoint(filled(), process_metrics=False, gate=gate)
    for authorization in ("", "Bearer x", "Bearer y"):
        get(endpoint, "/metrics", headers={"authorization": authorization})
    text = get(endpoint, "/metrics", headers={"authorization": "Bearer t"}).body.decode()
    for line in (
        'agentmon_endpoint_refused_total{reason="no_credentials"} 1',
        'agentmon_endpoint_refused_total{reason="wrong_credentials"} 2',
        'agentmon_endpoint_refused_total{reason="unknown_host"} 0',
        'agentmon_endpoint_refused_total{reason="tls_handshake"} 0',
    ):
        assert f"{line}\n" in text
