r"""
Ready-made redaction: functions that take a text and return it without what should not be kept.

`standard` is what content and the messages of exceptions pass through by default. A function of your
own is as good, alone or together with these::

    def names(text: str) -> str:
        return text.replace("Ada Lovelace", "[redacted name]")

    agentmon.configure(content=True, redact=redaction.compose(redaction.standard, names))

What is found is told by its form, so some secrets are not found, and some text that is none is
taken for one. Each function looks at a text once, in time that grows with its length and no faster,
and changes nothing that it has made itself. JSON stays JSON, with its escapes such as ``\n``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

__all__ = ["cards", "compose", "emails", "keys", "standard", "tokens"]

_KEY: Final = "[redacted key]"
_TOKEN: Final = "[redacted token]"
_EMAIL: Final = "[redacted e-mail]"
_CARD: Final = "[redacted card]"
_REDACTED: Final = "[redacted"

# No pattern here may take more than linear time. Each begins only where a run of its characters
# begins, has a bounded length, or is followed by nothing that could fail.

#: Before a word: nothing that belongs to it, or the escape of a line's end in JSON.
_FRONT: Final = r"(?:(?<![A-Za-z0-9_-])|(?<=\\[nrtbf]))"

#: Keys that tell by their form what they are.
_KEYS: Final = re.compile(
    _FRONT
    + "(?:"
    + "|".join(
        (
            r"sk-(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{20,}",  # OpenAI, Anthropic and many others
            r"(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}",  # Stripe
            r"whsec_[A-Za-z0-9+/=]{16,}",
            r"(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])",  # Amazon
            r"gh[oprsu]_[A-Za-z0-9]{30,}",  # GitHub
            r"github_pat_[A-Za-z0-9_]{22,}",
            r"glpat-[A-Za-z0-9_-]{20,}",  # GitLab
            r"xox[a-z]-[A-Za-z0-9-]{10,}",  # Slack
            r"xapp-[0-9]-[A-Za-z0-9-]{10,}",
            r"AIza[A-Za-z0-9_-]{30,}",  # Google
            r"ya29\.[A-Za-z0-9_-]{20,}",
            r"GOCSPX-[A-Za-z0-9_-]{20,}",
            r"hf_[A-Za-z0-9]{30,}",  # Hugging Face
            r"gsk_[A-Za-z0-9]{30,}",  # Groq
            r"(?:xai|pplx|nvapi)-[A-Za-z0-9_-]{30,}",
            r"r8_[A-Za-z0-9]{30,}",  # Replicate
            r"npm_[A-Za-z0-9]{30,}",
            r"pypi-[A-Za-z0-9_-]{50,}",
            r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",  # SendGrid
            r"dop_v1_[a-f0-9]{40,}",  # DigitalOcean
            # JSON web tokens: of JSON, as its beginning tells, and signed.
            r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*",
        )
    )
    + ")"
)
#: A private key; one whose end is missing reaches to the end of the text.
_PEM: Final = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:[^-]|-(?!----))*(?:-----END [A-Z0-9 ]{0,60}-----)?"
)
_BEARER: Final = re.compile(
    r"(?i:(?<![a-z0-9])bearer) {1,4}(?=[A-Za-z._~+/-]{0,200}[0-9])([A-Za-z0-9._~+/-]{12,}=*)"
)
#: The password in a URL, up to the last @ before the path.
_IN_URL: Final = re.compile(r"""://[^\s/:@"'<>]{0,100}:(?!\[redacted)([^\s/"'<>]{1,200})@""")

#: A name, perhaps in quotes, and what stands between it and its value. An annotation may be there.
_NAMED: Final = re.compile(
    r"(?<![\w-])([\w-]+)(?:\\{0,7}[\"'])?\s{0,4}(?::\s{0,4}\w{1,20}\s{0,4}=|=>|:=|={1,3}|:)\s{0,4}"
)
_QUOTE: Final = re.compile(r"""[brufBRUF]{0,2}(\\{0,7})(["'])""")
_QUOTES: Final = {quote: re.compile(r"(\\*)" + quote) for quote in "\"'"}
_UNQUOTED: Final = re.compile(r"""(?:[^\s"'&;,<>\\]|\\(?![nrtbfu"'\\]))+""")
_LINE: Final = re.compile(r"""(?:[^\r\n"'\\]|\\(?![nr"'\\]))+""")
_NOTHING: Final = re.compile(r"(?:none|null|true|false|str|string|bytes)\Z", re.IGNORECASE)
_LOOKS_RANDOM: Final = re.compile(r"(?=[^0-9]*[0-9])(?=[^A-Za-z]*[A-Za-z])[\w.~+/=%:-]{16,}\Z")

_KEY_NAMES: Final = re.compile(
    r"(?:password|passwd|passphrase|passcode|(?:^|[_-])(?:pass|pwd)|secret|credentials?"
    r"|(?:api|access|account|auth|client|encryption|master|private|secret|service|signing"
    r"|subscription)[_-]?key)\Z",
    re.IGNORECASE,
)
_TOKEN_NAMES: Final = re.compile(r"(?:token|jwt|csrf|xsrf|signature)\Z", re.IGNORECASE)
#: Headers, whose value is all the rest of the line.
_KEY_HEADERS: Final = re.compile(r"(?:authorization|x-[a-z-]{0,20}key)\Z", re.IGNORECASE)
_TOKEN_HEADERS: Final = re.compile(r"(?:^|-)cookie\Z", re.IGNORECASE)
_LONGEST_NAME: Final = 100

_EMAIL_FORM: Final = re.compile(
    r"(?:(?<![\w.%+\\-])|(?<=\\[nrtbf]))[\w.%+-]{1,64}@"
    r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,10}[^\W\d_]{2,24}(?![\w-])"
)

_SEPARATOR: Final = "[ .\u00a0\u2010\u2011-]"
#: Digits as cards have them: in a row, or in their usual groups.
_CARD_FORM: Final = re.compile(
    r"(?:(?<![A-Za-z0-9])|(?<=\\[nrtbf]))(?<![0-9]\.)"
    r"(?:[2-6][0-9]{12,18}"
    r"|[2-6][0-9]{3}S[0-9]{4}S[0-9]{4}S[0-9]{4}(?:S[0-9]{3}(?![0-9]))?"
    r"|3[0-9]{3}S[0-9]{6}S[0-9]{4,5})(?![A-Za-z0-9])".replace("S", _SEPARATOR)
)
#: How cards of the issuers begin, and how many digits they have.
_ISSUED: Final = re.compile(
    r"4[0-9]{12}(?:[0-9]{3}){0,2}"
    r"|(?:5[1-5]|2(?:22[1-9]|2[3-9][0-9]|[3-6][0-9]{2}|7[01][0-9]|720)|3528|35[3-8][0-9])[0-9]{12,14}"
    r"|3[47][0-9]{13}|3(?:0[0-5]|[689][0-9])[0-9]{11}"
    r"|(?:5[0678]|6[0-9])[0-9]{11,17}"
)


def keys(text: str) -> str:
    """
    Take out API keys, private keys, passwords and credentials.

    Keys are known by the forms that well-known services give them; passwords by their names, as in
    ``password=...`` or ``"api_key": "..."``; besides those, what follows ``Authorization:`` and
    ``Bearer``, and the password of a URL.

    Args:
        text: Any text.
    """
    if "-----BEGIN" in text:
        text = _PEM.sub(_KEY, text)
    text = _KEYS.sub(_KEY, text)
    text = _without_values(text, _is_key, _KEY_HEADERS, _KEY)
    text = _within(_BEARER, text, _KEY)
    return _within(_IN_URL, text, _KEY) if "://" in text else text


def tokens(text: str) -> str:
    """
    Take out long values that look random, where a name says that they are tokens; and cookies.

    Args:
        text: Any text.
    """
    return _without_values(text, _is_token, _TOKEN_HEADERS, _TOKEN)


def emails(text: str) -> str:
    """
    Take out e-mail addresses.

    Args:
        text: Any text.
    """
    return _EMAIL_FORM.sub(_EMAIL, text) if "@" in text else text


def cards(text: str) -> str:
    """
    Take out numbers of payment cards: of a known issuer, with a right check digit.

    Args:
        text: Any text.
    """
    parts: list[str] = []
    done = at = 0
    while found := _CARD_FORM.search(text, at):
        digits = "".join(each for each in found[0] if "0" <= each <= "9")
        if _ISSUED.fullmatch(digits) and _luhn(digits):
            parts += (text[done : found.start()], _CARD)
            done = at = found.end()
        else:
            at = found.start() + 1
    return "".join(parts) + text[done:] if parts else text


def standard(text: str) -> str:
    """
    Take out all of these: keys, tokens, e-mail addresses and numbers of cards.

    Args:
        text: Any text.
    """
    return cards(emails(tokens(keys(text))))


def compose(*hooks: Callable[[str], str]) -> Callable[[str], str]:
    """
    Make one function of several.

    Args:
        hooks: Applied one after the other, the first one first.

    Returns:
        A function for ``configure(redact=...)``.
    """

    def composed(text: str) -> str:
        for hook in hooks:
            text = hook(text)
        return text

    return composed


def _within(pattern: re.Pattern[str], text: str, instead: str) -> str:
    """The text with something else for the first group of each match."""
    return pattern.sub(lambda m: m[0][: m.start(1) - m.start()] + instead + m[0][m.end(1) - m.start() :], text)


def _is_key(name: str, value: str) -> bool:
    return bool(_KEY_NAMES.search(name)) and not _NOTHING.match(value)


def _is_token(name: str, value: str) -> bool:
    return bool(_TOKEN_NAMES.search(name) and _LOOKS_RANDOM.match(value))


def _without_values(
    text: str, secret: Callable[[str, str], bool], headers: re.Pattern[str], instead: str
) -> str:
    """The text with something else for each value whose name says that it is secret."""
    parts: list[str] = []
    done = at = 0
    while found := _NAMED.search(text, at):
        name = found[1][-_LONGEST_NAME:]
        at = found.end()
        header = headers.search(name)
        start, end = _value(text, at, _LINE if header else _UNQUOTED)
        value = text[start:end]
        if not value or value.startswith(_REDACTED) or not (header or secret(name, value)):
            continue
        parts += (text[done:start], instead)
        done = at = end
    return "".join(parts) + text[done:] if parts else text


def _value(text: str, at: int, unquoted: re.Pattern[str]) -> tuple[int, int]:
    """From where to where a value reaches that begins at *at*."""
    opening = _QUOTE.match(text, at)
    if opening is None:
        if text[at : at + 1] in ("{", "["):  # a structure, whose parts have names of their own
            return at, at
        found = unquoted.match(text, at)
        return (at, at) if found is None else found.span()
    # In JSON within JSON a quote has a backslash before it, and one within has three; and so on.
    level = len(opening[1])
    for quote in _QUOTES[opening[2]].finditer(text, opening.end()):
        n = len(quote[1])
        if n < level or n % (2 * (level + 1)) == level:
            return opening.end(), max(opening.end(), quote.end() - 1 - min(n, level))
    return opening.end(), len(text)


def _luhn(digits: str) -> bool:
    """Whether the last digit is what the others say."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        n = int(digit) * (1 + place % 2)
        total += n - 9 if n > 9 else n  # noqa: PLR2004  # the sum of its digits
    return total % 10 == 0
