"""
What may be declared.
"""

from __future__ import annotations

from typing import Final

from agentmon.errors import DeclarationError

__all__ = ["LONGEST_NAME", "check_text"]

LONGEST_NAME: Final = 200


def check_text(declaring: str, what: str, value: object, *, empty: bool = True) -> None:
    """
    Refuse what is no name.

    Args:
        declaring: What is being declared.
        what: Which argument.
        value: What was given for it.
        empty: Whether it may be empty.

    Raises:
        DeclarationError: If it is no text, only blanks, too long, or not printable.
    """
    if not isinstance(value, str):
        raise DeclarationError(f"{declaring}: {what}: got {value!r}, allowed text")
    if (value or not empty) and not value.strip():
        raise DeclarationError(f"{declaring}: {what}: got {value!r}, allowed more than blanks")
    if len(value) > LONGEST_NAME or not value.isprintable():
        raise DeclarationError(
            f"{declaring}: {what}: got {value[:60]!r} of {len(value)} characters, allowed at most "
            f"{LONGEST_NAME} printable ones"
        )
