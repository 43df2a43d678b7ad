"""Ready-made redaction, against tables of what has to go and what has to stay."""

from __future__ import annotations

import json
import random
import string
import subprocess
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmon import redaction

_UUID = "6f1c2a9e-8b57-4c0d-9f3e-2b7a1c5d4e60"
_SHA = "9b74c9897bac770ffc029102a200c5de1f3a4b5c"

SECRETS: dict[str, tuple[Callable[[str], str], str, str]] = {
    "openai": (redaction.keys, "use sk-abcdEFGH1234567890abcd now", "use [redacted key] now"),
    "openai project": (redaction.keys, "sk-proj-aB3_dE-fGh1234567890", "[redacted key]"),
    "anthropic": (redaction.keys, "key: sk-ant-api03-abcdefghij_KLMNOP-1", "key: [redacted key]"),
    "aws": (redaction.keys, "AKIAIOSFODNN7EXAMPLE", "[redacted key]"),
    "github": (redaction.keys, "(ghp_abcdefghij0123456789ABCD)", "([redacted key])"),
    "github fine": (redaction.keys, "github_pat_11ABCDEFG0abcdefghij_kl", "[redacted key]"),
    "gitlab": (redaction.keys, "glpat-abcdefghij0123456789", "[redacted key]"),
    "slack": (redaction.keys, "xoxb-1234567890-abcdefghij", "[redacted key]"),
    "google": (redaction.keys, "AIza" + "a1B2_" * 7, "[redacted key]"),
    "hugging face": (redaction.keys, "hf_abcdefghijklmnopqrstu", "[redacted key]"),
    "stripe": (redaction.keys, "sk_live_abcdefghij123", "[redacted key]"),
    "jwt": (redaction.keys, "x eyJhbGciOiJIUzI1.eyJzdWIiOiIx.abc-_1 y", "x [redacted key] y"),
    "jwt cut off": (redaction.keys, "eyJhbGciOiJIUzI1.eyJzdWIiOiIx", "[redacted key]"),
    "bearer by itself": (
        redaction.keys,
        "curl -H 'bearer abcd1234'",
        "curl -H 'bearer [redacted key]'",
    ),
    "bearer": (
        redaction.keys,
        "Authorization: Bearer abc.def-123",
        "Authorization: Bearer [redacted key]",
    ),
    "basic": (
        redaction.keys,
        "authorization: basic dXNlcjpwYXNz",
        "authorization: basic [redacted key]",
    ),
    "login": (redaction.keys, "postgres://me:pa55@db/x", "postgres://[redacted login]@db/x"),
    "pem": (
        redaction.keys,
        "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nb",
        "a\n[redacted private key]\nb",
    ),
    "pem cut off": (
        redaction.keys,
        "a -----BEGIN PRIVATE KEY-----\nMIIE",
        "a [redacted private key]",
    ),
    "password": (redaction.tokens, "password=hunter2&x=1", "password=[redacted secret]&x=1"),
    "json": (
        redaction.tokens,
        '{"api_key": "abc", "n": 1}',
        '{"api_key": "[redacted secret]", "n": 1}',
    ),
    "python": (
        redaction.tokens,
        "{'client_secret': 'a b'}",
        "{'client_secret': '[redacted secret]'}",
    ),
    "prefixed": (
        redaction.tokens,
        "MY_APP_SECRET_KEY = abc",
        "MY_APP_SECRET_KEY = [redacted secret]",
    ),
    "yaml": (redaction.tokens, "db-password: s3cret", "db-password: [redacted secret]"),
    "camel": (redaction.tokens, '{"dbPassword": "a b"}', '{"dbPassword": "[redacted secret]"}'),
    "number": (redaction.tokens, '{"password": 1234}', '{"password": "[redacted secret]"}'),
    "annotated": (
        redaction.tokens,
        'password: str = "hunter2"',
        'password: str = "[redacted secret]"',
    ),
    "connection": (
        redaction.tokens,
        "AccountKey=ab+/==;Suffix=net",
        "AccountKey=[redacted secret];Suffix=net",
    ),
    "token": (
        redaction.tokens,
        '{"token": "q8Zr4vX0mK2p7sNw"}',
        '{"token": "[redacted secret]"}',
    ),
    "cookie": (
        redaction.tokens,
        '{"Cookie": "sid=12; theme=dark"}',
        '{"Cookie": "[redacted secret]"}',
    ),
    "password with quotes": (
        redaction.tokens,
        json.dumps({"password": "hun\"ter'2\n\\"}),
        '{"password": "[redacted secret]"}',
    ),
    "login with an at": (redaction.keys, "amqp://u:p@ss@db/x", "amqp://[redacted login]@db/x"),
    "e-mail": (redaction.emails, "to Ann.Lee+x@mail.example.co.uk.", "to [redacted e-mail]."),
    "e-mail in brackets": (redaction.emails, "<a@b.io>", "<[redacted e-mail]>"),
    "e-mail unicode": (redaction.emails, "grüße@example.de", "[redacted e-mail]"),
    "visa": (redaction.cards, "card 4111 1111 1111 1111!", "card [redacted card]!"),
    "amex": (redaction.cards, "378282246310005", "[redacted card]"),
    "dashes": (redaction.cards, "5555-5555-5555-4444", "[redacted card]"),
    "card and its end": (
        redaction.cards,
        "4111 1111 1111 1111 12/26",
        "[redacted card] 12/26",
    ),
    "card after digits": (
        redaction.cards,
        "no. 1234 4111 1111 1111 1111",
        "no. 1234 [redacted card]",
    ),
    "card with fixed blanks": (
        redaction.cards,
        "4111\u00a01111\u00a01111\u00a01111",
        "[redacted card]",
    ),
}

HARMLESS = (
    "",
    "The quick brown fox.",
    "order 4111111111111112",  # fails Luhn's check
    "0000000000000000",
    f"commit {_SHA}",
    f"run {_UUID}",
    "2026-11-23T07:30:00.123456+00:00",
    "version 1.2.3-rc.4+build.5",
    "1795416576438881397",  # nanoseconds since 1970 that fail Luhn's check
    "the token count is 812",
    "812 tokens in, 120 tokens out",
    "password: None",
    '"token": null',
    "pass the salt",
    "a@b",
    "user@localhost",
    "@decorator",
    "sk-short",
    "https://example.org/path?q=1",
    "ratio 3:1@2",
    "Basic training",
    "bearer of news",
    "the bearer certificates are kept",
    "import keys",
    "x = 3.14159265358979323846",
    "0.4532015112830366",
    "4 5 3 2 0 1 5 1 1 2 8 3 0 3 6 6",
    "45320151-1283-4366-8123-453201511283",
    "1732345678905",  # milliseconds since 1970 that pass Luhn's check
    "90071992547416",  # as does this number of a row
    "sk-learn-estimator-checks",
    '{"max_tokens": 4096, "token_type": "bearer"}',
    '{"token": " Hello", "logprob": -0.1}',
    '{"next_page_token": "2"}',
    '{"password": {"type": "string"}, "token": ["a"]}',
    "if password == '':",
)

HOOKS = (
    redaction.keys,
    redaction.tokens,
    redaction.emails,
    redaction.cards,
    redaction.standard,
)


@pytest.mark.parametrize("name", SECRETS)
def test_secret_is_redacted(name: str) -> None:
    """Each hook replaces what it is for, and leaves what is around it."""
    hook, text, expected = SECRETS[name]
    assert hook(text) == expected


@pytest.mark.parametrize("name", SECRETS)
def test_standard_redacts_every_secret(name: str) -> None:
    """The standard hook leaves nothing of any secret of the table."""
    _, text, expected = SECRETS[name]
    kept = redaction.standard(text)
    secret = next(part for part in text.split() if part not in expected.split())
    assert "[redacted" in kept
    assert secret not in kept


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_harmless_survives(text: str) -> None:
    """Hashes, identifiers, moments, versions and prose are returned unchanged."""
    assert redaction.standard(text) == text


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook.__name__)
@pytest.mark.parametrize("name", SECRETS)
def test_redacting_again_changes_nothing(name: str, hook: Callable[[str], str]) -> None:
    """What was redacted stays as it is."""
    once = hook(SECRETS[name][1])
    assert hook(once) == once


@pytest.mark.parametrize("name", [name for name in SECRETS if not name.startswith("pem")])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_secret_is_found_in_json(name: str, depth: int) -> None:
    """In JSON, and in JSON within JSON, a secret on a line of its own goes, and it stays JSON."""
    hook, text, expected = SECRETS[name]
    before, after = f"first\n{text}", f"first\n{expected}"
    for _ in range(depth):
        before = json.dumps({"a": before, "b": 1}, ensure_ascii=False)
        after = json.dumps({"a": after, "b": 1}, ensure_ascii=False)
    assert hook(before) == after


@given(st.text(), st.sampled_from(HOOKS))
def test_any_text_is_taken(text: str, hook: Callable[[str], str]) -> None:
    """Any text gives text, and the same when it is redacted again."""
    once = hook(text)
    assert hook(once) == once


@given(st.lists(st.sampled_from([text for _, text, _ in SECRETS.values()]), min_size=1, max_size=4))
def test_secrets_among_text_are_found(texts: list[str]) -> None:
    """Secrets between words and lines are found as they are alone."""
    whole = redaction.standard("\nthen ".join(texts))
    for text in texts:
        assert redaction.standard(text) != text
    assert "hunter2" not in whole
    assert "4111 1111" not in whole


def test_composed_hooks_apply_in_order() -> None:
    """Each hook gets what the one before it returned."""
    hook = redaction.compose(redaction.emails, str.upper)
    assert hook("me: a@b.io") == "ME: [REDACTED E-MAIL]"
    assert redaction.compose()("as it is") == "as it is"


ADVERSARIAL = {
    "letters": "a",
    "digits": "1",
    "grouped": "1 ",
    "at": "a@",
    "dots": "a.",
    "mail": "a@a.",
    "key": "sk-",
    "jwt": "eyJ",
    "names": "a_",
    "password": "password",
    "equals": "password= ",
    "quotes": "password='",
    "pem": "-----BEGIN PRIVATE KEY----",
    "slashes": "://",
    "login": "://a:",
    "bearer": "Bearer ",
    "mixed": "a@1-_.=: \"'",
    "cookie": "cookie:",
    "token": "token:",
    "backslashes": "\\",
    "escaped": 'password=\\"',
    "open": "password='x\\\\'",
    "tokens": "eyJaaaaaaaa.aaaa",
    "cards": "4111 ",
    "words": "a-",
}


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_time_grows_with_the_length_only(name: str) -> None:
    """A million characters of what could make a search go back and forth are done in seconds."""
    program = (
        "import sys; from agentmon import redaction; piece = sys.argv[1]; "
        "text = (piece * (1_000_000 // len(piece) + 1))[:1_000_000]; "
        "print(len(redaction.standard(text)) > 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, ADVERSARIAL[name]],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout == "True\n"


def test_random_noise_is_done_in_time() -> None:
    """Noise of all the characters that patterns look for is done, too."""
    draw = random.Random(7)  # noqa: S311  # noise, not a secret
    noise = "".join(
        draw.choices(string.ascii_letters + string.digits + "@._-+=:/ '\"\n", k=200_000)
    )
    assert redaction.standard(noise)
