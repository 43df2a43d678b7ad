"""
Ready-made redaction: hooks for ``configure(redact=...)``, from text to text.

::

    import agentmon
    from agentmon import redaction

    agentmon.configure(content=True, redact=redaction.compose(redaction.standard, my_own))

They find what has a shape of its own, and leave alone what only could be a secret: a commit's hash,
an identifier and a number stay. None of them knows names or addresses of people.

Guarantees:
    - Time grows with the length of the text, whatever the text is.
    - What was redacted once stays as it is when redacted again.
    - Everything else is returned unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

__all__ = ["cards", "compose", "emails", "keys", "standard", "tokens"]

_LEAST_DIGITS: Final = 13
_MOST_DIGITS: Final = 19

#: Keys that say what they are, by what is known of their shapes. Repeats are bounded or over
#: classes that nothing after them shares, so that no text makes the search go back and forth.
_KEYS: Final = re.compile(
    r"""
    (?<![A-Za-z0-9])
    (?:
        sk-(?:ant-|proj-|or-v1-|lf-)?[A-Za-z0-9_-]{16,200}      # OpenAI, Anthropic and others
      | pk-lf-[A-Za-z0-9-]{16,100}                              # Langfuse
      | (?:AKIA|ASIA)[A-Z0-9]{16}                               # AWS
      | gh[pousr]_[A-Za-z0-9]{20,255}                           # GitHub
      | github_pat_[A-Za-z0-9_]{20,255}
      | glpat-[A-Za-z0-9_-]{20,64}                              # GitLab
      | xox[abeoprs]-[A-Za-z0-9-]{10,200}                       # Slack
      | AIza[A-Za-z0-9_-]{35}                                   # Google
      | ya29\.[A-Za-z0-9_-]{20,400}
      | hf_[A-Za-z0-9]{20,64}                                   # Hugging Face
      | npm_[A-Za-z0-9]{36}
      | pypi-[A-Za-z0-9_-]{16,400}
      | (?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,200}          # Stripe
      | gsk_[A-Za-z0-9]{20,100}                                 # Groq
    )
    (?![A-Za-z0-9])
    """,
    re.VERBOSE,
)
_JWT: Final = re.compile(
    r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,2000}\.[A-Za-z0-9_-]{2,4000}\.[A-Za-z0-9_-]{0,1000}"
)
_PEM_BEGIN: Final = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----")
_PEM_END: Final = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----")
_LOGIN: Final = re.compile(r"(?<=://)[^\s/:@'\"]{0,200}:[^\s/@'\"]{1,200}(?=@)")
#: Words may follow a scheme in prose: there, only what has a digit is taken for credentials.
_SCHEME: Final = re.compile(
    r"(?i)((?:authorization[\"']?[ ]{0,4}[:=][ ]{0,4}[\"']?(?:bearer|basic)"
    r"|\b(?:bearer|basic)(?=[ ]{1,4}[a-z+/=._~-]{0,4000}[0-9]))[ ]{1,4})"
    r"(?!\[redacted)[A-Za-z0-9+/=._~-]{8,4000}"
)

_TELLING: Final = (
    r"(?:pass(?:word|wd|phrase)|passwd|pwd|secret(?:[_-]?(?:access)?[_-]?key)?|api[_-]?key"
    r"|access[_-]?key|private[_-]?key|(?:access|auth|refresh|id|session|bearer|api)[_-]?token"
    r"|client[_-]?secret|token|credential|authorization)"
)
#: A telling name, what stands between it and its value, and the value.
_NAMED: Final = re.compile(
    rf"""(?ix)
    (?<![A-Za-z0-9])
    (?P<name>(?:[A-Za-z0-9]{{1,40}}[_-]){{0,4}}{_TELLING})
    (?P<between>["']?[ ]{{0,4}}(?:=|:|=>)[ ]{{0,4}})
    (?:
        (?P<quote>["'])(?P<quoted>[^"'\n]{{1,4000}})(?P=quote)
      | (?P<plain>[^\s"',;&)}}\]]{{1,4000}})
    )
    """
)
_WORDS: Final = ("none", "null", "true", "false", "undefined", "bearer", "basic", "str", "string")

_EMAIL: Final = re.compile(
    r"(?<![\w.%+-])[\w%+-](?:[\w.%+-]{0,63})@"
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}(?![\w-])"
)
#: Digits in groups, as cards are written: never part of a longer number or of a word.
_CARD: Final = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-]|\.\d)")


def keys(text: str) -> str:
    """
    Redact keys that say what they are.

    Keys of well-known services, JSON web tokens, private keys in PEM, logins in addresses, and what
    follows ``Bearer`` or ``Basic``.
    """
    text = _without_pem(text)
    text = _SCHEME.sub(r"\1[redacted key]", text)
    text = _LOGIN.sub("[redacted login]", text)
    text = _JWT.sub("[redacted key]", text)
    return _KEYS.sub("[redacted key]", text)


def _without_pem(text: str) -> str:
    """The text without private keys; one that has no end reaches to the end of the text."""
    parts: list[str] = []
    at = 0
    while begin := _PEM_BEGIN.search(text, at):
        parts += text[at : begin.start()], "[redacted private key]"
        end = _PEM_END.search(text, begin.end())
        at = len(text) if end is None else end.end()
    return "".join((*parts, text[at:])) if parts else text


def tokens(text: str) -> str:
    """Redact values beside a telling name, such as ``password=...`` or ``"api_key": "..."``."""
    return _NAMED.sub(_hide_value, text)


def _hide_value(found: re.Match[str]) -> str:
    quote = found["quote"] or ""
    value = found["quoted"] if quote else found["plain"]
    if value.lower() in _WORDS or value.startswith("[redacted"):
        return found[0]
    return f"{found['name']}{found['between']}{quote}[redacted secret]{quote}"


def emails(text: str) -> str:
    """Redact e-mail addresses."""
    return _EMAIL.sub("[redacted e-mail]", text)


def cards(text: str) -> str:
    """Redact numbers of payment cards: 13 to 19 digits, grouped or not, that pass Luhn's check."""
    return _CARD.sub(_hide_card, text)


def _hide_card(found: re.Match[str]) -> str:
    digits = [int(each) for each in found[0] if each.isdigit()]
    if not _LEAST_DIGITS <= len(digits) <= _MOST_DIGITS or len(set(digits)) == 1:
        return found[0]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    valid = (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
    return "[redacted card]" if valid else found[0]


def compose(*hooks: Callable[[str], str]) -> Callable[[str], str]:
    """
    One hook that applies several, in order.

    Args:
        hooks: Each takes what the one before it returned.
    """

    def composed(text: str) -> str:
        for hook in hooks:
            text = hook(text)
        return text

    return composed


def standard(text: str) -> str:
    """Redact keys, tokens, e-mail addresses and numbers of cards."""
    return cards(emails(tokens(keys(text))))
