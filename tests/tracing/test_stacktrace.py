"""Stack traces as text."""

from __future__ import annotations

import sys
import traceback

import pytest

import agentmon
from agentmon.tracing.stacktrace import stacktrace


def deep(n: int) -> None:
    """Fail so many frames down."""
    if n == 0:
        raise ValueError("deep down")
    deep(n - 1)


def failure(n: int = 0) -> BaseException:
    """What `deep` raises."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        deep(n)
    return caught.value


def without_marks(text: str) -> list[str]:
    """The lines of a stack trace, but for those that only point."""
    return [line for line in text.splitlines() if line.strip(" |^~")]


def test_text_is_the_interpreters_without_marks() -> None:
    """The text is what the traceback module makes, without the lines that point into lines."""
    error = failure()
    expected = "".join(traceback.format_exception(error))
    assert stacktrace(error).splitlines() == without_marks(expected)


def test_frames_of_agentmon_are_left_out() -> None:
    """Wrappers between the host's functions do not show."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        agentmon.tool("t")(deep)(1)
    text = stacktrace(caught.value)
    assert "wrap.py" in "".join(traceback.format_exception(caught.value))
    assert "wrap.py" not in text
    assert text.count(", in deep") == 2


def test_cause_and_context_are_told() -> None:
    """What an exception was raised from stands above it."""
    try:
        try:
            deep(0)
        except ValueError as error:
            raise LookupError("on top") from error
    except LookupError as error:
        text = stacktrace(error)
    assert text.index("ValueError: deep down") < text.index("direct cause")
    assert text.index("direct cause") < text.index("LookupError: on top")


def ping(n: int) -> None:
    """Fail so many frames down, no two neighbours of which are alike."""
    pong(n - 1) if n else deep(0)


def pong(n: int) -> None:
    """The other half of `ping`."""
    ping(n - 1)


def test_innermost_frames_are_kept() -> None:
    """Of a deep stack 50 frames are kept, those nearest to the error."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        ping(200)
    text = stacktrace(caught.value)
    assert text.count(", in p") + text.count(", in deep") == 50
    assert text.rstrip().endswith("ValueError: deep down")


def test_marks_are_left_out_of_causes_too() -> None:
    """No line that only points is left, in causes neither."""
    text = ""
    try:
        try:
            deep(1)
        except ValueError as error:
            raise LookupError(str(error) + "!") from error
    except LookupError as error:
        text = stacktrace(error)
    assert "deep down!" in text
    assert not [line for line in text.splitlines() if line and set(line) <= set(" ^~")]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="needs exception groups")
def test_group_is_told_with_its_members() -> None:
    """The members of an exception group are in the text."""
    group = ExceptionGroup("several", [failure(), LookupError("other")])  # noqa: F821
    text = stacktrace(group)
    assert "ValueError: deep down" in text
    assert "LookupError: other" in text
