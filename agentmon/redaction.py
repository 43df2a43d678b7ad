r"""
Ready-made redaction: hooks for ``configure(redact=...)``, from text to text.

::

    import agentmon
    from agentmon import redaction

    agentmon.configure(content=True, redact=redaction.compose(redaction.standard, my_own))

They find what has a shape or a name of its own, and leave alone what only could be a secret: a
commit's hash, an identifier and a number stay. None of them knows names or addresses of people.
The text may be JSON, also within JSON: escapes such as ``\n`` are no part of a word, and what was
valid JSON stays so.

Guarantees:
    - Time grows with the length of the text, whatever the text is.
    - What was redacted once stays as it is when redacted again.
    - Everything else is returned unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

__all__ = ["cards", "compose", "emails", "keys", "standard", "tokens"]

_REDACTED: Final = "[redacted"

# No pattern may take more than linear time. Each begins only where a run of its characters begins,
# or has a bounded length, or has nothing behind what repeats that could fail.

#: Before a word: nothing that belongs to it, or the escape of a line's end in JSON.
_FRONT: Final = r"(?:(?<![A-Za-z0-9_-])|(?<=\\[nrtbf]))"

#: How keys of services begin, and go on.
_FORMS: Final = {
    "sk-": "(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{16,}",  # OpenAI, Anthropic and many others
    "sk_live_": "[A-Za-z0-9]{10,}",  # Stripe
    "sk_test_": "[A-Za-z0-9]{10,}",
    "rk_live_": "[A-Za-z0-9]{10,}",
    "whsec_": "[A-Za-z0-9+/=]{16,}",
    "AKIA": "[A-Z0-9]{16}(?![A-Za-z0-9])",  # Amazon
    "ASIA": "[A-Z0-9]{16}(?![A-Za-z0-9])",
    "ghp_": "[A-Za-z0-9]{20,}",  # GitHub
    "gho_": "[A-Za-z0-9]{20,}",
    "ghu_": "[A-Za-z0-9]{20,}",
    "ghs_": "[A-Za-z0-9]{20,}",
    "ghr_": "[A-Za-z0-9]{20,}",
    "github_pat_": "[A-Za-z0-9_]{20,}",
    "glpat-": "[A-Za-z0-9_-]{20,}",  # GitLab
    "xox": "[a-z]-[A-Za-z0-9-]{10,}",  # Slack
    "xapp-": "[0-9]-[A-Za-z0-9-]{10,}",
    "AIza": "[A-Za-z0-9_-]{30,}",  # Google
    "ya29.": "[A-Za-z0-9_-]{20,}",
    "GOCSPX-": "[A-Za-z0-9_-]{20,}",
    "hf_": "[A-Za-z0-9]{20,}",  # Hugging Face
    "gsk_": "[A-Za-z0-9]{20,}",  # Groq
    "xai-": "[A-Za-z0-9_-]{30,}",
    "pplx-": "[A-Za-z0-9_-]{30,}",  # Perplexity
    "nvapi-": "[A-Za-z0-9_-]{30,}",
    "pk-lf-": "[A-Za-z0-9-]{16,}",  # Langfuse
    "r8_": "[A-Za-z0-9]{30,}",  # Replicate
    "npm_": "[A-Za-z0-9]{30,}",
    "pypi-": "[A-Za-z0-9_-]{50,}",
    "SG.": r"[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",  # SendGrid
    "dop_v1_": "[a-f0-9]{40,}",  # DigitalOcean
    # JSON web tokens: JSON, which they begin with, twice, and a signature unless cut off.
    "eyJ": r"[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?",
}
_KEYS: Final = re.compile(
    _FRONT + "(?:" + "|".join(re.escape(begin) + rest for begin, rest in _FORMS.items()) + ")"
)
#: A private key; one that has no end reaches to the end of the text.
_PEM: Final = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:[^-]|-(?!----))*(?:-----END [A-Z0-9 ]{0,60}-----)?"
)
#: Words may follow a scheme in prose: there, only what has a digit is taken for credentials.
_SCHEME: Final = re.compile(
    r"(?i:(authorization\\{0,7}[\"']?[ ]{0,4}[:=][ ]{0,4}\\{0,7}[\"']?"
    r"(?:bearer|basic|token)[ ]{1,4}"
    r"|(?:(?<![a-z0-9])|(?<=\\[nrt]))(?:bearer|basic)[ ]{1,4}(?=[a-z+/=._~-]{0,400}[0-9])))"
    r"[A-Za-z0-9+/=._~-]{8,}"
)
_SCHEMES: Final = ("bearer", "basic", "authorization")
#: User and password of an address, up to the last @ before its path.
_LOGIN: Final = re.compile(r"""(?<=://)[^\s/:@"'<>]{0,100}:[^\s/"'<>]{1,200}(?=@)""")

#: A name, perhaps in quotes, and what stands between it and its value: an annotation, too.
_NAMED: Final = re.compile(
    r"(?<![\w-])([\w-]+)(\\{0,7}[\"'])?\s{0,4}"
    r"(?::\s{0,4}\w{1,20}\s{0,4}=(?!=)|=>|:=|={1,3}|:)\s{0,4}"
)
_QUOTE: Final = re.compile(r"""[brufBRUF]{0,2}(\\{0,7})(["'])""")
_QUOTES: Final = {quote: re.compile(r"(?<!\\)(\\*)" + quote) for quote in "\"'"}
#: A value without quotes: to the end of the line in a header, else to what ends a word.
_LINE: Final = re.compile(r"""(?:[^\r\n"'\\]|\\(?![nr"'\\]))+""")
_WORD: Final = re.compile(r"""(?:[^\s"'&;,<>()\[\]{}\\]|\\(?![nrtbfu"'\\]))+""")
_NOTHING: Final = re.compile(
    r"(?:none|null|undefined|true|false|str|string|bytes|bearer|basic)\Z", re.IGNORECASE
)
_SECRET_NAMES: Final = re.compile(
    r"(?:pass(?:word|wd|phrase|code)|(?:^|[_-])(?:pass|pwd)|secret|credentials?"
    r"|(?:api|access|account|auth|client|encryption|master|private|secret|service|signing"
    r"|subscription)[_-]?key|(?:access|api|auth|bearer|id|refresh|session)[_-]?token)\Z",
    re.IGNORECASE,
)
#: Names of what may be a secret, and is one if it looks like it.
_TOKEN_NAMES: Final = re.compile(r"(?:token|jwt|csrf|xsrf|signature)\Z", re.IGNORECASE)
_RANDOM: Final = re.compile(r"(?=[^0-9]*[0-9])(?=[^A-Za-z]*[A-Za-z])[\w.~+/=%:-]{16,}\Z")
#: One of these is in each of the names.
_TELLING: Final = (
    *("pass", "pwd", "secret", "credential", "key", "token", "jwt", "csrf", "xsrf", "signature"),
    *("authorization", "cookie"),
)
_HEADERS: Final = re.compile(r"(?:authorization|(?:^|[n-])cookie)\Z", re.IGNORECASE)
_LONGEST_NAME: Final = 100

_EMAIL: Final = re.compile(
    r"(?:(?<![\w.%+\\-])|(?<=\\[nrtbf]))[\w%+-][\w.%+-]{0,63}@"
    r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}(?![\w-])"
)

#: Digits as cards have them: in a row, or in their usual groups.
_CARD: Final = re.compile(
    # What stands before comes after the first digit: so the search is for digits, which is fast.
    r"[2-6](?:(?<![A-Za-z0-9].)|(?<=\\[nrtbf].))(?<![0-9]\..)"
    r"(?:[0-9]{12,18}"
    r"|[0-9]{3}S[0-9]{4}S[0-9]{4}S[0-9]{4}(?:S[0-9]{3}(?![0-9]))?"
    r"|(?<=3)[0-9]{3}S[0-9]{6}S[0-9]{4,5})(?![A-Za-z0-9])".replace("S", "[ .\u00a0\u2010\u2011-]")
)
#: How the numbers of issuers begin, and how many digits they have.
_ISSUED: Final = re.compile(
    r"4[0-9]{12}(?:[0-9]{3}){0,2}"
    r"|(?:5[1-5][0-9]{2}|222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}"
    r"|35(?:2[89]|[3-8][0-9])[0-9]{12,15}|3[47][0-9]{13}|3(?:0[0-5]|[689][0-9])[0-9]{11}"
    r"|(?:50|5[6-8]|6[0-9])[0-9]{11,17}"
)


def keys(text: str) -> str:
    """
    Redact keys that say what they are.

    Keys of well-known services, JSON web tokens, private keys in PEM, logins in addresses, and what
    follows ``Bearer`` or ``Basic``.
    """
    if "-----BEGIN" in text:
        text = _PEM.sub("[redacted private key]", text)
    if _has_one(_SCHEMES, text.lower()):
        text = _SCHEME.sub(r"\1[redacted key]", text)
    if "://" in text:
        text = _LOGIN.sub("[redacted login]", text)
    return _KEYS.sub("[redacted key]", text) if _has_one(_FORMS, text) else text


def _has_one(pieces: Iterable[str], text: str) -> bool:
    """Whether any of the pieces is in a text: most have none, and this is faster than a pattern."""
    return any(piece in text for piece in pieces)


def tokens(text: str) -> str:
    """
    Redact values beside a telling name, such as ``password=...`` or ``"api_key": "..."``.

    What is only called a token must look random as well. Of cookies, the whole header goes.
    """
    if not _has_one(_TELLING, text.lower()):
        return text
    parts: list[str] = []
    done = at = 0
    while found := _NAMED.search(text, at):
        name = found[1][-_LONGEST_NAME:]
        at = found.end()
        header = bool(_HEADERS.search(name))
        surely = header or bool(_SECRET_NAMES.search(name))
        if not surely and not _TOKEN_NAMES.search(name):
            continue
        start, end = _value(text, at, _LINE if header else _WORD)
        value = text[start:end]
        if surely:
            secret = value != "" and _REDACTED not in value and not _NOTHING.match(value)
        else:
            secret = _RANDOM.match(value) is not None
        if secret:
            # A number of JSON becomes text.
            quote = found[2] if found[2] and start == at else ""
            parts += text[done:start], f"{quote}[redacted secret]{quote}"
            done = end
        at = max(at, end)  # what has been looked at is not looked at again
    return "".join((*parts, text[done:])) if parts else text


def _value(text: str, at: int, unquoted: re.Pattern[str]) -> tuple[int, int]:
    """From where to where a value reaches that begins at *at*."""
    opening = _QUOTE.match(text, at)
    if opening is None:
        found = unquoted.match(text, at)
        return (at, at) if found is None else found.span()
    start = opening.end()
    # In JSON within JSON a quote has a backslash before it, and one within has three; and so on.
    level = len(opening[1])
    for quote in _QUOTES[opening[2]].finditer(text, start):
        n = len(quote[1])
        if n < level or n % (2 * (level + 1)) == level:
            return start, quote.end() - 1 - min(n, level)
    return start, len(text)


def emails(text: str) -> str:
    """Redact e-mail addresses."""
    return _EMAIL.sub("[redacted e-mail]", text) if "@" in text else text


def cards(text: str) -> str:
    """Redact numbers of payment cards: of a known issuer, and with a right check digit."""
    parts: list[str] = []
    done = at = 0
    while found := _CARD.search(text, at):
        digits = "".join(each for each in found[0] if "0" <= each <= "9")
        at = found.start() + 1
        if _ISSUED.fullmatch(digits) and _luhn(digits):
            parts += text[done : found.start()], "[redacted card]"
            done = at = found.end()
    return "".join((*parts, text[done:])) if parts else text


def _luhn(digits: str) -> bool:
    """Whether the last digit is what the others say."""
    numbers = [int(each) for each in digits]
    doubled = (sum(divmod(2 * each, 10)) for each in numbers[-2::-2])
    return len(set(numbers)) > 1 and (sum(numbers[-1::-2]) + sum(doubled)) % 10 == 0


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
