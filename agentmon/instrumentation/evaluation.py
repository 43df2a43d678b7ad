"""
What somebody thinks of a call: scores of evaluators, thumbs of users.
"""

from __future__ import annotations

import math
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from agentmon.instrumentation.active import ACTIVE, OFF
from agentmon.instrumentation.call import Call, current
from agentmon.instrumentation.correlate import present_ids

if TYPE_CHECKING:
    from agentmon.instrumentation.span import OpenSpan

__all__ = ["score"]

EVENT: Final = "gen_ai.evaluation.result"
NAME: Final = "gen_ai.evaluation.name"
VALUE: Final = "gen_ai.evaluation.score.value"
LABEL: Final = "gen_ai.evaluation.score.label"
EXPLANATION: Final = "gen_ai.evaluation.explanation"
RESPONSE_ID: Final = "gen_ai.response.id"


def score(
    name: str,
    value: float | None = None,
    *,
    label: str | None = None,
    explanation: str | None = None,
    response_id: str | None = None,
    call: Call | None = None,
) -> None:
    """
    Say how good a call was: the event ``gen_ai.evaluation.result`` of the conventions.

    It goes out as a log record that belongs to the span of the call: to the collectors that
    agentmon exports spans to, or to the logger provider of OpenTelemetry that the host has set.
    Without either, nothing happens.

    Args:
        name: What was judged, such as ``relevance`` or ``helpful``.
        value: The score, in any unit; a finite number.
        label: The score in words, such as ``pass``.
        explanation: Why; content, and so kept only where ``configure(content=True)`` says so.
        response_id: Id of the model's response that was judged, where no span says which.
        call: The call that was judged, which may have ended; by default the current one.

    Raises:
        ValueError: If there is neither value nor label, or one of the arguments cannot be used.
    """
    described = _described(name, value, label, response_id)
    _check_text("explanation", explanation)
    if call is not None and not isinstance(call, Call):
        raise ValueError(f"call: got {call!r}, allowed a call or None")
    events = ACTIVE.events
    if ACTIVE.mode is OFF or events is None:
        return
    try:
        if explanation is not None and ACTIVE.content is not None:
            described[EXPLANATION] = ACTIVE.content.text(explanation)
        _emit(events, described, call if call is not None else current())
    except Exception:  # noqa: BLE001  # a logger provider of the host's, or its hook for redaction
        if ACTIVE.registry is not None:
            ACTIVE.registry.drop("log_error", 1)


def _described(
    name: str, value: float | None, label: str | None, response_id: str | None
) -> dict[str, Any]:
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"name: got {name!r}, allowed text that is not blank")
    if value is None and label is None:
        raise ValueError("value, label: got neither, allowed one of them or both")
    described: dict[str, Any] = {NAME: name}
    if value is not None:
        described[VALUE] = _finite(value)
    for key, what, text in ((LABEL, "label", label), (RESPONSE_ID, "response_id", response_id)):
        _check_text(what, text)
        if text is not None:
            described[key] = text
    return described


def _finite(value: object) -> float:
    number = math.nan
    if not isinstance(value, bool | str | bytes):
        with suppress(TypeError, ValueError, OverflowError):
            number = float(value)  # type: ignore[arg-type]  # numbers of numpy as well
    if not math.isfinite(number):
        raise ValueError(f"value: got {value!r}, allowed a finite number or None")
    return number


def _check_text(what: str, text: object) -> None:
    if text is not None and not isinstance(text, str):
        raise ValueError(f"{what}: got {text!r}, allowed text or None")


def _emit(events: Any, described: dict[str, Any], call: Call | None) -> None:
    from agentmon.instrumentation.failure_log import LIBRARY  # noqa: PLC0415  # loads OpenTelemetry's API
    from agentmon.tracing.log import LogRecord  # noqa: PLC0415  # likewise

    span: OpenSpan | None = None if call is None else call.span
    if span is None:
        trace_id, span_id, flags = present_ids()
    else:
        context = span.get_span_context()
        trace_id, span_id, flags = context.trace_id, context.span_id, int(context.trace_flags)
    # Events of the conventions have a name, and neither severity nor a text for people.
    events(
        LogRecord(EVENT, time.time_ns(), 0, "", "", described, trace_id, span_id, flags, LIBRARY)
    )
